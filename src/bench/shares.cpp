// Counts bytes and operations of passes and holds them against the measured limits.
#include "bench/shares.h"

#include <algorithm>

#include "machine/limits.h"

namespace philo {
namespace {

std::optional<double> share_of(double rate, double limit) {
  return rate > 0 && limit > 0 ? std::optional(rate / limit) : std::nullopt;
}

}  // namespace

size_t kv_bytes_per_token(const ModelConfig& config, KvFormat format) {
  const auto heads = static_cast<size_t>(config.layers * 2 * config.kv_heads);
  const auto size = static_cast<size_t>(config.head_size);
  switch (format) {
    case KvFormat::Fp32:
      return heads * size * 4;
    case KvFormat::Fp16:
      return heads * size * 2;
    case KvFormat::Int8:
      return heads * (size + 4);  // and a scale
  }
  return 0;
}

double pass_bytes(const Traits& traits, const ModelConfig& config, KvFormat format, double tokens, size_t sessions) {
  if (config.window) tokens = std::min(tokens, static_cast<double>(*config.window));
  return static_cast<double>(traits.weight_bytes) +
         static_cast<double>(sessions) * tokens * static_cast<double>(kv_bytes_per_token(config, format));
}

double prefill_operations(const Plan& plan, size_t tokens, size_t sessions) {
  double of_each_token = 0, after_attention = 0;
  for (const Step& step : plan.steps) {
    if (step.op == Op::Attend) after_attention = 0;
    if (step.op != Op::Linear) continue;
    const double operations = 2 * static_cast<double>(step.weight->rows) * static_cast<double>(step.weight->columns);
    of_each_token += operations;
    after_attention += operations;
  }
  of_each_token -= after_attention;
  return of_each_token * static_cast<double>(tokens) + after_attention * static_cast<double>(sessions);
}

Shares shares_of_limits(const Traits& traits, double bytes_per_s, double operations_per_s) {
  const MachineLimits limits = known_limits(traits.threads).value_or(MachineLimits{});
  const ComputePeak* const peak = find_peak(limits.peaks, traits.isa);
  Shares shares;
  shares.bandwidth = share_of(bytes_per_s * 1e-9, limits.read_gb_per_s);
  if (peak == nullptr) return shares;
  if (traits.int8_products)
    shares.int8_peak = share_of(operations_per_s * 1e-9, peak->int8_gop_per_s);
  else
    shares.fp32_peak = share_of(operations_per_s * 1e-9, peak->fp32_gflop_per_s);
  return shares;
}

}  // namespace philo
