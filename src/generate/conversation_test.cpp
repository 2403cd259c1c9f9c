// The conversation against a recomputation of every position from scratch, over
// every border of chunks, limits and caches.
#include "generate/conversation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "base/refusal.h"
#include "base/utf8.h"
#include "fake/network.h"
#include "fake/tokenizer.h"

namespace philo {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<std::string> letters(int64_t count) {
  std::vector<std::string> pieces;
  for (int64_t i = 0; i < count; ++i)
    pieces.push_back(std::string(1, static_cast<char>('A' + i % 26)));
  return pieces;
}

struct Bench {
  explicit Bench(fake::NetworkOptions given = {},
                 std::shared_ptr<const Tokenizer> with = nullptr)
      : options(given), network(std::make_shared<fake::Network>(given)),
        tokenizer(std::move(with)) {
    if (!tokenizer)
      tokenizer = std::make_shared<fake::Tokenizer>(letters(given.vocabulary));
    conversation = std::make_unique<Conversation>(
        network, fake::plan_for(options), tokenizer, options.context);
  }
  Bench(fake::NetworkOptions given, std::vector<std::string> pieces,
        std::vector<Token> special = {})
      : Bench(given, std::make_shared<fake::Tokenizer>(std::move(pieces),
                                                       std::move(special))) {}

  // What a model without cache, chunks and drafts would choose.
  std::vector<Token> continuation(std::vector<Token> tokens,
                                  const GenerationOptions &generation) const {
    Sampler sampler(generation.sampling, generation.mask);
    std::vector<Token> made;
    while (made.size() < generation.max_new_tokens &&
           tokens.size() < options.context) {
      std::vector<float> logits =
          network->logits_after(tokens, network->long_factors(tokens.size()));
      tokens.push_back(sampler.choose(tokens, logits).token);
      made.push_back(tokens.back());
      if (std::count(generation.stop_tokens.begin(),
                     generation.stop_tokens.end(), tokens.back()) > 0)
        break;
    }
    return made;
  }

  // The model says exactly these tokens after the prompt of `prompt` tokens.
  void says(std::vector<Token> tokens, size_t prompt) {
    network->script = [tokens = std::move(tokens),
                       prompt](std::span<const Token> history,
                               std::span<float> logits) {
      if (history.size() >= prompt && history.size() - prompt < tokens.size()) {
        logits[static_cast<size_t>(tokens[history.size() - prompt])] = 100;
      }
    };
  }

