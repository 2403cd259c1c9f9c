// Marked strings and Python's str operations on them.
#include "tokenizer/template_text.h"

#include <algorithm>
#include <cstdio>

#include "base/utf8.h"
#include "tokenizer/template_unicode.h"

namespace philo::jinja {
namespace {

// A code point of a text: where it stands and what it is.
struct Point {
  size_t begin, end;
  char32_t value;
};

// The texts of a template are valid UTF-8; whatever is not is taken byte by byte.
Point point_at(std::string_view text, size_t at) {
  const size_t length = utf8_length(text.substr(at));
  if (length == 0) return {at, at + 1, 0xFFFD};
  return {at, at + length, utf8_decode(text.substr(at))};
}

Point point_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && end - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  const Point point = point_at(text, at);
  return point.end == end ? point : Point{end - 1, end, 0xFFFD};
}

void append_point(Text& out, char32_t value, bool marked) {
  std::string bytes;
  utf8_append(bytes, value);
  out.append(bytes, marked);
}

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

// Whether a capital sigma at `at` ends a word, as Python lowers it then to the final form.
bool is_final_sigma(std::string_view text, const Point& at) {
  size_t end = at.begin;
  bool cased_before = false;
  while (end > 0) {
    const Point before = point_before(text, end);
    if (!is_case_ignorable(before.value)) {
      cased_before = is_cased(before.value);
      break;
    }
    end = before.begin;
  }
  if (!cased_before) return false;
  for (size_t next = at.end; next < text.size();) {
    const Point after = point_at(text, next);
    if (!is_case_ignorable(after.value)) return !is_cased(after.value);
    next = after.end;
  }
  return true;
}

void append_mapped(Text& out, const Text& text, const Point& at, CaseMap map) {
  const bool marked = text.marked(at.begin);
  if (map == CaseMap::Lower && at.value == 0x3A3) {
    append_point(out, is_final_sigma(text.str(), at) ? 0x3C2 : 0x3C3, marked);
    return;
  }
  char32_t mapped[3];
  const size_t count = map_case(at.value, map, mapped);
  for (size_t i = 0; i < count; ++i) append_point(out, mapped[i], marked);
}

std::vector<Text> reversed(std::vector<Text> parts) {
  std::reverse(parts.begin(), parts.end());
  return parts;
}

void append_escape(Text& out, const char* format, unsigned value, bool marked) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, format, value);
  out.append(buffer, marked);
}

}  // namespace

Text::Text(std::string text, bool is_marked) : text_(std::move(text)) {
  if (is_marked && !text_.empty()) marks_.push_back({0, text_.size()});
}

bool Text::marked(size_t byte) const {
  const auto found = std::upper_bound(marks_.begin(), marks_.end(), byte,
                                      [](size_t at, const MarkedText::Range& range) { return at < range.end; });
  return found != marks_.end() && byte >= found->begin;
}

void Text::append(std::string_view text, bool is_marked) {
  if (text.empty()) return;
  if (text.size() > most_text_bytes - std::min(most_text_bytes, text_.size()))
    throw Failure{"a text grows beyond " + std::to_string(most_text_bytes >> 20) + " MiB"};
  const size_t begin = text_.size();
  text_ += text;
  if (!is_marked) return;
  if (!marks_.empty() && marks_.back().end == begin) {
    marks_.back().end = text_.size();
  } else {
    marks_.push_back({begin, text_.size()});
  }
}

void Text::append(const Text& other, size_t begin, size_t end) {
  if (begin >= end) return;
  if (&other == this) return append(Text(other), begin, end);
  const size_t base = text_.size();
  append(std::string_view(other.text_).substr(begin, end - begin));
  auto mark = std::upper_bound(other.marks_.begin(), other.marks_.end(), begin,
                               [](size_t at, const MarkedText::Range& range) { return at < range.end; });
  for (; mark != other.marks_.end() && mark->begin < end; ++mark) {
    const size_t from = base + std::max(mark->begin, begin) - begin, to = base + std::min(mark->end, end) - begin;
    if (!marks_.empty() && marks_.back().end == from) {
      marks_.back().end = to;
    } else {
      marks_.push_back({from, to});
    }
  }
}

