// Lists OpenVINO's devices, refuses what they don't take, and compiles.
#include "device/openvino/openvino_device.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "base/error.h"
#include "device/openvino/blob_cache.h"
#include "device/openvino/compile.h"
#include "device/openvino/openvino_network.h"
#include "device/openvino/settings.h"
#include "machine/memory.h"

namespace philo {
namespace openvino {
namespace {

std::string listed(const std::vector<DeviceDescription>& devices) {
  std::string list;
  for (const DeviceDescription& device : devices) list += (list.empty() ? "" : ", ") + ("openvino:" + device.name);
  return list.empty() ? "none of OpenVINO's" : list;
}

// What is missing where a plugin finds no device.
std::string missing(const std::string& family) {
  if (family == "NPU")
    return "no NPU that OpenVINO can use: on Linux it takes the kernel's intel_vpu module, a device node /dev/accel/accel0 that the user may open (group \"render\") and the driver libze_intel_npu "
           "(packages intel-level-zero-npu, intel-driver-compiler-npu); to try the NPU plugin on the processor: --device openvino:NPU --ov NPUW_DEVICES=CPU";
  if (family == "GPU") return "no GPU that OpenVINO can use: it takes an Intel GPU and its compute driver (on Linux the package intel-opencl-icd, and a user in the group \"render\")";
  return "OpenVINO finds no such device";
}

bool runs_on_processor(const DeviceOptions& options) {
  return std::any_of(options.properties.begin(), options.properties.end(), [](const auto& one) { return one.first == "NPUW_DEVICES" && one.second == "CPU"; });
}

// The block weights as an NPU takes them.
Plan requantized(const Plan& plan) {
  std::set<const Weight*> blocks;
  for (const Step& step : plan.steps)
    if (is_block_weight(step)) blocks.insert(step.weight);
  return with_formats(plan, [&](const Weight& weight, const Segment& segment) -> MatrixFormat {
    if (!blocks.contains(&weight) || fits_npu(segment.format)) return segment.format;
    return CodeFormat{4, weight.columns % 128 == 0 ? 128 : -1, true};
  });
}

class OpenvinoDevice final : public Device {
 public:
  OpenvinoDevice(Runtime& runtime, std::string_view name) : runtime_(runtime), name_(name), device_(behind_vendor(name)) {}

  std::string_view name() const override { return name_; }

  std::optional<std::string> refuses(const Plan& plan, const DeviceOptions& options) const override {
    if (plan.steps.empty() || plan.steps.front().op != Op::Embed || plan.steps.back().op != Op::Linear)
      return "this plan is a part of a network; a network starts from tokens and ends in logits";
    if (!options.isa.empty()) return "--isa " + options.isa + " is for the cpu device; OpenVINO chooses its kernels itself";
    const std::string family = family_of(device_);
    const bool stands_in = family == "NPU" && runs_on_processor(options);
    if (!found() && family != "AUTO" && !stands_in) return name_ + ": " + missing(family) + "; devices here: cpu, " + listed(runtime_.devices());
    return family == "NPU" ? refuses_for_npu(plan) : std::nullopt;
  }

  std::shared_ptr<const Plan> adapt(std::shared_ptr<const Plan> plan, const DeviceOptions& options) const override {
    if (family_of(device_) != "NPU" || !options.allow_requantize || !refuses_for_npu(*plan)) return plan;
    return std::make_shared<const Plan>(requantized(*plan));
  }

  std::unique_ptr<Network> compile(std::shared_ptr<const Plan> plan, const DeviceOptions& options) const override {
    if (const auto reason = refuses(*plan, options)) throw Error(ErrorCode::Device, *reason);
    Settings settings = settle(*plan, options, device_, runtime_);
    for (const std::string& text : settings.notes)
      if (options.note) options.note(text);
    const OpenvinoIr ir = emit_openvino_ir(*plan, settings.variant);
    check_memory(ir);
    const std::optional<BlobCache> cache = cache_of(*plan, settings, ir, options);
    std::shared_ptr<Compiled> compiled;
    if (cache) compiled = cache->read(runtime_, device_, settings.properties);
    if (compiled == nullptr) {
      compiled = compile_graph(runtime_, device_, name_, ir, settings.properties, options);
      if (cache) cache->write(*compiled);
    }
    if (family_of(device_) == "AUTO" && options.note) options.note(name_ + ": computing on " + compiled->property("EXECUTION_DEVICES"));
    const std::string kept = compiled->property("KV_CACHE_PRECISION");
    auto network = std::make_unique<OpenvinoNetwork>(name_, std::move(plan), std::move(settings), std::move(compiled), static_cast<size_t>(ir.weights_bytes));
    if (family_of(device_) == "CPU") warm_up(*network, ir, name_, options);
    if (!network->traits().kv_format && options.note)
      options.note(name_ + " keeps keys and values as it chooses" + (kept.empty() ? "" : " (KV_CACHE_PRECISION=" + kept + ")") + ", whatever --kv-format says");
    return network;
  }

