// The lexer of jinja2, written as a scanner: the rules are those of its Lexer class with trim_blocks and lstrip_blocks.
#include "tokenizer/template_lexer.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/utf8.h"
#include "tokenizer/template_text.h"
#include "tokenizer/template_unicode.h"

namespace philo::jinja {
namespace {

bool is_digit_byte(char c) { return c >= '0' && c <= '9'; }
bool is_name_byte(char c) { return is_digit_byte(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// Line ends become \n, and one at the very end goes.
std::string with_plain_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& file) : file_(file), source_(with_plain_newlines(source)) {}

  std::vector<TemplateToken> run() {
    while (at_ < source_.size()) lex_data();
    tokens_.push_back({TokenKind::End, "", line_});
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const { throw_template_error(file_, line_, message); }
  bool has(std::string_view text) const { return std::string_view(source_).substr(at_, text.size()) == text; }
  bool has_at(size_t at, std::string_view text) const {
    return at <= source_.size() && std::string_view(source_).substr(at, text.size()) == text;
  }

  void move_to(size_t at) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_), source_.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    if (at > at_) line_starting_ = source_[at - 1] == '\n';
    at_ = at;
  }

  size_t skip_space(size_t at) const {
    while (at < source_.size()) {
      const size_t length = utf8_length(std::string_view(source_).substr(at));
      if (length == 0 || !is_space(utf8_decode(std::string_view(source_).substr(at)))) break;
      at += length;
    }
    return at;
  }

  // Gives the text before a tag: `sign` is what stands after the tag's opening; `strips_line` is not set for {{.
  void push_data(size_t end, char sign, bool strips_line) {
    std::string text = source_.substr(at_, end - at_);
    if (sign == '-') {
      text = strip(Text(text), Side::Right, std::nullopt).str();
    } else if (sign != '+' && strips_line) {
      const size_t newline = text.rfind('\n');
      const size_t begin = newline == std::string::npos ? 0 : newline + 1;
      if ((begin > 0 || line_starting_) && strip(Text(text.substr(begin)), Side::Both, std::nullopt).empty()) text.resize(begin);
    }
    if (!text.empty()) tokens_.push_back({TokenKind::Data, std::move(text), line_});
    move_to(end);
  }

  char sign_at(size_t at) const { return at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0'; }

  // "{% raw %}" at `at`: where it ends, or npos.
  size_t raw_begin_end(size_t at) const {
    size_t end = at + 2 + (sign_at(at + 2) != '\0' ? 1 : 0);
    end = skip_space(end);
    if (!has_at(end, "raw")) return std::string::npos;
    end = skip_space(end + 3);
    if (has_at(end, "-%}")) return skip_space(end + 3);
    return has_at(end, "%}") ? end + 2 : std::string::npos;
  }

  // The end of a block or comment that closes with `close` at `at` (a sign may stand before it), or npos.
  size_t closing_end(size_t at, std::string_view close) const {
    if (has_at(at, "+") && has_at(at + 1, close)) return at + 1 + close.size();
    if (has_at(at, "-") && has_at(at + 1, close)) return skip_space(at + 1 + close.size());
    if (!has_at(at, close)) return std::string::npos;
    const size_t end = at + close.size();
    return has_at(end, "\n") ? end + 1 : end;
  }

  void lex_data() {
    size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= source_.size()) {
        push_data(source_.size(), '+', false);
        return;
      }
      const char next = source_[tag + 1];
      if (next == '%' || next == '{' || next == '#') break;
      ++tag;
    }
    const char kind = source_[tag + 1], sign = sign_at(tag + 2);
    push_data(tag, sign, kind != '{');
    if (kind == '#') return lex_comment();
    if (kind == '%') {
      const size_t raw = raw_begin_end(tag);
      if (raw != std::string::npos) return lex_raw(raw);
    }
    tokens_.push_back({kind == '%' ? TokenKind::BlockBegin : TokenKind::VariableBegin, "", line_});
    move_to(tag + 2 + (sign != '\0' ? 1 : 0));
    lex_tag(kind == '%');
  }

