// Which processors this process may use, of which kinds, and how many threads are worth trying.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machine/cpu.h"

namespace philo {

struct LogicalProcessor {
  int number = 0;
  std::string core = {};  // the same for the threads of one core
  int kind = 0;           // of the core: 0 for the fastest kind here, greater for slower ones
};

// Fills `processors`, `cores`, `fast_cores`, `limited` and `thread_counts`. `quota`: processors' worth of time that a container pays for.
void describe_processors(const std::vector<LogicalProcessor>& processors, std::optional<double> quota, CpuDescription& description);

// What the system says of this process: the above and the sizes of caches.
void find_topology(CpuDescription& description);

#if defined(__linux__)
// As the files below `devices` ("/sys/devices") describe those processors.
std::vector<LogicalProcessor> read_processors(const std::string& devices, const std::vector<int>& allowed);
#endif

}  // namespace philo
