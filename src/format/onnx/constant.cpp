// Takes over codes, scales and zero points as they are stored.
#include "format/onnx/constant.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace philo {
namespace {

constexpr int most_passed = 16;  // conversions in a row
constexpr int64_t most_size = int64_t{1} << 24;  // rows or columns

bool is_operation(const OnnxFileNode* node, std::string_view type) { return node != nullptr && node->type == type; }

// The constant's view as a tensor of another shape.
Tensor viewed(const OnnxConstant& constant, DType dtype, std::vector<int64_t> shape) { return {constant.name, dtype, std::move(shape), constant.bytes, constant.file}; }

// (rows, columns) becomes (columns, rows).
std::vector<std::byte> turned(std::span<const std::byte> from, size_t element_bytes, size_t rows, size_t columns) {
  std::vector<std::byte> out(from.size());
  transpose(from, columns, element_bytes, out.data(), rows * element_bytes);
  return out;
}

uint8_t nibble(std::span<const std::byte> bytes, size_t index) { return static_cast<uint8_t>(std::to_integer<uint8_t>(bytes[index / 2]) >> (index % 2 * 4) & 15); }

bool is_nibble(onnx::DataType type) { return type == onnx::DataType::Uint4 || type == onnx::DataType::Int4; }
bool is_signed(onnx::DataType type) { return type == onnx::DataType::Int4 || type == onnx::DataType::Int8; }

}  // namespace

std::optional<DType> onnx_float_type(onnx::DataType type) {
  if (type == onnx::DataType::Float) return DType::F32;
  if (type == onnx::DataType::Float16) return DType::F16;
  if (type == onnx::DataType::Bfloat16) return DType::BF16;
  return {};
}

int behind_casts(const OnnxFileGraph& graph, int value) {
  for (int passed = 0; passed < most_passed; ++passed) {
    const OnnxFileNode* node = graph.node_of(value);
    if (node == nullptr || (node->type != "Cast" && node->type != "Identity") || node->input(0) < 0) return value;
    value = node->input(0);
  }
  throw graph.wrong_value(value, "follows on too many conversions");
}

std::optional<std::vector<double>> onnx_numbers(const OnnxFileGraph& graph, int value, size_t most) {
  const OnnxConstant* constant = graph.constant_of(behind_casts(graph, value));
  if (constant == nullptr || static_cast<uint64_t>(constant->elements()) > most) return {};
  std::vector<double> out(static_cast<size_t>(constant->elements()));
  if (const std::optional<DType> dtype = onnx_float_type(constant->type)) {
    const Tensor tensor = viewed(*constant, *dtype, constant->shape);
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(element(tensor, i));
    return out;
  }
  const auto read = [&]<class Integer>(Integer) {
    for (size_t i = 0; i < out.size(); ++i) {
      Integer number;
      std::memcpy(&number, constant->bytes.data() + i * sizeof number, sizeof number);
      out[i] = static_cast<double>(number);
    }
    return out;
  };
  if (constant->type == onnx::DataType::Int64) return read(int64_t{});
  if (constant->type == onnx::DataType::Int32) return read(int32_t{});
  return {};
}

// The constants that one matrix of codes is made of.
class OnnxCodes {
 public:
  OnnxCodes(OnnxMatrices& matrices, const OnnxFileNode& node, std::string name) : matrices_(matrices), graph_(matrices.graph_), node_(node) {
    matrix_.name = std::move(name);
    matrix_.zero_points_kind = CodedMatrix::ZeroPoints::None;
  }

  // MatMulNBits: codes (rows, groups, bytes of a group), rows and groups padded; without zero points the middle is meant.
  CodedMatrix of_product() {
    if (onnx_integer(graph_, node_, "weight_prepacked", 0) != 0)
      throw graph_.wrong(node_, "holds weights that are packed for one kind of CUDA device; export the model without matmulnbits_weights_prepacked");
    if (graph_.constant_of(node_.input(5)) != nullptr || node_.input(5) >= 0) throw graph_.wrong(node_, "adds a bias; the dense Phi-3 family has none");
    const OnnxConstant& codes = constant(1, "the codes");
    matrix_.rows = size(onnx_integer(graph_, node_, "N", 0), "N");
    matrix_.columns = size(onnx_integer(graph_, node_, "K", 0), "K");
    read_format(onnx_integer(graph_, node_, "bits", 4));
    const int64_t blocks = groups_, row_bytes = blocks * block_ * matrix_.format.bits / 8;
    if (codes.type != onnx::DataType::Uint8 || static_cast<int64_t>(codes.bytes.size()) != matrix_.rows * row_bytes)
      throw wrong_constant(codes, "expected UINT8 of the shape " + shape_text(std::array{matrix_.rows, blocks, row_bytes / blocks}));
    take_padded_codes(codes, row_bytes);
    check_order(blocks);
    const OnnxConstant* zero_points = optional_constant(3, "zero points");
    matrix_.format.symmetric = zero_points == nullptr;
    take_scales(constant(2, "the scales"));
    if (zero_points != nullptr) take_padded_zero_points(*zero_points);
    return std::move(matrix_);
  }

