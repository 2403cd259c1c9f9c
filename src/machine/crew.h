// Which threads of a pool compute jobs of one kind, and what each is worth there.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace philo {

// Who takes part in jobs of one kind: the pool's first threads, each with the share of the tasks that it last got through, so that a slow
// core begins with fewer. Where another program takes a core's time, all wait for what the thread there had begun. If that costs more
// than the thread does, it rests: for a second, longer where nothing has changed then.
class Crew {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Crew(size_t threads) : members_(threads, Member{.share = 1.0f / static_cast<float>(threads)}) {}
  size_t threads() const { return members_.size(); }
  float share(size_t thread) const { return members_[thread].share; }
  bool rests(size_t thread, Clock::time_point now) const { return now < members_[thread].back; }

  // The share of a job's tasks that this thread got through.
  void note_share(size_t thread, float done);
  // A job ended now that took `seconds`, for the last `late` of which the others waited for this thread.
  void note_late(size_t last_thread, double late, double seconds, Clock::time_point now);

 private:
  struct Member {
    float share;
    double late = 0;              // seconds that others waited for it, fading as `watched_` does
    double rest = 0;              // seconds of its last rest
    Clock::time_point back = {};  // from a rest
  };
  void send_to_rest(size_t thread, Clock::time_point now);

  std::vector<Member> members_;
  double watched_ = 0;  // seconds of jobs, the older the less they count
};

}  // namespace philo