  fake::NetworkOptions options;
  std::shared_ptr<fake::Network> network;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<Conversation> conversation;
};

std::vector<Token> prompt_of(size_t tokens,
                             std::mt19937::result_type seed = 1) {
  std::mt19937 random(seed);
  std::vector<Token> prompt(tokens);
  for (Token &token : prompt)
    token = static_cast<Token>(random() % 32);
  return prompt;
}

GenerationOptions greedy(size_t max_new_tokens) {
  GenerationOptions options;
  options.max_new_tokens = max_new_tokens;
  return options;
}

GenerationOptions sampled(size_t max_new_tokens, uint64_t seed) {
  GenerationOptions options = greedy(max_new_tokens);
  options.sampling.do_sample = true;
  options.sampling.top_k = 10;
  options.sampling.top_p = 0.95;
  options.sampling.repetition_penalty = 1.1;
  options.sampling.seed = seed;
  return options;
}

// Guesses the model's own continuation, wrong at random.
class MixedDrafter : public Drafter {
public:
  MixedDrafter(
      std::function<std::vector<Token>(std::span<const Token>, size_t)> oracle,
      uint32_t wrong_of_16)
      : oracle_(std::move(oracle)), wrong_of_16_(wrong_of_16) {}
  std::vector<Token> guess(std::span<const Token> history,
                           size_t at_most) override {
    most_seen = std::max(most_seen, at_most);
    std::vector<Token> guesses = oracle_(history, at_most);
    for (Token &token : guesses) {
      if (random_() % 16 < wrong_of_16_)
        token = static_cast<Token>(random_() % 32);
    }
    if (wrong_of_16_ > 0)
      guesses.resize(random_() % (guesses.size() + 1));
    return guesses;
  }
  size_t most_seen = 0;

private:
  std::function<std::vector<Token>(std::span<const Token>, size_t)> oracle_;
  uint32_t wrong_of_16_;
  std::mt19937 random_{5};
};

std::shared_ptr<MixedDrafter> drafter_for(const Bench &bench,
                                          GenerationOptions generation,
                                          uint32_t wrong_of_16) {
  generation.stop_tokens.clear();
  return std::make_shared<MixedDrafter>(
      [&bench, generation](std::span<const Token> history, size_t at_most) {
        GenerationOptions some = generation;
        some.max_new_tokens = at_most;
        return bench.continuation({history.begin(), history.end()}, some);
      },
      wrong_of_16);
}

TEST(Conversation, equals_a_recomputation_in_every_chunk_size) {
  const std::vector<Token> prompt = prompt_of(13);
  for (size_t turn_tokens = 1; turn_tokens <= 15; ++turn_tokens) {
    Bench bench({.context = 40, .turn_tokens = turn_tokens});
    bench.conversation->assign(prompt);
    const Answer answer = bench.conversation->generate(greedy(10));
    EXPECT_EQ(answer.ids, bench.continuation(prompt, greedy(10)));
    EXPECT_EQ(answer.finish_reason, FinishReason::Length);
    EXPECT_EQ(bench.conversation->tokens().size(), 23u);
    EXPECT_EQ(bench.network->passes.front().sequence, 13u);
    EXPECT_EQ(answer.timings.prompt_tokens, 13u);
    EXPECT_EQ(answer.timings.prefilled_tokens, 13u);
    EXPECT_EQ(answer.timings.new_tokens, 10u);
    EXPECT_EQ(answer.timings.recomputed_tokens, 0u);
  }
}

TEST(Conversation,
     takes_the_factors_of_the_whole_sequence_around_the_long_rope_limit) {
  for (const size_t turn_tokens : {1u, 3u, 8u, 64u}) {
    for (size_t prompt_tokens = 5; prompt_tokens <= 12; ++prompt_tokens) {
      SCOPED_TRACE(prompt_tokens);
      Bench bench(
          {.context = 30, .turn_tokens = turn_tokens, .original_context = 8});
      const std::vector<Token> prompt = prompt_of(prompt_tokens);
      bench.conversation->assign(prompt);
      const Answer answer = bench.conversation->generate(greedy(6));
      EXPECT_EQ(answer.ids, bench.continuation(prompt, greedy(6)));
      // The last token is never fed, so the factors switch where the sequence
      // that is fed grows beyond the limit.
      const bool switched = prompt_tokens <= 8 && prompt_tokens + 5 > 8;
      EXPECT_EQ(answer.timings.recomputed_tokens, switched ? 8u : 0u);
      EXPECT_EQ(answer.notes.size(), switched ? 1u : 0u);
      if (switched) {
        EXPECT_TRUE(says(answer.notes[0], "beyond 8 tokens"));
      }
    }
  }
}

TEST(Conversation, goes_back_to_short_factors_after_a_rewind_below_the_limit) {
  Bench bench({.context = 30, .turn_tokens = 4, .original_context = 8});
  const std::vector<Token> prompt = prompt_of(12);
  bench.conversation->assign(prompt);
  bench.conversation->generate(greedy(2));
  bench.conversation->rewind(10);
  const std::vector<Token> ten(prompt.begin(), prompt.begin() + 10);
  Answer answer = bench.conversation->generate(greedy(1));
  EXPECT_EQ(answer.ids, bench.continuation(ten, greedy(1)));
  EXPECT_EQ(answer.timings.prefilled_tokens, 1u); // still above the limit

  bench.conversation->rewind(6);
  const std::vector<Token> six(prompt.begin(), prompt.begin() + 6);
  answer = bench.conversation->generate(greedy(8));
  EXPECT_EQ(answer.ids, bench.continuation(six, greedy(8)));
  EXPECT_EQ(answer.timings.prefilled_tokens, 6u);
  ASSERT_EQ(answer.notes.size(), 2u);
  EXPECT_TRUE(says(answer.notes[0], "short"));
  EXPECT_TRUE(says(answer.notes[1], "long"));
}

TEST(Conversation, drafts_change_nothing_but_the_number_of_passes) {
  for (const bool samples : {false, true}) {
    for (const uint32_t wrong_of_16 : {0u, 3u, 16u}) {
      for (const size_t keeps : {1u, 4u}) {
        for (size_t prompt_tokens = 1; prompt_tokens < 28; prompt_tokens += 3) {
          SCOPED_TRACE(prompt_tokens);
          Bench bench({.context = 40,
                       .turn_tokens = 6,
                       .original_context = 20,
                       .keeps_multiple_of = keeps});
          const GenerationOptions generation =
              samples ? sampled(24, prompt_tokens) : greedy(24);
          const auto drafter = drafter_for(bench, generation, wrong_of_16);
          const std::vector<Token> prompt = prompt_of(prompt_tokens);
          const std::vector<Token> expected =
              bench.continuation(prompt, generation);
          bench.conversation->set_drafter(drafter);
          bench.conversation->assign(prompt);
          const Answer answer = bench.conversation->generate(generation);
          ASSERT_EQ(answer.ids, expected);
          EXPECT_LE(drafter->most_seen, 5u);
          EXPECT_GT(answer.timings.guessed_tokens, 0u);
          EXPECT_LE(answer.timings.agreed_tokens,
                    answer.timings.guessed_tokens);
          if (wrong_of_16 == 0) {
            EXPECT_EQ(answer.timings.agreed_tokens,
                      answer.timings.guessed_tokens);
          }
          // The same conversation goes on from a cache that drafts went
          // through.
          GenerationOptions more = generation;
          more.max_new_tokens = 2;
          const std::vector<Token> tokens = bench.conversation->tokens();
          EXPECT_EQ(bench.conversation->generate(more).ids,
                    bench.continuation(tokens, more));
        }
      }
    }
  }
}

TEST(Conversation, no_turn_with_drafts_straddles_the_long_rope_limit) {
  for (size_t prompt_tokens = 1; prompt_tokens <= 12; ++prompt_tokens) {
    Bench bench({.context = 40, .turn_tokens = 6, .original_context = 12});
    bench.conversation->set_drafter(drafter_for(bench, greedy(20), 0));
    bench.conversation->assign(prompt_of(prompt_tokens));
    bench.conversation->generate(greedy(20));
    bool reached = false;
    for (const fake::Pass &pass : bench.network->passes) {
      if (pass.rows != Rows::All)
        continue;
      EXPECT_TRUE(pass.position + 1 > 12 || pass.position + pass.tokens <= 12);
      EXPECT_TRUE(pass.position + 1 > 12 || pass.sequence <= 12);
      reached = reached || pass.position + pass.tokens == 12 ||
                pass.position + pass.tokens == 11;
    }
    EXPECT_EQ(reached, prompt_tokens < 11)
        << prompt_tokens; // all room up to the limit is used
  }
}

TEST(Conversation, an_oracle_saves_passes) {
  Bench bench({.context = 64, .turn_tokens = 8});
  bench.conversation->set_drafter(drafter_for(bench, greedy(33), 0));
  bench.conversation->assign(prompt_of(4));
  const Answer answer = bench.conversation->generate(greedy(33));
  EXPECT_EQ(answer.ids.size(), 33u);
  EXPECT_EQ(bench.network->passes.size(),
            1u + 4u); // the prefill yields one, each pass eight
}

TEST(Conversation, a_stop_token_inside_a_guess_ends_the_answer) {
  Bench bench({.context = 64, .turn_tokens = 8});
  const std::vector<Token> prompt = prompt_of(4);
  const std::vector<Token> said = bench.continuation(prompt, greedy(10));
  GenerationOptions generation = greedy(30);
  generation.stop_tokens = {said[4]};
  const std::vector<Token> expected = bench.continuation(prompt, generation);
  bench.conversation->set_drafter(drafter_for(bench, generation, 0));
  bench.conversation->assign(prompt);
  const Answer answer = bench.conversation->generate(generation);
  EXPECT_EQ(answer.ids, expected);
  EXPECT_EQ(answer.finish_reason, FinishReason::Stop);
  EXPECT_EQ(std::get<Token>(answer.stop), said[4]);
  EXPECT_EQ(bench.conversation->tokens().size(), 4 + expected.size());
  EXPECT_EQ(bench.network->last_session->position(), 4 + expected.size() - 1);
  const std::vector<Token> tokens = bench.conversation->tokens();
  EXPECT_EQ(bench.conversation->generate(greedy(3)).ids,
            bench.continuation(tokens, greedy(3)));
}

TEST(Conversation, the_context_ends_an_answer_with_and_without_guesses) {
  for (const int drafts : {0, 1, 2}) {
    for (size_t prompt_tokens = 9; prompt_tokens <= 16; ++prompt_tokens) {
      Bench bench({.context = 16, .turn_tokens = 8});
      if (drafts == 1)
        bench.conversation->set_drafter(drafter_for(bench, greedy(30), 0));
      if (drafts ==
          2) { // always guesses as much as it may, beyond the context too
        bench.conversation->set_drafter(std::make_shared<MixedDrafter>(
            [](std::span<const Token>, size_t at_most) {
              return std::vector<Token>(at_most, 3);
            },
            0));
      }
      const std::vector<Token> prompt = prompt_of(prompt_tokens);
      bench.conversation->assign(prompt);
      const Answer answer = bench.conversation->generate(greedy(30));
      EXPECT_EQ(answer.ids, bench.continuation(prompt, greedy(30)));
      EXPECT_EQ(answer.finish_reason, FinishReason::Context);
      EXPECT_EQ(bench.conversation->tokens().size(), 16u);
    }
  }
}

TEST(Conversation, drafts_are_left_out_where_they_could_change_the_text) {
  for (const bool all_rows : {false, true}) {
    Bench bench(
        {.turn_tokens = 8, .all_rows = all_rows, .equal_columns = !all_rows});
    const auto drafter = drafter_for(bench, greedy(10), 0);
    bench.conversation->set_drafter(drafter);
    bench.conversation->assign(prompt_of(4));
    EXPECT_EQ(bench.conversation->generate(greedy(10)).timings.guessed_tokens,
              0u);
    EXPECT_EQ(drafter->most_seen, 0u);
  }
}

TEST(Conversation, a_drafter_that_breaks_its_word_does_no_harm) {
  Bench bench({.turn_tokens = 4});
  bench.conversation->set_drafter(std::make_shared<MixedDrafter>(
      [](std::span<const Token>, size_t at_most) {
        std::vector<Token> guesses(at_most + 5, 3);
        guesses[1] = 1000;
        return guesses;
      },
      0));
  bench.conversation->assign(prompt_of(4));
  EXPECT_EQ(bench.conversation->generate(greedy(10)).ids,
            bench.continuation(prompt_of(4), greedy(10)));
}

TEST(Conversation, assign_keeps_the_common_prefix) {
  for (const size_t keeps : {1u, 4u}) {
    Bench bench({.context = 40, .turn_tokens = 5, .keeps_multiple_of = keeps});
    std::vector<Token> tokens = prompt_of(11);
    bench.conversation->assign(tokens);
    bench.conversation->next_logits();
    tokens.resize(7);
    tokens.push_back(31);
    tokens.push_back(30);
    bench.conversation->assign(tokens);
    const Answer answer = bench.conversation->generate(greedy(4));
    EXPECT_EQ(answer.ids, bench.continuation(tokens, greedy(4)));
    EXPECT_EQ(answer.timings.prompt_tokens, 9u);
    EXPECT_EQ(answer.timings.prefilled_tokens, keeps == 1 ? 2u : 5u);
  }
  // A chat's next turn goes on after the answer: only the new part is computed,
  // and the answer's last token.
  Bench bench;
  bench.conversation->assign(prompt_of(6));
  bench.conversation->generate(greedy(5));
  std::vector<Token> tokens = bench.conversation->tokens();
  tokens.insert(tokens.end(), {1, 2, 3});
  bench.conversation->assign(tokens);
  const Answer answer = bench.conversation->generate(greedy(5));
  EXPECT_EQ(answer.timings.prefilled_tokens, 4u);
  EXPECT_EQ(answer.ids, bench.continuation(tokens, greedy(5)));
}

TEST(Conversation, random_edits_equal_a_recomputation) {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    const size_t turn_tokens = random() % 9 + 2;
    const size_t keeps = random() % 5 + 1;
    Bench bench({.context = 48,
                 .turn_tokens = turn_tokens,
                 .original_context = 20,
                 .keeps_multiple_of = keeps});
    if (round % 2 == 0)
      bench.conversation->set_drafter(drafter_for(bench, greedy(10), 4));
    std::vector<Token> tokens = prompt_of(5, random());
    bench.conversation->assign(tokens);
    for (int edit = 0; edit < 12; ++edit) {
      const size_t kind = random() % 4;
      if (kind == 0 && tokens.size() > 1) {
        tokens.resize(random() % (tokens.size() - 1) + 1);
        bench.conversation->rewind(tokens.size());
      } else if (kind == 1 && tokens.size() < 40) {
        const std::vector<Token> more = prompt_of(random() % 8, random());
        tokens.insert(tokens.end(), more.begin(), more.end());
        bench.conversation->append(more);
      } else if (kind == 2) {
        tokens[random() % tokens.size()] = static_cast<Token>(random() % 32);
        bench.conversation->assign(tokens);
      } else {
        const std::vector<Token> made = bench.continuation(tokens, greedy(6));
        ASSERT_EQ(bench.conversation->generate(greedy(6)).ids, made);
        tokens.insert(tokens.end(), made.begin(), made.end());
      }
      ASSERT_EQ(bench.conversation->tokens(), tokens);
      const std::vector<float> expected = bench.network->logits_after(
          tokens, bench.network->long_factors(tokens.size()));
      const std::span<const float> logits = bench.conversation->next_logits();
      ASSERT_TRUE(std::equal(logits.begin(), logits.end(), expected.begin(),
                             expected.end()));
    }
  }
}