  // GatherBlockQuantized: nibbles without padding, or bytes; without zero points 0 is meant for UINT4 and INT4, the middle for UINT8.
  CodedMatrix of_lookup(const OnnxConstant& codes) {
    if (onnx_integer(graph_, node_, "gather_axis", 0) != 0 || (onnx_integer(graph_, node_, "quantize_axis", 1) != 1 && onnx_integer(graph_, node_, "quantize_axis", 1) != -1))
      throw graph_.wrong(node_, "looks up or quantizes along another axis than an embedding has");
    if (codes.shape.size() < 2 || (!is_nibble(codes.type) && codes.type != onnx::DataType::Uint8)) throw wrong_constant(codes, "expected UINT4, INT4 or UINT8 of the shape (tokens, width)");
    const int64_t bits = is_nibble(codes.type) ? 4 : onnx_integer(graph_, node_, "bits", 4);
    matrix_.rows = size(codes.shape[0], "the number of tokens");
    const bool padded = codes.type == onnx::DataType::Uint8;
    const OnnxConstant& scales = constant(2, "the scales");
    const int64_t row_elements = padded ? static_cast<int64_t>(codes.bytes.size()) / matrix_.rows * 8 / std::max<int64_t>(bits, 1) : codes.shape[1];
    matrix_.columns = size(row_elements, "the width");
    if (codes.shape.size() != 2 && !padded) throw wrong_constant(codes, "expected the shape (tokens, width)");
    read_format(bits);
    const OnnxConstant* zero_points = optional_constant(3, "zero points");
    if (padded) take_padded_codes(codes, static_cast<int64_t>(codes.bytes.size()) / matrix_.rows);
    else take_nibbles(codes);
    matrix_.format.symmetric = zero_points == nullptr && codes.type != onnx::DataType::Uint4;
    take_scales(scales);
    if (zero_points != nullptr && padded) take_padded_zero_points(*zero_points);
    else if (zero_points != nullptr) take_zero_point_nibbles(*zero_points, codes.type);
    else if (!matrix_.format.symmetric) make_zero_points(std::vector<std::byte>(static_cast<size_t>(matrix_.rows * groups_)));
    return std::move(matrix_);
  }

  // (codes - zero points) * scales of looked-up rows, where philo found no operation that does it at once: codes of one byte each.
  CodedMatrix of_spelled_lookup() {
    const auto wrong = [&] { return graph_.wrong(node_, "stands where the embedding is expected, and is no product of looked-up codes and scales"); };
    const OnnxFileNode* difference = graph_.node_of(behind_casts(graph_, node_.input(0)));
    if (!is_operation(difference, "Sub")) throw wrong();
    int64_t group = 0;
    const auto table = [&](int value) -> const OnnxConstant& {
      const OnnxFileNode* lookup = graph_.node_of(behind_casts(graph_, value));
      if (is_operation(lookup, "Gather") && onnx_integer(graph_, *lookup, "axis", 0) == -1) {  // from groups to their columns
        const OnnxFileNode* division = graph_.node_of(behind_casts(graph_, lookup->input(1)));
        const auto size = is_operation(division, "Div") ? onnx_numbers(graph_, division->input(1), 1) : std::nullopt;
        if (!size || size->size() != 1 || !((*size)[0] >= 1 && (*size)[0] <= static_cast<double>(most_size))) throw wrong();
        group = static_cast<int64_t>((*size)[0]);
        lookup = graph_.node_of(behind_casts(graph_, lookup->input(0)));
      }
      const OnnxConstant* found = is_operation(lookup, "Gather") ? graph_.constant_of(lookup->input(0)) : nullptr;
      if (found == nullptr || found->shape.size() != 2) throw wrong();
      return *found;
    };
    const OnnxConstant &codes = table(difference->input(0)), &zero_points = table(difference->input(1)), &scales = table(node_.input(1));
    if (codes.type != onnx::DataType::Uint8 || zero_points.type != onnx::DataType::Uint8) throw wrong_constant(codes, "expected UINT8 of the shape (tokens, width)");
    matrix_.rows = size(codes.shape[0], "the number of tokens");
    matrix_.columns = size(codes.shape[1], "the width");
    set_format(8, group == 0 ? matrix_.columns : group);
    matrix_.codes_kind = CodedMatrix::Codes::Bytes;
    matrix_.codes = viewed(codes, DType::U8, codes.shape);
    take_scales(scales);
    if (zero_points.elements() != matrix_.rows * groups_) throw wrong_constant(zero_points, "expected a zero point for each of " + std::to_string(matrix_.rows * groups_) + " groups");
    matrix_.zero_points_kind = CodedMatrix::ZeroPoints::Bytes;
    matrix_.zero_points = viewed(zero_points, DType::U8, {matrix_.rows, groups_});
    return std::move(matrix_);
  }

