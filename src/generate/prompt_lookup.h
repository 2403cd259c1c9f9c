// Guesses that a text goes on as it did the last time: looks up its newest tokens in all that was said before.
#pragma once

#include <array>
#include <unordered_map>

#include "generate/drafter.h"

namespace philo {

// Prompt lookup decoding (Saxena 2023), with a length that follows from what passes cost and guesses were worth so far.
// Of the places where the newest two tokens stood before, the one with the longest common past is continued.
class PromptLookup final : public Drafter {
 public:
  std::vector<Token> guess(std::span<const Token> history, size_t at_most) override;
  void learn(size_t guessed, size_t agreed, double milliseconds) override;

 private:
  static constexpr size_t most_guesses = 15;
  static constexpr size_t kinds = 5;  // of matches, by their length

  struct Match {
    size_t follower = 0;  // where in the history the tokens after the match stand; 0: there was none
    size_t length = 0;    // tokens that agree before it
  };
  // How often a guessed token was right, older cases counting less.
  struct Record {
    double right = 0, checked = 0;
  };

  void index(std::span<const Token> history);
  Match find() const;
  size_t best_length(size_t kind, size_t at_most) const;
  double cost(size_t tokens) const;  // of a pass over so many, in passes over one

  std::vector<Token> indexed_;
  std::unordered_map<uint64_t, size_t> newest_;  // two tokens: where their newest follower stands
  std::vector<size_t> older_;                    // for each follower: that of the occurrence before, or 0
  std::array<Record, kinds> records_{};
  std::array<double, most_guesses + 2> cost_{};  // 0: not seen yet
  double single_ms_ = 0;
  size_t kind_ = kinds;  // of the last guess; kinds: there was none
};

}  // namespace philo
