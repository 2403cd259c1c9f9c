// The matcher: backtracking without recursion per character.
#include "tokenizer/pattern.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace philo {

struct Pattern::Run {
  std::vector<Frame> frames;
  uint64_t steps_left;
};

bool Pattern::Class::has(char32_t code_point) const {
  if (code_point < 0x10000) return low[code_point];
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), code_point,
                                      [](char32_t value, const CharacterRange& range) { return value < range.first; });
  return after != ranges.begin() && code_point <= std::prev(after)->last;
}

bool Pattern::step(const Class& set, std::string_view text, size_t& at) const {
  if (at >= text.size()) return false;
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) {
    if (!set.low[lead]) return false;
    ++at;
    return true;
  }
  const size_t bytes = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;  // the text is valid UTF-8
  if (!set.has(utf8_decode(text.substr(at, bytes)))) return false;
  at += bytes;
  return true;
}

// Runs the program from instruction `start` at byte `at`; the end of the match, or nothing. Inner programs (lookahead, possessive
// groups) are nested calls, as deep as the pattern nests.
std::optional<size_t> Pattern::match(std::string_view text, size_t at, uint32_t start, Run& run) const {
  const size_t floor = run.frames.size();
  uint32_t here = start;
  const auto spend = [&](size_t steps) {
    if (run.steps_left < steps) {
      throw input_error(file_, "the pattern " + shown(source_, 200) + " takes too long on a text of " +
                                   std::to_string(text.size()) + " bytes; split the text or use a pattern without nested repetitions");
    }
    run.steps_left -= steps;
  };
  for (;;) {
    spend(1);
    const Instruction& instruction = program_[here];
    bool alive = true;
    switch (instruction.code) {
      case Code::Set:
        alive = step(classes_[instruction.set], text, at);
        ++here;
        break;
      case Code::Repeat: {
        const Class& set = classes_[instruction.set];
        size_t low = at, count = 0;
        while (count < instruction.most && step(set, text, at)) {
          if (++count == instruction.least) low = at;
        }
        spend(count);
        ++here;
        alive = count >= instruction.least;
        if (alive && !instruction.flag && at > low) run.frames.push_back({here, at, low});
        break;
      }
      case Code::Split:
        run.frames.push_back({instruction.target, at, at});
        ++here;
        break;
      case Code::Jump: here = instruction.target; break;
      case Code::Look:
        alive = match(text, at, here + 1, run).has_value() == instruction.flag;
        here = instruction.target;
        break;
      case Code::Atomic: {
        const std::optional<size_t> end = match(text, at, here + 1, run);
        alive = end.has_value();
        if (end) at = *end;
        here = instruction.target;
        break;
      }
      case Code::Accept: run.frames.resize(floor); return at;
    }
    if (alive) continue;
    if (run.frames.size() == floor) return {};
    Frame& frame = run.frames.back();
    here = frame.instruction;
    if (frame.at > frame.low) {
      do {
        --frame.at;
      } while ((static_cast<unsigned char>(text[frame.at]) & 0xC0) == 0x80);
      at = frame.at;
      if (frame.at == frame.low) run.frames.pop_back();
    } else {
      at = frame.at;
      run.frames.pop_back();
    }
  }
}

void Pattern::for_each(std::string_view text, std::vector<Match>& out) const {
  constexpr uint64_t steps_per_byte = 512;
  Run run{{}, 65536 + steps_per_byte * text.size()};
  size_t done = 0, at = 0;
  while (at < text.size()) {
    const std::optional<size_t> end = match(text, at, 0, run);
    if (!end) {
      do {
        ++at;
      } while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
      continue;
    }
    if (done < at) out.push_back({done, at, false});
    out.push_back({at, *end, true});
    at = done = *end;
  }
  if (done < text.size()) out.push_back({done, text.size(), false});
}

}  // namespace philo
