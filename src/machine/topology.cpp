// The system's topology files and calls become a list of processors.
#include "machine/topology.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>

#if defined(__linux__)
#include <sched.h>
#elif defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#endif

namespace philo {

void describe_processors(const std::vector<LogicalProcessor>& processors, std::optional<double> quota, CpuDescription& description) {
  std::map<std::string, int> seen;                 // processors met so far of each core
  std::vector<std::tuple<int, int, int>> order;    // (rank within its core, kind, number)
  for (const LogicalProcessor& processor : processors)
    order.emplace_back(seen[processor.core]++, processor.kind, processor.number);
  std::sort(order.begin(), order.end());
  description.processors.clear();
  description.thread_counts.clear();
  for (const auto& [rank, kind, number] : order) description.processors.push_back(number);
  description.cores = seen.size();
  description.limited = quota && *quota + 0.999 < static_cast<double>(description.cores);
  if (description.limited) description.cores = static_cast<size_t>(std::max(1.0, *quota + 0.999));

  // Where the kind changes, and after the cores' first threads.
  std::vector<size_t>& counts = description.thread_counts;
  for (size_t count = 1; count <= order.size(); ++count) {
    const bool same = count < order.size() && std::get<0>(order[count]) == std::get<0>(order[count - 1]) &&
                      std::get<1>(order[count]) == std::get<1>(order[count - 1]);
    if (!same && (std::get<0>(order[count - 1]) == 0 || count == order.size())) counts.push_back(count);
  }
  description.fast_cores = counts.empty() ? 1 : std::min(counts.front(), description.cores);
  if (description.limited) counts = {description.cores};
  // Half of many fast cores may read memory as fast as all of them.
  if (!counts.empty() && counts.front() >= 4) counts.insert(counts.begin(), counts.front() / 2);
}

namespace {

#if defined(__linux__)
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::vector<int> allowed_processors() {
  // The kernel may know more processors than a fixed cpu_set_t holds; then the call fails and a larger set is tried.
  for (size_t count = CPU_SETSIZE; count <= (size_t{1} << 20); count *= 4) {
    cpu_set_t* set = CPU_ALLOC(count);
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(count);
    std::vector<int> processors;
    const bool read = sched_getaffinity(0, bytes, set) == 0;
    for (size_t i = 0; read && i < count; ++i)
      if (CPU_ISSET_S(i, bytes, set)) processors.push_back(static_cast<int>(i));
    CPU_FREE(set);
    if (!processors.empty()) return processors;
  }
  return {};
}

// "0-11,16" as numbers.
std::set<int> numbers_of(const std::string& list) {
  std::set<int> numbers;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    std::istringstream range(part);
    int first = 0, last = 0;
    char dash = 0;
    if (!(range >> first)) continue;
    if (!(range >> dash >> last)) last = first;
    for (int number = first; number <= last && number - first < 65536; ++number) numbers.insert(number);
  }
  return numbers;
}

// Processors' worth of time that one control group grants; nothing where it grants all. Version 2 writes "max 100000" or
// "150000 100000" into one file, version 1 has two files and -1 for no limit.
std::optional<double> group_quota(const std::string& folder) {
  std::istringstream line(first_line(folder + "/cpu.max"));
  double quota = 0, period = 0;
  if (line >> quota >> period && period > 0) return quota / period;
  std::istringstream first(first_line(folder + "/cpu.cfs_quota_us")), second(first_line(folder + "/cpu.cfs_period_us"));
  if (first >> quota && second >> period && quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

std::optional<double> container_quota() {
  std::optional<double> least;
  const auto take = [&](const std::string& folder) {
    if (const auto quota = group_quota(folder)) least = least ? std::min(*least, *quota) : *quota;
  };
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "0::/a/b" or "4:cpu,cpuacct:/a/b"
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string root;
    if (controllers.empty()) root = "/sys/fs/cgroup";
    else if (("," + controllers + ",").find(",cpu,") != std::string::npos) root = "/sys/fs/cgroup/" + controllers;
    else continue;
    // A limit of any ancestor holds too.
    for (std::string group = line.substr(second + 1);; group.resize(group.find_last_of('/'))) {
      take(root + (group == "/" ? "" : group));
      if (group.find_last_of('/') == std::string::npos) break;
    }
  }
  return least;
}

size_t cache_bytes(const std::string& folder) {  // "2048K"
  std::istringstream text(first_line(folder + "/size"));
  size_t size = 0;
  char unit = 0;
  text >> size >> unit;
  return unit == 'K' ? size << 10 : unit == 'M' ? size << 20 : size;
}

void find_caches(int processor, CpuDescription& description) {
  const std::string root = "/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/cache/index";
  for (int index = 0; index < 16; ++index) {
    const std::string folder = root + std::to_string(index);
    const std::string level = first_line(folder + "/level");
    if (level.empty()) break;
    if (level == "2") description.l2_bytes = cache_bytes(folder);
    if (level == "3") description.l3_bytes = std::max(description.l3_bytes, cache_bytes(folder));
  }
}

#endif

}  // namespace

#if defined(__linux__)
std::vector<LogicalProcessor> read_processors(const std::string& devices, const std::vector<int>& allowed) {
  // Intel's hybrid processors list their small cores; ARM's systems tell the capacity of each core.
  const std::set<int> small = numbers_of(first_line(devices + "/cpu_atom/cpus")), smallest = numbers_of(first_line(devices + "/cpu_lowpower/cpus"));
  std::vector<LogicalProcessor> processors;
  std::vector<double> capacities;
  std::vector<bool> with_l3;
  for (const int number : allowed) {
    const std::string folder = devices + "/system/cpu/cpu" + std::to_string(number);
    std::string core = first_line(folder + "/topology/core_id");
    if (core.empty() || core == "-1") core = "alone" + std::to_string(number);
    processors.push_back({number, first_line(folder + "/topology/physical_package_id") + "/" + core, smallest.contains(number) ? 2 : small.contains(number) ? 1 : 0});
    std::istringstream capacity(first_line(folder + "/cpu_capacity"));
    double value = 0;
    capacities.push_back(capacity >> value ? value : 0);
    with_l3.push_back(!first_line(folder + "/cache/index3/level").empty());
  }
  if (processors.empty()) return processors;
  const double greatest = *std::max_element(capacities.begin(), capacities.end());
  const bool some_l3 = std::find(with_l3.begin(), with_l3.end(), true) != with_l3.end();
  for (size_t i = 0; i < processors.size(); ++i) {
    int& kind = processors[i].kind;
    if (capacities[i] > 0 && capacities[i] < 0.8 * greatest) kind = std::max(kind, capacities[i] < 0.4 * greatest ? 2 : 1);
    if (kind == 1 && some_l3 && !with_l3[i]) kind = 2;  // Meteor Lake's cores outside the compute tile
  }
  return processors;
}

void find_topology(CpuDescription& description) {
  const std::vector<int> allowed = allowed_processors();
  describe_processors(read_processors("/sys/devices", allowed), container_quota(), description);
  if (!allowed.empty()) find_caches(allowed.front(), description);
}
#elif defined(_WIN32)
void find_topology(CpuDescription& description) {
  DWORD_PTR process = 0, system = 0;
  if (GetProcessAffinityMask(GetCurrentProcess(), &process, &system) == 0) process = ~DWORD_PTR{0};
  DWORD bytes = 0;
  GetLogicalProcessorInformationEx(RelationAll, nullptr, &bytes);
  std::vector<char> buffer(bytes);
  auto* const records = reinterpret_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX*>(buffer.data());
  if (bytes == 0 || GetLogicalProcessorInformationEx(RelationAll, records, &bytes) == 0) return;
  std::vector<LogicalProcessor> processors;
  int cores = 0, fastest = 0;
  for (DWORD at = 0; at < bytes;) {
    const auto* const record = reinterpret_cast<const SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX*>(buffer.data() + at);
    at += record->Size;
    if (record->Relationship == RelationCache) {
      const CACHE_RELATIONSHIP& cache = record->Cache;
      if (cache.Level == 2 && description.l2_bytes == 0) description.l2_bytes = cache.CacheSize;
      if (cache.Level == 3) description.l3_bytes = std::max(description.l3_bytes, size_t{cache.CacheSize});
    }
    // A process starts in one group of at most 64 processors; the affinity mask speaks of that group.
    if (record->Relationship != RelationProcessorCore || record->Processor.GroupMask[0].Group != 0) continue;
    const auto mask = static_cast<DWORD_PTR>(record->Processor.GroupMask[0].Mask) & process;
    const std::string core = std::to_string(cores++);
    const int efficiency = (&record->Processor.Flags)[1];  // EfficiencyClass, a byte that mingw-w64 10 has no name for
    fastest = std::max(fastest, efficiency);
    for (int processor = 0; processor < static_cast<int>(8 * sizeof mask); ++processor)
      if ((mask >> processor & 1) != 0) processors.push_back({processor, core, efficiency});
  }
  for (LogicalProcessor& processor : processors) processor.kind = fastest - processor.kind;  // Windows counts up
  describe_processors(processors, std::nullopt, description);
}
#else
void find_topology(CpuDescription&) {}
#endif

}  // namespace philo
