// What philo asks of ONNX Runtime, in its own words. library/ implements this over ONNX Runtime's C interface, where its header is there at
// build time; so the rest of philo builds and is tested without it. What fails throws a Failure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "device/properties.h"

namespace philo::onnxruntime {

class Failure : public std::runtime_error {
 public:
  Failure(const std::string& text, bool out_of_memory) : std::runtime_error(text), out_of_memory_(out_of_memory) {}
  bool out_of_memory() const { return out_of_memory_; }

 private:
  bool out_of_memory_;
};

inline constexpr const char* processor_provider = "CPUExecutionProvider";

enum class ElementType : uint8_t { F32, F16, Bf16, I64, I32, U8, I8, Bool };

// The caller's memory as a tensor.
struct NamedTensor {
  const char* name;
  ElementType type;
  std::vector<int64_t> shape;
  void* data;
  size_t bytes;
};

// Values that stay in a device's own memory: what one run gives under the second name is the next one's input under the first.
class Carried {
 public:
  virtual ~Carried() = default;
};

// A graph that is ready to run. Of one thread at a time.
class Graph {
 public:
  virtual ~Graph() = default;
  // Computes into the memory of `outputs`, whose shapes are those that the graph yields. An output may lie where an input lies, where the
  // graph's operators allow it.
  virtual void run(std::span<const NamedTensor> inputs, std::span<const NamedTensor> outputs, Carried* carried) = 0;
  // Whether the input is wanted in a device's own memory.
  virtual bool elsewhere(const char* input) const = 0;
  // Values that begin empty: `element` is such a tensor without numbers. (input, output) names.
  virtual std::unique_ptr<Carried> carry(const NamedTensor& empty, std::vector<std::pair<std::string, std::string>> names) = 0;
  // How many nodes each provider computes; empty where the library does not say.
  virtual const std::map<std::string, size_t>& nodes() const = 0;
};

struct GraphRequest {
  std::span<const std::byte> model;    // an ONNX model
  std::vector<NamedTensor> weights;    // its external initializers, in memory that outlives the graph
  std::string provider;                // "CPUExecutionProvider", or what a plug-in calls itself
  Properties provider_options, config; // config: of the session
  int threads = 0;                     // 0: as ONNX Runtime chooses
  std::stop_token stop;                // gives up where the library can
};

struct ProviderDevice {
  std::string provider;  // its own name
  std::string text;      // vendor and kind of the device; empty for those that are built in
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual const std::string& version() const = 0;  // "1.32.0"
  virtual const std::string& path() const = 0;     // of the library, as it was found
  virtual std::vector<ProviderDevice> providers() const = 0;  // built in, and of the plug-ins that were added
  virtual void add_provider_library(const std::string& path) = 0;
  virtual bool knows_config(const std::string& key) const = 0;  // a session's
  virtual std::vector<std::string> known_config() const = 0;
  // Why the provider can't be used with these options; empty where it can.
  virtual std::string probe(const std::string& provider, const Properties& options) = 0;
  virtual std::unique_ptr<Graph> load(const GraphRequest& request) = 0;
};

// Where the library is: a file, or a folder to look in. Empty: beside philo, and where the system keeps libraries. Throws ErrorCode::Usage
// where it was looked for elsewhere already.
void set_library_place(const std::string& path);
// The runtime, or nullptr and why not and what to do. Looked for once.
Runtime* runtime(std::string& reason);

// library/: opens the file and asks it for the interface. nullptr and why not.
Runtime* open_library(const std::string& path, std::string& reason);

}  // namespace philo::onnxruntime
