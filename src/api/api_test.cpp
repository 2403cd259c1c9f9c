// The C interface on a tiny model with random weights.
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "philo/philo.h"

namespace {

using Json = nlohmann::json;

const std::string tiny = std::string(PHILO_SOURCE_DIR) + "/tests/data/models/mini-4k";

// A text that the library gave, freed at the end.
struct Text {
  char* bytes = nullptr;
  ~Text() { philo_text_free(bytes); }
  Json json() const { return Json::parse(bytes); }
};

struct Problem {
  philo_error* error = nullptr;
  ~Problem() { philo_error_free(error); }
  std::string message() const { return philo_error_message(error); }
};

struct Tokens {
  philo_token* tokens = nullptr;
  size_t count = 0;
  ~Tokens() { philo_tokens_free(tokens); }
  std::vector<philo_token> list() const { return {tokens, tokens + count}; }
};

class Api : public testing::Test {
 protected:
  void SetUp() override {
    Problem problem;
    ASSERT_EQ(philo_model_open(tiny.c_str(), nullptr, 0, nullptr, &model_, &problem.error), PHILO_OK)
        << problem.message();
  }
  void TearDown() override { philo_model_free(model_); }

  philo_conversation* conversation(std::vector<philo_option> options = {}) const {
    philo_conversation* made = nullptr;
    Problem problem;
    EXPECT_EQ(philo_conversation_new(model_, options.data(), options.size(), nullptr, &made, &problem.error), PHILO_OK)
        << problem.message();
    return made;
  }
  static Json continued(philo_conversation* conversation, std::vector<philo_token> tokens,
                        std::vector<philo_option> options, const philo_callbacks* callbacks = nullptr) {
    Problem problem;
    Text report;
    EXPECT_EQ(philo_conversation_assign(conversation, tokens.data(), tokens.size(), &problem.error), PHILO_OK)
        << problem.message();
    EXPECT_EQ(philo_conversation_continue(conversation, options.data(), options.size(), callbacks, &report.bytes,
                                          &problem.error),
              PHILO_OK)
        << problem.message();
    return report.bytes == nullptr ? Json() : report.json();
  }

