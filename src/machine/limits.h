// What bounds computing on this computer, measured once and kept: in the process, and in a file of a folder that the caller names.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "machine/peaks.h"

namespace philo {

struct MachineLimits {
  int threads = 1;
  double read_gb_per_s = 0;  // 10^9 bytes; 0 where there was no memory to measure it with
  std::vector<ComputePeak> peaks = {};
  bool disturbed = false;    // other programs ran: the numbers are lower bounds
};

// Measures, keeping nothing: about 0.7 seconds on a quiet machine. What computes meanwhile makes the numbers too low.
MachineLimits measured_limits(int threads);

struct LimitsOptions {
  std::string cache_folder = {};  // made where it is missing; empty: nothing is read or written
  bool remeasure = false;         // even where the limits are known
  NoteSink note = {};             // that measuring begins, that a cache can't be written; may be empty
  Progress progress = {};         // of measuring; may be empty
  std::function<MachineLimits(int threads)> measure = measured_limits;
};

// The limits for each of these numbers of threads (1 to 1024): known in this process, read from the cache, or measured. A cache
// that is damaged, or of another machine or version, counts as none and is replaced; one that can't be written is a note. Throws
// ErrorCode::Stopped where `progress` asks for it. May be called from several threads; one of them measures at a time.
std::vector<MachineLimits> machine_limits(std::span<const int> threads, const LimitsOptions& options);

// What this process knows already.
std::optional<MachineLimits> known_limits(int threads);

// What the cache holds for this machine; nothing where it is damaged, or of another machine or version.
std::vector<MachineLimits> cached_limits(const std::string& cache_folder);

// The cache's file in this folder: another one for each machine, so that machines may share a home.
std::string limits_file(const std::string& cache_folder);

}  // namespace philo
