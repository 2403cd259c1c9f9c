// Files, POSIX and Windows: the one place where the two differ.
#include "base/file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/error.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace philo {
namespace {

namespace fs = std::filesystem;

fs::path to_path(const std::string& utf8) { return fs::path(std::u8string(utf8.begin(), utf8.end())); }

// As the system wants it. Windows takes paths beyond 260 characters (folders: 248) only whole and with a prefix.
fs::path system_path(const std::string& utf8) {
  fs::path path = to_path(utf8);
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

std::string to_utf8(const fs::path& path) {
  const std::u8string text = path.u8string();
  return std::string(text.begin(), text.end());
}

Error cannot(const std::string& path, const char* what, const std::string& reason) {
  return input_error(path, std::string("can't ") + what + ": " + reason);
}

#ifdef _WIN32
// Windows' sentence for an error, UTF-8; the standard library's are in the code page of the country.
std::string reason_of(DWORD error) {
  wchar_t* wide = nullptr;
  const DWORD count = FormatMessageW(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr,
                                     error, 0, reinterpret_cast<wchar_t*>(&wide), 0, nullptr);
  std::string text = count == 0 ? "Windows error " + std::to_string(error) : to_utf8(fs::path(std::wstring(wide, count)));
  LocalFree(wide);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == '.' || text.back() == ' ')) text.pop_back();
  return text;
}
#endif

std::string reason_of(const std::error_code& error) {
#ifdef _WIN32
  if (error.category() == std::system_category()) return reason_of(static_cast<DWORD>(error.value()));
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

// Opened for writing, but only where there is none of this name.
std::FILE* create_stream(const std::string& path) {
#ifdef _WIN32
  const int descriptor =
      _wopen(system_path(path).c_str(), _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT, _S_IREAD | _S_IWRITE);
  return descriptor < 0 ? nullptr : _fdopen(descriptor, "wb");
#else
  return std::fopen(path.c_str(), "wbx");
#endif
}

// Windows keeps a file under its name for as long as a program has it mapped, as philo has a model's weights.
#ifdef _WIN32
constexpr const char* replace_hint = "; the old file is untouched: if a program has it open, end that one and try again";
#else
constexpr const char* replace_hint = "";
#endif

}  // namespace

#ifdef _WIN32

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  const auto reason = [] { return reason_of(GetLastError()); };
  const HANDLE handle = CreateFileW(system_path(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                                    FILE_ATTRIBUTE_NORMAL, nullptr);
  if (handle == INVALID_HANDLE_VALUE) throw cannot(path, "open", reason());
  LARGE_INTEGER size{};
  if (!GetFileSizeEx(handle, &size)) {
    const std::string why = reason();
    CloseHandle(handle);
    throw cannot(path, "read", why);
  }
  if (size.QuadPart == 0) {
    CloseHandle(handle);
    return file;
  }
  const HANDLE mapping = CreateFileMappingW(handle, nullptr, PAGE_READONLY, 0, 0, nullptr);
  const std::string why = mapping == nullptr ? reason() : std::string();
  CloseHandle(handle);
  if (mapping == nullptr) throw cannot(path, "map", why);
  const void* view = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
  const std::string view_error = view == nullptr ? reason() : std::string();
  CloseHandle(mapping);
  if (view == nullptr) throw cannot(path, "map", view_error);
  file->data_ = static_cast<const std::byte*>(view);
  file->size_ = static_cast<size_t>(size.QuadPart);
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) UnmapViewOfFile(data_);
}

void MappedFile::prefetch(std::span<const std::byte> part) const {
  if (part.empty()) return;
  WIN32_MEMORY_RANGE_ENTRY range{const_cast<std::byte*>(part.data()), part.size()};
  PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0);
}

// Unlocking pages that were never locked takes them out of the process's working set; they stay in the system's cache.
void MappedFile::release(std::span<const std::byte> part) const {
  if (!part.empty()) VirtualUnlock(const_cast<std::byte*>(part.data()), part.size());
}

