// Reads rows of codes, scales and zero points out of the packings that files use.
#include "tensor/coded_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace philo {
namespace {

size_t index(int64_t value) { return static_cast<size_t>(value); }

uint32_t word_at(const std::byte* bytes, size_t index) {
  uint32_t word = 0;
  for (size_t i = 0; i < 4; ++i) word |= std::to_integer<uint32_t>(bytes[4 * index + i]) << (8 * i);
  return word;
}

uint8_t nibble_at(const std::byte* bytes, size_t index) { return static_cast<uint8_t>(std::to_integer<uint8_t>(bytes[index / 2]) >> (index % 2 * 4) & 15); }

// `count` nibbles from number `first` on, packed anew from the start of `out`; what is left of `out` becomes 0.
void read_nibbles(const std::byte* from, size_t first, size_t count, uint8_t flip, std::span<uint8_t> out) {
  std::fill(out.begin(), out.end(), uint8_t{0});
  if (first % 2 == 0) {
    for (size_t i = 0; i < count / 2; ++i) out[i] = static_cast<uint8_t>(std::to_integer<uint8_t>(from[first / 2 + i]) ^ flip);
  } else {
    for (size_t i = 0; i < count / 2; ++i)
      out[i] = static_cast<uint8_t>((nibble_at(from, first + 2 * i) | nibble_at(from, first + 2 * i + 1) << 4) ^ flip);
  }
  if (count % 2 != 0) out[count / 2] = static_cast<uint8_t>(nibble_at(from, first + count - 1) ^ (flip & 15));
}

}  // namespace

std::span<const std::byte> CodedMatrix::plain_codes() const {
  const size_t row_bytes = code_row_bytes(format.bits, columns);
  size_t stored = row_bytes;  // of a row
  switch (codes_kind) {
    case Codes::Packed: stored = index(codes.shape[1]) * 4; break;
    case Codes::PaddedNibbles:
    case Codes::PaddedBytes: stored = index(codes.shape[1]); break;
    case Codes::Bytes:
    case Codes::Nibbles: break;
    case Codes::SignedBytes:
    case Codes::SignedNibbles: return {};
  }
  const bool whole = format.bits == 8 || columns % 2 == 0;
  return whole && stored == row_bytes ? codes.bytes.first(index(rows) * row_bytes) : std::span<const std::byte>();
}

std::span<const std::byte> CodedMatrix::plain_zero_points() const {
  const bool nibbles = zero_points_kind == ZeroPoints::Nibbles || (zero_points_kind == ZeroPoints::PaddedNibbles && groups() % 2 == 0);
  const bool plain = format.bits == 4 ? nibbles : zero_points_kind == ZeroPoints::Bytes;
  return plain ? zero_points.bytes : std::span<const std::byte>();
}

void CodedMatrix::read_codes(int64_t row, std::span<uint8_t> out) const {
  const size_t bytes = code_row_bytes(format.bits, columns), count = index(columns), first = index(row) * count;
  switch (codes_kind) {
    case Codes::Packed: {
      const size_t stored = index(codes.shape[1]) * 4;  // of a row of 8 bits this may be up to three bytes more
      std::memcpy(out.data(), codes.bytes.data() + index(row) * stored, bytes);
      return;
    }
    case Codes::SignedBytes:
      for (size_t i = 0; i < count; ++i) out[i] = static_cast<uint8_t>(std::to_integer<uint8_t>(codes.bytes[first + i]) ^ 0x80);
      return;
    case Codes::Bytes: std::memcpy(out.data(), codes.bytes.data() + first, count); return;
    case Codes::PaddedBytes: std::memcpy(out.data(), codes.bytes.data() + index(row) * index(codes.shape[1]), count); return;
    case Codes::PaddedNibbles: read_nibbles(codes.bytes.data() + index(row) * index(codes.shape[1]), 0, count, 0, out.first(bytes)); return;
    case Codes::Nibbles:
    case Codes::SignedNibbles: read_nibbles(codes.bytes.data(), first, count, codes_kind == Codes::SignedNibbles ? 0x88 : 0, out.first(bytes)); return;
  }
}

void CodedMatrix::read_scales(int64_t row, std::span<float> out) const {
  const size_t count = index(groups()), first = index(row) * count;
  read_elements(scales, first, out.first(count));
  bool finite = true;
  for (size_t i = 0; i < count; ++i) finite &= std::isfinite(out[i]);
  if (finite) return;
  size_t bad = 0;
  while (std::isfinite(out[bad])) ++bad;
  throw input_error(scales.file == nullptr ? name : scales.file->path(),
                    "tensor " + shown(scales.name) + " has a scale that is no finite number in row " + std::to_string(row) + ", group " +
                        std::to_string(bad) + "; the checkpoint is damaged or was quantized from damaged weights");
}

