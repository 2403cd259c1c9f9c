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

// Eight independent sums of vectors of `Wide`. Wide loads matter: with 16 bytes at a time one core of a server reaches half of what it
// does with 64.
template <typename Wide>
[[gnu::always_inline]] inline uint64_t sum_wide(const uint64_t* values, size_t count) {
  constexpr size_t step = sizeof(Wide) / sizeof(uint64_t);
  Wide sums[8] = {};
  for (size_t i = 0; i + 8 * step <= count; i += 8 * step)
    for (size_t j = 0; j < 8; ++j) sums[j] += *reinterpret_cast<const Wide*>(values + i + j * step);  // the buffer is aligned
  uint64_t total = 0;
  for (const Wide& lanes : sums)
    for (size_t lane = 0; lane < step; ++lane) total += lanes[lane];
  return total;
}

#if defined(__x86_64__)
[[gnu::target("avx512f")]] uint64_t sum_512(const uint64_t* values, size_t count) {
  typedef uint64_t Wide __attribute__((vector_size(64), may_alias));
  return sum_wide<Wide>(values, count);
}

[[gnu::target("avx2")]] uint64_t sum_256(const uint64_t* values, size_t count) {
  typedef uint64_t Wide __attribute__((vector_size(32), may_alias));
  return sum_wide<Wide>(values, count);
}
#endif

uint64_t sum_128(const uint64_t* values, size_t count) {
  typedef uint64_t Wide __attribute__((vector_size(16), may_alias));
  return sum_wide<Wide>(values, count);
}

uint64_t sum(const uint64_t* values, size_t count) {
#if defined(__x86_64__)
  if (cpu().features.avx512) return sum_512(values, count);
  if (cpu().features.avx2) return sum_256(values, count);
#endif
  return sum_128(values, count);
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
