// The library itself: its version, its providers and how sessions are set up.
#include <onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/shared_library.h"
#include "device/onnxruntime/library/graph.h"

namespace philo::onnxruntime {
namespace {

constexpr uint32_t interface_version = 21;
constexpr const char* record_nodes = "session.record_ep_graph_assignment_info";  // since 1.24

// Of a session's configuration, what changes how a model computes. Keys that concern files of ONNX Runtime's own are not among them.
const std::array config_keys = {
    kOrtSessionOptionsConfigDisablePrepacking, kOrtSessionOptionsConfigUseEnvAllocators, kOrtSessionOptionsConfigSetDenormalAsZero,
    kOrtSessionOptionsDisableQuantQDQ, kOrtSessionOptionsDisableDoubleQDQRemover, kOrtSessionOptionsEnableQuantQDQCleanup,
    kOrtSessionOptionsEnableGeluApproximation, kOrtSessionOptionsDisableAheadOfTimeFunctionInlining, kOrtSessionOptionsDisableSpecifiedOptimizers,
    kOrtSessionOptionsUseDeviceAllocatorForInitializers, kOrtSessionOptionsConfigAllowInterOpSpinning, kOrtSessionOptionsConfigAllowIntraOpSpinning,
    kOrtSessionOptionsQDQIsInt8Allowed, kOrtSessionOptionsAvx2PrecisionMode, kOrtSessionOptionsConfigDynamicBlockBase,
    kOrtSessionOptionsConfigForceSpinningStop, kOrtSessionOptionsConfigStrictShapeTypeInference, kOrtSessionOptionsConfigStrictAllowReleasedOpsetsOnly,
    kNodePartitionConfigFile, kOrtSessionOptionsConfigIntraOpThreadAffinities, kDebugLayoutTransformation, kOrtSessionOptionsDisableCPUEPFallback,
    kOrtSessionOptionsCollectNodeMemoryStatsToFile, kOrtSessionOptionsResourceCudaPartitioningSettings, kOrtSessionOptionEpContextEnable,
    kOrtSessionOptionEpContextFilePath, kOrtSessionOptionEpContextEmbedMode, kOrtSessionOptionEpContextNodeNamePrefix, kOrtSessionOptionShareEpContexts,
    kOrtSessionOptionsMlasGemmFastMathArm64Bfloat16, kOrtSessionOptionsQDQMatMulNBitsAccuracyLevel};

struct Pointers {
  explicit Pointers(const Properties& properties) {
    for (const auto& [key, value] : properties) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }
  std::vector<const char*> keys, values;
};

void ignore_log(void*, OrtLoggingLevel, const char*, const char*, const char*, const char*) {}

class Library final : public Runtime {
 public:
  Library(const Table& table, std::string version, std::string path) : table_(table), version_(std::move(version)), path_(std::move(path)) {
    // One for the process, and never released: providers' threads may outlive everything of ours.
    table_.check(table_.api->CreateEnvWithCustomLogger(ignore_log, nullptr, ORT_LOGGING_LEVEL_FATAL, "philo", &env_));
  }

  const std::string& version() const override { return version_; }
  const std::string& path() const override { return path_; }

  std::vector<ProviderDevice> providers() const override {
    std::vector<ProviderDevice> out;
    char** names = nullptr;
    int count = 0;
    table_.check(table_.api->GetAvailableProviders(&names, &count));
    for (int i = 0; i < count; ++i) out.push_back({names[i], ""});
    table_.check(table_.api->ReleaseAvailableProviders(names, count));
    for (const OrtEpDevice* device : devices()) {
      const std::string name = table_.later<EpDevice_EpName>()(device);
      if (!is_built_in(out, name)) out.push_back({name, text_of(device)});
    }
    return out;
  }

  void add_provider_library(const std::string& path) override {
    if (std::find(added_.begin(), added_.end(), path) != added_.end()) return;
    const auto add = table_.later<RegisterExecutionProviderLibrary>();
    if (add == nullptr) throw Failure("plug-in providers take ONNX Runtime 1.22, and this is " + version_, false);
    table_.check(add(env_, ("philo." + std::to_string(added_.size())).c_str(), native_path(path).c_str()));
    added_.push_back(path);
  }

  bool knows_config(const std::string& key) const override {
    return std::any_of(config_keys.begin(), config_keys.end(), [&](const char* known) { return key == known; });
  }
  std::vector<std::string> known_config() const override { return {config_keys.begin(), config_keys.end()}; }

  std::string probe(const std::string& provider, const Properties& options) override {
    try {
      const Owned<OrtSessionOptions> session = session_options();
      append(*session, provider, options);
      return "";
    } catch (const Failure& failure) {
      return failure.what();
    }
  }

  std::unique_ptr<Graph> load(const GraphRequest& request) override {
    Owned<OrtSessionOptions> options = session_options();
    if (request.threads > 0) table_.check(table_.api->SetIntraOpNumThreads(options.get(), request.threads));
    table_.check(table_.api->SetSessionGraphOptimizationLevel(options.get(), ORT_ENABLE_ALL));
    // Sizes change with every pass, so that patterns of memory would be planned anew and kept for each of them.
    table_.check(table_.api->DisableMemPattern(options.get()));
    const bool plain = request.provider == processor_provider;
    if (!plain && table_.minor >= Session_GetEpGraphAssignmentInfo::since) table_.check(table_.api->AddSessionConfigEntry(options.get(), record_nodes, "1"));
    for (const auto& [key, value] : request.config) table_.check(table_.api->AddSessionConfigEntry(options.get(), key.c_str(), value.c_str()));
    if (!plain) append(*options, request.provider, request.provider_options);
    return std::make_unique<OrtGraph>(table_, env_, std::move(options), request);
  }

