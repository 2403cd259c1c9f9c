// The normalizer of a softmax, for log-probabilities.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace philo {

// log(sum of exp(x)) in double, so that a logit minus it is a log-probability; not a finite number where the logits are
// not.
inline double log_sum_exp(std::span<const float> logits) {
  float best = -std::numeric_limits<float>::infinity();
  for (const float logit : logits) best = std::max(best, logit);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - static_cast<double>(best));
  return static_cast<double>(best) + std::log(sum);
}

}  // namespace philo