 private:
  // The device itself, or the first of its family.
  std::optional<DeviceDescription> found() const {
    for (DeviceDescription& one : runtime_.devices())
      if (one.name == device_ || one.name.starts_with(device_ + ".")) return std::move(one);
    return std::nullopt;
  }

  static void check_memory(const OpenvinoIr& ir) {
    const size_t available = memory_status().available_bytes;
    if (available != 0 && ir.weights_bytes > available)
      throw Error(ErrorCode::Resource, "the weights take " + std::to_string(ir.weights_bytes >> 20) + " MiB while OpenVINO compiles them and " + std::to_string(available >> 20) +
                                           " MiB are free; close other programs or choose a smaller --weight-format");
  }

  // The processor's plugin compiles in seconds and would write all weights out again; so what it compiled is not kept.
  std::optional<BlobCache> cache_of(const Plan& plan, const Settings& settings, const OpenvinoIr& ir, const DeviceOptions& options) const {
    if (options.cache_folder.empty() || family_of(device_) == "CPU" || family_of(device_) == "AUTO" || runs_on_processor(options)) return std::nullopt;
    const DeviceDescription device = found().value_or(DeviceDescription{device_, "", ""});
    return BlobCache(options.cache_folder, blob_key(plan, settings, ir.xml, device, runtime_.version()), options.note);
  }

  Runtime& runtime_;
  std::string name_, device_;
};

bool is_device_name(std::string_view name) {
  const std::string family = family_of(behind_vendor(name));
  return name.starts_with("openvino:") && (family == "CPU" || family == "GPU" || family == "NPU" || family == "AUTO");
}

}  // namespace
}  // namespace openvino

std::unique_ptr<Device> make_openvino_device(openvino::Runtime& runtime, std::string_view name) { return std::make_unique<openvino::OpenvinoDevice>(runtime, name); }

const Device& openvino_device(std::string_view name) {
  if (!openvino::is_device_name(name))
    throw Error(ErrorCode::Device, "there is no device " + shown(name) + "; OpenVINO's are openvino:CPU, openvino:GPU, openvino:GPU.1 and so on, openvino:NPU and openvino:AUTO");
  std::string reason;
  openvino::Runtime* const runtime = openvino::runtime(reason);
  if (runtime == nullptr) throw Error(ErrorCode::Device, std::string(name) + ": " + reason + "; --device cpu works without");
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Device>, std::less<>> devices;
  const std::lock_guard lock(mutex);
  std::unique_ptr<Device>& device = devices[std::string(name)];
  if (device == nullptr) device = make_openvino_device(*runtime, name);
  return *device;
}

std::vector<DeviceReport> openvino_reports() {
  std::string reason;
  return openvino_reports(openvino::runtime(reason), reason);
}

std::vector<DeviceReport> openvino_reports(openvino::Runtime* runtime, const std::string& reason) {
  if (runtime == nullptr) return {{.name = "openvino", .usable = false, .description = "Intel's CPUs, GPUs and NPUs through OpenVINO", .reason = reason}};
  std::vector<DeviceReport> reports;
  const std::vector<openvino::DeviceDescription> devices = runtime->devices();
  const auto found = [&](const std::string& family) {
    return std::any_of(devices.begin(), devices.end(), [&](const auto& one) { return openvino::family_of(one.name) == family; });
  };
  for (const openvino::DeviceDescription& device : devices)
    reports.push_back({"openvino:" + device.name, true, device.text + (device.driver.empty() ? "" : ", driver " + device.driver) + "; OpenVINO " + runtime->version(), ""});
  for (const char* family : {"GPU", "NPU"})
    if (!found(family)) reports.push_back({std::string("openvino:") + family, false, "OpenVINO " + runtime->version(), openvino::missing(family)});
  reports.push_back({"openvino:AUTO", !devices.empty(), "OpenVINO's own choice among " + openvino::listed(devices), devices.empty() ? "OpenVINO finds no device" : ""});
  return reports;
}

}  // namespace philo