  philo_model* model_ = nullptr;
};

TEST(ApiErrors, NullPointersAreRefused) {
  const auto refused = [](philo_status status, const Problem& problem) {
    EXPECT_EQ(status, PHILO_USAGE) << problem.message();
    EXPECT_EQ(philo_error_status(problem.error), PHILO_USAGE);
    EXPECT_NE(problem.message().find("must not be null"), std::string::npos) << problem.message();
  };
  philo_model* model = nullptr;
  philo_tokenizer* tokenizer = nullptr;
  philo_conversation* conversation = nullptr;
  Text text;
  Tokens tokens;
  {
    Problem p;
    refused(philo_model_open(nullptr, nullptr, 0, nullptr, &model, &p.error), p);
  }
  {
    Problem p;
    refused(philo_model_open("x", nullptr, 0, nullptr, nullptr, &p.error), p);
  }
  {
    Problem p;
    refused(philo_model_open("x", nullptr, 1, nullptr, &model, &p.error), p);
  }
  {
    Problem p;
    refused(philo_model_report(nullptr, &text.bytes, &p.error), p);
  }
  {
    Problem p;
    refused(philo_tokenizer_open(nullptr, &tokenizer, &p.error), p);
  }
  {
    Problem p;
    refused(philo_tokenizer_of(nullptr, &tokenizer, &p.error), p);
  }
  {
    Problem p;
    refused(philo_tokenizer_encode(nullptr, "x", 1, 0, &tokens.tokens, &tokens.count, &p.error), p);
  }
  {
    Problem p;
    refused(philo_conversation_new(nullptr, nullptr, 0, nullptr, &conversation, &p.error), p);
  }
  {
    Problem p;
    refused(philo_conversation_add(nullptr, "user", "x", &p.error), p);
  }
  {
    Problem p;
    refused(philo_conversation_answer(nullptr, nullptr, 0, nullptr, &text.bytes, &p.error), p);
  }
  {
    Problem p;
    refused(philo_score_text(nullptr, "x", 1, nullptr, 0, nullptr, &text.bytes, &p.error), p);
  }
  {
    Problem p;
    refused(philo_inspect(nullptr, nullptr, 0, &text.bytes, &p.error), p);
  }
  {
    Problem p;
    refused(philo_devices(nullptr, &p.error), p);
  }
  {
    Problem p;
    refused(philo_set_onnxruntime(nullptr, &p.error), p);
  }
  {
    Problem p;
    refused(philo_machine(nullptr, 0, nullptr, nullptr, &p.error), p);
  }
  {
    Problem p;
    refused(philo_options_describe(nullptr, &text.bytes, &p.error), p);
  }
  EXPECT_EQ(philo_devices(nullptr, nullptr), PHILO_USAGE) << "the error is optional";
  philo_model_free(nullptr);
  philo_conversation_free(nullptr);
  philo_tokenizer_free(nullptr);
  philo_error_free(nullptr);
  philo_text_free(nullptr);
  philo_tokens_free(nullptr);
  philo_conversation_stop(nullptr);
  EXPECT_STREQ(philo_error_message(nullptr), "");
  EXPECT_EQ(philo_error_status(nullptr), PHILO_OK);
}

TEST(ApiErrors, TellWhatIsWrong) {
  philo_model* model = nullptr;
  Problem missing;
  EXPECT_EQ(philo_model_open("/no/such/model", nullptr, 0, nullptr, &model, &missing.error), PHILO_INPUT);
  EXPECT_NE(missing.message().find("/no/such/model"), std::string::npos);
  EXPECT_EQ(model, nullptr);
  const philo_option device = {"device", "abacus"};
  Problem unknown;
  EXPECT_EQ(philo_model_open(tiny.c_str(), &device, 1, nullptr, &model, &unknown.error), PHILO_DEVICE);
  const philo_option wrong = {"weight-format", "int3"};
  Problem usage;
  EXPECT_EQ(philo_model_open(tiny.c_str(), &wrong, 1, nullptr, &model, &usage.error), PHILO_USAGE);
  EXPECT_EQ(philo_options_check("load", &wrong, 1, nullptr), PHILO_USAGE);
  EXPECT_EQ(philo_options_check("load", &device, 1, nullptr), PHILO_OK);
  philo_callbacks callbacks{};
  Problem size;
  EXPECT_EQ(philo_model_open(tiny.c_str(), nullptr, 0, &callbacks, &model, &size.error), PHILO_USAGE);
  EXPECT_NE(size.message().find("size"), std::string::npos);
}

TEST_F(Api, ReportsTheModel) {
  Text report;
  ASSERT_EQ(philo_model_report(model_, &report.bytes, nullptr), PHILO_OK);
  const Json json = report.json();
  EXPECT_EQ(json.at("device"), "cpu");
  EXPECT_EQ(json.at("weight_format"), "bf16");
  EXPECT_EQ(json.at("kv_format"), "int8");
  EXPECT_EQ(json.at("context"), 512);
  EXPECT_EQ(json.at("chat"), true);
  EXPECT_GT(json.at("load_ms").get<double>(), 0);
}

TEST_F(Api, AnswersAChat) {
  philo_conversation* talk = conversation();
  Problem problem;
  ASSERT_EQ(philo_conversation_set_system(talk, "Be brief.", nullptr), PHILO_OK);
  ASSERT_EQ(philo_conversation_add(talk, "user", "Hello", nullptr), PHILO_OK);
  Tokens prompt;
  ASSERT_EQ(philo_conversation_prompt(talk, nullptr, &prompt.tokens, &prompt.count, nullptr), PHILO_OK);

  struct Seen {
    std::string text;
    size_t tokens = 0;
  } seen;
  philo_callbacks callbacks{};
  callbacks.size = sizeof callbacks;
  callbacks.user = &seen;
  callbacks.on_text = [](void* user, const char* text, size_t bytes, philo_token) {
    auto& here = *static_cast<Seen*>(user);
    EXPECT_EQ(std::strlen(text), bytes);
    here.text.append(text, bytes);
    ++here.tokens;
    return static_cast<int>(PHILO_CONTINUE);
  };
  const philo_option options[] = {{"max-new-tokens", "8"}};
  Text report;
  ASSERT_EQ(philo_conversation_answer(talk, options, 1, &callbacks, &report.bytes, &problem.error), PHILO_OK)
      << problem.message();
  const Json json = report.json();
  EXPECT_EQ(json.at("prompt_ids").get<std::vector<philo_token>>(), prompt.list());
  EXPECT_EQ(json.at("text"), seen.text);
  EXPECT_EQ(json.at("ids").size(), seen.tokens);
  Text messages;
  ASSERT_EQ(philo_conversation_messages(talk, &messages.bytes, nullptr), PHILO_OK);
  const Json list = messages.json();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[2], Json({{"role", "assistant"}, {"content", seen.text}}));

