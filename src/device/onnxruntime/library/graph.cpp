// Runs a session, and finds out where its nodes and inputs are.
#include "device/onnxruntime/library/graph.h"

#include <string_view>

namespace philo::onnxruntime {
namespace {

ONNXTensorElementDataType type_of(ElementType type) {
  switch (type) {
    case ElementType::F32: return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    case ElementType::F16: return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
    case ElementType::Bf16: return ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16;
    case ElementType::I64: return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    case ElementType::I32: return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
    case ElementType::U8: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
    case ElementType::I8: return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
    case ElementType::Bool: return ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

}  // namespace

class OrtGraph::DeviceValues final : public Carried {
 public:
  std::vector<std::pair<std::string, std::string>> names;
  std::vector<Owned<OrtValue>> values;
};

OrtGraph::OrtGraph(const Table& table, const OrtEnv* env, Owned<OrtSessionOptions> options, const GraphRequest& request)
    : table_(table),
      memory_(table.made<OrtMemoryInfo>(table.api->ReleaseMemoryInfo, [&](OrtMemoryInfo** out) { return table.api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, out); })),
      session_(nullptr, table.api->ReleaseSession),
      run_options_(table.made<OrtRunOptions>(table.api->ReleaseRunOptions, [&](OrtRunOptions** out) { return table.api->CreateRunOptions(out); })) {
  std::vector<Owned<OrtValue>> weights;
  std::vector<const char*> names;
  std::vector<const OrtValue*> values;
  for (const NamedTensor& weight : request.weights) {
    weights.push_back(value(weight));
    names.push_back(weight.name);
    values.push_back(weights.back().get());
  }
  if (!values.empty()) table_.check(table_.api->AddExternalInitializers(options.get(), names.data(), values.data(), values.size()));
  const auto cancel = table_.later<SessionOptionsSetLoadCancellationFlag>();
  const std::stop_callback stopped(request.stop, [&] {
    if (cancel == nullptr) return;
    if (OrtStatus* const status = cancel(options.get(), true)) table_.api->ReleaseStatus(status);
  });
  session_ = table_.made<OrtSession>(table_.api->ReleaseSession, [&](OrtSession** out) {
    return table_.api->CreateSessionFromArray(env, request.model.data(), request.model.size(), options.get(), out);
  });
  if (request.provider != processor_provider) count_nodes();
  find_memory();
}

void OrtGraph::count_nodes() {
  const auto parts_of = table_.later<Session_GetEpGraphAssignmentInfo>();
  if (parts_of == nullptr) return;
  const OrtEpAssignedSubgraph* const* parts = nullptr;
  size_t count = 0;
  table_.check(parts_of(session_.get(), &parts, &count));
  for (size_t i = 0; i < count; ++i) {
    const char* name = nullptr;
    const void* const* nodes = nullptr;
    size_t node_count = 0;
    table_.check(table_.later<EpAssignedSubgraph_GetEpName>()(parts[i], &name));
    table_.check(table_.later<EpAssignedSubgraph_GetNodes>()(parts[i], &nodes, &node_count));
    nodes_[name] += node_count;
  }
}

void OrtGraph::find_memory() {
  const auto memory_of = table_.later<SessionGetMemoryInfoForInputs>();
  if (memory_of == nullptr) return;
  size_t count = 0;
  table_.check(table_.api->SessionGetInputCount(session_.get(), &count));
  std::vector<const OrtMemoryInfo*> infos(count);
  table_.check(memory_of(session_.get(), infos.data(), count));
  OrtAllocator* allocator = nullptr;
  table_.check(table_.api->GetAllocatorWithDefaultOptions(&allocator));
  for (size_t i = 0; i < count; ++i) {
    OrtMemoryInfoDeviceType device = OrtMemoryInfoDeviceType_CPU;
    if (infos[i] != nullptr) table_.api->MemoryInfoGetDeviceType(infos[i], &device);
    if (device == OrtMemoryInfoDeviceType_CPU) continue;
    char* name = nullptr;
    table_.check(table_.api->SessionGetInputName(session_.get(), i, allocator, &name));
    elsewhere_.emplace(name, infos[i]);
    table_.check(table_.api->AllocatorFree(allocator, name));
  }
}

bool OrtGraph::elsewhere(const char* input) const { return elsewhere_.contains(std::string_view(input)); }

Owned<OrtValue> OrtGraph::value(const NamedTensor& tensor) const {
  return table_.made<OrtValue>(table_.api->ReleaseValue, [&](OrtValue** out) {
    static char nothing;  // of tensors without numbers
    return table_.api->CreateTensorWithDataAsOrtValue(memory_.get(), tensor.bytes == 0 ? &nothing : tensor.data, tensor.bytes, tensor.shape.data(), tensor.shape.size(), type_of(tensor.type), out);
  });
}

std::unique_ptr<Carried> OrtGraph::carry(const NamedTensor& empty, std::vector<std::pair<std::string, std::string>> names) {
  auto carried = std::make_unique<DeviceValues>();
  for (size_t i = 0; i < names.size(); ++i) carried->values.push_back(value(empty));
  carried->names = std::move(names);
  return carried;
}

void OrtGraph::run(std::span<const NamedTensor> inputs, std::span<const NamedTensor> outputs, Carried* carried) {
  if (carried == nullptr) run_plain(inputs, outputs);
  else run_bound(inputs, outputs, static_cast<DeviceValues&>(*carried));
}

void OrtGraph::run_plain(std::span<const NamedTensor> inputs, std::span<const NamedTensor> outputs) {
  std::vector<Owned<OrtValue>> values;
  std::vector<const char*> input_names, output_names;
  std::vector<const OrtValue*> input_values;
  std::vector<OrtValue*> output_values;
  for (const NamedTensor& input : inputs) {
    values.push_back(value(input));
    input_names.push_back(input.name);
    input_values.push_back(values.back().get());
  }
  for (const NamedTensor& output : outputs) {
    values.push_back(value(output));
    output_names.push_back(output.name);
    output_values.push_back(values.back().get());
  }
  table_.check(table_.api->Run(session_.get(), run_options_.get(), input_names.data(), input_values.data(), input_values.size(), output_names.data(), output_names.size(),
                               output_values.data()));
}

void OrtGraph::run_bound(std::span<const NamedTensor> inputs, std::span<const NamedTensor> outputs, DeviceValues& carried) {
  const Owned<OrtIoBinding> binding =
      table_.made<OrtIoBinding>(table_.api->ReleaseIoBinding, [&](OrtIoBinding** out) { return table_.api->CreateIoBinding(session_.get(), out); });
  std::vector<Owned<OrtValue>> values;
  for (const NamedTensor& input : inputs) {
    values.push_back(value(input));
    table_.check(table_.api->BindInput(binding.get(), input.name, values.back().get()));
  }
  for (const NamedTensor& output : outputs) {
    values.push_back(value(output));
    table_.check(table_.api->BindOutput(binding.get(), output.name, values.back().get()));
  }
  for (size_t i = 0; i < carried.names.size(); ++i) {
    const auto& [input, output] = carried.names[i];
    table_.check(table_.api->BindInput(binding.get(), input.c_str(), carried.values[i].get()));
    const auto place = elsewhere_.find(input);
    table_.check(table_.api->BindOutputToDevice(binding.get(), output.c_str(), place == elsewhere_.end() ? memory_.get() : place->second));
  }
  table_.check(table_.api->RunWithBinding(session_.get(), run_options_.get(), binding.get()));
  table_.check(table_.api->SynchronizeBoundOutputs(binding.get()));
  OrtAllocator* allocator = nullptr;
  table_.check(table_.api->GetAllocatorWithDefaultOptions(&allocator));
  OrtValue** bound = nullptr;
  size_t count = 0;
  table_.check(table_.api->GetBoundOutputValues(binding.get(), allocator, &bound, &count));
  for (size_t i = 0; i < count; ++i) {
    Owned<OrtValue> one(bound[i], table_.api->ReleaseValue);
    if (i >= outputs.size()) carried.values[i - outputs.size()] = std::move(one);
  }
  if (bound != nullptr) table_.check(table_.api->AllocatorFree(allocator, bound));
}

}  // namespace philo::onnxruntime
