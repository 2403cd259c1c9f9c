// The devices that ONNX Runtime offers: "onnxruntime:cpu", "onnxruntime:dml", "onnxruntime:cuda", and what plug-in providers call themselves.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "device/onnxruntime/runtime.h"

namespace philo {

// Throws ErrorCode::Device where there can't be such a name. Whether ONNX Runtime, the provider and its hardware are there is known when a plan
// is compiled for it: options may say where to look.
const Device& onnxruntime_device(std::string_view name);
std::vector<DeviceReport> onnxruntime_reports();
// Where ONNX Runtime's library is: a file, or a folder to look in. Throws ErrorCode::Usage once it was looked for elsewhere.
void set_onnxruntime_library(const std::string& path);

// Over a runtime of the caller's, which outlives it: for tests.
std::unique_ptr<Device> make_onnxruntime_device(onnxruntime::Runtime& runtime, std::string_view name);
std::vector<DeviceReport> onnxruntime_reports(onnxruntime::Runtime* runtime, const std::string& reason);

}  // namespace philo