  ASSERT_EQ(philo_conversation_remove_last(talk, nullptr), PHILO_OK);
  Text again;
  ASSERT_EQ(philo_conversation_answer(talk, options, 1, nullptr, &again.bytes, nullptr), PHILO_OK);
  EXPECT_EQ(again.json().at("ids"), json.at("ids"));
  ASSERT_EQ(philo_conversation_clear(talk, nullptr), PHILO_OK);
  Text state;
  ASSERT_EQ(philo_conversation_report(talk, &state.bytes, nullptr), PHILO_OK);
  EXPECT_EQ(state.json().at("messages"), 1);
  philo_conversation_free(talk);
}

TEST_F(Api, RefusesTextThatIsNotUtf8) {
  philo_conversation* talk = conversation();
  EXPECT_EQ(philo_conversation_add(talk, "user", "a\xff", nullptr), PHILO_INPUT);
  EXPECT_EQ(philo_conversation_set_system(talk, "\xc3", nullptr), PHILO_INPUT);
  philo_conversation_free(talk);
}

TEST_F(Api, ConversationOutlivesItsModel) {
  philo_conversation* talk = conversation();
  philo_tokenizer* tokenizer = nullptr;
  ASSERT_EQ(philo_tokenizer_of(model_, &tokenizer, nullptr), PHILO_OK);
  philo_model_free(model_);
  model_ = nullptr;
  EXPECT_EQ(continued(talk, {1, 2, 3}, {{"max-new-tokens", "4"}, {"ignore-eos", "true"}}).at("ids").size(), 4u);
  Text piece;
  EXPECT_EQ(philo_tokenizer_piece(tokenizer, 1, &piece.bytes, nullptr), PHILO_OK);
  EXPECT_STREQ(piece.bytes, "<s>");
  philo_tokenizer_free(tokenizer);
  philo_conversation_free(talk);
}

TEST_F(Api, CallbacksStopAnAnswer) {
  philo_conversation* talk = conversation();
  int left = 3;
  philo_callbacks callbacks{};
  callbacks.size = sizeof callbacks;
  callbacks.user = &left;
  callbacks.on_text = [](void* user, const char*, size_t, philo_token) {
    return static_cast<int>(--*static_cast<int*>(user) > 0 ? PHILO_CONTINUE : PHILO_STOP);
  };
  const Json json = continued(talk, {1, 2, 3}, {{"ignore-eos", "true"}}, &callbacks);
  EXPECT_EQ(json.at("finish_reason"), "stopped");
  EXPECT_EQ(json.at("ids").size(), 3u);
  philo_conversation_free(talk);
}

