// Paths and error texts, POSIX and Windows.
#include "base/system_path.h"

#include <cstring>

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#endif

namespace philo {

std::filesystem::path to_path(const std::string& utf8) { return std::filesystem::path(std::u8string(utf8.begin(), utf8.end())); }

std::string to_utf8(const std::filesystem::path& path) {
  const std::u8string text = path.u8string();
  return std::string(text.begin(), text.end());
}

std::filesystem::path system_path(const std::string& utf8) {
  std::filesystem::path path = to_path(utf8);
#ifdef _WIN32
  constexpr size_t most_units = 240;
  if (path.native().size() < most_units || path.native().starts_with(L"\\\\?\\")) return path;
  std::wstring whole(32768, L'\0');
  const DWORD units = GetFullPathNameW(path.c_str(), static_cast<DWORD>(whole.size()), whole.data(), nullptr);
  if (units == 0 || units >= whole.size()) return path;
  whole.resize(units);
  if (whole.starts_with(L"\\\\")) return L"\\\\?\\UNC" + whole.substr(1);
  return L"\\\\?\\" + whole;
#else
  return path;
#endif
}

#ifdef _WIN32
namespace {

std::string reason_of_number(DWORD error) {
  wchar_t* wide = nullptr;
  const DWORD count = FormatMessageW(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr,
                                     error, 0, reinterpret_cast<wchar_t*>(&wide), 0, nullptr);
  std::string text = count == 0 ? "Windows error " + std::to_string(error) : to_utf8(std::filesystem::path(std::wstring(wide, count)));
  LocalFree(wide);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == '.' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

std::string reason_of_last_error() { return reason_of_number(GetLastError()); }
#endif

std::string reason_of(const std::error_code& error) {
#ifdef _WIN32
  if (error.category() == std::system_category()) return reason_of_number(static_cast<DWORD>(error.value()));
#endif
  return error.message();
}

std::FILE* open_stream(const std::string& path, const char* mode) {
#ifdef _WIN32
  const std::wstring wide_mode(mode, mode + std::strlen(mode));
  return _wfopen(system_path(path).c_str(), wide_mode.c_str());
#else
  return std::fopen(path.c_str(), mode);
#endif
}

}  // namespace philo
