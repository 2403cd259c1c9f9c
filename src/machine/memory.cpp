// Memory sizes from /proc and control groups, or from the Windows API.
#include "machine/memory.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#elif defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define PSAPI_VERSION 2  // the functions are in kernel32
#include <windows.h>
#include <psapi.h>
#endif

namespace philo {

void return_free_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

#if defined(__linux__)
void prefer_huge_pages(void* memory, size_t bytes) {
  const auto begin = (reinterpret_cast<uintptr_t>(memory) + huge_page_bytes - 1) / huge_page_bytes * huge_page_bytes;
  const auto end = (reinterpret_cast<uintptr_t>(memory) + bytes) / huge_page_bytes * huge_page_bytes;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}
#else
void prefer_huge_pages(void*, size_t) {}
#endif

#if defined(__linux__)
namespace {

// The value of "Key:   123 kB" in a file of such lines, in bytes.
size_t kilobytes_line(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    size_t kilobytes = 0;
    std::istringstream(line.substr(key.size())) >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

size_t number_in(const std::string& path) {  // 0 for "max" and for missing files
  std::ifstream file(path);
  size_t number = 0;
  return file >> number ? number : 0;
}

}  // namespace

MemoryStatus memory_status() {
  MemoryStatus status;
  status.total_bytes = kilobytes_line("/proc/meminfo", "MemTotal:");
  status.available_bytes = kilobytes_line("/proc/meminfo", "MemAvailable:");
  status.resident_bytes = kilobytes_line("/proc/self/status", "VmRSS:");
  status.peak_bytes = kilobytes_line("/proc/self/status", "VmHWM:");
  // Inside a container the group's files are mounted at the root of the hierarchy. Cached file pages count as used there but
  // are given back under pressure, so they count as available.
  const size_t limit = number_in("/sys/fs/cgroup/memory.max");
  if (limit == 0 || limit >= status.total_bytes) return status;
  const size_t used = number_in("/sys/fs/cgroup/memory.current");
  size_t cached = 0;
  std::ifstream file("/sys/fs/cgroup/memory.stat");
  for (std::string key; file >> key;) {
    size_t value = 0;
    if (!(file >> value)) break;
    if (key == "inactive_file" || key == "active_file") cached += value;
  }
  status.total_bytes = limit;
  const size_t held = used - std::min(used, cached);
  status.available_bytes = std::min(status.available_bytes, limit - std::min(limit, held));
  return status;
}

// proc(5): "5" written to clear_refs sets VmHWM back to VmRSS.
bool reset_peak_memory() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  if (!file) return false;
  // The marks lag behind by what each processor still counts for itself.
  constexpr size_t slack_bytes = size_t{16} << 20;
  const MemoryStatus status = memory_status();
  return status.peak_bytes <= status.resident_bytes + slack_bytes;
}
#elif defined(_WIN32)
bool reset_peak_memory() { return false; }

MemoryStatus memory_status() {
  MemoryStatus status;
  MEMORYSTATUSEX memory{};
  memory.dwLength = sizeof memory;
  if (GlobalMemoryStatusEx(&memory) != 0) {
    status.total_bytes = memory.ullTotalPhys;
    status.available_bytes = memory.ullAvailPhys;
  }
  PROCESS_MEMORY_COUNTERS counters{};
  if (GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters) != 0) {
    status.resident_bytes = counters.WorkingSetSize;
    status.peak_bytes = counters.PeakWorkingSetSize;
  }
  return status;
}
#else
MemoryStatus memory_status() { return {}; }
bool reset_peak_memory() { return false; }
#endif

}  // namespace philo