  void lex_comment() {
    // A sign belongs to the opening, so "{#-#}" needs another "#}".
    for (size_t at = at_ + 2 + (sign_at(at_ + 2) != '\0' ? 1 : 0); at < source_.size(); ++at) {
      const size_t end = closing_end(at, "#}");
      if (end != std::string::npos) return move_to(end);
    }
    fail("a comment has no end: expected \"#}\"");
  }

  void lex_raw(size_t begin) {
    move_to(begin);
    for (size_t at = begin; (at = source_.find("{%", at)) != std::string::npos; ++at) {
      const char sign = sign_at(at + 2);
      size_t end = skip_space(at + 2 + (sign != '\0' ? 1 : 0));
      if (!has_at(end, "endraw")) continue;
      end = closing_end(skip_space(end + 6), "%}");
      if (end == std::string::npos) continue;
      push_data(at, sign, true);
      return move_to(end);
    }
    fail("{% raw %} has no {% endraw %}");
  }

  void lex_tag(bool block) {
    std::string open;  // brackets that wait for their closing ones
    while (true) {
      if (at_ >= source_.size()) fail(block ? "a block has no end: expected \"%}\"" : "an expression has no end: expected \"}}\"");
      if (open.empty()) {
        size_t end = std::string::npos;
        if (block) {
          end = closing_end(at_, "%}");
        } else if (has("-}}")) {
          end = skip_space(at_ + 3);
        } else if (has("}}")) {
          end = at_ + 2;
        }
        if (end != std::string::npos) {
          tokens_.push_back({block ? TokenKind::BlockEnd : TokenKind::VariableEnd, "", line_});
          return move_to(end);
        }
      }
      const size_t space = skip_space(at_);
      if (space > at_) {
        move_to(space);
        continue;
      }
      const char c = source_[at_];
      if (is_digit_byte(c)) {
        lex_number();
      } else if (is_name_byte(c)) {
        size_t end = at_;
        while (end < source_.size() && is_name_byte(source_[end])) ++end;
        tokens_.push_back({TokenKind::Name, source_.substr(at_, end - at_), line_});
        move_to(end);
      } else if (c == '\'' || c == '"') {
        lex_string(c);
      } else {
        lex_operator(open);
      }
    }
  }

  // Digits with single underscores between them; where they end.
  size_t digits_end(size_t at) const {
    if (at >= source_.size() || !is_digit_byte(source_[at])) return std::string::npos;
    while (at < source_.size()) {
      if (is_digit_byte(source_[at])) {
        ++at;
      } else if (source_[at] == '_' && at + 1 < source_.size() && is_digit_byte(source_[at + 1])) {
        at += 2;
      } else {
        break;
      }
    }
    return at;
  }

  static std::string without_underscores(std::string text) {
    std::erase(text, '_');
    return text;
  }

