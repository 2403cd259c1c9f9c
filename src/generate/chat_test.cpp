// Chats: what their prompts hold, which turns go when the context is full, and what is said about it.
#include "generate/chat.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/refusal.h"
#include "fake/tokenizer.h"

namespace philo {
namespace {

// One token per byte, and the control tokens of the template below; contents that are not literal may write them.
class ByteTokenizer : public fake::Tokenizer {
 public:
  ByteTokenizer() : fake::Tokenizer(byte_pieces(), {256, 257, 258, 259}) {}

  std::vector<Token> encode(const MarkedText& text, bool special) const override {
    std::vector<Token> tokens;
    size_t at = 0;
    const auto parsed = [&](size_t end) {
      const std::vector<Token> more = fake::Tokenizer::encode(std::string_view(text.text).substr(at, end - at), special);
      tokens.insert(tokens.end(), more.begin(), more.end());
    };
    for (const MarkedText::Range& range : text.contents) {
      parsed(range.begin);
      for (at = range.begin; at < range.end; ++at) tokens.push_back(static_cast<unsigned char>(text.text[at]));
    }
    parsed(text.text.size());
    return tokens;
  }

 private:
  static std::vector<std::string> byte_pieces() {
    std::vector<std::string> pieces;
    for (int byte = 0; byte < 256; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
    for (const char* control : {"<|system|>", "<|user|>", "<|assistant|>", "<|end|>"}) pieces.emplace_back(control);
    return pieces;
  }
};

constexpr Token user = 257, end_of_turn = 259;

const std::string source = "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

class ChatTest : public testing::Test {
 protected:
  Chat chat(ChatOptions options = {}) const { return Chat(tokenizer_, template_, options); }
  std::string text(const std::vector<Token>& tokens) const { return tokenizer_->decode(tokens, false); }
  NoteSink note() {
    return [this](std::string_view said) { notes_.emplace_back(said); };
  }
  std::string refusal_of(Chat& chat, size_t context) { return refusal([&] { chat.prompt(context, note()); }); }

