// How a plan is compiled for one of OpenVINO's devices: which graph, which properties, which sizes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "device/device.h"
#include "device/openvino/runtime.h"
#include "emit/openvino_ir.h"

namespace philo::openvino {

struct Settings {
  IrVariant variant;
  Properties properties;   // by name
  bool fixed_shapes;       // an NPU's: the last row's logits alone, a prompt at once from an empty state and then token by token
  bool long_input;         // the graph has the input "long_factors"
  size_t context;          // most tokens of a session
  size_t turn_tokens;      // most tokens of one inference
  std::vector<std::string> notes;
};

std::string family_of(const std::string& device);  // "GPU" of "GPU.1"

bool is_block_weight(const Step& step);     // whose format an NPU is particular about
bool fits_npu(const MatrixFormat& format);  // of block weights
// Why an NPU does not take this plan's weights and what to do, or nothing.
std::optional<std::string> refuses_for_npu(const Plan& plan);

// Throws ErrorCode::Usage for properties that the device does not know or that philo itself decides, and for sizes that don't fit.
Settings settle(const Plan& plan, const DeviceOptions& options, const std::string& device, const Runtime& runtime);

}  // namespace philo::openvino
