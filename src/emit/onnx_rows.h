// How the rows of a matrix are laid down in the data of an ONNX model, for those who fill them in.
#pragma once

#include <span>

#include "emit/onnx.h"

namespace philo {

const CodeFormat* codes_of(const OnnxMatrix& matrix);  // nullptr for floats
int64_t blocks_of(const OnnxMatrix& matrix);           // of a row, in Blocks

size_t row_bytes(const OnnxMatrix& matrix);          // of a row's numbers, before Columns turns them
size_t scales_per_row(const OnnxMatrix& matrix);     // blocks or groups
size_t zero_point_row_bytes(const OnnxMatrix& matrix);

// One row of unsigned codes, scales or zero points, as RowReader gives them, in the form of the data. `out` is as long as the functions above say.
void lay_codes(const OnnxMatrix& matrix, std::span<const uint8_t> codes, std::span<std::byte> out);
void lay_scales(const OnnxMatrix& matrix, std::span<const float> scales, std::span<std::byte> out);
void lay_zero_points(const OnnxMatrix& matrix, std::span<const uint8_t> zero_points, std::span<std::byte> out);

// Whole rows, one after the other, from row `first` of the matrix on, as columns of the part of the data that begins at `out`.
void lay_columns(const OnnxMatrix& matrix, int64_t first, std::span<const std::byte> rows, size_t bytes_of_row, size_t element_bytes, std::byte* out);
size_t element_bytes(const OnnxMatrix& matrix);      // of numbers in Rows and Columns
inline size_t scale_bytes(const OnnxMatrix& matrix) { return matrix.wide_scales ? sizeof(float) : sizeof(uint16_t); }

}  // namespace philo
