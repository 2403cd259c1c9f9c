// The sampler against transformers' processors, and what philo promises beyond them.
#include "generate/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/refusal.h"

namespace philo {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

SamplingOptions sampling() {
  SamplingOptions options;
  options.do_sample = true;
  options.top_k = 0;
  return options;
}

Token chosen(const SamplingOptions& options, std::vector<float> logits, std::vector<Token> history = {0}) {
  return Sampler(options).choose(history, logits).token;
}

std::string refusal_of(const SamplingOptions& options) {
  return refusal([&] { check(options); }, ErrorCode::Usage);
}

std::vector<float> uneven_logits(size_t vocabulary, uint64_t seed) {
  std::vector<float> logits(vocabulary);
  for (size_t i = 0; i < vocabulary; ++i) logits[i] = static_cast<float>(12 * uniform_number(seed, i) - 6);
  return logits;
}

TEST(Sampler, keeps_what_transformers_keeps) {
  const Json goldens = read_json_file(PHILO_SOURCE_DIR "/tests/data/sampler/goldens.json");
  ASSERT_GE(goldens["cases"].size(), 100u);
  for (const Json& golden : goldens["cases"]) {
    SCOPED_TRACE(golden["name"].get<std::string>());
    SamplingOptions options;
    const Json& given = golden["options"];
    options.do_sample = given["do_sample"];
    options.temperature = given["temperature"];
    options.top_k = given["top_k"];
    options.top_p = given["top_p"];
    options.min_p = given["min_p"];
    options.repetition_penalty = given["repetition_penalty"];
    std::vector<float> logits;
    for (const Json& logit : golden["logits"]) logits.push_back(logit.is_string() ? -infinity : logit.get<float>());
    const auto history = golden["history"].get<std::vector<Token>>();

    std::vector<float> scratch = logits;
    std::vector<Candidate> kept = Sampler(options).process(history, scratch);
    for (size_t i = 1; i < kept.size(); ++i) EXPECT_GE(kept[i - 1].logit, kept[i].logit);
    std::sort(kept.begin(), kept.end(), [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
    ASSERT_EQ(kept.size(), golden["kept"].size());
    for (size_t i = 0; i < kept.size(); ++i) {
      EXPECT_EQ(kept[i].token, golden["kept"][i][0].get<Token>());
      EXPECT_EQ(kept[i].logit, golden["kept"][i][1].get<float>());
    }
    if (!options.do_sample) {
      EXPECT_EQ(chosen(options, logits, history), golden["greedy"].get<Token>());
    }
  }
}

TEST(Sampler, random_numbers_are_the_same_everywhere) {
  EXPECT_EQ(uniform_number(0, 0), uniform_number(0, 0));
  EXPECT_NE(uniform_number(0, 1), uniform_number(1, 0));
  double sum = 0, product = 0;
  std::array<int, 16> counts{};
  constexpr int numbers = 1 << 14;
  for (int i = 0; i < numbers; ++i) {
    const double number = uniform_number(42, static_cast<uint64_t>(i));
    ASSERT_GE(number, 0);
    ASSERT_LT(number, 1);
    sum += number;
    product += number * uniform_number(43, static_cast<uint64_t>(i));
    ++counts[static_cast<size_t>(number * 16)];
  }
  // Five standard deviations of a mean, of a product's mean and of a bin's count.
  EXPECT_NEAR(sum / numbers, 0.5, 5 * 0.2887 / 128);
  EXPECT_NEAR(product / numbers, 0.25, 5 * 0.2205 / 128);
  for (const int count : counts) EXPECT_NEAR(count, 1024, 5 * 31);
}

TEST(Sampler, draws_follow_the_distribution) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f), -infinity};
  SamplingOptions options = sampling();
  Sampler sampler(options);
  std::map<Token, int> counts;
  std::vector<Token> history;
  for (int i = 0; i < 10000; ++i) {
    std::vector<float> scratch = logits;
    ++counts[sampler.choose(history, scratch).token];
    history.push_back(0);
  }
  EXPECT_NEAR(counts[0], 5000, 5 * 50);
  EXPECT_NEAR(counts[1], 3000, 5 * 46);
  EXPECT_NEAR(counts[2], 2000, 5 * 40);
  EXPECT_EQ(counts.count(3), 0u);
}

TEST(Sampler, a_choice_is_the_inverse_cumulative_distribution_of_what_process_keeps) {
  for (const int64_t top_k : {0, 50}) {
    for (const double top_p : {1.0, 0.9}) {
      SamplingOptions options = sampling();
      options.top_k = top_k;
      options.top_p = top_p;
      options.seed = 99;
      for (size_t position = 1; position < 60; ++position) {
        const std::vector<Token> history(position, 3);
        const std::vector<float> logits = uneven_logits(3000, position);
        std::vector<float> scratch = logits;
        const std::vector<Candidate> kept = Sampler(options).process(history, scratch);
        double total = 0;
        for (const Candidate& candidate : kept) total += std::exp(double{candidate.logit} - kept[0].logit);
        double left = uniform_number(99, position) * total;
        size_t index = 0;
        while (index + 1 < kept.size() && left >= std::exp(double{kept[index].logit} - kept[0].logit)) {
          left -= std::exp(double{kept[index].logit} - kept[0].logit);
          ++index;
        }
        EXPECT_EQ(chosen(options, logits, history), kept[index].token);
      }
    }
  }
}

