// config.json: what is accepted is consistent, small enough to multiply, and gives finite rotary frequencies.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "allowed.h"
#include "checkpoint/hugging_face.h"
#include "checkpoint/stop_tokens.h"
#include "model/plan.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const philo::ModelConfig& config) {
  require(config.hidden_size > 0 && config.intermediate_size > 0 && config.layers > 0 && config.vocabulary > 0 && config.context > 0);
  require(config.heads > 0 && config.kv_heads > 0 && config.heads % config.kv_heads == 0);
  require(config.rotary_size >= 2 && config.rotary_size % 2 == 0 && config.rotary_size <= config.head_size);
  require((config.q_size() + 2 * config.kv_size()) <= INT64_MAX / config.hidden_size);
  require(config.rms_epsilon > 0 && std::isfinite(config.rms_epsilon));
  require(!config.window || *config.window > 0);
  for (const bool long_factors : {false, true}) {
    for (const float frequency : philo::rope_frequencies(config, long_factors)) require(std::isfinite(frequency) && frequency >= 0);
  }
  if (config.long_rope) require(std::isfinite(config.long_rope->attention_factor) && config.long_rope->attention_factor > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  philo::fuzz::allow_input_errors([&] {
    const philo::Json json = philo::parse_json(text, "config.json");
    const philo::JsonObject object(json, "config.json");
    philo::fuzz::allow_input_errors([&] { philo::parse_generation_defaults(object); });
    philo::fuzz::allow_input_errors([&] { philo::eos_token_ids(object); });
    philo::fuzz::allow_input_errors([&] { philo::quantization_of(object); });
    const philo::ModelConfig config = philo::parse_config(json, "config.json");
    check(config);
    philo::fuzz::allow_input_errors([&] { philo::plan_phi3(config, std::make_shared<const philo::Weights>(), "no weights"); });
  });
  return 0;
}
