// Named views of numbers in mapped files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
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
  size_t elements() const;
};

std::string shape_text(std::span<const int64_t> shape);  // "(3, 4)"

// IEEE 754 conversions, round to nearest even.
float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);

// Element `index` of an F32, F16 or BF16 tensor as float; any alignment.
float element(const Tensor& tensor, size_t index);
void read_elements(const Tensor& tensor, size_t first, std::span<float> out);  // as many as `out` holds

// The tensors of a model by name, and what keeps their bytes alive (mapped files, buffers).
class Weights {
 public:
  void add(Tensor tensor, const std::string& file);  // throws ErrorCode::Input for a name that is there already
  void take(Weights&& other, const std::string& file);  // moves everything over; throws as add() does
  void keep(std::shared_ptr<const void> owner) { owners_.push_back(std::move(owner)); }
  void keep(std::shared_ptr<const MappedFile> file) { files_.push_back(std::move(file)); }
  // Of a tensor's bytes: asks the system to read them ahead; gives their pages back, for a while. Bytes outside kept files are left alone.
  void prefetch(std::span<const std::byte> part) const;
  void release(std::span<const std::byte> part) const;
  const Tensor* find(std::string_view name) const;   // nullptr where missing; addresses stay valid while this object lives
  const std::map<std::string, Tensor, std::less<>>& tensors() const { return tensors_; }
  size_t bytes() const;

 private:
  std::map<std::string, Tensor, std::less<>> tensors_;
  const MappedFile* file_of(std::span<const std::byte> part) const;  // nullptr where none of the kept ones

  std::vector<std::shared_ptr<const void>> owners_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
};

}  // namespace philo
