// Strings of a chat template: UTF-8 that knows which of its bytes came from the messages, with Python's str operations.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace philo::jinja {

// What a template does wrong, before file and line are known.
struct Failure {
  std::string message;
};

inline constexpr size_t most_text_bytes = size_t{128} << 20;

// The marks are ascending, not overlapping and not adjacent.
class Text {
 public:
  Text() = default;
  Text(std::string text, bool marked);
  explicit Text(std::string_view text) : text_(text) {}

  const std::string& str() const { return text_; }
  const std::vector<MarkedText::Range>& marks() const { return marks_; }
  size_t size() const { return text_.size(); }
  bool empty() const { return text_.empty(); }
  size_t cost() const { return text_.size() + marks_.size() * sizeof(MarkedText::Range); }
  bool marked(size_t byte) const;

  // Throw Failure where the text would grow beyond most_text_bytes.
  void append(std::string_view text, bool marked = false);
  void append(const Text& other) { append(other, 0, other.size()); }
  void append(const Text& other, size_t begin, size_t end);

  Text slice(size_t begin, size_t end) const;

 private:
  std::string text_;
  std::vector<MarkedText::Range> marks_;
};

// Byte offsets of the code points and, last, the size.
std::vector<size_t> code_point_offsets(std::string_view text);
size_t code_point_count(std::string_view text);

enum class Side : uint8_t { Both, Left, Right };
Text strip(const Text& text, Side side, const std::optional<std::string>& characters);  // no characters: Python's white space

enum class Case : uint8_t { Upper, Lower, Title, Capitalize, Swap };
Text change_case(const Text& text, Case to);  // as str.upper(), lower(), title(), capitalize(), swapcase()
Text title_of_filter(const Text& text);       // as the filter `title`, which knows only some word borders

Text replace(const Text& text, const Text& from, const Text& to, int64_t count);  // count < 0: all
std::vector<Text> split(const Text& text, int64_t most);                             // at runs of white space; most < 0: all
std::vector<Text> split(const Text& text, std::string_view separator, int64_t most);
std::vector<Text> split_from_right(const Text& text, int64_t most);
std::vector<Text> split_from_right(const Text& text, std::string_view separator, int64_t most);
std::vector<Text> split_lines(const Text& text, bool keep_ends);
Text indent(const Text& text, const Text& indention, bool first, bool blank);
Text pad(const Text& text, int64_t width, char32_t fill, Side text_at);  // Side::Both centres as str.center() does
Text zero_fill(const Text& text, int64_t width);
Text escape_html(const Text& text);

// repr() of a str, and the body of a JSON string; marks follow the escapes.
void append_repr(Text& out, const Text& text);
void append_json_string(Text& out, const Text& text, bool ascii);

enum class Trait : uint8_t { Alpha, Alnum, Decimal, Digit, Numeric, Space, Lower, Upper, Title, Ascii, Printable };
bool has_trait(std::string_view text, Trait trait);  // str.isalpha() and its like

}  // namespace philo::jinja
