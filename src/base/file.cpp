// Files as a whole and folders, POSIX and Windows.
#include "base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/system_path.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#endif

namespace philo {
namespace {

namespace fs = std::filesystem;

Error cannot(const std::string& path, const char* what, const std::string& reason) {
  return input_error(path, std::string("can't ") + what + ": " + reason);
}

}  // namespace

std::string read_text_file(const std::string& path, size_t most_bytes) {
  if (is_folder(path)) throw cannot(path, "read", "it is a folder");
  std::FILE* stream = open_stream(path, "rb");
  if (stream == nullptr) throw cannot(path, "open", std::strerror(errno));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> closer(stream, std::fclose);
  std::string text;
  char block[1 << 16];
  size_t count = 0;
  while ((count = std::fread(block, 1, sizeof block, stream)) > 0) {
    text.append(block, count);
    if (text.size() > most_bytes) {
      throw cannot(path, "read", "it is longer than the limit of " + std::to_string(most_bytes) + " bytes");
    }
  }
  if (std::ferror(stream)) throw cannot(path, "read", std::strerror(errno));
  return text;
}

#ifdef _WIN32

bool is_file(const std::string& path) {
  const DWORD attributes = GetFileAttributesW(system_path(path).c_str());
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

bool is_folder(const std::string& path) {
  const DWORD attributes = GetFileAttributesW(system_path(path).c_str());
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

std::vector<std::string> folder_entries(const std::string& path) {
  if (is_file(path)) throw cannot(path, "list", "it is not a folder");
  std::vector<std::string> names;
  WIN32_FIND_DATAW entry;
  const HANDLE search = FindFirstFileW((system_path(path) / L"*").c_str(), &entry);
  if (search == INVALID_HANDLE_VALUE) throw cannot(path, "list", reason_of_last_error());
  do {
    const std::wstring_view name = entry.cFileName;
    if (name != L"." && name != L"..") names.push_back(to_utf8(fs::path(name)));
  } while (FindNextFileW(search, &entry));
  const DWORD end = GetLastError();
  FindClose(search);
  if (end != ERROR_NO_MORE_FILES) throw cannot(path, "list", reason_of({static_cast<int>(end), std::system_category()}));
  std::sort(names.begin(), names.end());
  return names;
}

#else

bool is_file(const std::string& path) {
  std::error_code error;
  const auto status = fs::status(to_path(path), error);
  return !error && fs::exists(status) && !fs::is_directory(status);
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(to_path(path), error);
}

std::vector<std::string> folder_entries(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entry(to_path(path), error);
  while (!error && entry != fs::directory_iterator()) {
    names.push_back(to_utf8(entry->path().filename()));
    entry.increment(error);
  }
  if (error) throw cannot(path, "list", reason_of(error));
  std::sort(names.begin(), names.end());
  return names;
}

#endif

std::string join_path(const std::string& folder, const std::string& name) { return to_utf8(to_path(folder) / to_path(name)); }

std::string file_name(const std::string& path) {
  fs::path whole = to_path(path);
  if (!whole.has_filename()) whole = whole.parent_path();
  return to_utf8(whole.filename());
}

uint64_t file_bytes(const std::string& path) {
  std::error_code error;
  const auto bytes = fs::file_size(to_path(path), error);
  return error ? 0 : bytes;
}

namespace {

fs::path resolved(const std::string& name) {
  std::error_code error;
  const fs::path given = fs::absolute(to_path(name)), followed = fs::weakly_canonical(given, error);
  const fs::path whole = error ? given.lexically_normal() : followed;
  return whole.has_filename() ? whole : whole.parent_path();
}

}  // namespace

std::string folder_of(const std::string& path) { return to_utf8(resolved(path).parent_path()); }

bool lies_in(const std::string& path, const std::string& folder) {
  const fs::path inner = resolved(path), outer = resolved(folder);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace philo