TEST_F(Api, StopComesFromAnotherThread) {
  philo_conversation* talk = conversation();
  philo_callbacks callbacks{};
  callbacks.size = sizeof callbacks;
  callbacks.user = talk;
  callbacks.on_text = [](void* user, const char*, size_t, philo_token) {
    std::thread([user] { philo_conversation_stop(static_cast<philo_conversation*>(user)); }).join();
    return static_cast<int>(PHILO_CONTINUE);
  };
  const Json json = continued(talk, {1, 2, 3}, {{"ignore-eos", "true"}}, &callbacks);
  EXPECT_EQ(json.at("finish_reason"), "stopped");
  EXPECT_EQ(json.at("ids").size(), 1u);
  philo_conversation_free(talk);
}

TEST_F(Api, CallbacksStopLoading) {
  philo_callbacks callbacks{};
  callbacks.size = sizeof callbacks;
  callbacks.on_progress = [](void*, const char*, uint64_t, uint64_t) { return static_cast<int>(PHILO_STOP); };
  philo_model* model = nullptr;
  EXPECT_EQ(philo_model_open(tiny.c_str(), nullptr, 0, &callbacks, &model, nullptr), PHILO_STOPPED);
  EXPECT_EQ(model, nullptr);
}

TEST_F(Api, OlderCallersGiveSmallerCallbacks) {
  // A caller that was built when the structure ended after on_text.
  struct {
    size_t size;
    void* user;
    int (*on_text)(void*, const char*, size_t, philo_token);
    void* beyond;
  } old = {offsetof(philo_callbacks, on_progress), nullptr, nullptr, reinterpret_cast<void*>(1)};
  philo_conversation* talk = conversation();
  EXPECT_EQ(continued(talk, {1, 2}, {{"max-new-tokens", "2"}, {"ignore-eos", "true"}},
                      reinterpret_cast<philo_callbacks*>(&old))
                .at("ids")
                .size(),
            2u);
  philo_conversation_free(talk);
}

TEST_F(Api, ThreadsTakeTurns) {
  const std::vector<philo_option> options = {{"max-new-tokens", "40"}, {"ignore-eos", "true"}};
  std::vector<Json> alone, together(3);
  std::vector<philo_conversation*> talks;
  for (philo_token first = 1; first <= 3; ++first) {
    philo_conversation* talk = conversation();
    alone.push_back(continued(talk, {first, 7}, options));
    philo_conversation_free(talk);
    talks.push_back(conversation());
  }
  std::vector<std::thread> threads;
  for (size_t index = 0; index < 3; ++index)
    threads.emplace_back(
        [&, index] { together[index] = continued(talks[index], {static_cast<philo_token>(index + 1), 7}, options); });
  for (std::thread& thread : threads) thread.join();
  for (size_t index = 0; index < 3; ++index) EXPECT_EQ(together[index].at("ids"), alone[index].at("ids"));
  for (philo_conversation* talk : talks) philo_conversation_free(talk);
}

TEST_F(Api, NotesWhatHasNoEffect) {
  std::string notes;
  philo_callbacks callbacks{};
  callbacks.size = sizeof callbacks;
  callbacks.user = &notes;
  callbacks.on_note = [](void* user, const char* note) { static_cast<std::string*>(user)->append(note).append("\n"); };
  philo_conversation* talk = conversation();
  const Json json =
      continued(talk, {1, 2}, {{"max-new-tokens", "2"}, {"temperature", "0.3"}, {"top-k", "4"}}, &callbacks);
  EXPECT_EQ(notes, "temperature, top-k are unused without --do-sample\n");
  EXPECT_EQ(json.at("notes"), Json({"temperature, top-k are unused without --do-sample"}));
  philo_conversation_free(talk);
}

