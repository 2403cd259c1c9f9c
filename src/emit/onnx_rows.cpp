// Codes, scales and zero points of a row in the form of the operator that takes them.
#include "emit/onnx_rows.h"

#include <algorithm>
#include <cstring>

#include "model/segment_rows.h"

namespace philo {
namespace {

uint8_t code_at(const CodeFormat& format, std::span<const uint8_t> codes, size_t column) {
  if (format.bits == 8) return codes[column];
  return column % 2 == 0 ? codes[column / 2] & 0x0F : codes[column / 2] >> 4;
}

}  // namespace

const CodeFormat* codes_of(const OnnxMatrix& matrix) { return std::get_if<CodeFormat>(&matrix.segment.format); }

int64_t blocks_of(const OnnxMatrix& matrix) { return (columns_of(matrix.segment) + matrix.block - 1) / matrix.block; }

size_t element_bytes(const OnnxMatrix& matrix) {
  const auto* dtype = std::get_if<DType>(&matrix.segment.format);
  return dtype == nullptr ? 1 : dtype_bytes(*dtype);
}

size_t row_bytes(const OnnxMatrix& matrix) {
  if (matrix.layout != OnnxLayout::Blocks) return static_cast<size_t>(columns_of(matrix.segment)) * element_bytes(matrix);
  return static_cast<size_t>(blocks_of(matrix) * matrix.block * codes_of(matrix)->bits / 8);
}

size_t scales_per_row(const OnnxMatrix& matrix) {
  return static_cast<size_t>(matrix.layout == OnnxLayout::Blocks ? blocks_of(matrix) : groups_per_row(*codes_of(matrix), columns_of(matrix.segment)));
}

size_t zero_point_row_bytes(const OnnxMatrix& matrix) {
  const size_t count = scales_per_row(matrix);
  return matrix.layout == OnnxLayout::Blocks && codes_of(matrix)->bits == 4 ? (count + 1) / 2 : count;
}

uint64_t matrix_bytes(const OnnxMatrix& matrix) {
  size_t bytes = row_bytes(matrix);
  if (matrix.scale) bytes += scales_per_row(matrix) * scale_bytes(matrix);
  if (matrix.zero_point) bytes += zero_point_row_bytes(matrix);
  return bytes * static_cast<uint64_t>(matrix.rows);
}

void lay_codes(const OnnxMatrix& matrix, std::span<const uint8_t> codes, std::span<std::byte> out) {
  if (matrix.layout == OnnxLayout::Blocks) {
    const size_t bytes = std::min(codes.size(), out.size());
    std::memcpy(out.data(), codes.data(), bytes);
    std::fill(out.begin() + static_cast<ptrdiff_t>(bytes), out.end(), std::byte{0});
    return;
  }
  for (size_t column = 0; column < out.size(); ++column) out[column] = static_cast<std::byte>(code_at(*codes_of(matrix), codes, column));
}

void lay_scales(const OnnxMatrix& matrix, std::span<const float> scales, std::span<std::byte> out) {
  const size_t count = scales_per_row(matrix);
  const CodeFormat& codes = *codes_of(matrix);
  const size_t times = matrix.layout != OnnxLayout::Blocks ? 1 : codes.group_size > 0 ? static_cast<size_t>(codes.group_size / matrix.block) : count;
  for (size_t i = 0; i < count; ++i) {
    const float scale = scales[i / times];
    const uint16_t bits = f32_to_f16(scale);
    if (matrix.wide_scales) std::memcpy(out.data() + i * sizeof scale, &scale, sizeof scale);
    else std::memcpy(out.data() + i * sizeof bits, &bits, sizeof bits);
  }
}

void lay_zero_points(const OnnxMatrix& matrix, std::span<const uint8_t> zero_points, std::span<std::byte> out) {
  const size_t count = scales_per_row(matrix);
  const CodeFormat& codes = *codes_of(matrix);
  const bool blocks = matrix.layout == OnnxLayout::Blocks;
  const size_t times = !blocks ? 1 : codes.group_size > 0 ? static_cast<size_t>(codes.group_size / matrix.block) : count;
  std::fill(out.begin(), out.end(), std::byte{0});
  for (size_t i = 0; i < count; ++i) {
    const auto value = static_cast<std::byte>(zero_points[i / times]);
    if (blocks && codes.bits == 4) out[i / 2] |= i % 2 == 0 ? value : value << 4;
    else out[i] = value;
  }
}

void lay_columns(const OnnxMatrix& matrix, int64_t first, std::span<const std::byte> rows, size_t bytes_of_row, size_t element_bytes, std::byte* out) {
  transpose(rows, bytes_of_row / element_bytes, element_bytes, out + static_cast<size_t>(first) * element_bytes, static_cast<size_t>(matrix.rows) * element_bytes);
}

namespace {

// Rows that are turned at a time: a cache line of columns is written at once.
constexpr int64_t turned_rows = 64;

// Numbers, scales or zero points of some rows, to their place.
class Placer {
 public:
  Placer(const OnnxMatrix& matrix, uint64_t offset, size_t row_bytes, size_t element_bytes, std::span<std::byte> data)
      : matrix_(matrix), begin_(data.data() + offset), row_bytes_(row_bytes), element_bytes_(element_bytes) {
    if (matrix.layout == OnnxLayout::Columns) rows_.resize(row_bytes * turned_rows);
  }
  // Where the caller writes row `row`.
  std::span<std::byte> row(int64_t row) {
    if (matrix_.layout != OnnxLayout::Columns) return {begin_ + static_cast<size_t>(row) * row_bytes_, row_bytes_};
    if (count_ == turned_rows) flush();
    if (count_ == 0) first_ = row;
    return std::span(rows_).subspan(static_cast<size_t>(count_++) * row_bytes_, row_bytes_);
  }
  void flush() {
    if (count_ > 0) lay_columns(matrix_, first_, std::span(rows_).first(static_cast<size_t>(count_) * row_bytes_), row_bytes_, element_bytes_, begin_);
    count_ = 0;
  }

