// Threads that share numbered tasks, taken in order, until none is left.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace philo {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // the calling thread of run() counts as one
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const { return workers_.size() + 1; }

  // Calls task(index, thread) for index 0 … tasks - 1, thread < threads(), and returns when all are done. The task must not throw.
  template <typename Task>
  void run(size_t tasks, const Task& task) {
    start(tasks, [](const void* context, size_t index, size_t thread) { (*static_cast<const Task*>(context))(index, thread); }, &task);
  }

 private:
  using Function = void (*)(const void* context, size_t index, size_t thread);
  void start(size_t tasks, Function function, const void* context);
  void work(size_t thread);      // takes tasks of the current job until none is left
  void serve(size_t thread);     // life of a worker
  bool enter(uint32_t& seen);    // joins an open job that this worker has not seen

  std::vector<std::thread> workers_;
  Function function_ = nullptr;  // the job; written only while it is closed and nobody is inside
  const void* context_ = nullptr;
  size_t tasks_ = 0;
  alignas(64) std::atomic<size_t> next_{0};
  // Generation of the job (high 32 bits), whether it is open (bit 31), how many workers are inside (low bits). A late worker finds
  // the job closed and is not waited for.
  alignas(64) std::atomic<uint64_t> state_{0};
  std::atomic<bool> ending_{false};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace philo
