// Compares, and finds theta or LongRoPE's factors in cosines and sines.
#include "checkpoint/onnx_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/file.h"

namespace philo {
namespace {

constexpr double default_theta = 10000;  // of every published model with LongRoPE

std::string text(double value) { return Json(value).dump(); }

// The shortest decimal number that is this float.
double shortest(float value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  double out = value;
  std::from_chars(digits, end, out);
  return out;
}

double rounded(double value, int digits) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific, digits - 1).ptr;
  double out = value;
  std::from_chars(buffer, end, out);
  return out;
}

class Check {
 public:
  Check(const OnnxNetwork& network, const ModelConfig& config, const std::string& file, std::vector<std::string>& notes) : network_(network), config_(config), file_(file), notes_(notes) {}

  void run() const {
    same("layers", network_.layers, config_.layers);
    same("heads", network_.heads, config_.heads);
    same("key and value heads", network_.kv_heads, config_.kv_heads);
    same("numbers in a head", network_.head_size, config_.head_size);
    if (std::fabs(network_.epsilon - config_.rms_epsilon) > 1e-3f * config_.rms_epsilon) throw wrong("the norms' epsilon", text(network_.epsilon), text(config_.rms_epsilon));
    if (const float scale = 1 / std::sqrt(static_cast<float>(config_.head_size)); network_.attention_scale && std::fabs(*network_.attention_scale - scale) > 1e-3f * scale)
      throw wrong("the attention's scale", text(*network_.attention_scale), text(scale));
    check_window();
    check_rotation();
  }

 private:
  Error wrong(const std::string& what, const std::string& graph, const std::string& config) const {
    return input_error(file_, what + " is " + graph + " in the graph, but " + config + " by the config beside it: the two don't belong together; export the model again");
  }
  void same(const char* what, int64_t graph, int64_t config) const {
    if (graph != config) throw wrong(std::string("the number of ") + what, std::to_string(graph), std::to_string(config));
  }

  void check_window() const {
    if (!network_.window) {
      if (config_.window && *config_.window < config_.context) notes_.push_back("the graph computes without the sliding window of " + std::to_string(*config_.window) + " tokens that the config names; philo computes with it");
      return;
    }
    if (network_.window == config_.window || (!config_.window && *network_.window >= config_.context)) return;
    throw wrong("the sliding window", std::to_string(*network_.window), config_.window ? std::to_string(*config_.window) : "none");
  }

  void compare(const OnnxRotaryCache& cache, bool long_factors, const char* which) const {
    const std::vector<float> frequencies = rope_frequencies(config_, long_factors);
    if (frequencies.size() != cache.pairs()) throw wrong("half the rotary size", std::to_string(cache.pairs()), std::to_string(frequencies.size()));
    const auto fault = compare_onnx_cache(cache, frequencies, config_.long_rope ? config_.long_rope->attention_factor : 1.0f);
    if (!fault) return;
    throw input_error(file_, "the " + std::string(which) + " rotary cache holds " + text(fault->stored) + " at position " + std::to_string(fault->position) + ", pair " + std::to_string(fault->pair) +
                                 ", where the RoPE of the config.json beside it gives " + text(fault->expected) +
                                 ": the two don't belong together; copy the config.json of the model that was exported, or take it away, and philo takes RoPE from the cache");
  }

  void check_rotation() const {
    const OnnxRotation& rotation = network_.rotation;
    compare(rotation.short_cache, false, rotation.long_cache ? "short" : "only");
    if (!rotation.long_cache) {
      if (config_.long_rope) notes_.emplace_back("the graph has LongRoPE's short factors alone; philo takes the long ones from config.json");
      return;
    }
    if (!config_.long_rope) throw wrong("the rotation", "LongRoPE", "plain RoPE");
    same("tokens that LongRoPE's short factors are for", *rotation.long_limit, config_.long_rope->original_context);
    compare(*rotation.long_cache, true, "long");
  }

  const OnnxNetwork& network_;
  const ModelConfig& config_;
  const std::string& file_;
  std::vector<std::string>& notes_;
};

// Finds the numbers that RoPE's caches were made from.
class RopeFinder {
 public:
  RopeFinder(const OnnxNetwork& network, const std::string& file) : rotation_(network.rotation), file_(file) {
    config_.head_size = network.head_size;
    config_.rotary_size = static_cast<int64_t>(2 * rotation_.short_cache.pairs());
    config_.rope_theta = default_theta;
  }

  void add_to(OrderedJson& json, int64_t context) {
    if (config_.rotary_size > config_.head_size)
      throw input_error(file_, "the rotary cache is for " + std::to_string(config_.rotary_size) + " numbers of a head of " + std::to_string(config_.head_size) + "; the model is damaged or of another kind");
    if (rotation_.long_cache) find_long(json, context);
    else find_theta();
    json["rope_theta"] = config_.rope_theta;
    if (config_.rotary_size < config_.head_size) json["partial_rotary_factor"] = part();
  }

 private:
  Error unknown(const char* what) const {
    return input_error(file_, std::string("the ") + what + " rotary cache follows from no RoPE that philo knows, and there is no config.json beside it; copy the config.json of the model that was exported into the folder");
  }

  // Rounds down to the rotary size when it is multiplied with the head's again.
  double part() const {
    double part = static_cast<double>(config_.rotary_size) / static_cast<double>(config_.head_size);
    while (static_cast<int64_t>(static_cast<double>(config_.head_size) * part) < config_.rotary_size) part = std::nextafter(part, 2.0);
    return part;
  }

  bool fits(const OnnxRotaryCache& cache, bool long_factors) const {
    return !compare_onnx_cache(cache, rope_frequencies(config_, long_factors), config_.long_rope ? config_.long_rope->attention_factor : 1.0f);
  }

