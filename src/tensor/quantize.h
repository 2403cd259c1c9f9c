// The arithmetic of integer weight compression on one row, bit-equal to NNCF's (docs/quantization.md): value = (code - zero_point) * scale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace philo {

// A group is a run of columns of one row that share a scale and a zero point.
struct CodeFormat {
  int bits;            // 4 or 8
  int64_t group_size;  // columns; -1: the whole row is one group
  bool symmetric;      // no zero points are stored: 8 (4 bits) or 128 (8 bits) is meant
  bool operator==(const CodeFormat&) const = default;
};

int64_t groups_per_row(const CodeFormat& format, int64_t columns);  // the last group may be shorter
// 4 bits: two codes a byte, low nibble first, padded with zeros to whole 32-bit words; 8 bits: one code a byte.
size_t code_row_bytes(int bits, int64_t columns);

// Scales are what a file stores, float16, though the codes come from the unrounded ones; a symmetric scale has a sign. The codes are
// unsigned. Spans are exactly as long as the two functions above say. Any input is safe; the codes of a group that holds NaN or infinity
// mean nothing.
void quantize_row(std::span<const float> in,         // (columns)
                  const CodeFormat& format,          //
                  std::span<uint8_t> codes,          // (code_row_bytes)
                  std::span<uint16_t> scales,        // (groups) float16
                  std::span<uint8_t> zero_points);   // (groups); left alone, and may be empty, where the format is symmetric

// What eight bits (asymmetric, one scale for the row) cost a row: the mean of its squared errors. NNCF sums rows of a tensor of fewer
// than 10,000 weights with NumPy, of others with OpenVINO, in different orders; the order decides between layers that are close.
float int8_error(std::span<const float> in, size_t tensor_weights);

// A layer's score by NNCF's rule without data; the layers with the lowest ones become 4-bit first. `largest_error` is that of all rows,
// `stored` what the checkpoint holds: BF16 counts as F16, whose coarse epsilon makes layers of tiny weights equal.
double int8_sensitivity(float largest_error, DType stored);

}  // namespace philo
