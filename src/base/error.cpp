// Formatting of error messages.
#include "base/error.h"

#include "base/utf8.h"

namespace philo {

Error input_error(std::string_view file, std::string_view message) {
  return Error(ErrorCode::Input, std::string(file) + ": " + std::string(message));
}

Error input_error_at(std::string_view file, uint64_t byte_offset, std::string_view message) {
  return Error(ErrorCode::Input,
               std::string(file) + ": at byte " + std::to_string(byte_offset) + ": " + std::string(message));
}

Error usage_error(std::string_view message) { return Error(ErrorCode::Usage, std::string(message)); }

std::string shown(std::string_view text, size_t most_bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  size_t at = 0;
  while (at < text.size() && at < most_bytes) {
    const size_t length = utf8_length(text.substr(at));
    const auto byte = static_cast<unsigned char>(text[at]);
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 15];
      at += 1;
    } else {
      if (length == 1 && (byte == '"' || byte == '\\')) out += '\\';
      out += text.substr(at, length);
      at += length;
    }
  }
  out += at < text.size() ? "…\"" : "\"";
  return out;
}

}  // namespace philo
