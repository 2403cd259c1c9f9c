// Greedy text and logits through Conversation: LongRoPE's switch, rewinds and shared prefixes are its business.
#include "generate/conversation.h"

#include <algorithm>

#include "base/temporary_folder.h"
#include "generate/conversation_file.h"
#include "generate/prompt_lookup.h"
#include "golden/golden.h"

namespace philo::golden {

namespace {

constexpr size_t least_decided_steps = 50;

class ConversationTest : public GoldenTest {
 protected:
  Conversation open() const {
    return Conversation(compile(), golden_->plan, golden_->checkpoint.tokenizer,
                        static_cast<size_t>(golden_->plan->config.context));
  }
  static GenerationOptions greedy(size_t tokens) {
    GenerationOptions options;
    options.max_new_tokens = tokens;
    return options;
  }
};

TEST_P(ConversationTest, GreedyContinuations) {
  ASSERT_FALSE(golden_->continuations.empty());
  for (const Continuation& expected : golden_->continuations) {
    Conversation conversation = open();
    conversation.assign(golden_->prompts[expected.prompt].ids);
    const Answer answer = conversation.generate(greedy(expected.ids.size()));
    EXPECT_TRUE(continues(*golden_, expected, answer.ids, least_decided_steps));
    EXPECT_EQ(answer.finish_reason, FinishReason::Length);
    EXPECT_EQ(conversation.tokens().size(), golden_->prompts[expected.prompt].ids.size() + expected.ids.size());
  }
}

// One conversation takes all prompts in turn, from the longest to the shortest and back, so that it crosses the limit
// both ways.
TEST_P(ConversationTest, OnePromptAfterAnother) {
  Conversation conversation = open();
  std::vector<size_t> order;
  for (size_t index = golden_->prompts.size(); index-- > 0;) order.push_back(index);
  for (size_t index = 0; index < golden_->prompts.size(); ++index) order.push_back(index);
  for (const size_t prompt : order) {
    conversation.assign(golden_->prompts[prompt].ids);
    EXPECT_TRUE(last_agrees(*golden_, prompt, conversation.next_logits(), exact_error));
  }
}

// Tokens appended one by one, the logits asked for in between.
TEST_P(ConversationTest, OneTokenAtATime) {
  for (size_t prompt = 0; prompt < golden_->prompts.size(); ++prompt) {
    Conversation conversation = open();
    for (const Token id : golden_->prompts[prompt].ids) {
      conversation.append({&id, 1});
      if (conversation.tokens().size() % 3 == 0) conversation.next_logits();
    }
    EXPECT_TRUE(last_agrees(*golden_, prompt, conversation.next_logits(), exact_error));
  }
}

// A continuation is the same wherever one goes back to within it, also across the limit.
TEST_P(ConversationTest, RewindsWithinAnAnswer) {
  const Continuation& expected = golden_->continuations.front();
  Conversation conversation = open();
  const std::vector<Token>& prompt = golden_->prompts[expected.prompt].ids;
  conversation.assign(prompt);
  conversation.generate(greedy(expected.ids.size()));
  for (const size_t kept : {150u, 0u, 97u, 30u, 199u, 1u, 64u, 38u}) {
    conversation.rewind(prompt.size() + kept);
    const Answer answer = conversation.generate(greedy(expected.ids.size() - kept));
    std::vector<Token> made(expected.ids.begin(), expected.ids.begin() + kept);
    made.insert(made.end(), answer.ids.begin(), answer.ids.end());
    ASSERT_TRUE(continues(*golden_, expected, made, least_decided_steps)) << "after a rewind to new token " << kept;
  }
}

// Guesses from the answer itself, every sixth of them wrong: many passes of several tokens, many rewinds.
class Rehearsed final : public Drafter {
 public:
  Rehearsed(size_t prompt_tokens, std::vector<Token> answer) : prompt_tokens_(prompt_tokens), answer_(std::move(answer)) {}
  std::vector<Token> guess(std::span<const Token> history, size_t at_most) override {
    const size_t from = history.size() - prompt_tokens_;
    std::vector<Token> guesses;
    for (size_t i = from; i < answer_.size() && guesses.size() < std::min(at_most, from % 13 + 1); ++i)
      guesses.push_back(++made_ % 6 == 0 ? 3 : answer_[i]);
    return guesses;
  }