TEST(Conversation, next_logits_are_not_spoiled_by_a_generation) {
  Bench bench;
  const std::vector<Token> prompt = prompt_of(6);
  bench.conversation->assign(prompt);
  bench.conversation->next_logits();
  const size_t passes = bench.network->passes.size();
  bench.conversation->next_logits();
  GenerationOptions generation = greedy(1);
  generation.sampling.repetition_penalty = 3;
  const Answer answer = bench.conversation->generate(generation);
  EXPECT_EQ(bench.network->passes.size(), passes); // the logits were there
  EXPECT_EQ(answer.ids, bench.continuation(prompt, generation));
  EXPECT_EQ(answer.timings.prefilled_tokens, 0u);
  bench.conversation->rewind(6);
  const std::vector<float> expected =
      bench.network->logits_after(prompt, false);
  const std::span<const float> logits = bench.conversation->next_logits();
  EXPECT_TRUE(std::equal(logits.begin(), logits.end(), expected.begin(),
                         expected.end()));
}

TEST(Conversation, refuses_what_does_not_fit) {
  Bench bench({.context = 8});
  const auto open = [&](size_t context) {
    Conversation(bench.network, fake::plan_for(bench.options), bench.tokenizer,
                 context);
  };
  EXPECT_EQ(thrown([&] { open(0); }).code(), ErrorCode::Usage);
  EXPECT_EQ(thrown([&] { open(9); }).code(), ErrorCode::Usage);
  EXPECT_EQ(thrown([&] { bench.conversation->generate({}); }).code(),
            ErrorCode::Input);
  EXPECT_EQ(thrown([&] { bench.conversation->next_logits(); }).code(),
            ErrorCode::Input);

  const std::vector<Token> prompt = prompt_of(8);
  bench.conversation->assign(prompt);
  const std::string longer =
      refusal([&] { bench.conversation->assign(prompt_of(9)); });
  EXPECT_TRUE(says(longer, "9 tokens"));
  EXPECT_TRUE(says(longer, "holds 8"));
  const std::vector<Token> one = {1};
  EXPECT_EQ(thrown([&] { bench.conversation->append(one); }).code(),
            ErrorCode::Input);
  for (const Token wrong : {-1, 32}) {
    const std::string unknown =
        refusal([&] { bench.conversation->assign({1, wrong}); });
    EXPECT_TRUE(says(unknown, "at position 1"));
  }
  EXPECT_EQ(bench.conversation->tokens(), prompt);
}

