// Workers spin for some microseconds between jobs, then sleep.
#include "machine/thread_pool.h"

#include <algorithm>
#include <utility>

#include "machine/cpu.h"

namespace philo {
namespace {

constexpr uint64_t open_bit = uint64_t{1} << 31;
constexpr uint64_t inside_mask = open_bit - 1;
constexpr int spins_before_sleep = 2000;  // some 30 to 100 microseconds: longer than the gap between two steps
constexpr size_t telling_tasks = 8;       // for each thread: with fewer, what each did says little about its speed
constexpr float newest_weight = 0.25f;    // of the last job in a thread's share

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

uint32_t generation(uint64_t state) { return static_cast<uint32_t>(state >> 32); }

}  // namespace

// Workers are pinned only where the pool takes all cores of a kind that this process has: with fewer, or where a container's quota pays for
// fewer, two processes would sit on the same ones. The caller's thread is not ours to pin. Denormals stay as IEEE has them: float weights make none worth the difference.
ThreadPool::ThreadPool(int threads) : seats_(static_cast<size_t>(threads)), everyone_(static_cast<size_t>(threads)) {
  const CpuDescription& description = cpu();
  const std::vector<size_t>& counts = description.thread_counts;
  const auto count = static_cast<size_t>(threads);
  const bool pinned = !description.limited && count >= description.fast_cores && std::find(counts.begin(), counts.end(), count) != counts.end();
  for (size_t thread = 1; thread < seats_.size(); ++thread)
    seats_[thread].worker = std::thread([this, thread, processor = pinned ? description.processors[thread] : -1] {
      if (processor >= 0) pin_this_thread(processor);
      serve(thread);
    });
}

ThreadPool::~ThreadPool() {
  ending_.store(true);
  for (size_t thread = 1; thread < seats_.size(); ++thread) {
    {
      const std::scoped_lock lock(seats_[thread].mutex);
    }
    seats_[thread].wake.notify_one();
    seats_[thread].worker.join();
  }
}

void ThreadPool::work(size_t thread) {
  size_t done = 0;
  try {
    const size_t crew = wanted_.load(std::memory_order_relaxed);
    for (size_t offset = 0; offset < crew; ++offset) {
      Seat& from = seats_[(thread + offset) % crew];
      // Looked at before it is added to: a thread that finds nothing leaves the line with its owner.
      while (from.next.load(std::memory_order_relaxed) < from.end) {
        const size_t index = from.next.fetch_add(1, std::memory_order_relaxed);
        if (index >= from.end) break;
        function_(context_, index, thread);
        ++done;
      }
    }
  } catch (...) {
    for (Seat& seat : seats_) seat.next.store(seat.end, std::memory_order_relaxed);
    const std::scoped_lock lock(failure_mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
  seats_[thread].done = done;
}

void ThreadPool::seat(size_t tasks, const Crew& crew) {
  float until = 0;
  size_t begin = 0;
  for (size_t thread = 0; thread < crew.threads(); ++thread) {
    until += crew.share(thread);
    const size_t end = thread + 1 == crew.threads() ? tasks : std::clamp(static_cast<size_t>(until * static_cast<float>(tasks) + 0.5f), begin, tasks);
    Seat& seat = seats_[thread];
    seat.next.store(begin, std::memory_order_relaxed);
    seat.end = end;
    seat.done = 0;
    begin = end;
  }
}

void ThreadPool::start(size_t tasks, Function function, const void* context, Crew& crew) {
  if (crew.threads() <= 1 || tasks <= 1) {
    for (size_t index = 0; index < tasks; ++index) function(context, index, 0);
    return;
  }
  function_ = function;
  context_ = context;
  wanted_.store(crew.threads(), std::memory_order_relaxed);
  seat(tasks, crew);
  const uint64_t opened = (uint64_t{generation(state_.load(std::memory_order_relaxed))} + 1) << 32 | open_bit;
  state_.store(opened);  // sequentially consistent with `asleep`: either a worker sees this job or we see it asleep
  for (size_t thread = 1; thread < crew.threads(); ++thread) {
    Seat& seat = seats_[thread];
    if (!seat.asleep.load()) continue;
    {
      const std::scoped_lock lock(seat.mutex);
    }
    seat.wake.notify_one();
  }
  work(0);
  state_.fetch_and(~open_bit, std::memory_order_acq_rel);
  for (int spins = 0; (state_.load(std::memory_order_acquire) & inside_mask) != 0; ++spins)
    if (spins < spins_before_sleep) pause();
    else std::this_thread::yield();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (tasks < telling_tasks * crew.threads()) return;
  for (size_t thread = 0; thread < crew.threads(); ++thread)
    crew.shares_[thread] += newest_weight * (static_cast<float>(seats_[thread].done) / static_cast<float>(tasks) - crew.shares_[thread]);
}

bool ThreadPool::enter(size_t thread, uint32_t& seen) {
  uint64_t state = state_.load();
  while ((state & open_bit) != 0 && generation(state) != seen && thread < wanted_.load(std::memory_order_relaxed))
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) {
      seen = generation(state);
      return true;
    }
  return false;
}

bool ThreadPool::idle(size_t thread, uint32_t seen) const {
  const uint64_t state = state_.load();
  return !ending_.load() && ((state & open_bit) == 0 || generation(state) == seen || thread >= wanted_.load(std::memory_order_relaxed));
}

void ThreadPool::serve(size_t thread) {
  Seat& seat = seats_[thread];
  uint32_t seen = 0;
  while (!ending_.load(std::memory_order_relaxed)) {
    if (enter(thread, seen)) {
      work(thread);
      state_.fetch_sub(1, std::memory_order_release);
      continue;
    }
    int spins = 0;
    while (spins < spins_before_sleep && idle(thread, seen)) {
      pause();
      ++spins;
    }
    if (spins < spins_before_sleep) continue;
    std::unique_lock lock(seat.mutex);
    seat.asleep.store(true);
    seat.wake.wait(lock, [&] { return !idle(thread, seen); });
    seat.asleep.store(false);
  }
}

}  // namespace philo