 private:
  size_t prompt_tokens_, made_ = 0;
  std::vector<Token> answer_;
};

// Also with int8 keys and values, sampled, and across the limit.
TEST_P(ConversationTest, SpeculationChangesNothing) {
  const Continuation& expected = golden_->continuations.front();
  const std::vector<Token>& prompt = golden_->prompts[expected.prompt].ids;
  for (const KvFormat kv_format : {KvFormat::Fp32, KvFormat::Int8})
    for (const bool samples : {false, true}) {
      const std::shared_ptr<const Network> network = compile(kv_format);
      GenerationOptions options = greedy(expected.ids.size());
      options.sampling.do_sample = samples;
      options.sampling.seed = 5;
      const auto answer_with = [&](std::shared_ptr<Drafter> drafter) {
        Conversation conversation(network, golden_->plan, golden_->checkpoint.tokenizer, network->traits().context);
        conversation.set_drafter(std::move(drafter));
        conversation.assign(prompt);
        return conversation.generate(options);
      };
      const Answer plain = answer_with(nullptr);
      const Answer guessed = answer_with(std::make_shared<Rehearsed>(prompt.size(), plain.ids));
      EXPECT_EQ(guessed.ids, plain.ids);
      EXPECT_GT(guessed.timings.agreed_tokens, plain.ids.size() / 4);
      EXPECT_LT(guessed.timings.decode_passes, plain.timings.decode_passes);
      EXPECT_EQ(answer_with(std::make_shared<PromptLookup>()).ids, plain.ids);
    }
}

// A conversation that was saved goes on elsewhere as if it had never been: same tokens, nothing computed again.
TEST_P(ConversationTest, GoesOnFromAFile) {
  const TemporaryFolder folder;
  const std::string path = folder.path("kept.safetensors");
  for (const KvFormat kv_format : {KvFormat::Fp32, KvFormat::Fp16, KvFormat::Int8})
    for (const Continuation& expected : golden_->continuations) {
      const std::shared_ptr<const Network> network = compile(kv_format);
      const auto begun = [&] {
        return Conversation(network, golden_->plan, golden_->checkpoint.tokenizer, network->traits().context);
      };
      Conversation first = begun();
      first.assign(golden_->prompts[expected.prompt].ids);
      first.generate(greedy(7));
      save_conversation(path, first, {{"kv_format", "x"}}, {{"note", "é"}});
      Conversation second = begun();
      restore_conversation(path, second, {{"kv_format", "x"}}, [](const OrderedJson& about) { EXPECT_EQ(about.at("note"), "é"); });
      EXPECT_EQ(second.tokens(), first.tokens());
      const Answer resumed = second.generate(greedy(20));
      EXPECT_EQ(resumed.ids, first.generate(greedy(20)).ids);
      if (resumed.notes.empty()) {
        EXPECT_EQ(resumed.timings.prefilled_tokens, 1u);  // the last one, which nobody had asked about
      }
    }
}

TEST_P(ConversationTest, StopsAtTheContext) {
  const Continuation& expected = golden_->continuations.front();
  const std::vector<Token>& prompt = golden_->prompts[expected.prompt].ids;
  Conversation conversation(compile(), golden_->plan, golden_->checkpoint.tokenizer, prompt.size() + 20);
  conversation.assign(prompt);
  const Answer answer = conversation.generate(greedy(100));
  EXPECT_EQ(answer.finish_reason, FinishReason::Context);
  ASSERT_GE(answer.ids.size(), 20u);
  ASSERT_LE(answer.ids.size(), 21u);  // the last token needs no place in the cache
  EXPECT_TRUE(std::equal(answer.ids.begin(), answer.ids.end(), expected.ids.begin()));
}

INSTANTIATE_TEST_SUITE_P(Models, ConversationTest, testing::ValuesIn(every_case()), case_name);

}  // namespace

}  // namespace philo::golden
