// The processors' arithmetic follows transformers 5.5 (generation/logits_process.py) in float32, with sums in double as
// torch's cumsum has them, so that the kept sets agree on exact ties too.
#include "generate/sampler.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>

#include "base/error.h"
#include "base/log_sum_exp.h"

namespace philo {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

// Best first. Ties: highest id first, which is the reverse of torch's stable ascending sort, so that top_p removes low
// ids first.
bool ranks_before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token > b.token;
}

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

struct Scan {
  float best = minus_infinity;
  bool all_ordered = true;  // no NaN and no plus infinity
};

// One pass in eight lanes, which compilers turn into vector code without reordering rules being relaxed.
Scan scan(std::span<const float> logits) {
  constexpr size_t lanes = 8;
  std::array<float, lanes> best;
  best.fill(minus_infinity);
  std::array<uint32_t, lanes> wrong{};
  const size_t whole = logits.size() / lanes * lanes;
  for (size_t i = 0; i < whole; i += lanes) {
    for (size_t lane = 0; lane < lanes; ++lane) {
      const float logit = logits[i + lane];
      best[lane] = logit > best[lane] ? logit : best[lane];
      wrong[lane] |= logit <= FLT_MAX ? 0u : 1u;
    }
  }
  Scan result;
  for (size_t lane = 0; lane < lanes; ++lane) {
    result.best = std::max(result.best, best[lane]);
    if (wrong[lane] != 0) result.all_ordered = false;
  }
  for (size_t i = whole; i < logits.size(); ++i) {
    result.best = logits[i] > result.best ? logits[i] : result.best;
    if (!(logits[i] <= FLT_MAX)) result.all_ordered = false;
  }
  return result;
}

// The largest logit; throws where there is none to choose from.
float best_of(std::span<const float> logits, size_t position, const char* when) {
  const Scan found = scan(logits);
  if (!found.all_ordered) {
    const auto wrong = std::find_if(logits.begin(), logits.end(), [](float logit) { return !(logit <= FLT_MAX); });
    throw Error(ErrorCode::Failed,
                "the logit of token " + std::to_string(wrong - logits.begin()) + " at position " +
                    std::to_string(position) + " is " + (std::isnan(*wrong) ? "not a number" : "infinite") + " " +
                    when + ", so no token can be chosen; try a wider weight or cache format, or a higher temperature");
  }
  if (found.best == minus_infinity) {
    throw Error(ErrorCode::Failed, "no token may be chosen at position " + std::to_string(position) +
                                       ": every logit is minus infinity " + when);
  }
  return found.best;
}

float kth_largest(std::span<const float> logits, size_t k) {
  std::vector<float> heap(logits.begin(),
                          logits.begin() + static_cast<std::ptrdiff_t>(k));  // its smallest value in front
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  for (const float logit : logits.subspan(k)) {
    if (logit <= heap.front()) continue;
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    heap.back() = logit;
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }
  return heap.front();
}

std::vector<Candidate> at_least(std::span<const float> logits, float threshold) {
  std::vector<Candidate> kept;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= threshold && logits[i] != minus_infinity) kept.push_back({static_cast<Token>(i), logits[i]});
  }
  return kept;
}

double weight_of(float logit, float best) { return std::exp(static_cast<double>(logit) - static_cast<double>(best)); }

// The best candidates of a distribution, sorted, and the weight exp(logit - best) of the whole and of what was left
// out.
struct Head {
  std::vector<Candidate> candidates;
  double total = 0;
  double rest = 0;
};

// The shortest head (up to one bucket) that carries the share `mass` of the distribution. A histogram over the distance
// to the best logit spares sorting the whole vocabulary.
Head head_of(std::span<const float> logits, float best, double mass) {
  constexpr size_t buckets = 512;
  constexpr float buckets_per_unit = 8;
  const auto bucket_of = [&](float logit) {
    return static_cast<size_t>(std::min((best - logit) * buckets_per_unit, static_cast<float>(buckets - 1)));
  };
  std::vector<double> weights(buckets, 0.0);
  for (const float logit : logits) weights[bucket_of(logit)] += weight_of(logit, best);

  Head head;
  for (const double weight : weights) head.total += weight;
  double taken = 0;
  size_t last = 0;
  for (; last < buckets; ++last) {
    taken += weights[last];
    if (taken >= mass * head.total && mass < 1) break;
  }
  for (size_t bucket = last + 1; bucket < buckets; ++bucket) head.rest += weights[bucket];
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] != minus_infinity && bucket_of(logits[i]) <= last)
      head.candidates.push_back({static_cast<Token>(i), logits[i]});
  }
  std::sort(head.candidates.begin(), head.candidates.end(), ranks_before);
  return head;
}

