// How much memory this computer has and how much of it this process holds.
#pragma once

#include <cstddef>

namespace philo {

struct MemoryStatus {
  size_t total_bytes = 0;      // of the machine, or of the container where that is less
  size_t available_bytes = 0;  // that could be taken now without swapping
  size_t resident_bytes = 0;   // of this process, mapped file pages included
  size_t peak_bytes = 0;       // the most that resident_bytes ever was
};

// Fields that the system does not tell are 0.
MemoryStatus memory_status();

// Asks the system to back memory of our own with huge pages, where it has them: fewer page faults while it is filled, fewer misses of the
// address tables while it is read. Pages that lie only partly in it are left alone.
void prefer_huge_pages(void* memory, size_t bytes);
constexpr size_t huge_page_bytes = size_t{2} << 20;

}  // namespace philo
