// Every task of every job runs exactly once, and run() returns after the last.
#include "machine/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>

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

TEST(ThreadPool, EndsWithoutEverRunning) { ThreadPool pool(4); }

}  // namespace
}  // namespace philo
