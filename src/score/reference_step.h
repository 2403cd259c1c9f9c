// What a step of a plan must yield, in double precision from the step's own inputs: some rows of it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "device/device.h"

namespace philo {

// How far a step's outputs are from the formula.
struct StepError {
  std::string kind;    // "Embed", "RmsNorm", "Linear qkv", "Attend", "SwiGlu", "Add"
  size_t cells = 0;    // outputs that were compared
  double worst = 0;    // largest difference, relative to the magnitudes that went into the output
  double allowed = 0;  // what rounding in float32 explains
};

// Follows one pass over a sequence that starts at position 0.
class ReferenceSteps {
 public:
  ReferenceSteps(const Plan& plan, const DeviceOptions& options, std::vector<Token> tokens);

  // To be called with each step in the order of the plan; `out` is (tokens, width).
  StepError check(const Step& step, std::span<const float> out);

 private:
  using Row = std::span<const float>;
  Row input(const Step& step, size_t index, size_t token) const;
  void check_linear(const Step& step, std::span<const float> out, StepError& error) const;
  void check_attend(const Step& step, std::span<const float> out, StepError& error) const;
  std::vector<double> rotated(Row qkv, size_t offset, size_t position) const;
  std::vector<double> kept(std::vector<double> values) const;
  std::vector<size_t> some_tokens() const;

  const Plan& plan_;
  DeviceOptions options_;
  std::vector<Token> tokens_;
  std::vector<float> frequencies_;             // radians per position, (rotary_size / 2)
  std::map<Value, std::vector<float>> values_;  // those that later steps read
  std::vector<size_t> last_use_;               // step that reads a Value last
  size_t step_ = 0;
};

}  // namespace philo
