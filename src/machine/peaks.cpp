// Times the loops, in short passes of all threads together.
#include "machine/peaks.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>

#include "machine/peak_loops.h"
#include "machine/timed_passes.h"

namespace philo {
namespace {

// Ordinary numbers: sums of their products are never denormal and stay far from infinity.
constexpr PeakFactors factors = {
    {3,  250, 17, 99, 181, 64, 7,  222, 140, 31, 88, 201, 5,  119, 66, 240, 23, 54,  160, 211, 9,   77, 33,  128, 45, 190, 12, 85, 230, 101, 58, 149,
     2,  71,  36, 214, 92, 173, 20, 61, 247, 110, 39, 134, 8,  156, 27, 83, 199, 14, 69,  225, 47,  96, 177, 30,  121, 52, 238, 11, 143, 74, 205, 19},
    {0.625f, -0.75f, 1.5f, 1.25f, -1.125f, 0.875f, 0.5f, -1.75f, 1.375f, 0.25f, -0.5f, 0.75f, 1.625f, -0.25f, 1.0f, -1.0f}};

// Rounds of about a millisecond: short enough to fall between two interruptions. Finding them warms the wide units up.
uint64_t rounds_of(const PeakLoop& loop, std::atomic<double>& sink) {
  using Clock = std::chrono::steady_clock;
  constexpr double wanted = 1e-3;
  for (uint64_t rounds = 1024;; rounds *= 2) {
    const Clock::time_point begin = Clock::now();
    sink.store(loop.run(rounds, factors), std::memory_order_relaxed);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (seconds < wanted / 4) continue;
    return std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(rounds) * std::min(wanted / seconds, 4.0)));
  }
}

// 10^9 operations per second of all threads.
double measure(const PeakLoop& loop, int threads, bool& disturbed) {
  std::atomic<double> sink{0};  // keeps the work alive
  const uint64_t rounds = rounds_of(loop, sink);
  FastestPass fastest{0, true};
  for (int attempt = 0; attempt < 3 && fastest.disturbed; ++attempt) {
    const FastestPass again = fastest_pass(
        threads, {.most = 24, .seconds = 0.03}, [](size_t) {},
        [&](size_t, size_t) { sink.store(loop.run(rounds, factors), std::memory_order_relaxed); });
    if (attempt == 0 || again.seconds < fastest.seconds) fastest = again;
  }
  if (fastest.seconds <= 0) return 0;
  disturbed = disturbed || fastest.disturbed;
  return static_cast<double>(rounds * loop.operations) * threads / fastest.seconds * 1e-9;
}

}  // namespace

std::vector<std::string> peak_isas() {
  std::vector<std::string> names;
  for (const PeakLoops& loops : peak_loops()) names.emplace_back(loops.isa);
  return names;
}

std::vector<ComputePeak> measured_peaks(int threads, bool* disturbed) {
  bool disturbed_here = false;
  std::map<decltype(PeakLoop::run), double> known;  // several instruction sets share a loop
  const auto rate = [&](const PeakLoop& loop) {
    const auto found = known.find(loop.run);
    return found != known.end() ? found->second : known[loop.run] = measure(loop, threads, disturbed_here);
  };
  std::vector<ComputePeak> peaks;
  for (const PeakLoops& loops : peak_loops()) peaks.push_back({loops.isa, rate(loops.int8), rate(loops.fp32)});
  if (disturbed != nullptr && disturbed_here) *disturbed = true;
  return peaks;
}

const ComputePeak* find_peak(const std::vector<ComputePeak>& peaks, std::string_view isa) {
  if (isa == "avx_vnni_evex") isa = "avx_vnni";
  const auto found = std::find_if(peaks.begin(), peaks.end(), [&](const ComputePeak& peak) { return peak.isa == isa; });
  return found == peaks.end() ? nullptr : &*found;
}

}  // namespace philo
