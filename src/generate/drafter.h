// Who guesses the next tokens, so that one pass over the weights can check several.
#pragma once

#include <span>
#include <vector>

#include "base/token.h"

namespace philo {

// A guess changes nothing but time: the conversation keeps only what the model itself would have chosen.
class Drafter {
 public:
  virtual ~Drafter() = default;
  // Tokens that may follow `history`, in order, at most `at_most`; none where it has no idea. What goes beyond is cut
  // off.
  virtual std::vector<Token> guess(std::span<const Token> history, size_t at_most) = 0;
  // What came of the last guess: how many tokens of it one pass checked (maybe 0), with how many the model agreed, and
  // how long that pass took.
  virtual void learn(size_t /*guessed*/, size_t /*agreed*/, double /*milliseconds*/) {}
};

}  // namespace philo
