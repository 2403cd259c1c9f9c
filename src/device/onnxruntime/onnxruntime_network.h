// A graph as a Network: each session owns its keys and values, which every pass is given.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "device/onnxruntime/kv_buffers.h"
#include "device/onnxruntime/runtime.h"
#include "device/onnxruntime/settings.h"

namespace philo::onnxruntime {

class OnnxruntimeNetwork final : public Network {
 public:
  // `weights` is the memory that the graph's initializers lie in.
  OnnxruntimeNetwork(std::string name, std::shared_ptr<const Plan> plan, Settings settings, std::unique_ptr<Graph> graph, std::shared_ptr<const void> weights,
                     size_t weight_bytes, size_t memory_bytes);

  Traits traits() const override { return traits_; }
  std::unique_ptr<Session> open(size_t context) const override;
  void forward(std::span<const Turn> turns, Logits& out) const override;
  void observe(StepObserver observer) override;

 private:
  class State;
  struct Buffers {  // what one pass is given beside the caches
    std::vector<int64_t> tokens, mask, positions, rows;
    std::vector<uint16_t> half_logits;
  };
  void run(State& state, const Turn& turn, std::span<float> logits) const;
  Error failed(const State& state, const Failure& failure) const;

  std::string name_;
  std::shared_ptr<const Plan> plan_;
  Settings settings_;
  std::shared_ptr<const void> weights_;
  std::unique_ptr<Graph> graph_;
  std::vector<std::pair<std::string, std::string>> caches_;  // names of past and present
  mutable Buffers buffers_;
  Traits traits_;
};

}  // namespace philo::onnxruntime