#else

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw cannot(path, "open", std::strerror(errno));
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    const std::string why = S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a regular file";
    ::close(descriptor);
    throw cannot(path, "read", why);
  }
  file->size_ = static_cast<size_t>(status.st_size);
  if (file->size_ == 0) {
    ::close(descriptor);
    return file;
  }
  void* view = ::mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int map_error = errno;
  ::close(descriptor);
  if (view == MAP_FAILED) {
    file->size_ = 0;
    throw cannot(path, "map", std::strerror(map_error));
  }
  file->data_ = static_cast<const std::byte*>(view);
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

namespace {

// Page-aligned madvise over the pages that lie fully (release) or partly (prefetch) inside the part.
void advise(std::span<const std::byte> part, int advice, bool inner) {
  if (part.empty()) return;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto first = reinterpret_cast<uintptr_t>(part.data());
  auto last = first + part.size();
  first = inner ? (first + page - 1) / page * page : first / page * page;
  if (inner) last = last / page * page;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, advice);
}

}  // namespace

void MappedFile::prefetch(std::span<const std::byte> part) const { advise(part, MADV_WILLNEED, false); }
void MappedFile::release(std::span<const std::byte> part) const { advise(part, MADV_DONTNEED, true); }

#endif

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

struct OutputFile::State {
  std::string path, temporary;
  std::FILE* stream = nullptr;
  bool nameless = false;

  Error failed(const char* what, int error_number) const {
    const bool full = error_number == ENOSPC
#ifdef EDQUOT
                      || error_number == EDQUOT
#endif
                      || error_number == EFBIG
        ;
    return Error(full ? ErrorCode::Resource : ErrorCode::Failed,
                 path + ": can't " + what + ": " + std::strerror(error_number) + "; nothing was written under this name");
  }
};

OutputFile::OutputFile(const std::string& path) : state_(std::make_unique<State>()) {
  static std::atomic<unsigned> counter{0};
#ifdef _WIN32
  const auto process = static_cast<unsigned long>(GetCurrentProcessId());
#else
  const auto process = static_cast<unsigned long>(::getpid());
#endif
  state_->path = path;
  std::error_code unknown;
  const auto status = fs::status(system_path(path), unknown);
  if (fs::is_character_file(status) || fs::is_fifo(status) || fs::is_socket(status)) {
    state_->stream = open_stream(path, "wb");  // a device or pipe is written to, not replaced
    if (state_->stream == nullptr) throw state_->failed("open", errno);
    return;
  }
  state_->temporary = path + ".partial-" + std::to_string(process) + "-" + std::to_string(counter++);
  state_->stream = create_stream(state_->temporary);
  if (state_->stream == nullptr) throw state_->failed("create", errno);
}

#ifdef __linux__

namespace {

// Through which the system finds an open file again.
std::string descriptor_path(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

int open_nameless(const std::string& folder) { return ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666); }

}  // namespace

bool OutputFile::can_be_nameless(const std::string& folder) {
  const int descriptor = open_nameless(folder);
  if (descriptor < 0) return false;
  const bool found = ::access(descriptor_path(descriptor).c_str(), F_OK) == 0;
  ::close(descriptor);
  return found;
}

OutputFile::OutputFile(const std::string& path, const std::string& folder) : state_(std::make_unique<State>()) {
  state_->path = path;
  const int descriptor = open_nameless(folder);
  if (descriptor >= 0) state_->stream = ::fdopen(descriptor, "wb");
  const int problem = errno;
  if (state_->stream == nullptr) {
    if (descriptor >= 0) ::close(descriptor);
    throw state_->failed("create", problem);
  }
  state_->nameless = true;
}

#else

bool OutputFile::can_be_nameless(const std::string&) { return false; }

OutputFile::OutputFile(const std::string& path, const std::string&) : OutputFile(path) {}

#endif

