// Measuring calls the network as documented, whatever the numbers are.
#include "bench/measure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "generate/prompt_lookup.h"
#include "model/plan.h"

namespace philo {
namespace {

constexpr Token vocabulary = 50;

ModelConfig small_config() {
  ModelConfig config{};
  config.vocabulary = vocabulary;
  config.context = 100;
  return config;
}

struct FakeSession final : Session {
  std::vector<Token> tokens;
  size_t rewinds_to = SIZE_MAX;  // keeps no more than this
  size_t position() const override { return tokens.size(); }
  size_t rewind(size_t position) override {
    tokens.resize(std::min({position, tokens.size(), rewinds_to}));
    return tokens.size();
  }
  size_t memory_bytes() const override { return 0; }
};

// Chooses the token after the last one, and keeps what it was given.
struct FakeNetwork final : Network {
  struct Pass {
    std::vector<size_t> positions, tokens;
    std::vector<Rows> rows;
    std::vector<Token> fed;
  };
  mutable std::vector<Pass> passes;
  mutable size_t opened = 0;
  size_t turn_tokens = 16, rewinds_to = SIZE_MAX;
  bool equal_columns = true;

  Traits traits() const override {
    return {.all_rows = true,
            .equal_columns = equal_columns,
            .turn_tokens = turn_tokens,
            .context = 100,
            .isa = "",
            .threads = 1,
            .weight_bytes = 1000,
            .memory_bytes = 0};
  }
  std::unique_ptr<Session> open(size_t) const override {
    ++opened;
    auto session = std::make_unique<FakeSession>();
    session->rewinds_to = rewinds_to;
    return session;
  }
  void forward(std::span<const Turn> turns, Logits& out) const override {
    Pass pass;
    std::vector<Token> next;
    for (const Turn& turn : turns) {
      auto& session = dynamic_cast<FakeSession&>(*turn.session);
      pass.positions.push_back(session.position());
      pass.tokens.push_back(turn.tokens.size());
      pass.rows.push_back(turn.rows);
      pass.fed.insert(pass.fed.end(), turn.tokens.begin(), turn.tokens.end());
      EXPECT_LE(session.position() + turn.tokens.size(), turn.sequence);
      session.tokens.insert(session.tokens.end(), turn.tokens.begin(), turn.tokens.end());
      for (size_t i = 0; i < turn.tokens.size(); ++i)
        if (turn.rows == Rows::All || (turn.rows == Rows::Last && i + 1 == turn.tokens.size()))
          next.push_back((turn.tokens[i] + 1) % vocabulary);
    }
    out.resize(next.size(), vocabulary);
    for (size_t row = 0; row < next.size(); ++row) {
      std::fill(out.row(row).begin(), out.row(row).end(), 0.0f);
      out.row(row)[static_cast<size_t>(next[row])] = 1;
    }
    passes.push_back(std::move(pass));
  }
  void observe(StepObserver) override {}
};

Measurement measured(const FakeNetwork& network, const BenchCase& wanted) {
  Plan plan;
  plan.config = small_config();
  return measure(network, plan, wanted);
}

std::string refusal(const FakeNetwork& network, const BenchCase& wanted) {
  try {
    measured(network, wanted);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Usage);
    return error.message();
  }
  return "";
}

TEST(Measure, ComputesOtherPromptsInEachRepetition) {
  FakeNetwork network;
  const Measurement result = measured(network, {.prompt_tokens = 20, .depth = 5, .new_tokens = 4, .repetitions = 2});
  EXPECT_EQ(network.opened, 1u);
  // The depth once; then two chunks of a prompt and three tokens, each three times.
  ASSERT_EQ(network.passes.size(), 1 + 3 * 5u);
  EXPECT_EQ(network.passes[0].tokens, std::vector<size_t>{5});
  EXPECT_EQ(network.passes[0].rows, std::vector<Rows>{Rows::None});
  std::set<std::vector<Token>> prompts;
  for (size_t repetition = 0; repetition < 3; ++repetition) {
    const auto* const passes = &network.passes[1 + 5 * repetition];
    EXPECT_EQ(passes[0].positions, std::vector<size_t>{5});
    EXPECT_EQ(passes[0].tokens, std::vector<size_t>{16});
    EXPECT_EQ(passes[1].tokens, std::vector<size_t>{4});
    EXPECT_EQ(passes[1].rows, std::vector<Rows>{Rows::Last});
    for (size_t i = 2; i < 5; ++i) EXPECT_EQ(passes[i].tokens, std::vector<size_t>{1});
    EXPECT_EQ(passes[2].fed[0], (passes[1].fed[3] + 1) % vocabulary) << "the model's own choice goes on";
    prompts.insert(passes[0].fed);
  }
  EXPECT_EQ(prompts.size(), 3u);
  EXPECT_GT(result.ttft_ms, 0);
  EXPECT_GT(result.tpot_ms.value(), 0);
  EXPECT_GE(result.spread.value(), 0);
  EXPECT_EQ(result.tokens_per_pass, 1);
  EXPECT_NEAR(result.prefill_tokens_per_s * result.ttft_ms, 20000, 1e-6);
  EXPECT_NEAR(result.decode_tokens_per_s.value() * *result.tpot_ms, 1000, 1e-6);
}

TEST(Measure, ComputesSessionsTogether) {
  FakeNetwork network;
  const Measurement result = measured(network, {.sessions = 3, .prompt_tokens = 6, .new_tokens = 3, .repetitions = 1});
  EXPECT_EQ(network.opened, 3u);
  ASSERT_EQ(network.passes.size(), 2 * 4u);
  EXPECT_EQ(network.passes[0].tokens, (std::vector<size_t>{6, 6, 4}));
  EXPECT_EQ(network.passes[0].rows, (std::vector<Rows>{Rows::Last, Rows::Last, Rows::None}));
  EXPECT_EQ(network.passes[1].tokens, std::vector<size_t>{2});
  EXPECT_EQ(network.passes[2].tokens, (std::vector<size_t>{1, 1, 1}));
  EXPECT_NEAR(result.decode_tokens_per_s.value() * *result.tpot_ms, 3000, 1e-6);
  EXPECT_NEAR(result.prefill_tokens_per_s * result.ttft_ms, 18000, 1e-6);
  EXPECT_EQ(result.spread, std::nullopt);
}

TEST(Measure, OneNewTokenHasNoNextOne) {
  const Measurement result = measured(FakeNetwork(), {.prompt_tokens = 3, .new_tokens = 1, .repetitions = 2});
  EXPECT_EQ(result.tpot_ms, std::nullopt);
  EXPECT_EQ(result.decode_tokens_per_s, std::nullopt);
  EXPECT_GE(result.spread.value(), 0);  // of the first token
}

TEST(Measure, FeedsAgainWhatASessionCouldNotKeep) {
  FakeNetwork network;
  network.rewinds_to = 2;
  measured(network, {.prompt_tokens = 3, .depth = 5, .new_tokens = 1, .repetitions = 1});
  ASSERT_EQ(network.passes.size(), 4u);
  EXPECT_EQ(network.passes[2].positions, std::vector<size_t>{2});
  EXPECT_EQ(network.passes[2].tokens, std::vector<size_t>{3});
}

TEST(Measure, ReplaysATextWithAndWithoutGuesses) {
  std::vector<Token> text;
  for (size_t i = 0; i < 60; ++i) text.push_back(static_cast<Token>(i % 6 == 5 ? 40 : 7 * (i % 6)));
  FakeNetwork network;
  BenchCase wanted{.prompt_tokens = 20, .new_tokens = 24, .repetitions = 1, .replay = text};
  EXPECT_EQ(measured(network, wanted).tokens_per_pass, 1);
  std::vector<Token> fed;
  for (const auto& pass : network.passes) fed.insert(fed.end(), pass.fed.begin(), pass.fed.end());
  ASSERT_EQ(fed.size(), 2 * 43u);
  EXPECT_TRUE(std::equal(fed.begin(), fed.begin() + 43, text.begin()));

  wanted.drafter = [] { return std::make_unique<PromptLookup>(); };
  EXPECT_GT(measured(network, wanted).tokens_per_pass, 1.5);
  wanted.sessions = 2;
  EXPECT_GT(measured(network, wanted).tokens_per_pass, 1.2);
}

TEST(Measure, RefusesWhatDoesNotFit) {
  FakeNetwork network;
  EXPECT_NE(refusal(network, {.prompt_tokens = 70, .depth = 20, .new_tokens = 11})
                .find("are 101 together, but the context holds 100"),
            std::string::npos);
  EXPECT_NE(refusal(network, {.prompt_tokens = 10, .new_tokens = 10, .context = 19}).find("holds 19"),
            std::string::npos);
  EXPECT_NE(refusal(network, {.sessions = 17, .new_tokens = 1}).find("at most 16"), std::string::npos);
  const std::vector<Token> text = {1, 2, 60};
  EXPECT_NE(refusal(network, {.prompt_tokens = 2, .new_tokens = 2, .replay = text}).find("holds 3 tokens"),
            std::string::npos);
  EXPECT_NE(refusal(network, {.prompt_tokens = 2, .new_tokens = 1, .replay = text}).find("token 60"),
            std::string::npos);
  network.equal_columns = false;
  EXPECT_NE(refusal(network, {.new_tokens = 2, .drafter = [] { return std::make_unique<PromptLookup>(); }})
                .find("--speculate"),
            std::string::npos);
}

TEST(Measure, ReportsProgressAndStops) {
  FakeNetwork network;
  uint64_t seen = 0, last_total = 0;
  BenchCase wanted{.prompt_tokens = 10, .depth = 4, .new_tokens = 3, .repetitions = 2, .title = "case"};
  wanted.progress = [&](std::string_view what, uint64_t done, uint64_t total) {
    EXPECT_EQ(what, "case");
    EXPECT_GE(done, seen);
    seen = done;
    last_total = total;
    return true;
  };
  measured(network, wanted);
  EXPECT_EQ(seen, last_total);
  EXPECT_EQ(last_total, 4 + 3 * 13u);
  wanted.progress = [](std::string_view, uint64_t done, uint64_t) { return done < 20; };
  try {
    measured(network, wanted);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Stopped);
  }
}

}  // namespace
}  // namespace philo