Text Text::slice(size_t begin, size_t end) const {
  Text out;
  out.append(*this, begin, end);
  return out;
}

std::vector<size_t> code_point_offsets(std::string_view text) {
  std::vector<size_t> offsets;
  size_t at = 0;
  while (at < text.size()) {
    offsets.push_back(at);
    at = point_at(text, at).end;
  }
  offsets.push_back(text.size());
  return offsets;
}

size_t code_point_count(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at = point_at(text, at).end) ++count;
  return count;
}

Text strip(const Text& text, Side side, const std::optional<std::string>& characters) {
  const auto goes = [&](const Point& point) {
    if (!characters) return is_space(point.value);
    for (size_t at = 0; at < characters->size();) {
      const Point candidate = point_at(*characters, at);
      if (candidate.value == point.value) return true;
      at = candidate.end;
    }
    return false;
  };
  size_t begin = 0, end = text.size();
  while (side != Side::Right && begin < end) {
    const Point point = point_at(text.str(), begin);
    if (!goes(point)) break;
    begin = point.end;
  }
  while (side != Side::Left && end > begin) {
    const Point point = point_before(text.str(), end);
    if (!goes(point)) break;
    end = point.begin;
  }
  return text.slice(begin, end);
}

Text change_case(const Text& text, Case to) {
  Text out;
  bool after_cased = false;
  for (size_t at = 0; at < text.size();) {
    const Point point = point_at(text.str(), at);
    CaseMap map = CaseMap::Lower;
    switch (to) {
      case Case::Upper: map = CaseMap::Upper; break;
      case Case::Lower: break;
      case Case::Title: map = after_cased ? CaseMap::Lower : CaseMap::Title; break;
      case Case::Capitalize: map = at == 0 ? CaseMap::Title : CaseMap::Lower; break;
      case Case::Swap: map = is_upper(point.value) ? CaseMap::Lower : CaseMap::Upper; break;
    }
    if (to == Case::Swap && !is_upper(point.value) && !is_lower(point.value)) {
      out.append(text, point.begin, point.end);
    } else {
      append_mapped(out, text, point, map);
    }
    after_cased = is_cased(point.value);
    at = point.end;
  }
  return out;
}

Text title_of_filter(const Text& text) {
  // jinja2 splits at runs of these, upper-cases the first character of each part and lower-cases the rest of it.
  const auto is_border = [](char32_t c) { return is_space(c) || (c < 0x80 && std::string_view("-({[<").find(static_cast<char>(c)) != std::string_view::npos); };
  Text out;
  for (size_t at = 0; at < text.size();) {
    const bool border = is_border(point_at(text.str(), at).value);
    size_t end = at;
    while (end < text.size() && is_border(point_at(text.str(), end).value) == border) end = point_at(text.str(), end).end;
    const size_t second = point_at(text.str(), at).end;
    out.append(change_case(text.slice(at, second), Case::Upper));
    out.append(change_case(text.slice(second, end), Case::Lower));
    at = end;
  }
  return out;
}

Text replace(const Text& text, const Text& from, const Text& to, int64_t count) {
  Text out;
  size_t at = 0;
  if (from.empty()) {  // between all characters
    while (count != 0) {
      out.append(to);
      if (count > 0) --count;
      if (at >= text.size()) return out;
      const size_t next = point_at(text.str(), at).end;
      out.append(text, at, next);
      at = next;
    }
    out.append(text, at, text.size());
    return out;
  }
  for (; count != 0; count -= count > 0 ? 1 : 0) {
    const size_t found = text.str().find(from.str(), at);
    if (found == std::string::npos) break;
    out.append(text, at, found);
    out.append(to);
    at = found + from.size();
  }
  out.append(text, at, text.size());
  return out;
}

std::vector<Text> split(const Text& text, int64_t most) {
  std::vector<Text> parts;
  size_t at = 0;
  while (true) {
    while (at < text.size() && is_space(point_at(text.str(), at).value)) at = point_at(text.str(), at).end;
    if (at >= text.size()) return parts;
    if (most == 0) {
      parts.push_back(strip(text.slice(at, text.size()), Side::Right, std::nullopt));
      return parts;
    }
    size_t end = at;
    while (end < text.size() && !is_space(point_at(text.str(), end).value)) end = point_at(text.str(), end).end;
    parts.push_back(text.slice(at, end));
    at = end;
    if (most > 0) --most;
  }
}

