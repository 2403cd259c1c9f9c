// What devices that compile a graph for a vendor's runtime have in common while a model is loaded: weights are written on all threads, and what can't
// report by itself is run on a thread of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>

#include "base/file.h"
#include "device/device.h"
#include "machine/cpu.h"
#include "machine/thread_pool.h"

namespace philo {

// The system reads the pages of the checkpoint again when they are needed.
inline void release_pages(const Segment& segment) {
  const Tensor& source = segment.coded != nullptr ? segment.coded->codes : *segment.values;
  if (source.file != nullptr) source.file->release(source.bytes);
}

// Calls fill(matrix, first, last) for all rows, with an even `first`, and gives the pages of the checkpoint back. False where the caller wants to
// stop. `rows(matrix)` says how many a matrix has.
template <class Matrix, class RowsOf, class Fill>
bool fill_matrices(std::span<const Matrix> matrices, const DeviceOptions& options, const RowsOf& rows_of, const Fill& fill) {
  constexpr int64_t rows_per_task = 256;
  ThreadPool pool(threads_or_cores(options.threads));
  size_t done = 0, total = 0;
  for (const Matrix& matrix : matrices) total += matrix.segment.stored_bytes();
  for (const Matrix& matrix : matrices) {
    const int64_t rows = rows_of(matrix), tasks = (rows + rows_per_task - 1) / rows_per_task;
    pool.run(static_cast<size_t>(tasks), [&](size_t task, size_t) {
      const int64_t first = static_cast<int64_t>(task) * rows_per_task;
      fill(matrix, first, std::min(rows, first + rows_per_task));
    });
    release_pages(matrix.segment);
    done += matrix.segment.stored_bytes();
    if (options.progress && !options.progress("loading weights", done, total)) return false;
  }
  return true;
}

// Runs `work` on a thread of its own and calls `tick(seconds)` ten times a second; where that returns false, the token asks to stop, and the work
// goes on until it sees that. What the work throws comes out here.
inline void run_reporting(const std::function<void(std::stop_token)>& work, const std::function<bool(uint64_t seconds)>& tick) {
  using namespace std::chrono_literals;
  std::mutex mutex;
  std::condition_variable changed;
  std::exception_ptr thrown;
  bool finished = false;
  const auto start = std::chrono::steady_clock::now();
  // No std::async: MinGW's keeps its state in storage that clang does not reach.
  std::jthread thread([&](std::stop_token stop) {
    try {
      work(stop);
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    finished = true;
    changed.notify_one();
  });
  for (std::unique_lock lock(mutex); !changed.wait_for(lock, 100ms, [&] { return finished; });) {
    lock.unlock();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
    if (!tick(static_cast<uint64_t>(seconds))) thread.request_stop();
    lock.lock();
  }
  thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace philo