void CodedMatrix::read_zero_points(int64_t row, std::span<uint8_t> out) const {
  const size_t count = index(groups());
  switch (zero_points_kind) {
    case ZeroPoints::None: std::fill_n(out.begin(), count, static_cast<uint8_t>(implied_zero_point(format.bits))); return;
    case ZeroPoints::SignedBytes:
      for (size_t i = 0; i < count; ++i)
        out[i] = static_cast<uint8_t>(std::to_integer<uint8_t>(zero_points.bytes[index(row) * count + i]) ^ 0x80);
      return;
    case ZeroPoints::Bytes: std::memcpy(out.data(), zero_points.bytes.data() + index(row) * count, count); return;
    case ZeroPoints::Nibbles:
    case ZeroPoints::SignedNibbles: {
      const int flip = zero_points_kind == ZeroPoints::SignedNibbles ? 8 : 0;
      for (size_t i = 0; i < count; ++i) out[i] = static_cast<uint8_t>(nibble_at(zero_points.bytes.data(), index(row) * count + i) ^ flip);
      return;
    }
    case ZeroPoints::PaddedNibbles:
      for (size_t i = 0; i < count; ++i) out[i] = nibble_at(zero_points.bytes.data() + index(row) * index(zero_points.shape[1]), i);
      return;
    case ZeroPoints::PackedRows: {
      const size_t per_word = 32 / index(format.bits), word = index(row) / per_word;
      const auto shift = static_cast<unsigned>(index(row) % per_word * index(format.bits));
      for (size_t i = 0; i < count; ++i)
        out[i] = static_cast<uint8_t>(word_at(zero_points.bytes.data(), word * count + i) >> shift & ((1u << format.bits) - 1));
      return;
    }
  }
}

void CodedMatrix::read_row(int64_t row, std::span<float> out) const {
  std::vector<uint8_t> row_codes(code_row_bytes(format.bits, columns)), row_zero_points(index(groups()));
  std::vector<float> row_scales(index(groups()));
  read_codes(row, row_codes);
  read_scales(row, row_scales);
  read_zero_points(row, row_zero_points);
  decode_row(format, row_codes, row_scales, row_zero_points, out);
}

void decode_row(const CodeFormat& format, std::span<const uint8_t> codes, std::span<const float> scales,
                std::span<const uint8_t> zero_points, std::span<float> out) {
  const size_t group = format.group_size < 0 ? out.size() : index(format.group_size);
  for (size_t begin = 0, g = 0; begin < out.size(); begin += group, ++g) {
    const size_t end = std::min(begin + group, out.size());
    const int zero = zero_points[g];
    const float scale = scales[g];
    if (format.bits == 8)
      for (size_t i = begin; i < end; ++i) out[i] = static_cast<float>(codes[i] - zero) * scale;
    else
      for (size_t i = begin; i < end; ++i) out[i] = static_cast<float>((codes[i / 2] >> (i % 2 * 4) & 15) - zero) * scale;
  }
}

std::string format_name(const MatrixFormat& format) {
  if (const auto* code = std::get_if<CodeFormat>(&format)) return code->bits == 4 ? "int4" : "int8";
  switch (std::get<DType>(format)) {
    case DType::F32: return "fp32";
    case DType::F16: return "fp16";
    case DType::BF16: return "bf16";
    default: return std::string(dtype_name(std::get<DType>(format)));
  }
}

std::string format_description(const MatrixFormat& format) {
  const auto* code = std::get_if<CodeFormat>(&format);
  if (code == nullptr) return format_name(format);
  return format_name(format) + (code->group_size < 0 ? " per row " : " group " + std::to_string(code->group_size) + " ") +
         (code->symmetric ? "symmetric" : "asymmetric");
}

double bits_per_weight(const MatrixFormat& format, int64_t columns) {
  const auto* code = std::get_if<CodeFormat>(&format);
  if (code == nullptr) return 8.0 * static_cast<double>(dtype_bytes(std::get<DType>(format)));
  const int beside = 16 + (code->symmetric ? 0 : code->bits);  // of a group
  return code->bits + static_cast<double>(beside) * static_cast<double>(groups_per_row(*code, columns)) / static_cast<double>(columns);
}

}  // namespace philo
