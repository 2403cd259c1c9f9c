// How fast this computer reads its memory: the limit that decoding is held against.
#pragma once

namespace philo {

// GB/s (10^9 bytes) that this many pinned threads (1 to 1024) read together from a buffer that no cache holds, measured now: some
// 0.4 seconds and at most 384 MB of memory. 0 where the memory or the threads for it are missing.
// *disturbed becomes true where other programs kept the threads from running, so that the number is a lower bound.
double measured_read_bandwidth(int threads, bool* disturbed = nullptr);

}  // namespace philo
