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

// Lets peak_bytes begin anew, from what the process holds now. False where the system does not allow it.
bool reset_peak_memory();

// Gives memory that was freed back to the system, where the C library would keep some.
void return_free_memory();

// Asks the system to back memory of our own with huge pages, where it has them: fewer page faults while it is filled, fewer misses of the
// address tables while it is read. Pages that lie only partly in it are left alone.
void prefer_huge_pages(void* memory, size_t bytes);
constexpr size_t huge_page_bytes = size_t{2} << 20;

}  // namespace philo
