// UTF-8 validation after Unicode's table of well-formed byte sequences (Unicode 15, table 3-7).
#include "base/utf8.h"

namespace philo {
namespace {

struct Form {
  size_t length;          // bytes in all; 0 for a byte that can't start a code point
  unsigned char low, high;  // range of the second byte
};

Form form_of(unsigned char lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead < 0xF0) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// How many leading bytes of `text` fit the form of its first byte.
size_t matching_bytes(std::string_view text, const Form& form) {
  size_t count = 1;
  while (count < form.length && count < text.size()) {
    const auto byte = static_cast<unsigned char>(text[count]);
    const unsigned char low = count == 1 ? form.low : 0x80, high = count == 1 ? form.high : 0xBF;
    if (byte < low || byte > high) break;
    ++count;
  }
  return count;
}

}  // namespace

size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const Form form = form_of(static_cast<unsigned char>(text[0]));
  if (form.length <= 1) return form.length;
  return matching_bytes(text, form) == form.length ? form.length : 0;
}

size_t utf8_open_length(std::string_view text) {
  if (text.empty()) return 0;
  const Form form = form_of(static_cast<unsigned char>(text[0]));
  if (form.length == 0) return 0;
  const size_t count = matching_bytes(text, form);
  return count == form.length || count == text.size() ? count : 0;
}

char32_t utf8_decode(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const auto tail = [&](size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i]) & 0x3F); };
  if (lead < 0x80) return lead;
  if (lead < 0xE0) return (static_cast<char32_t>(lead & 0x1F) << 6) | tail(1);
  if (lead < 0xF0) return (static_cast<char32_t>(lead & 0x0F) << 12) | (tail(1) << 6) | tail(2);
  return (static_cast<char32_t>(lead & 0x07) << 18) | (tail(1) << 12) | (tail(2) << 6) | tail(3);
}

void utf8_append(std::string& out, char32_t code_point) {
  const auto byte = [&](char32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
  if (code_point < 0x80) {
    byte(code_point);
  } else if (code_point < 0x800) {
    byte(0xC0 | (code_point >> 6));
    byte(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    byte(0xE0 | (code_point >> 12));
    byte(0x80 | ((code_point >> 6) & 0x3F));
    byte(0x80 | (code_point & 0x3F));
  } else {
    byte(0xF0 | (code_point >> 18));
    byte(0x80 | ((code_point >> 12) & 0x3F));
    byte(0x80 | ((code_point >> 6) & 0x3F));
    byte(0x80 | (code_point & 0x3F));
  }
}

size_t utf8_first_invalid(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = utf8_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::string utf8_repaired(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = utf8_length(text.substr(at));
    if (length == 0) {
      utf8_append(out, 0xFFFD);
      at += 1;
    } else {
      out += text.substr(at, length);
      at += length;
    }
  }
  return out;
}

}  // namespace philo
