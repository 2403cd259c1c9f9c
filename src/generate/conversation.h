// Owns the tokens of one conversation and drives a session: feeds it in chunks, rewinds it, re-prefills where LongRoPE
// switches, and generates.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "device/device.h"
#include "generate/drafter.h"
#include "generate/sampler.h"
#include "tokenizer/tokenizer.h"

namespace philo {

struct GenerationOptions {
  size_t max_new_tokens = 1024;  // 0: prefill only
  SamplingOptions sampling;
  std::vector<Token> stop_tokens;
  // Matched in the answer's text, across tokens; the answer ends before the text, the ids keep it. Of several the one
  // that is complete first counts.
  std::vector<std::string> stop_texts;
  bool skip_special = true;  // special tokens don't appear in the text
  bool strip_leading_space = true;
  size_t top_logprobs = 0;  // 0: none kept
  MaskHook mask;
};

enum class FinishReason : uint8_t { Stop, Length, Context, Stopped };
std::string_view finish_reason_name(FinishReason reason);  // "stop" "length" "context" "stopped"

struct Timings {
  double load_ms = 0;  // set by whoever loaded the model
  double ttft_ms = 0;  // from the call to the first token, tokenization and prefill included
  double tpot_ms = 0;  // (last token - first token) / (new tokens - 1)
  double prefill_ms = 0;
  size_t prompt_tokens = 0;     // of the whole prompt
  size_t prefilled_tokens = 0;  // of them, those that were not in the cache
  size_t new_tokens = 0;
  size_t recomputed_tokens =
      0;  // computed again after the first new token: the LongRoPE factors changed, or the session kept less
  size_t decode_passes = 0;   // over the weights, after the first new token
  size_t guessed_tokens = 0;  // by the drafter
  size_t agreed_tokens = 0;   // of them, those that the model chose too
  double prefill_tokens_per_s = 0;
  double decode_tokens_per_s = 0;
};

struct Answer {
  std::string text;
  std::vector<Token> ids;  // new tokens only, the stopping one included
  FinishReason finish_reason = FinishReason::Length;
  std::variant<std::monostate, Token, std::string> stop;  // what stopped it
  std::vector<Choice> choices;                            // with top_logprobs > 0: one per id
  std::vector<std::string> notes;                         // what people should know: a sequence that was computed again
  Timings timings;
};

// Called with each piece of text that became complete (maybe "") and the token that completed it. False stops the
// generation.
using OnText = std::function<bool(std::string_view text, Token token)>;

class Conversation {
 public:
  // Throws ErrorCode::Usage where context is 0 or more than the network takes.
  Conversation(std::shared_ptr<const Network> network, std::shared_ptr<const Plan> plan,
               std::shared_ptr<const Tokenizer> tokenizer, size_t context);
  ~Conversation();

  const std::vector<Token>& tokens() const { return tokens_; }
  size_t context() const { return context_; }

  // Guesses for the next generations; nullptr (the default): none. Unused where the network does not compute several
  // columns equally or does not give all rows.
  void set_drafter(std::shared_ptr<Drafter> drafter) { drafter_ = std::move(drafter); }

  // Replaces the tokens; what the session already holds of the common prefix is kept. Throws ErrorCode::Input for ids
  // outside the vocabulary and for more tokens than the context holds, saying how many there are and may be; the tokens
  // then stay as they were.
  void assign(std::vector<Token> tokens);
  void append(std::span<const Token> tokens);
  void rewind(size_t tokens);  // forgets the tokens from this position on; no effect where there are fewer

  // Continues the tokens; what it makes is appended to them (the stopping token too). Throws ErrorCode::Input where
  // there is no token to continue. `progress` sees every pass over more than one token; where it returns false the
  // answer ends as by stop(). On any error the conversation keeps the tokens it had before the call.
  Answer generate(const GenerationOptions& options, const OnText& on_text = {}, const Progress& progress = {});

  // Logits of the position after the last token, (vocabulary); valid until the next call. Throws ErrorCode::Stopped
  // where stop() or `progress` ended it.
  std::span<const float> next_logits(const Progress& progress = {});

  // Ends a running generation after the current token, or its prefill after the current chunk (the answer is then
  // empty, and what was computed stays in the cache). Without one running it has no effect. May be called from another
  // thread or a signal handler.
  void stop() { stop_.store(true, std::memory_order_relaxed); }

  size_t cache_bytes() const;

  // For saving: the session, and how many tokens it holds that the next call can use.
  const Session& session() const { return *session_; }
  size_t usable_tokens() const;
  bool long_factors() const { return long_factors_; }
  // Takes up what was saved: all tokens, and the parts of a session that held the first `cached` of them (none: 0). Throws as assign() and
  // Session::restore() do; the conversation then stays as it was.
  void restore(std::vector<Token> tokens, size_t cached, bool long_factors, const Weights& parts, const std::string& file);

 private:
  class Generation;  // what one call of generate() collects

  struct Fed {
    size_t tokens;          // computed
    bool complete;          // false: asked to stop
    bool factors_switched;  // the cache was computed anew with the other LongRoPE factors
  };

  Fed feed(const Progress& progress);  // brings the session up to the last token, its logits included
  void forward(std::span<const Token> tokens, Rows rows, size_t sequence);
  void forget(size_t tokens);  // makes the session hold at most so many
  void check_tokens(std::span<const Token> tokens, size_t total) const;
  void continue_tokens(Generation& generation, const Progress& progress);
  bool advance(Generation& generation, const Progress& progress);
  bool take_row(Generation& generation, size_t row);
  bool check_guesses(Generation& generation, std::span<const Token> guesses, size_t& agreed);
  std::vector<Token> guess(const Generation& generation) const;
  std::string switch_note() const;

  std::shared_ptr<const Network> network_;
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<Drafter> drafter_;
  std::unique_ptr<Session> session_;  // holds a prefix of tokens_
  std::vector<Token> tokens_;
  Logits logits_;
  size_t context_;
  bool long_factors_ = false;  // which LongRoPE factors the session's cache was computed with
  bool logits_valid_ = false;  // row 0 of logits_ belongs to the last of tokens_
  std::atomic<bool> stop_{false};
};

}  // namespace philo