OutputFile::~OutputFile() {
  if (state_->stream != nullptr) std::fclose(state_->stream);
  if (!state_->temporary.empty()) {
#ifdef _WIN32
    DeleteFileW(system_path(state_->temporary).c_str());
#else
    ::unlink(state_->temporary.c_str());
#endif
  }
}

void OutputFile::write(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), state_->stream) != bytes.size()) throw state_->failed("write", errno);
}

void OutputFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void OutputFile::flush() {
  if (std::fflush(state_->stream) != 0) throw state_->failed("write", errno);
}

#ifdef _WIN32

void OutputFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  const auto handle = reinterpret_cast<HANDLE>(_get_osfhandle(_fileno(state_->stream)));
  while (!bytes.empty()) {
    OVERLAPPED place{};
    place.Offset = static_cast<DWORD>(offset);
    place.OffsetHigh = static_cast<DWORD>(offset >> 32);
    DWORD written = 0;
    const auto part = static_cast<DWORD>(std::min<size_t>(bytes.size(), size_t{1} << 30));
    if (!WriteFile(handle, bytes.data(), part, &written, &place)) {
      const DWORD problem = GetLastError();
      throw state_->failed("write", problem == ERROR_DISK_FULL || problem == ERROR_HANDLE_DISK_FULL ? ENOSPC : EIO);
    }
    offset += written;
    bytes = bytes.subspan(written);
  }
}

void OutputFile::write_behind() {}

#else

void OutputFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  const int descriptor = ::fileno(state_->stream);
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw state_->failed("write", written < 0 ? errno : ENOSPC);
    offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void OutputFile::write_behind() {
#ifdef __linux__
  // Only a hint: errors, such as those of file systems without it, show when the file is committed.
  static_cast<void>(::sync_file_range(::fileno(state_->stream), 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE));
#endif
}

#endif

const std::string& OutputFile::path() const { return state_->path; }

void OutputFile::sync() {
  flush();
#ifdef _WIN32
  if (!state_->temporary.empty() && _commit(_fileno(state_->stream)) != 0) throw state_->failed("write", errno);
#else
  if (::fsync(::fileno(state_->stream)) != 0 && errno != EINVAL && errno != ENOTSUP) throw state_->failed("write", errno);
#endif
}

void OutputFile::commit() { commit(state_->path); }

void OutputFile::commit(const std::string& path) {
  sync();
#ifdef __linux__
  if (state_->nameless) {
    const std::string name = descriptor_path(::fileno(state_->stream));
    if (::linkat(AT_FDCWD, name.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) throw state_->failed("name the finished file", errno);
  }
#endif
  std::FILE* stream = state_->stream;
  state_->stream = nullptr;
  if (std::fclose(stream) != 0) throw state_->failed("write", errno);
  if (state_->temporary.empty()) return;
  std::error_code error;
  fs::rename(system_path(state_->temporary), system_path(path), error);
  if (error)
    throw Error(ErrorCode::Failed, state_->path + ": can't give the finished file its name: " + reason_of(error) + replace_hint);
  state_->temporary.clear();
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
  if (search == INVALID_HANDLE_VALUE) throw cannot(path, "list", reason_of(GetLastError()));
  do {
    const std::wstring_view name = entry.cFileName;
    if (name != L"." && name != L"..") names.push_back(to_utf8(fs::path(name)));
  } while (FindNextFileW(search, &entry));
  const DWORD end = GetLastError();
  FindClose(search);
  if (end != ERROR_NO_MORE_FILES) throw cannot(path, "list", reason_of(end));
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

bool lies_in(const std::string& path, const std::string& folder) {
  std::error_code error;
  const auto resolved = [&](const std::string& name) {
    const fs::path whole = fs::weakly_canonical(fs::absolute(to_path(name)), error);
    return whole.has_filename() ? whole : whole.parent_path();
  };
  const fs::path inner = resolved(path), outer = resolved(folder);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace philo