TEST(Conversation, max_new_tokens_0_prefills_only) {
  Bench bench({.context = 8});
  bench.conversation->assign(prompt_of(8));
  Answer answer = bench.conversation->generate(greedy(0));
  EXPECT_EQ(answer.finish_reason, FinishReason::Length);
  EXPECT_TRUE(answer.ids.empty());
  EXPECT_EQ(answer.timings.prefilled_tokens, 8u);
  EXPECT_EQ(bench.network->last_session->position(), 8u);
  EXPECT_EQ(bench.conversation->cache_bytes(), 800u);
  answer = bench.conversation->generate(greedy(1));
  EXPECT_EQ(answer.finish_reason, FinishReason::Context);
  EXPECT_TRUE(answer.ids.empty());
}

TEST(Conversation, greedy_decoding_ignores_the_sampling_options) {
  Bench bench;
  GenerationOptions generation = greedy(8);
  generation.sampling.temperature = 0.3;
  generation.sampling.top_k = 1;
  generation.sampling.top_p = 0.01;
  bench.conversation->assign(prompt_of(5));
  EXPECT_EQ(bench.conversation->generate(generation).ids,
            bench.continuation(prompt_of(5), greedy(8)));
}

enum class Failure { Memory, Device, Foreign };

void fail(Failure failure) {
  switch (failure) {
  case Failure::Memory:
    throw Error(ErrorCode::Resource, "no more");
  case Failure::Device:
    throw Error(ErrorCode::Failed, "lost");
  case Failure::Foreign:
    throw std::runtime_error("lost");
  }
}

