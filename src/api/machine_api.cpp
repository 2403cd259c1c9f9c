// Reports on devices and on what bounds computing here.
#include <vector>

#include "api/handles.h"
#include "api/machine_report.h"
#include "api/options.h"
#include "device/onnxruntime/onnxruntime_device.h"
#include "machine/cpu.h"
#include "machine/memory.h"

namespace philo {

namespace {

OrderedJson described_machine() {
  const CpuDescription& processor = cpu();
  const MemoryStatus memory = memory_status();
  return {{"cpu", processor.name},
          {"cores", processor.cores},
          {"processors", processor.processors.size()},
          {"features", feature_names(processor.features)},
          {"memory_bytes", memory.total_bytes},
          {"available_memory_bytes", memory.available_bytes}};
}

OrderedJson devices_report() {
  OrderedJson devices = OrderedJson::array();
  for (const DeviceReport& device : list_devices())
    devices.push_back({{"name", device.name},
                       {"usable", device.usable},
                       {"description", device.description},
                       {"reason", device.reason}});
  return {{"devices", std::move(devices)}, {"machine", described_machine()}};
}

OrderedJson number_or_null(double value) { return value > 0 ? OrderedJson(value) : OrderedJson(nullptr); }

OrderedJson machine_report(const Options& options, const Callbacks& callbacks) {
  const auto limits = machine_limits(std::vector{threads_of(options), 1}, limits_options(options, callbacks));
  OrderedJson report = described_machine();
  report.update(limits_report(limits[0]));
  report["one_thread"] = limits_report(limits[1]);
  return report;
}

}  // namespace

LimitsOptions limits_options(const Options& options, const Callbacks& callbacks) {
  LimitsOptions wanted;
  wanted.cache_folder = options.text("cache-folder").value_or("");
  wanted.remeasure = options.flag("remeasure");
  wanted.note = [&callbacks](std::string_view note) { callbacks.note(note); };
  wanted.progress = callbacks.progress();
  return wanted;
}

int threads_of(const Options& options) {
  return threads_or_cores(static_cast<int>(options.integer("threads").value_or(0)));
}

OrderedJson limits_report(const MachineLimits& limits) {
  OrderedJson int8 = OrderedJson::object(), fp32 = OrderedJson::object();
  for (const ComputePeak& peak : limits.peaks) {
    int8[peak.isa] = number_or_null(peak.int8_gop_per_s);
    fp32[peak.isa] = number_or_null(peak.fp32_gflop_per_s);
  }
  return {{"threads", limits.threads},
          {"read_gb_per_s", number_or_null(limits.read_gb_per_s)},
          {"int8_gop_per_s", std::move(int8)},
          {"fp32_gflop_per_s", std::move(fp32)},
          {"disturbed", limits.disturbed}};
}

}  // namespace philo

philo_status philo_devices(char** json, philo_error** error) {
  return philo::guarded(error, [&] { philo::give_text(json, philo::devices_report()); });
}

philo_status philo_set_onnxruntime(const char* path, philo_error** error) {
  return philo::guarded(error, [&] { philo::set_onnxruntime_library(&philo::required(path, "path")); });
}

philo_status philo_machine(const philo_option* options, size_t option_count, const philo_callbacks* callbacks,
                           char** json, philo_error** error) {
  return philo::guarded(error, [&] {
    philo::required(json, "json");
    const philo::Callbacks sinks(callbacks);
    const philo::Options parsed(philo::OptionGroup::Machine, philo::option_span(options, option_count));
    philo::give_text(json, philo::machine_report(parsed, sinks));
  });
}
