// Runs a plan on the processor, step by step.
#pragma once

#include <memory>
#include <vector>

#include "device/cpu/attend.h"
#include "device/cpu/crew_sizes.h"
#include "device/cpu/loaded_weights.h"

namespace philo {

class CpuNetwork final : public Network {
 public:
  CpuNetwork(std::shared_ptr<const Plan> plan, const DeviceOptions& options);

  Traits traits() const override;
  std::unique_ptr<Session> open(size_t context) const override;
  void forward(std::span<const Turn> turns, Logits& out) const override;
  void observe(StepObserver observer) override { observer_ = std::move(observer); }

 private:
  struct Pass;  // what one forward works on
  struct Activation { float* data; size_t stride, width; };  // (tokens, width), rows `stride` floats apart

  void assign_slots();
  void check(std::span<const Turn> turns) const;
  Pass prepare(std::span<const Turn> turns) const;
  void run_step(size_t index, Pass& pass, Logits& out) const;
  // Steps that work on each row alone wait until a step needs all rows: then each row goes through all of them while it is in the cache.
  void run_row(const Step& step, size_t row) const;
  void run_waiting_rows(Pass& pass) const;
  void keep_wanted_rows(size_t index, Pass& pass) const;
  void linear(const Matrix& matrix, const Activation& in, Pass& pass, const Activation& out) const;
  Crew& crew_for(size_t tokens) const;
  void float_part(const MatrixPart& part, const Activation& in, size_t tokens, const Activation& out) const;
  void coded_part(const PanelMatrix& matrix, const QuantizedInput& input, const Activation& in, size_t tokens, const Activation& out) const;
  QuantizedInput quantized(const Activation& in, Pass& pass, size_t group) const;  // runs the waiting rows as well
  void show(const Step& step, const Activation& out, size_t tokens) const;
  Activation rows(Value value) const;

  std::shared_ptr<const Plan> plan_;
  KvFormat kv_format_;
  ActivationFormat activation_format_;
  const Kernels& kernels_;
  int threads_;
  CrewSizes crew_sizes_;
  mutable ThreadPool pool_;
  mutable Crew decode_crew_, prefill_crew_;
  LoadedWeights weights_;
  mutable Attention attention_;
  std::vector<float> short_frequencies_, long_frequencies_;  // radians per position, (rotary_size / 2)
  std::vector<size_t> slot_of_;       // of each Value; several values share a slot one after the other
  std::vector<size_t> slot_stride_;   // floats
  std::vector<size_t> last_use_;      // step that reads a Value last
  size_t narrow_at_;                  // from this step on only the rows are needed that somebody asked for
  mutable std::vector<Buffer> slots_; // (tokens, stride)
  mutable Buffer linear_scratch_, angles_;
  mutable Buffer input_codes_, input_scales_, input_sums_;  // of the quantized input of a matrix
  StepObserver observer_;
};

}  // namespace philo
