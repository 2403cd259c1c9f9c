// Feeding, the one generation loop (guess, forward, keep what agrees, rewind) and what it collects.
#include "generate/conversation.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/error.h"
#include "generate/stop_text.h"

namespace philo {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

double per_second(size_t count, double milliseconds) {
  return milliseconds > 0 ? 1000 * static_cast<double>(count) / milliseconds : 0;
}

}  // namespace

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::Stop:
      return "stop";
    case FinishReason::Length:
      return "length";
    case FinishReason::Context:
      return "context";
    case FinishReason::Stopped:
      return "stopped";
  }
  return "";
}

// Turns chosen tokens into text, decides when the answer ends and keeps the clock.
class Conversation::Generation {
 public:
  Generation(const GenerationOptions& options, const Tokenizer& tokenizer, const OnText& on_text, size_t prompt_tokens,
             size_t context)
      : options_(options),
        on_text_(on_text),
        context_(context),
        sampler_(options.sampling, options.mask),
        stream_(tokenizer, {options.skip_special, options.strip_leading_space}),
        stop_text_(options.stop_texts) {
    answer_.timings.prompt_tokens = prompt_tokens;
  }

  Choice choose(std::span<const Token> history, std::span<float> logits) {
    return sampler_.choose(history, logits, options_.top_logprobs);
  }

  // Takes the next token; `sequence` counts it too. Returns whether the answer ends with it.
  bool take(Choice choice, size_t sequence, bool stop_requested) {
    last_token_at_ = Clock::now();
    if (answer_.ids.empty()) first_token_at_ = last_token_at_;
    const Token token = choice.token;
    answer_.ids.push_back(token);
    if (options_.top_logprobs > 0) answer_.choices.push_back(std::move(choice));

    const bool is_stop =
        std::find(options_.stop_tokens.begin(), options_.stop_tokens.end(), token) != options_.stop_tokens.end();
    std::string text;
    if (!is_stop || !options_.skip_special) text = stop_text_.push(stream_.push(token));
    if (is_stop) {
      end(FinishReason::Stop);
      answer_.stop = token;
    } else if (stop_text_.found()) {
      end(FinishReason::Stop);
    } else if (answer_.ids.size() >= options_.max_new_tokens) {
      end(FinishReason::Length);
    } else if (sequence >= context_) {
      end(FinishReason::Context);
    } else if (stop_requested) {
      end(FinishReason::Stopped);
    }
    if (ended_) text += flushed();
    emit(text, token);
    return ended_;
  }

  // Ends the answer between tokens.
  void end_here(FinishReason reason) {
    end(reason);
    const std::string text = flushed();
    if (!text.empty()) emit(text, answer_.ids.back());
  }

  void prefilled(size_t tokens) {
    answer_.timings.prefilled_tokens = tokens;
    answer_.timings.prefill_ms = milliseconds_between(start_, Clock::now());
  }
  void recomputed(size_t tokens) { answer_.timings.recomputed_tokens += tokens; }
  void passed(size_t guessed, size_t agreed) {
    ++answer_.timings.decode_passes;
    answer_.timings.guessed_tokens += guessed;
    answer_.timings.agreed_tokens += agreed;
  }
  void note(std::string text) { answer_.notes.push_back(std::move(text)); }

  size_t tokens_left() const { return options_.max_new_tokens - answer_.ids.size(); }

  Answer finished() {
    Timings& timings = answer_.timings;
    timings.new_tokens = answer_.ids.size();
    if (timings.new_tokens > 0) timings.ttft_ms = milliseconds_between(start_, first_token_at_);
    if (timings.new_tokens > 1) {
      const double decode_ms = milliseconds_between(first_token_at_, last_token_at_);
      timings.tpot_ms = decode_ms / static_cast<double>(timings.new_tokens - 1);
      timings.decode_tokens_per_s = per_second(timings.new_tokens - 1, decode_ms);
    }
    timings.prefill_tokens_per_s = per_second(timings.prefilled_tokens, timings.prefill_ms);
    return std::move(answer_);
  }

