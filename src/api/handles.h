// What stands behind the C interface's handles, and the border that no exception crosses.
#pragma once

#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "device/device.h"
#include "generate/chat.h"
#include "generate/conversation.h"
#include "generate/prompt_lookup.h"
#include "philo/philo.h"

struct philo_error {
  philo_status status;
  std::string message;
};

struct philo_tokenizer {
  philo::TextParts parts;
};

namespace philo {

// A model on a device; conversations share it.
struct LoadedModel {
  Checkpoint checkpoint;
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<Network> network;
  DeviceOptions device_options;  // that it was compiled with; without sinks
  std::string device;
  std::string weight_format;  // as computed with: "bf16", "int4"
  std::vector<std::string> notes;
  double load_ms = 0;
  std::mutex computing;  // one call at a time drives the network
};

}  // namespace philo

struct philo_model {
  std::shared_ptr<philo::LoadedModel> loaded;
};

struct philo_conversation {
  std::shared_ptr<philo::LoadedModel> model;
  philo::Conversation conversation;
  std::optional<philo::Chat> chat;                         // none where the model has no chat template
  std::optional<philo::Timings> timings = std::nullopt;  // of the last answer
  std::shared_ptr<philo::Drafter> drafter = std::make_shared<philo::PromptLookup>();
};

namespace philo {

void report(philo_error** error, philo_status status, const char* message) noexcept;

// Runs `body`; what it throws becomes a status and an error object.
template <class Body>
philo_status guarded(philo_error** error, Body&& body) noexcept {
  if (error != nullptr) *error = nullptr;
  philo_status status = PHILO_FAILED;
  try {
    body();
    return PHILO_OK;
  } catch (const Error& problem) {
    status = static_cast<philo_status>(problem.code());
    report(error, status, problem.what());
  } catch (const std::bad_alloc&) {
    status = PHILO_RESOURCE;
    report(error, status, "out of memory; use a smaller model, weight format or context");
  } catch (const std::exception& problem) {
    report(error, status, problem.what());
  } catch (...) {
    report(error, status, "an error of an unknown kind");
  }
  return status;
}

// Throws ErrorCode::Usage where a required pointer is null.
template <class T>
T& required(T* pointer, const char* name) {
  if (pointer == nullptr) throw usage_error(std::string(name) + " must not be null");
  return *pointer;
}

std::span<const philo_option> option_span(const philo_option* options, size_t count);
std::span<const Token> token_span(const philo_token* tokens, size_t count);

// The caller's callbacks as the library's own sinks. Must outlive them.
class Callbacks {
 public:
  explicit Callbacks(const philo_callbacks* given);
  Progress progress() const;
  OnText on_text() const;
  void note(std::string_view text) const;

 private:
  philo_callbacks callbacks_{};
};

char* new_text(std::string_view text);
void give_text(char** out, const OrderedJson& json);                                // throws where `out` is null
void give_tokens(philo_token** out, size_t* count, std::span<const Token> tokens);  // likewise

}  // namespace philo
