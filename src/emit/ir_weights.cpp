// Constants and decompression subgraphs in the form that NNCF writes and plugins fuse into their matrix products.
#include "emit/ir_weights.h"

#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "model/segment_rows.h"

namespace philo {
namespace {

IrType float_type(DType dtype) {
  switch (dtype) {
    case DType::F32: return IrType::F32;
    case DType::F16: return IrType::F16;
    case DType::BF16: return IrType::BF16;
    default: throw Error(ErrorCode::Failed, "a matrix of " + std::string(dtype_name(dtype)));
  }
}

IrType code_type(const CodeFormat& codes) {
  if (codes.bits == 4) return codes.symmetric ? IrType::I4 : IrType::U4;
  return codes.symmetric ? IrType::I8 : IrType::U8;
}

// The type that codes have where they lie as a graph can take them; signed ones with zero points are left to be read.
std::optional<IrType> type_in_file(const Segment& segment) {
  if (!segment.as_stored() || segment.coded == nullptr || segment.coded->rows != segment.rows) return {};
  const CodedMatrix& coded = *segment.coded;
  if (!coded.plain_codes().empty()) return coded.format.bits == 4 ? IrType::U4 : IrType::U8;
  if (coded.format.symmetric && coded.codes_kind == CodedMatrix::Codes::SignedBytes) return IrType::I8;
  if (coded.format.symmetric && coded.codes_kind == CodedMatrix::Codes::SignedNibbles) return IrType::I4;
  return {};
}

bool aligned(const Tensor& tensor) {
  return reinterpret_cast<uintptr_t>(tensor.bytes.data()) % dtype_bytes(tensor.dtype) == 0;
}

// What of a matrix a graph can take from where it lies.
void find_shared(IrMatrix& matrix) {
  const Segment& segment = matrix.segment;
  if (segment.coded == nullptr) {
    matrix.shares_numbers =
        segment.as_stored() && aligned(*segment.values) && segment.values->shape.front() == segment.rows;
    return;
  }
  matrix.shares_numbers = type_in_file(segment).has_value();
  if (!matrix.shares_numbers) return;
  const CodedMatrix& coded = *segment.coded;
  matrix.shares_scale = coded.scales.dtype != DType::BF16 && aligned(coded.scales);
  matrix.shares_zero_point = !coded.plain_zero_points().empty();
}

const char* type_name(IrType type) { return type == IrType::F16 ? "f16" : "f32"; }

// NNCF's names.
std::string mode_of(const CodeFormat& codes) {
  return std::string(codes.bits == 4 ? "int4" : "int8") + (codes.symmetric ? "_sym" : "_asym");
}

void check_columns(const Segment& segment, const CodeFormat& codes, int64_t columns) {
  const bool whole = codes.group_size <= 0 || columns % codes.group_size == 0;
  if (whole && (codes.bits == 8 || columns % 2 == 0)) return;
  throw Error(ErrorCode::Input, "tensor " + shown(segment.name()) + " has " + std::to_string(columns) + " columns, which " + format_description(codes) +
                                    " does not divide into whole groups and bytes; OpenVINO has no other form: use --keep to leave it in fp16");
}

}  // namespace

IrValue IrWeights::decompressed(IrValue value, IrType from) {
  if (from == IrType::F32) return value;
  const IrShape shape = graph_.output(value).shape;
  return graph_.add({"Convert", "opset1", {}, {{"destination_type", "f32"}}, {value}, {{IrType::F32, shape}}, true});
}

IrValue IrWeights::coded(IrMatrix& matrix, const CodeFormat& codes, int64_t columns) {
  const Segment& segment = matrix.segment;
  check_columns(segment, codes, columns);
  const std::string name = "self." + segment.name();
  if (variant_.shared) find_shared(matrix);
  const IrType stored = matrix.shares_numbers ? *type_in_file(segment) : code_type(codes),
               wide = scales_are_f16(segment) ? IrType::F16 : IrType::F32;
  const int64_t groups = groups_per_row(codes, columns);
  const bool grouped = codes.group_size > 0;
  const IrShape shape = grouped ? IrShape{segment.rows, groups, codes.group_size} : IrShape{segment.rows, columns};
  const IrShape scale_shape = grouped ? IrShape{segment.rows, groups, 1} : IrShape{segment.rows, 1};
  const auto widened = [&](IrValue value, const IrShape& of) {
    return graph_.add({"Convert", "opset1", {}, {{"destination_type", type_name(wide)}}, {value}, {{wide, of}}});
  };
  const auto combined = [&](const char* type, std::string called, IrValue a, IrValue b) {
    return graph_.add({type, "opset1", std::move(called), {{"auto_broadcast", "numpy"}}, {a, b}, {{wide, shape}}});
  };
  matrix.numbers = graph_.reserve(ir_bytes(stored, segment.rows * columns));
  IrValue value = widened(graph_.constant(name, stored, shape, matrix.numbers), shape);
  if (!codes.symmetric) {
    matrix.zero_point = graph_.reserve(ir_bytes(stored, segment.rows * groups));
    const IrValue zero_point = widened(graph_.constant(name + "/zero_point", stored, scale_shape, *matrix.zero_point), scale_shape);
    value = combined("Subtract", name + "/zero_point/subtract", value, zero_point);
  } else if (stored == IrType::U4 || stored == IrType::U8) {
    const IrShape one = grouped ? IrShape{1, 1, 1} : IrShape{1, 1};
    const auto middle = static_cast<std::byte>(implied_zero_point(codes.bits));
    value = combined("Subtract", name + "/zero_point/subtract", value,
                     widened(graph_.literal(stored, one, {&middle, 1}), one));
  }
  matrix.scale = graph_.reserve(ir_bytes(wide, segment.rows * groups));
  value = combined("Multiply", name + "/fq_weights_1", value, graph_.constant(name + "/scale", wide, scale_shape, *matrix.scale));
  if (grouped) {
    const IrShape flat = {segment.rows, columns};
    value = graph_.add({"Reshape", "opset1", {}, {{"special_zero", "false"}}, {value, graph_.integers({segment.rows, columns})}, {{wide, flat}}});
  }
  return decompressed(value, wide);
}

IrValue IrWeights::matrix(const Segment& segment) {
  const auto known = known_.find(segment.place());
  if (known != known_.end()) return known->second;
  IrMatrix matrix{.segment = segment, .numbers = 0, .scale = {}, .zero_point = {}};
  if (variant_.format_of) matrix.segment.format = variant_.format_of(segment);
  const int64_t columns = columns_of(segment);
  IrValue value;
  if (const auto* codes = std::get_if<CodeFormat>(&matrix.segment.format)) {
    value = coded(matrix, *codes, columns);
  } else {
    const IrType type = float_type(std::get<DType>(matrix.segment.format));
    matrix.numbers = graph_.reserve(ir_bytes(type, segment.rows * columns));
    if (variant_.shared) find_shared(matrix);
    value = decompressed(graph_.constant("self." + segment.name(), type, {segment.rows, columns}, matrix.numbers), type);
  }
  matrices_.push_back(std::move(matrix));
  return known_[segment.place()] = value;
}

IrValue IrWeights::norm(const Segment& segment) {
  IrMatrix matrix{.segment = segment, .numbers = 0, .scale = {}, .zero_point = {}};
  if (variant_.format_of) matrix.segment.format = variant_.format_of(segment);
  const int64_t columns = columns_of(segment);
  const bool narrow = variant_.format_of && matrix.segment.format == MatrixFormat(DType::F16);
  const IrType type = narrow ? IrType::F16 : IrType::F32;
  matrix.segment.format = narrow ? DType::F16 : DType::F32;
  matrix.numbers = graph_.reserve(ir_bytes(type, columns));
  const IrValue value = graph_.constant("self." + segment.name(), type, {1, 1, columns}, matrix.numbers);
  matrices_.push_back(std::move(matrix));
  return decompressed(value, type);
}

std::vector<IrInfo> IrWeights::info(double ratio) const {
  const CodeFormat* primary = nullptr;  // 4 bits where there are any
  const CodeFormat* backup = nullptr;
  bool floats = false;
  for (const IrMatrix& matrix : matrices_) {
    const auto* codes = std::get_if<CodeFormat>(&matrix.segment.format);
    if (codes == nullptr) {
      floats = floats || matrix.segment.rows > 1;
    } else if (codes->bits == 4) {
      primary = codes;
    } else {
      backup = codes;
    }
  }
  IrInfo options{"runtime_options", "", {{"ACTIVATIONS_SCALE_FACTOR", "8.0"}}};
  std::vector<IrInfo> all;
  if (primary == nullptr && backup == nullptr) {
    options.entries.push_back({"KV_CACHE_PRECISION", "f16"});
  } else {
    const CodeFormat& main = primary != nullptr ? *primary : *backup;
    const std::string backup_mode = backup != nullptr ? mode_of(*backup) : floats ? "none" : mode_of(main);
    all.push_back({"nncf", "", {{"weight_compression", "", {{"mode", mode_of(main)},
                                                           {"group_size", std::to_string(main.group_size)},
                                                           {"ratio", OrderedJson(primary != nullptr ? ratio : 1.0).dump()},
                                                           {"backup_mode", backup_mode},
                                                           {"all_layers", "False"},
                                                           {"sensitivity_metric", "weight_quantization_error"},
                                                           {"awq", "False"},
                                                           {"gptq", "False"},
                                                           {"scale_estimation", "False"},
                                                           {"lora_correction", "False"}}}}});
  }
  all.push_back(std::move(options));
  return all;
}

uint64_t matrix_bytes(const IrMatrix& matrix) {
  const int64_t rows = matrix.segment.rows, columns = columns_of(matrix.segment);
  const auto* codes = std::get_if<CodeFormat>(&matrix.segment.format);
  if (codes == nullptr) return ir_bytes(float_type(std::get<DType>(matrix.segment.format)), rows * columns);
  const int64_t scales = rows * groups_per_row(*codes, columns);
  const IrType code = code_type(*codes), scale = scales_are_f16(matrix.segment) ? IrType::F16 : IrType::F32;
  return ir_bytes(code, rows * columns) + ir_bytes(scale, scales) + (codes->symmetric ? 0 : ir_bytes(code, scales));
}

std::vector<IrShared> shared_constants(const IrMatrix& matrix) {
  std::vector<IrShared> out;
  const CodedMatrix* const coded = matrix.segment.coded;
  const std::span<const std::byte> plain = coded == nullptr ? matrix.segment.values->bytes : coded->plain_codes();
  if (matrix.shares_numbers) out.push_back({matrix.numbers, plain.empty() ? coded->codes.bytes : plain});
  if (matrix.shares_scale) out.push_back({*matrix.scale, coded->scales.bytes});
  if (matrix.shares_zero_point) out.push_back({*matrix.zero_point, coded->plain_zero_points()});
  return out;
}

void to_openvino_codes(const CodeFormat& format, std::span<std::byte> codes) {
  if (!format.symmetric) return;
  const std::byte signs{static_cast<unsigned char>(format.bits == 4 ? 0x88 : 0x80)};
  for (std::byte& code : codes) code ^= signs;
}

namespace {

void fill_scales(const IrMatrix& matrix, std::span<const float> scales, size_t first, std::span<std::byte> weights) {
  const bool narrow = scales_are_f16(matrix.segment);
  for (size_t group = 0; group < scales.size(); ++group) {
    if (narrow) {
      const uint16_t bits = f32_to_f16(scales[group]);
      std::memcpy(weights.data() + *matrix.scale + 2 * (first + group), &bits, sizeof bits);
    } else {
      std::memcpy(weights.data() + *matrix.scale + 4 * (first + group), &scales[group], sizeof(float));
    }
  }
}

void fill_zero_points(const IrMatrix& matrix, std::span<const uint8_t> zero_points, bool nibbles, size_t first,
                      std::span<std::byte> weights) {
  for (size_t group = 0; group < zero_points.size(); ++group) {
    const size_t index = first + group;
    if (!nibbles) {
      weights[*matrix.zero_point + index] = static_cast<std::byte>(zero_points[group]);
      continue;
    }
    std::byte& pair = weights[*matrix.zero_point + index / 2];
    const auto nibble = static_cast<std::byte>(zero_points[group]);
    pair = index % 2 == 0 ? nibble : pair | nibble << 4;
  }
}

void fill_codes(const IrMatrix& matrix, const CodeFormat& format, int64_t columns, int64_t first, int64_t last,
                std::span<std::byte> weights) {
  const bool zero_points = matrix.zero_point && !matrix.shares_zero_point;
  if (matrix.shares_numbers && matrix.shares_scale && !zero_points) return;
  RowReader reader(matrix.segment);
  const size_t bytes = ir_bytes(code_type(format), columns);
  const auto groups = static_cast<size_t>(groups_per_row(format, columns));
  for (int64_t row = first; row < last; ++row) {
    const CodedRow& coded = reader.read_codes(row);
    const auto at = static_cast<size_t>(row);
    if (!matrix.shares_numbers) {
      const std::span<std::byte> codes = weights.subspan(matrix.numbers + at * bytes, bytes);
      std::memcpy(codes.data(), coded.codes.data(), bytes);
      to_openvino_codes(format, codes);
    }
    if (!matrix.shares_scale) fill_scales(matrix, coded.scales, at * groups, weights);
    if (zero_points) fill_zero_points(matrix, coded.zero_points, format.bits == 4, at * groups, weights);
  }
}

}  // namespace

void fill_rows(const IrMatrix& matrix, int64_t first, int64_t last, std::span<std::byte> weights) {
  const int64_t columns = columns_of(matrix.segment);
  if (const auto* format = std::get_if<CodeFormat>(&matrix.segment.format)) {
    fill_codes(matrix, *format, columns, first, last, weights);
    return;
  }
  if (matrix.shares_numbers) return;
  RowReader reader(matrix.segment);
  const size_t bytes = static_cast<size_t>(columns) * dtype_bytes(std::get<DType>(matrix.segment.format));
  for (int64_t row = first; row < last; ++row) reader.read_numbers(row, weights.subspan(matrix.numbers + static_cast<size_t>(row) * bytes, bytes));
}

void fill_literals(const OpenvinoIr& ir, std::span<std::byte> weights) {
  std::memcpy(weights.data() + ir.literals_offset, ir.literals.data(), ir.literals.size());
}

}  // namespace philo
