// Lists ONNX Runtime's providers, refuses what can't run, and compiles.
#include "device/onnxruntime/onnxruntime_device.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "device/load_report.h"
#include "device/onnxruntime/onnxruntime_network.h"
#include "device/onnxruntime/settings.h"
#include "device/onnxruntime/weight_memory.h"

namespace philo {
namespace onnxruntime {
namespace {

class OnnxruntimeDevice final : public Device {
 public:
  // Without a runtime, the library is looked for when the device is asked for something.
  OnnxruntimeDevice(Runtime* runtime, std::string_view name) : given_(runtime), name_(name) {}

  std::string_view name() const override { return name_; }

  std::optional<std::string> refuses(const Plan& plan, const DeviceOptions& options) const override {
    if (plan.steps.empty() || plan.steps.front().op != Op::Embed || plan.steps.back().op != Op::Linear)
      return "this plan is a part of a network; a network starts from tokens and ends in logits";
    if (!options.isa.empty()) return "--isa " + options.isa + " is for the cpu device; ONNX Runtime chooses its kernels itself";
    std::string reason;
    Runtime* const runtime = found(options, reason);
    if (runtime == nullptr) return name_ + ": " + reason + "; --device cpu works without";
    return refuses_provider(name_, options, *runtime);
  }

  std::unique_ptr<Network> compile(std::shared_ptr<const Plan> plan, const DeviceOptions& options) const override {
    if (const auto reason = refuses(*plan, options)) throw Error(ErrorCode::Device, *reason);
    std::string reason;
    Runtime& runtime = *found(options, reason);
    Settings settings = settle(*plan, options, name_, runtime);
    // Those of CUDA and TensorRT refuse what they don't know; a plug-in may pass over it.
    for (const auto& [key, value] : settings.provider_options)
      if (options.note && settings.variant.target != OnnxTarget::Cuda) options.note("--ort " + key + " is handed to the provider, and ONNX Runtime does not say whether it knows it");
    const OnnxModel model = emit_onnx(*plan, settings.variant);
    const auto weights = std::make_shared<const WeightMemory>(model, options);
    std::unique_ptr<Graph> graph = load(runtime, model, *weights, settings, options);
    say_where(*graph, settings, options);
    size_t weight_bytes = 0;
    for (const auto& weight : plan->weights)
      for (const Segment& segment : weight->segments) weight_bytes += segment.stored_bytes();
    return std::make_unique<OnnxruntimeNetwork>(name_, std::move(plan), std::move(settings), std::move(graph), weights, weight_bytes, weights->own_bytes());
  }

 private:
  Runtime* found(const DeviceOptions& options, std::string& reason) const {
    if (given_ != nullptr) return given_;
    if (const std::string* place = given(options.properties, library_key)) set_library_place(*place);
    return runtime(reason);
  }

  std::unique_ptr<Graph> load(Runtime& runtime, const OnnxModel& model, const WeightMemory& weights, const Settings& settings, const DeviceOptions& options) const {
    std::unique_ptr<Graph> graph;
    bool stopped = false;
    try {
      run_reporting(
          [&](std::stop_token stop) {
            graph = runtime.load({std::as_bytes(std::span(model.graph)), weights.tensors(), settings.provider, settings.provider_options, settings.config, settings.threads, stop});
          },
          [&](uint64_t seconds) {
            // What the provider copied into its own form need not stay in memory a second time.
            weights.release_checkpoint();
            stopped = stopped || (options.progress && !options.progress("loading into " + name_, seconds, 0));
            return !stopped;
          });
    } catch (const Failure& failure) {
      if (stopped) throw Error(ErrorCode::Stopped, "stopped while " + name_ + " loaded the model");
      if (failure.out_of_memory())
        throw Error(ErrorCode::Resource, name_ + " got no memory for this model (" + failure.what() + "); close other programs or choose a smaller --weight-format");
      throw Error(ErrorCode::Device, name_ + " can't load this model: " + failure.what());
    }
    if (stopped) throw Error(ErrorCode::Stopped, "stopped while " + name_ + " loaded the model");
    weights.release_checkpoint();
    return graph;
  }

