// A session of ONNX Runtime.
#pragma once

#include "device/onnxruntime/library/table.h"

namespace philo::onnxruntime {

class OrtGraph final : public Graph {
 public:
  // `options` names the provider already. The environment outlives all sessions.
  OrtGraph(const Table& table, const OrtEnv* env, Owned<OrtSessionOptions> options, const GraphRequest& request);

  void run(std::span<const NamedTensor> inputs, std::span<const NamedTensor> outputs, Carried* carried) override;
  bool elsewhere(const char* input) const override;
  std::unique_ptr<Carried> carry(const NamedTensor& empty, std::vector<std::pair<std::string, std::string>> names) override;
  const std::map<std::string, size_t>& nodes() const override { return nodes_; }

 private:
  class DeviceValues;
  Owned<OrtValue> value(const NamedTensor& tensor) const;
  void run_plain(std::span<const NamedTensor> inputs, std::span<const NamedTensor> outputs);
  void run_bound(std::span<const NamedTensor> inputs, std::span<const NamedTensor> outputs, DeviceValues& carried);
  void count_nodes();
  void find_memory();

  Table table_;
  Owned<OrtMemoryInfo> memory_;  // the processor's
  Owned<OrtSession> session_;
  Owned<OrtRunOptions> run_options_;
  std::map<std::string, size_t> nodes_;
  std::map<std::string, const OrtMemoryInfo*, std::less<>> elsewhere_;  // inputs that belong in other memory than the processor's
};

}  // namespace philo::onnxruntime
