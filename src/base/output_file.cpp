// Files that appear only when they are whole, POSIX and Windows.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/system_path.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>
#include <windows.h>
#else
#include <fcntl.h>
#include <unistd.h>
#endif

namespace philo {
namespace {

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

struct OutputFile::State {
  std::string path, temporary;
  std::FILE* stream = nullptr;
  bool nameless = false;
  std::atomic<bool> synced{false};  // nothing was written since sync()

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
  const auto status = std::filesystem::status(system_path(path), unknown);
  if (std::filesystem::is_character_file(status) || std::filesystem::is_fifo(status) || std::filesystem::is_socket(status)) {
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
  state_->synced = false;
  if (std::fwrite(bytes.data(), 1, bytes.size(), state_->stream) != bytes.size()) throw state_->failed("write", errno);
}

void OutputFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void OutputFile::flush() {
  if (std::fflush(state_->stream) != 0) throw state_->failed("write", errno);
}

#ifdef _WIN32

void OutputFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  state_->synced = false;
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
  state_->synced = false;
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
  if (state_->synced) return;
  flush();
#ifdef _WIN32
  if (!state_->temporary.empty() && _commit(_fileno(state_->stream)) != 0) throw state_->failed("write", errno);
#else
  if (::fsync(::fileno(state_->stream)) != 0 && errno != EINVAL && errno != ENOTSUP) throw state_->failed("write", errno);
#endif
  state_->synced = true;
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
  std::filesystem::rename(system_path(state_->temporary), system_path(path), error);
  if (error)
    throw Error(ErrorCode::Failed, state_->path + ": can't give the finished file its name: " + reason_of(error) + replace_hint);
  state_->temporary.clear();
}

}  // namespace philo
