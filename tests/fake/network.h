// A network whose logits are a hash of the tokens it saw: any error in feeding, rewinding or LongRoPE factors changes
// them.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "device/device.h"

namespace philo::fake {

struct NetworkOptions {
  size_t context = 64;
  size_t turn_tokens = 64;
  int64_t vocabulary = 32;
  bool all_rows = true;
  bool equal_columns = true;
  std::optional<size_t> original_context = {};  // with LongRoPE
  size_t keeps_multiple_of = 1;                 // rewind(p) keeps the next smaller multiple, as a ring of blocks does
};

struct Entry {
  Token token;
  bool long_factors;  // of the pass that put it into the cache
};

class Session : public philo::Session {
 public:
  Session(const NetworkOptions& options, size_t context) : options_(options), context_(context) {}
  size_t position() const override { return cache.size(); }
  size_t rewind(size_t position) override {
    if (position > cache.size()) throw std::logic_error("rewind beyond the cache");
    if (position < cache.size()) position -= position % options_.keeps_multiple_of;
    cache.resize(position);
    ++rewinds;
    return position;
  }
  size_t memory_bytes() const override { return cache.size() * 100; }
  size_t context() const { return context_; }

  std::vector<Entry> cache;
  int rewinds = 0;

 private:
  const NetworkOptions& options_;
  size_t context_;
};

// What one turn asked for.
struct Pass {
  size_t position, tokens;
  Rows rows;
  size_t sequence;
};

class Network : public philo::Network {
 public:
  explicit Network(NetworkOptions options) : options_(options) {}

  Traits traits() const override {
    return {options_.all_rows, options_.equal_columns, options_.turn_tokens, options_.context, "fake", 1, 0, 0};
  }
  std::unique_ptr<philo::Session> open(size_t context) const override {
    auto session = std::make_unique<Session>(options_, context);
    last_session = session.get();
    return session;
  }
  void observe(StepObserver) override {}

  void forward(std::span<const Turn> turns, Logits& out) const override {
    size_t rows = 0, tokens = 0;
    for (const Turn& turn : turns) {
      tokens += turn.tokens.size();
      rows += turn.rows == Rows::All ? turn.tokens.size() : turn.rows == Rows::Last ? 1 : 0;
    }
    require(tokens > 0 && tokens <= options_.turn_tokens, "a pass of the wrong size");
    if (before_pass) before_pass(passes.size());
    out.resize(rows, static_cast<size_t>(options_.vocabulary));
    size_t row = 0;
    for (const Turn& turn : turns) run(turn, out, row);
    if (after_pass) after_pass(passes.size());
  }

  // Logits of the position after `tokens` in a sequence that was computed with these factors throughout.
  std::vector<float> logits_after(std::span<const Token> tokens, bool long_factors) const {
    uint64_t hash = long_factors ? 77 : 3;
    for (const Token token : tokens) hash = (hash ^ static_cast<uint64_t>(token + 1)) * 0x9e3779b97f4a7c15u + 1;
    std::vector<float> logits(static_cast<size_t>(options_.vocabulary));
    for (size_t i = 0; i < logits.size(); ++i) {
      uint64_t value = (hash + i) * 0xd6e8feb86659fd93u;
      value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93u;
      logits[i] = static_cast<float>(value >> 40) * 0x1p-21f - 4;  // -4 to 4
    }
    if (script) script(tokens, logits);
    return logits;
  }
  bool long_factors(size_t sequence) const {
    return options_.original_context && sequence > *options_.original_context;
  }

  mutable std::vector<Pass> passes;
  mutable Session* last_session = nullptr;
  std::function<void(size_t pass)> before_pass, after_pass;                             // may throw
  std::function<void(std::span<const Token> history, std::span<float> logits)> script;  // may change the logits

 private:
  static void require(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
  }

  void run(const Turn& turn, Logits& out, size_t& row) const {
    auto& session = dynamic_cast<Session&>(*turn.session);
    passes.push_back({session.position(), turn.tokens.size(), turn.rows, turn.sequence});
    require(!turn.tokens.empty(), "an empty turn");
    require(turn.rows != Rows::All || options_.all_rows, "all rows of a network that gives the last one");
    require(session.position() + turn.tokens.size() <= turn.sequence, "a turn beyond its sequence");
    require(turn.sequence <= session.context(), "a sequence beyond the context");
    const bool factors = long_factors(turn.sequence);
    for (size_t i = 0; i < turn.tokens.size(); ++i) {
      require(turn.tokens[i] >= 0 && turn.tokens[i] < options_.vocabulary, "a token outside the vocabulary");
      session.cache.push_back({turn.tokens[i], factors});
      if (turn.rows == Rows::None || (turn.rows == Rows::Last && i + 1 < turn.tokens.size())) continue;
      std::vector<Token> seen;
      for (const Entry& entry : session.cache) {
        require(entry.long_factors == factors, "one cache with short and long factors");
        seen.push_back(entry.token);
      }
      const std::vector<float> logits = logits_after(seen, factors);
      std::copy(logits.begin(), logits.end(), out.row(row++).begin());
    }
  }

  NetworkOptions options_;
};

inline std::shared_ptr<Plan> plan_for(const NetworkOptions& options) {
  auto plan = std::make_shared<Plan>();
  plan->config = ModelConfig{};
  plan->config.vocabulary = options.vocabulary;
  plan->config.context = static_cast<int64_t>(options.context);
  if (options.original_context) {
    plan->config.long_rope = LongRope{{}, {}, 1.0f, static_cast<int64_t>(*options.original_context)};
  }
  return plan;
}

}  // namespace philo::fake
