// Workers spin for some microseconds between jobs, then sleep.
#include "machine/thread_pool.h"

#include <algorithm>

#include "machine/cpu.h"

namespace philo {
namespace {

constexpr uint64_t open_bit = uint64_t{1} << 31;
constexpr uint64_t inside_mask = open_bit - 1;
constexpr int spins_before_sleep = 2000;  // some 30 to 100 microseconds: longer than the gap between two steps

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

uint32_t generation(uint64_t state) { return static_cast<uint32_t>(state >> 32); }

}  // namespace

// Workers are pinned only where the pool takes every core that this process has: with fewer, two processes would sit on the same
// ones. The caller's thread is not ours to pin. Denormals stay as IEEE has them: float weights make none worth the difference.
ThreadPool::ThreadPool(int threads) {
  const CpuDescription& description = cpu();
  const bool pinned = static_cast<size_t>(threads) == description.cores && description.cores <= description.processors.size();
  for (int i = 1; i < threads; ++i)
    workers_.emplace_back([this, i, processor = pinned ? description.processors[static_cast<size_t>(i)] : -1] {
      if (processor >= 0) pin_this_thread(processor);
      serve(static_cast<size_t>(i));
    });
}

ThreadPool::~ThreadPool() {
  ending_.store(true);
  {
    const std::scoped_lock lock(mutex_);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::work(size_t thread) {
  for (size_t index; (index = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) function_(context_, index, thread);
}

void ThreadPool::start(size_t tasks, Function function, const void* context) {
  if (workers_.empty() || tasks <= 1) {
    for (size_t index = 0; index < tasks; ++index) function(context, index, 0);
    return;
  }
  function_ = function;
  context_ = context;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  const uint64_t opened = (uint64_t{generation(state_.load(std::memory_order_relaxed))} + 1) << 32 | open_bit;
  state_.store(opened);  // sequentially consistent with the sleepers' count: either they see this job or we see them
  if (sleepers_.load() != 0) {
    {
      const std::scoped_lock lock(mutex_);
    }
    wake_.notify_all();
  }
  work(0);
  state_.fetch_and(~open_bit, std::memory_order_acq_rel);
  for (int spins = 0; (state_.load(std::memory_order_acquire) & inside_mask) != 0; ++spins)
    if (spins < spins_before_sleep) pause();
    else std::this_thread::yield();
}

bool ThreadPool::enter(uint32_t& seen) {
  uint64_t state = state_.load();
  while ((state & open_bit) != 0 && generation(state) != seen)
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) {
      seen = generation(state);
      return true;
    }
  return false;
}

void ThreadPool::serve(size_t thread) {
  uint32_t seen = 0;
  const auto idle = [&] {
    const uint64_t state = state_.load();
    return !ending_.load() && ((state & open_bit) == 0 || generation(state) == seen);
  };
  while (!ending_.load(std::memory_order_relaxed)) {
    if (enter(seen)) {
      work(thread);
      state_.fetch_sub(1, std::memory_order_release);
      continue;
    }
    int spins = 0;
    while (spins < spins_before_sleep && idle()) {
      pause();
      ++spins;
    }
    if (spins < spins_before_sleep) continue;
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    wake_.wait(lock, [&] { return !idle(); });
    sleepers_.fetch_sub(1);
  }
}

}  // namespace philo
