// Perplexity of a text.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "device/device.h"

namespace philo {

struct ScoreOptions {
  size_t context = 0;   // tokens of one window; 0: the network's own limit
  size_t stride = 0;    // tokens by which the next window starts later; 0: half the context
  Progress progress{};  // tokens done; may be empty
  // Sees each row of logits in order, the last token's too, where the text fits into one window: position and
  // (vocabulary). Not called for longer texts. May be empty.
  std::function<void(size_t position, std::span<const float> logits)> on_logits{};
};

struct Score {
  size_t tokens = 0;
  size_t scored_tokens = 0;                 // the first token is not scored
  double mean_negative_log_likelihood = 0;  // natural logarithm
  double perplexity = 0;                    // its exponential
};

// Texts longer than the context are cut into windows that start every `stride` tokens; each window is a sequence of its
// own from position 0, and only tokens that no earlier window scored are scored. Throws ErrorCode::Input for fewer than
// two tokens and for ids outside the vocabulary, ErrorCode::Usage for a context or stride that does not fit,
// ErrorCode::Stopped where `progress` says so.
Score score(const Network& network, const ModelConfig& config, std::span<const Token> tokens,
            const ScoreOptions& options);

}  // namespace philo
