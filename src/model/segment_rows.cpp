// Widens, decodes and quantizes rows.
#include "model/segment_rows.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace philo {
namespace {

const CodeFormat& code_format(const Segment& segment) {
  static constexpr CodeFormat none{8, -1, true};
  const auto* const format = std::get_if<CodeFormat>(&segment.format);
  return format == nullptr ? none : *format;
}

void round_to(DType dtype, std::span<float> values) {
  if (dtype == DType::F16)
    for (float& value : values) value = f16_to_f32(f32_to_f16(value));
  if (dtype == DType::BF16)
    for (float& value : values) value = bf16_to_f32(f32_to_bf16(value));
}

}  // namespace

int64_t columns_of(const Segment& segment) { return segment.coded != nullptr ? segment.coded->columns : segment.values->shape.back(); }

bool scales_are_f16(const Segment& segment) {
  return !segment.as_stored() || segment.coded == nullptr || segment.coded->scales.dtype == DType::F16;
}

void read_stored_row(const Segment& segment, int64_t row, std::span<float> out) {
  if (segment.coded != nullptr) {
    segment.coded->read_row(row, out);
    return;
  }
  const Tensor& tensor = *segment.values;
  const std::byte* const from = tensor.bytes.data() + static_cast<size_t>(row) * out.size() * dtype_bytes(tensor.dtype);
  if (tensor.dtype == DType::F32) {
    std::memcpy(out.data(), from, out.size_bytes());
    return;
  }
  constexpr size_t piece = 1024;
  uint16_t bits[piece];  // the file's bytes may lie at any address
  for (size_t done = 0; done < out.size(); done += piece) {
    const size_t count = std::min(piece, out.size() - done);
    std::memcpy(bits, from + 2 * done, 2 * count);
    if (tensor.dtype == DType::F16)
      for (size_t i = 0; i < count; ++i) out[done + i] = f16_to_f32(bits[i]);
    else
      for (size_t i = 0; i < count; ++i) out[done + i] = std::bit_cast<float>(static_cast<uint32_t>(bits[i]) << 16);
  }
}

CodedRow::CodedRow(const CodeFormat& format, int64_t columns)
    : codes(code_row_bytes(format.bits, columns)),
      scales(static_cast<size_t>(groups_per_row(format, columns))),
      zero_points(scales.size(), static_cast<uint8_t>(implied_zero_point(format.bits))) {}

RowReader::RowReader(const Segment& segment)
    : segment_(segment), columns_(columns_of(segment)), coded_(code_format(segment), columns_), values_(static_cast<size_t>(columns_)), scales_(coded_.scales.size()) {}

const CodedRow& RowReader::read_codes(int64_t row) {
  if (segment_.as_stored()) {
    segment_.coded->read_codes(row, coded_.codes);
    segment_.coded->read_scales(row, coded_.scales);
    segment_.coded->read_zero_points(row, coded_.zero_points);
    return coded_;
  }
  read_stored_row(segment_, row, values_);
  quantize_row(values_, code_format(segment_), coded_.codes, scales_, coded_.zero_points);
  std::transform(scales_.begin(), scales_.end(), coded_.scales.begin(), f16_to_f32);
  return coded_;
}

void RowReader::read_values(int64_t row, std::span<float> out) {
  if (const auto* dtype = std::get_if<DType>(&segment_.format)) {
    read_stored_row(segment_, row, out);
    if (!segment_.as_stored()) round_to(*dtype, out);
    return;
  }
  const CodedRow& coded = read_codes(row);
  decode_row(code_format(segment_), coded.codes, coded.scales, coded.zero_points, out);
}

void RowReader::read_numbers(int64_t row, std::span<std::byte> out) {
  const DType dtype = std::get<DType>(segment_.format);
  if (segment_.as_stored()) {
    std::memcpy(out.data(), segment_.values->bytes.data() + static_cast<size_t>(row) * out.size(), out.size());
    return;
  }
  read_stored_row(segment_, row, values_);
  if (dtype == DType::F32) {
    std::memcpy(out.data(), values_.data(), out.size());
    return;
  }
  for (size_t i = 0; i < values_.size(); ++i) {
    const uint16_t bits = dtype == DType::F16 ? f32_to_f16(values_[i]) : f32_to_bf16(values_[i]);
    std::memcpy(out.data() + 2 * i, &bits, sizeof bits);
  }
}

}  // namespace philo
