// What a thread did in the jobs so far, the older the less it counts.
#include "machine/crew.h"

#include <algorithm>

namespace philo {
namespace {

constexpr float newest_weight = 0.25f;   // of the last job in a thread's share
constexpr float least_share = 0.01f;     // so that nobody is forgotten
constexpr double watched_seconds = 0.1;  // of jobs, by which lateness is judged
constexpr double least_rest = 1, most_rest = 16;  // seconds

}  // namespace

void Crew::note_share(size_t thread, float done) {
  float& share = members_[thread].share;
  share += newest_weight * (std::max(least_share, done) - share);
}

void Crew::note_late(size_t last_thread, double late, double seconds, Clock::time_point now) {
  const double kept = std::max(0.0, 1 - seconds / watched_seconds);
  watched_ = watched_ * kept + seconds;
  for (Member& member : members_) member.late *= kept;
  Member& member = members_[last_thread];
  member.late += late;
  if (watched_ < watched_seconds / 2 || member.late * static_cast<double>(threads()) < watched_) return;
  // Where it is the caller's thread, which can't rest, it finds the core of another one free.
  if (last_thread != 0) return send_to_rest(last_thread, now);
  for (size_t thread = threads(); thread-- > 1;)
    if (!rests(thread, now)) return send_to_rest(thread, now);
}

void Crew::send_to_rest(size_t thread, Clock::time_point now) {
  Member& member = members_[thread];
  const bool again = std::chrono::duration<double>(now - member.back).count() < least_rest;
  member.rest = again ? std::min(2 * member.rest, most_rest) : least_rest;
  member.back = now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(member.rest));
  watched_ = 0;
  for (Member& each : members_) each.late = 0;
}

}  // namespace philo
