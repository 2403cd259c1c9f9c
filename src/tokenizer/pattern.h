// The regular expressions of tokenizer files, with Oniguruma's meaning: a backtracking matcher that keeps its own small stack.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/character.h"

namespace philo {

// Known: alternation, (…), (?:…), (?i:…), (?=…), (?!…), [classes], ranges, \p{..} \P{..} \p{^..} with general categories, . \s \S \d \D
// \w \W, the usual escapes, and ? * + (greedy, lazy, possessive), {m} {m,} {m,n} (greedy). All else is refused by name.
class Pattern {
 public:
  // Throws ErrorCode::Input naming `file` for what is not known, and for patterns that match the empty text.
  Pattern(std::string_view source, const std::string& file);
  static Pattern literal(std::string_view text, const std::string& file);

  struct Match {
    size_t begin, end;  // bytes
    bool matched;       // false: text between two matches
  };
  // The whole of `text` (valid UTF-8) in matches, leftmost first, and what lies between them. Work is bounded by a number of
  // steps per byte; where a pattern needs more (nested repetitions that fail again and again), throws ErrorCode::Input.
  void for_each(std::string_view text, std::vector<Match>& out) const;

  enum class Code : uint8_t { Set, Repeat, Split, Jump, Look, Atomic, Accept };
  struct Instruction {
    Code code;
    bool flag;        // Repeat: possessive; Look: positive
    uint32_t set;     // Set, Repeat
    uint32_t target;  // Split: the second choice; Jump; Look, Atomic: what follows the inner program
    uint32_t least = 0, most = 0;  // Repeat
  };

 private:
  // A set of code points: one bit each below U+10000, ranges above.
  struct Class {
    CharacterSet ranges;
    std::bitset<0x10000> low;
    bool has(char32_t code_point) const;
  };
  struct Frame {
    uint32_t instruction;
    size_t at, low;  // the matcher may go back from `at` to `low`, code point by code point
  };
  struct Run;
  friend class PatternCompiler;

  Pattern() = default;
  std::optional<size_t> match(std::string_view text, size_t at, uint32_t start, Run& run) const;
  bool step(const Class& set, std::string_view text, size_t& at) const;

  std::string source_, file_;
  std::vector<Class> classes_;
  std::vector<Instruction> program_;
};

}  // namespace philo
