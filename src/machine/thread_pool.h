// Threads that share numbered tasks: each begins with neighbouring ones of its own and then helps the others.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "machine/crew.h"

namespace philo {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // the calling thread of run() counts as one
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const { return seats_.size(); }

  // Calls task(index, thread) for index 0 … tasks - 1, thread < crew.threads() <= threads(), and returns when all are done. Where a task
  // throws, the tasks not yet begun are left out and the first exception comes out of run().
  template <typename Task>
  void run(size_t tasks, Crew& crew, const Task& task) {
    start(tasks, [](const void* context, size_t index, size_t thread) { (*static_cast<const Task*>(context))(index, thread); }, &task, crew);
  }
  template <typename Task>
  void run(size_t tasks, const Task& task) {
    run(tasks, everyone_, task);
  }

 private:
  using Function = void (*)(const void* context, size_t index, size_t thread);

  // A thread's place. The caller writes tasks while the job is closed and nobody is inside.
  struct alignas(64) Seat {
    std::atomic<size_t> next{0};  // of its own tasks; whoever is done with theirs takes from here too
    size_t end = 0;
    size_t done = 0;              // tasks of this job that the thread did
    Crew::Clock::time_point left = {};
    std::atomic<bool> invited{false};  // to this job
    std::atomic<bool> asleep{false};
    std::mutex mutex;
    std::condition_variable wake;
    std::thread worker;           // the first seat is the caller's
  };

  void start(size_t tasks, Function function, const void* context, Crew& crew);
  size_t invite(size_t tasks, const Crew& crew, Crew::Clock::time_point now);  // returns how many take part
  void learn(size_t tasks, Crew& crew, Crew::Clock::time_point began);
  void work(size_t thread);               // takes tasks of the current job until none is left
  void serve(size_t thread);              // life of a worker
  bool enter(size_t thread, uint32_t& seen);  // joins an open job that this worker has not seen and is invited to
  bool idle(size_t thread, uint32_t seen) const;

  std::vector<Seat> seats_;
  Crew everyone_;
  Function function_ = nullptr;  // the job; written only while it is closed and nobody is inside
  const void* context_ = nullptr;
  size_t crew_threads_ = 0;
  // Generation of the job (high 32 bits), whether it is open (bit 31), how many workers are inside (low bits). A late worker finds
  // the job closed and is not waited for.
  alignas(64) std::atomic<uint64_t> state_{0};
  std::atomic<bool> ending_{false};
  std::mutex failure_mutex_;
  std::exception_ptr failure_;  // the first of the current job
};

}  // namespace philo
