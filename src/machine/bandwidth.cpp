// Streams a large private buffer through every thread and takes the best of several passes.
#include "machine/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "machine/cpu.h"
#include "machine/memory.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace philo {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t page = size_t{2} << 20;  // a huge page

struct Free {
  void operator()(uint64_t* buffer) const { ::operator delete(buffer, std::align_val_t{page}); }
};

// Eight independent sums, which compilers turn into vector additions; the loads bind, not the sums.
uint64_t sum(const uint64_t* values, size_t count) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 8 <= count; i += 8)
    for (size_t j = 0; j < 8; ++j) sums[j] += values[i + j];
  uint64_t total = 0;
  for (const uint64_t value : sums) total += value;
  return total;
}

double measure(int threads) {
  const auto count = static_cast<size_t>(threads);
  // Twice the last cache, whose other users may leave all of it to us; at most a quarter of what is free, and no more than a running
  // model's peak memory bears (weights, keys and values, and 500 MB).
  const size_t wanted = std::clamp<size_t>(2 * cpu().l3_bytes, size_t{256} << 20, size_t{384} << 20);
  const size_t bytes = std::min(wanted, memory_status().available_bytes / 4) / count / page * page;  // of one thread
  if (bytes == 0) return 0;
  const std::unique_ptr<uint64_t, Free> buffer(
      static_cast<uint64_t*>(::operator new(bytes * count, std::align_val_t{page}, std::nothrow)));
  if (!buffer) return 0;
#if defined(__linux__)
  madvise(buffer.get(), bytes * count, MADV_HUGEPAGE);
#endif

  constexpr int passes = 5;
  std::atomic<int> arrived{0};
  std::atomic<uint64_t> sink{0};  // keeps the reads alive
  std::vector<Clock::time_point> begins(count * passes), ends(count * passes);
  const auto work = [&](size_t index) {
    const auto& processors = cpu().processors;
    if (count <= processors.size()) pin_this_thread(processors[index]);
    uint64_t* const part = buffer.get() + index * bytes / sizeof(uint64_t);
    std::memset(part, 1, bytes);
    for (int pass = 0; pass < passes; ++pass) {
      arrived.fetch_add(1);
      while (arrived.load() < threads * (pass + 1)) std::this_thread::yield();
      begins[index * passes + static_cast<size_t>(pass)] = Clock::now();
      sink.fetch_add(sum(part, bytes / sizeof(uint64_t)), std::memory_order_relaxed);
      ends[index * passes + static_cast<size_t>(pass)] = Clock::now();
    }
  };
  std::vector<std::thread> workers;  // threads of their own, so that the caller's stays unpinned
  for (size_t i = 0; i < count; ++i) workers.emplace_back(work, i);
  for (std::thread& worker : workers) worker.join();

  double best = 0;
  for (size_t pass = 0; pass < passes; ++pass) {
    Clock::time_point begin = begins[pass], end = ends[pass];
    for (size_t i = 1; i < count; ++i) {
      begin = std::min(begin, begins[i * passes + pass]);
      end = std::max(end, ends[i * passes + pass]);
    }
    best = std::max(best, static_cast<double>(bytes * count) / std::chrono::duration<double>(end - begin).count() * 1e-9);
  }
  return best;
}

}  // namespace

double measured_read_bandwidth(int threads) {
  static std::mutex mutex;
  static std::map<int, double> results;
  const std::scoped_lock lock(mutex);
  threads = std::clamp(threads, 1, 1024);
  const auto found = results.find(threads);
  if (found != results.end()) return found->second;
  return results[threads] = measure(threads);
}

}  // namespace philo
