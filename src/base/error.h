// The one error type: a code that becomes the exit code, and a message for people.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

namespace philo {

// The values are the exit codes of docs/cli.md and the status codes of the C ABI.
enum class ErrorCode : int {
  Failed = 1,     // an error of this program's own
  Usage = 2,      // wrong option or argument
  Input = 3,      // a file or text that can't be used: missing, damaged, not supported
  Device = 4,     // the device or its library is not there or refuses
  Resource = 5,   // not enough memory or disk
  Stopped = 130,  // stopped by the user
};

// The message says what was found, what was expected and what to do.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
};

// "file: message"; parsers throw these.
Error input_error(std::string_view file, std::string_view message);
// "file: at byte N: message".
Error input_error_at(std::string_view file, uint64_t byte_offset, std::string_view message);
Error usage_error(std::string_view message);

// `text` in double quotes, control characters and invalid UTF-8 escaped, cut after `most_bytes`: for messages that show input.
std::string shown(std::string_view text, size_t most_bytes = 80);

}  // namespace philo
