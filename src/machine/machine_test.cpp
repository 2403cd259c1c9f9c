// Holds the description of this computer against what must be true of any.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "base/temporary_folder.h"
#include "machine/bandwidth.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/topology.h"

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

CpuDescription described(const std::vector<LogicalProcessor>& processors, std::optional<double> quota = {}) {
  CpuDescription description;
  describe_processors(processors, quota, description);
  return description;
}

using Counts = std::vector<size_t>;

TEST(Topology, CountsThreadsWorthTrying) {
  EXPECT_EQ(described({{0, "a"}, {1, "b"}}).thread_counts, (Counts{2}));

  // Two threads a core, as they are often numbered: the second ones come last.
  const CpuDescription smt = described({{0, "a"}, {1, "b"}, {2, "c"}, {3, "d"}, {4, "a"}, {5, "b"}, {6, "c"}, {7, "d"}});
  EXPECT_EQ(smt.processors, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(smt.cores, 4u);
  EXPECT_EQ(smt.fast_cores, 4u);
  EXPECT_EQ(smt.thread_counts, (Counts{2, 4, 8}));
  EXPECT_FALSE(smt.limited);

  // A container pays for some of them.
  const CpuDescription paid = described({{0, "a"}, {1, "b"}, {2, "c"}, {3, "d"}}, 2.5);
  EXPECT_TRUE(paid.limited);
  EXPECT_EQ(paid.cores, 3u);
  EXPECT_EQ(paid.thread_counts, (Counts{3}));
  EXPECT_FALSE(described({{0, "a"}, {1, "b"}}, 2.0).limited);
  EXPECT_EQ(described({{0, "a"}, {1, "b"}}, 0.1).cores, 1u);
}

#if defined(__linux__)
// The files of a processor with these cores, in the order of numbers: (core, whether it has a third cache, capacity or 0).
struct FakeCore {
  int core;
  bool l3 = true;
  int capacity = 0;
};
CpuDescription described(const std::vector<FakeCore>& processors, const std::string& small, const std::string& smallest) {
  const TemporaryFolder folder;
  std::vector<int> allowed;
  for (size_t number = 0; number < processors.size(); ++number) {
    const std::string name = "system/cpu/cpu" + std::to_string(number);
    folder.write(name + "/topology/core_id", std::to_string(processors[number].core) + "\n");
    folder.write(name + "/topology/physical_package_id", "0\n");
    if (processors[number].l3) folder.write(name + "/cache/index3/level", "3\n");
    if (processors[number].capacity != 0) folder.write(name + "/cpu_capacity", std::to_string(processors[number].capacity) + "\n");
    allowed.push_back(static_cast<int>(number));
  }
  if (!small.empty()) folder.write("cpu_atom/cpus", small + "\n");
  if (!smallest.empty()) folder.write("cpu_lowpower/cpus", smallest + "\n");
  return described(read_processors(folder.path(), allowed));
}

TEST(Topology, KnowsIntelsHybridProcessors) {
  // Six fast cores with two threads each, eight small ones, and two more that lie outside and share no cache with the rest.
  std::vector<FakeCore> cores;
  for (int core = 0; core < 6; ++core) cores.insert(cores.end(), 2, {core});
  for (int core = 6; core < 14; ++core) cores.push_back({core});
  for (int core = 14; core < 16; ++core) cores.push_back({core, false});
  for (const char* smallest : {"", "20-21"}) {
    const CpuDescription description = described(cores, "12-21", smallest);
    EXPECT_EQ(description.processors, (std::vector<int>{0, 2, 4, 6, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 1, 3, 5, 7, 9, 11}));
    EXPECT_EQ(description.cores, 16u);
    EXPECT_EQ(description.fast_cores, 6u);
    EXPECT_EQ(description.thread_counts, (Counts{3, 6, 14, 16, 22}));
  }
}

TEST(Topology, KnowsArmsCapacities) {
  const CpuDescription description =
      described({{0, true, 300}, {1, true, 300}, {2, true, 760}, {3, true, 1024}, {4, true, 1000}}, "", "");
  EXPECT_EQ(description.processors, (std::vector<int>{3, 4, 2, 0, 1}));
  EXPECT_EQ(description.thread_counts, (Counts{2, 3, 5}));
}

TEST(Topology, TakesProcessorsThatSayNothingAsAlike) {
  const TemporaryFolder folder;
  const CpuDescription description = described(read_processors(folder.path(), {3, 5, 9}));
  EXPECT_EQ(description.processors, (std::vector<int>{3, 5, 9}));
  EXPECT_EQ(description.thread_counts, (Counts{3}));
  EXPECT_TRUE(read_processors(folder.path(), {}).empty());
}
#endif

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