TEST(Conversation, a_failed_pass_leaves_the_tokens_and_a_usable_session) {
  for (const bool half_way : {false, true}) {
    for (const Failure failure :
         {Failure::Memory, Failure::Device, Failure::Foreign}) {
      for (size_t failing = 0; failing < 9; ++failing) {
        Bench bench({.context = 40, .turn_tokens = 3, .original_context = 12});
        const std::vector<Token> prompt = prompt_of(8);
        auto &hook =
            half_way ? bench.network->after_pass : bench.network->before_pass;
        hook = [&bench, failing, half_way, failure](size_t pass) {
          if (pass != failing + (half_way ? 1 : 0))
            return;
          if (half_way ||
              failure != Failure::Memory) { // whatever the cache holds now is
                                            // not to be trusted
            for (fake::Entry &entry : bench.network->last_session->cache)
              entry.token ^= 1;
          }
          fail(failure);
        };
        bench.conversation->assign(prompt);
        EXPECT_ANY_THROW(bench.conversation->generate(greedy(8)));
        EXPECT_EQ(bench.conversation->tokens(), prompt);
        EXPECT_LE(bench.network->last_session->position(), 8u);
        hook = {};
        EXPECT_EQ(bench.conversation->generate(greedy(8)).ids,
                  bench.continuation(prompt, greedy(8)));
      }
    }
  }
}

