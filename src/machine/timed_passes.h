// Work on pinned threads that start each pass together, timed: what the measurements of this computer share.
#pragma once

#include <cstddef>
#include <functional>

namespace philo {

struct PassLimits {
  int most = 1;        // passes
  double seconds = 0;  // after which no further pass begins; two are made in any case
};

struct FastestPass {
  double seconds = 0;      // from the first thread's start to the last one's end; 0 where the system does not give the threads
  bool disturbed = false;  // even in this pass the threads were kept from running for a tenth of the time. Known on Linux only
};

// Other programs only ever make a pass slower, so the fastest one counts.
// `prepare` runs once on each thread, before the first pass. The threads are this function's own, so the caller's stays unpinned; they
// are pinned where there is a processor for each. Neither function may throw.
FastestPass fastest_pass(int threads, PassLimits limits, const std::function<void(size_t thread)>& prepare,
                         const std::function<void(size_t thread, size_t pass)>& work);

}  // namespace philo