std::vector<Text> split(const Text& text, std::string_view separator, int64_t most) {
  if (separator.empty()) throw Failure{"split() with an empty separator"};
  std::vector<Text> parts;
  size_t at = 0;
  for (; most != 0; most -= most > 0 ? 1 : 0) {
    const size_t found = text.str().find(separator, at);
    if (found == std::string::npos) break;
    parts.push_back(text.slice(at, found));
    at = found + separator.size();
  }
  parts.push_back(text.slice(at, text.size()));
  return parts;
}

std::vector<Text> split_from_right(const Text& text, int64_t most) {
  std::vector<Text> parts;
  size_t end = text.size();
  while (true) {
    while (end > 0 && is_space(point_before(text.str(), end).value)) end = point_before(text.str(), end).begin;
    if (end == 0) return reversed(std::move(parts));
    if (most == 0) {
      parts.push_back(strip(text.slice(0, end), Side::Left, std::nullopt));
      return reversed(std::move(parts));
    }
    size_t begin = end;
    while (begin > 0 && !is_space(point_before(text.str(), begin).value)) begin = point_before(text.str(), begin).begin;
    parts.push_back(text.slice(begin, end));
    end = begin;
    if (most > 0) --most;
  }
}

std::vector<Text> split_from_right(const Text& text, std::string_view separator, int64_t most) {
  if (separator.empty()) throw Failure{"rsplit() with an empty separator"};
  std::vector<Text> parts;
  size_t end = text.size();
  for (; most != 0 && end >= separator.size(); most -= most > 0 ? 1 : 0) {
    const size_t found = text.str().rfind(separator, end - separator.size());
    if (found == std::string::npos) break;
    parts.push_back(text.slice(found + separator.size(), end));
    end = found;
  }
  parts.push_back(text.slice(0, end));
  return reversed(std::move(parts));
}

std::vector<Text> split_lines(const Text& text, bool keep_ends) {
  std::vector<Text> lines;
  size_t at = 0;
  while (at < text.size()) {
    size_t end = at;
    while (end < text.size() && !is_line_end(point_at(text.str(), end).value)) end = point_at(text.str(), end).end;
    size_t next = end < text.size() ? point_at(text.str(), end).end : end;
    if (end < text.size() && text.str()[end] == '\r' && next < text.size() && text.str()[next] == '\n') ++next;
    lines.push_back(text.slice(at, keep_ends ? next : end));
    at = next;
  }
  return lines;
}

Text indent(const Text& text, const Text& indention, bool first, bool blank) {
  Text whole = text;
  whole.append("\n");
  const std::vector<Text> lines = split_lines(whole, false);
  Text out;
  if (first) out.append(indention);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.append("\n");
    if (i > 0 && (blank || !lines[i].empty())) out.append(indention);
    out.append(lines[i]);
  }
  return out;
}

Text pad(const Text& text, int64_t width, char32_t fill, Side text_at) {
  const auto length = static_cast<int64_t>(code_point_count(text.str()));
  if (width <= length) return text;
  const int64_t missing = width - length;
  if (missing > static_cast<int64_t>(most_text_bytes / 4)) throw Failure{"a text is padded to " + std::to_string(width) + " characters"};
  int64_t left = 0;
  if (text_at == Side::Right) left = missing;
  if (text_at == Side::Both) left = missing / 2 + (missing & width & 1);
  Text out;
  for (int64_t i = 0; i < left; ++i) append_point(out, fill, false);
  out.append(text);
  for (int64_t i = left; i < missing; ++i) append_point(out, fill, false);
  return out;
}

Text zero_fill(const Text& text, int64_t width) {
  const size_t sign = !text.empty() && (text.str()[0] == '+' || text.str()[0] == '-') ? 1 : 0;
  Text out = text.slice(0, sign);
  out.append(pad(text.slice(sign, text.size()), width - static_cast<int64_t>(sign), '0', Side::Right));
  return out;
}

