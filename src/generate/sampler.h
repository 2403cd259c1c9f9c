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
  int64_t top_k = 50;  // 0: off
  double top_p = 1.0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
  uint64_t seed = 0;
};

// Sets logits that may not be chosen to minus infinity; runs before every processor. For constrained output.
using MaskHook = std::function<void(std::span<const Token> history, std::span<float> logits)>;

struct TokenLogprob {
  Token token;
  float logprob;  // natural logarithm, of the model's own distribution before mask and processors
};

struct Choice {
  Token token = 0;
  float logprob = 0;              // as TokenLogprob's; computed only where top_logprobs > 0
  std::vector<TokenLogprob> top;  // the most likely tokens, best first, as many as were asked for
};

// A token that may be drawn, with its logit after every processor.
struct Candidate {
  Token token;
  float logit;
};

// Throws ErrorCode::Usage for values out of range, naming the option. What greedy decoding leaves unused is not looked
// at.
void check(const SamplingOptions& options);

// The random number of a position, in [0, 1): a function of seed and position alone, the same on every machine.
double uniform_number(uint64_t seed, uint64_t position);

class Sampler {
 public:
  explicit Sampler(SamplingOptions options, MaskHook mask = {});  // checks the options

  // Chooses the token at position history.size(). `logits` (vocabulary) is used as scratch. A choice does not depend on
  // how tokens were batched, because its random number is that of its position. Greedy ties go to the lowest id. Throws
  // ErrorCode::Failed where logits are NaN or plus infinity, or where none is left that may be chosen.
  Choice choose(std::span<const Token> history, std::span<float> logits, size_t top_logprobs = 0);

  // What the processors leave of `logits` (scratch), best first; its softmax is what choose() draws from when it
  // samples. Order: mask, repetition penalty (once for each distinct id of the history), then, if sampling,
  // temperature, top_k (ties at the k-th largest survive), top_p (from the least likely up, ties from the lowest id up
  // as torch's stable sort has them, those are removed whose cumulative probability is at most 1 - top_p), min_p.
  std::vector<Candidate> process(std::span<const Token> history, std::span<float> logits);

 private:
  void prepare(std::span<const Token> history, std::span<float> logits);
  void penalize_repetition(std::span<const Token> history, std::span<float> logits);

  SamplingOptions options_;
  MaskHook mask_;
  std::vector<uint8_t> seen_;  // by token, all zero between calls
};

}  // namespace philo
