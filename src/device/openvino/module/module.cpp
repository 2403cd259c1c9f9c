// The only file that sees OpenVINO's headers.
#include <openvino/core/graph_util.hpp>
#include <openvino/core/rt_info.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/openvino.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>

#include "device/openvino/runtime.h"

namespace philo::openvino {
namespace {

// Runs `act`; what it throws becomes a text. False where it threw.
template <class Act>
bool guarded(std::string& error, Act&& act) {
  try {
    act();
    return true;
  } catch (const std::exception& problem) {
    error = problem.what();
  } catch (...) {
    error = "unknown";
  }
  if (error.empty()) error = "unknown";
  return false;
}

ov::AnyMap map_of(const Properties& properties) {
  ov::AnyMap map;
  for (const auto& [name, value] : properties) map.emplace(name, value);
  return map;
}

ov::element::Type type_of(InputType type) {
  switch (type) {
    case InputType::I64: return ov::element::i64;
    case InputType::I32: return ov::element::i32;
    case InputType::Boolean: return ov::element::boolean;
  }
  return ov::element::dynamic;
}

// Part of (batch, heads, tokens, size): the first tokens of each head.
ov::Tensor first_tokens(const ov::Tensor& whole, size_t tokens) {
  ov::Shape shape = whole.get_shape();
  if (shape.size() != 4 || shape[2] < tokens) throw std::runtime_error("a state has an unexpected shape");
  ov::Coordinate end(shape.begin(), shape.end());
  end[2] = tokens;
  const ov::Tensor part(whole, ov::Coordinate(4, 0), end);
  ov::Tensor copy(whole.get_element_type(), part.get_shape());
  part.copy_to(copy);
  return copy;
}

// Lets constants of the graph be bytes that lie elsewhere. `at_load`: the memory that they were read to lie in.
void share(const std::shared_ptr<ov::Model>& model, const std::vector<SharedConstant>& shared,
           const ov::Tensor& at_load) {
  std::map<size_t, std::span<const std::byte>> places;
  for (const SharedConstant& constant : shared) places[constant.offset] = constant.bytes;
  for (const std::shared_ptr<ov::Node>& node : model->get_ordered_ops()) {
    const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(node);
    if (constant == nullptr) continue;
    const std::ptrdiff_t offset =
        static_cast<const char*>(constant->get_data_ptr()) - static_cast<const char*>(at_load.data());
    const auto place = offset < 0 ? places.end() : places.find(static_cast<size_t>(offset));
    if (place == places.end()) continue;
    if (place->second.size() != constant->get_byte_size())
      throw std::runtime_error("a shared constant has another size than the graph says");
    const ov::Tensor elsewhere(constant->get_element_type(), constant->get_shape(),
                               const_cast<std::byte*>(place->second.data()));
    const auto other = std::make_shared<ov::op::v0::Constant>(elsewhere);
    other->set_friendly_name(constant->get_friendly_name());
    ov::copy_runtime_info(constant, other);
    ov::replace_node(constant, other);
    places.erase(place);
  }
  if (!places.empty()) throw std::runtime_error("the graph lacks a shared constant");
}

class OvRequest : public Request {
 public:
  explicit OvRequest(ov::InferRequest request) : request_(std::move(request)) {}

  bool infer(std::span<const Input> inputs, std::string& error) override {
    return guarded(error, [&] {
      for (const Input& input : inputs) {
        ov::Tensor tensor(type_of(input.type), ov::Shape(input.shape.begin(), input.shape.end()));
        if (tensor.get_byte_size() > 0) std::memcpy(tensor.data(), input.data, tensor.get_byte_size());
        request_.set_tensor(input.name, tensor);
      }
      request_.infer();
    });
  }

  void cancel() override {
    std::string ignored;
    guarded(ignored, [&] { request_.cancel(); });
  }

  std::span<const float> logits(size_t& rows, std::string& error) override {
    std::span<const float> out;
    guarded(error, [&] {
      logits_ = request_.get_tensor("logits");
      const ov::Shape shape = logits_.get_shape();
      if (shape.size() != 3 || shape[0] != 1 || logits_.get_element_type() != ov::element::f32) throw std::runtime_error("the output \"logits\" has an unexpected shape or type");
      rows = shape[1];
      out = {logits_.data<float>(), shape[1] * shape[2]};
    });
    return out;
  }

