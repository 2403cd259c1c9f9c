// Chats: what they forget when the context overflows, and how they become tokens.
#include "generate/chat.h"

#include <algorithm>

namespace philo {
namespace {

bool has_role(const OrderedJson& message, std::string_view role) {
  const auto found = message.find("role");
  return found != message.end() && found->is_string() && found->get_ref<const std::string&>() == role;
}

size_t system_messages(const OrderedJson& messages) {
  size_t count = 0;
  while (count < messages.size() && has_role(messages[count], "system")) ++count;
  return count;
}

// Where a shortened history may begin: at the user's turns after the first one, so that roles still take turns.
std::vector<size_t> cuts_of(const OrderedJson& messages) {
  std::vector<size_t> cuts;
  for (size_t i = system_messages(messages) + 1; i < messages.size(); ++i)
    if (has_role(messages[i], "user")) cuts.push_back(i);
  return cuts;
}

OrderedJson without(const OrderedJson& messages, size_t first, size_t end) {
  OrderedJson kept = OrderedJson::array();
  for (size_t i = 0; i < messages.size(); ++i)
    if (i < first || i >= end) kept.push_back(messages[i]);
  return kept;
}

std::string said(const OrderedJson& message) {
  const auto role = message.find("role"), content = message.find("content");
  std::string text = role != message.end() && role->is_string() ? role->get<std::string>() : "message";
  if (content != message.end() && content->is_string()) text += " " + shown(content->get_ref<const std::string&>(), 40);
  return text;
}

}  // namespace

std::vector<Token> encode_chat(const Tokenizer& tokenizer, const ChatTemplate& chat_template, const OrderedJson& messages,
                               bool add_generation_prompt, bool literal_contents) {
  const TokenizerSettings& settings = tokenizer.settings();
  TemplateInput input;
  input.messages = messages;
  input.add_generation_prompt = add_generation_prompt;
  input.bos_token = settings.bos_token.value_or("");
  input.eos_token = settings.eos_token.value_or("");
  input.unk_token = settings.unk_token.value_or("");
  input.pad_token = settings.pad_token.value_or("");
  const MarkedText text = chat_template.render(input);
  // The template writes what the model wants at the start, so the post-processor adds nothing.
  return literal_contents ? tokenizer.encode(text, false) : tokenizer.encode(text.text, false);
}

Chat::Chat(std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<const ChatTemplate> chat_template, ChatOptions options)
    : tokenizer_(std::move(tokenizer)), template_(std::move(chat_template)), options_(options) {}

void Chat::set_system(std::string text) {
  OrderedJson messages = OrderedJson::array();
  if (!text.empty()) messages.push_back({{"role", "system"}, {"content", std::move(text)}});
  for (size_t i = system_messages(messages_); i < messages_.size(); ++i) messages.push_back(std::move(messages_[i]));
  messages_ = std::move(messages);
}

void Chat::add(std::string role, std::string content) {
  messages_.push_back({{"role", std::move(role)}, {"content", std::move(content)}});
}

void Chat::remove_last() {
  if (!messages_.empty()) messages_.erase(messages_.size() - 1);
}

void Chat::clear() { messages_ = without(messages_, system_messages(messages_), messages_.size()); }

std::vector<Token> Chat::encode(const OrderedJson& messages) const {
  return encode_chat(*tokenizer_, *template_, messages, true, options_.literal_contents);
}

std::vector<Token> Chat::prompt(size_t context, const NoteSink& note) {
  std::vector<Token> tokens = encode(messages_);
  const size_t whole = tokens.size();
  const auto no_room = [&](size_t needed, const std::string& what) {
    return Error(ErrorCode::Input, what + " takes " + std::to_string(needed) + " tokens, but the context holds " +
                                       std::to_string(context) + ": shorten it or use a longer context");
  };
  if (options_.overflow == Overflow::Stop) {
    if (whole > context) throw no_room(whole, "the conversation");
    return tokens;
  }
  const size_t room = context - std::min(options_.reserve_tokens, context);
  const std::vector<size_t> cuts = cuts_of(messages_);
  if (whole > room && !cuts.empty()) {
    // The first cut that leaves the rest short enough; the last cut where none does.
    const size_t first = system_messages(messages_);
    size_t low = 0, high = cuts.size() - 1;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (encode(without(messages_, first, cuts[middle])).size() <= room) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    OrderedJson kept = without(messages_, first, cuts[low]);
    tokens = encode(kept);
    if (tokens.size() <= context) {
      if (note) {
        const size_t dropped = cuts[low] - first;
        note("the conversation of " + std::to_string(whole) + " tokens outgrew the context of " + std::to_string(context) +
             ": dropped the oldest " + std::to_string(dropped) + (dropped == 1 ? " message" : " messages") + ", from " +
             said(messages_[first]) + " to " + said(messages_[cuts[low] - 1]) + "; " + std::to_string(tokens.size()) +
             " tokens are left");
      }
      messages_ = std::move(kept);
    }
  }
  if (tokens.size() > context) throw no_room(tokens.size(), "the last message with what must stay before it");
  return tokens;
}

}  // namespace philo