 private:
  const OnnxMatrix& matrix_;
  std::byte* begin_;
  size_t row_bytes_, element_bytes_;
  std::vector<std::byte> rows_;
  int64_t first_ = 0, count_ = 0;
};

}  // namespace

std::span<const std::byte> stored_numbers(const OnnxMatrix& matrix) {
  const Segment& segment = matrix.segment;
  if (!segment.as_stored() || matrix.layout == OnnxLayout::Columns) return {};
  const size_t bytes = row_bytes(matrix), first = static_cast<size_t>(matrix.first_row) * bytes, all = static_cast<size_t>(matrix.rows) * bytes;
  if (segment.coded == nullptr) {
    const std::span<const std::byte> numbers = segment.values->bytes.subspan(first, all);
    return reinterpret_cast<uintptr_t>(numbers.data()) % element_bytes(matrix) == 0 ? numbers : std::span<const std::byte>();
  }
  if (matrix.layout != OnnxLayout::Blocks || segment.coded->columns % matrix.block != 0) return {};
  const std::span<const std::byte> plain = segment.coded->plain_codes();
  return plain.empty() ? plain : plain.subspan(first, all);
}

void fill_rows(const OnnxMatrix& matrix, int64_t first, int64_t last, std::span<std::byte> data, bool with_numbers) {
  RowReader reader(matrix.segment);
  Placer numbers(matrix, matrix.numbers, row_bytes(matrix), element_bytes(matrix), data);
  if (codes_of(matrix) == nullptr) {
    for (int64_t row = first; row < last && with_numbers; ++row) reader.read_numbers(matrix.first_row + row, numbers.row(row));
    numbers.flush();
    return;
  }
  Placer scales(matrix, *matrix.scale, scales_per_row(matrix) * scale_bytes(matrix), scale_bytes(matrix), data);
  Placer zero_points(matrix, matrix.zero_point.value_or(0), zero_point_row_bytes(matrix), 1, data);
  for (int64_t row = first; row < last; ++row) {
    const CodedRow& coded = reader.read_codes(matrix.first_row + row);
    if (with_numbers) lay_codes(matrix, coded.codes, numbers.row(row));
    lay_scales(matrix, coded.scales, scales.row(row));
    if (matrix.zero_point) lay_zero_points(matrix, coded.zero_points, zero_points.row(row));
  }
  numbers.flush();
  scales.flush();
  if (matrix.zero_point) zero_points.flush();
}

}  // namespace philo
