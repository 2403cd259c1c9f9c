#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace {

constexpr int seconds_until_killed = 120;

struct Pipe {
  int read_end = -1, write_end = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_end(read_end);
    close_end(write_end);
  }
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
};

[[noreturn]] void become(const Start& start) {
  setenv("XDG_CACHE_HOME", PHILO_BINARY_DIR "/tests/cli/cache", 1);  // measured once for all tests, beside the user's own
  for (const auto& [name, value] : start.environment) setenv(name.c_str(), value.c_str(), 1);
  const std::string program = start.program.empty() ? PHILO_PROGRAM : start.program;
  std::vector<char*> arguments = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : start.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  execv(program.c_str(), arguments.data());
  _exit(127);
}

int exit_code_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool append_from(int descriptor, std::string& text) {
  std::array<char, 4096> part;
  const ssize_t count = read(descriptor, part.data(), part.size());
  if (count > 0) text.append(part.data(), static_cast<size_t>(count));
  return count > 0;
}

Outcome run_in_terminal(const Start& start) {
  int terminal = -1;
  winsize size{.ws_row = 24, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    setenv("TERM", "xterm", 1);
    become(start);
  }
  Outcome outcome;
  size_t next = 0, seen = 0;
  auto typed_at = std::chrono::steady_clock::now();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds_until_killed);
  while (std::chrono::steady_clock::now() < end) {
    pollfd waiting{terminal, POLLIN, 0};
    if (poll(&waiting, 1, 100) > 0 && !append_from(terminal, outcome.out)) break;
    if (next >= start.typed.size()) {
      // Ctrl-D typed before the program reads key by key arrives as a zero byte; a person types it again.
      if (next > 0 && std::chrono::steady_clock::now() > typed_at + std::chrono::seconds(5)) {
        const std::string& last = start.typed.back().second;
        if (write(terminal, last.data(), last.size()) < 0) break;
        typed_at = std::chrono::steady_clock::now();
      }
      continue;
    }
    const size_t at = outcome.out.find(start.typed[next].first, seen);
    if (at == std::string::npos) continue;
    seen = at + start.typed[next].first.size();
    const std::string& keys = start.typed[next++].second;
    typed_at = std::chrono::steady_clock::now();
    if (write(terminal, keys.data(), keys.size()) < 0) break;
  }
  if (std::chrono::steady_clock::now() >= end) kill(child, SIGKILL);
  outcome.exit_code = exit_code_of(child);
  close(terminal);
  return outcome;
}

}  // namespace

Outcome run_process(const Start& start) {
  if (start.terminal) return run_in_terminal(start);
  std::signal(SIGPIPE, SIG_IGN);
  Pipe in, out, error;
  const pid_t child = fork();
  if (child == 0) {
    dup2(in.read_end, 0);
    if (start.out_path.empty())
      dup2(out.write_end, 1);
    else if (start.out_path == "-")
      close(1);
    else
      dup2(open(start.out_path.c_str(), O_WRONLY), 1);
    dup2(error.write_end, 2);
    become(start);
  }
  Pipe::close_end(in.read_end);
  Pipe::close_end(out.write_end);
  Pipe::close_end(error.write_end);

  Outcome outcome;
  size_t sent = 0;
  bool interrupted = start.interrupt_after.empty();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds_until_killed);
  while (out.read_end >= 0 || error.read_end >= 0) {
    if (std::chrono::steady_clock::now() >= end) {
      kill(child, SIGKILL);
      break;
    }
    if (sent == start.input.size()) Pipe::close_end(in.write_end);
    std::array<pollfd, 3> waiting = {
        pollfd{out.read_end, POLLIN, 0}, {error.read_end, POLLIN, 0}, {in.write_end, POLLOUT, 0}};
    poll(waiting.data(), waiting.size(), 100);
    if (waiting[0].revents != 0 && !append_from(out.read_end, outcome.out)) Pipe::close_end(out.read_end);
    if (waiting[1].revents != 0 && !append_from(error.read_end, outcome.error)) Pipe::close_end(error.read_end);
    if (waiting[2].revents != 0) {
      const ssize_t count = write(in.write_end, start.input.data() + sent, start.input.size() - sent);
      if (count > 0)
        sent += static_cast<size_t>(count);
      else
        sent = start.input.size();
    }
    if (!interrupted && outcome.out.find(start.interrupt_after) != std::string::npos) {
      kill(child, SIGINT);
      interrupted = true;
    }
    if (start.close_output_after_first_byte && !outcome.out.empty()) Pipe::close_end(out.read_end);
  }
  outcome.exit_code = exit_code_of(child);
  return outcome;
}

Outcome philo(std::vector<std::string> arguments, std::string input) {
  Start start;
  start.arguments = std::move(arguments);
  start.input = std::move(input);
  return run_process(start);
}

testing::AssertionResult says(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no \"" << part << "\" in: " << text;
}
