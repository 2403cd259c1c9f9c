#include "model/fingerprint.h"

#include <algorithm>
#include <span>

#include "base/hash.h"

namespace philo {
namespace {

constexpr size_t sample_bytes = 64;

void add_samples(Hash& hash, std::span<const std::byte> bytes) {
  const size_t size = std::min(sample_bytes, bytes.size());
  for (const size_t from : {size_t{0}, (bytes.size() - size) / 2, bytes.size() - size}) hash.add(bytes.subspan(from, size));
}

}  // namespace

std::string fingerprint(const Plan& plan) {
  Hash hash;
  hash.add(plan_text(plan));
  hash.add("epsilon " + std::to_string(plan.config.rms_epsilon * 1e9f) + ", window " + std::to_string(plan.config.window.value_or(0)));
  for (const bool long_factors : {false, true}) {
    if (long_factors && !plan.config.long_rope) continue;
    const std::vector<float> frequencies = rope_frequencies(plan.config, long_factors);
    hash.add(std::as_bytes(std::span(frequencies)));
  }
  if (plan.config.long_rope)
    hash.add(std::to_string(plan.config.long_rope->attention_factor) + " " + std::to_string(plan.config.long_rope->original_context));
  for (const auto& weight : plan.weights)
    for (const Segment& segment : weight->segments)
      add_samples(hash, segment.coded != nullptr ? segment.coded->codes.bytes : segment.values->bytes);
  return hash.text();
}

}  // namespace philo
