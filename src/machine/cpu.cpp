// CPUID and HWCAP become a CpuDescription.
#include "machine/cpu.h"

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

#include "machine/topology.h"

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
  features.neon_i8mm = IsProcessorFeaturePresent(66) != 0;     // PF_ARM_V82_I8MM_INSTRUCTIONS_AVAILABLE
#endif
  return features;
}

std::string find_name() { return "ARM64"; }
#else
CpuFeatures find_features() { return {}; }
std::string find_name() { return "unknown processor"; }
#endif

CpuDescription find_cpu() {
  CpuDescription description;
  description.name = find_name();
  description.features = find_features();
  find_topology(description);
  if (description.processors.empty()) {  // the system does not say
    std::vector<LogicalProcessor> processors;
    const int count = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    for (int number = 0; number < count; ++number) processors.push_back({.number = number, .core = std::to_string(number)});
    describe_processors(processors, std::nullopt, description);
  }
  return description;
}

}  // namespace

const CpuDescription& cpu() {
  static const CpuDescription description = find_cpu();
  return description;
}

int threads_or_cores(int wanted) { return wanted > 0 ? wanted : static_cast<int>(cpu().cores); }

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
