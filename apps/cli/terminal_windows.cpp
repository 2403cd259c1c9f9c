#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#include <windows.h>
// windows.h comes first: shellapi.h needs its types.
#include <shellapi.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <philo/philo.h>

#include "terminal.h"

namespace {

std::atomic<bool> interrupt_seen{false};
std::atomic<philo_conversation*> running{nullptr};

BOOL WINAPI handle_control(DWORD event) {
  if (event != CTRL_C_EVENT || interrupt_seen.exchange(true)) return FALSE;
  philo_conversation_stop(running.load());
  return TRUE;
}

std::string narrow(const wchar_t* text) {
  const int bytes = WideCharToMultiByte(CP_UTF8, 0, text, -1, nullptr, 0, nullptr, nullptr);
  if (bytes <= 1) return "";
  std::string out(static_cast<size_t>(bytes), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text, -1, out.data(), bytes, nullptr, nullptr);
  out.resize(out.size() - 1);
  return out;
}

HANDLE handle_of(Stream stream) {
  return GetStdHandle(stream == Stream::In    ? STD_INPUT_HANDLE
                      : stream == Stream::Out ? STD_OUTPUT_HANDLE
                                              : STD_ERROR_HANDLE);
}

}  // namespace

std::vector<std::string> start_program(int, char**) {
  SetConsoleOutputCP(CP_UTF8);
  SetConsoleCP(CP_UTF8);
  for (Stream stream : {Stream::Out, Stream::Error}) {
    DWORD mode = 0;
    if (GetConsoleMode(handle_of(stream), &mode))
      SetConsoleMode(handle_of(stream), mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
  }
  for (int stream = 0; stream <= 2; ++stream) _setmode(stream, _O_BINARY);
  int count = 0;
  wchar_t** wide = CommandLineToArgvW(GetCommandLineW(), &count);
  std::vector<std::string> arguments;
  for (int index = 1; wide != nullptr && index < count; ++index) arguments.push_back(narrow(wide[index]));
  LocalFree(wide);
  return arguments;
}

bool is_terminal(Stream stream) {
  DWORD mode = 0;
  return GetConsoleMode(handle_of(stream), &mode) != 0;
}

size_t terminal_columns() {
  CONSOLE_SCREEN_BUFFER_INFO info;
  if (!GetConsoleScreenBufferInfo(handle_of(Stream::Error), &info)) return 80;
  return static_cast<size_t>(info.srWindow.Right - info.srWindow.Left + 1);
}

std::string executable_folder() {
  std::vector<wchar_t> path(32768);
  const DWORD length = GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size()));
  if (length == 0 || length >= path.size()) return "";
  const std::string text = narrow(path.data());
  return text.substr(0, text.find_last_of("\\/"));
}

std::string state_folder() {
  const wchar_t* folder = _wgetenv(L"LOCALAPPDATA");
  return folder == nullptr ? "" : narrow(folder) + "\\philo";
}

std::string cache_folder() {
  const std::string folder = state_folder();
  return folder.empty() ? "" : folder + "\\cache";
}

int write_output(const char* bytes, size_t count) {
  while (count > 0) {
    const unsigned int part = count < (1u << 20) ? static_cast<unsigned int>(count) : 1u << 20;
    const int written = _write(1, bytes, part);
    if (written <= 0) return errno == 0 ? EIO : errno;
    bytes += written;
    count -= static_cast<size_t>(written);
  }
  return 0;
}

int read_input(char* bytes, size_t count) {
  if (interrupted()) return 0;
  const int taken = _read(0, bytes, static_cast<unsigned int>(count < (1u << 20) ? count : 1u << 20));
  return interrupted() ? 0 : taken;
}

void catch_interrupts() { SetConsoleCtrlHandler(handle_control, TRUE); }
void stop_on_interrupt(philo_conversation* conversation) { running.store(conversation); }
bool interrupted() { return interrupt_seen.load(); }
void clear_interrupt() { interrupt_seen.store(false); }
#endif
