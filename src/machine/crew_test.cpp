// Shares follow the tasks done, and who is late rests, with made-up times.
#include "machine/crew.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace philo {
namespace {

TEST(Crew, SharesFollowTheTasksDone) {
  Crew crew(2);
  EXPECT_EQ(crew.share(0), 0.5f);
  for (int job = 0; job < 40; ++job) {
    crew.note_share(0, 0.75f);
    crew.note_share(1, 0.25f);
  }
  EXPECT_NEAR(crew.share(0), 0.75f, 1e-3);
  EXPECT_NEAR(crew.share(1), 0.25f, 1e-3);
  for (int job = 0; job < 100; ++job) crew.note_share(1, 0);
  EXPECT_GT(crew.share(1), 0);
}

// What a thread costs its crew is judged by what it gives: a fourth, of four.
TEST(Crew, SendsToRestWhoCostsMoreThanHeGives) {
  Crew crew(4);
  Crew::Clock::time_point now = Crew::Clock::now();
  const auto jobs = [&](int count, size_t last, double late) {
    for (int job = 0; job < count; ++job) {
      now += std::chrono::milliseconds(1);
      crew.note_late(last, late, 1e-3, now);
    }
  };
  const auto resting = [&] {
    std::vector<size_t> threads;
    for (size_t thread = 0; thread < crew.threads(); ++thread)
      if (crew.rests(thread, now)) threads.push_back(thread);
    return threads;
  };
  using Threads = std::vector<size_t>;
  jobs(1000, 2, 0.2e-3);
  EXPECT_EQ(resting(), Threads{}) << "a fifth of the time";
  jobs(1, 2, 3e-3);
  EXPECT_EQ(resting(), Threads{}) << "once";
  jobs(60, 2, 0.5e-3);
  EXPECT_EQ(resting(), Threads{2});
  jobs(900, 1, 0);
  EXPECT_EQ(resting(), Threads{2});
  jobs(200, 1, 0);
  EXPECT_EQ(resting(), Threads{}) << "after a second";
  jobs(100, 2, 0.5e-3);
  EXPECT_EQ(resting(), Threads{2}) << "nothing has changed";
  jobs(1500, 1, 0);
  EXPECT_EQ(resting(), Threads{2}) << "two seconds, then";
  jobs(600, 1, 0);
  EXPECT_EQ(resting(), Threads{});
  jobs(3000, 1, 0);

  // The caller's thread can't rest; the core of another one becomes free for it.
  jobs(100, 0, 0.5e-3);
  EXPECT_EQ(resting(), Threads{3});
  jobs(100, 0, 0.5e-3);
  EXPECT_EQ(resting(), (Threads{2, 3}));
  jobs(500, 0, 0.5e-3);
  EXPECT_EQ(resting(), (Threads{1, 2, 3}));
  jobs(500, 0, 0.5e-3);
  EXPECT_EQ(resting(), (Threads{1, 2, 3}));
}

}  // namespace
}  // namespace philo