  // DequantizeLinear before MatMul: (inputs, outputs) along the columns, or `turned` (outputs, inputs). Without zero points 0 is meant.
  CodedMatrix of_dequantize(bool turned_before) {
    const OnnxConstant& codes = constant(0, "the codes");
    if (codes.shape.size() != 2 || (!is_nibble(codes.type) && codes.type != onnx::DataType::Uint8 && codes.type != onnx::DataType::Int8))
      throw wrong_constant(codes, "expected UINT4, INT4, UINT8 or INT8 of the shape (inputs, outputs)");
    const bool turn = !turned_before;
    const int inputs = turn ? 0 : 1;  // the dimension
    matrix_.columns = size(codes.shape[static_cast<size_t>(inputs)], "the number of columns");
    matrix_.rows = size(codes.shape[static_cast<size_t>(1 - inputs)], "the number of rows");
    const int64_t block = onnx_integer(graph_, node_, "block_size", 0), given = onnx_integer(graph_, node_, "axis", 1), axis = given < 0 ? given + 2 : given;
    if (axis != (block != 0 ? inputs : 1 - inputs)) throw graph_.wrong(node_, "has scales along another axis than a matrix product's weights");
    set_format(is_nibble(codes.type) ? 4 : 8, block == 0 ? matrix_.columns : block);
    const OnnxConstant* zero_points = optional_constant(2, "zero points");
    if (zero_points != nullptr && zero_points->type != codes.type) throw wrong_constant(*zero_points, "expected the codes' type, " + onnx_type_name(codes.type));
    matrix_.format.symmetric = zero_points == nullptr && is_signed(codes.type);
    take_unsigned(codes, turn);
    const OnnxConstant& scales = constant(1, "the scales");
    take_scales(scales);
    if (block != 0 && scales.shape != (turn ? std::vector{groups_, matrix_.rows} : std::vector{matrix_.rows, groups_}))
      throw wrong_constant(scales, "expected the shape " + shape_text(turn ? std::array{groups_, matrix_.rows} : std::array{matrix_.rows, groups_}));
    if (turn && groups_ > 1)
      matrix_.scales = matrices_.made(scales.name, matrix_.scales.dtype, {matrix_.rows, groups_}, turned(scales.bytes, dtype_bytes(matrix_.scales.dtype), static_cast<size_t>(groups_), static_cast<size_t>(matrix_.rows)));
    if (matrix_.format.symmetric) return std::move(matrix_);
    const auto parts = static_cast<size_t>(matrix_.rows * groups_);
    std::vector<std::byte> bytes(parts);
    if (zero_points != nullptr) {
      if (static_cast<size_t>(zero_points->elements()) != parts) throw wrong_constant(*zero_points, "expected a zero point for each of " + std::to_string(parts) + " groups");
      bytes = unsigned_elements(*zero_points);
      if (turn) bytes = turned(bytes, 1, static_cast<size_t>(groups_), static_cast<size_t>(matrix_.rows));
    }
    make_zero_points(std::move(bytes));
    return std::move(matrix_);
  }

