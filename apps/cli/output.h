// What the commands print: data on standard output, messages and progress on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <philo/philo.hpp>

// Ends the command with this exit code; without a message nothing is said.
class CommandError : public std::runtime_error {
 public:
  CommandError(int exit_code, const std::string& message) : std::runtime_error(message), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

CommandError usage_error(const std::string& message);
CommandError input_error(const std::string& message);

enum class ProgressUnit { Unknown, Bytes };

class Output {
 public:
  bool json = false, quiet = false, verbose = false;

  Output();

  // To standard output, at once. On a terminal, control characters that could command it become U+FFFD. Throws
  // CommandError where it can't be written: quietly where the reader is gone.
  void data(std::string_view text);

  // One sentence to standard error.
  void note(std::string_view text);   // "note: …", unless --quiet
  void say(std::string_view text);    // unless --quiet
  void error(std::string_view text);  // "philo: …", always
  // A bar on a terminal; elsewhere a line for each tenth with --verbose. Returns false after Ctrl-C. Bytes are shown with their rate and,
  // after a while, the time that is left.
  bool progress(std::string_view what, uint64_t done, uint64_t total, ProgressUnit unit = ProgressUnit::Unknown);
  void end_progress();

  bool shows_statistics() const { return !quiet && (verbose || error_is_terminal_); }
  bool colours() const { return colours_; }
  // Progress and notes for the library's calls.
  philo::Callbacks callbacks(ProgressUnit unit = ProgressUnit::Unknown);

 private:
  void line(std::string_view text);

  bool elapsed(std::string_view what, std::chrono::steady_clock::time_point now);

  bool output_is_terminal_, error_is_terminal_, colours_;
  bool bar_shown_ = false;
  std::string bar_name_;
  uint64_t bar_tenth_ = 0;
  std::chrono::steady_clock::time_point bar_time_{}, bar_start_{};
};

// `text` with control characters but line feed and tab, C1 ones included, as U+FFFD.
std::string without_controls(std::string_view text);

bool disk_is_full(int problem);        // one of errno's values
std::string bytes_text(double bytes);  // "2.1 GB"
std::string time_text(double seconds);  // "42 s", "3 min 5 s"
std::string fixed(double value, int digits);
std::string padded(std::string text, size_t width);  // for tables: a space follows even a text that is too long