Head head_of(std::vector<Candidate> candidates) {
  Head head{std::move(candidates)};
  std::sort(head.candidates.begin(), head.candidates.end(), ranks_before);
  for (const Candidate& candidate : head.candidates) head.total += weight_of(candidate.logit, head.candidates[0].logit);
  return head;
}

void keep_top_p(Head& head, double top_p) {
  const float limit = static_cast<float>(1 - top_p);
  const float best = head.candidates[0].logit;
  double cumulative = head.rest / head.total;
  size_t kept = head.candidates.size();
  for (; kept > 1; --kept) {
    cumulative += static_cast<float>(weight_of(head.candidates[kept - 1].logit, best)) / static_cast<float>(head.total);
    if (static_cast<float>(cumulative) > limit) break;
  }
  head.candidates.resize(kept);
}

// Probabilities below min_p times the largest go; both share the softmax's divisor.
void keep_min_p(std::vector<Candidate>& candidates, double min_p) {
  const float best = candidates[0].logit;
  const auto end = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
    return static_cast<float>(weight_of(candidate.logit, best)) < static_cast<float>(min_p);
  });
  candidates.erase(end, candidates.end());
}

// The kept candidates, at least the best that carry the share `mass` where no processor limits them.
Head kept_head(std::span<const float> logits, float best, const SamplingOptions& options, double mass) {
  const size_t top_k = static_cast<size_t>(options.top_k);
  const bool limits_k = top_k != 0 && top_k < logits.size();
  const bool limits_p = options.top_p < 1;
  Head head;
  if (limits_k) {
    head = head_of(at_least(logits, kth_largest(logits, top_k)));
  } else if (limits_p) {
    head = head_of(logits, best, options.top_p + 1e-6);  // more than needed by what float32 can round
  } else if (options.min_p > 0) {
    head = head_of(at_least(logits, best + static_cast<float>(std::log(options.min_p)) - 1e-3f));
  } else {
    return head_of(logits, best, mass);
  }
  if (limits_p) keep_top_p(head, options.top_p);
  if (options.min_p > 0) keep_min_p(head.candidates, options.min_p);
  return head_of(std::move(head.candidates));
}

// Inverse of the cumulative distribution, best first.
Token draw(const Head& head, double uniform) {
  const float best = head.candidates[0].logit;
  const double target = uniform * head.total;
  double cumulative = 0;
  Token drawn = head.candidates[0].token;
  for (const Candidate& candidate : head.candidates) {
    const double weight = weight_of(candidate.logit, best);
    if (weight == 0) break;
    drawn = candidate.token;
    cumulative += weight;
    if (cumulative > target) break;
  }
  return drawn;
}

std::vector<TokenLogprob> most_likely(std::span<const float> logits, double normalizer, size_t count) {
  count = std::min(count, logits.size());
  std::vector<Candidate> best = at_least(logits, kth_largest(logits, count));
  std::sort(best.begin(), best.end(), [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  });
  best.resize(std::min(best.size(), count));
  std::vector<TokenLogprob> result;
  result.reserve(best.size());
  for (const Candidate& candidate : best) {
    result.push_back({candidate.token, static_cast<float>(static_cast<double>(candidate.logit) - normalizer)});
  }
  return result;
}

// SplitMix64's finalizer (Steele, Lea, Flood 2014): a bijection whose every output bit depends on every input bit.
uint64_t mixed(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

}  // namespace

