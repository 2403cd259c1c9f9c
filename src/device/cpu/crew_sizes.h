// With how many threads this processor decodes and prefills fastest: measured once with the kernels, then remembered.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "device/cpu/kernels/kernels.h"
#include "machine/cpu.h"

namespace philo {

// Decoding reads weights, prefill multiplies: where slow cores, or second threads of cores, help the one, they may hinder the other.
struct CrewSizes {
  size_t decode = 1, prefill = 1;
  size_t most() const { return decode > prefill ? decode : prefill; }
  bool operator==(const CrewSizes&) const = default;
};

// The first of `counts` (ascending) that takes at most 3 % longer than the fastest.
size_t fewest_of_the_fastest(std::span<const size_t> counts, std::span<const double> seconds);

// For counts of threads that are not empty, about half a second. Throws ErrorCode::Resource where memory is missing.
CrewSizes measured_crew_sizes(const Kernels& kernels, std::span<const size_t> counts);

struct CrewSizesOptions {
  std::string cache_folder = {};  // made where it is missing; empty: remembered by the process only
  NoteSink note = {};             // that measuring begins, that its result can't be kept; may be empty
  std::vector<size_t> counts = cpu().thread_counts;
  std::function<CrewSizes(const Kernels& kernels, std::span<const size_t> counts)> measure = measured_crew_sizes;
};

// Where there is one number of threads to choose, or memory to measure with is missing, that is all cores. May be called from several
// threads.
CrewSizes crew_sizes(const Kernels& kernels, const CrewSizesOptions& options);

}  // namespace philo