TEST(Conversation, failures_of_hooks_leave_the_tokens) {
  Bench bench({.context = 40});
  const std::vector<Token> prompt = prompt_of(5);
  bench.conversation->assign(prompt);
  GenerationOptions generation = greedy(6);
  generation.mask = [](std::span<const Token> history,
                       std::span<float> logits) {
    if (history.size() == 8)
      std::fill(logits.begin(), logits.end(), -infinity);
  };
  EXPECT_EQ(thrown([&] { bench.conversation->generate(generation); }).code(),
            ErrorCode::Failed);
  EXPECT_EQ(bench.conversation->tokens(), prompt);
  EXPECT_THROW(
      bench.conversation->generate(greedy(6),
                                   [](std::string_view, Token) -> bool {
                                     throw std::runtime_error("full");
                                   }),
      std::runtime_error);
  EXPECT_EQ(bench.conversation->tokens(), prompt);
  EXPECT_EQ(bench.conversation->generate(greedy(6)).ids,
            bench.continuation(prompt, greedy(6)));

  GenerationOptions wrong = greedy(6);
  wrong.sampling.repetition_penalty = 0;
  EXPECT_EQ(thrown([&] { bench.conversation->generate(wrong); }).code(),
            ErrorCode::Usage);
  wrong = greedy(6);
  wrong.stop_texts = {""};
  EXPECT_EQ(thrown([&] { bench.conversation->generate(wrong); }).code(),
            ErrorCode::Usage);
}

TEST(Conversation, masks_see_the_history_and_bind_drafts_too) {
  Bench bench({.turn_tokens = 8});
  GenerationOptions generation = greedy(12);
  generation.mask = [](std::span<const Token> history,
                       std::span<float> logits) {
    for (size_t i = 0; i < logits.size(); ++i) {
      if ((i + history.size()) % 2 == 0)
        logits[i] = -infinity;
    }
  };
  bench.conversation->set_drafter(
      drafter_for(bench, greedy(12), 2)); // does not know the mask
  bench.conversation->assign(prompt_of(5));
  const Answer answer = bench.conversation->generate(generation);
  EXPECT_EQ(answer.ids, bench.continuation(prompt_of(5), generation));
  for (size_t i = 0; i < answer.ids.size(); ++i)
    EXPECT_EQ((static_cast<size_t>(answer.ids[i]) + 5 + i) % 2, 1u);
}

TEST(Conversation, keeps_log_probabilities_for_each_id) {
  Bench bench;
  GenerationOptions generation = sampled(6, 4);
  bench.conversation->assign(prompt_of(5));
  EXPECT_TRUE(bench.conversation->generate(generation).choices.empty());
  bench.conversation->rewind(5);
  generation.top_logprobs = 3;
  const Answer answer = bench.conversation->generate(generation);
  ASSERT_EQ(answer.choices.size(), 6u);
  std::vector<Token> history = prompt_of(5);
  for (size_t i = 0; i < 6; ++i) {
    const std::vector<float> logits =
        bench.network->logits_after(history, false);
    double sum = 0;
    for (const float logit : logits)
      sum += std::exp(double{logit});
    EXPECT_EQ(answer.choices[i].token, answer.ids[i]);
    EXPECT_NEAR(answer.choices[i].logprob,
                logits[static_cast<size_t>(answer.ids[i])] - std::log(sum),
                1e-5);
    ASSERT_EQ(answer.choices[i].top.size(), 3u);
    EXPECT_EQ(answer.choices[i].top[0].token,
              std::max_element(logits.begin(), logits.end()) - logits.begin());
    history.push_back(answer.ids[i]);
  }
}

TEST(Conversation,
     progress_and_stop_end_the_prefill_and_the_conversation_goes_on) {
  const std::vector<Token> prompt = prompt_of(10);
  for (const bool by_progress : {false, true}) {
    for (size_t stop_at = 0; stop_at <= 4; ++stop_at) {
      Bench bench({.turn_tokens = 3});
      std::vector<uint64_t> seen;
      const Progress progress = [&](std::string_view what, uint64_t done,
                                    uint64_t total) {
        EXPECT_EQ(what, "prefill");
        EXPECT_EQ(total, 10u);
        seen.push_back(done);
        if (seen.size() <= stop_at)
          return true;
        if (by_progress)
          return false;
        bench.conversation->stop();
        return true;
      };
      bench.conversation->assign(prompt);
      const Answer answer =
          bench.conversation->generate(greedy(5), {}, progress);
      EXPECT_EQ(answer.finish_reason, FinishReason::Stopped);
      EXPECT_TRUE(answer.ids.empty());
      EXPECT_EQ(bench.conversation->tokens(), prompt);
      const std::vector<uint64_t> all = {0, 3, 6, 9, 10};
      EXPECT_EQ(seen,
                std::vector<uint64_t>(
                    all.begin(),
                    all.begin() + static_cast<std::ptrdiff_t>(stop_at) + 1));
      const Answer again = bench.conversation->generate(greedy(5));
      EXPECT_EQ(again.ids, bench.continuation(prompt, greedy(5)));
      EXPECT_EQ(again.timings.prefilled_tokens, 10 - all[stop_at]);
    }
  }
  Bench bench({.turn_tokens = 3});
  bench.conversation->assign(prompt);
  EXPECT_EQ(thrown([&] {
              bench.conversation->next_logits(
                  [](std::string_view, uint64_t, uint64_t) { return false; });
            }).code(),
            ErrorCode::Stopped);
}

