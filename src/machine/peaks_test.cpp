// The loops compute what they are counted to, and every instruction set that is listed runs.
#include "machine/peaks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "machine/cpu.h"
#include "machine/peak_loops.h"
#include "machine/timed_passes.h"

namespace philo {
namespace {

// With ones for factors each product adds one, so the sum of all lanes is half the number of operations. So small it is exact.
TEST(Peaks, LoopsDoTheOperationsThatAreCounted) {
  PeakFactors ones;
  std::fill(std::begin(ones.bytes), std::end(ones.bytes), uint8_t{1});
  std::fill(std::begin(ones.floats), std::end(ones.floats), 1.0f);
  for (const PeakLoops& loops : peak_loops())
    for (const uint64_t rounds : {1u, 2u, 1000u}) {
      EXPECT_EQ(2 * loops.int8.run(rounds, ones), static_cast<double>(rounds * loops.int8.operations)) << loops.isa << " int8";
      EXPECT_EQ(2 * loops.fp32.run(rounds, ones), static_cast<double>(rounds * loops.fp32.operations)) << loops.isa << " fp32";
    }
}

TEST(Peaks, ListTheInstructionSetsOfThisProcessor) {
  const std::vector<std::string> isas = peak_isas();
  const auto has = [&](const char* isa) { return std::find(isas.begin(), isas.end(), isa) != isas.end(); };
  const CpuFeatures& features = cpu().features;
  EXPECT_EQ(isas.back(), "scalar");
  EXPECT_EQ(has("amx"), may_use_tiles() && features.avx512);
  EXPECT_EQ(has("avx512"), features.avx512);
  EXPECT_EQ(has("avx_vnni"), features.avx_vnni || features.avx512_vnni);
  EXPECT_EQ(has("avx2"), features.avx2);
  EXPECT_EQ(has("neon"), features.neon);
  EXPECT_EQ(has("neon_i8mm"), features.neon_i8mm && features.neon_dotprod);
  EXPECT_EQ(std::set<std::string>(isas.begin(), isas.end()).size(), isas.size());
}

TEST(Peaks, AreMeasuredForEach) {
  const std::vector<ComputePeak> peaks = measured_peaks(2);
  const std::vector<std::string> isas = peak_isas();
  ASSERT_EQ(peaks.size(), isas.size());
  for (size_t i = 0; i < isas.size(); ++i) {
    EXPECT_EQ(peaks[i].isa, isas[i]);
    EXPECT_GT(peaks[i].int8_gop_per_s, 0);
    EXPECT_GT(peaks[i].fp32_gflop_per_s, 0);
  }
}

TEST(Peaks, AreFoundByTheNamesOfKernelTables) {
  const std::vector<ComputePeak> peaks = {{"avx_vnni", 2, 1}, {"scalar", 4, 3}};
  EXPECT_EQ(find_peak(peaks, "scalar"), &peaks[1]);
  EXPECT_EQ(find_peak(peaks, "avx_vnni_evex"), &peaks[0]);
  EXPECT_EQ(find_peak(peaks, "avx512"), nullptr);
  EXPECT_EQ(find_peak(peaks, ""), nullptr);
}

TEST(TimedPasses, RunEachPassOnEachThread) {
  std::vector<std::vector<size_t>> passes(3);
  std::vector<int> prepared(3);
  const FastestPass fastest = fastest_pass(
      3, {.most = 4, .seconds = 1e9}, [&](size_t thread) { ++prepared[thread]; },
      [&](size_t thread, size_t pass) { passes[thread].push_back(pass); });
  EXPECT_GT(fastest.seconds, 0);
  EXPECT_EQ(prepared, std::vector<int>(3, 1));
  EXPECT_EQ(passes, std::vector<std::vector<size_t>>(3, {0, 1, 2, 3}));
}

TEST(TimedPasses, EndWhereTheTimeIsOver) {
  std::vector<size_t> passes(2);
  fastest_pass(2, {.most = 1000, .seconds = -1}, [](size_t) {}, [&](size_t thread, size_t) { ++passes[thread]; });
  EXPECT_EQ(passes, std::vector<size_t>(2, 2));
}

}  // namespace
}  // namespace philo
