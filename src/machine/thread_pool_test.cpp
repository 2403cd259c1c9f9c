// Every task of every job runs exactly once, and run() returns after the last.
#include "machine/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace philo {
namespace {

TEST(ThreadPool, RunsEachTaskOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), static_cast<size_t>(threads));
    for (size_t round = 0; round < 2000; ++round) {
      std::vector<int> counts(round % 37);  // not atomic: what one task wrote must be seen after run()
      pool.run(counts.size(), [&](size_t index, size_t thread) {
        EXPECT_LT(thread, pool.threads());
        ++counts[index];
      });
      for (const int count : counts) ASSERT_EQ(count, 1);
    }
  }
}

TEST(ThreadPool, WakesSleepingWorkers) {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<size_t> sum{0};
    pool.run(100, [&](size_t index, size_t) { sum += index; });
    EXPECT_EQ(sum.load(), 4950u);
  }
}

TEST(ThreadPool, KeepsToTheCrew) {
  ThreadPool pool(4);
  Crew few(2), all(4);
  for (size_t round = 0; round < 500; ++round) {
    std::vector<int> counts(64);
    Crew& crew = round % 2 == 0 ? few : all;
    pool.run(counts.size(), crew, [&](size_t index, size_t thread) {
      EXPECT_LT(thread, crew.threads());
      ++counts[index];
    });
    for (const int count : counts) ASSERT_EQ(count, 1);
  }
}

// A thread that gets through less is given less, and what it doesn't begin others do: it may not even wake, and does one task at most.
TEST(ThreadPool, LearnsWhoIsSlow) {
  constexpr size_t tasks = 64;
  ThreadPool pool(2);
  Crew crew(2);
  for (int round = 0; round < 12; ++round) {
    std::atomic<size_t> done{0};
    pool.run(tasks, crew, [&](size_t, size_t thread) {
      while (thread == 1 && done < tasks - 1) std::this_thread::yield();
      ++done;
    });
    EXPECT_EQ(done, tasks);
    EXPECT_GT(crew.share(0), crew.share(1));
  }
  EXPECT_GT(crew.share(1), 0) << "it is tried again";
}

TEST(ThreadPool, GoesOnWithoutThoseWhoRest) {
  ThreadPool pool(3);
  Crew crew(3);
  const auto works = [&] {
    std::vector<int> counts(50);
    pool.run(counts.size(), crew, [&](size_t index, size_t thread) {
      EXPECT_FALSE(crew.rests(thread, Crew::Clock::now()) && thread != 0);
      ++counts[index];
    });
    return counts == std::vector<int>(50, 1);
  };
  for (const size_t thread : {2, 1}) {
    const Crew::Clock::time_point now = Crew::Clock::now();
    for (int job = 0; job < 3; ++job) crew.note_late(thread, 0.09, 0.09, now);
    EXPECT_TRUE(crew.rests(thread, now));
    for (int round = 0; round < 100; ++round) ASSERT_TRUE(works());
  }
}

TEST(ThreadPool, HandsOnTheFirstException) {
  ThreadPool pool(3);
  for (int round = 0; round < 50; ++round) {
    EXPECT_THROW(pool.run(100, [](size_t index, size_t) { if (index == 40) throw std::runtime_error("no"); }), std::runtime_error);
    std::atomic<int> done{0};
    pool.run(100, [&](size_t, size_t) { ++done; });
    EXPECT_EQ(done, 100);
  }
}

TEST(ThreadPool, EndsWithoutEverRunning) { ThreadPool pool(4); }

}  // namespace
}  // namespace philo
