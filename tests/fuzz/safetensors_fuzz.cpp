// safetensors: whatever is accepted lies within the file, fits its shape and covers the data.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "allowed.h"
#include "format/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  philo::fuzz::allow_input_errors([&] {
    const std::byte* at = nullptr;
    for (const philo::Tensor& tensor : philo::parse_safetensors(file, "input")) {
      const std::byte* begin = tensor.bytes.data();
      const std::byte* end = begin + tensor.bytes.size();
      if (begin < file.data() + 8 || end > file.data() + file.size()) std::abort();
      if (at != nullptr && begin != at) std::abort();
      if (tensor.elements() * philo::dtype_bytes(tensor.dtype) != tensor.bytes.size()) std::abort();
      at = end;
    }
    if (at != nullptr && at != file.data() + file.size()) std::abort();
  });
  return 0;
}