  bool reset(std::string& error) override {
    return guarded(error, [&] { request_.reset_state(); });
  }

  bool keep(size_t tokens, std::string& error) override {
    return guarded(error, [&] {
      for (ov::VariableState& state : request_.query_state()) state.set_state(first_tokens(state.get_state(), tokens));
    });
  }

 private:
  ov::InferRequest request_;
  ov::Tensor logits_;
};

class OvCompiled : public Compiled {
 public:
  explicit OvCompiled(ov::CompiledModel model) : model_(std::move(model)) {}

  std::unique_ptr<Request> open(std::string& error) override {
    std::unique_ptr<Request> out;
    guarded(error, [&] { out = std::make_unique<OvRequest>(model_.create_infer_request()); });
    return out;
  }

  std::string property(const char* name) const override {
    std::string text, ignored;
    guarded(ignored, [&] { text = model_.get_property(name).as<std::string>(); });
    return text;
  }

  bool write(const std::string& path, std::string& error) override {
    return guarded(error, [&] {
      std::ofstream stream(path, std::ios::binary);
      if (stream) model_.export_model(stream);
      stream.close();
      if (!stream) throw std::runtime_error("it can't be written: " + std::string(std::strerror(errno)));
    });
  }

 private:
  mutable ov::CompiledModel model_;
};

class OvRuntime : public Runtime {
 public:
  OvRuntime() : version_(ov::get_openvino_version().buildNumber) {}

  const std::string& version() const override { return version_; }
  const std::string& built_version() const override { return built_version_; }

  std::vector<DeviceDescription> devices() const override {
    std::vector<DeviceDescription> out;
    std::string ignored;
    guarded(ignored, [&] {
      for (const std::string& name : core_.get_available_devices()) {
        DeviceDescription device{name, "", ""};
        std::string unknown;
        guarded(unknown, [&] { device.text = core_.get_property(name, ov::device::full_name); });
        for (const char* driver : {"NPU_DRIVER_VERSION", "GPU_DRIVER_VERSION"})
          guarded(unknown, [&] { device.driver = core_.get_property(name, driver).as<std::string>(); });
        out.push_back(std::move(device));
      }
    });
    return out;
  }

  std::vector<std::string> known_properties(const std::string& device) const override {
    std::vector<std::string> out;
    std::string ignored;
    guarded(ignored, [&] {
      for (const ov::PropertyName& name : core_.get_property(device, ov::supported_properties))
        if (name.is_mutable()) out.push_back(name);
    });
    return out;
  }

  std::unique_ptr<Compiled> compile(const Graph& graph, const std::string& device, const Properties& properties, std::string& error) override {
    std::unique_ptr<Compiled> out;
    guarded(error, [&] {
      std::shared_ptr<ov::Model> model;
      {
        ov::Tensor constants(ov::element::u8, ov::Shape{graph.constant_bytes});
        if (!graph.fill({reinterpret_cast<std::byte*>(constants.data()), graph.constant_bytes})) throw std::runtime_error("stopped");
        model = core_.read_model(*graph.xml, constants);
        share(model, graph.shared, constants);
      }
      out = std::make_unique<OvCompiled>(core_.compile_model(model, device, map_of(properties)));
    });
    return out;
  }

  std::unique_ptr<Compiled> read(const std::string& path, const std::string& device, const Properties& properties, std::string& error) override {
    std::unique_ptr<Compiled> out;
    guarded(error, [&] {
      std::ifstream stream(path, std::ios::binary);
      if (!stream) throw std::runtime_error("it can't be read");
      out = std::make_unique<OvCompiled>(core_.import_model(stream, device, map_of(properties)));
    });
    return out;
  }

 private:
  mutable ov::Core core_;
  std::string version_, built_version_ = PHILO_OPENVINO_VERSION;
};

}  // namespace
}  // namespace philo::openvino

extern "C" __attribute__((visibility("default"))) philo::openvino::Runtime* philo_openvino_runtime_2(std::string& error) {
  static std::unique_ptr<philo::openvino::Runtime> runtime;
  if (!runtime) philo::openvino::guarded(error, [&] { runtime = std::make_unique<philo::openvino::OvRuntime>(); });
  return runtime.get();
}
