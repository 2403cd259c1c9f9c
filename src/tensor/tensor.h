// Named views of numbers in mapped files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace philo {

enum class DType : uint8_t { F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, Bool, F8E4M3, F8E5M2 };

size_t dtype_bytes(DType dtype);                                 // of one element
std::string_view dtype_name(DType dtype);                        // safetensors' names: "F32", "BF16", …
std::optional<DType> dtype_from_name(std::string_view name);

// Does not own its bytes; the Weights it belongs to keeps the file mapped.
struct Tensor {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;        // row-major, outermost first; empty for a scalar
  std::span<const std::byte> bytes;  // exactly elements() * dtype_bytes(dtype); alignment is the file's, maybe 1
  const MappedFile* file = nullptr;  // where the bytes lie; nullptr: in memory
  size_t elements() const;
};

std::string shape_text(std::span<const int64_t> shape);  // "(3, 4)"

// IEEE 754 conversions, round to nearest even.
float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);

// Rows of `columns` elements of 1, 2 or 4 bytes, without gaps, become columns of `to`, whose rows begin `to_row_bytes` apart.
void transpose(std::span<const std::byte> from, size_t columns, size_t element_bytes, std::byte* to, size_t to_row_bytes);

// Element `index` of an F32, F16 or BF16 tensor as float; any alignment.
float element(const Tensor& tensor, size_t index);
// Elements from `first` on, as many as `out` holds; likewise.
void read_elements(const Tensor& tensor, size_t first, std::span<float> out);

}  // namespace philo
