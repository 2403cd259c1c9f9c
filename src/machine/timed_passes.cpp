// A barrier before each pass, and the clock on both sides of every thread's work.
#include "machine/timed_passes.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#include "machine/cpu.h"

#if defined(__linux__)
#include <time.h>
#endif

namespace philo {
namespace {

using Clock = std::chrono::steady_clock;

// Processor time that the calling thread has had; its time on the clock where the system does not count finely enough.
Clock::duration time_running() {
#if defined(__linux__)
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
#else
  return Clock::now().time_since_epoch();
#endif
}

struct Interval {
  Clock::time_point begin, end;
  Clock::duration running;
};

}  // namespace

FastestPass fastest_pass(int threads, PassLimits limits, const std::function<void(size_t thread)>& prepare,
                         const std::function<void(size_t thread, size_t pass)>& work) {
  const auto count = static_cast<size_t>(threads), most = static_cast<size_t>(limits.most);
  std::vector<Interval> intervals(count * most);
  std::atomic<size_t> arrived{0};
  std::atomic<size_t> last{most};  // the pass that is not made any more; settled by thread 0 before it arrives there
  std::atomic<bool> cancelled{false};
  const auto live = [&](size_t index) {
    const auto& processors = cpu().processors;
    if (count <= processors.size()) pin_this_thread(processors[index]);
    prepare(index);
    const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(limits.seconds));
    for (size_t pass = 0; pass < most; ++pass) {
      if (index == 0 && pass >= 2 && Clock::now() > deadline) last.store(pass);
      arrived.fetch_add(1);
      while (arrived.load() < count * (pass + 1) && !cancelled.load()) std::this_thread::yield();
      if (pass >= last.load() || cancelled.load()) return;
      Interval& interval = intervals[index * most + pass];
      interval.begin = Clock::now();
      const Clock::duration before = time_running();
      work(index, pass);
      interval.running = time_running() - before;
      interval.end = Clock::now();
    }
  };
  std::vector<std::thread> workers;
  try {
    for (size_t i = 0; i < count; ++i) workers.emplace_back(live, i);
  } catch (const std::system_error&) {
    cancelled.store(true);
  }
  for (std::thread& worker : workers) worker.join();
  if (cancelled.load()) return {};

  Clock::duration best = Clock::duration::max(), running{};
  for (size_t pass = 0; pass < last.load(); ++pass) {
    Interval whole{Clock::time_point::max(), Clock::time_point::min(), {}};
    for (size_t i = 0; i < count; ++i) {
      const Interval& one = intervals[i * most + pass];
      whole = {std::min(whole.begin, one.begin), std::max(whole.end, one.end), whole.running + one.running};
    }
    if (whole.end - whole.begin >= best) continue;
    best = whole.end - whole.begin;
    running = whole.running;
  }
  const double seconds = std::chrono::duration<double>(best).count();
  return {seconds, std::chrono::duration<double>(running).count() < 0.9 * seconds * threads};
}

}  // namespace philo
