// The conversation's part of the C interface.
#include <chrono>

#include "api/generation.h"
#include "api/handles.h"
#include "api/model.h"
#include "api/options.h"
#include "base/utf8.h"
#include "bench/shares.h"
#include "generate/conversation_file.h"
#include "machine/memory.h"
#include "model/fingerprint.h"

namespace philo {

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Chat& chat_of(philo_conversation& conversation) {
  if (!conversation.chat)
    throw Error(ErrorCode::Input,
                conversation.model->checkpoint.path +
                    ": the model has no chat template; continue plain tokens instead (--raw on the command line)");
  return *conversation.chat;
}

std::string checked_text(const char* text, const char* name) {
  const std::string_view view = &required(text, name);
  if (const size_t bad = utf8_first_invalid(view); bad != std::string_view::npos)
    throw Error(ErrorCode::Input, std::string(name) + ": byte " + std::to_string(bad) + " is not UTF-8");
  return std::string(view);
}

// A cache that grows to the whole context must not come as a surprise.
void note_large_context(const LoadedModel& model, size_t context, const Callbacks& callbacks) {
  const size_t bytes = context * kv_bytes_per_token(model.checkpoint.config, model.device_options.kv_format);
  const size_t available = memory_status().available_bytes;
  if (available == 0 || bytes <= available) return;
  const auto gigabytes = [](size_t count) {
    return std::to_string((count + 99999999) / 100000000 / 10) + "." +
           std::to_string((count + 99999999) / 100000000 % 10) + " GB";
  };
  callbacks.note("a full context of " + std::to_string(context) + " tokens takes " + gigabytes(bytes) +
                 " for keys and values, but " + gigabytes(available) +
                 " of memory are free; --context sets a smaller one");
}

philo_conversation* new_conversation(const std::shared_ptr<LoadedModel>& model, const Options& options,
                                     const Callbacks& callbacks) {
  const Checkpoint& checkpoint = model->checkpoint;
  const auto most = static_cast<int64_t>(model->network->traits().context);
  const auto context = static_cast<size_t>(options.integer("context").value_or(most));
  std::optional<Chat> chat;
  if (checkpoint.chat_template != nullptr) {
    ChatOptions chat_options;
    chat_options.overflow = options.text("overflow") == "stop" ? Overflow::Stop : Overflow::DropOldest;
    chat_options.literal_contents = !options.flag("parse-special");
    chat_options.reserve_tokens = std::min<size_t>(512, context / 4);
    chat.emplace(checkpoint.tokenizer, checkpoint.chat_template, chat_options);
  }
  auto conversation = std::unique_ptr<philo_conversation>(new philo_conversation{
      model, Conversation(model->network, model->plan, checkpoint.tokenizer, context), std::move(chat)});
  note_large_context(*model, context, callbacks);
  return conversation.release();
}

std::vector<Token> chat_prompt(philo_conversation& conversation, const Callbacks& callbacks,
                               std::vector<std::string>* notes) {
  return chat_of(conversation).prompt(conversation.conversation.context(), [&](std::string_view note) {
    callbacks.note(note);
    if (notes != nullptr) notes->emplace_back(note);
  });
}

// Continues `prompt`, which the conversation then holds, and reports. `start` is when the caller began.
OrderedJson answer(philo_conversation& conversation, AnswerRequest& request, const std::vector<Token>& prompt,
                   const Callbacks& callbacks, Clock::time_point start, Answer& result) {
  const double before_ms = milliseconds_since(start);
  for (const std::string& note : request.notes) callbacks.note(note);
  conversation.conversation.set_drafter(request.speculates ? conversation.drafter : nullptr);
  result = conversation.conversation.generate(request.generation, callbacks.on_text(), callbacks.progress());
  if (result.timings.new_tokens > 0) result.timings.ttft_ms += before_ms;
  conversation.timings = result.timings;
  for (const std::string& note : result.notes) callbacks.note(note);
  return answer_report(*conversation.model, request, result, prompt);
}

// What keys and values depend on.
OrderedJson cache_settings(const LoadedModel& model) {
  return {{"model", fingerprint(*model.plan)},
          {"device", model.device},
          {"weight_format", model.weight_format},
          {"activation_format", activation_format_name(model.device_options.activation_format)},
          {"kv_format", kv_format_name(model.device_options.kv_format)}};
}

}  // namespace

}  // namespace philo

using philo::guarded;
using philo::required;

philo_status philo_conversation_new(philo_model* model, const philo_option* options, size_t option_count,
                                    const philo_callbacks* callbacks, philo_conversation** conversation,
                                    philo_error** error) {
  return guarded(error, [&] {
    const auto& loaded = required(model, "model").loaded;
    required(conversation, "conversation");
    const philo::Callbacks sinks(callbacks);
    const philo::Options parsed(philo::OptionGroup::Conversation, philo::option_span(options, option_count));
    *conversation = philo::new_conversation(loaded, parsed, sinks);
  });
}

void philo_conversation_free(philo_conversation* conversation) { delete conversation; }

philo_status philo_conversation_set_system(philo_conversation* conversation, const char* text, philo_error** error) {
  return guarded(error, [&] {
    philo::chat_of(required(conversation, "conversation")).set_system(philo::checked_text(text, "system message"));
  });
}

