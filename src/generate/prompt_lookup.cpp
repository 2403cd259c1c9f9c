// The index over the history, and the choice of the length.
#include "generate/prompt_lookup.h"

#include <algorithm>

namespace philo {
namespace {

constexpr size_t most_candidates = 32, longest_match = 16;

uint64_t key_of(Token first, Token second) {
  return static_cast<uint64_t>(static_cast<uint32_t>(first)) << 32 | static_cast<uint32_t>(second);
}

// Matches of 2, 3, 4 to 5, 6 to 9 and more tokens.
size_t kind_of(size_t length) { return length < 4 ? length - 2 : length < 6 ? 2 : length < 10 ? 3 : 4; }

// Before anything is known: how often the continuation of such a match is right, and how many cases that weighs.
constexpr std::array prior_right{0.3, 0.45, 0.6, 0.75, 0.85};
constexpr double prior_weight = 3;

constexpr double newest_share = 0.2;     // of a new measurement in a mean
constexpr double kept_when_learned = 0.95, kept_when_unused = 0.99;
constexpr double least_gain = 1.03;      // below that a guess is not worth the risk
constexpr double column_cost = 0.08;     // of one token more in a pass, in passes over one token, until it was measured

}  // namespace

void PromptLookup::index(std::span<const Token> history) {
  if (indexed_.size() > history.size() || !std::equal(indexed_.begin(), indexed_.end(), history.begin())) {
    indexed_.clear();
    newest_.clear();
    older_.clear();
  }
  // A pair is known once its follower is; so the newest pair never finds itself.
  for (size_t follower = indexed_.size(); follower < history.size(); ++follower) {
    older_.push_back(0);
    if (follower < 2) continue;
    size_t& newest = newest_[key_of(history[follower - 2], history[follower - 1])];
    older_[follower] = newest;
    newest = follower;
  }
  indexed_.insert(indexed_.end(), history.begin() + static_cast<std::ptrdiff_t>(indexed_.size()), history.end());
}

PromptLookup::Match PromptLookup::find() const {
  const size_t size = indexed_.size();
  if (size < 3) return {};
  const auto newest = newest_.find(key_of(indexed_[size - 2], indexed_[size - 1]));
  if (newest == newest_.end()) return {};
  Match best;
  size_t follower = newest->second;
  for (size_t candidate = 0; candidate < most_candidates && follower != 0; ++candidate, follower = older_[follower]) {
    size_t length = 2;
    while (length < std::min(follower, longest_match) && indexed_[follower - 1 - length] == indexed_[size - 1 - length]) ++length;
    if (length > best.length) best = {follower, length};
    if (length == longest_match) break;
  }
  return best;
}

// Between two measured numbers of tokens the cost lies on a line; beyond the last one it rises as it did up to there.
double PromptLookup::cost(size_t tokens) const {
  size_t below = 1, above = 0;
  for (size_t measured = 2; measured < cost_.size(); ++measured) {
    if (cost_[measured] == 0) continue;
    if (measured <= tokens) below = measured;
    if (measured >= tokens) {
      above = measured;
      break;
    }
  }
  const double low = below == 1 ? 1 : cost_[below];
  if (below == tokens) return low;
  const double beyond = static_cast<double>(tokens - below);
  if (above != 0) return low + (cost_[above] - low) * beyond / static_cast<double>(above - below);
  const double slope = below == 1 ? column_cost : std::max(0.0, low - 1) / static_cast<double>(below - 1);
  return low + slope * beyond;
}

// The number of guesses whose pass yields the most tokens for its time; 0 where none beats plain decoding.
size_t PromptLookup::best_length(size_t kind, size_t at_most) const {
  const Record& record = records_[kind];
  const double right = (record.right + prior_weight * prior_right[kind]) / (record.checked + prior_weight);
  double expected = 1, likely = 1, best_rate = least_gain;
  size_t best = 0;
  for (size_t length = 1; length <= at_most; ++length) {
    likely *= right;
    expected += likely;
    const double rate = expected / cost(length + 1);
    if (rate <= best_rate) continue;
    best_rate = rate;
    best = length;
  }
  return best;
}

std::vector<Token> PromptLookup::guess(std::span<const Token> history, size_t at_most) {
  kind_ = kinds;
  index(history);
  const Match match = find();
  if (match.follower == 0) return {};
  const size_t kind = kind_of(match.length);
  const size_t length = best_length(kind, std::min(at_most, most_guesses));
  if (length == 0) {
    // What was learned fades, so that a new kind of text gets its chance.
    records_[kind].right *= kept_when_unused;
    records_[kind].checked *= kept_when_unused;
    return {};
  }
  kind_ = kind;
  // Where the history ends, what was guessed of it goes on: a text that repeats itself.
  std::vector<Token> guesses;
  for (size_t at = match.follower; guesses.size() < length; ++at)
    guesses.push_back(at < history.size() ? history[at] : guesses[at - history.size()]);
  return guesses;
}

void PromptLookup::learn(size_t guessed, size_t agreed, double milliseconds) {
  const auto mean = [](double& value, double measured) {
    value = value == 0 ? measured : value + newest_share * (measured - value);
  };
  if (guessed == 0) {
    mean(single_ms_, milliseconds);
  } else if (guessed + 1 < cost_.size() && single_ms_ > 0) {
    mean(cost_[guessed + 1], milliseconds / single_ms_);
  }
  if (guessed == 0 || kind_ == kinds) return;
  Record& record = records_[kind_];
  record.right = record.right * kept_when_learned + static_cast<double>(agreed);
  record.checked = record.checked * kept_when_learned + static_cast<double>(std::min(agreed + 1, guessed));
}

}  // namespace philo
