// ONNX models: the model's bytes, of which external data is a part too. Whatever is accepted can be read to its last row.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "allowed.h"
#include "format/onnx/network.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  philo::fuzz::allow_input_errors([&] {
    philo::Weights weights;
    const auto open = [&](const std::string&) { return philo::OnnxExternal{bytes, nullptr, "input.data"}; };
    const philo::OnnxNetwork network = philo::read_onnx_network(philo::parse_onnx_graph(bytes, "input.onnx", nullptr, open), "logits", weights);
    constexpr int64_t most_columns = 1 << 16;
    for (const auto& [name, matrix] : weights.coded()) {
      if (matrix.columns > most_columns) continue;
      std::vector<float> row(static_cast<size_t>(matrix.columns));
      for (int64_t r = 0; r < matrix.rows; ++r) matrix.read_row(r, row);
    }
    for (const auto& [name, tensor] : weights.tensors()) {
      std::vector<float> values(tensor.elements());
      philo::read_elements(tensor, 0, values);
    }
    const philo::OnnxFrequencies found = philo::onnx_frequencies(network.rotation.short_cache);
    static_cast<void>(philo::compare_onnx_cache(network.rotation.short_cache, std::vector<float>(found.frequencies.begin(), found.frequencies.end()), static_cast<float>(found.factor)));
  });
  return 0;
}