  std::shared_ptr<const Tokenizer> tokenizer_ = std::make_shared<ByteTokenizer>();
  std::shared_ptr<const ChatTemplate> template_ = std::make_shared<ChatTemplate>(source, "test.jinja");
  std::vector<std::string> notes_;
};

// A system message and two turns: 5 + 4 + 4 + 4 + 3 tokens and the cue.
void fill(Chat& chat) {
  chat.set_system("sss");
  chat.add("user", "u1");
  chat.add("assistant", "a1");
  chat.add("user", "u2");
  chat.add("assistant", "a2");
  chat.add("user", "u3");
}

TEST_F(ChatTest, RendersAllWhileItFits) {
  Chat all = chat();
  fill(all);
  const std::vector<Token> tokens = all.prompt(27, note());
  EXPECT_EQ(tokens.size(), 26u);
  EXPECT_EQ(text(tokens), "<|system|>sss<|end|><|user|>u1<|end|><|assistant|>a1<|end|><|user|>u2<|end|><|assistant|>a2<|end|><|user|>u3<|end|><|assistant|>");
  EXPECT_TRUE(notes_.empty());
  EXPECT_EQ(all.messages().size(), 6u);
}

TEST_F(ChatTest, DropsTheOldestTurnWholeAndSaysSo) {
  Chat full = chat();
  fill(full);
  const std::vector<Token> tokens = full.prompt(26, note());
  EXPECT_EQ(text(tokens), "<|system|>sss<|end|><|user|>u2<|end|><|assistant|>a2<|end|><|user|>u3<|end|><|assistant|>");
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_TRUE(says(notes_[0], "26 tokens"));
  EXPECT_TRUE(says(notes_[0], "oldest 2 messages were dropped"));
  EXPECT_TRUE(says(notes_[0], "18 tokens remain"));
  ASSERT_EQ(full.messages().size(), 4u);  // forgotten for good
  EXPECT_EQ(full.messages()[1].at("content"), "u2");
  EXPECT_EQ(full.prompt(26, note()), tokens);
  EXPECT_EQ(notes_.size(), 1u);
}

TEST_F(ChatTest, DropsSeveralTurnsUpToTheLastMessage) {
  Chat full = chat();
  fill(full);
  EXPECT_EQ(text(full.prompt(11, note())), "<|system|>sss<|end|><|user|>u3<|end|><|assistant|>");
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_TRUE(says(notes_[0], "oldest 4 messages were dropped"));
}

TEST_F(ChatTest, KeepsRoomForTheAnswer) {
  Chat full = chat({.reserve_tokens = 8});
  fill(full);
  EXPECT_EQ(full.prompt(34, note()).size(), 26u);
  EXPECT_TRUE(notes_.empty());
  EXPECT_EQ(full.prompt(33, note()).size(), 18u);
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_TRUE(says(notes_[0], "beside the answer"));
  // The reserve is a wish: the last message is answered with what room there is.
  Chat small = chat({.reserve_tokens = 1000});
  small.add("user", "u");
  EXPECT_EQ(small.prompt(10, note()).size(), 4u);
}

TEST_F(ChatTest, NeverDropsTheLastMessage) {
  Chat full = chat();
  fill(full);
  const OrderedJson before = full.messages();
  const std::string message = refusal_of(full, 10);
  EXPECT_TRUE(says(message, "10 tokens"));
  EXPECT_TRUE(says(message, "context holds 10"));
  EXPECT_EQ(full.messages(), before);
  EXPECT_TRUE(notes_.empty());
}

TEST_F(ChatTest, DropsWithoutASystemMessage) {
  Chat full = chat();
  for (const char* content : {"u1", "u2", "u3"}) full.add("user", content);
  EXPECT_EQ(text(full.prompt(10, note())), "<|user|>u2<|end|><|user|>u3<|end|><|assistant|>");
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_TRUE(says(notes_[0], "oldest 1 message was dropped"));
}

TEST_F(ChatTest, StopsWhereAskedTo) {
  Chat full = chat({.overflow = Overflow::Stop});
  fill(full);
  EXPECT_EQ(full.prompt(27, note()).size(), 26u);
  const std::string message = refusal_of(full, 26);
  EXPECT_TRUE(says(message, "26 tokens"));
  EXPECT_TRUE(says(message, "holds 26"));
  EXPECT_EQ(full.messages().size(), 6u);
}

TEST_F(ChatTest, SetsAndForgetsMessages) {
  Chat edited = chat();
  edited.set_system("a");
  edited.add("user", "b");
  edited.set_system("c");
  ASSERT_EQ(edited.messages().size(), 2u);
  EXPECT_EQ(edited.messages()[0].at("content"), "c");
  edited.remove_last();
  EXPECT_EQ(edited.messages().size(), 1u);
  edited.add("user", "b");
  edited.clear();
  ASSERT_EQ(edited.messages().size(), 1u);
  EXPECT_EQ(edited.messages()[0].at("role"), "system");
  edited.set_system("");
  EXPECT_TRUE(edited.messages().empty());
  edited.remove_last();
  EXPECT_TRUE(edited.messages().empty());
}

TEST_F(ChatTest, KeepsControlTokensInContentsLiteral) {
  Chat literal = chat(), parsed = chat({.literal_contents = false});
  for (Chat* one : {&literal, &parsed}) one->add("user", "<|end|>");
  const std::vector<Token> as_text = literal.prompt(100, note()), as_control = parsed.prompt(100, note());
  EXPECT_EQ(as_text.size(), 3u + 7u);
  EXPECT_EQ(std::count(as_text.begin(), as_text.end(), end_of_turn), 1);
  EXPECT_EQ(as_control, (std::vector<Token>{user, end_of_turn, end_of_turn, 258}));
  EXPECT_EQ(text(as_text), text(as_control));
  const OrderedJson messages = literal.messages();
  EXPECT_EQ(encode_chat(*tokenizer_, *template_, messages, true, true), as_text);
  EXPECT_EQ(encode_chat(*tokenizer_, *template_, messages, false, false), (std::vector<Token>{user, end_of_turn, end_of_turn}));
}

TEST_F(ChatTest, NeedsATemplate) {
  EXPECT_THROW(Chat(tokenizer_, nullptr, {}), Error);
}

}  // namespace
}  // namespace philo
