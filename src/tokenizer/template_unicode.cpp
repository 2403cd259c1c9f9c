// The character properties that Python's str methods use, looked up in generated tables.
#include "tokenizer/template_unicode.h"

#include <algorithm>
#include <iterator>

namespace philo::jinja {
namespace {

struct Span {
  char32_t first, last;
};
struct Shift {  // characters first, first + step, …, last map to themselves plus delta
  char32_t first, last;
  int32_t delta;
  char32_t step;
};
struct Special {
  char32_t from, first, second, third;  // 0: no further character
};

#include "tokenizer/template_tables.inc"

template <size_t N>
bool contains(const Span (&spans)[N], char32_t c) {
  const Span* found = std::upper_bound(std::begin(spans), std::end(spans), c, [](char32_t x, const Span& s) { return x < s.first; });
  return found != std::begin(spans) && c <= std::prev(found)->last;
}

template <size_t N, size_t M>
size_t map_with(const Shift (&shifts)[N], const Special (&specials)[M], char32_t c, char32_t (&out)[3]) {
  for (const Special& special : specials) {
    if (special.from != c) continue;
    out[0] = special.first;
    out[1] = special.second;
    out[2] = special.third;
    return special.third != 0 ? 3 : 2;
  }
  out[0] = c;
  // Runs with a step of 2 may interleave, so the last two that begin at or before c are looked at.
  const Shift* found = std::upper_bound(std::begin(shifts), std::end(shifts), c, [](char32_t x, const Shift& s) { return x < s.first; });
  for (int tries = 0; tries < 2 && found != std::begin(shifts); ++tries) {
    --found;
    if (c <= found->last && (c - found->first) % found->step == 0) {
      out[0] = static_cast<char32_t>(static_cast<int32_t>(c) + found->delta);
      break;
    }
  }
  return 1;
}

bool ascii_lower(char32_t c) { return c >= 'a' && c <= 'z'; }
bool ascii_upper(char32_t c) { return c >= 'A' && c <= 'Z'; }
bool ascii_digit(char32_t c) { return c >= '0' && c <= '9'; }

}  // namespace

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_printable(char32_t c) { return c < 0x80 ? c >= 0x20 && c < 0x7F : !contains(unprintable_spans, c); }
bool is_alpha(char32_t c) { return c < 0x80 ? ascii_lower(c) || ascii_upper(c) : contains(alpha_spans, c); }
bool is_decimal(char32_t c) { return c < 0x80 ? ascii_digit(c) : contains(decimal_spans, c); }
bool is_digit(char32_t c) { return c < 0x80 ? ascii_digit(c) : contains(digit_spans, c); }
bool is_numeric(char32_t c) { return c < 0x80 ? ascii_digit(c) : contains(numeric_spans, c); }
bool is_lower(char32_t c) { return c < 0x80 ? ascii_lower(c) : contains(lower_spans, c); }
bool is_upper(char32_t c) { return c < 0x80 ? ascii_upper(c) : contains(upper_spans, c); }
bool is_titled(char32_t c) { return c >= 0x80 && contains(titled_spans, c); }
bool is_cased(char32_t c) { return is_lower(c) || is_upper(c) || is_titled(c); }

bool is_case_ignorable(char32_t c) {
  if (c < 0x80) return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`';
  return contains(case_ignorable_spans, c);
}

size_t map_case(char32_t c, CaseMap map, char32_t (&out)[3]) {
  if (c < 0x80) {
    out[0] = c;
    if (map == CaseMap::Lower && ascii_upper(c)) out[0] = c + 32;
    if (map != CaseMap::Lower && ascii_lower(c)) out[0] = c - 32;
    return 1;
  }
  switch (map) {
    case CaseMap::Upper: return map_with(upper_shifts, upper_specials, c, out);
    case CaseMap::Lower: return map_with(lower_shifts, lower_specials, c, out);
    case CaseMap::Title: return map_with(title_shifts, title_specials, c, out);
  }
  out[0] = c;
  return 1;
}

}  // namespace philo::jinja
