// Ends an answer before a stop text, wherever the borders of tokens lie.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace philo {

// Text goes in piece by piece; what comes out holds no stop text and no beginning of one that may still be completed.
// The text that is complete first wins; of several that end at the same byte, the longest. So the cut does not depend
// on the pieces.
class StopText {
 public:
  // Throws ErrorCode::Usage for an empty text and for one that is not UTF-8.
  explicit StopText(const std::vector<std::string>& texts);

  std::string push(std::string_view piece);  // what can be shown now; after a match nothing more comes out
  std::string finish();                      // what was held back; "" after a match
  const std::optional<std::string>& found() const { return found_; }

 private:
  struct Pattern {
    std::string text;
    std::vector<size_t>
        fallback;  // by matched bytes: the next shorter match that may go on (Knuth, Morris, Pratt 1977)
    size_t matched = 0;
  };
  static void advance(Pattern& pattern, char byte);

  std::vector<Pattern> patterns_;
  std::string held_;  // the longest end of the text so far that begins a stop text
  std::optional<std::string> found_;
};

}  // namespace philo