// Limits and shares: nothing is measured before it is asked for, and never by an answer.
TEST(ApiMachine, TellsLimitsAndShares) {
  // As no other test measures with: a process remembers.
  const std::vector<philo_option> three_threads = {{"threads", "3"}};
  philo_model* model = nullptr;
  philo_conversation* talk = nullptr;
  ASSERT_EQ(philo_model_open(tiny.c_str(), three_threads.data(), 1, nullptr, &model, nullptr), PHILO_OK);
  ASSERT_EQ(philo_conversation_new(model, nullptr, 0, nullptr, &talk, nullptr), PHILO_OK);
  const auto reported = [&] {
    Text report;
    EXPECT_EQ(philo_conversation_report(talk, &report.bytes, nullptr), PHILO_OK);
    return report.json().at("timings");
  };
  EXPECT_TRUE(reported().is_null());
  const std::vector<philo_token> tokens = {1, 2, 3, 4, 5};
  const std::vector<philo_option> options = {{"ignore-eos", "true"}, {"max-new-tokens", "4"}};
  Text answer;
  ASSERT_EQ(philo_conversation_assign(talk, tokens.data(), tokens.size(), nullptr), PHILO_OK);
  ASSERT_EQ(philo_conversation_continue(talk, options.data(), options.size(), nullptr, &answer.bytes, nullptr),
            PHILO_OK);
  EXPECT_EQ(answer.json().at("timings"), reported());
  for (const char* share : {"share_of_bandwidth", "share_of_int8_peak", "share_of_fp32_peak"})
    EXPECT_TRUE(reported().at(share).is_null()) << share;

  Text first, second;
  Problem problem;
  ASSERT_EQ(philo_machine(three_threads.data(), 1, nullptr, &first.bytes, &problem.error), PHILO_OK) << problem.message();
  ASSERT_EQ(philo_machine(three_threads.data(), 1, nullptr, &second.bytes, &problem.error), PHILO_OK) << problem.message();
  const Json machine = first.json();
  for (const char* key : {"cpu", "cores", "features", "threads", "read_gb_per_s", "int8_gop_per_s", "fp32_gflop_per_s",
                          "memory_bytes", "disturbed", "one_thread"})
    EXPECT_TRUE(machine.contains(key)) << key;
  EXPECT_EQ(machine.at("threads"), 3);
  EXPECT_EQ(second.json().at("one_thread"), machine.at("one_thread")) << "measured once";
  EXPECT_GT(machine.at("read_gb_per_s").get<double>(), 0);
  EXPECT_GT(machine.at("one_thread").at("read_gb_per_s").get<double>(), 0);
  for (const char* key : {"int8_gop_per_s", "fp32_gflop_per_s"}) {
    EXPECT_TRUE(machine.at(key).contains("scalar"));
    for (const auto& [isa, rate] : machine.at(key).items()) EXPECT_GT(rate.get<double>(), 0) << key << " " << isa;
  }

  const Json timings = reported();
  EXPECT_GT(timings.at("share_of_bandwidth").get<double>(), 0);
  EXPECT_GT(timings.at("share_of_fp32_peak").get<double>(), 0);
  EXPECT_TRUE(timings.at("share_of_int8_peak").is_null()) << "the weights are not quantized";
  philo_conversation_free(talk);
  philo_model_free(model);
}

TEST(ApiMachine, MayBeStoppedAndRefusesWrongOptions) {
  philo_callbacks callbacks{};
  callbacks.size = sizeof callbacks;
  callbacks.on_progress = [](void*, const char*, uint64_t, uint64_t) -> int { return PHILO_STOP; };
  const auto status = [&](std::vector<philo_option> options) {
    Text report;
    return philo_machine(options.data(), options.size(), &callbacks, &report.bytes, nullptr);
  };
  EXPECT_EQ(status({{"remeasure", "true"}}), PHILO_STOPPED);
  EXPECT_EQ(status({{"threads", "0"}}), PHILO_USAGE);
  EXPECT_EQ(status({{"threads", "1025"}}), PHILO_USAGE);
  EXPECT_EQ(status({{"cache-folder", ""}}), PHILO_USAGE);
  EXPECT_EQ(status({{"device", "cpu"}}), PHILO_USAGE);
}

