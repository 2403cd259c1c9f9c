// Chats: what they forget when the context overflows, and how messages become tokens.
#include "generate/chat.h"

#include "base/error.h"

namespace philo {
namespace {

bool has_role(const OrderedJson& message, std::string_view role) {
  const auto found = message.find("role");
  return found != message.end() && found->is_string() && found->get_ref<const std::string&>() == role;
}

OrderedJson make_message(std::string role, std::string content) {
  OrderedJson message = OrderedJson::object();
  message["role"] = std::move(role);
  message["content"] = std::move(content);
  return message;
}

std::string token_count(size_t tokens) { return std::to_string(tokens) + (tokens == 1 ? " token" : " tokens"); }

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
  MarkedText text = chat_template.render(input);
  if (!literal_contents) text.contents.clear();
  return tokenizer.encode(text, false);  // the template writes BOS itself where there is one
}

Chat::Chat(std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<const ChatTemplate> chat_template, ChatOptions options)
    : tokenizer_(std::move(tokenizer)), template_(std::move(chat_template)), options_(options) {
  if (template_ == nullptr) {
    throw Error(ErrorCode::Input,
                "this model has no chat template, so it can't chat; give a plain text with --raw, or add a chat_template to its "
                "tokenizer_config.json");
  }
}

void Chat::set_system(std::string text) {
  const bool there = !messages_.empty() && has_role(messages_[0], "system");
  if (there) messages_.erase(messages_.begin());
  if (!text.empty()) messages_.insert(messages_.begin(), make_message("system", std::move(text)));
}

void Chat::add(std::string role, std::string content) { messages_.push_back(make_message(std::move(role), std::move(content))); }

void Chat::replace(const OrderedJson& messages, const std::string& file) {
  if (!messages.is_array()) throw input_error(file, "the messages are no list");
  OrderedJson checked = OrderedJson::array();
  for (const OrderedJson& message : messages) {
    const bool complete = message.is_object() && message.contains("role") && message.contains("content");
    if (!complete || !message["role"].is_string() || !message["content"].is_string())
      throw input_error(file, "message " + std::to_string(checked.size()) + " is no {\"role\": text, \"content\": text}");
    checked.push_back(make_message(message["role"].get<std::string>(), message["content"].get<std::string>()));
  }
  messages_ = std::move(checked);
}

void Chat::remove_last() {
  if (!messages_.empty()) messages_.erase(messages_.size() - 1);
}

void Chat::clear() {
  OrderedJson kept = OrderedJson::array();
  if (!messages_.empty() && has_role(messages_[0], "system")) kept.push_back(messages_[0]);
  messages_ = std::move(kept);
}

std::vector<Token> Chat::encode(const OrderedJson& messages) const {
  return encode_chat(*tokenizer_, *template_, messages, true, options_.literal_contents);
}

std::vector<Token> Chat::prompt(size_t context, const NoteSink& note) {
  std::vector<Token> tokens = encode(messages_);
  const size_t before = tokens.size();
  const auto fits = [&](size_t count) { return count < context && options_.reserve_tokens <= context - count; };
  if (fits(before)) return tokens;
  if (options_.overflow == Overflow::Stop) {
    if (before < context) return tokens;
    throw Error(ErrorCode::Input, "the conversation has " + token_count(before) + ", but the context holds " + std::to_string(context) +
                                      "; start anew, give a larger --context, or let the oldest turns go");
  }

  // The oldest turn: what follows the system message, up to the next message of the user. The last message always stays.
  OrderedJson kept = messages_;
  const size_t first = !kept.empty() && has_role(kept[0], "system") ? 1 : 0;
  size_t dropped = 0;
  while (!fits(tokens.size()) && kept.size() > first + 1) {
    do {
      kept.erase(first);
      ++dropped;
    } while (kept.size() > first + 1 && !has_role(kept[first], "user"));
    tokens = encode(kept);
  }
  if (tokens.size() >= context) {
    throw Error(ErrorCode::Input, "the last message alone takes " + token_count(tokens.size()) + " with its template, but the context holds " +
                                      std::to_string(context) + "; shorten it or give a larger --context");
  }
  if (dropped > 0) {
    messages_ = std::move(kept);
    if (note) {
      note("the conversation had " + token_count(before) + ", more than the context of " + std::to_string(context) +
           (options_.reserve_tokens > 0 ? " leaves beside the answer" : " holds") + ": the oldest " + std::to_string(dropped) +
           (dropped == 1 ? " message was dropped, " : " messages were dropped, ") + token_count(tokens.size()) + " remain");
    }
  }
  return tokens;
}

}  // namespace philo
