// compressed-tensors: a "quantization_config", a zero byte and a safetensors file. Whatever is accepted can be read to its last row.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "allowed.h"
#include "format/compressed_tensors.h"
#include "format/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* const end = static_cast<const uint8_t*>(std::memchr(data, 0, size));
  if (end == nullptr) return 0;
  const std::string_view config(reinterpret_cast<const char*>(data), static_cast<size_t>(end - data));
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size)).subspan(config.size() + 1);
  philo::fuzz::allow_input_errors([&] {
    philo::Weights weights;
    for (philo::Tensor& tensor : philo::parse_safetensors(file, "input")) weights.add(std::move(tensor), "input");
    const philo::Json json = philo::parse_json(config, "config.json");
    philo::gather_compressed_tensors(philo::JsonObject(json, "config.json"), weights, "input");
    constexpr int64_t most_columns = 1 << 16;
    for (const auto& [name, matrix] : weights.coded()) {
      if (matrix.columns > most_columns) continue;
      std::vector<float> row(static_cast<size_t>(matrix.columns));
      for (int64_t r = 0; r < matrix.rows; ++r) {
        matrix.read_row(r, row);
        for (const float value : row)
          if (std::isnan(value)) std::abort();
      }
    }
  });
  return 0;
}
