// What philo asks of OpenVINO, in its own words. The module, a library of its own, implements this over OpenVINO's; so the rest of philo
// builds and is tested without it. Nothing throws across this interface: what fails returns false or nullptr and says why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "device/properties.h"

namespace philo::openvino {

struct DeviceDescription {
  std::string name;    // "CPU", "GPU.0"
  std::string text;    // what the plugin calls it
  std::string driver;  // its version; empty where there is none
};

enum class InputType : uint8_t { I64, I32, Boolean };

// One input of an inference. The data outlives the call.
struct Input {
  const char* name;
  InputType type;
  std::vector<size_t> shape;
  const void* data;
};

// One sequence: an inference request and the state in it.
class Request {
 public:
  virtual ~Request() = default;
  virtual bool infer(std::span<const Input> inputs, std::string& error) = 0;
  virtual void cancel() = 0;  // from another thread: infer() returns false soon
  // The output "logits" of the last inference, (1, rows, vocabulary); valid until the next one.
  virtual std::span<const float> logits(size_t& rows, std::string& error) = 0;
  virtual bool reset(std::string& error) = 0;
  // Makes each part of the state, (batch, heads, tokens, size), hold its first `tokens` alone.
  virtual bool keep(size_t tokens, std::string& error) = 0;
};

class Compiled {
 public:
  virtual ~Compiled() = default;
  virtual std::unique_ptr<Request> open(std::string& error) = 0;
  virtual std::string property(const char* name) const = 0;  // empty where the device does not know it
  virtual bool write(const std::string& path, std::string& error) = 0;  // what Runtime::read() takes; plugins seek in it, so it is a file
};

// A constant that lies elsewhere, for longer than the compiled graph lives.
struct SharedConstant {
  size_t offset;
  std::span<const std::byte> bytes;
};

// A graph as text and its constants. `fill` writes them, once, into memory that belongs to the runtime, is shared with
// the graph and goes with the last user of it; it returns false where it gave up. It leaves out those in `shared`,
// whose place in that memory is never touched.
struct Graph {
  const std::string* xml;
  size_t constant_bytes;
  std::function<bool(std::span<std::byte>)> fill;
  std::vector<SharedConstant> shared;
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual const std::string& version() const = 0;        // of the library that is loaded: "2026.4.1-22982-…"
  virtual const std::string& built_version() const = 0;  // that the module was built with: "2026.4.1"
  virtual std::vector<DeviceDescription> devices() const = 0;
  virtual std::vector<std::string> known_properties(const std::string& device) const = 0;  // that may be set
  virtual std::unique_ptr<Compiled> compile(const Graph& graph, const std::string& device, const Properties& properties, std::string& error) = 0;
  virtual std::unique_ptr<Compiled> read(const std::string& path, const std::string& device, const Properties& properties, std::string& error) = 0;
};

// The module's one function; its name changes with this header.
constexpr const char* entry_name = "philo_openvino_runtime_2";
using Entry = Runtime* (*)(std::string& error);  // belongs to the module

// The runtime, or nullptr and why not and what to do. Looked for once.
Runtime* runtime(std::string& reason);

}  // namespace philo::openvino
