// Cuts a chat template into data and tokens, with trim_blocks and lstrip_blocks as transformers sets them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace philo::jinja {

enum class TokenKind : uint8_t {
  Data, VariableBegin, VariableEnd, BlockBegin, BlockEnd, Name, String, Integer, Float, Operator, End
};

struct TemplateToken {
  TokenKind kind;
  std::string text;  // of a string: what it means
  int line;
  int64_t integer = 0;
  double real = 0;
};

// Throws ErrorCode::Input naming `file` and the line.
std::vector<TemplateToken> tokenize_template(std::string_view source, const std::string& file);

[[noreturn]] void throw_template_error(const std::string& file, int line, const std::string& message);

}  // namespace philo::jinja
