// A matrix that is stored as integer codes with a scale, and maybe a zero point, for each group of columns of a row.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "tensor/quantize.h"
#include "tensor/tensor.h"

namespace philo {

// value(row, column) = (code - zero_point) * scale. However the file packs them, rows are read as unsigned codes: nibbles, low one
// first, or bytes; without zero points 8 or 128 is meant.
struct CodedMatrix {
  enum class Codes : uint8_t {
    Packed,         // unsigned, in little-endian 32-bit words along the row: (rows, words) I32
    SignedBytes,    // code - 128: (rows, columns) I8
    Bytes,          // (rows, columns) U8
    Nibbles,        // two in a byte, the low one first, row after row without padding: (rows * columns / 2, rounded up) U8
    SignedNibbles,  // likewise, code - 8
    PaddedNibbles,  // as Nibbles, but each row begins in a byte of its own: (rows, bytes of a row) U8
    PaddedBytes,    // as Bytes, with bytes of no meaning after each row's: (rows, bytes of a row) U8
  };
  enum class ZeroPoints : uint8_t {
    None,
    PackedRows,     // unsigned, in 32-bit words down the rows: (words, groups) I32
    SignedBytes,    // zero point - 128: (rows, groups) I8
    Bytes,          // (rows, groups) U8
    Nibbles,        // two in a byte, the low one first: (rows * groups / 2, rounded up) U8
    SignedNibbles,  // likewise, zero point - 8
    PaddedNibbles,  // as Nibbles, but each row begins in a byte of its own: (rows, bytes of a row) U8
  };

  std::string name;    // "model.layers.0.mlp.down_proj.weight"
  CodeFormat format;   // group_size is -1 where one scale serves a row
  int64_t rows, columns;
  Codes codes_kind;
  ZeroPoints zero_points_kind;
  Tensor codes;
  Tensor scales;       // (rows, groups) F32, F16 or BF16
  Tensor zero_points;  // empty where there are none

  int64_t groups() const { return groups_per_row(format, columns); }
  size_t bytes() const { return codes.bytes.size() + scales.bytes.size() + zero_points.bytes.size(); }

  // The file's own bytes where they are unsigned codes, or zero points of as many bits, row after row without padding; empty where not.
  std::span<const std::byte> plain_codes() const;
  std::span<const std::byte> plain_zero_points() const;

  void read_codes(int64_t row, std::span<uint8_t> out) const;  // (code_row_bytes)
  // (groups). Throws ErrorCode::Input, naming the tensor, for a scale that is not finite.
  void read_scales(int64_t row, std::span<float> out) const;
  void read_zero_points(int64_t row, std::span<uint8_t> out) const;  // (groups); the implied one where none are stored
  void read_row(int64_t row, std::span<float> out) const;            // (columns) values
};

// (codes - zero_points) * scales, in float32: out (columns).
void decode_row(const CodeFormat& format, std::span<const uint8_t> codes, std::span<const float> scales,
                std::span<const uint8_t> zero_points, std::span<float> out);

inline int implied_zero_point(int bits) { return 1 << (bits - 1); }

// What the numbers of a matrix are stored as or computed with: F32, F16, BF16, or integer codes.
using MatrixFormat = std::variant<DType, CodeFormat>;
std::string format_name(const MatrixFormat& format);         // "fp32", "fp16", "bf16", "int8", "int4"
std::string format_description(const MatrixFormat& format);  // "int4 group 128 symmetric", "int8 per row asymmetric"; as above for floats
double bits_per_weight(const MatrixFormat& format, int64_t columns);  // scales of 16 bits and zero points counted

}  // namespace philo
