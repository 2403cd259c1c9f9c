// Compiles and warms up beside the thread that shows progress.
#include "device/openvino/compile.h"

#include <atomic>

#include "base/error.h"
#include "device/load_report.h"

namespace philo::openvino {
namespace {

// False where the caller wants to stop.
bool fill(const OpenvinoIr& ir, std::span<std::byte> to, const DeviceOptions& options) {
  fill_literals(ir, to);
  return fill_matrices(
      std::span(ir.matrices), options, [](const IrMatrix& matrix) { return matrix.segment.rows; },
      [&](const IrMatrix& matrix, int64_t first, int64_t last) { fill_rows(matrix, first, last, to); });
}

std::vector<SharedConstant> shared_of(const OpenvinoIr& ir) {
  std::vector<SharedConstant> shared;
  for (const IrMatrix& matrix : ir.matrices)
    for (const IrShared& one : shared_constants(matrix)) shared.push_back({static_cast<size_t>(one.offset), one.bytes});
  return shared;
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
  run_reporting([&](std::stop_token) { compiled = runtime.compile(graph, device, properties, error); },
                [&](uint64_t seconds) {
                  if (filled && options.progress && !options.progress("compiling for " + name, seconds, 0))
                    stopped = true;  // OpenVINO itself can't be stopped here
                  return true;
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
      if (matrix.shares_numbers) release_pages(matrix.segment);
  };
  try {
    run_reporting(
        [&](std::stop_token stop) {
          const std::stop_callback cancel(stop, [&] { network.cancel(*session); });
          network.warm_up(*session);
        },
        [&](uint64_t seconds) {
          release_sources();
          if (!stopped && options.progress && !options.progress("preparing weights for " + name, seconds, 0))
            stopped = true;
          return !stopped;
        });
  } catch (const Error&) {
    if (!stopped) throw;
  }
  release_sources();
  if (stopped) throw Error(ErrorCode::Stopped, "stopped while " + name + " prepared the weights");
}

}  // namespace philo::openvino