 private:
  void end(FinishReason reason) {
    ended_ = true;
    answer_.finish_reason = reason;
  }

  // What was held back, now that no token follows.
  std::string flushed() {
    std::string text = stop_text_.push(stream_.finish());
    text += stop_text_.finish();
    if (stop_text_.found() && !std::holds_alternative<Token>(answer_.stop)) {
      end(FinishReason::Stop);
      answer_.stop = *stop_text_.found();
    }
    return text;
  }

  // What the caller has seen is what Answer::text holds, so a caller that says no gets no flush either.
  void emit(const std::string& text, Token token) {
    answer_.text += text;
    if (!on_text_ || on_text_(text, token) || ended_) return;
    end(FinishReason::Stopped);
  }

  const GenerationOptions& options_;
  const OnText& on_text_;
  size_t context_;
  Sampler sampler_;
  TextStream stream_;
  StopText stop_text_;
  Answer answer_;
  bool ended_ = false;
  Clock::time_point start_ = Clock::now(), first_token_at_, last_token_at_;
};

Conversation::Conversation(std::shared_ptr<const Network> network, std::shared_ptr<const Plan> plan,
                           std::shared_ptr<const Tokenizer> tokenizer, size_t context)
    : network_(std::move(network)), plan_(std::move(plan)), tokenizer_(std::move(tokenizer)), context_(context) {
  const size_t most = network_->traits().context;
  if (context == 0 || context > most) {
    throw usage_error("the context is " + std::to_string(context) + " tokens, but must be 1 to " +
                      std::to_string(most));
  }
  session_ = network_->open(context);
}

Conversation::~Conversation() = default;

void Conversation::check_tokens(std::span<const Token> tokens, size_t total) const {
  if (total > context_) {
    throw Error(ErrorCode::Input, "the prompt has " + std::to_string(total) + " tokens, but the context holds " +
                                      std::to_string(context_) + "; shorten it or give a larger context");
  }
  const auto wrong = std::find_if(tokens.begin(), tokens.end(),
                                  [&](Token token) { return token < 0 || token >= plan_->config.vocabulary; });
  if (wrong == tokens.end()) return;
  const size_t position = total - tokens.size() + static_cast<size_t>(wrong - tokens.begin());
  throw Error(ErrorCode::Input, "token " + std::to_string(*wrong) + " at position " + std::to_string(position) +
                                    " is not in the model's vocabulary, which ends before " +
                                    std::to_string(plan_->config.vocabulary));
}

void Conversation::forget(size_t tokens) {
  logits_valid_ = false;
  if (session_->position() > tokens) session_->rewind(tokens);
}

void Conversation::assign(std::vector<Token> tokens) {
  check_tokens(tokens, tokens.size());
  const auto common = std::mismatch(tokens_.begin(), tokens_.end(), tokens.begin(), tokens.end()).first;
  if (common == tokens_.end() && tokens.size() == tokens_.size()) return;
  forget(static_cast<size_t>(common - tokens_.begin()));
  tokens_ = std::move(tokens);
}

void Conversation::append(std::span<const Token> tokens) {
  if (tokens.empty()) return;
  check_tokens(tokens, tokens_.size() + tokens.size());
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  logits_valid_ = false;
}

void Conversation::rewind(size_t tokens) {
  if (tokens >= tokens_.size()) return;
  forget(tokens);
  tokens_.resize(tokens);
}

size_t Conversation::cache_bytes() const { return session_->memory_bytes(); }

size_t Conversation::usable_tokens() const {
  return long_factors_ == plan_->config.long_factors(tokens_.size()) ? session_->position() : 0;
}