Text escape_html(const Text& text) {
  Text out;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool marked = text.marked(at);
    switch (text.str()[at]) {
      case '&': out.append("&amp;", marked); break;
      case '<': out.append("&lt;", marked); break;
      case '>': out.append("&gt;", marked); break;
      case '"': out.append("&#34;", marked); break;
      case '\'': out.append("&#39;", marked); break;
      default: out.append(text, at, at + 1);
    }
  }
  return out;
}

void append_repr(Text& out, const Text& text) {
  const bool has_single = text.str().find('\'') != std::string::npos, has_double = text.str().find('"') != std::string::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  out.append(std::string_view(&quote, 1));
  for (size_t at = 0; at < text.size();) {
    const Point point = point_at(text.str(), at);
    const bool marked = text.marked(at);
    const char32_t c = point.value;
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out.append("\\", marked);
      append_point(out, c, marked);
    } else if (c == '\n') {
      out.append("\\n", marked);
    } else if (c == '\r') {
      out.append("\\r", marked);
    } else if (c == '\t') {
      out.append("\\t", marked);
    } else if (is_printable(c)) {
      out.append(text, point.begin, point.end);
    } else if (c < 0x100) {
      append_escape(out, "\\x%02x", static_cast<unsigned>(c), marked);
    } else {
      append_escape(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", static_cast<unsigned>(c), marked);
    }
    at = point.end;
  }
  out.append(std::string_view(&quote, 1));
}

void append_json_string(Text& out, const Text& text, bool ascii) {
  for (size_t at = 0; at < text.size();) {
    const Point point = point_at(text.str(), at);
    const bool marked = text.marked(at);
    const auto c = static_cast<unsigned>(point.value);
    switch (c) {
      case '"': out.append("\\\"", marked); break;
      case '\\': out.append("\\\\", marked); break;
      case '\n': out.append("\\n", marked); break;
      case '\r': out.append("\\r", marked); break;
      case '\t': out.append("\\t", marked); break;
      case '\f': out.append("\\f", marked); break;
      case '\b': out.append("\\b", marked); break;
      default:
        if (c >= 0x20 && (!ascii || c < 0x7F)) {
          out.append(text, point.begin, point.end);
        } else if (c < 0x10000) {
          append_escape(out, "\\u%04x", c, marked);
        } else {
          append_escape(out, "\\u%04x", 0xD800 + ((c - 0x10000) >> 10), marked);
          append_escape(out, "\\u%04x", 0xDC00 + ((c - 0x10000) & 0x3FF), marked);
        }
    }
    at = point.end;
  }
}

bool has_trait(std::string_view text, Trait trait) {
  if (trait == Trait::Lower || trait == Trait::Upper || trait == Trait::Title) {
    bool any = false, after_cased = false;
    for (size_t at = 0; at < text.size();) {
      const Point point = point_at(text, at);
      const bool lower = is_lower(point.value), upper = is_upper(point.value), titled = is_titled(point.value);
      if (trait == Trait::Lower && (upper || titled)) return false;
      if (trait == Trait::Upper && (lower || titled)) return false;
      if (trait == Trait::Title && ((after_cased && (upper || titled)) || (!after_cased && lower))) return false;
      after_cased = lower || upper || titled;
      any = any || after_cased;
      at = point.end;
    }
    return any;
  }
  if (text.empty()) return trait == Trait::Ascii || trait == Trait::Printable;
  for (size_t at = 0; at < text.size();) {
    const Point point = point_at(text, at);
    const char32_t c = point.value;
    bool holds = false;
    switch (trait) {
      case Trait::Alpha: holds = is_alpha(c); break;
      case Trait::Alnum: holds = is_alpha(c) || is_decimal(c) || is_digit(c) || is_numeric(c); break;
      case Trait::Decimal: holds = is_decimal(c); break;
      case Trait::Digit: holds = is_digit(c); break;
      case Trait::Numeric: holds = is_numeric(c); break;
      case Trait::Space: holds = is_space(c); break;
      case Trait::Ascii: holds = c < 0x80; break;
      case Trait::Printable: holds = is_printable(c); break;
      case Trait::Lower: case Trait::Upper: case Trait::Title: break;
    }
    if (!holds) return false;
    at = point.end;
  }
  return true;
}

}  // namespace philo::jinja
