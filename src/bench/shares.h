// What a pass over a network reads and computes, and which shares of the machine's limits that is.
#pragma once

#include <optional>

#include "device/device.h"

namespace philo {

// Keys and values of one token in all layers.
size_t kv_bytes_per_token(const ModelConfig& config, KvFormat format);

// Bytes of weights, keys and values that a decoding pass reads for `sessions` conversations of so many tokens each.
double pass_bytes(const Traits& traits, const ModelConfig& config, KvFormat format, double tokens, size_t sessions = 1);

// Multiplications and additions of the Linear steps that prefilling so many tokens takes. What follows the last
// attention is needed for the last token of each session only.
double prefill_operations(const Plan& plan, size_t tokens, size_t sessions = 1);

struct Shares {
  std::optional<double> bandwidth;  // of the memory's measured read bandwidth
  std::optional<double> int8_peak;  // where Linear steps multiply 8 bit integers
  std::optional<double> fp32_peak;  // where they multiply float32
};

// Nothing where a rate is 0 or the process does not know the limit for the network's threads yet.
Shares shares_of_limits(const Traits& traits, double bytes_per_s, double operations_per_s);

}  // namespace philo