 private:
  Error wrong_constant(const OnnxConstant& found, const std::string& what) const {
    return graph_.wrong(node_, "reads " + shown(found.name) + ", " + onnx_type_name(found.type) + " of the shape " + shape_text(found.shape) + "; " + what);
  }

  int64_t size(int64_t value, const char* what) const {
    if (value < 1 || value > most_size) throw graph_.wrong(node_, std::string(what) + " is " + std::to_string(value) + ", expected 1 to " + std::to_string(most_size));
    return value;
  }

  const OnnxConstant* optional_constant(size_t place, const char* what) const {
    if (node_.input(place) < 0) return nullptr;
    const OnnxConstant* found = graph_.constant_of(behind_casts(graph_, node_.input(place)));
    if (found == nullptr) throw graph_.wrong(node_, std::string("computes ") + what + "; expected a constant");
    return found;
  }
  const OnnxConstant& constant(size_t place, const char* what) const {
    const OnnxConstant* found = optional_constant(place, what);
    if (found == nullptr) throw graph_.wrong(node_, std::string("has no input for ") + what);
    return *found;
  }

  void read_format(int64_t bits) {
    if (bits != 4 && bits != 8) throw graph_.wrong(node_, "holds weights of " + std::to_string(bits) + " bits; philo computes with 4 and 8: export the model with -p int4 or int8");
    const int64_t block = onnx_integer(graph_, node_, "block_size", bits == 4 && node_.type == "GatherBlockQuantized" ? 128 : 0);
    if (block < 16 || block > most_size || (block & (block - 1)) != 0) throw graph_.wrong(node_, "has the block_size " + std::to_string(block) + ", expected a power of two from 16");
    set_format(static_cast<int>(bits), block);
  }
  void set_format(int bits, int64_t block) {
    if (block < 1 || block > most_size) throw graph_.wrong(node_, "has the block_size " + std::to_string(block));
    block_ = block;
    groups_ = (matrix_.columns + block - 1) / block;
    matrix_.format = {bits, groups_ == 1 ? -1 : block, false};
  }

  void take_padded_codes(const OnnxConstant& codes, int64_t row_bytes) {
    matrix_.codes_kind = matrix_.format.bits == 4 ? CodedMatrix::Codes::PaddedNibbles : CodedMatrix::Codes::PaddedBytes;
    matrix_.codes = viewed(codes, DType::U8, {matrix_.rows, row_bytes});
  }
  void take_nibbles(const OnnxConstant& codes) {
    matrix_.codes_kind = is_signed(codes.type) ? CodedMatrix::Codes::SignedNibbles : CodedMatrix::Codes::Nibbles;
    matrix_.codes = viewed(codes, DType::U8, {static_cast<int64_t>(codes.bytes.size())});
  }

  // One byte for each element; of signed types the middle is added, so that the codes are unsigned.
  std::vector<std::byte> unsigned_elements(const OnnxConstant& constant) const {
    const uint8_t flip = !is_signed(constant.type) ? 0 : is_nibble(constant.type) ? 8 : 0x80;
    std::vector<std::byte> out(static_cast<size_t>(constant.elements()));
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<std::byte>((is_nibble(constant.type) ? nibble(constant.bytes, i) : std::to_integer<uint8_t>(constant.bytes[i])) ^ flip);
    return out;
  }

  void take_unsigned(const OnnxConstant& codes, bool turn) {
    const auto rows = static_cast<size_t>(matrix_.rows), columns = static_cast<size_t>(matrix_.columns);
    std::vector<std::byte> bytes = unsigned_elements(codes);
    if (turn) bytes = turned(bytes, 1, columns, rows);
    if (matrix_.format.bits == 8) {
      matrix_.codes_kind = CodedMatrix::Codes::Bytes;
      matrix_.codes = matrices_.made(codes.name, DType::U8, {matrix_.rows, matrix_.columns}, std::move(bytes));
      return;
    }
    for (size_t i = 0; i < bytes.size(); i += 2) bytes[i / 2] = bytes[i] | (i + 1 < bytes.size() ? bytes[i + 1] << 4 : std::byte{0});
    bytes.resize((bytes.size() + 1) / 2);
    bytes.shrink_to_fit();
    const auto count = static_cast<int64_t>(bytes.size());
    matrix_.codes_kind = CodedMatrix::Codes::Nibbles;
    matrix_.codes = matrices_.made(codes.name, DType::U8, {count}, std::move(bytes));
  }

