// Holds the description of this computer against what must be true of any.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "machine/bandwidth.h"
#include "machine/cpu.h"
#include "machine/memory.h"

namespace philo {
namespace {

TEST(Cpu, NamesItsPartsConsistently) {
  const CpuDescription& description = cpu();
  EXPECT_FALSE(description.name.empty());
  EXPECT_GE(description.cores, 1u);
  EXPECT_LE(description.cores, description.processors.size());
  const std::set<int> distinct(description.processors.begin(), description.processors.end());
  EXPECT_EQ(distinct.size(), description.processors.size());
}

TEST(Cpu, AgreesWithTheCompilersOwnDetection) {
#if defined(__x86_64__)
  const CpuFeatures& features = cpu().features;
  EXPECT_EQ(features.avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  EXPECT_EQ(features.avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
  EXPECT_EQ(features.avx512_vnni, static_cast<bool>(__builtin_cpu_supports("avx512vnni")));
  EXPECT_FALSE(features.neon);
#elif defined(__aarch64__)
  EXPECT_TRUE(cpu().features.neon);
  EXPECT_FALSE(cpu().features.avx2);
#endif
}

TEST(Cpu, FeatureNamesListExactlyWhatIsThere) {
  CpuFeatures features;
  EXPECT_TRUE(feature_names(features).empty());
  features.avx2 = features.sve = true;
  EXPECT_EQ(feature_names(features), (std::vector<std::string>{"avx2", "sve"}));
}

TEST(Cpu, PinsToAnAllowedProcessorOnly) {
  bool allowed = false, absurd = true;
  std::thread([&] {
    allowed = pin_this_thread(cpu().processors.front());
    absurd = pin_this_thread(-1);
  }).join();
#if defined(__linux__) || defined(_WIN32)
  EXPECT_TRUE(allowed);
#endif
  EXPECT_FALSE(absurd);
}

TEST(Memory, SizesAreOrdered) {
  const MemoryStatus status = memory_status();
#if defined(__linux__) || defined(_WIN32)
  EXPECT_GT(status.total_bytes, size_t{1} << 20);
  EXPECT_GT(status.available_bytes, 0u);
  EXPECT_LE(status.available_bytes, status.total_bytes);
  EXPECT_GT(status.resident_bytes, 0u);
  EXPECT_GE(status.peak_bytes, status.resident_bytes / 2);
#endif
}

TEST(Memory, ThePeakBeginsAnewWhereTheSystemAllowsIt) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "the address sanitizer keeps what was freed";
#endif
#endif
  constexpr size_t bytes = size_t{64} << 20;
  {
    const std::vector<char> large(bytes, 1);
  }
  const size_t before = memory_status().peak_bytes;
  if (!reset_peak_memory()) GTEST_SKIP() << "not allowed here";
  EXPECT_LT(memory_status().peak_bytes, before - bytes / 2);
}

TEST(Bandwidth, IsMeasured) {
  EXPECT_GT(measured_read_bandwidth(1), 0);
  // Too many threads for a page each: no memory, no number, no crash.
  EXPECT_GE(measured_read_bandwidth(1024), 0);
}

}  // namespace
}  // namespace philo
