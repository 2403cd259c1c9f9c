// Turns philo's options into ONNX Runtime's and checks those that users give by ONNX Runtime's own names.
#include "device/onnxruntime/settings.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"
#include "machine/cpu.h"

namespace philo::onnxruntime {
namespace {

constexpr size_t most_turn_tokens = 128;
constexpr std::string_view suffix = "ExecutionProvider";

constexpr std::array providers = {
    Provider{"cpu", "CPUExecutionProvider", "this processor", ""},
    Provider{"dml", "DmlExecutionProvider", "a DirectX 12 GPU under Windows", "on Windows, pip install onnxruntime-directml==1.24.4 and set PHILO_ONNXRUNTIME to its folder"},
    Provider{"cuda", "CUDAExecutionProvider", "an NVIDIA GPU",
             "pip install onnxruntime-gpu, NVIDIA's driver, CUDA and cuDNN as its page on PyPI names them, and set PHILO_ONNXRUNTIME to its folder"},
    Provider{"webgpu", "WebGpuExecutionProvider", "a GPU with Vulkan, Direct3D 12 or Metal",
             "pip install onnxruntime-ep-webgpu and name its library: --ort provider_library=PATH"},
    Provider{"openvino", "OpenVINOExecutionProvider", "Intel's CPUs, GPUs and NPUs", "pip install onnxruntime-ep-openvino and name its library: --ort provider_library=PATH"},
    Provider{"qnn", "QNNExecutionProvider", "a Qualcomm NPU", "pip install onnxruntime-qnn and name its library: --ort provider_library=PATH"},
    Provider{"tensorrt", "TensorrtExecutionProvider", "an NVIDIA GPU", "pip install onnxruntime-gpu and TensorRT, and set PHILO_ONNXRUNTIME to its folder"},
    Provider{"nvtensorrtrtx", "NvTensorRTRTXExecutionProvider", "an NVIDIA RTX GPU", "pip install onnxruntime-ep-nv-tensorrt-rtx and name its library: --ort provider_library=PATH"},
    Provider{"migraphx", "MIGraphXExecutionProvider", "an AMD GPU", "use an ONNX Runtime that AMD builds, and set PHILO_ONNXRUNTIME to its folder"},
    Provider{"vitisai", "VitisAIExecutionProvider", "an AMD NPU", "use an ONNX Runtime that AMD builds, and set PHILO_ONNXRUNTIME to its folder"},
    Provider{"coreml", "CoreMLExecutionProvider", "Apple's GPUs and NPUs", "it is part of ONNX Runtime for macOS alone"},
    Provider{"xnnpack", "XnnpackExecutionProvider", "this processor", "use an ONNX Runtime that was built with it, and set PHILO_ONNXRUNTIME to its folder"},
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// A short name for people: "cuda" of "CUDAExecutionProvider".
std::string short_name(std::string_view full_name) {
  for (const Provider& one : providers)
    if (one.full_name == full_name) return std::string(one.name);
  return lower(full_name.ends_with(suffix) ? full_name.substr(0, full_name.size() - suffix.size()) : full_name);
}

// The full name of a provider that the runtime has; empty where it has not.
std::string full_name(std::string_view name, const std::vector<ProviderDevice>& there) {
  for (const ProviderDevice& one : there)
    if (short_name(one.provider) == lower(name)) return one.provider;
  return "";
}

std::string listed(const std::vector<ProviderDevice>& there) {
  std::string list;
  for (const ProviderDevice& one : there) {
    const std::string name = short_name(one.provider);
    if (name != "azure" && (", " + list + ",").find(", " + name + ",") == std::string::npos) list += (list.empty() ? "" : ", ") + name;
  }
  return list;
}

// Keys of a session's configuration begin so; all others are the provider's.
bool is_config(std::string_view key) {
  for (const std::string_view begin : {"session.", "optimization.", "memory.", "mlas.", "ep."})
    if (key.starts_with(begin)) return true;
  return false;
}

void sort_options(const Properties& options, const Runtime& runtime, Settings& out) {
  refuse_repeats("--ort", options);
  for (const auto& [key, value] : options) {
    if (key == library_key || key == provider_library_key) continue;
    if (is_config(key)) {
      if (!runtime.knows_config(key)) {
        std::string list;
        for (const std::string& one : runtime.known_config()) list += (list.empty() ? "" : ", ") + one;
        throw usage_error("--ort " + shown(key) + ": no such key of a session's configuration; those are " + list);
      }
      out.config.emplace_back(key, value);
    } else if (out.provider == processor_provider) {
      throw usage_error("--ort " + shown(key) + ": ONNX Runtime's processor provider has no options; known are library, provider_library and a session's keys, such as session.intra_op.allow_spinning");
    } else {
      out.provider_options.emplace_back(key, value);
    }
  }
}

OnnxTarget target_of(std::string_view provider) {
  if (provider == "dml") return OnnxTarget::Dml;
  if (provider == "cuda" || provider == "tensorrt" || provider == "nvtensorrtrtx") return OnnxTarget::Cuda;
  return provider == "webgpu" ? OnnxTarget::Webgpu : OnnxTarget::Cpu;
}

}  // namespace

std::span<const Provider> known_providers() { return providers; }

const Provider* find_provider(std::string_view name) {
  const auto found = std::find_if(providers.begin(), providers.end(), [&](const Provider& one) { return one.name == name; });
  return found == providers.end() ? nullptr : &*found;
}

std::optional<std::string> refuses_provider(std::string_view device, const DeviceOptions& options, Runtime& runtime) {
  if (const std::string* path = given(options.properties, provider_library_key)) {
    try {
      runtime.add_provider_library(*path);
    } catch (const Failure& failure) {
      return "--ort provider_library=" + *path + " can't be used: " + failure.what();
    }
  }
  const std::string name = behind_vendor(device);
  const std::vector<ProviderDevice> there = runtime.providers();
  if (!full_name(name, there).empty()) return std::nullopt;
  const Provider* const known = find_provider(name);
  const std::string here = std::string(device) + ": ONNX Runtime " + runtime.version() + " (" + runtime.path() + ") has ";
  if (const std::string* path = given(options.properties, provider_library_key))
    return here + listed(there) + "; the library " + *path + " is loaded, but finds no device for this provider: a driver is missing, or the provider has another name";
  return here + "no such provider; it has " + listed(there) +
         (known == nullptr ? "; a plug-in's library is named by --ort provider_library=PATH" : "; " + std::string(known->how_to_get));
}

Settings settle(const Plan& plan, const DeviceOptions& options, std::string_view device, Runtime& runtime) {
  Settings out{};
  const std::string name = behind_vendor(device);
  out.provider = full_name(name, runtime.providers());
  sort_options(options.properties, runtime, out);
  out.threads = threads_or_cores(options.threads);
  out.context = static_cast<size_t>(plan.config.context);
  if (options.context != 0) out.context = std::min(out.context, options.context);
  out.turn_tokens = most_turn_tokens;
  out.variant.target = target_of(name);
  out.variant.half = out.variant.target == OnnxTarget::Dml || (out.variant.target != OnnxTarget::Cpu && options.kv_format != KvFormat::Fp32);
  const bool chooses = name == "cpu" || name == "webgpu";
  out.variant.accuracy = !chooses ? 0 : options.activation_format == ActivationFormat::Fp32 ? 1 : 4;
  out.variant.factors = plan.config.long_rope ? OnnxFactors::Input : OnnxFactors::Length;
  out.variant.chosen_rows = true;
  out.variant.context = static_cast<int64_t>(out.context);
  return out;
}

}  // namespace philo::onnxruntime
