// A chat: messages through a template into a conversation, the oldest turns dropped when the context overflows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "generate/conversation.h"
#include "tokenizer/chat_template.h"

namespace philo {

enum class Overflow : uint8_t { DropOldest, Stop };

struct ChatOptions {
  Overflow overflow = Overflow::DropOldest;
  bool literal_contents = true;  // message contents can't write control tokens; false: as Hugging Face does
  size_t reserve_tokens = 0;     // kept free for the answer when turns are dropped
};

class Chat {
 public:
  Chat(std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<const ChatTemplate> chat_template, ChatOptions options);

  void set_system(std::string text);  // replaces the system message; "" removes it
  void add(std::string role, std::string content);
  void remove_last();                 // forgets the last message
  void clear();                       // forgets all but the system message
  const OrderedJson& messages() const { return messages_; }
  // Other messages instead. Throws ErrorCode::Input, naming `file`, where they are no list of {"role", "content"} texts.
  void replace(const OrderedJson& messages, const std::string& file);

  // The prompt for the next answer, at most `context` tokens. Where turns had to go, `note` is told which. Throws ErrorCode::Input
  // where even the last message does not fit (or, with Overflow::Stop, where any does not), naming both lengths.
  std::vector<Token> prompt(size_t context, const NoteSink& note);

 private:
  std::vector<Token> encode(const OrderedJson& messages) const;

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<const ChatTemplate> template_;
  ChatOptions options_;
  OrderedJson messages_ = OrderedJson::array();
};

// One rendering and encoding, for `tokenize --chat` and single answers.
std::vector<Token> encode_chat(const Tokenizer& tokenizer, const ChatTemplate& chat_template, const OrderedJson& messages,
                               bool add_generation_prompt, bool literal_contents);

}  // namespace philo
