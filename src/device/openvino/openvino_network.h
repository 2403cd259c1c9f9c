// A compiled graph as a Network: each session is one inference request with its state.
#pragma once

#include <memory>
#include <string>

#include "device/device.h"
#include "device/openvino/settings.h"

namespace philo::openvino {

class OpenvinoNetwork final : public Network {
 public:
  OpenvinoNetwork(std::string name, std::shared_ptr<const Plan> plan, Settings settings, std::shared_ptr<Compiled> compiled, size_t weight_bytes);

  Traits traits() const override { return traits_; }
  std::unique_ptr<Session> open(size_t context) const override;
  void forward(std::span<const Turn> turns, Logits& out) const override;
  void observe(StepObserver observer) override;

  void warm_up(Session& session) const;       // a few tokens at once and one alone
  void cancel(const Session& session) const;  // from another thread: what it computes fails soon

 private:
  class State;
  void advance(State& state, const Turn& turn, Logits& out, size_t& row) const;
  void infer(State& state, std::span<const Token> tokens, bool long_factors, bool all_rows) const;
  Error failed(const std::string& what, const std::string& why) const;

  std::string name_;
  std::shared_ptr<const Plan> plan_;
  Settings settings_;
  std::shared_ptr<Compiled> compiled_;
  Traits traits_;
};

}  // namespace philo::openvino
