// From logits to the next token: transformers' processors in transformers' order, and log-probabilities.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/token.h"

namespace philo {

struct SamplingOptions {
  bool do_sample = false;  // false: greedy; everything but the repetition penalty is then unused
  double temperature = 1.0;
  int64_t top_k = 50;      // 0: off
  double top_p = 1.0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
  uint64_t seed = 0;
};

// Sets logits that may not be chosen to minus infinity; runs before every processor. For constrained output.
using MaskHook = std::function<void(std::span<const Token> history, std::span<float> logits)>;

struct TokenLogprob {
  Token token;
  float logprob;  // natural logarithm, of the model's own distribution before any processor
};

struct Choice {
  Token token;
  float logprob;
  std::vector<TokenLogprob> top;  // the most likely tokens, best first, as many as were asked for
};

// Throws ErrorCode::Usage for values out of range, naming the option.
void check(const SamplingOptions& options);

class Sampler {
 public:
  explicit Sampler(SamplingOptions options, MaskHook mask = {});

  // Chooses the token at position history.size(). `logits` (vocabulary) is used as scratch. The random number of a position depends on
  // seed and position alone, so a choice does not depend on how tokens were batched. Ties go to the lowest id.
  // Throws ErrorCode::Failed where the logits are not finite (all minus infinity or NaN).
  Choice choose(std::span<const Token> history, std::span<float> logits, size_t top_logprobs = 0);

 private:
  SamplingOptions options_;
  MaskHook mask_;
  std::vector<Token> order_;
  std::vector<uint8_t> seen_;
};

}  // namespace philo
