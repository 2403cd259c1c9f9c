// Streams a large private buffer through every thread and takes the best of many short passes.
#include "machine/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/timed_passes.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace philo {
namespace {

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

}  // namespace

double measured_read_bandwidth(int threads, bool* disturbed) {
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
  std::atomic<uint64_t> sink{0};  // keeps the reads alive
  const auto part = [&](size_t thread) { return buffer.get() + thread * bytes / sizeof(uint64_t); };
  // A pass reads the next eighth of each part: short enough to fall between two interruptions, and its turn comes again only after the
  // rest of the buffer went through the caches.
  constexpr size_t sections = 8;
  const size_t section = bytes / sections / sizeof(uint64_t);
  const FastestPass fastest = fastest_pass(
      threads, {.most = 8 * sections, .seconds = 0.2}, [&](size_t thread) { std::memset(part(thread), 1, bytes); },
      [&](size_t thread, size_t pass) {
        sink.fetch_add(sum(part(thread) + pass % sections * section, section), std::memory_order_relaxed);
      });
  if (disturbed != nullptr && fastest.disturbed) *disturbed = true;
  return fastest.seconds > 0 ? static_cast<double>(section * sizeof(uint64_t) * count) / fastest.seconds * 1e-9 : 0;
}

}  // namespace philo
