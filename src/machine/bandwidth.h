// How fast this computer reads its memory: the limit that decoding is held against.
#pragma once

namespace philo {

// GB/s (10^9 bytes) that this many pinned threads read together from a buffer that no cache holds. Measured on the first call for a
// number of threads (about half a second), remembered for the life of the process. 0 where the memory for it is missing.
double measured_read_bandwidth(int threads);

}  // namespace philo
