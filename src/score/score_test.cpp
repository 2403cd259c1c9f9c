// Scores against sums over logits of every window, recomputed from scratch.
#include "score/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "base/refusal.h"
#include "fake/network.h"

namespace philo {
namespace {

std::vector<Token> text_of(size_t tokens, int64_t vocabulary = 32) {
  std::mt19937 random(9);
  std::vector<Token> text(tokens);
  for (Token& token : text) token = static_cast<Token>(random() % static_cast<uint64_t>(vocabulary));
  return text;
}

double loss(const fake::Network& network, std::span<const Token> seen, bool long_factors, Token next) {
  const std::vector<float> logits = network.logits_after(seen, long_factors);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit});
  return std::log(sum) - double{logits[static_cast<size_t>(next)]};
}

// Token t is scored by the first window that holds it: the one whose end is the first beyond t.
double expected_mean(const fake::Network& network, std::span<const Token> text, size_t context, size_t stride) {
  double sum = 0;
  for (size_t t = 1; t < text.size(); ++t) {
    size_t begin = 0;
    while (begin + context <= t) begin += stride;
    const size_t end = std::min(text.size(), begin + context);
    sum += loss(network, text.subspan(begin, t - begin), network.long_factors(end - begin), text[t]);
  }
  return sum / static_cast<double>(text.size() - 1);
}

TEST(Score, equals_the_sum_over_every_window) {
  for (const bool all_rows : {true, false}) {
    for (const size_t turn_tokens : {1u, 3u, 64u}) {
      for (const size_t stride : {0u, 1u, 5u, 9u}) {
        for (const size_t tokens : {2u, 9u, 10u, 11u, 15u, 16u, 31u, 50u}) {
          const fake::NetworkOptions given{
              .context = 10, .turn_tokens = turn_tokens, .all_rows = all_rows, .original_context = 9};
          const fake::Network network(given);
          const std::vector<Token> text = text_of(tokens);
          ScoreOptions options;
          options.stride = stride;
          const Score got = score(network, fake::plan_for(given)->config, text, options);
          EXPECT_EQ(got.tokens, tokens);
          EXPECT_EQ(got.scored_tokens, tokens - 1);
          const double expected = expected_mean(network, text, 10, stride == 0 ? 5 : stride);
          EXPECT_NEAR(got.mean_negative_log_likelihood, expected, 1e-12 * expected);
          EXPECT_DOUBLE_EQ(got.perplexity, std::exp(got.mean_negative_log_likelihood));
        }
      }
    }
  }
}

TEST(Score, a_smaller_context_than_the_networks_may_be_asked_for) {
  const fake::NetworkOptions given{.context = 64};
  const fake::Network network(given);
  const std::vector<Token> text = text_of(30);
  ScoreOptions options;
  options.context = 8;
  options.stride = 3;
  const Score got = score(network, fake::plan_for(given)->config, text, options);
  EXPECT_NEAR(got.mean_negative_log_likelihood, expected_mean(network, text, 8, 3), 1e-12);
}

TEST(Score, an_even_distribution_has_the_vocabulary_as_perplexity) {
  const fake::NetworkOptions given{.context = 16, .vocabulary = 50};
  fake::Network network(given);
  network.script = [](std::span<const Token>, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), 300.0f);
  };
  EXPECT_NEAR(score(network, fake::plan_for(given)->config, text_of(40), {}).perplexity, 50, 1e-10);
}

TEST(Score, shows_every_row_of_a_text_within_one_window) {
  for (const size_t tokens : {2u, 7u, 12u, 13u}) {
    const fake::NetworkOptions given{.context = 12, .turn_tokens = 5};
    const fake::Network network(given);
    const std::vector<Token> text = text_of(tokens);
    size_t next = 0;
    ScoreOptions options;
    options.on_logits = [&](size_t position, std::span<const float> logits) {
      EXPECT_EQ(position, next++);
      const std::vector<float> expected = network.logits_after(std::span(text).first(position + 1), false);
      EXPECT_TRUE(std::equal(logits.begin(), logits.end(), expected.begin(), expected.end()));
    };
    EXPECT_EQ(score(network, fake::plan_for(given)->config, text, options).scored_tokens, tokens - 1);
    EXPECT_EQ(next, tokens <= 12 ? tokens : 0u);
  }
}

TEST(Score, bounds_the_logits_of_a_pass_and_asks_for_none_that_it_does_not_need) {
  const fake::NetworkOptions given{.context = 64, .turn_tokens = 64, .vocabulary = 1 << 20};  // 4 MiB a row
  const fake::Network network(given);
  ScoreOptions options;
  options.context = 20;
  options.stride = 2;
  score(network, fake::plan_for(given)->config, text_of(22), options);
  for (const fake::Pass& pass : network.passes) {
    EXPECT_EQ(pass.sequence, 20u);
    if (pass.rows == Rows::All) {
      EXPECT_LE(pass.tokens, 16u);
    }
  }
  // Nineteen rows of the first window in two passes; of the second 17 tokens in silence and two rows.
  ASSERT_EQ(network.passes.size(), 4u);
  EXPECT_EQ(network.passes[2].rows, Rows::None);
  EXPECT_EQ(network.passes[2].tokens, 17u);
  EXPECT_EQ(network.passes[3].tokens, 2u);
}

TEST(Score, refuses_what_it_cannot_score) {
  const fake::NetworkOptions given{.context = 12};
  fake::Network network(given);
  const ModelConfig config = fake::plan_for(given)->config;
  const auto code = [&](std::vector<Token> text, ScoreOptions options) {
    return thrown([&] { score(network, config, text, options); }).code();
  };
  const std::vector<Token> text = text_of(30);
  EXPECT_EQ(code({}, {}), ErrorCode::Input);
  EXPECT_EQ(code({1}, {}), ErrorCode::Input);
  EXPECT_EQ(code({1, 32}, {}), ErrorCode::Input);
  EXPECT_EQ(code({-1, 3}, {}), ErrorCode::Input);
  EXPECT_EQ(code(text, {.context = 13}), ErrorCode::Usage);
  EXPECT_EQ(code(text, {.context = 1}), ErrorCode::Usage);
  EXPECT_EQ(code(text, {.stride = 12}), ErrorCode::Usage);
  EXPECT_EQ(code(text, {.progress = [](std::string_view, uint64_t, uint64_t) { return false; }}), ErrorCode::Stopped);
  network.script = [](std::span<const Token> history, std::span<float> logits) {
    if (history.size() == 4) logits[7] = std::nanf("");
  };
  EXPECT_EQ(code(text, {}), ErrorCode::Failed);
}

TEST(Score, progress_ends_at_the_last_token) {
  const fake::NetworkOptions given{.context = 12, .turn_tokens = 2};
  const fake::Network network(given);
  uint64_t last = 0, total = 0;
  ScoreOptions options;
  options.progress = [&](std::string_view, uint64_t done, uint64_t of) {
    EXPECT_LE(done, of);
    EXPECT_GE(done, last);
    last = done;
    total = of;
    return true;
  };
  score(network, fake::plan_for(given)->config, text_of(30), options);
  EXPECT_EQ(last, 30u);
  EXPECT_EQ(total, 30u);
}

}  // namespace
}  // namespace philo