  // ln frequency = -(2k / rotary size) ln theta: the slope of a line through 0.
  void find_theta() {
    const OnnxRotaryCache& cache = rotation_.short_cache;
    const OnnxFrequencies found = onnx_frequencies(cache);
    double above = 0, below = 0;
    for (size_t k = 1; k < found.frequencies.size(); ++k) {
      const double x = static_cast<double>(2 * k) / static_cast<double>(config_.rotary_size);
      if (!(found.frequencies[k] > 0)) throw unknown("only");
      above -= x * std::log(found.frequencies[k]);
      below += x * x;
    }
    const double theta = below > 0 ? std::exp(above / below) : default_theta;
    if (!(theta >= 1 && theta <= 1e15)) throw unknown("only");
    constexpr int most_digits = 9;
    for (int digits = 1; digits <= most_digits; ++digits) {
      config_.rope_theta = rounded(theta, digits);
      if (config_.rope_theta >= 1 && fits(cache, false)) return;
    }
    throw unknown("only");
  }

  // Theta and factors are known by their product alone, which is all that is computed with; theta is taken for the published models'. The
  // shortest decimal number is meant that lies within what the fit leaves open: the table's rounding over the root of the positions.
  std::vector<float> factors(const OnnxRotaryCache& cache, const OnnxFrequencies& found, bool plain) const {
    const double rounding = cache.cosines.dtype == DType::F32 ? 0 : cache.cosines.dtype == DType::F16 ? 1e-3 : 8e-3;
    const auto positions = static_cast<double>(cache.positions());
    std::vector<float> out;
    for (size_t k = 0; k < found.frequencies.size(); ++k) {
      const double power = std::pow(config_.rope_theta, static_cast<double>(2 * k) / static_cast<double>(config_.rotary_size));
      const double factor = 1 / (found.frequencies[k] * power);
      if (!(factor >= 1e-6 && factor <= 1e9)) throw unknown("short or long");
      const double near = std::max(3e-7, rounding / (found.frequencies[k] * positions * std::sqrt(std::min(positions, 4096.0))));
      double best = factor;
      for (int digits = 6; digits >= 1 && plain; --digits)
        if (const double candidate = rounded(factor, digits); std::fabs(candidate - factor) <= near * factor) best = candidate;
      out.push_back(static_cast<float>(best));
    }
    return out;
  }

  bool fits_both() const { return fits(rotation_.short_cache, false) && fits(*rotation_.long_cache, true); }

  void find_long(OrderedJson& json, int64_t context) {
    const OnnxFrequencies near = onnx_frequencies(rotation_.short_cache), far = onnx_frequencies(*rotation_.long_cache);
    LongRope rope{{}, {}, 1, *rotation_.long_limit};
    const double ratio = static_cast<double>(context) / static_cast<double>(rope.original_context);
    const double usual = ratio > 1 ? std::sqrt(1 + std::log(ratio) / std::log(static_cast<double>(rope.original_context))) : 1;
    const bool is_usual = std::fabs(near.factor - usual) < (rotation_.short_cache.cosines.dtype == DType::F32 ? 1e-5 : 2e-3);
    rope.attention_factor = static_cast<float>(is_usual ? usual : near.factor);
    for (const bool plain : {true, false}) {
      rope.short_factors = factors(rotation_.short_cache, near, plain);
      rope.long_factors = factors(*rotation_.long_cache, far, plain);
      config_.long_rope = rope;
      if (fits_both()) break;
    }
    if (!fits_both()) throw unknown(fits(rotation_.short_cache, false) ? "long" : "short");
    OrderedJson described = {{"type", "longrope"}, {"short_factor", OrderedJson::array()}, {"long_factor", OrderedJson::array()}};
    for (const float factor : rope.short_factors) described["short_factor"].push_back(shortest(factor));
    for (const float factor : rope.long_factors) described["long_factor"].push_back(shortest(factor));
    if (!is_usual) described["attention_factor"] = shortest(rope.attention_factor);
    json["original_max_position_embeddings"] = rope.original_context;
    json["rope_scaling"] = std::move(described);
  }

  const OnnxRotation& rotation_;
  const std::string& file_;
  ModelConfig config_{};
};

}  // namespace

void check_onnx_network(const OnnxNetwork& network, const ModelConfig& config, const std::string& file, std::vector<std::string>& notes) { Check(network, config, file, notes).run(); }

OrderedJson made_config(const OnnxNetwork& network, const GenaiConfig& genai, const std::string& file) {
  OrderedJson json = {{"architectures", {"Phi3ForCausalLM"}},
                      {"model_type", "phi3"},
                      {"vocab_size", network.vocabulary},
                      {"hidden_size", network.hidden_size},
                      {"intermediate_size", network.intermediate_size},
                      {"num_hidden_layers", network.layers},
                      {"num_attention_heads", network.heads},
                      {"num_key_value_heads", network.kv_heads},
                      {"hidden_act", "silu"},
                      {"max_position_embeddings", genai.context},
                      {"original_max_position_embeddings", genai.context},
                      {"rms_norm_eps", shortest(network.epsilon)},
                      {"rope_scaling", nullptr},
                      {"sliding_window", nullptr},
                      {"tie_word_embeddings", network.tied}};
  if (network.head_size * network.heads != network.hidden_size) json["head_dim"] = network.head_size;
  if (const auto window = network.window ? network.window : genai.window) json["sliding_window"] = *window;
  for (const char* token : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (const JsonObject model = genai.model_object(); model.has(token)) json[token] = *model.find(token);
  RopeFinder(network, file).add_to(json, genai.context);
  return json;
}

}  // namespace philo