philo_status philo_conversation_add(philo_conversation* conversation, const char* role, const char* content,
                                    philo_error** error) {
  return guarded(error, [&] {
    philo::chat_of(required(conversation, "conversation"))
        .add(philo::checked_text(role, "role"), philo::checked_text(content, "message"));
  });
}

philo_status philo_conversation_remove_last(philo_conversation* conversation, philo_error** error) {
  return guarded(error, [&] { philo::chat_of(required(conversation, "conversation")).remove_last(); });
}

philo_status philo_conversation_clear(philo_conversation* conversation, philo_error** error) {
  return guarded(error, [&] { philo::chat_of(required(conversation, "conversation")).clear(); });
}

philo_status philo_conversation_messages(const philo_conversation* conversation, char** json, philo_error** error) {
  return guarded(error, [&] {
    const auto& chat = required(conversation, "conversation").chat;
    philo::give_text(json, chat ? chat->messages() : philo::OrderedJson::array());
  });
}

philo_status philo_conversation_prompt(philo_conversation* conversation, const philo_callbacks* callbacks,
                                       philo_token** tokens, size_t* token_count, philo_error** error) {
  return guarded(error, [&] {
    philo_conversation& here = required(conversation, "conversation");
    philo::give_tokens(tokens, token_count, philo::chat_prompt(here, philo::Callbacks(callbacks), nullptr));
  });
}

philo_status philo_conversation_answer(philo_conversation* conversation, const philo_option* options,
                                       size_t option_count, const philo_callbacks* callbacks, char** json,
                                       philo_error** error) {
  return guarded(error, [&] {
    const auto start = philo::Clock::now();
    philo_conversation& here = required(conversation, "conversation");
    required(json, "json");
    const philo::Callbacks sinks(callbacks);
    const philo::Options parsed(philo::OptionGroup::Generate, philo::option_span(options, option_count));
    philo::AnswerRequest request = philo::read_request(parsed, here.model->checkpoint);
    const std::vector<philo::Token> prompt = philo::chat_prompt(here, sinks, &request.notes);
    const std::lock_guard lock(here.model->computing);
    here.conversation.assign(prompt);
    philo::Answer result;
    const philo::OrderedJson report = philo::answer(here, request, prompt, sinks, start, result);
    if (!result.ids.empty()) here.chat->add("assistant", result.text);
    philo::give_text(json, report);
  });
}

philo_status philo_conversation_assign(philo_conversation* conversation, const philo_token* tokens, size_t token_count,
                                       philo_error** error) {
  return guarded(error, [&] {
    const auto given = philo::token_span(tokens, token_count);
    required(conversation, "conversation").conversation.assign({given.begin(), given.end()});
  });
}

philo_status philo_conversation_tokens(const philo_conversation* conversation, philo_token** tokens,
                                       size_t* token_count, philo_error** error) {
  return guarded(error, [&] {
    philo::give_tokens(tokens, token_count, required(conversation, "conversation").conversation.tokens());
  });
}

philo_status philo_conversation_continue(philo_conversation* conversation, const philo_option* options,
                                         size_t option_count, const philo_callbacks* callbacks, char** json,
                                         philo_error** error) {
  return guarded(error, [&] {
    const auto start = philo::Clock::now();
    philo_conversation& here = required(conversation, "conversation");
    required(json, "json");
    const philo::Callbacks sinks(callbacks);
    const philo::Options parsed(philo::OptionGroup::Generate, philo::option_span(options, option_count));
    philo::AnswerRequest request = philo::read_request(parsed, here.model->checkpoint);
    const std::lock_guard lock(here.model->computing);
    const std::vector<philo::Token> prompt = here.conversation.tokens();
    philo::Answer result;
    philo::give_text(json, philo::answer(here, request, prompt, sinks, start, result));
  });
}

philo_status philo_conversation_save(philo_conversation* conversation, const char* path, philo_error** error) {
  return guarded(error, [&] {
    const philo_conversation& here = required(conversation, "conversation");
    const std::lock_guard lock(here.model->computing);
    philo::save_conversation(&required(path, "path"), here.conversation, philo::cache_settings(*here.model),
                             {{"messages", here.chat ? here.chat->messages() : philo::OrderedJson::array()}});
  });
}

philo_status philo_conversation_restore(philo_conversation* conversation, const char* path, philo_error** error) {
  return guarded(error, [&] {
    philo_conversation& here = required(conversation, "conversation");
    const std::string file = &required(path, "path");
    const std::lock_guard lock(here.model->computing);
    std::optional<philo::Chat> chat = here.chat;
    philo::restore_conversation(file, here.conversation, philo::cache_settings(*here.model), [&](const philo::OrderedJson& about) {
      if (chat) chat->replace(about.value("messages", philo::OrderedJson::array()), file);
    });
    here.chat = std::move(chat);
  });
}

void philo_conversation_stop(philo_conversation* conversation) {
  if (conversation != nullptr) conversation->conversation.stop();
}

philo_status philo_conversation_report(const philo_conversation* conversation, char** json, philo_error** error) {
  return guarded(error, [&] {
    const philo_conversation& here = required(conversation, "conversation");
    philo::give_text(json, {{"tokens", here.conversation.tokens().size()},
                            {"context", here.conversation.context()},
                            {"cache_bytes", here.conversation.cache_bytes()},
                            {"messages", here.chat ? here.chat->messages().size() : 0},
                            {"timings", here.timings ? philo::timings_report(*here.model, *here.timings)
                                                     : philo::OrderedJson(nullptr)}});
  });
}
