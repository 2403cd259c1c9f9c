// Who computes a plan: tokens in, logits out, and a position that can move back. Above this seam nothing knows a device's name.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/token.h"
#include "device/properties.h"
#include "model/plan.h"

namespace philo {

enum class KvFormat : uint8_t { Fp32, Fp16, Int8 };      // Int8: with one scale for each token and head
enum class ActivationFormat : uint8_t { Int8, Fp32 };    // of the inputs of matrices of integer codes; those of floats take fp32

// What a network computes with beside its weights, whose formats the plan says.
struct DeviceOptions {
  KvFormat kv_format = KvFormat::Int8;
  ActivationFormat activation_format = ActivationFormat::Int8;
  int threads = 0;   // 0: what is fastest here
  std::string isa;   // empty: the best one here
  Properties properties;  // for a vendor's runtime, by its own names
  size_t context = 0;             // most tokens that sessions will hold, for devices that compile for fixed sizes; 0: their default
  bool allow_requantize = false;  // weights that the device does not take may be quantized again
  std::string cache_folder;       // for what takes long to compile; empty: nothing is kept
  NoteSink note;     // may be empty
  Progress progress; // of loading; may be empty
};

enum class Rows : uint8_t { None, Last, All };  // which logits are wanted: chunked prefill, decode, scoring and verifying

// A part of a KV cache as it is written to disk.
struct CachePart {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
};

// One KV cache and its position. Belongs to the Network that opened it and must not outlive it.
class Session {
 public:
  virtual ~Session() = default;
  virtual size_t position() const = 0;              // tokens in the cache
  // Forgets the tokens from `position` on. Returns the position it could keep: the one asked for, or an earlier one, 0 at worst.
  virtual size_t rewind(size_t position) = 0;
  virtual size_t memory_bytes() const = 0;          // what the cache takes now

  // What the cache consists of now, and the numbers of one part. Devices that keep their cache to themselves throw ErrorCode::Device.
  virtual std::vector<CachePart> parts() const { throw kept_to_itself(); }
  virtual void read_part(size_t /*part*/, std::span<std::byte> /*to*/) const { throw kept_to_itself(); }
  // Fills a new session of an equal network with parts that were written. `long_factors`: LongRoPE's, that the keys were
  // turned with. Throws ErrorCode::Input, naming `file`, where names, types or shapes don't fit; the session is then of no more use.
  virtual void restore(size_t /*position*/, bool /*long_factors*/, const Weights& /*parts*/, const std::string& /*file*/) {
    throw kept_to_itself();
  }

 private:
  static Error kept_to_itself() {
    return Error(ErrorCode::Device, "this device does not give its keys and values out; save the messages instead, or use --device cpu");
  }
};

struct Turn {
  Session* session;
  std::span<const Token> tokens;  // follow the session's position; 1 to Traits::turn_tokens of them
  Rows rows;
  size_t sequence;  // length of the whole sequence once every queued chunk is in: selects the LongRoPE factors
};

// The rows asked for, in the order of the turns.
class Logits {
 public:
  std::span<const float> row(size_t index) const { return {values_.data() + index * vocabulary_, vocabulary_}; }
  std::span<float> row(size_t index) { return {values_.data() + index * vocabulary_, vocabulary_}; }
  size_t rows() const { return vocabulary_ == 0 ? 0 : values_.size() / vocabulary_; }
  size_t vocabulary() const { return vocabulary_; }
  void resize(size_t rows, size_t vocabulary) {
    vocabulary_ = vocabulary;
    values_.resize(rows * vocabulary);
  }

 private:
  size_t vocabulary_ = 0;
  std::vector<float> values_;  // (rows, vocabulary)
};

// Sees each step's output while a plan runs: for traces against a reference and for calibration. `values` is (tokens, width).
using StepObserver = std::function<void(const Step& step, std::span<const float> values, size_t tokens)>;

struct Traits {
  bool all_rows;         // Rows::All is served
  bool equal_columns;    // a token's numbers do not depend on how many others share its pass
  size_t turn_tokens;    // most tokens of one forward, all turns together
  size_t context;        // most tokens of a session
  std::string isa;       // of the kernels chosen, or empty
  int threads;           // as asked for, or all cores: what a device's limits are measured with
  size_t weight_bytes;   // read for one token
  size_t memory_bytes;   // held for the weights beyond the mapped files
  std::optional<KvFormat> kv_format = {};  // of keys and values, where the device has its own way; otherwise what the options say
  bool steps = true;           // observe() shows each step; otherwise the network is one graph
  bool int8_products = false;  // Linear steps multiply 8 bit integers; otherwise float32
  int prefill_threads = 0, decode_threads = 0;  // that compute, where the device chooses them apart; 0: as many as `threads`
};

// A plan compiled for one device, weights resident. Its const functions may be called from one thread at a time.
class Network {
 public:
  virtual ~Network() = default;
  virtual Traits traits() const = 0;
  // A session for at most `context` tokens. Memory grows with use.
  virtual std::unique_ptr<Session> open(size_t context) const = 0;
  // Appends every turn's tokens to its session and yields the rows asked for. Several sessions share one pass over the weights.
  // Throws ErrorCode::Resource where memory runs out; the sessions then keep the position they had.
  virtual void forward(std::span<const Turn> turns, Logits& out) const = 0;
  virtual void observe(StepObserver observer) = 0;  // empty: none. Throws ErrorCode::Device where Traits::steps is false
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;
  // The plan with the formats that this device computes with: the same one, or another where DeviceOptions::allow_requantize lets it choose.
  virtual std::shared_ptr<const Plan> adapt(std::shared_ptr<const Plan> plan, const DeviceOptions&) const { return plan; }
  // Why this plan can't run here and what to do, if it can't.
  virtual std::optional<std::string> refuses(const Plan& plan, const DeviceOptions& options) const = 0;
  virtual std::unique_ptr<Network> compile(std::shared_ptr<const Plan> plan, const DeviceOptions& options) const = 0;
};

// One line of `philo devices`.
struct DeviceReport {
  std::string name;
  bool usable;
  std::string description;  // what it is: cores, instruction sets
  std::string reason;       // why not, and what to do; empty where usable
};

// Throws ErrorCode::Device for a name that no device here answers to, listing those that are there. "auto" picks the first usable.
const Device& find_device(std::string_view name);
std::vector<DeviceReport> list_devices();

}  // namespace philo
