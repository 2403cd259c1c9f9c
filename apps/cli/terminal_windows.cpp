#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#include <windows.h>
// windows.h comes first: shellapi.h needs its types.
#include <shellapi.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <philo/philo.h>

#include "terminal.h"

namespace {

std::atomic<bool> interrupt_seen{false};
std::atomic<philo_conversation*> running{nullptr};
std::atomic<HANDLE> reader{nullptr};  // the thread that waits for standard input

BOOL WINAPI handle_control(DWORD event) {
  if (event != CTRL_C_EVENT || interrupt_seen.exchange(true)) return FALSE;
  philo_conversation_stop(running.load());
  if (const HANDLE thread = reader.load(); thread != nullptr) CancelSynchronousIo(thread);
  return TRUE;
}

std::string narrow(const wchar_t* text, int units) {
  const int bytes = WideCharToMultiByte(CP_UTF8, 0, text, units, nullptr, 0, nullptr, nullptr);
  std::string out(static_cast<size_t>(std::max(bytes, 0)), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text, units, out.data(), bytes, nullptr, nullptr);
  return out;
}

std::string narrow(const wchar_t* text) { return narrow(text, static_cast<int>(std::wcslen(text))); }

HANDLE handle_of(Stream stream) {
  return GetStdHandle(stream == Stream::In    ? STD_INPUT_HANDLE
                      : stream == Stream::Out ? STD_OUTPUT_HANDLE
                                              : STD_ERROR_HANDLE);
}

// Lets the console understand colours, and leaves it as it was: it outlives the program.
class Console {
 public:
  Console() {
    for (size_t i = 0; i < 2; ++i)
      if (GetConsoleMode(handle_of(streams[i]), &modes_[i]))
        SetConsoleMode(handle_of(streams[i]), modes_[i] | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
  }
  ~Console() {
    for (size_t i = 2; i-- > 0;)  // backwards: both may be one console
      if (modes_[i] != 0) SetConsoleMode(handle_of(streams[i]), modes_[i]);
  }
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

 private:
  static constexpr Stream streams[2] = {Stream::Out, Stream::Error};
  DWORD modes_[2] = {0, 0};
};

// UTF-16 straight to the console: its own conversion depends on the code page and on how the bytes are cut.
int write_console(HANDLE console, const char* bytes, size_t count) {
  constexpr size_t most_units = 8192;
  std::vector<wchar_t> wide(count);  // never more units than bytes
  const int units = MultiByteToWideChar(CP_UTF8, 0, bytes, static_cast<int>(count), wide.data(), static_cast<int>(count));
  for (size_t done = 0; done < static_cast<size_t>(units);) {
    size_t part = std::min(most_units, static_cast<size_t>(units) - done);
    if (part == most_units && IS_HIGH_SURROGATE(wide[done + part - 1])) --part;
    DWORD written = 0;
    if (!WriteConsoleW(console, wide.data() + done, static_cast<DWORD>(part), &written, nullptr) || written == 0) return EIO;
    done += written;
  }
  return 0;
}

int write_stream(Stream stream, const char* bytes, size_t count) {
  constexpr size_t most_bytes = size_t{1} << 20;
  const bool console = is_terminal(stream);
  while (count > 0) {
    size_t part = std::min(count, most_bytes);
    if (console) {
      while (part < count && part > 1 && (bytes[part] & 0xc0) == 0x80) --part;  // not inside a character
      if (const int problem = write_console(handle_of(stream), bytes, part); problem != 0) return problem;
    } else {
      const int written = _write(stream == Stream::Out ? 1 : 2, bytes, static_cast<unsigned int>(part));
      if (written <= 0) return errno == 0 ? EIO : errno;
      part = static_cast<size_t>(written);
    }
    bytes += part;
    count -= part;
  }
  return 0;
}

// What was typed comes as UTF-16 and is handed on as UTF-8, in as many calls as it takes.
int read_console(HANDLE console, char* bytes, size_t count) {
  static std::string pending;
  static wchar_t high = 0;  // the first half of a character whose second half is still to come
  while (pending.empty()) {
    wchar_t wide[1024];
    DWORD units = 0;
    if (high != 0) wide[0] = high;
    const DWORD kept = high != 0 ? 1 : 0;
    high = 0;
    SetLastError(ERROR_SUCCESS);
    if (!ReadConsoleW(console, wide + kept, 1024 - kept, &units, nullptr)) return interrupted() ? 0 : -1;
    if (units == 0 && GetLastError() == ERROR_OPERATION_ABORTED) {
      // Ctrl-C; its handler runs in a thread of its own and may be a moment behind.
      for (int wait = 0; wait < 100 && !interrupted(); ++wait) Sleep(10);
      return 0;
    }
    if (units == 0) return 0;
    if (kept == 0 && wide[0] == L'\x1a') return 0;  // Ctrl-Z at the start of a line: the end
    units += kept;
    if (IS_HIGH_SURROGATE(wide[units - 1])) high = wide[--units];
    pending = narrow(wide, static_cast<int>(units));
  }
  const size_t taken = std::min(count, pending.size());
  std::copy_n(pending.begin(), taken, bytes);
  pending.erase(0, taken);
  return static_cast<int>(taken);
}

}  // namespace

std::vector<std::string> start_program(int, char**) {
  static const Console console;
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

std::string variable(const char* name) {
  const wchar_t* const value = _wgetenv(std::wstring(name, name + std::strlen(name)).c_str());
  return value == nullptr ? "" : narrow(value);
}

// For this program's C library and, through the process, for those that libraries bring.
void set_variable(const char* name, const char* value) {
  const std::wstring wide_name(name, name + std::strlen(name)), wide_value(value, value + std::strlen(value));
  _wputenv_s(wide_name.c_str(), wide_value.c_str());
  SetEnvironmentVariableW(wide_name.c_str(), wide_value.c_str());
}

int write_output(const char* bytes, size_t count) { return write_stream(Stream::Out, bytes, count); }

void write_error(std::string_view text) { static_cast<void>(write_stream(Stream::Error, text.data(), text.size())); }

int read_input(char* bytes, size_t count) {
  if (interrupted()) return 0;
  static const HANDLE main_thread = [] {
    HANDLE thread = nullptr;
    DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &thread, 0, FALSE, DUPLICATE_SAME_ACCESS);
    return thread;
  }();
  reader.store(main_thread);
  const int taken = is_terminal(Stream::In)
                        ? read_console(handle_of(Stream::In), bytes, count)
                        : _read(0, bytes, static_cast<unsigned int>(std::min(count, size_t{1} << 20)));
  reader.store(nullptr);
  return interrupted() ? 0 : taken;
}

void catch_interrupts() { SetConsoleCtrlHandler(handle_control, TRUE); }
void stop_on_interrupt(philo_conversation* conversation) { running.store(conversation); }
bool interrupted() { return interrupt_seen.load(); }
void clear_interrupt() { interrupt_seen.store(false); }
#endif
