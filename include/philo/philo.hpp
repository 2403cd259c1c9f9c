// C++ over philo.h: handles that free themselves, errors as exceptions, lambdas as callbacks. Header only.
#ifndef PHILO_PHILO_HPP
#define PHILO_PHILO_HPP

#include <philo/philo.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace philo {
inline namespace v0 {

class Error : public std::runtime_error {
 public:
  Error(philo_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  philo_status status() const { return status_; }

 private:
  philo_status status_;
};

// Pairs of option name and value, in the names of the command line.
class Options {
 public:
  Options() = default;
  Options(std::initializer_list<std::pair<std::string, std::string>> pairs) : pairs_(pairs) {}
  Options& set(std::string name, std::string value) {
    pairs_.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// All may be empty. Those that return bool stop the call by false. What they throw comes out of the call that they
// belong to.
struct Callbacks {
  std::function<bool(std::string_view text, philo_token token)> on_text;
  std::function<bool(std::string_view what, uint64_t done, uint64_t total)> on_progress;
  std::function<void(std::string_view note)> on_note;
};

namespace detail {

inline void check(philo_status status, philo_error* error) {
  if (status == PHILO_OK) return;
  const std::unique_ptr<philo_error, void (*)(philo_error*)> owned(error, philo_error_free);
  throw Error(status, philo_error_message(error));
}

inline std::string take_text(char* text) {
  const std::unique_ptr<char, void (*)(char*)> owned(text, philo_text_free);
  return text;
}

inline std::vector<philo_token> take_tokens(philo_token* tokens, size_t count) {
  const std::unique_ptr<philo_token, void (*)(philo_token*)> owned(tokens, philo_tokens_free);
  return {tokens, tokens + count};
}

// The options as the C interface wants them; lives as long as `options`.
class OptionList {
 public:
  explicit OptionList(const Options& options) {
    for (const auto& [name, value] : options.pairs()) list_.push_back({name.c_str(), value.c_str()});
  }
  const philo_option* data() const { return list_.data(); }
  size_t size() const { return list_.size(); }

 private:
  std::vector<philo_option> list_;
};

// Carries what a callback throws past the C interface.
class CallbackBridge {
 public:
  explicit CallbackBridge(const Callbacks& callbacks) : callbacks_(callbacks) {
    bridge_.size = sizeof bridge_;
    bridge_.user = this;
    if (callbacks.on_text) bridge_.on_text = &text;
    if (callbacks.on_progress) bridge_.on_progress = &progress;
    if (callbacks.on_note) bridge_.on_note = &note;
  }
  CallbackBridge(const CallbackBridge&) = delete;
  CallbackBridge& operator=(const CallbackBridge&) = delete;

  const philo_callbacks* get() const { return &bridge_; }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  template <class Body>
  int run(Body&& body) noexcept {
    if (thrown_) return PHILO_STOP;
    try {
      return body() ? PHILO_CONTINUE : PHILO_STOP;
    } catch (...) {
      thrown_ = std::current_exception();
      return PHILO_STOP;
    }
  }
  static int text(void* user, const char* bytes, size_t size, philo_token token) {
    auto& self = *static_cast<CallbackBridge*>(user);
    return self.run([&] { return self.callbacks_.on_text(std::string_view(bytes, size), token); });
  }
  static int progress(void* user, const char* what, uint64_t done, uint64_t total) {
    auto& self = *static_cast<CallbackBridge*>(user);
    return self.run([&] { return self.callbacks_.on_progress(what, done, total); });
  }
  static void note(void* user, const char* sentence) {
    auto& self = *static_cast<CallbackBridge*>(user);
    self.run([&] {
      self.callbacks_.on_note(sentence);
      return true;
    });
  }

  const Callbacks& callbacks_;
  philo_callbacks bridge_{};
  std::exception_ptr thrown_;
};

template <class Call>
std::string json_of(Call&& call) {
  char* json = nullptr;
  philo_error* error = nullptr;
  const philo_status status = call(&json, &error);
  check(status, error);
  return take_text(json);
}

// For calls with callbacks: what a callback threw comes first.
template <class Call>
std::string json_of(const CallbackBridge& bridge, Call&& call) {
  char* json = nullptr;
  philo_error* error = nullptr;
  const philo_status status = call(&json, &error);
  const std::unique_ptr<char, void (*)(char*)> owned(json, philo_text_free);
  const std::unique_ptr<philo_error, void (*)(philo_error*)> owned_error(error, philo_error_free);
  bridge.rethrow();
  if (status != PHILO_OK) throw Error(status, philo_error_message(error));
  return json;
}

template <class Call>
std::vector<philo_token> tokens_of(Call&& call) {
  philo_token* tokens = nullptr;
  size_t count = 0;
  philo_error* error = nullptr;
  const philo_status status = call(&tokens, &count, &error);
  check(status, error);
  return take_tokens(tokens, count);
}

template <class Handle, void (*free_handle)(Handle*)>
struct Free {
  void operator()(Handle* handle) const { free_handle(handle); }
};

}  // namespace detail

inline std::string version() { return philo_version(); }
inline void set_onnxruntime(const std::string& path) {
  philo_error* error = nullptr;
  const philo_status status = philo_set_onnxruntime(path.c_str(), &error);
  detail::check(status, error);
}
inline std::string devices() {
  return detail::json_of([](char** json, philo_error** error) { return philo_devices(json, error); });
}
inline std::string machine(const Options& options = {}, const Callbacks& callbacks = {}) {
  const detail::OptionList list(options);
  const detail::CallbackBridge bridge(callbacks);
  return detail::json_of(bridge, [&](char** json, philo_error** error) {
    return philo_machine(list.data(), list.size(), bridge.get(), json, error);
  });
}
inline std::string inspect(const std::string& path, const Options& options = {}) {
  const detail::OptionList list(options);
  return detail::json_of([&](char** json, philo_error** error) {
    return philo_inspect(path.c_str(), list.data(), list.size(), json, error);
  });
}
inline std::string convert(const std::string& source, const std::string& target, const Options& options = {},
                           const Callbacks& callbacks = {}) {
  const detail::OptionList list(options);
  const detail::CallbackBridge bridge(callbacks);
  return detail::json_of(bridge, [&](char** json, philo_error** error) {
    return philo_convert(source.c_str(), target.c_str(), list.data(), list.size(), bridge.get(), json, error);
  });
}
inline std::string selftest(const std::string& path, const Options& options = {}, const Callbacks& callbacks = {}) {
  const detail::OptionList list(options);
  const detail::CallbackBridge bridge(callbacks);
  return detail::json_of(bridge, [&](char** json, philo_error** error) {
    return philo_selftest(path.c_str(), list.data(), list.size(), bridge.get(), json, error);
  });
}
// An empty path: the model of the option "synthetic".
inline std::string bench(const std::string& path, const Options& options = {}, const Callbacks& callbacks = {}) {
  const detail::OptionList list(options);
  const detail::CallbackBridge bridge(callbacks);
  return detail::json_of(bridge, [&](char** json, philo_error** error) {
    return philo_bench(path.empty() ? nullptr : path.c_str(), list.data(), list.size(), bridge.get(), json, error);
  });
}
inline std::string describe_options(const std::string& group) {
  return detail::json_of(
      [&](char** json, philo_error** error) { return philo_options_describe(group.c_str(), json, error); });
}
inline void check_options(const std::string& group, const Options& options) {
  const detail::OptionList list(options);
  philo_error* error = nullptr;
  const philo_status status = philo_options_check(group.c_str(), list.data(), list.size(), &error);
  detail::check(status, error);
}

class Model;

class Tokenizer {
 public:
  explicit Tokenizer(const std::string& path) {
    philo_tokenizer* handle = nullptr;
    philo_error* error = nullptr;
    const philo_status status = philo_tokenizer_open(path.c_str(), &handle, &error);
    detail::check(status, error);
    handle_.reset(handle);
  }
  inline explicit Tokenizer(const Model& model);

  std::vector<philo_token> encode(std::string_view text, bool special = true) const {
    return detail::tokens_of([&](philo_token** tokens, size_t* count, philo_error** error) {
      return philo_tokenizer_encode(get(), text.data(), text.size(), special, tokens, count, error);
    });
  }
  std::vector<philo_token> encode_chat(const std::string& messages_json, bool add_generation_prompt = true,
                                       bool parse_special = false) const {
    return detail::tokens_of([&](philo_token** tokens, size_t* count, philo_error** error) {
      return philo_tokenizer_encode_chat(get(), messages_json.c_str(), add_generation_prompt, parse_special, tokens,
                                         count, error);
    });
  }
  std::string decode(const std::vector<philo_token>& tokens, bool skip_special = false) const {
    char* text = nullptr;
    size_t bytes = 0;
    philo_error* error = nullptr;
    const philo_status status =
        philo_tokenizer_decode(get(), tokens.data(), tokens.size(), skip_special, &text, &bytes, &error);
    detail::check(status, error);
    const std::unique_ptr<char, void (*)(char*)> owned(text, philo_text_free);
    return std::string(text, bytes);
  }
  std::string piece(philo_token token) const {
    return detail::json_of(
        [&](char** text, philo_error** error) { return philo_tokenizer_piece(get(), token, text, error); });
  }
  philo_tokenizer* get() const { return handle_.get(); }

 private:
  std::unique_ptr<philo_tokenizer, detail::Free<philo_tokenizer, philo_tokenizer_free>> handle_;
};

class Model {
 public:
  explicit Model(const std::string& path, const Options& options = {}, const Callbacks& callbacks = {}) {
    const detail::OptionList list(options);
    const detail::CallbackBridge bridge(callbacks);
    philo_model* handle = nullptr;
    philo_error* error = nullptr;
    const philo_status status = philo_model_open(path.c_str(), list.data(), list.size(), bridge.get(), &handle, &error);
    handle_.reset(handle);
    const std::unique_ptr<philo_error, void (*)(philo_error*)> owned(error, philo_error_free);
    bridge.rethrow();
    if (status != PHILO_OK) throw Error(status, philo_error_message(error));
  }
  std::string report() const {
    return detail::json_of([&](char** json, philo_error** error) { return philo_model_report(get(), json, error); });
  }
  std::string score(std::string_view text, const Options& options = {}, const Callbacks& callbacks = {}) {
    const detail::OptionList list(options);
    const detail::CallbackBridge bridge(callbacks);
    return detail::json_of(bridge, [&](char** json, philo_error** error) {
      return philo_score_text(get(), text.data(), text.size(), list.data(), list.size(), bridge.get(), json, error);
    });
  }
  std::string score(const std::vector<philo_token>& tokens, const Options& options = {},
                    const Callbacks& callbacks = {}) {
    const detail::OptionList list(options);
    const detail::CallbackBridge bridge(callbacks);
    return detail::json_of(bridge, [&](char** json, philo_error** error) {
      return philo_score_tokens(get(), tokens.data(), tokens.size(), list.data(), list.size(), bridge.get(), json,
                                error);
    });
  }
  philo_model* get() const { return handle_.get(); }

 private:
  std::unique_ptr<philo_model, detail::Free<philo_model, philo_model_free>> handle_;
};

inline Tokenizer::Tokenizer(const Model& model) {
  philo_tokenizer* handle = nullptr;
  philo_error* error = nullptr;
  const philo_status status = philo_tokenizer_of(model.get(), &handle, &error);
  detail::check(status, error);
  handle_.reset(handle);
}

class Conversation {
 public:
  explicit Conversation(Model& model, const Options& options = {}, const Callbacks& callbacks = {}) {
    const detail::OptionList list(options);
    const detail::CallbackBridge bridge(callbacks);
    philo_conversation* handle = nullptr;
    philo_error* error = nullptr;
    const philo_status status =
        philo_conversation_new(model.get(), list.data(), list.size(), bridge.get(), &handle, &error);
    handle_.reset(handle);
    const std::unique_ptr<philo_error, void (*)(philo_error*)> owned(error, philo_error_free);
    bridge.rethrow();
    if (status != PHILO_OK) throw Error(status, philo_error_message(error));
  }

  void set_system(const std::string& text) {
    call([&](philo_error** error) { return philo_conversation_set_system(get(), text.c_str(), error); });
  }
  void add(const std::string& role, const std::string& content) {
    call([&](philo_error** error) { return philo_conversation_add(get(), role.c_str(), content.c_str(), error); });
  }
  void remove_last() {
    call([&](philo_error** error) { return philo_conversation_remove_last(get(), error); });
  }
  void clear() {
    call([&](philo_error** error) { return philo_conversation_clear(get(), error); });
  }
  std::string messages() const {
    return detail::json_of(
        [&](char** json, philo_error** error) { return philo_conversation_messages(get(), json, error); });
  }
  std::vector<philo_token> prompt(const Callbacks& callbacks = {}) {
    const detail::CallbackBridge bridge(callbacks);
    auto tokens = detail::tokens_of([&](philo_token** list, size_t* count, philo_error** error) {
      return philo_conversation_prompt(get(), bridge.get(), list, count, error);
    });
    bridge.rethrow();
    return tokens;
  }
  std::string answer(const Options& options = {}, const Callbacks& callbacks = {}) {
    const detail::OptionList list(options);
    const detail::CallbackBridge bridge(callbacks);
    return detail::json_of(bridge, [&](char** json, philo_error** error) {
      return philo_conversation_answer(get(), list.data(), list.size(), bridge.get(), json, error);
    });
  }
  void assign(const std::vector<philo_token>& tokens) {
    call([&](philo_error** error) { return philo_conversation_assign(get(), tokens.data(), tokens.size(), error); });
  }
  void save(const std::string& path) {
    call([&](philo_error** error) { return philo_conversation_save(get(), path.c_str(), error); });
  }
  void restore(const std::string& path) {
    call([&](philo_error** error) { return philo_conversation_restore(get(), path.c_str(), error); });
  }
  std::vector<philo_token> tokens() const {
    return detail::tokens_of([&](philo_token** list, size_t* count, philo_error** error) {
      return philo_conversation_tokens(get(), list, count, error);
    });
  }
  // `continue` is a word of C++.
  std::string continue_tokens(const Options& options = {}, const Callbacks& callbacks = {}) {
    const detail::OptionList list(options);
    const detail::CallbackBridge bridge(callbacks);
    return detail::json_of(bridge, [&](char** json, philo_error** error) {
      return philo_conversation_continue(get(), list.data(), list.size(), bridge.get(), json, error);
    });
  }
  void stop() { philo_conversation_stop(get()); }  // from another thread or a signal handler
  std::string report() const {
    return detail::json_of(
        [&](char** json, philo_error** error) { return philo_conversation_report(get(), json, error); });
  }
  philo_conversation* get() const { return handle_.get(); }

 private:
  template <class Call>
  static void call(Call&& body) {
    philo_error* error = nullptr;
    const philo_status status = body(&error);
    detail::check(status, error);
  }

  std::unique_ptr<philo_conversation, detail::Free<philo_conversation, philo_conversation_free>> handle_;
};

}  // namespace v0
}  // namespace philo

#endif  // PHILO_PHILO_HPP
