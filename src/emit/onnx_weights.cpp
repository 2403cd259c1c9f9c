// Chooses for each format the operator that takes it as it is.
#include "emit/onnx_weights.h"

#include <algorithm>

#include "base/error.h"
#include "emit/onnx_rows.h"
#include "model/segment_rows.h"

namespace philo {
namespace {

using onnx::DataType;

// Blocks that MatMulNBits takes on every provider.
constexpr int64_t least_block = 16, most_block = 256;
// Where one scale serves a row, blocks may be of any size: activations are quantized by them.
constexpr int64_t row_block = 128;

DataType float_type(DType dtype) {
  switch (dtype) {
    case DType::F32: return DataType::Float;
    case DType::F16: return DataType::Float16;
    case DType::BF16: return DataType::Bfloat16;
    default: throw Error(ErrorCode::Failed, "a matrix of " + std::string(dtype_name(dtype)));
  }
}

int64_t power_of_two_in(int64_t number) { return number & -number; }

// 0 where no block divides the group.
int64_t block_of(const CodeFormat& codes, int64_t columns) {
  if (codes.group_size > 0) {
    const int64_t block = std::min(power_of_two_in(codes.group_size), most_block);
    return block >= least_block ? block : 0;
  }
  const int64_t dividing = std::min(power_of_two_in(columns), row_block);
  return dividing >= least_block ? dividing : row_block;
}

}  // namespace

OnnxWeights::OnnxWeights(OnnxGraphWriter& graph, const OnnxVariant& variant)
    : graph_(graph), variant_(variant), float_(variant.half ? DataType::Float16 : DataType::Float) {}

Segment OnnxWeights::written(const Segment& segment) const {
  Segment out = segment;
  if (variant_.format_of) out.format = variant_.format_of(segment);
  return out;
}

const OnnxMatrix& OnnxWeights::matrix(const Segment& written, int64_t first_row, int64_t rows, OnnxLayout layout) {
  const auto [known, is_new] = known_.try_emplace({written.place(), first_row, layout}, matrices_.size());
  if (!is_new) return matrices_[known->second];
  OnnxMatrix matrix{written, first_row, rows, layout};
  if (const CodeFormat* codes = codes_of(matrix)) {
    if (layout == OnnxLayout::Blocks) matrix.block = block_of(*codes, columns_of(written));
    matrix.wide_scales = !variant_.half || !scales_are_f16(written);
  }
  const auto count = static_cast<size_t>(rows);
  matrix.numbers = graph_.reserve(row_bytes(matrix) * count);
  if (const CodeFormat* codes = codes_of(matrix)) {
    matrix.scale = graph_.reserve(scales_per_row(matrix) * scale_bytes(matrix) * count);
    // Other operators than MatMulNBits know no implied zero point for unsigned codes.
    if (!codes->symmetric || layout != OnnxLayout::Blocks) matrix.zero_point = graph_.reserve(zero_point_row_bytes(matrix) * count);
  }
  matrices_.push_back(std::move(matrix));
  return matrices_.back();
}

std::string OnnxWeights::cast(const std::string& name, const std::string& value, DataType from, DataType to) {
  if (from == to) return value;
  return graph_.add({"Cast", onnx_domain, name, {value}, {{"to", static_cast<int64_t>(to)}}});
}

std::string OnnxWeights::block_product(const std::string& node, const std::string& name, const OnnxMatrix& matrix, const std::string& x,
                                       const std::string& output) {
  const CodeFormat& codes = *codes_of(matrix);
  const int64_t columns = columns_of(matrix.segment), blocks = blocks_of(matrix);
  const std::string bits = codes.bits == 4 ? "4" : "8";
  std::vector<std::string> inputs = {
      x, graph_.constant(name + ".weight_Q" + bits, DataType::Uint8, {matrix.rows, blocks, matrix.block * codes.bits / 8}, matrix.numbers),
      graph_.constant(name + ".weight_scales", matrix.wide_scales ? DataType::Float : DataType::Float16, {matrix.rows, blocks}, *matrix.scale)};
  if (matrix.zero_point) {
    const auto bytes = static_cast<int64_t>(zero_point_row_bytes(matrix));
    inputs.push_back(graph_.constant(name + ".weight_zero_points", DataType::Uint8, {matrix.rows, bytes}, *matrix.zero_point));
  }
  OnnxOperator made{"MatMulNBits", microsoft_domain, node + "_Q" + bits, std::move(inputs), {{"K", columns}, {"N", matrix.rows}}};
  if (variant_.accuracy != 0) made.attributes.emplace_back("accuracy_level", static_cast<int64_t>(variant_.accuracy));
  made.attributes.emplace_back("bits", static_cast<int64_t>(codes.bits));
  made.attributes.emplace_back("block_size", matrix.block);
  made.outputs = {output};
  return graph_.add(std::move(made));
}

// (columns, rows) of the scales' float.
std::string OnnxWeights::decoded_columns(const std::string& node, const std::string& name, const OnnxMatrix& matrix) {
  const CodeFormat& codes = *codes_of(matrix);
  const int64_t columns = columns_of(matrix.segment), groups = groups_per_row(codes, columns);
  const std::vector<int64_t> shape = groups == 1 ? std::vector<int64_t>{matrix.rows} : std::vector<int64_t>{groups, matrix.rows};
  std::vector<std::string> inputs = {graph_.constant(name + ".weight_quantized", DataType::Uint8, {columns, matrix.rows}, matrix.numbers),
                                     graph_.constant(name + ".weight_scales", matrix.wide_scales ? DataType::Float : DataType::Float16, shape, *matrix.scale)};
  inputs.push_back(graph_.constant(name + ".weight_zero_points", DataType::Uint8, shape, *matrix.zero_point));
  OnnxOperator made{"DequantizeLinear", onnx_domain, node + "/DequantizeLinear", std::move(inputs), {{"axis", int64_t{groups == 1 ? 1 : 0}}}};
  if (groups > 1) made.attributes.emplace_back("block_size", codes.group_size);
  return graph_.add(std::move(made));
}

// (columns, rows) as stored.
std::string OnnxWeights::float_columns(const std::string& node, const std::string& name, const Segment& segment, int64_t first_row, int64_t rows) {
  const auto table = tables_.find(segment.place());
  if (table != tables_.end()) return graph_.add({"Transpose", onnx_domain, node + "/Transpose", {table->second}});
  const OnnxMatrix& held = matrix(segment, first_row, rows, OnnxLayout::Columns);
  return graph_.constant(name + ".weight", float_type(std::get<DType>(segment.format)), {columns_of(segment), rows}, held.numbers);
}

std::string OnnxWeights::product(const std::string& node, const Segment& segment, int64_t first_row, int64_t rows, std::string x,
                                 const std::string& output) {
  // "/model/layers.0/attn/qkv_proj/MatMul" holds "model.layers.0.attn.qkv_proj.MatMul.weight".
  std::string name = node.substr(1);
  std::replace(name.begin(), name.end(), '/', '.');
  const Segment stored = written(segment);
  const auto* codes = std::get_if<CodeFormat>(&stored.format);
  const std::string named = output.empty() ? node + "/output_0" : output;
  const bool blocks = codes != nullptr && block_of(*codes, columns_of(stored)) != 0 && !(codes->bits == 8 && variant_.target == OnnxTarget::Dml);

  // What is not in the graph's float is computed in float32.
  const bool narrow = codes != nullptr ? scales_are_f16(stored) : stored.format == MatrixFormat(DType::F16);
  const DataType inner = variant_.half && narrow ? DataType::Float16 : DataType::Float;
  const std::string out = inner == float_ ? named : node + "/float32";
  x = cast(node + "/Cast_input", x, float_, inner);
  if (blocks) {
    block_product(node, name, matrix(stored, first_row, rows, OnnxLayout::Blocks), x, out);
  } else {
    std::string weight;
    if (codes != nullptr) {
      weight = decoded_columns(node, name, matrix(stored, first_row, rows, OnnxLayout::Columns));
    } else {
      weight = cast(node + "/Cast_weight", float_columns(node, name, stored, first_row, rows), float_type(std::get<DType>(stored.format)), inner);
    }
    graph_.add({"MatMul", onnx_domain, node, {x, weight}, {}, {out}});
  }
  if (inner != float_) graph_.add({"Cast", onnx_domain, node + "/Cast_output", {out}, {{"to", static_cast<int64_t>(float_)}}, {named}});
  return named;
}

std::string OnnxWeights::gathered_blocks(const std::string& node, const std::string& name, const OnnxMatrix& matrix, const std::string& indices) {
  const CodeFormat& codes = *codes_of(matrix);
  const int64_t columns = columns_of(matrix.segment);
  std::vector<std::string> inputs = {
      graph_.constant(name + ".weight_Q" + std::to_string(codes.bits), DataType::Uint8, {matrix.rows, columns * codes.bits / 8}, matrix.numbers), indices,
      graph_.constant(name + ".weight_scales", matrix.wide_scales ? DataType::Float : DataType::Float16, {matrix.rows, blocks_of(matrix)}, *matrix.scale)};
  if (matrix.zero_point) {
    const auto bytes = static_cast<int64_t>(zero_point_row_bytes(matrix));
    inputs.push_back(graph_.constant(name + ".weight_zero_points", DataType::Uint8, {matrix.rows, bytes}, *matrix.zero_point));
  }
  return graph_.add({"GatherBlockQuantized", microsoft_domain, node + "/GatherBlockQuantized", std::move(inputs),
                     {{"bits", static_cast<int64_t>(codes.bits)}, {"block_size", matrix.block}, {"gather_axis", int64_t{0}}, {"quantize_axis", int64_t{1}}}});
}

// Rows of codes, each decoded by its own scales: plain operators, for what GatherBlockQuantized does not take.
std::string OnnxWeights::decoded_rows(const std::string& node, const std::string& name, const OnnxMatrix& matrix, const std::string& indices) {
  const CodeFormat& codes = *codes_of(matrix);
  const int64_t columns = columns_of(matrix.segment), groups = groups_per_row(codes, columns);
  const DataType wide = matrix.wide_scales ? DataType::Float : DataType::Float16;
  std::string group_of_column;
  if (groups > 1) {
    const std::string column = graph_.add({"Range", onnx_domain, node + "/Range", {graph_.integer(0), graph_.integer(columns), graph_.integer(1)}});
    group_of_column = graph_.add({"Div", onnx_domain, node + "/Div", {column, graph_.integer(codes.group_size)}});
  }
  const auto gathered = [&](const std::string& part, const std::string& table) {
    return graph_.add({"Gather", onnx_domain, node + "/Gather_" + part, {table, indices}});
  };
  const auto spread = [&](const std::string& part, std::string value) {
    if (groups == 1) return value;
    return graph_.add({"Gather", onnx_domain, node + "/Spread_" + part, {value, group_of_column}, {{"axis", int64_t{-1}}}});
  };
  const std::string code = gathered("codes", graph_.constant(name + ".weight_quantized", DataType::Uint8, {matrix.rows, columns}, matrix.numbers));
  const std::string scale = gathered("scales", graph_.constant(name + ".weight_scales", wide, {matrix.rows, groups}, *matrix.scale));
  const std::string zero = gathered("zero_points", graph_.constant(name + ".weight_zero_points", DataType::Uint8, {matrix.rows, groups}, *matrix.zero_point));
  const std::string numbers = cast(node + "/Cast_codes", code, DataType::Uint8, wide);
  const std::string zeros = spread("zero_points", cast(node + "/Cast_zero_points", zero, DataType::Uint8, wide));
  const std::string difference = graph_.add({"Sub", onnx_domain, node + "/Sub", {numbers, zeros}});
  return graph_.add({"Mul", onnx_domain, node + "/Mul", {difference, spread("scales", scale)}});
}

std::string OnnxWeights::rows_of(const std::string& node, const Segment& segment, const std::string& indices) {
  std::string name = node.substr(1);
  std::replace(name.begin(), name.end(), '/', '.');
  const Segment stored = written(segment);
  const int64_t columns = columns_of(stored);
  DataType found = DataType::Float;
  std::string value;
  if (const auto* codes = std::get_if<CodeFormat>(&stored.format)) {
    const int64_t block = block_of(*codes, columns);
    const bool blocks = block != 0 && columns % block == 0 && !(codes->bits == 8 && variant_.target == OnnxTarget::Dml);
    const OnnxMatrix& held = matrix(stored, 0, stored.rows, blocks ? OnnxLayout::Blocks : OnnxLayout::Rows);
    found = held.wide_scales ? DataType::Float : DataType::Float16;
    value = blocks ? gathered_blocks(node, name, held, indices) : decoded_rows(node, name, held, indices);
  } else {
    found = float_type(std::get<DType>(stored.format));
    const OnnxMatrix& held = matrix(stored, 0, stored.rows, OnnxLayout::Rows);
    const std::string table = graph_.constant(name + ".weight", found, {stored.rows, columns}, held.numbers);
    tables_[stored.place()] = table;
    value = graph_.add({"Gather", onnx_domain, node + "/Gather", {table, indices}});
  }
  return cast(node + "/Cast", value, found, float_);
}

std::string OnnxWeights::norm(const std::string& name, const Segment& segment) {
  Segment stored = segment;
  const bool narrow = variant_.half || (variant_.format_of && variant_.format_of(segment) == MatrixFormat(DType::F16));
  stored.format = narrow ? DType::F16 : DType::F32;
  const OnnxMatrix& held = matrix(stored, 0, 1, OnnxLayout::Rows);
  const DataType found = narrow ? DataType::Float16 : DataType::Float;
  return cast("/" + name + "/Cast", graph_.constant(name, found, {columns_of(segment)}, held.numbers), found, float_);
}

}  // namespace philo
