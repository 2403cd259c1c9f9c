// Fills, prefills and decodes with the clock running, as Conversation does for one session.
#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/error.h"
#include "generate/sampler.h"

namespace philo {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

// The splitmix64 generator's output function.
uint64_t mixed(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// One conversation of the case.
struct Stream {
  std::unique_ptr<Session> session;
  std::unique_ptr<Drafter> drafter;
  std::vector<Token> tokens;      // so far; the session holds them, or all but the newest
  std::span<const Token> replay;  // the whole sequence; empty: random prompt, the model's own choice afterwards
};

class Bench {
 public:
  Bench(const Network& network, const Plan& plan, const BenchCase& wanted)
      : network_(network), plan_(plan), case_(wanted), traits_(network.traits()), sampler_(SamplingOptions{}) {
    length_ = case_.depth + case_.prompt_tokens + case_.new_tokens;
    check_case();
    for (size_t index = 0; index < case_.sessions; ++index) {
      Stream stream;
      stream.session = network_.open(case_.context > 0 ? case_.context : length_);
      if (!case_.replay.empty())  // sessions read other parts of the text where it is long enough
        stream.replay = case_.replay.subspan((case_.replay.size() - length_) * index / case_.sessions, length_);
      streams_.push_back(std::move(stream));
    }
    total_ = case_.sessions * (case_.depth + (case_.repetitions + 1) * (case_.prompt_tokens + case_.new_tokens));
  }

  Measurement run() {
    std::vector<double> first, next, passes, tokens;
    for (size_t repetition = 0; repetition <= case_.repetitions; ++repetition) {
      fill(repetition);
      const auto start = Clock::now();
      feed(case_.depth + case_.prompt_tokens, true);
      const auto first_at = Clock::now();
      const Decoded decoded = decode();
      const double decode_ms = milliseconds_between(first_at, Clock::now());
      if (repetition == 0) continue;
      first.push_back(milliseconds_between(start, first_at));
      if (case_.new_tokens < 2) continue;
      next.push_back(decode_ms / static_cast<double>(case_.new_tokens - 1));
      passes.push_back(1000 * static_cast<double>(decoded.passes) / decode_ms);
      tokens.push_back(static_cast<double>(case_.sessions * (case_.new_tokens - 1)) /
                       static_cast<double>(decoded.turns));
    }
    return summary(first, next, passes, tokens);
  }

 private:
  struct Decoded {
    size_t passes = 0;
    size_t turns = 0;  // sum over the passes of the sessions in them
  };

  void check_case() const {
    const size_t context = case_.context > 0 ? case_.context : traits_.context;
    if (case_.sessions == 0 || case_.prompt_tokens == 0 || case_.new_tokens == 0 || case_.repetitions == 0)
      throw usage_error("sessions, prompt tokens, new tokens and repetitions must be at least 1");
    if (length_ > std::min(context, traits_.context))
      throw usage_error("depth, prompt and new tokens are " + std::to_string(length_) +
                        " together, but the context holds " + std::to_string(std::min(context, traits_.context)));
    if (case_.sessions > traits_.turn_tokens)
      throw usage_error(std::to_string(case_.sessions) + " sessions; at most " + std::to_string(traits_.turn_tokens) +
                        " fit into one pass here");
    if (!case_.replay.empty() && case_.replay.size() < length_)
      throw usage_error("--replay holds " + std::to_string(case_.replay.size()) +
                        " tokens; depth, prompt and new tokens are " + std::to_string(length_));
    for (const Token token : case_.replay)
      if (token < 0 || token >= plan_.config.vocabulary)
        throw usage_error("--replay: token " + std::to_string(token) + " is not in the model's vocabulary of " +
                          std::to_string(plan_.config.vocabulary));
    if (case_.drafter && !(traits_.equal_columns && traits_.all_rows))
      throw usage_error("--speculate: this device does not compute several tokens at once as it computes one");
  }

  // Each repetition's prompts and sessions that hold the depth before them.
  void fill(size_t repetition) {
    for (size_t index = 0; index < streams_.size(); ++index) {
      Stream& stream = streams_[index];
      if (case_.drafter) stream.drafter = case_.drafter();  // a new one has seen no earlier repetition
      stream.tokens.resize(std::min(stream.tokens.size(), case_.depth));
      if (stream.session->position() > case_.depth) stream.session->rewind(case_.depth);
      for (size_t at = stream.tokens.size(); at < case_.depth + case_.prompt_tokens; ++at) {
        const uint64_t place = (uint64_t{repetition} << 48) | (uint64_t{index} << 32) | at;
        const auto random = static_cast<Token>(mixed(place) % static_cast<uint64_t>(plan_.config.vocabulary));
        stream.tokens.push_back(stream.replay.empty() ? random : stream.replay[at]);
      }
    }
    feed(case_.depth, false);
  }

  // Brings every session up to `end` tokens, several sessions in one pass where they fit. `choose`: and the first new
  // token of each.
  void feed(size_t end, bool choose) {
    while (true) {
      std::vector<Turn> turns;
      std::vector<Stream*> choosing;
      size_t room = traits_.turn_tokens, fed = 0;
      for (Stream& stream : streams_) {
        const size_t position = stream.session->position(), count = std::min(room, end - position);
        if (count == 0) continue;
        const bool last = choose && position + count == end;
        turns.push_back({stream.session.get(), std::span(stream.tokens).subspan(position, count),
                         last ? Rows::Last : Rows::None, length_});
        if (last) choosing.push_back(&stream);
        room -= count;
        fed += count;
      }
      if (turns.empty()) return;
      forward(turns);
      advance(fed);
      for (size_t row = 0; row < choosing.size(); ++row) take(*choosing[row], row);
    }
  }

  Decoded decode() {
    Decoded decoded;
    while (true) {
      std::vector<Stream*> active;
      for (Stream& stream : streams_)
        if (stream.tokens.size() < length_) active.push_back(&stream);
      if (active.empty()) return decoded;
      std::vector<std::vector<Token>> pending;  // the newest token and what may follow it
      for (Stream* stream : active) {
        pending.push_back({stream->tokens.back()});
        const std::vector<Token> guesses = guess(*stream, traits_.turn_tokens / active.size() - 1);
        pending.back().insert(pending.back().end(), guesses.begin(), guesses.end());
      }
      std::vector<Turn> turns;
      for (size_t i = 0; i < active.size(); ++i)
        turns.push_back(
            {active[i]->session.get(), pending[i], pending[i].size() > 1 ? Rows::All : Rows::Last, length_});
      const auto start = Clock::now();
      forward(turns);
      const double milliseconds = milliseconds_between(start, Clock::now());
      ++decoded.passes;
      decoded.turns += active.size();
      size_t row = 0;
      for (size_t i = 0; i < active.size(); ++i) {
        const size_t agreed = keep_agreeing(*active[i], pending[i], row);
        if (active[i]->drafter) active[i]->drafter->learn(pending[i].size() - 1, agreed, milliseconds);
        row += pending[i].size();
      }
    }
  }

  // As Conversation::guess: what fits into one pass and the sequence, whose last token needs no guess.
  std::vector<Token> guess(Stream& stream, size_t room) const {
    const size_t at_most = std::min(room, length_ - stream.tokens.size() - 1);
    if (stream.drafter == nullptr || at_most == 0) return {};
    std::vector<Token> guesses = stream.drafter->guess(stream.tokens, at_most);
    const auto known = [&](Token token) { return token >= 0 && token < plan_.config.vocabulary; };
    guesses.erase(std::find_if_not(guesses.begin(), guesses.end(), known), guesses.end());
    guesses.resize(std::min(guesses.size(), at_most));
    return guesses;
  }

  // Takes the next tokens as far as they follow the guesses, and one more; how many guesses were right.
  size_t keep_agreeing(Stream& stream, std::span<const Token> pending, size_t row) {
    size_t agreed = 0;
    while (true) {
      take(stream, row + agreed);
      if (agreed + 1 == pending.size() || stream.tokens.back() != pending[agreed + 1]) break;
      ++agreed;
    }
    if (stream.session->position() >= stream.tokens.size()) stream.session->rewind(stream.tokens.size() - 1);
    return agreed;
  }

  // The next token; that of a replayed text is chosen, too, so that the clock counts it, but not taken.
  void take(Stream& stream, size_t row) {
    const Token chosen = sampler_.choose(stream.tokens, logits_.row(row)).token;
    stream.tokens.push_back(stream.replay.empty() ? chosen : stream.replay[stream.tokens.size()]);
    advance(1);
  }

  void forward(std::span<const Turn> turns) {
    advance(0);
    network_.forward(turns, logits_);
  }

  void advance(size_t tokens) {
    done_ = std::min(done_ + tokens, total_);
    if (case_.progress && !case_.progress(case_.title, done_, total_))
      throw Error(ErrorCode::Stopped, "stopped while measuring");
  }

  Measurement summary(const std::vector<double>& first, const std::vector<double>& next,
                      const std::vector<double>& passes, const std::vector<double>& tokens) const {
    const auto sessions = static_cast<double>(case_.sessions);
    Measurement result;
    result.ttft_ms = median(first);
    result.prefill_tokens_per_s = 1000 * sessions * static_cast<double>(case_.prompt_tokens) / result.ttft_ms;
    if (!next.empty()) {
      result.tpot_ms = median(next);
      result.decode_tokens_per_s = 1000 * sessions / *result.tpot_ms;
      result.passes_per_s = median(passes);
      result.tokens_per_pass = median(tokens);
    }
    if (const std::vector<double>& spread_of = next.empty() ? first : next; spread_of.size() > 1) {
      const auto [least, most] = std::minmax_element(spread_of.begin(), spread_of.end());
      result.spread = (*most - *least) / median(spread_of);
    }
    return result;
  }

  const Network& network_;
  const Plan& plan_;
  const BenchCase& case_;
  Traits traits_;
  Sampler sampler_;
  size_t length_ = 0;  // of each sequence in the end
  std::vector<Stream> streams_;
  Logits logits_;
  size_t done_ = 0, total_ = 0;  // tokens
};

}  // namespace

Measurement measure(const Network& network, const Plan& plan, const BenchCase& wanted) {
  return Bench(network, plan, wanted).run();
}

}  // namespace philo