  // Where nodes fall back to the processor, people should know.
  void say_where(const Graph& graph, const Settings& settings, const DeviceOptions& options) const {
    if (!options.note || settings.provider == processor_provider) return;
    if (graph.nodes().empty()) {
      options.note(name_ + ": this ONNX Runtime does not say which nodes fall back to the processor; version 1.24 and later do");
      return;
    }
    size_t all = 0, back = 0;
    for (const auto& [provider, count] : graph.nodes()) {
      all += count;
      if (provider == processor_provider) back += count;
    }
    if (back > 0) options.note(name_ + ": " + std::to_string(back) + " of " + std::to_string(all) + " nodes of the graph fall back to the processor");
  }

  Runtime* given_;
  std::string name_;
};

DeviceReport report(Runtime& runtime, const Provider& provider, const std::vector<ProviderDevice>& there) {
  const auto found = std::find_if(there.begin(), there.end(), [&](const ProviderDevice& one) { return one.provider == provider.full_name; });
  const bool processor = provider.full_name == processor_provider;
  DeviceReport out{"onnxruntime:" + std::string(provider.name), false,
                   std::string(provider.computes) + "; ONNX Runtime " + runtime.version() + (processor ? ", " + runtime.path() : ""), ""};
  if (found == there.end()) {
    out.reason = "this ONNX Runtime has no such provider; " + std::string(provider.how_to_get);
  } else if (!processor) {
    out.reason = runtime.probe(std::string(provider.full_name), {});
    if (!out.reason.empty()) out.reason = "the provider does not start, mostly because its driver or libraries are missing (" + out.reason + "); " + std::string(provider.how_to_get);
  }
  out.usable = out.reason.empty();
  return out;
}

}  // namespace
}  // namespace onnxruntime

std::unique_ptr<Device> make_onnxruntime_device(onnxruntime::Runtime& runtime, std::string_view name) {
  return std::make_unique<onnxruntime::OnnxruntimeDevice>(&runtime, name);
}

void set_onnxruntime_library(const std::string& path) { onnxruntime::set_library_place(path); }

const Device& onnxruntime_device(std::string_view name) {
  const std::string provider = name.starts_with("onnxruntime:") ? behind_vendor(name) : "";
  if (provider.empty() || provider.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-.") != provider.npos)
    throw Error(ErrorCode::Device, "there is no device " + shown(name) + "; ONNX Runtime's are onnxruntime:cpu, onnxruntime:dml, onnxruntime:cuda, onnxruntime:webgpu, onnxruntime:openvino, onnxruntime:qnn "
                                                                        "and plug-in providers by their names in small letters");
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Device>, std::less<>> devices;
  const std::lock_guard lock(mutex);
  std::unique_ptr<Device>& device = devices[std::string(name)];
  if (device == nullptr) device = std::make_unique<onnxruntime::OnnxruntimeDevice>(nullptr, name);
  return *device;
}

std::vector<DeviceReport> onnxruntime_reports() {
  std::string reason;
  onnxruntime::Runtime* const runtime = onnxruntime::runtime(reason);
  return onnxruntime_reports(runtime, reason);
}

std::vector<DeviceReport> onnxruntime_reports(onnxruntime::Runtime* runtime, const std::string& reason) {
  if (runtime == nullptr) return {{.name = "onnxruntime", .usable = false, .description = "DirectML, CUDA, WebGPU and other providers through ONNX Runtime", .reason = reason}};
  std::vector<DeviceReport> reports;
  const std::vector<onnxruntime::ProviderDevice> there = runtime->providers();
  const auto is_there = [&](const onnxruntime::Provider& provider) {
    return std::any_of(there.begin(), there.end(), [&](const auto& one) { return one.provider == provider.full_name; });
  };
  size_t named = 6;  // the most used ones are listed even where they are not there
  for (const onnxruntime::Provider& provider : onnxruntime::known_providers()) {
    if (named > 0 || is_there(provider)) reports.push_back(onnxruntime::report(*runtime, provider, there));
    named -= named > 0 ? 1 : 0;
  }
  return reports;
}

}  // namespace philo
