// Knows every device of this build and finds them by name.
#include <string>
#include <vector>

#include "base/error.h"
#include "device/cpu/cpu_device.h"
#include "device/cpu/kernels/kernels.h"
#include "device/device.h"
#include "device/onnxruntime/onnxruntime_device.h"
#include "device/openvino/openvino_device.h"
#include "machine/cpu.h"

namespace philo {
namespace {

std::string cpu_text() {
  std::string text = cpu().name + ", " + std::to_string(cpu().cores) + (cpu().cores == 1 ? " core; kernels: " : " cores; kernels: ");
  bool first = true;
  for (const auto& [kernels, runs_here] : all_kernels()) {
    if (!runs_here) continue;
    text += (first ? "" : ", ") + std::string(kernels->isa);
    first = false;
  }
  return text;
}

std::string usable_devices() {
  std::string list;
  for (const DeviceReport& report : list_devices())
    if (report.usable) list += (list.empty() ? "" : ", ") + report.name;
  return list;
}

}  // namespace

const Device& find_device(std::string_view name) {
  if (name == "cpu" || name == "auto") return cpu_device();
  const std::string_view family = name.substr(0, name.find(':'));
  if (family == "openvino") return openvino_device(name);
  if (family == "onnxruntime") return onnxruntime_device(name);
  for (const std::string_view known : {"vulkan", "cuda"})
    if (family == known) throw Error(ErrorCode::Device, "this build has no module for " + shown(name) + "; devices here: " + usable_devices());
  throw Error(ErrorCode::Device, "there is no device " + shown(name) + "; devices here: " + usable_devices());
}

std::vector<DeviceReport> list_devices() {
  std::vector<DeviceReport> reports = {{.name = "cpu", .usable = true, .description = cpu_text(), .reason = ""}};
  for (DeviceReport& report : openvino_reports()) reports.push_back(std::move(report));
  for (DeviceReport& report : onnxruntime_reports()) reports.push_back(std::move(report));
  return reports;
}

}  // namespace philo
