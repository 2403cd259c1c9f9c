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
// fewer, two processes would sit on the same ones. The caller's thread is not ours to pin. Denormals stay as IEEE has them: float weights
// make none worth the difference.
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
  Seat& seat = seats_[thread];
  size_t done = 0;
  try {
    for (size_t offset = 0; offset < crew_threads_; ++offset) {
      Seat& from = seats_[(thread + offset) % crew_threads_];
      // Looked at before it is added to: a thread that finds nothing leaves the line with its owner.
      while (from.next.load(std::memory_order_relaxed) < from.end) {
        const size_t index = from.next.fetch_add(1, std::memory_order_relaxed);
        if (index >= from.end) break;
        function_(context_, index, thread);
        ++done;
      }
    }
  } catch (...) {
    for (Seat& other : seats_) other.next.store(other.end, std::memory_order_relaxed);
    const std::scoped_lock lock(failure_mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
  seat.done = done;
  seat.left = Crew::Clock::now();
}

size_t ThreadPool::invite(size_t tasks, const Crew& crew, Crew::Clock::time_point now) {
  size_t invited = 0;
  float shares = 0;
  for (size_t thread = 0; thread < crew.threads(); ++thread) {
    const bool wanted = !crew.rests(thread, now);
    seats_[thread].invited.store(wanted, std::memory_order_relaxed);
    if (!wanted) continue;
    shares += crew.share(thread);
    ++invited;
  }
  for (size_t thread = crew.threads(); thread < seats_.size(); ++thread) seats_[thread].invited.store(false, std::memory_order_relaxed);
  if (invited < 2) return invited;
  float until = 0;
  size_t begin = 0, left = invited;
  for (size_t thread = 0; thread < crew.threads(); ++thread) {
    Seat& seat = seats_[thread];
    size_t end = begin;
    if (seat.invited.load(std::memory_order_relaxed)) {
      until += crew.share(thread) / shares;
      end = --left == 0 ? tasks : std::clamp(static_cast<size_t>(until * static_cast<float>(tasks) + 0.5f), begin, tasks);
    }
    seat.next.store(begin, std::memory_order_relaxed);
    seat.end = end;
    seat.done = 0;
    seat.left = now;
    begin = end;
  }
  crew_threads_ = crew.threads();
  return invited;
}

void ThreadPool::start(size_t tasks, Function function, const void* context, Crew& crew) {
  const Crew::Clock::time_point began = Crew::Clock::now();
  if (tasks <= 1 || crew.threads() <= 1 || invite(tasks, crew, began) < 2) {
    for (size_t index = 0; index < tasks; ++index) function(context, index, 0);
    return;
  }
  function_ = function;
  context_ = context;
  const uint64_t opened = (uint64_t{generation(state_.load(std::memory_order_relaxed))} + 1) << 32 | open_bit;
  state_.store(opened);  // sequentially consistent with `asleep`: either a worker sees this job or we see it asleep
  for (size_t thread = 1; thread < crew.threads(); ++thread) {
    Seat& seat = seats_[thread];
    if (!seat.invited.load(std::memory_order_relaxed) || !seat.asleep.load()) continue;
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
  learn(tasks, crew, began);
}

void ThreadPool::learn(size_t tasks, Crew& crew, Crew::Clock::time_point began) {
  // Who left last, and how long after the one before, of those who did something: nobody waits for a worker that did not wake in time.
  size_t last = 0, took_part = 0;
  Crew::Clock::time_point end = began, before = began;
  for (size_t thread = 0; thread < crew.threads(); ++thread) {
    if (seats_[thread].done == 0) continue;
    ++took_part;
    const Crew::Clock::time_point left = seats_[thread].left;
    before = std::max(before, std::min(left, end));
    if (left < end) continue;
    end = left;
    last = thread;
  }
  const auto seconds = [](Crew::Clock::duration time) { return std::chrono::duration<double>(time).count(); };
  // Anybody may be late by a task.
  const double of_a_task = seconds(before - began) * static_cast<double>(took_part) / static_cast<double>(tasks);
  const double late = took_part < 2 ? 0 : std::max(0.0, seconds(end - before) - 2 * of_a_task);
  crew.note_late(last, late, seconds(end - began), end);
  if (tasks < telling_tasks * crew.threads()) return;
  for (size_t thread = 0; thread < crew.threads(); ++thread)
    if (seats_[thread].invited.load(std::memory_order_relaxed))
      crew.note_share(thread, static_cast<float>(seats_[thread].done) / static_cast<float>(tasks));
}

bool ThreadPool::enter(size_t thread, uint32_t& seen) {
  uint64_t state = state_.load();
  while ((state & open_bit) != 0 && generation(state) != seen && seats_[thread].invited.load(std::memory_order_relaxed))
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) {
      seen = generation(state);
      return true;
    }
  return false;
}

bool ThreadPool::idle(size_t thread, uint32_t seen) const {
  const uint64_t state = state_.load();
  return !ending_.load() &&
         ((state & open_bit) == 0 || generation(state) == seen || !seats_[thread].invited.load(std::memory_order_relaxed));
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