 private:
  Owned<OrtSessionOptions> session_options() const {
    return table_.made<OrtSessionOptions>(table_.api->ReleaseSessionOptions, [&](OrtSessionOptions** out) { return table_.api->CreateSessionOptions(out); });
  }

  static bool is_built_in(const std::vector<ProviderDevice>& providers, const std::string& name) {
    return std::any_of(providers.begin(), providers.end(), [&](const auto& one) { return one.text.empty() && one.provider == name; });
  }

  std::vector<const OrtEpDevice*> devices() const {
    const auto list = table_.later<GetEpDevices>();
    if (list == nullptr) return {};
    const OrtEpDevice* const* all = nullptr;
    size_t count = 0;
    table_.check(list(env_, &all, &count));
    return {all, all + count};
  }

  std::string text_of(const OrtEpDevice* device) const {
    const OrtHardwareDevice* const hardware = table_.later<EpDevice_Device>()(device);
    const HardwareKind kind = table_.later<HardwareDevice_Type>()(hardware);
    return std::string(table_.later<HardwareDevice_Vendor>()(hardware)) + (kind == HardwareKind::Cpu ? " CPU" : kind == HardwareKind::Gpu ? " GPU" : " NPU");
  }

  // Plug-ins by their devices, CUDA and TensorRT by functions of their own, the others by name.
  void append(OrtSessionOptions& session, const std::string& provider, const Properties& options) const {
    const Pointers pointers(options);
    std::vector<const OrtEpDevice*> chosen;
    for (const OrtEpDevice* device : devices())
      if (provider == table_.later<EpDevice_EpName>()(device)) chosen.push_back(device);
    const OrtApi& api = *table_.api;
    if (provider == "CUDAExecutionProvider") {
      const auto own = table_.made<OrtCUDAProviderOptionsV2>(api.ReleaseCUDAProviderOptions, [&](OrtCUDAProviderOptionsV2** out) { return api.CreateCUDAProviderOptions(out); });
      table_.check(api.UpdateCUDAProviderOptions(own.get(), pointers.keys.data(), pointers.values.data(), options.size()));
      table_.check(api.SessionOptionsAppendExecutionProvider_CUDA_V2(&session, own.get()));
    } else if (provider == "TensorrtExecutionProvider") {
      const auto own =
          table_.made<OrtTensorRTProviderOptionsV2>(api.ReleaseTensorRTProviderOptions, [&](OrtTensorRTProviderOptionsV2** out) { return api.CreateTensorRTProviderOptions(out); });
      table_.check(api.UpdateTensorRTProviderOptions(own.get(), pointers.keys.data(), pointers.values.data(), options.size()));
      table_.check(api.SessionOptionsAppendExecutionProvider_TensorRT_V2(&session, own.get()));
    } else if (!chosen.empty()) {
      // The first device and those of its kind: one provider computes on one kind of device.
      const auto kind = [&](const OrtEpDevice* device) { return table_.later<HardwareDevice_Type>()(table_.later<EpDevice_Device>()(device)); };
      std::erase_if(chosen, [&, first = kind(chosen.front())](const OrtEpDevice* device) { return kind(device) != first; });
      table_.check(table_.later<SessionOptionsAppendExecutionProvider_V2>()(&session, env_, chosen.data(), 1, pointers.keys.data(), pointers.values.data(), options.size()));
    } else {
      const std::string name = provider == "DmlExecutionProvider" ? "DML" : provider.ends_with("ExecutionProvider") ? provider.substr(0, provider.size() - 17) : provider;
      if (name == "DML") table_.check(api.SetSessionExecutionMode(&session, ORT_SEQUENTIAL));
      table_.check(api.SessionOptionsAppendExecutionProvider(&session, name.c_str(), pointers.keys.data(), pointers.values.data(), options.size()));
    }
  }

  Table table_;
  std::string version_, path_;
  OrtEnv* env_ = nullptr;
  std::vector<std::string> added_;
};

// The second part of "1.32.0".
unsigned minor_of(const std::string& version) {
  unsigned minor = 0;
  const size_t dot = version.find('.');
  if (dot != version.npos) std::from_chars(version.data() + dot + 1, version.data() + version.size(), minor);
  return minor;
}

}  // namespace

Runtime* open_library(const std::string& path, std::string& reason) {
  const std::unique_ptr<SharedLibrary> library = SharedLibrary::open(path, reason);
  if (library == nullptr) return nullptr;
  const auto entry = reinterpret_cast<const OrtApiBase*(ORT_API_CALL*)()>(library->find("OrtGetApiBase"));
  if (entry == nullptr) {
    reason = path + " is not ONNX Runtime: it has no function OrtGetApiBase";
    return nullptr;
  }
  const std::string version = entry()->GetVersionString();
  const OrtApi* const api = version.starts_with("1.") && minor_of(version) >= interface_version ? entry()->GetApi(interface_version) : nullptr;
  if (api == nullptr) {
    reason = path + " is ONNX Runtime " + version + ", and philo takes version 1.21 or later; pip install onnxruntime==1.32.0 and set PHILO_ONNXRUNTIME to its folder";
    return nullptr;
  }
  try {
    return new Library({api, minor_of(version)}, version, path);  // until the process ends
  } catch (const Failure& failure) {
    reason = "ONNX Runtime " + version + " does not start: " + failure.what();
    return nullptr;
  }
}

}  // namespace philo::onnxruntime
