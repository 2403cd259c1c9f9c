// CPUID, HWCAP and the system's topology files become a CpuDescription.
#include "machine/cpu.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sched.h>
#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif
#elif defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#endif

namespace philo {
namespace {

#if defined(__x86_64__)
struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf = 0) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

// Which register states the system saves (XCR0).
uint64_t saved_states() {
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

bool bit(uint64_t word, unsigned index) { return (word >> index & 1) != 0; }

CpuFeatures find_features() {
  CpuFeatures features;
  const Registers one = cpuid(1);
  if (!bit(one.ecx, 27)) return features;  // OSXSAVE
  const uint64_t states = saved_states();
  const bool ymm = (states & 0x6) == 0x6;
  const bool zmm = ymm && (states & 0xe0) == 0xe0;
  const bool tiles = (states & 0x60000) == 0x60000;
  const Registers seven = cpuid(7), seven_one = cpuid(7, 1);
  features.avx2 = ymm && bit(one.ecx, 28) && bit(one.ecx, 12) && bit(one.ecx, 29) && bit(seven.ebx, 5);
  features.avx_vnni = features.avx2 && bit(seven_one.eax, 4);
  features.avx512 = features.avx2 && zmm && bit(seven.ebx, 16) && bit(seven.ebx, 17) && bit(seven.ebx, 30) && bit(seven.ebx, 31);
  features.avx512_vnni = features.avx512 && bit(seven.ecx, 11);
  features.avx512_bf16 = features.avx512 && bit(seven_one.eax, 5);
  features.avx512_fp16 = features.avx512 && bit(seven.edx, 23);
  features.amx_int8 = tiles && bit(seven.edx, 24) && bit(seven.edx, 25);
  return features;
}

std::string find_name() {
  if (cpuid(0x80000000u).eax < 0x80000004u) return "x86-64";
  std::string name;
  for (unsigned leaf = 0x80000002u; leaf <= 0x80000004u; ++leaf) {
    const Registers r = cpuid(leaf);
    for (const unsigned word : {r.eax, r.ebx, r.ecx, r.edx})
      for (unsigned shift = 0; shift < 32; shift += 8)
        if (const char c = static_cast<char>(word >> shift & 0xff)) name += c;
  }
  const auto first = name.find_first_not_of(' ');
  if (first == std::string::npos) return "x86-64";
  return name.substr(first, name.find_last_not_of(' ') - first + 1);
}
#elif defined(__aarch64__)
CpuFeatures find_features() {
  CpuFeatures features;
  features.neon = true;  // part of the architecture
#if defined(__linux__)
  const unsigned long capabilities = getauxval(AT_HWCAP), more = getauxval(AT_HWCAP2);
  features.neon_dotprod = (capabilities >> 20 & 1) != 0;  // HWCAP_ASIMDDP
  features.sve = (capabilities >> 22 & 1) != 0;           // HWCAP_SVE
  features.neon_i8mm = (more >> 13 & 1) != 0;             // HWCAP2_I8MM
#elif defined(_WIN32)
  features.neon_dotprod = IsProcessorFeaturePresent(43) != 0;  // PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE
#endif
  return features;
}

std::string find_name() { return "ARM64"; }
#else
CpuFeatures find_features() { return {}; }
std::string find_name() { return "unknown processor"; }
#endif

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

void find_topology(CpuDescription& description) {
  const std::vector<int> allowed = allowed_processors();
  std::map<std::pair<std::string, std::string>, int> seen;  // (package, core) to processors met so far
  std::vector<std::pair<int, int>> order;                   // (rank within its core, processor)
  for (const int processor : allowed) {
    const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/";
    std::string core = first_line(folder + "core_id");
    if (core.empty() || core == "-1") core = "alone" + std::to_string(processor);
    order.emplace_back(seen[{first_line(folder + "physical_package_id"), core}]++, processor);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [rank, processor] : order) description.processors.push_back(processor);
  description.cores = seen.size();
  if (!allowed.empty()) find_caches(allowed.front(), description);
  if (const auto quota = container_quota()) {
    const auto whole = static_cast<size_t>(std::max(1.0, *quota + 0.999));
    description.cores = std::min(description.cores, whole);
  }
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
  std::vector<std::pair<int, int>> order;  // (rank within its core, processor)
  size_t cores = 0;
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
    int rank = 0;
    for (int processor = 0; processor < static_cast<int>(8 * sizeof mask); ++processor)
      if ((mask >> processor & 1) != 0) order.emplace_back(rank++, processor);
    if (rank != 0) ++cores;
  }
  std::sort(order.begin(), order.end());
  for (const auto& [rank, processor] : order) description.processors.push_back(processor);
  description.cores = cores;
}
#else
void find_topology(CpuDescription&) {}
#endif

CpuDescription find_cpu() {
  CpuDescription description;
  description.name = find_name();
  description.features = find_features();
  find_topology(description);
  if (description.processors.empty()) {
    const int count = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    for (int i = 0; i < count; ++i) description.processors.push_back(i);
    description.cores = description.processors.size();
  }
  description.cores = std::clamp<size_t>(description.cores, 1, description.processors.size());
  return description;
}

}  // namespace

const CpuDescription& cpu() {
  static const CpuDescription description = find_cpu();
  return description;
}

std::vector<std::string> feature_names(const CpuFeatures& features) {
  const std::pair<bool, const char*> all[] = {
      {features.avx2, "avx2"},               {features.avx_vnni, "avx_vnni"},         {features.avx512, "avx512"},
      {features.avx512_vnni, "avx512_vnni"}, {features.avx512_bf16, "avx512_bf16"},   {features.avx512_fp16, "avx512_fp16"},
      {features.amx_int8, "amx_int8"},       {features.neon, "neon"},                 {features.neon_dotprod, "neon_dotprod"},
      {features.neon_i8mm, "neon_i8mm"},     {features.sve, "sve"}};
  std::vector<std::string> names;
  for (const auto& [there, name] : all)
    if (there) names.emplace_back(name);
  return names;
}

bool may_use_tiles() {
#if defined(__linux__) && defined(__x86_64__)
  static const bool granted = [] {
    constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return cpu().features.amx_int8 && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  }();
  return granted;
#else
  return false;
#endif
}

bool pin_this_thread(int processor) {
#if defined(__linux__)
  if (processor < 0 || processor >= CPU_SETSIZE) return false;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(processor), &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
#elif defined(_WIN32)
  if (processor < 0 || processor >= static_cast<int>(8 * sizeof(DWORD_PTR))) return false;
  return SetThreadAffinityMask(GetCurrentThread(), DWORD_PTR{1} << processor) != 0;
#else
  (void)processor;
  return false;
#endif
}

}  // namespace philo
