// The tokenizer's part of the C interface.
#include "api/handles.h"
#include "base/utf8.h"

using philo::guarded;
using philo::required;

namespace {

// A list of objects with text under "role" and "content".
philo::OrderedJson parse_messages(const char* text) {
  const std::string file = "messages";
  philo::OrderedJson messages = philo::parse_ordered_json(&required(text, "messages_json"), file);
  if (!messages.is_array()) throw philo::input_error(file, "expected a list of {\"role\", \"content\"}");
  for (size_t index = 0; index < messages.size(); ++index) {
    const auto& message = messages[index];
    for (const char* key : {"role", "content"}) {
      if (message.is_object() && message.contains(key) && message[key].is_string()) continue;
      throw philo::input_error(file, "message " + std::to_string(index) + " has no text under \"" + key + "\"");
    }
  }
  return messages;
}

}  // namespace

philo_status philo_tokenizer_open(const char* path, philo_tokenizer** tokenizer, philo_error** error) {
  return guarded(error, [&] {
    required(tokenizer, "tokenizer");
    *tokenizer = new philo_tokenizer{philo::open_tokenizer(&required(path, "path"))};
  });
}

philo_status philo_tokenizer_of(const philo_model* model, philo_tokenizer** tokenizer, philo_error** error) {
  return guarded(error, [&] {
    const philo::Checkpoint& checkpoint = required(model, "model").loaded->checkpoint;
    required(tokenizer, "tokenizer");
    *tokenizer = new philo_tokenizer{{checkpoint.tokenizer, checkpoint.chat_template, {}}};
  });
}

void philo_tokenizer_free(philo_tokenizer* tokenizer) { delete tokenizer; }

philo_status philo_tokenizer_encode(const philo_tokenizer* tokenizer, const char* text, size_t bytes, int special,
                                    philo_token** tokens, size_t* token_count, philo_error** error) {
  return guarded(error, [&] {
    const philo::Tokenizer& coder = *required(tokenizer, "tokenizer").parts.tokenizer;
    if (bytes != 0) required(text, "text");
    const std::string_view view = bytes != 0 ? std::string_view(text, bytes) : std::string_view();
    philo::give_tokens(tokens, token_count, coder.encode(view, special != 0));
  });
}

philo_status philo_tokenizer_encode_chat(const philo_tokenizer* tokenizer, const char* messages_json,
                                         int add_generation_prompt, int parse_special, philo_token** tokens,
                                         size_t* token_count, philo_error** error) {
  return guarded(error, [&] {
    const philo::TextParts& parts = required(tokenizer, "tokenizer").parts;
    const philo::OrderedJson messages = parse_messages(messages_json);
    if (parts.chat_template == nullptr)
      throw philo::Error(philo::ErrorCode::Input, "the model has no chat template; encode the text itself");
    philo::give_tokens(tokens, token_count,
                       philo::encode_chat(*parts.tokenizer, *parts.chat_template, messages, add_generation_prompt != 0,
                                          parse_special == 0));
  });
}

philo_status philo_tokenizer_decode(const philo_tokenizer* tokenizer, const philo_token* tokens, size_t token_count,
                                    int skip_special, char** text, size_t* bytes, philo_error** error) {
  return guarded(error, [&] {
    const philo::Tokenizer& coder = *required(tokenizer, "tokenizer").parts.tokenizer;
    required(text, "text");
    const std::string decoded = coder.decode(philo::token_span(tokens, token_count), skip_special != 0);
    *text = philo::new_text(decoded);
    if (bytes != nullptr) *bytes = decoded.size();
  });
}

philo_status philo_tokenizer_piece(const philo_tokenizer* tokenizer, philo_token token, char** piece,
                                   philo_error** error) {
  return guarded(error, [&] {
    const philo::Tokenizer& coder = *required(tokenizer, "tokenizer").parts.tokenizer;
    required(piece, "piece");
    const std::string spelling = token >= 0 && token < coder.size() ? coder.piece(token) : std::string();
    *piece = philo::new_text(spelling);
  });
}
