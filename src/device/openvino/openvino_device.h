// The devices that OpenVINO offers: "openvino:CPU", "openvino:GPU", "openvino:GPU.1", "openvino:NPU", "openvino:AUTO".
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "device/openvino/runtime.h"

namespace philo {

// Throws ErrorCode::Device where there is no such name, or where OpenVINO is not there, with what to do. Whether a GPU or an NPU is in this
// machine is known when a plan is compiled for it.
const Device& openvino_device(std::string_view name);
std::vector<DeviceReport> openvino_reports();

// Over a runtime of the caller's, which outlives it: for the two functions above, and for tests.
std::unique_ptr<Device> make_openvino_device(openvino::Runtime& runtime, std::string_view name);
std::vector<DeviceReport> openvino_reports(openvino::Runtime* runtime, const std::string& reason);

}  // namespace philo
