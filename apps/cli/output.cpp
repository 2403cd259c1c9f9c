#include "output.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "terminal.h"

bool disk_is_full(int problem) {
#ifdef EDQUOT
  if (problem == EDQUOT) return true;
#endif
  return problem == ENOSPC;
}

CommandError usage_error(const std::string& message) { return {PHILO_USAGE, message}; }
CommandError input_error(const std::string& message) { return {PHILO_INPUT, message}; }

std::string without_controls(std::string_view text) {
  static constexpr std::string_view replacement = "\xef\xbf\xbd";
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const bool c1 = byte == 0xc2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0 &&
                    static_cast<unsigned char>(text[at + 1]) >= 0x80;
    if (c1) ++at;
    if (c1 || byte == 0x7f || (byte < 0x20 && byte != '\n' && byte != '\t'))
      out += replacement;
    else
      out += text[at];
  }
  return out;
}

Output::Output() : output_is_terminal_(is_terminal(Stream::Out)), error_is_terminal_(is_terminal(Stream::Error)) {
  const char* terminal = std::getenv("TERM");
  const char* no_colour = std::getenv("NO_COLOR");
  const bool plain =
      (no_colour != nullptr && no_colour[0] != '\0') || (terminal != nullptr && std::strcmp(terminal, "dumb") == 0);
  colours_ = error_is_terminal_ && !plain;
}

void Output::data(std::string_view text) {
  end_progress();
  const std::string filtered = output_is_terminal_ ? without_controls(text) : std::string(text);
  const int problem = write_output(filtered.data(), filtered.size());
  if (problem == 0) return;
  if (problem == EPIPE) throw CommandError(PHILO_FAILED, "");
  throw CommandError(disk_is_full(problem) ? PHILO_RESOURCE : PHILO_FAILED,
                     std::string("standard output: ") + std::strerror(problem));
}

void Output::line(std::string_view text) {
  end_progress();
  write_error(without_controls(text) + "\n");
}

void Output::note(std::string_view text) {
  if (!quiet) line("note: " + std::string(text));
}

void Output::say(std::string_view text) {
  if (!quiet) line(text);
}

void Output::error(std::string_view text) { line("philo: " + std::string(text)); }

bool Output::progress(std::string_view what, uint64_t done, uint64_t total, ProgressUnit unit) {
  if (interrupted()) return false;
  if (quiet || (!error_is_terminal_ && !verbose)) return true;
  const auto now = std::chrono::steady_clock::now();
  if (bar_name_ != what) {
    end_progress();
    bar_name_ = what;
    bar_tenth_ = 0;
    bar_start_ = bar_time_ = now;
  }
  if (total == 0) return elapsed(what, now);
  const uint64_t percent =
      done >= total ? 100 : static_cast<uint64_t>(100.0 * static_cast<double>(done) / static_cast<double>(total));
  const double seconds = std::chrono::duration<double>(now - bar_start_).count();
  std::string pace;
  if (unit == ProgressUnit::Bytes && done > 0 && seconds > 0.5) {
    const double rate = static_cast<double>(done) / seconds;
    pace = ", " + bytes_text(rate) + "/s";
    if (done < total && seconds > 1) pace += ", " + time_text(static_cast<double>(total - done) / rate) + " left";
  }
  if (!error_is_terminal_) {
    if (percent / 10 <= bar_tenth_) return true;
    bar_tenth_ = percent / 10;
    write_error(std::string(what) + ": " + std::to_string(percent) + " %" + pace + "\n");
    return true;
  }
  // What is over at once shows no bar.
  const bool due =
      now - bar_time_ > std::chrono::milliseconds(100) && now - bar_start_ > std::chrono::milliseconds(200);
  if (!due) return true;
  bar_time_ = now;
  bar_shown_ = true;
  const size_t columns = terminal_columns();
  const size_t beside = what.size() + pace.size() + 12;
  const size_t width = columns > beside + 2 ? std::min<size_t>(40, columns - beside) : 0;
  const size_t filled = width * percent / 100;
  std::string bar = "\r" + std::string(what) + " ";
  if (width > 0) bar += "[" + std::string(filled, '#') + std::string(width - filled, ' ') + "] ";
  bar += std::to_string(percent) + " %" + pace + "\x1b[K";
  write_error(bar);
  return true;
}

// For work whose end is not known.
bool Output::elapsed(std::string_view what, std::chrono::steady_clock::time_point now) {
  if (!error_is_terminal_) {
    if (bar_tenth_ == 0) write_error(std::string(what) + " ...\n");
    bar_tenth_ = 1;
    return true;
  }
  if (now - bar_time_ <= std::chrono::milliseconds(400)) return true;
  bar_time_ = now;
  bar_shown_ = true;
  write_error("\r" + std::string(what) + ", " + time_text(std::chrono::duration<double>(now - bar_start_).count()) + "\x1b[K");
  return true;
}

void Output::end_progress() {
  if (bar_shown_) write_error("\r\x1b[K");
  bar_shown_ = false;
  bar_name_.clear();
}

philo::Callbacks Output::callbacks(ProgressUnit unit) {
  philo::Callbacks callbacks;
  callbacks.on_progress = [this, unit](std::string_view what, uint64_t done, uint64_t total) {
    return progress(what, done, total, unit);
  };
  callbacks.on_note = [this](std::string_view text) { note(text); };
  return callbacks;
}

std::string fixed(double value, int digits) {
  std::array<char, 64> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, value);
  return {buffer.data(), static_cast<size_t>(std::max(0, length))};
}

std::string time_text(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds + 0.5);
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

std::string padded(std::string text, size_t width) {
  text.append(text.size() < width ? width - text.size() : 1, ' ');
  return text;
}

std::string bytes_text(double bytes) {
  static constexpr std::array<const char*, 5> units = {"bytes", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < units.size()) {
    bytes /= 1000;
    ++unit;
  }
  return fixed(bytes, unit == 0 ? 0 : bytes < 10 ? 2 : bytes < 100 ? 1 : 0) + " " + units[unit];
}