void Conversation::restore(std::vector<Token> tokens, size_t cached, bool long_factors, const Weights& parts, const std::string& file) {
  check_tokens(tokens, tokens.size());
  if (cached > tokens.size())
    throw input_error(file, "says that " + std::to_string(cached) + " of " + std::to_string(tokens.size()) + " tokens are computed");
  std::unique_ptr<Session> session = network_->open(context_);
  if (cached > 0) session->restore(cached, long_factors, parts, file);
  session_ = std::move(session);
  tokens_ = std::move(tokens);
  long_factors_ = long_factors;
  logits_valid_ = false;
}

// A session that failed half-way can't be trusted; only a refusal for want of memory promises to leave it as it was.
void Conversation::forward(std::span<const Token> tokens, Rows rows, size_t sequence) {
  logits_valid_ = false;
  const size_t position = session_->position();
  const std::array<Turn, 1> turns = {Turn{session_.get(), tokens, rows, sequence}};
  try {
    network_->forward(turns, logits_);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Resource || session_->position() != position) session_->rewind(0);
    throw;
  } catch (...) {
    session_->rewind(0);
    throw;
  }
}

// The factors are a property of the whole sequence, so a cache made with the other ones is of no use (phi3-spec §2.1).
Conversation::Fed Conversation::feed(const Progress& progress) {
  Fed fed{0, true, false};
  const size_t total = tokens_.size();
  const bool long_factors = plan_->config.long_factors(total);
  if (long_factors != long_factors_ && session_->position() > 0) {
    session_->rewind(0);
    logits_valid_ = false;
    fed.factors_switched = true;
  }
  long_factors_ = long_factors;
  if (logits_valid_) return fed;
  if (session_->position() >= total) session_->rewind(total - 1);

  const size_t first = session_->position();
  const bool reports = progress && total - first > 1;
  const size_t most = std::max<size_t>(network_->traits().turn_tokens, 1);
  const auto wants_stop = [&] {
    return (reports && !progress("prefill", fed.tokens, total - first)) || stop_.load(std::memory_order_relaxed);
  };
  while (fed.tokens < total - first) {
    if (wants_stop()) {
      fed.complete = false;
      return fed;
    }
    const size_t position = first + fed.tokens;
    const size_t chunk = std::min(most, total - position);
    const bool last = position + chunk == total;
    forward(std::span(tokens_).subspan(position, chunk), last ? Rows::Last : Rows::None, total);
    fed.tokens += chunk;
  }
  logits_valid_ = true;
  fed.complete = !wants_stop();
  return fed;
}

std::span<const float> Conversation::next_logits(const Progress& progress) {
  if (tokens_.empty()) throw Error(ErrorCode::Input, "there are no tokens to continue; give at least one");
  stop_.store(false, std::memory_order_relaxed);
  if (!feed(progress).complete) throw Error(ErrorCode::Stopped, "stopped while the prompt was computed");
  return logits_.row(0);
}

std::string Conversation::switch_note() const {
  const std::string limit = std::to_string(plan_->config.long_rope->original_context);
  const std::string length = std::to_string(tokens_.size());
  return long_factors_ ? "the sequence grew beyond " + limit + " tokens, so all " + length +
                             " were computed again with the model's long RoPE factors"
                       : "the sequence shrank to at most " + limit + " tokens, so all " + length +
                             " were computed again with the model's short RoPE factors";
}

bool Conversation::take_row(Generation& generation, size_t row) {
  logits_valid_ = false;  // the sampler uses them as scratch
  Choice choice = generation.choose(tokens_, logits_.row(row));
  tokens_.push_back(choice.token);
  return generation.take(std::move(choice), tokens_.size(), stop_.load(std::memory_order_relaxed));
}

