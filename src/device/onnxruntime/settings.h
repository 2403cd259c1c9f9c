// How a plan is compiled for one of ONNX Runtime's providers: which provider, which graph, which options.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "device/onnxruntime/runtime.h"
#include "emit/onnx.h"

namespace philo::onnxruntime {

struct Provider {
  std::string_view name;       // "cuda" of "onnxruntime:cuda"
  std::string_view full_name;  // "CUDAExecutionProvider"
  std::string_view computes;   // on what
  std::string_view how_to_get;
};

std::span<const Provider> known_providers();
const Provider* find_provider(std::string_view name);  // nullptr for one that only a plug-in can be

struct Settings {
  OnnxVariant variant;
  std::string provider;  // its full name
  Properties provider_options, config;
  int threads;
  size_t context;      // most tokens of a session
  size_t turn_tokens;  // most tokens of one pass
};

constexpr const char* library_key = "library";                    // of --ort: where ONNX Runtime is
constexpr const char* provider_library_key = "provider_library";  // of --ort: a plug-in provider's library

// Why the provider can't be used here and what to do, or nothing; adds a plug-in's library that the options name.
std::optional<std::string> refuses_provider(std::string_view device, const DeviceOptions& options, Runtime& runtime);

// Throws ErrorCode::Usage for options that nobody knows, and that philo itself decides.
Settings settle(const Plan& plan, const DeviceOptions& options, std::string_view device, Runtime& runtime);

}  // namespace philo::onnxruntime
