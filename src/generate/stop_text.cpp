// Matches every stop text at once, byte by byte.
#include "generate/stop_text.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace philo {

StopText::StopText(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (text.empty()) throw usage_error("a stop text is empty; give at least one character");
    if (utf8_first_invalid(text) != std::string_view::npos) {
      throw usage_error("the stop text " + shown(text) + " is not UTF-8, so no answer can contain it");
    }
    Pattern pattern{text, std::vector<size_t>(text.size() + 1, 0)};
    for (size_t i = 1, matched = 0; i < text.size(); ++i) {
      while (matched > 0 && text[i] != text[matched]) matched = pattern.fallback[matched];
      if (text[i] == text[matched]) ++matched;
      pattern.fallback[i + 1] = matched;
    }
    patterns_.push_back(std::move(pattern));
  }
}

void StopText::advance(Pattern& pattern, char byte) {
  while (pattern.matched > 0 && pattern.text[pattern.matched] != byte)
    pattern.matched = pattern.fallback[pattern.matched];
  if (pattern.text[pattern.matched] == byte) ++pattern.matched;
}

std::string StopText::push(std::string_view piece) {
  if (found_) return "";
  if (patterns_.empty()) return std::string(piece);
  for (const char byte : piece) {
    held_.push_back(byte);
    for (Pattern& pattern : patterns_) {
      advance(pattern, byte);
      const bool complete = pattern.matched == pattern.text.size();
      if (complete && (!found_ || pattern.text.size() > found_->size())) found_ = pattern.text;
    }
    if (found_) {
      held_.resize(held_.size() - found_->size());
      return finish();
    }
  }
  size_t open = 0;
  for (const Pattern& pattern : patterns_) open = std::max(open, pattern.matched);
  std::string shown = held_.substr(0, held_.size() - open);
  held_.erase(0, shown.size());
  return shown;
}

std::string StopText::finish() { return std::exchange(held_, ""); }

}  // namespace philo
