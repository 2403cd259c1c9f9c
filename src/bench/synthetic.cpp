// Configs of the family's members (their config.json files) and one buffer that all of a model's tensors view.
#include "bench/synthetic.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/plan.h"

namespace philo {
namespace {

// Tensors begin this far apart, because the place of its bytes is what tells one tensor from another.
constexpr size_t place_bytes = 64;

ModelConfig phi3_mini() {
  ModelConfig config{};
  config.hidden_size = 3072;
  config.intermediate_size = 8192;
  config.layers = 32;
  config.heads = config.kv_heads = 32;
  config.head_size = config.rotary_size = 96;
  config.vocabulary = 32064;
  config.context = 4096;
  config.window = 2047;
  config.rope_theta = 10000;
  config.rms_epsilon = 1e-5f;
  return config;
}

ModelConfig phi3_medium() {
  ModelConfig config = phi3_mini();
  config.hidden_size = 5120;
  config.intermediate_size = 17920;
  config.layers = config.heads = 40;
  config.kv_heads = 10;
  config.head_size = config.rotary_size = 128;
  return config;
}

ModelConfig phi4() {
  ModelConfig config = phi3_medium();
  config.vocabulary = 100352;
  config.context = 16384;
  config.window.reset();
  config.rope_theta = 250000;
  return config;
}

ModelConfig phi4_mini() {
  ModelConfig config = phi3_mini();
  config.heads = 24;
  config.kv_heads = 8;
  config.head_size = 128;
  config.vocabulary = 200064;
  config.context = 131072;
  config.window = 262144;
  config.tied = true;
  LongRope rope;
  rope.short_factors.assign(48, 1.0f);
  rope.long_factors = {1.0f,         1.118320672f, 1.250641126f, 1.398617824f, 1.564103225f, 1.74916897f,  1.956131817f,
                       2.187582649f, 2.446418898f, 2.735880826f, 3.059592084f, 3.421605075f, 3.826451687f, 4.279200023f,
                       4.785517845f, 5.351743533f, 5.984965424f, 6.693110555f, 7.485043894f, 8.370679318f, 9.36110372f,
                       10.4687158f,  11.70738129f, 13.09260651f, 14.64173252f, 16.37415215f, 18.31155283f, 20.47818807f,
                       22.90118105f, 25.61086418f, 28.64115884f, 32.03f,       32.1f,        32.13f,       32.23f,
                       32.6f,        32.61f,       32.64f,       32.66f,       32.7f,        32.71f,       32.93f,
                       32.97f,       33.28f,       33.49f,       33.5f,        44.16f,       47.77f};
  rope.attention_factor = 1.1902380714f;
  rope.original_context = 4096;
  config.long_rope = std::move(rope);
  return config;
}

// share/philo/demo.
ModelConfig demo() {
  ModelConfig config = phi3_mini();
  config.hidden_size = 384;
  config.intermediate_size = 768;
  config.layers = config.heads = config.kv_heads = 4;
  config.vocabulary = 4096;
  config.context = 2048;
  config.window = 256;
  return config;
}

ModelConfig config_of(std::string_view name) {
  if (name == "phi-3-mini") return phi3_mini();
  if (name == "phi-3-medium") return phi3_medium();
  if (name == "phi-4-mini") return phi4_mini();
  if (name == "phi-4") return phi4();
  if (name == "demo") return demo();
  throw usage_error("no synthetic model " + shown(std::string(name)) +
                    "; expected phi-3-mini, phi-3-medium, phi-4-mini, phi-4 or demo");
}

size_t bf16_bytes(const std::vector<int64_t>& shape) {
  size_t bytes = 2;
  for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
  return bytes;
}

// BF16 numbers of random sign and mantissa and magnitudes from 2^-9 to 2^-5 (root mean square 0.0137), four at a time
// as raw bits.
void fill_random(std::vector<uint64_t>& words) {
  uint64_t state = 1;
  for (uint64_t& word : words) {
    state ^= state << 13;  // Marsaglia's xorshift64
    state ^= state >> 7;
    state ^= state << 17;
    word = (state & 0x807f807f807f807fu) | (0x3c803c803c803c80u - (state & 0x0180018001800180u));
  }
}

}  // namespace

Checkpoint synthetic_checkpoint(std::string_view name) {
  Checkpoint checkpoint;
  checkpoint.path = std::string(name);
  checkpoint.kind = "random weights";
  checkpoint.config = config_of(name);
  checkpoint.architecture = "Phi3ForCausalLM";
  checkpoint.weights_file = "synthetic " + checkpoint.path;

  const auto tensors = phi3_tensors(checkpoint.config);
  const auto is_norm = [](const std::vector<int64_t>& shape) { return shape.size() == 1; };
  size_t matrix_bytes = 0, norm_bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& shape = tensors[i].second;
    size_t& bytes = is_norm(shape) ? norm_bytes : matrix_bytes;
    bytes = std::max(bytes, i * place_bytes + bf16_bytes(shape));
  }
  const auto numbers = std::make_shared<std::vector<uint64_t>>((matrix_bytes + 7) / 8);
  fill_random(*numbers);
  const auto ones = std::make_shared<std::vector<uint16_t>>(norm_bytes / 2, f32_to_bf16(1.0f));

  auto weights = std::make_shared<Weights>();
  weights->keep(numbers);
  weights->keep(ones);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [tensor, shape] = tensors[i];
    const std::span<const std::byte> from = is_norm(shape) ? std::as_bytes(std::span(*ones)) : std::as_bytes(std::span(*numbers));
    weights->add({tensor, DType::BF16, shape, from.subspan(i * place_bytes, bf16_bytes(shape))}, checkpoint.weights_file);
  }
  checkpoint.weights = std::move(weights);
  return checkpoint;
}

}  // namespace philo