  void take_scales(const OnnxConstant& scales) {
    const std::optional<DType> dtype = onnx_float_type(scales.type);
    if (!dtype || scales.elements() != matrix_.rows * groups_)
      throw wrong_constant(scales, "expected FLOAT, FLOAT16 or BFLOAT16 with a scale for each of " + std::to_string(matrix_.rows * groups_) + " groups");
    matrix_.scales = viewed(scales, *dtype, {matrix_.rows, groups_});
  }

  // Codes with each row in bytes of its own, or numbers of the scales' type.
  void take_padded_zero_points(const OnnxConstant& zero_points) {
    const int64_t row_bytes = matrix_.format.bits == 4 ? (groups_ + 1) / 2 : groups_, parts = matrix_.rows * groups_;
    if (zero_points.type == onnx::DataType::Uint8 && static_cast<int64_t>(zero_points.bytes.size()) == matrix_.rows * row_bytes) {
      matrix_.zero_points_kind = matrix_.format.bits == 4 ? CodedMatrix::ZeroPoints::PaddedNibbles : CodedMatrix::ZeroPoints::Bytes;
      matrix_.zero_points = viewed(zero_points, DType::U8, {matrix_.rows, row_bytes});
      return;
    }
    const std::optional<DType> dtype = onnx_float_type(zero_points.type);
    if (!dtype || zero_points.elements() != parts)
      throw wrong_constant(zero_points, "expected UINT8 of the shape " + shape_text(std::array{matrix_.rows, row_bytes}) + " or one number for each of " + std::to_string(parts) + " groups");
    const Tensor numbers = viewed(zero_points, *dtype, zero_points.shape);
    std::vector<std::byte> bytes(static_cast<size_t>(parts));
    for (size_t i = 0; i < bytes.size(); ++i) {
      const float value = element(numbers, i);
      if (!(value >= 0 && value < static_cast<float>(1 << matrix_.format.bits) && value == std::floor(value)))
        throw wrong_constant(zero_points, "holds the zero point " + std::to_string(value) + "; philo computes with whole ones in the range of the codes");
      bytes[i] = static_cast<std::byte>(static_cast<uint8_t>(value));
    }
    make_zero_points(std::move(bytes));
  }

  void take_zero_point_nibbles(const OnnxConstant& zero_points, onnx::DataType type) {
    if (zero_points.type != type || zero_points.elements() != matrix_.rows * groups_)
      throw wrong_constant(zero_points, "expected " + onnx_type_name(type) + " with a zero point for each of " + std::to_string(matrix_.rows * groups_) + " groups");
    matrix_.zero_points_kind = is_signed(type) ? CodedMatrix::ZeroPoints::SignedNibbles : CodedMatrix::ZeroPoints::Nibbles;
    matrix_.zero_points = viewed(zero_points, DType::U8, {static_cast<int64_t>(zero_points.bytes.size())});
  }

  void make_zero_points(std::vector<std::byte> bytes) {
    matrix_.zero_points_kind = CodedMatrix::ZeroPoints::Bytes;
    matrix_.zero_points = matrices_.made(matrix_.name + "/zero_points", DType::U8, {matrix_.rows, groups_}, std::move(bytes));
  }

  // GPTQ's order of columns: only the one that changes nothing.
  void check_order(int64_t blocks) const {
    const int value = node_.input(4);
    if (value < 0) return;
    const auto order = onnx_numbers(graph_, value, static_cast<size_t>(blocks * block_));
    const auto in_order = [&] {
      for (size_t i = 0; i < order->size(); ++i)
        if ((*order)[i] != static_cast<double>(static_cast<int64_t>(i) / block_)) return false;
      return true;
    };
    if (!order || static_cast<int64_t>(order->size()) < matrix_.columns || !in_order())
      throw graph_.wrong(node_, "orders its columns (g_idx, GPTQ's act-order), which this version does not read; export a checkpoint without desc_act");
  }

  OnnxMatrices& matrices_;
  const OnnxFileGraph& graph_;
  const OnnxFileNode& node_;
  CodedMatrix matrix_{};
  int64_t block_ = 0, groups_ = 0;
};

bool OnnxMatrices::is_product(const OnnxFileNode* node) { return is_operation(node, "MatMul") || is_operation(node, "MatMulNBits"); }

