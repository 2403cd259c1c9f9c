// The numbers that define a dense Phi-3-class network. Every one comes from config.json; nothing is assumed from a model's name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace philo {

// LongRoPE (phi3-spec §2.1): two sets of divisors for the rotary frequencies and one factor on cos and sin.
struct LongRope {
  std::vector<float> short_factors, long_factors;  // (rotary_size / 2) each
  float attention_factor;                          // on cos and sin, for short and long alike
  int64_t original_context;                        // sequences longer than this take the long factors
};

struct ModelConfig {
  int64_t hidden_size;
  int64_t intermediate_size;
  int64_t layers;
  int64_t heads;
  int64_t kv_heads;
  int64_t head_size;
  int64_t rotary_size;   // leading dimensions of a head that are rotated; even
  int64_t vocabulary;    // rows of the embedding and of the logits
  int64_t context;       // max_position_embeddings
  std::optional<int64_t> window;  // sliding window: key j is visible to query q where q - window < j <= q
  double rope_theta;
  std::optional<LongRope> long_rope;
  float rms_epsilon;
  bool tied;             // the head is the embedding

  int64_t q_size() const { return heads * head_size; }
  int64_t kv_size() const { return kv_heads * head_size; }
  // Which LongRoPE factors a sequence of this many tokens takes.
  bool long_factors(size_t sequence_tokens) const {
    return long_rope && sequence_tokens > static_cast<size_t>(long_rope->original_context);
  }
};

// Reads and checks a config.json. Throws ErrorCode::Input naming the key for contradictions and absurd numbers, and, for models of
// another architecture (phi3small, phimoe, Phi-3-vision, Phi-4-multimodal, llama, …), naming that architecture.
ModelConfig parse_config(const Json& json, const std::string& file);

// Rotary frequencies, radians per position, (rotary_size / 2): 1 / (factor_k * theta^(2k / rotary_size)), computed as transformers
// does in float32.
std::vector<float> rope_frequencies(const ModelConfig& config, bool long_factors);

}  // namespace philo
