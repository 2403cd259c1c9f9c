// Reads and checks config.json with the defaults and rules of transformers' Phi3Config.
#include "model/config.h"

#include <cmath>
#include <string>

#include "model/architecture.h"

namespace philo {
namespace {

// Far above every real model, and small enough that no product of a few of them wraps 64 bits.
constexpr int64_t most_width = 1 << 20;
constexpr int64_t most_layers = 4096;
constexpr int64_t most_heads = 1 << 14;
constexpr int64_t most_head_size = 1 << 14;
constexpr int64_t most_vocabulary = 1 << 24;
constexpr int64_t most_positions = int64_t{1} << 30;

double number_in(const JsonObject& object, const char* key, double low, double high, double fallback) {
  const double value = object.number(key).value_or(fallback);
  if (!(value >= low && value <= high)) {
    throw object.wrong(key, "is " + Json(value).dump() + ", expected " + Json(low).dump() + " to " + Json(high).dump());
  }
  return value;
}

// A number that may stand in the rope object (transformers 5) or at the top level (transformers 4).
double rope_number(const JsonObject& config, const std::optional<JsonObject>& rope, const char* key, double low, double high,
                   double fallback) {
  const std::optional<double> outer = config.number(key), inner = rope ? rope->number(key) : std::nullopt;
  if (outer && inner && *outer != *inner) {
    throw rope->wrong(key, "is " + Json(*inner).dump() + ", but the top level says " + Json(*outer).dump());
  }
  return number_in(inner ? *rope : config, key, low, high, fallback);
}

// "rope_parameters" is transformers 5's name, "rope_scaling" the older one; {} means nothing.
std::optional<JsonObject> rope_object(const JsonObject& config) {
  const std::optional<JsonObject> older = config.object("rope_scaling"), newer = config.object("rope_parameters");
  const bool has_older = older && !older->value().empty(), has_newer = newer && !newer->value().empty();
  if (has_older && has_newer && older->value() != newer->value()) {
    throw config.wrong("rope_scaling", "contradicts \"rope_parameters\"; keep one of the two");
  }
  if (has_newer) return newer;
  return has_older ? older : std::nullopt;
}

// True for LongRoPE, false for plain RoPE. "su" and "yarn" are what early Phi-3 configs called LongRoPE.
bool is_long_rope(const JsonObject& rope) {
  const std::optional<std::string> newer = rope.text("rope_type"), older = rope.text("type");
  const auto long_name = [](const std::string& name) { return name == "longrope" || name == "su" || name == "yarn"; };
  const std::string name = newer ? *newer : older.value_or("default");
  const char* key = newer ? "rope_type" : "type";
  if (newer && older && long_name(*newer) != long_name(*older)) {
    throw rope.wrong("rope_type", "is " + shown(*newer) + ", but \"type\" is " + shown(*older));
  }
  if (long_name(name)) return true;
  if (name != "default") {
    throw rope.wrong(key, "is " + shown(name) + "; Phi-3 models have \"default\" or \"longrope\" (also spelled \"su\" or \"yarn\")");
  }
  for (const char* list : {"short_factor", "long_factor"}) {
    if (rope.has(list)) throw rope.wrong(list, "is given, but the type is not \"longrope\"");
  }
  return false;
}

std::vector<float> rope_factors(const JsonObject& rope, const char* key, int64_t count) {
  const std::optional<std::vector<double>> values = rope.numbers(key);
  if (!values) throw rope.wrong(key, "is missing; LongRoPE needs " + std::to_string(count) + " numbers");
  if (values->size() != static_cast<size_t>(count)) {
    throw rope.wrong(key, "has " + std::to_string(values->size()) + " numbers, expected half the rotary size, " + std::to_string(count));
  }
  std::vector<float> out;
  out.reserve(values->size());
  for (const double value : *values) {
    if (!(value >= 1e-6 && value <= 1e9)) throw rope.wrong(key, "holds " + Json(value).dump() + ", expected 1e-06 to 1e+09");
    out.push_back(static_cast<float>(value));
  }
  return out;
}

// transformers 5.5, _compute_longrope_parameters: attention_factor, else from factor, else from the ratio of the two limits.
float attention_factor(const JsonObject& rope, int64_t context, int64_t original_context) {
  if (rope.has("attention_factor")) return static_cast<float>(number_in(rope, "attention_factor", 1e-3, 1e3, 1));
  const double ratio = static_cast<double>(context) / static_cast<double>(original_context);
  const double factor = number_in(rope, "factor", 1e-6, 1e9, ratio);
  if (factor <= 1) return 1;
  return static_cast<float>(std::sqrt(1 + std::log(factor) / std::log(static_cast<double>(original_context))));
}

LongRope read_long_rope(const JsonObject& config, const JsonObject& rope, int64_t context, int64_t rotary_size) {
  constexpr const char* key = "original_max_position_embeddings";
  const std::optional<int64_t> outer = config.integer(key), inner = rope.integer(key);
  if (outer && inner && *outer != *inner) {
    throw rope.wrong(key, "is " + std::to_string(*inner) + ", but the top level says " + std::to_string(*outer));
  }
  LongRope out;
  out.original_context = (inner ? rope : config).integer_in(key, 2, most_positions, 4096);
  out.short_factors = rope_factors(rope, "short_factor", rotary_size / 2);
  out.long_factors = rope_factors(rope, "long_factor", rotary_size / 2);
  out.attention_factor = attention_factor(rope, context, out.original_context);
  return out;
}

void read_rope(const JsonObject& json, ModelConfig& config) {
  const std::optional<JsonObject> rope = rope_object(json);
  config.rope_theta = rope_number(json, rope, "rope_theta", 1, 1e15, 10000);
  const double part = rope_number(json, rope, "partial_rotary_factor", 0, 1, 1);
  config.rotary_size = static_cast<int64_t>(static_cast<double>(config.head_size) * part);  // rounds down, as int() does
  if (config.rotary_size < 2 || config.rotary_size % 2 != 0) {
    throw json.wrong("partial_rotary_factor", "gives a rotary size of " + std::to_string(config.rotary_size) + " of " +
                                                  std::to_string(config.head_size) + "; expected an even number from 2");
  }
  if (rope && is_long_rope(*rope)) config.long_rope = read_long_rope(json, *rope, config.context, config.rotary_size);
}

void read_heads(const JsonObject& json, ModelConfig& config) {
  config.heads = json.integer_in("num_attention_heads", 1, most_heads, 32);
  config.kv_heads = json.integer_in("num_key_value_heads", 1, most_heads, config.heads);
  if (config.heads % config.kv_heads != 0) {
    throw json.wrong("num_key_value_heads", "is " + std::to_string(config.kv_heads) + ", which does not divide num_attention_heads, " +
                                                std::to_string(config.heads));
  }
  if (!json.has("head_dim") && config.hidden_size % config.heads != 0) {
    throw json.wrong("num_attention_heads", "is " + std::to_string(config.heads) + ", which does not divide hidden_size, " +
                                                std::to_string(config.hidden_size));
  }
  config.head_size = json.integer_in("head_dim", 1, most_head_size, config.hidden_size / config.heads);
}

// What transformers' Phi3 has no parameter for; true would mean another network.
void refuse_variants(const JsonObject& json) {
  const std::string activation = json.text("hidden_act").value_or("silu");
  if (activation != "silu" && activation != "swish") {
    throw json.wrong("hidden_act", "is " + shown(activation) + "; Phi-3 models have \"silu\"");
  }
  for (const char* key : {"attention_bias", "mlp_bias", "qkv_bias", "lm_head_bias", "use_bias"}) {
    if (json.boolean(key).value_or(false)) throw json.wrong(key, "is true; Phi-3 models have no biases");
  }
}

}  // namespace

ModelConfig parse_config(const Json& value, const std::string& file) {
  const JsonObject json(value, file);
  check_architecture(json);
  refuse_variants(json);
  ModelConfig config{};
  config.hidden_size = json.integer_in("hidden_size", 1, most_width, 3072);
  config.intermediate_size = json.integer_in("intermediate_size", 1, most_width, 8192);
  config.layers = json.integer_in("num_hidden_layers", 1, most_layers, 32);
  config.vocabulary = json.integer_in("vocab_size", 1, most_vocabulary, 32064);
  config.context = json.integer_in("max_position_embeddings", 1, most_positions, 4096);
  read_heads(json, config);
  if (json.has("sliding_window")) config.window = json.integer_in("sliding_window", 1, most_positions);
  read_rope(json, config);
  config.rms_epsilon = static_cast<float>(number_in(json, "rms_norm_eps", 1e-20, 1, 1e-5));
  config.tied = json.boolean("tie_word_embeddings").value_or(false);
  return config;
}

std::vector<float> rope_frequencies(const ModelConfig& config, bool long_factors) {
  const auto base = static_cast<float>(config.rope_theta);
  const auto size = static_cast<float>(config.rotary_size);
  std::vector<float> out(static_cast<size_t>(config.rotary_size / 2));
  for (size_t k = 0; k < out.size(); ++k) {
    // Each operation rounds to float32, as torch's do; the power is computed in double to round correctly everywhere.
    const float exponent = static_cast<float>(2 * k) / size;
    const auto power = static_cast<float>(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
    float factor = 1;
    if (config.long_rope) factor = (long_factors ? config.long_rope->long_factors : config.long_rope->short_factors)[k];
    out[k] = 1.0f / (factor * power);
  }
  return out;
}

}  // namespace philo