void check(const SamplingOptions& options) {
  if (!(options.repetition_penalty > 0) || !std::isfinite(options.repetition_penalty)) {
    throw usage_error("repetition_penalty is " + number_text(options.repetition_penalty) +
                      ", but must be above 0; 1 switches it off");
  }
  if (!options.do_sample) return;
  if (!(options.temperature >= 1e-30) || !std::isfinite(options.temperature)) {
    throw usage_error("temperature is " + number_text(options.temperature) +
                      ", but must be above 0 when do_sample is on; leave do_sample off for greedy decoding");
  }
  if (options.top_k < 0)
    throw usage_error("top_k is " + std::to_string(options.top_k) + ", but must be 0 (off) or above");
  if (!(options.top_p >= 0 && options.top_p <= 1)) {
    throw usage_error("top_p is " + number_text(options.top_p) + ", but must be between 0 and 1; 1 switches it off");
  }
  if (!(options.min_p >= 0 && options.min_p <= 1)) {
    throw usage_error("min_p is " + number_text(options.min_p) + ", but must be between 0 and 1; 0 switches it off");
  }
}

double uniform_number(uint64_t seed, uint64_t position) {
  constexpr uint64_t golden_ratio = 0x9e3779b97f4a7c15u;  // 2^64 / phi, odd
  const uint64_t bits = mixed(mixed(seed + golden_ratio) + (position + 1) * golden_ratio);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

Sampler::Sampler(SamplingOptions options, MaskHook mask) : options_(options), mask_(std::move(mask)) {
  check(options_);
}

void Sampler::penalize_repetition(std::span<const Token> history, std::span<float> logits) {
  const float penalty = static_cast<float>(options_.repetition_penalty);
  seen_.resize(logits.size(), 0);
  const auto inside = [&](Token token) { return token >= 0 && static_cast<size_t>(token) < logits.size(); };
  for (const Token token : history) {
    if (!inside(token) || seen_[static_cast<size_t>(token)] != 0) continue;
    seen_[static_cast<size_t>(token)] = 1;
    float& logit = logits[static_cast<size_t>(token)];
    logit = logit < 0 ? logit * penalty : logit / penalty;
  }
  for (const Token token : history) {
    if (inside(token)) seen_[static_cast<size_t>(token)] = 0;
  }
}

void Sampler::prepare(std::span<const Token> history, std::span<float> logits) {
  if (mask_) mask_(history, logits);
  if (options_.repetition_penalty != 1) penalize_repetition(history, logits);
  if (!options_.do_sample || options_.temperature == 1) return;
  const float temperature = static_cast<float>(options_.temperature);
  for (float& logit : logits) logit /= temperature;
}

std::vector<Candidate> Sampler::process(std::span<const Token> history, std::span<float> logits) {
  prepare(history, logits);
  const float best = best_of(logits, history.size(), "after mask, repetition penalty and temperature");
  if (!options_.do_sample) return head_of(at_least(logits, minus_infinity)).candidates;
  return kept_head(logits, best, options_, 1).candidates;
}

Choice Sampler::choose(std::span<const Token> history, std::span<float> logits, size_t top_logprobs) {
  if (logits.empty()) throw Error(ErrorCode::Failed, "there are no logits to choose from");
  best_of(logits, history.size(), "as computed");
  Choice choice;
  double normalizer = 0;
  std::vector<float> own;  // the model's distribution, kept from the processors
  if (top_logprobs > 0) {
    normalizer = log_sum_exp(logits);
    choice.top = most_likely(logits, normalizer, top_logprobs);
    own.assign(logits.begin(), logits.end());
  }
  prepare(history, logits);
  const float best = best_of(logits, history.size(), "after mask, repetition penalty and temperature");
  if (options_.do_sample) {
    const double uniform = uniform_number(options_.seed, history.size());
    choice.token = draw(kept_head(logits, best, options_, uniform + 1e-9), uniform);
  } else {
    choice.token = static_cast<Token>(std::find(logits.begin(), logits.end(), best) - logits.begin());
  }
  if (top_logprobs > 0)
    choice.logprob = static_cast<float>(static_cast<double>(own[static_cast<size_t>(choice.token)]) - normalizer);
  return choice;
}

}  // namespace philo