TEST(Sampler, top_p_without_top_k_keeps_the_same_of_a_large_vocabulary_as_a_full_sort) {
  const std::vector<float> logits = uneven_logits(20000, 5);
  SamplingOptions options = sampling();
  options.top_p = 0.4;
  std::vector<float> scratch = logits;
  const std::vector<Candidate> kept = Sampler(options).process({}, scratch);
  std::vector<float> sorted = logits;
  std::sort(sorted.begin(), sorted.end());
  double total = 0;
  for (const float logit : sorted) total += std::exp(double{logit} - sorted.back());
  double cumulative = 0;
  size_t removed = 0;
  while (true) {
    cumulative += std::exp(double{sorted[removed]} - sorted.back()) / total;
    if (cumulative > 0.6) break;
    ++removed;
  }
  EXPECT_EQ(kept.size(), logits.size() - removed);
  EXPECT_EQ(kept.back().logit, sorted[removed]);
}

TEST(Sampler, seed_and_position_decide) {
  const std::vector<float> logits(1000, 0.0f);
  SamplingOptions options = sampling();
  options.seed = 7;
  EXPECT_EQ(chosen(options, logits, {1, 2, 3}), chosen(options, logits, {4, 5, 6}));
  EXPECT_NE(chosen(options, logits, {1, 2, 3}), chosen(options, logits, {1, 2, 3, 4}));
  SamplingOptions other = options;
  other.seed = 8;
  EXPECT_NE(chosen(options, logits, {1}), chosen(other, logits, {1}));
}

TEST(Sampler, mask_runs_before_the_penalty_and_is_obeyed) {
  std::vector<float> logits = {5, 4, -3};
  const auto forbid_best = [](std::span<const Token> history, std::span<float> masked) {
    EXPECT_EQ(history.size(), 2u);
    EXPECT_EQ(masked[1], 4);  // not yet divided by the penalty
    masked[0] = -infinity;
  };
  SamplingOptions options;
  options.repetition_penalty = 2;
  const std::vector<Token> history = {1, 0};
  EXPECT_EQ(Sampler(options, forbid_best).choose(history, logits).token, 1);
}

TEST(Sampler, logprobs_are_the_models_own) {
  std::vector<float> logits = {std::log(0.125f), std::log(0.5f), std::log(0.125f), std::log(0.25f)};
  SamplingOptions options;
  options.repetition_penalty = 100;
  const std::vector<Token> history = {0, 1};
  const Choice choice = Sampler(options, [](std::span<const Token>, std::span<float> masked) {
                          masked[1] = -infinity;
                          masked[3] = -infinity;
                        }).choose(history, logits, 3);
  EXPECT_EQ(choice.token, 2);
  EXPECT_NEAR(choice.logprob, std::log(0.125), 1e-6);
  ASSERT_EQ(choice.top.size(), 3u);
  EXPECT_EQ(choice.top[0].token, 1);
  EXPECT_NEAR(choice.top[0].logprob, std::log(0.5), 1e-6);
  EXPECT_EQ(choice.top[1].token, 3);
  EXPECT_EQ(choice.top[2].token, 0);  // a tie: the lowest id
  std::vector<float> few = {1, 2};
  EXPECT_EQ(Sampler({}).choose(history, few, 20).top.size(), 2u);
}

TEST(Sampler, refuses_logits_that_are_not_numbers) {
  const auto failure = [](std::vector<float> logits, bool do_sample) {
    SamplingOptions options = sampling();
    options.do_sample = do_sample;
    return refusal([&] { chosen(options, std::move(logits)); }, ErrorCode::Failed);
  };
  for (const bool do_sample : {false, true}) {
    std::vector<float> logits(20, 1.0f);
    logits[17] = std::nanf("");
    EXPECT_TRUE(says(failure(logits, do_sample), "token 17"));
    logits[17] = infinity;
    EXPECT_TRUE(says(failure(logits, do_sample), "infinite"));
    EXPECT_TRUE(says(failure(std::vector<float>(5, -infinity), do_sample), "minus infinity"));
    EXPECT_NE(failure({}, do_sample), "");
  }
}

TEST(Sampler, names_the_option_it_refuses) {
  SamplingOptions options = sampling();
  EXPECT_NO_THROW(check(options));
  for (const double wrong : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    options = sampling();
    options.temperature = wrong;
    EXPECT_TRUE(says(refusal_of(options), "temperature")) << wrong;
    options.do_sample = false;
    EXPECT_NO_THROW(check(options));  // greedy decoding does not use it
    options = sampling();
    options.repetition_penalty = wrong;
    EXPECT_TRUE(says(refusal_of(options), "repetition_penalty")) << wrong;
    options.do_sample = false;
    EXPECT_NE(refusal_of(options), "");
  }
  options = sampling();
  options.top_k = -1;
  EXPECT_TRUE(says(refusal_of(options), "top_k"));
  for (const double wrong : {-0.1, 1.1, std::nan("")}) {
    options = sampling();
    options.top_p = wrong;
    EXPECT_TRUE(says(refusal_of(options), "top_p"));
    options = sampling();
    options.min_p = wrong;
    EXPECT_TRUE(says(refusal_of(options), "min_p"));
  }
  EXPECT_THROW(Sampler{options}, Error);
}

}  // namespace
}  // namespace philo
