// Files mapped into memory, POSIX and Windows.
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/system_path.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace philo {
namespace {

Error cannot(const std::string& path, const char* what, const std::string& reason) {
  return input_error(path, std::string("can't ") + what + ": " + reason);
}

}  // namespace

#ifdef _WIN32

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  const HANDLE handle = CreateFileW(system_path(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                                    FILE_ATTRIBUTE_NORMAL, nullptr);
  if (handle == INVALID_HANDLE_VALUE) throw cannot(path, "open", reason_of_last_error());
  LARGE_INTEGER size{};
  if (!GetFileSizeEx(handle, &size)) {
    const std::string why = reason_of_last_error();
    CloseHandle(handle);
    throw cannot(path, "read", why);
  }
  if (size.QuadPart == 0) {
    CloseHandle(handle);
    return file;
  }
  const HANDLE mapping = CreateFileMappingW(handle, nullptr, PAGE_READONLY, 0, 0, nullptr);
  const std::string why = mapping == nullptr ? reason_of_last_error() : std::string();
  CloseHandle(handle);
  if (mapping == nullptr) throw cannot(path, "map", why);
  const void* view = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
  const std::string view_error = view == nullptr ? reason_of_last_error() : std::string();
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

}  // namespace philo