  bool lex_float() {
    if (at_ > 0 && source_[at_ - 1] == '.') return false;
    const size_t whole = digits_end(at_);
    size_t end = whole;
    if (end < source_.size() && source_[end] == '.' && digits_end(end + 1) != std::string::npos) end = digits_end(end + 1);
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      size_t exponent = end + 1;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) ++exponent;
      if (digits_end(exponent) != std::string::npos) end = digits_end(exponent);
    }
    if (end == whole) return false;
    const std::string text = without_underscores(source_.substr(at_, end - at_));
    double value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc()) fail("the number " + text + " is out of range");
    tokens_.push_back({TokenKind::Float, text, line_, 0, value});
    move_to(end);
    return true;
  }

  void lex_number() {
    if (lex_float()) return;
    int base = 10;
    size_t begin = at_, end = at_;
    const char letter = at_ + 1 < source_.size() ? static_cast<char>(source_[at_ + 1] | 0x20) : '\0';
    if (source_[at_] == '0' && (letter == 'x' || letter == 'o' || letter == 'b')) {
      base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
      begin = end = at_ + 2;
      const auto fits = [&](size_t at) {
        if (at >= source_.size()) return false;
        const char c = static_cast<char>(source_[at] | 0x20);
        if (is_digit_byte(source_[at])) return source_[at] - '0' < base;
        return base == 16 && c >= 'a' && c <= 'f';
      };
      while (fits(end) || (end < source_.size() && source_[end] == '_' && fits(end + 1))) ++end;
      if (end == begin) fail("a number is not complete");
    } else if (source_[at_] == '0') {
      while (end < source_.size() && (source_[end] == '0' || (source_[end] == '_' && has_at(end + 1, "0")))) ++end;
    } else {
      end = digits_end(at_);
    }
    const std::string text = without_underscores(source_.substr(begin, end - begin));
    int64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (result.ec != std::errc()) fail("the integer " + text + " does not fit 64 bits");
    tokens_.push_back({TokenKind::Integer, text, line_, value});
    move_to(end);
  }

  void lex_string(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail("a string has no end");
    const std::string_view body = std::string_view(source_).substr(at_ + 1, end - at_ - 1);
    tokens_.push_back({TokenKind::String, unescaped(body), line_});
    move_to(end + 1);
  }

  // Python's unicode-escape decoding.
  std::string unescaped(std::string_view body) const {
    std::string out;
    for (size_t i = 0; i < body.size();) {
      if (body[i] != '\\' || i + 1 >= body.size()) {
        out += body[i++];
        continue;
      }
      const char c = body[i + 1];
      i += 2;
      static constexpr std::string_view names = "abfnrtv\\'\"", values = "\a\b\f\n\r\t\v\\'\"";
      if (const size_t known = names.find(c); known != std::string_view::npos) {
        out += values[known];
      } else if (c == '\n') {
        continue;
      } else if (c >= '0' && c <= '7') {
        char32_t value = static_cast<char32_t>(c - '0');
        for (int more = 0; more < 2 && i < body.size() && body[i] >= '0' && body[i] <= '7'; ++more) value = value * 8 + static_cast<char32_t>(body[i++] - '0');
        utf8_append(out, value);
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        uint32_t value = 0;
        const char* begin = body.data() + i;
        if (i + digits > body.size() || std::from_chars(begin, begin + digits, value, 16).ptr != begin + digits)
          fail(std::string("the escape \\") + c + " needs " + std::to_string(digits) + " hexadecimal digits");
        if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) fail("an escape names a code point that UTF-8 does not have");
        utf8_append(out, value);
        i += digits;
      } else if (c == 'N') {
        fail("the escape \\N{…} is not supported: write the character itself");
      } else {
        out += '\\';
        out += c;
      }
    }
    return out;
  }

  void lex_operator(std::string& open) {
    static constexpr std::string_view doubles[] = {"//", "**", "==", "!=", ">=", "<="};
    for (std::string_view text : doubles) {
      if (!has(text)) continue;
      tokens_.push_back({TokenKind::Operator, std::string(text), line_});
      return move_to(at_ + 2);
    }
    const char c = source_[at_];
    if (std::string_view("+-/*%~[](){}><=.:|,;").find(c) == std::string_view::npos)
      fail("unexpected character " + shown(std::string_view(source_).substr(at_, std::max<size_t>(1, utf8_length(std::string_view(source_).substr(at_))))));
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty()) fail(std::string("unexpected \"") + c + "\"");
      if (open.back() != c) fail(std::string("unexpected \"") + c + "\", expected \"" + open.back() + "\"");
      open.pop_back();
    }
    tokens_.push_back({TokenKind::Operator, std::string(1, c), line_});
    move_to(at_ + 1);
  }

  const std::string& file_;
  std::string source_;
  std::vector<TemplateToken> tokens_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
};

}  // namespace

void throw_template_error(const std::string& file, int line, const std::string& message) {
  throw input_error(file, "line " + std::to_string(line) + ": " + message);
}

std::vector<TemplateToken> tokenize_template(std::string_view source, const std::string& file) {
  if (const size_t bad = utf8_first_invalid(source); bad != std::string_view::npos)
    throw input_error_at(file, bad, "the template is not valid UTF-8");
  return Lexer(source, file).run();
}

}  // namespace philo::jinja
