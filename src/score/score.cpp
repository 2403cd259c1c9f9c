// Feeds the windows in passes of bounded size and sums the losses in double.
#include "score/score.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "base/log_sum_exp.h"

namespace philo {
namespace {

constexpr size_t most_logits_bytes = size_t{64} << 20;  // of one pass

void check_lengths(size_t context, size_t stride, size_t most) {
  if (context < 2 || context > most) {
    throw usage_error("the context is " + std::to_string(context) + " tokens, but must be 2 to " +
                      std::to_string(most));
  }
  if (stride == 0 || stride >= context) {
    throw usage_error("the stride is " + std::to_string(stride) + " tokens, but must be 1 to " +
                      std::to_string(context - 1) + ", so that each window overlaps the one before");
  }
}

void check_tokens(std::span<const Token> tokens, int64_t vocabulary) {
  if (tokens.size() < 2) {
    throw Error(ErrorCode::Input, "the text has " + std::to_string(tokens.size()) +
                                      " tokens, but scoring needs at least 2: the first one is not scored");
  }
  const auto wrong =
      std::find_if(tokens.begin(), tokens.end(), [&](Token token) { return token < 0 || token >= vocabulary; });
  if (wrong == tokens.end()) return;
  throw Error(ErrorCode::Input,
              "token " + std::to_string(*wrong) + " at position " + std::to_string(wrong - tokens.begin()) +
                  " is not in the model's vocabulary, which ends before " + std::to_string(vocabulary));
}

// Runs one window after the other and adds up what their logits say about the tokens that follow.
class Scorer {
 public:
  Scorer(const Network& network, size_t vocabulary, std::span<const Token> tokens, const ScoreOptions& options)
      : network_(network), traits_(network.traits()), tokens_(tokens), options_(options) {
    rows_ = std::max<size_t>(1, std::min(traits_.turn_tokens, most_logits_bytes / (sizeof(float) * vocabulary)));
    if (!traits_.all_rows) rows_ = 1;
  }

  // Scores the tokens from `first_scored` to the window's end; rows that no token needs are not asked for, unless all
  // are wanted.
  void window(size_t begin, size_t end, size_t first_scored, bool wants_all) {
    wants_all_ = wants_all;
    const std::unique_ptr<Session> session = network_.open(end - begin);
    const size_t first_row = wants_all ? begin : first_scored - 1;
    const size_t last = wants_all ? end : end - 1;  // the last token's row predicts nothing
    for (size_t position = begin; position < last;) {
      const bool silent = position < first_row;
      const size_t most = silent ? std::min(std::max<size_t>(traits_.turn_tokens, 1), first_row - position) : rows_;
      const size_t count = std::min(most, last - position);
      const Rows rows = silent ? Rows::None : traits_.all_rows ? Rows::All : Rows::Last;
      const std::array<Turn, 1> turns = {Turn{session.get(), tokens_.subspan(position, count), rows, end - begin}};
      network_.forward(turns, logits_);
      for (size_t row = 0; row < count && !silent; ++row) add(position + row, logits_.row(row));
      position += count;
      done_ = std::max(done_, std::min(position + 1, end));  // windows overlap
      report();
    }
  }

  Score result() const {
    Score score;
    score.tokens = tokens_.size();
    score.scored_tokens = scored_;
    score.mean_negative_log_likelihood = sum_ / static_cast<double>(scored_);
    score.perplexity = std::exp(score.mean_negative_log_likelihood);
    return score;
  }

 private:
  void add(size_t position, std::span<const float> logits) {
    if (wants_all_) options_.on_logits(position, logits);
    if (position + 1 >= tokens_.size()) return;
    const double logit = static_cast<double>(logits[static_cast<size_t>(tokens_[position + 1])]);
    const double loss = log_sum_exp(logits) - logit;
    if (!std::isfinite(loss)) {
      throw Error(ErrorCode::Failed,
                  "the logits at position " + std::to_string(position) +
                      " are not finite, so nothing can be scored; try a wider weight or cache format");
    }
    sum_ += loss;
    ++scored_;
  }

  void report() const {
    if (options_.progress && !options_.progress("score", done_, tokens_.size())) {
      throw Error(ErrorCode::Stopped,
                  "stopped after " + std::to_string(done_) + " of " + std::to_string(tokens_.size()) + " tokens");
    }
  }

  const Network& network_;
  const Traits traits_;
  std::span<const Token> tokens_;
  const ScoreOptions& options_;
  size_t rows_;  // of logits in one pass
  Logits logits_;
  double sum_ = 0;
  size_t scored_ = 0;
  size_t done_ = 0;  // tokens, for the progress
  bool wants_all_ = false;
};

}  // namespace

Score score(const Network& network, const ModelConfig& config, std::span<const Token> tokens,
            const ScoreOptions& options) {
  const size_t most = network.traits().context;
  const size_t context = options.context == 0 ? most : options.context;
  const size_t stride = options.stride == 0 ? context / 2 : options.stride;
  check_tokens(tokens, config.vocabulary);
  check_lengths(context, stride, most);
  Scorer scorer(network, static_cast<size_t>(config.vocabulary), tokens, options);
  const bool one_window = tokens.size() <= context;
  size_t first_scored = 1;
  for (size_t begin = 0;; begin += stride) {
    const size_t end = std::min(tokens.size(), begin + context);
    scorer.window(begin, end, first_scored, one_window && options.on_logits);
    if (end == tokens.size()) break;
    first_scored = end;
  }
  return scorer.result();
}

}  // namespace philo