Tensor OnnxMatrices::made(const std::string& name, DType dtype, std::vector<int64_t> shape, std::vector<std::byte> bytes) {
  made_bytes_ += bytes.size();
  if (made_bytes_ / 4 > graph_.file_bytes) throw input_error(graph_.file, "uses the same bytes for many weights, which no exporter writes: the file is damaged");
  auto kept = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  owned_.push_back(kept);
  return {name, dtype, std::move(shape), *kept, nullptr};
}

// A float matrix behind Cast and Transpose, or codes behind DequantizeLinear.
OnnxFileMatrix OnnxMatrices::plain(int value, bool turned_before, const std::string& name) {
  value = behind_casts(graph_, value);
  const OnnxFileNode* node = graph_.node_of(value);
  if (is_operation(node, "Transpose")) {
    const auto order = node->attributes.find("perm");
    if (order != node->attributes.end() && order->second.integers != std::vector<int64_t>{1, 0}) throw graph_.wrong(*node, "turns a weight in more than two dimensions");
    if (turned_before) throw graph_.wrong(*node, "turns the weight " + shown(name) + " to where it is not expected");
    return plain(node->input(0), true, name);
  }
  if (is_operation(node, "DequantizeLinear")) return OnnxCodes(*this, *node, name).of_dequantize(turned_before);
  const OnnxConstant* constant = graph_.constant_of(value);
  if (constant == nullptr) throw graph_.wrong_value(value, "stands where the weight " + shown(name) + " is expected: a constant, or one that is dequantized");
  const std::optional<DType> dtype = onnx_float_type(constant->type);
  if (!dtype || constant->shape.size() != 2 || constant->shape[0] < 1 || constant->shape[1] < 1)
    throw graph_.wrong_value(value, "is " + onnx_type_name(constant->type) + " of the shape " + shape_text(constant->shape) + "; expected FLOAT, FLOAT16 or BFLOAT16 of two dimensions");
  if (turned_before) {
    Tensor tensor = viewed(*constant, *dtype, constant->shape);
    tensor.name = name;
    return tensor;
  }
  Tensor tensor = made(name, *dtype, {constant->shape[1], constant->shape[0]},
                       turned(constant->bytes, dtype_bytes(*dtype), static_cast<size_t>(constant->shape[0]), static_cast<size_t>(constant->shape[1])));
  if (constant->file != nullptr) constant->file->release(constant->bytes);
  return tensor;
}

OnnxFileMatrix OnnxMatrices::of_product(const OnnxFileNode& product, const std::string& name) {
  if (product.type == "MatMulNBits") return OnnxCodes(*this, product, name).of_product();
  return plain(product.input(1), false, name);
}

OnnxFileMatrix OnnxMatrices::of_embedding(const OnnxFileNode& lookup, const std::string& name) {
  if (lookup.type == "Mul") return OnnxCodes(*this, lookup, name).of_spelled_lookup();
  if (lookup.type == "Gather") {
    if (onnx_integer(graph_, lookup, "axis", 0) != 0) throw graph_.wrong(lookup, "looks up along another axis than an embedding has");
    const int table = behind_casts(graph_, lookup.input(0));
    // Turned once more, so that the two come out even: a table of (width, tokens) is the head's own matrix.
    if (const OnnxFileNode* node = graph_.node_of(table); is_operation(node, "Transpose")) return plain(node->input(0), false, name);
    return plain(table, true, name);
  }
  int table = behind_casts(graph_, lookup.input(0));
  if (const OnnxFileNode* node = graph_.node_of(table); is_operation(node, "Reshape")) table = behind_casts(graph_, node->input(0));
  const OnnxConstant* codes = graph_.constant_of(table);
  if (codes == nullptr) throw graph_.wrong(lookup, "looks up in no constant");
  return OnnxCodes(*this, lookup, name).of_lookup(*codes);
}

const std::byte* OnnxMatrices::place(const OnnxFileNode& node) const {
  int value = node.input(is_product(&node) ? 1 : 0);
  for (int passed = 0; passed < most_passed; ++passed) {
    const OnnxFileNode* before = graph_.node_of(value);
    if (before == nullptr || before->inputs.empty()) break;
    value = before->input(0);
  }
  const OnnxConstant* constant = graph_.constant_of(value);
  return constant == nullptr ? nullptr : constant->bytes.data();
}

}  // namespace philo
