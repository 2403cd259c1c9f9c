// Errors, texts and callbacks at the border of the C interface.
#include "api/handles.h"

#include <cstdlib>
#include <cstring>

namespace philo {

namespace {

philo_error out_of_memory{PHILO_RESOURCE, "out of memory"};  // short enough to need no allocation

}  // namespace

void report(philo_error** error, philo_status status, const char* message) noexcept {
  if (error == nullptr) return;
  try {
    *error = new philo_error{status, message};
  } catch (...) {
    *error = &out_of_memory;
  }
}

std::span<const philo_option> option_span(const philo_option* options, size_t count) {
  if (count != 0) required(options, "options");
  return {options, count};
}

std::span<const Token> token_span(const philo_token* tokens, size_t count) {
  if (count != 0) required(tokens, "tokens");
  return {tokens, count};
}

Callbacks::Callbacks(const philo_callbacks* given) {
  if (given == nullptr) return;
  constexpr size_t smallest = offsetof(philo_callbacks, user);
  if (given->size <= smallest) throw usage_error("philo_callbacks.size must be sizeof(philo_callbacks)");
  std::memcpy(&callbacks_, given, std::min(given->size, sizeof callbacks_));
}

Progress Callbacks::progress() const {
  if (callbacks_.on_progress == nullptr) return {};
  return [this](std::string_view what, uint64_t done, uint64_t total) {
    return callbacks_.on_progress(callbacks_.user, std::string(what).c_str(), done, total) == PHILO_CONTINUE;
  };
}

OnText Callbacks::on_text() const {
  if (callbacks_.on_text == nullptr) return {};
  return [this](std::string_view text, Token token) {
    return callbacks_.on_text(callbacks_.user, std::string(text).c_str(), text.size(), token) == PHILO_CONTINUE;
  };
}

void Callbacks::note(std::string_view text) const {
  if (callbacks_.on_note != nullptr) callbacks_.on_note(callbacks_.user, std::string(text).c_str());
}

char* new_text(std::string_view text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

void give_text(char** out, const OrderedJson& json) {
  required(out, "json");
  *out = new_text(json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

void give_tokens(philo_token** out, size_t* count, std::span<const Token> tokens) {
  required(out, "tokens");
  required(count, "token_count");
  auto* copy = static_cast<philo_token*>(std::malloc(std::max<size_t>(1, tokens.size_bytes())));
  if (copy == nullptr) throw std::bad_alloc();
  if (!tokens.empty()) std::memcpy(copy, tokens.data(), tokens.size_bytes());
  *out = copy;
  *count = tokens.size();
}

}  // namespace philo

philo_status philo_error_status(const philo_error* error) { return error == nullptr ? PHILO_OK : error->status; }

const char* philo_error_message(const philo_error* error) { return error == nullptr ? "" : error->message.c_str(); }

void philo_error_free(philo_error* error) {
  if (error != &philo::out_of_memory) delete error;
}

void philo_text_free(char* text) { std::free(text); }

void philo_tokens_free(philo_token* tokens) { std::free(tokens); }

const char* philo_version(void) { return PHILO_VERSION; }
