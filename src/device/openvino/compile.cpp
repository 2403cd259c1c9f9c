// Fills constants on all threads; compiles and warms up in a thread beside the one that shows progress.
#include "device/openvino/compile.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "machine/cpu.h"
#include "machine/thread_pool.h"

namespace philo::openvino {
namespace {

using namespace std::chrono_literals;

constexpr int64_t rows_per_task = 256;  // even, as fill_rows() asks

void release(const Segment& segment) {
  const Tensor& source = segment.coded != nullptr ? segment.coded->codes : *segment.values;
  if (source.file != nullptr) source.file->release(source.bytes);
}

// Writes the weights on all threads; false where the caller wants to stop.
bool fill(const OpenvinoIr& ir, std::span<std::byte> to, const DeviceOptions& options) {
  fill_literals(ir, to);
  ThreadPool pool(options.threads > 0 ? options.threads : static_cast<int>(cpu().cores));
  size_t done = 0, total = 0;
  for (const IrMatrix& matrix : ir.matrices) total += matrix.segment.stored_bytes();
  for (const IrMatrix& matrix : ir.matrices) {
    const int64_t rows = matrix.segment.rows, tasks = (rows + rows_per_task - 1) / rows_per_task;
    pool.run(static_cast<size_t>(tasks), [&](size_t task, size_t) {
      const int64_t first = static_cast<int64_t>(task) * rows_per_task;
      fill_rows(matrix, first, std::min(rows, first + rows_per_task), to);
    });
    release(matrix.segment);
    done += matrix.segment.stored_bytes();
    if (options.progress && !options.progress("loading weights", done, total)) return false;
  }
  return true;
}

std::vector<SharedConstant> shared_of(const OpenvinoIr& ir) {
  std::vector<SharedConstant> shared;
  for (const IrMatrix& matrix : ir.matrices)
    for (const IrShared& one : shared_constants(matrix)) shared.push_back({static_cast<size_t>(one.offset), one.bytes});
  return shared;
}

// Does `work` in a thread of its own and calls `each_moment`, which may end it, until it is done. What it throws comes
// out here.
void beside(const std::function<void()>& work, const std::function<void(uint64_t seconds)>& each_moment) {
  std::mutex mutex;
  std::condition_variable changed;
  bool finished = false;
  std::exception_ptr thrown;
  const auto start = std::chrono::steady_clock::now();
  // No std::async: MinGW's keeps its state in storage that clang does not reach.
  std::jthread worker([&] {
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    finished = true;
    changed.notify_one();
  });
  for (std::unique_lock lock(mutex); !changed.wait_for(lock, 100ms, [&] { return finished; });)
    each_moment(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count()));
  worker.join();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

std::shared_ptr<Compiled> compile_graph(Runtime& runtime, const std::string& device, const std::string& name,
                                        const OpenvinoIr& ir, const Properties& properties,
                                        const DeviceOptions& options) {
  std::string error;
  std::exception_ptr thrown;
  std::atomic<bool> stopped = false, filled = false;
  const Graph graph{&ir.xml, static_cast<size_t>(ir.weights_bytes),
                    [&](std::span<std::byte> to) {
                      try {
                        if (!fill(ir, to, options)) stopped = true;
                      } catch (...) {
                        thrown = std::current_exception();
                      }
                      filled = true;
                      return !stopped && !thrown;
                    },
                    shared_of(ir)};
  std::shared_ptr<Compiled> compiled;
  beside([&] { compiled = runtime.compile(graph, device, properties, error); },
         [&](uint64_t seconds) {
           if (!filled || !options.progress) return;
           if (!options.progress("compiling for " + name, seconds, 0))
             stopped = true;  // OpenVINO itself can't be stopped here
         });
  if (thrown) std::rethrow_exception(thrown);
  if (stopped) throw Error(ErrorCode::Stopped, "stopped while " + name + " compiled the model");
  if (compiled == nullptr) throw Error(ErrorCode::Device, name + " can't compile this model: " + error);
  return compiled;
}

void warm_up(const OpenvinoNetwork& network, const OpenvinoIr& ir, const std::string& name,
             const DeviceOptions& options) {
  const std::unique_ptr<Session> session = network.open(network.traits().context);
  std::atomic<bool> stopped = false;
  const auto release_sources = [&] {
    for (const IrMatrix& matrix : ir.matrices)
      if (matrix.shares_numbers) release(matrix.segment);
  };
  try {
    beside([&] { network.warm_up(*session); },
           [&](uint64_t seconds) {
             release_sources();
             if (stopped || !options.progress || options.progress("preparing weights for " + name, seconds, 0)) return;
             stopped = true;
             network.cancel(*session);
           });
  } catch (const Error&) {
    if (!stopped) throw;
  }
  release_sources();
  if (stopped) throw Error(ErrorCode::Stopped, "stopped while " + name + " prepared the weights");
}

}  // namespace philo::openvino
