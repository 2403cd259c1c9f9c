// Streaming decode, which is also what decode() runs.
#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

namespace philo {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

void append_replacements(std::string& out, size_t count) {
  for (size_t i = 0; i < count; ++i) out += replacement;
}

// Bytes that make one U+FFFD at the start of `text`: the longest beginning of some character (Unicode 15, section 3.9), at least 1.
size_t invalid_length(std::string_view text) {
  for (size_t bytes = std::min<size_t>(3, text.size()); bytes > 1; --bytes) {
    if (utf8_open_length(text.substr(0, bytes)) == bytes) return bytes;
  }
  return 1;
}

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, Options options) : tokenizer_(tokenizer), options_(options) {}

std::string TextStream::push(Token token) {
  std::string out;
  if (options_.skip_special && tokenizer_.is_special(token)) return out;
  const bool first = at_start_ && options_.strip_leading_space;
  const std::string bytes = first ? tokenizer_.first_bytes(token) : tokenizer_.bytes(token);
  if (bytes.empty() && tokenizer_.piece(token).empty()) return out;  // there is no such token
  at_start_ = false;
  if (tokenizer_.is_byte(token)) {
    if (!in_bytes_) {
      append_replacements(out, pending_.empty() ? 0 : 1);
      pending_.clear();
      in_bytes_ = true;
    }
    take_byte(bytes[0], out);
  } else {
    if (in_bytes_) end_bytes(out);
    pending_ += bytes;
    take_text(out);
  }
  if (space_ahead_ && !out.empty()) {
    space_ahead_ = false;
    if (options_.strip_leading_space && tokenizer_.strips_leading_space() && out[0] == ' ') out.erase(0, 1);
  }
  return out;
}

std::string TextStream::finish() {
  std::string out;
  if (in_bytes_) {
    end_bytes(out);
  } else if (!pending_.empty()) {
    append_replacements(out, 1);
  }
  if (space_ahead_ && options_.strip_leading_space && tokenizer_.strips_leading_space() && out.starts_with(' ')) out.erase(0, 1);
  pending_.clear();
  at_start_ = space_ahead_ = true;
  return out;
}

void TextStream::take_byte(char byte, std::string& out) {
  if (run_broken_) {
    out += replacement;
    return;
  }
  pending_ += byte;
  const std::string_view tail = std::string_view(pending_).substr(checked_);
  const size_t length = utf8_length(tail);
  if (length > 0) {
    checked_ += length;
  } else if (utf8_open_length(tail) != tail.size()) {
    run_broken_ = true;
    append_replacements(out, pending_.size());
    pending_.clear();
  }
}

void TextStream::end_bytes(std::string& out) {
  if (checked_ == pending_.size()) {
    out += pending_;
  } else if (!run_broken_) {
    append_replacements(out, pending_.size());
  }
  pending_.clear();
  checked_ = 0;
  in_bytes_ = run_broken_ = false;
}

// Moves whole characters, and U+FFFD for what can't become one, from pending_ to `out`.
void TextStream::take_text(std::string& out) {
  const std::string_view text = pending_;
  size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    const size_t length = utf8_length(rest);
    if (length > 0) {
      out += rest.substr(0, length);
      at += length;
    } else if (utf8_open_length(rest) == rest.size()) {
      break;
    } else {
      out += replacement;
      at += invalid_length(rest);
    }
  }
  pending_.erase(0, at);
}

}  // namespace philo
