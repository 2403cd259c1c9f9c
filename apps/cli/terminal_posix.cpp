#ifndef _WIN32
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <philo/philo.h>

#include "terminal.h"

namespace {

std::atomic<bool> interrupt_seen{false};
std::atomic<philo_conversation*> running{nullptr};
int wake_read = -1, wake_write = -1;  // a pipe: any thread may take the signal, and the one that reads must wake up
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<philo_conversation*>::is_always_lock_free);

extern "C" void handle_interrupt(int signal) {
  if (interrupt_seen.exchange(true)) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  philo_conversation_stop(running.load());
  const int error = errno;
  if (write(wake_write, "", 1) < 0) errno = error;
}

int number_of(Stream stream) {
  return stream == Stream::In ? STDIN_FILENO : stream == Stream::Out ? STDOUT_FILENO : STDERR_FILENO;
}

// philo's folder where a variable of the XDG base directories says, else at its usual place in the home.
std::string own_folder(const char* variable, const char* in_home) {
  if (const char* base = std::getenv(variable); base != nullptr && base[0] == '/') return std::string(base) + "/philo";
  if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/')
    return std::string(home) + in_home + "/philo";
  return "";
}

}  // namespace

std::vector<std::string> start_program(int argc, char** argv) {
  // Standard streams that are closed would be taken by the next files that are opened.
  for (int stream = 0; stream <= 2; ++stream)
    if (fcntl(stream, F_GETFD) == -1 && errno == EBADF) static_cast<void>(open("/dev/null", O_RDONLY));
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that grows beyond its limit is an error like a full disk, not a reason to die
  if (std::setlocale(LC_CTYPE, "") == nullptr || std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
    std::setlocale(LC_CTYPE, "C.UTF-8");
  return {argv + (argc > 0 ? 1 : 0), argv + argc};
}

bool is_terminal(Stream stream) { return isatty(number_of(stream)) == 1; }

size_t terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string executable_folder() {
  std::error_code problem;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", problem);
  return problem ? std::string() : path.parent_path().string();
}

std::string state_folder() { return own_folder("XDG_STATE_HOME", "/.local/state"); }
std::string cache_folder() { return own_folder("XDG_CACHE_HOME", "/.cache"); }

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void set_variable(const char* name, const char* value) { setenv(name, value, 1); }

int write_output(const char* bytes, size_t count) {
  while (count > 0) {
    const ssize_t written = write(STDOUT_FILENO, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes += written;
    count -= static_cast<size_t>(written);
  }
  return 0;
}

void write_error(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

int read_input(char* bytes, size_t count) {
  while (true) {
    pollfd waiting[] = {{STDIN_FILENO, POLLIN, 0}, {wake_read, POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0 && errno != EINTR) return -1;
    if (interrupted()) return 0;
    if (waiting[0].revents == 0) continue;
    const ssize_t taken = read(STDIN_FILENO, bytes, count);
    if (taken >= 0) return static_cast<int>(taken);
    if (errno != EINTR && errno != EAGAIN) return -1;
  }
}

void catch_interrupts() {
  int ends[2];
  if (pipe(ends) == 0) {
    wake_read = ends[0];
    wake_write = ends[1];
    for (const int end : ends) {
      fcntl(end, F_SETFD, FD_CLOEXEC);
      fcntl(end, F_SETFL, O_NONBLOCK);
    }
  }
  struct sigaction action{};
  action.sa_handler = handle_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

void stop_on_interrupt(philo_conversation* conversation) { running.store(conversation); }
bool interrupted() { return interrupt_seen.load(); }
void clear_interrupt() {
  char bytes[16];
  while (read(wake_read, bytes, sizeof bytes) > 0) continue;
  interrupt_seen.store(false);
}
#endif
