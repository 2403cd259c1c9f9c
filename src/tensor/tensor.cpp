// Element types and their conversions.
#include "tensor/tensor.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/error.h"

namespace philo {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  size_t bytes;
};

// Names as safetensors writes them.
constexpr std::array<DTypeRow, 15> dtype_rows = {{
    {DType::F64, "F64", 8},
    {DType::F32, "F32", 4},
    {DType::F16, "F16", 2},
    {DType::BF16, "BF16", 2},
    {DType::I64, "I64", 8},
    {DType::I32, "I32", 4},
    {DType::I16, "I16", 2},
    {DType::I8, "I8", 1},
    {DType::U64, "U64", 8},
    {DType::U32, "U32", 4},
    {DType::U16, "U16", 2},
    {DType::U8, "U8", 1},
    {DType::Bool, "BOOL", 1},
    {DType::F8E4M3, "F8_E4M3", 1},
    {DType::F8E5M2, "F8_E5M2", 1},
}};

const DTypeRow& row_of(DType dtype) { return dtype_rows[static_cast<size_t>(dtype)]; }

constexpr bool rows_follow_the_enumerators() {
  for (size_t i = 0; i < dtype_rows.size(); ++i) {
    if (dtype_rows[i].dtype != static_cast<DType>(i)) return false;
  }
  return true;
}
static_assert(rows_follow_the_enumerators());

template <class Bits>
Bits load(const std::byte* at) {
  Bits bits;
  std::memcpy(&bits, at, sizeof bits);
  return bits;
}

}  // namespace

size_t dtype_bytes(DType dtype) { return row_of(dtype).bytes; }

std::string_view dtype_name(DType dtype) { return row_of(dtype).name; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeRow& row : dtype_rows) {
    if (row.name == name) return row.dtype;
  }
  return {};
}

size_t Tensor::elements() const {
  size_t product = 1;
  for (const int64_t size : shape) product *= static_cast<size_t>(size);
  return product;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string out = "(";
  for (size_t i = 0; i < shape.size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return out + ")";
}

float f16_to_f32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1Fu;
  const uint32_t fraction = bits & 0x3FFu;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // subnormals and zero
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
}

uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));  // quiet NaN
  if (magnitude >= 0x477FF000u) return static_cast<uint16_t>(sign | 0x7C00u);  // 65520 and more round to infinity
  if (magnitude < 0x38800000u) {  // below 2^-14: the sum's last place is worth 2^-24, the smallest subnormal
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000u));
  }
  const uint32_t rounded = magnitude + 0xFFFu + (magnitude >> 13 & 1u);
  return static_cast<uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);  // quiet NaN
  return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

float element(const Tensor& tensor, size_t index) {
  const std::byte* at = tensor.bytes.data() + index * dtype_bytes(tensor.dtype);
  if (tensor.dtype == DType::F32) return load<float>(at);
  if (tensor.dtype == DType::F16) return f16_to_f32(load<uint16_t>(at));
  if (tensor.dtype == DType::BF16) return bf16_to_f32(load<uint16_t>(at));
  throw Error(ErrorCode::Failed, "tensor " + shown(tensor.name) + " is " + std::string(dtype_name(tensor.dtype)) +
                                     ", which has no single elements as floats");
}

void read_elements(const Tensor& tensor, size_t first, std::span<float> out) {
  const std::byte* at = tensor.bytes.data() + first * dtype_bytes(tensor.dtype);
  if (tensor.dtype == DType::F32) {
    std::memcpy(out.data(), at, out.size_bytes());
  } else if (tensor.dtype == DType::BF16) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = bf16_to_f32(load<uint16_t>(at + 2 * i));
  } else if (tensor.dtype == DType::F16) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = f16_to_f32(load<uint16_t>(at + 2 * i));
  } else {
    for (size_t i = 0; i < out.size(); ++i) out[i] = element(tensor, first + i);  // throws
  }
}

namespace {

template <typename Element>
void transpose_elements(std::span<const std::byte> from, size_t columns, std::byte* to, size_t to_row_bytes) {
  constexpr size_t tile = 32;  // its lines of both sides stay in the first cache
  const size_t rows = from.size() / (columns * sizeof(Element));
  for (size_t row = 0; row < rows; row += tile)
    for (size_t column = 0; column < columns; column += tile)
      for (size_t c = column; c < std::min(column + tile, columns); ++c)
        for (size_t r = row; r < std::min(row + tile, rows); ++r)
          std::memcpy(to + c * to_row_bytes + r * sizeof(Element), from.data() + (r * columns + c) * sizeof(Element), sizeof(Element));
}

}  // namespace

void transpose(std::span<const std::byte> from, size_t columns, size_t element_bytes, std::byte* to, size_t to_row_bytes) {
  if (columns == 0) return;
  if (element_bytes == 1) transpose_elements<uint8_t>(from, columns, to, to_row_bytes);
  else if (element_bytes == 2) transpose_elements<uint16_t>(from, columns, to, to_row_bytes);
  else transpose_elements<uint32_t>(from, columns, to, to_row_bytes);
}

}  // namespace philo