// Only the newest token is pending, and all guesses fit into one pass, the answer, the context and the LongRoPE factors
// at hand.
std::vector<Token> Conversation::guess(const Generation& generation) const {
  const Traits traits = network_->traits();
  const size_t size = tokens_.size();
  const ModelConfig& config = plan_->config;
  if (!drafter_ || !traits.equal_columns || !traits.all_rows) return {};
  if (session_->position() + 1 != size || config.long_factors(size) != long_factors_) return {};
  size_t at_most = std::min({traits.turn_tokens, generation.tokens_left(), context_ - size});
  if (at_most <= 1) return {};
  at_most -= 1;  // the pass itself yields one token more
  if (config.long_rope && !long_factors_) {
    at_most = std::min(at_most, static_cast<size_t>(config.long_rope->original_context) - size);
  }
  if (at_most == 0) return {};
  std::vector<Token> guesses = drafter_->guess(tokens_, at_most);
  const auto known = [&](Token token) { return token >= 0 && token < config.vocabulary; };
  guesses.erase(std::find_if_not(guesses.begin(), guesses.end(), known), guesses.end());
  guesses.resize(std::min(guesses.size(), at_most));
  return guesses;
}

// Takes the model's own choices as far as they follow the guesses, and one more.
bool Conversation::check_guesses(Generation& generation, std::span<const Token> guesses, size_t& agreed) {
  bool ended = false;
  for (agreed = 0; !ended; ++agreed) {
    ended = take_row(generation, agreed);
    if (agreed == guesses.size() || tokens_.back() != guesses[agreed]) break;
  }
  forget(tokens_.size() - 1);
  return ended;
}

// One pass: guess, forward, keep the agreeing prefix, rewind. Plain decoding is the case of no guesses.
bool Conversation::advance(Generation& generation, const Progress& progress) {
  const std::vector<Token> guesses = guess(generation);
  const auto start = Clock::now();
  size_t fed_tokens = 1 + guesses.size();
  if (guesses.empty()) {
    const Fed fed = feed(progress);
    if (fed.tokens > 1) generation.recomputed(fed.tokens - 1);
    if (fed.factors_switched) generation.note(switch_note());
    if (!fed.complete) {
      generation.end_here(FinishReason::Stopped);
      return true;
    }
    fed_tokens = fed.tokens;
  } else {
    std::vector<Token> pending = {tokens_.back()};
    pending.insert(pending.end(), guesses.begin(), guesses.end());
    forward(pending, Rows::All, tokens_.size() + guesses.size());
  }
  const double milliseconds = milliseconds_between(start, Clock::now());
  size_t agreed = 0;
  const bool ended = guesses.empty() ? take_row(generation, 0) : check_guesses(generation, guesses, agreed);
  generation.passed(guesses.size(), agreed);
  if (drafter_ && fed_tokens == 1 + guesses.size()) drafter_->learn(guesses.size(), agreed, milliseconds);
  return ended;
}

void Conversation::continue_tokens(Generation& generation, const Progress& progress) {
  const bool prefill_only = generation.tokens_left() == 0;
  if (!prefill_only && tokens_.size() >= context_) return generation.end_here(FinishReason::Context);
  const Fed fed = feed(progress);
  generation.prefilled(fed.tokens);
  if (fed.factors_switched) generation.note(switch_note());
  if (!fed.complete) return generation.end_here(FinishReason::Stopped);
  if (prefill_only) return generation.end_here(FinishReason::Length);
  bool ended = take_row(generation, 0);
  while (!ended) ended = advance(generation, progress);
}

Answer Conversation::generate(const GenerationOptions& options, const OnText& on_text, const Progress& progress) {
  if (tokens_.empty()) throw Error(ErrorCode::Input, "there are no tokens to continue; give at least one");
  const size_t before = tokens_.size();
  Generation generation(options, *tokenizer_, on_text, before, context_);
  stop_.store(false, std::memory_order_relaxed);
  try {
    continue_tokens(generation, progress);
  } catch (...) {
    tokens_.resize(before);
    forget(before);
    throw;
  }
  return generation.finished();
}

}  // namespace philo