TEST(Conversation, stop_from_another_thread_ends_after_the_current_token) {
  Bench bench({.context = 5000, .turn_tokens = 8});
  bench.conversation->assign(prompt_of(4));
  bench.conversation->stop(); // nothing runs: no effect
  std::atomic<int> made{0};
  std::atomic<bool> asked{false};
  std::thread stopper([&] {
    while (made.load() < 3)
      std::this_thread::yield();
    bench.conversation->stop();
    asked.store(true);
  });
  std::string streamed;
  const Answer answer = bench.conversation->generate(
      greedy(4000), [&](std::string_view text, Token) {
        streamed += text;
        if (++made == 5) {
          while (!asked.load())
            std::this_thread::yield();
        }
        return true;
      });
  stopper.join();
  EXPECT_EQ(answer.finish_reason, FinishReason::Stopped);
  EXPECT_GE(answer.ids.size(), 3u);
  EXPECT_LE(answer.ids.size(), 5u);
  EXPECT_EQ(answer.text, streamed);
  EXPECT_EQ(bench.conversation->tokens().size(), 4 + answer.ids.size());
  const std::vector<Token> tokens = bench.conversation->tokens();
  EXPECT_EQ(bench.conversation->generate(greedy(3)).ids,
            bench.continuation(tokens, greedy(3)));
}

TEST(Conversation, a_stop_while_the_factors_switch_keeps_what_was_made) {
  Bench bench({.context = 40, .turn_tokens = 4, .original_context = 10});
  const std::vector<Token> prompt = prompt_of(8);
  bench.conversation->assign(prompt);
  const Answer answer = bench.conversation->generate(
      greedy(20), {}, [](std::string_view, uint64_t done, uint64_t total) {
        return !(total == 11 && done == 4);
      });
  EXPECT_EQ(answer.finish_reason, FinishReason::Stopped);
  EXPECT_EQ(answer.ids, bench.continuation(prompt, greedy(3)));
  const std::vector<Token> tokens = bench.conversation->tokens();
  EXPECT_EQ(bench.conversation->generate(greedy(5)).ids,
            bench.continuation(tokens, greedy(5)));
}

struct Streamed {
  Answer answer;
  std::vector<std::string> pieces;
};

Streamed streamed(Bench &bench, const GenerationOptions &generation) {
  Streamed result;
  result.answer = bench.conversation->generate(
      generation, [&](std::string_view text, Token) {
        result.pieces.emplace_back(text);
        return true;
      });
  std::string whole;
  for (const std::string &piece : result.pieces)
    whole += piece;
  EXPECT_EQ(whole, result.answer.text);
  return result;
}

TEST(Conversation, stop_texts_are_matched_across_tokens) {
  const std::vector<std::string> pieces = {"x",   "Hello", " wor", "ld. U",
                                           "ser", ": hi",  "END"};
  struct Case {
    std::vector<std::string> stops;
    std::string text;
    size_t ids;
    std::string stop;
  };
  const std::vector<Case> cases = {
      {{"User:"},
       "Hello world. ",
       5,
       "User:"}, // begins in one token, ends two later
      {{"Hello"}, "", 1, "Hello"},
      {{"ld"}, "Hello wor", 3, "ld"},
      {{"User!"}, "Hello world. User: hiEND", 6, ""},
      {{"hiEND", "iEN"}, "Hello world. User: h", 6, "iEN"}, // complete first
      {{"ENDx", "zzz"},
       "Hello world. User: hiEND",
       6,
       ""}, // held back at the end, then flushed
  };
  for (const Case &expected : cases) {
    for (const bool drafts : {false, true}) {
      Bench bench({.turn_tokens = 8}, pieces);
      bench.says({1, 2, 3, 4, 5, 6}, 2);
      GenerationOptions generation = greedy(6);
      if (drafts)
        bench.conversation->set_drafter(drafter_for(bench, generation, 0));
      generation.stop_texts = expected.stops;
      bench.conversation->assign({0, 0});
      const Streamed got = streamed(bench, generation);
      EXPECT_EQ(got.answer.text, expected.text);
      EXPECT_EQ(got.answer.ids.size(), expected.ids);
      EXPECT_EQ(got.pieces.size(), expected.ids);
      EXPECT_EQ(bench.conversation->tokens().size(), 2 + expected.ids);
      EXPECT_EQ(got.answer.finish_reason, expected.stop.empty()
                                              ? FinishReason::Length
                                              : FinishReason::Stop);
      if (!expected.stop.empty()) {
        EXPECT_EQ(std::get<std::string>(got.answer.stop), expected.stop);
      }
    }
  }
}

