// Perplexity against the reference: a text in one piece and in overlapping windows.
#include "score/score.h"

#include <cmath>

#include "golden/golden.h"

namespace philo::golden {

namespace {

class ScoreTest : public GoldenTest {};

TEST_P(ScoreTest, TextInOnePiece) {
  const auto network = compile();
  size_t rows = 0;
  ScoreOptions options;
  options.on_logits = [&](size_t position, std::span<const float> logits) {
    EXPECT_EQ(position, rows++);
    EXPECT_EQ(logits.size(), static_cast<size_t>(golden_->plan->config.vocabulary));
  };
  const Score made = score(*network, golden_->plan->config, golden_->score_ids, options);
  EXPECT_EQ(made.tokens, golden_->score_ids.size());
  EXPECT_EQ(made.scored_tokens, golden_->score_ids.size() - 1);
  EXPECT_EQ(rows, golden_->score_ids.size());
  EXPECT_NEAR(made.mean_negative_log_likelihood, golden_->mean_negative_log_likelihood,
              1e-4 * golden_->mean_negative_log_likelihood);
  EXPECT_NEAR(made.perplexity, std::exp(made.mean_negative_log_likelihood), 1e-9 * made.perplexity);
}

TEST_P(ScoreTest, TextInWindows) {
  const auto network = compile();
  ScoreOptions options;
  options.context = golden_->windows.context;
  options.stride = golden_->windows.stride;
  const Score made = score(*network, golden_->plan->config, golden_->score_ids, options);
  EXPECT_EQ(made.scored_tokens, golden_->score_ids.size() - 1);
  EXPECT_NEAR(made.mean_negative_log_likelihood, golden_->windows.mean_negative_log_likelihood,
              1e-4 * golden_->windows.mean_negative_log_likelihood);
}

INSTANTIATE_TEST_SUITE_P(Models, ScoreTest, testing::ValuesIn(every_case()), case_name);

}  // namespace

}  // namespace philo::golden