TEST_F(Api, TokenizerGoesBothWays) {
  philo_tokenizer* tokenizer = nullptr;
  Problem problem;
  ASSERT_EQ(philo_tokenizer_open(tiny.c_str(), &tokenizer, &problem.error), PHILO_OK) << problem.message();
  const std::string text = "a\0b \xe2\x82\xac", wrong = "a\xff";
  Tokens tokens;
  ASSERT_EQ(philo_tokenizer_encode(tokenizer, text.data(), text.size(), 1, &tokens.tokens, &tokens.count, nullptr),
            PHILO_OK);
  Text back;
  size_t bytes = 0;
  ASSERT_EQ(philo_tokenizer_decode(tokenizer, tokens.tokens, tokens.count, 0, &back.bytes, &bytes, nullptr), PHILO_OK);
  EXPECT_EQ(std::string(back.bytes, bytes), text);
  Tokens none;
  EXPECT_EQ(philo_tokenizer_encode(tokenizer, wrong.data(), wrong.size(), 1, &none.tokens, &none.count, nullptr),
            PHILO_INPUT);
  EXPECT_EQ(none.tokens, nullptr);
  for (const philo_token token : {-1, 1000000, 2147483647, -2147483647 - 1}) {
    Text piece;
    ASSERT_EQ(philo_tokenizer_piece(tokenizer, token, &piece.bytes, nullptr), PHILO_OK);
    EXPECT_STREQ(piece.bytes, "");
    Text nothing;
    EXPECT_EQ(philo_tokenizer_decode(tokenizer, &token, 1, 0, &nothing.bytes, nullptr, nullptr), PHILO_OK);
  }
  for (const char* messages :
       {"", "{", "{}", "[1]", "[{}]", "[{\"role\": \"user\"}]", "[{\"role\": \"user\", \"content\": 1}]"})
    EXPECT_EQ(philo_tokenizer_encode_chat(tokenizer, messages, 1, 0, &none.tokens, &none.count, nullptr), PHILO_INPUT)
        << messages;
  philo_tokenizer_free(tokenizer);
}

TEST_F(Api, ScoresTokens) {
  const std::vector<philo_token> tokens = {1, 2, 3, 4, 5, 6, 7, 8};
  Text report;
  ASSERT_EQ(philo_score_tokens(model_, tokens.data(), tokens.size(), nullptr, 0, nullptr, &report.bytes, nullptr),
            PHILO_OK);
  const Json json = report.json();
  EXPECT_EQ(json.at("scored_tokens"), 7);
  EXPECT_TRUE(json.at("word_perplexity").is_null());
  Text none;
  EXPECT_EQ(philo_score_tokens(model_, tokens.data(), 1, nullptr, 0, nullptr, &none.bytes, nullptr), PHILO_INPUT);
  const philo_option large = {"context", "513"};
  EXPECT_EQ(philo_score_tokens(model_, tokens.data(), tokens.size(), &large, 1, nullptr, &none.bytes, nullptr),
            PHILO_USAGE);
}

TEST_F(Api, RefusesPromptsBeyondTheContext) {
  philo_conversation* talk = conversation({{"context", "4"}});
  const std::vector<philo_token> tokens(5, 1);
  Problem problem;
  EXPECT_EQ(philo_conversation_assign(talk, tokens.data(), tokens.size(), &problem.error), PHILO_INPUT);
  EXPECT_NE(problem.message().find("5 tokens"), std::string::npos);
  EXPECT_NE(problem.message().find("4"), std::string::npos);
  const philo_token unknown = 320;
  EXPECT_EQ(philo_conversation_assign(talk, &unknown, 1, nullptr), PHILO_INPUT);
  Text none;
  EXPECT_EQ(philo_conversation_continue(talk, nullptr, 0, nullptr, &none.bytes, nullptr), PHILO_INPUT);
  philo_conversation_free(talk);
}

}  // namespace

extern "C" int c_sees_the_interface(void);

TEST(CHeader, WorksFromC) { EXPECT_EQ(c_sees_the_interface(), 1); }