TEST(Conversation, stop_tokens_stay_in_the_ids_and_out_of_the_text) {
  for (const bool skip_special : {true, false}) {
    Bench bench({}, {"x", "Hi", "<|end|>", "<|user|>", "U"}, {2, 3});
    bench.says({1, 3, 4, 2, 1}, 1);
    GenerationOptions generation = greedy(10);
    generation.stop_tokens = {30, 2};
    generation.stop_texts = {
        "Ux"}; // the last text is held back until the stop token
    generation.skip_special = skip_special;
    bench.conversation->assign({0});
    const Streamed got = streamed(bench, generation);
    EXPECT_EQ(got.answer.ids, (std::vector<Token>{1, 3, 4, 2}));
    EXPECT_EQ(got.answer.text, skip_special ? "HiU" : "Hi<|user|>U<|end|>");
    EXPECT_EQ(got.answer.finish_reason, FinishReason::Stop);
    EXPECT_EQ(std::get<Token>(got.answer.stop), 2);
  }
}

TEST(Conversation, characters_are_never_split) {
  Bench bench({}, {"x", "\xf0\x9f", "\x98", "\x80", "!", "\xe2\x82"});
  bench.says({4, 1, 2, 3, 4, 5}, 1);
  bench.conversation->assign({0});
  const Streamed got = streamed(bench, greedy(6));
  EXPECT_EQ(got.pieces.size(), 6u);
  for (const std::string &piece : got.pieces)
    EXPECT_EQ(utf8_first_invalid(piece), std::string_view::npos);
  EXPECT_TRUE(got.answer.text.starts_with("!😀!\xef\xbf\xbd"))
      << got.answer.text;
}

TEST(Conversation, the_leading_space_goes_only_where_asked) {
  for (const bool strip : {true, false}) {
    Bench bench({}, std::make_shared<fake::Tokenizer>(
                        std::vector<std::string>{"x", " Hi", " you"},
                        std::vector<Token>{}, true));
    bench.says({1, 2}, 1);
    GenerationOptions generation = greedy(2);
    generation.strip_leading_space = strip;
    bench.conversation->assign({0});
    EXPECT_EQ(streamed(bench, generation).answer.text,
              strip ? "Hi you" : " Hi you");
  }
}

TEST(Conversation, a_listener_that_says_no_ends_the_answer) {
  Bench bench({}, {"x", "a", "b", "c"});
  bench.says({1, 2, 3, 1}, 1);
  GenerationOptions generation = greedy(10);
  bench.conversation->assign({0});
  int calls = 0;
  const Answer answer = bench.conversation->generate(
      generation, [&](std::string_view, Token) { return ++calls < 3; });
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(answer.text, "abc");
  EXPECT_EQ(answer.finish_reason, FinishReason::Stopped);
  EXPECT_EQ(bench.conversation->tokens(), (std::vector<Token>{0, 1, 2, 3}));
}

TEST(Conversation, times_agree_with_each_other) {
  Bench bench({.turn_tokens = 4});
  bench.conversation->assign(prompt_of(8));
  const Timings timings = bench.conversation->generate(greedy(5)).timings;
  EXPECT_GT(timings.prefill_ms, 0);
  EXPECT_GE(timings.ttft_ms, timings.prefill_ms);
  EXPECT_GT(timings.tpot_ms, 0);
  EXPECT_DOUBLE_EQ(timings.prefill_tokens_per_s, 8000 / timings.prefill_ms);
  EXPECT_DOUBLE_EQ(timings.decode_tokens_per_s, 1000 / timings.tpot_ms);
}

TEST(Conversation, finish_reasons_have_their_names) {
  EXPECT_EQ(finish_reason_name(FinishReason::Stop), "stop");
  EXPECT_EQ(finish_reason_name(FinishReason::Length), "length");
  EXPECT_EQ(finish_reason_name(FinishReason::Context), "context");
  EXPECT_EQ(finish_reason_name(FinishReason::Stopped), "stopped");
}

} // namespace
} // namespace philo
