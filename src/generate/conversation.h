// Owns the tokens of one conversation and drives a session: feeds it in chunks, rewinds it, re-prefills where LongRoPE switches,
// and generates.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "device/device.h"
#include "generate/sampler.h"
#include "tokenizer/tokenizer.h"

namespace philo {

struct GenerationOptions {
  size_t max_new_tokens = 1024;
  SamplingOptions sampling;
  std::vector<Token> stop_tokens;
  std::vector<std::string> stop_texts;  // matched in the answer's text; the answer ends before the text, the ids keep it
  bool skip_special = true;             // special tokens don't appear in the text
  bool strip_leading_space = true;
  size_t top_logprobs = 0;              // 0: none kept
  MaskHook mask;
};

enum class FinishReason : uint8_t { Stop, Length, Context, Stopped };
std::string_view finish_reason_name(FinishReason reason);  // "stop" "length" "context" "stopped"

struct Timings {
  double load_ms = 0;   // set by whoever loaded the model
  double ttft_ms = 0;   // from the call to the first token, tokenization and prefill included
  double tpot_ms = 0;   // (last token - first token) / (new tokens - 1)
  double prefill_ms = 0;
  size_t prompt_tokens = 0;    // of the whole prompt
  size_t prefilled_tokens = 0; // of them, those that were not in the cache
  size_t new_tokens = 0;
  double prefill_tokens_per_s = 0;
  double decode_tokens_per_s = 0;
};

struct Answer {
  std::string text;
  std::vector<Token> ids;  // new tokens only, the stopping one included
  FinishReason finish_reason = FinishReason::Length;
  std::variant<std::monostate, Token, std::string> stop;  // what stopped it
  std::vector<Choice> choices;  // with top_logprobs > 0: one per id
  Timings timings;
};

// Called with each piece of text that became complete (maybe "") and the token that completed it. False stops the generation.
using OnText = std::function<bool(std::string_view text, Token token)>;

class Conversation {
 public:
  // Throws ErrorCode::Usage where context is 0 or more than the network takes.
  Conversation(std::shared_ptr<const Network> network, std::shared_ptr<const Plan> plan, std::shared_ptr<const Tokenizer> tokenizer,
               size_t context);
  ~Conversation();

  const std::vector<Token>& tokens() const { return tokens_; }
  size_t context() const { return context_; }

  // Replaces the tokens; what the session already holds of the common prefix is kept. Throws ErrorCode::Input for ids outside the
  // vocabulary and for more tokens than the context holds, saying how many there are and may be.
  void assign(std::vector<Token> tokens);
  void append(std::span<const Token> tokens);
  void rewind(size_t tokens);  // forgets the tokens from this position on

  // Continues the tokens; what it makes is appended to them (the stopping token too). At least one token must be there.
  // `progress` sees the prefill. On any error the conversation keeps the tokens it had before the call.
  Answer generate(const GenerationOptions& options, const OnText& on_text = {}, const Progress& progress = {});

  // Logits of the position after the last token, (vocabulary).
  std::span<const float> next_logits(const Progress& progress = {});

  // Ends a running generation after the current token; may be called from another thread or a signal handler.
  void stop() { stop_.store(true, std::memory_order_relaxed); }

  size_t cache_bytes() const;

 private:
  size_t feed(const Progress& progress);  // brings the session up to the last token; returns the tokens it computed

  std::shared_ptr<const Network> network_;
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<Session> session_;
  std::vector<Token> tokens_;
  Logits logits_;
  size_t context_;
  bool long_factors_ = false;   // which LongRoPE factors the session's cache was computed with
  bool logits_valid_ = false;   // logits_ belong to the last of tokens_
  std::atomic<bool> stop_{false};
};

}  // namespace philo
