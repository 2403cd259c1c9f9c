// OpenVINO models: openvino_model.xml, a zero byte and openvino_model.bin. Whatever is accepted can be read to its last row.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "allowed.h"
#include "format/openvino_ir/network.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* const end = static_cast<const uint8_t*>(std::memchr(data, 0, size));
  if (end == nullptr) return 0;
  const std::string_view xml(reinterpret_cast<const char*>(data), static_cast<size_t>(end - data));
  const std::span<const std::byte> constants = std::as_bytes(std::span(data, size)).subspan(xml.size() + 1);
  philo::fuzz::allow_input_errors([&] {
    philo::Weights weights;
    philo::read_openvino_network(philo::parse_openvino_graph(xml, "input.xml", constants, "input.bin"), weights);
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
  });
  return 0;
}
