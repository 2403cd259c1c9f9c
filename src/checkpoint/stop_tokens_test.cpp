// The stop set is the union of what every file says, each token with its sources.
#include "checkpoint/stop_tokens.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/refusal.h"
#include "checkpoint/hugging_face.h"
#include "fake/tokenizer.h"

namespace philo {
namespace {

class SetTokenizer : public fake::Tokenizer {
 public:
  using fake::Tokenizer::Tokenizer;
  const TokenizerSettings& settings() const override { return said; }
  TokenizerSettings said;
};

// Ids: 0 a, 1 <|endoftext|>, 2 <|end|>, 3 <|user|>, 4 <|im_end|>.
const std::vector<std::string> pieces = {"a", "<|endoftext|>", "<|end|>", "<|user|>", "<|im_end|>"};

std::string text_of(const std::vector<StopToken>& tokens) {
  std::string out;
  for (const StopToken& token : tokens) out += std::to_string(token.id) + ": " + token.source + "\n";
  return out;
}

std::vector<int64_t> ids_of(std::string_view json) {
  const Json value = parse_json(json, "config.json");
  return eos_token_ids(JsonObject(value, "config.json"));
}

TEST(StopTokens, EosIsANumberOrAList) {
  EXPECT_EQ(ids_of("{}"), std::vector<int64_t>{});
  EXPECT_EQ(ids_of(R"({"eos_token_id": null})"), std::vector<int64_t>{});
  EXPECT_EQ(ids_of(R"({"eos_token_id": 7})"), std::vector<int64_t>{7});
  EXPECT_EQ(ids_of(R"({"eos_token_id": [7, 9]})"), (std::vector<int64_t>{7, 9}));
  for (const char* bad : {R"({"eos_token_id": "7"})", R"({"eos_token_id": 7.5})", R"({"eos_token_id": [7, null]})", R"({"eos_token_id": [[7]]})",
                          R"({"eos_token_id": 18446744073709551615})", R"({"eos_token_id": {}})"}) {
    SCOPED_TRACE(bad);
    EXPECT_TRUE(says(refusal([&] { ids_of(bad); }), "config.json: key \"eos_token_id\""));
  }
}

TEST(StopTokens, AreTheUnionWithEachSource) {
  SetTokenizer tokenizer(pieces, {1, 2, 3});  // <|im_end|> is there, but no special token
  tokenizer.said.eos_token = "<|endoftext|>";
  std::vector<std::string> notes;
  const std::vector<EosSource> sources = {{"generation_config.json", {0, 1}}, {"config.json", {1}}};
  EXPECT_EQ(text_of(stop_tokens(sources, tokenizer, 5, notes)),
            "0: generation_config.json\n"
            "1: generation_config.json, config.json, tokenizer_config.json, the tokenizer's <|endoftext|>\n"
            "2: the tokenizer's <|end|>\n");
  EXPECT_TRUE(notes.empty());
}

TEST(StopTokens, EachKnownEndCountsWhereItIsSpecial) {
  SetTokenizer tokenizer(pieces, {4});
  std::vector<std::string> notes;
  EXPECT_EQ(text_of(stop_tokens({}, tokenizer, 5, notes)), "4: the tokenizer's <|im_end|>\n");
}

TEST(StopTokens, WhatCannotBeGeneratedIsNoted) {
  SetTokenizer tokenizer({"a"});
  tokenizer.said.eos_token = "</s>";
  std::vector<std::string> notes;
  const std::vector<EosSource> sources = {{"config.json", {32000, -1}}};
  EXPECT_TRUE(stop_tokens(sources, tokenizer, 1, notes).empty());
  ASSERT_EQ(notes.size(), 4u);
  EXPECT_TRUE(says(notes[0], "token 32000, but the model's tokens are 0 to 0"));
  EXPECT_TRUE(says(notes[2], "\"</s>\" is not in the vocabulary"));
  EXPECT_TRUE(says(notes[3], "no file names a token that ends an answer"));
}

std::string refusal_of(const Tokenizer& tokenizer, int64_t vocabulary) {
  std::vector<std::string> notes;
  return refusal([&] { check_token_ids(tokenizer, vocabulary, "folder", notes); });
}

TEST(TokenIds, OnlyUnusedAddedTokensMayLieBeyondTheModel) {
  SetTokenizer tokenizer(pieces, {1, 2, 3, 4});
  std::vector<std::string> notes;
  check_token_ids(tokenizer, 5, "folder", notes);
  EXPECT_TRUE(notes.empty());
  check_token_ids(tokenizer, 3, "folder", notes);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_TRUE(says(notes[0], "2 added tokens from \"<|user|>\""));

  tokenizer.said.chat_template = "{{ '<|user|>' }}";
  EXPECT_TRUE(says(refusal_of(tokenizer, 3), "the chat template use"));
  tokenizer.said.chat_template.reset();
  tokenizer.said.eos_token = "<|im_end|>";
  EXPECT_TRUE(says(refusal_of(tokenizer, 4), "the tokenizer's settings use it"));
  const SetTokenizer plain(pieces, {1, 2, 3});
  EXPECT_TRUE(says(refusal_of(plain, 4), "token \"<|im_end|>\" has the id 4, but config.json's vocab_size is 4"));
}

class Absurd : public SetTokenizer {
 public:
  using SetTokenizer::SetTokenizer;
  Token size() const override { return std::numeric_limits<Token>::max(); }
};

TEST(TokenIds, AbsurdIdsAreRefusedAtOnce) { EXPECT_TRUE(says(refusal_of(Absurd(pieces), 5), "ids go to 2147483646")); }

}  // namespace
}  // namespace philo
