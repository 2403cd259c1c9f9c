// Checks what a network on the processor would need, and makes it.
#include "device/cpu/cpu_device.h"

#include "base/error.h"
#include "device/cpu/network.h"
#include "machine/memory.h"

namespace philo {
namespace {

constexpr int most_threads = 1024;

class CpuDevice final : public Device {
 public:
  std::string_view name() const override { return "cpu"; }

  std::optional<std::string> refuses(const Plan& plan, const DeviceOptions&) const override {
    if (plan.steps.empty() || plan.steps.front().op != Op::Embed || plan.steps.back().op != Op::Linear)
      return "this plan is a part of a network; a network starts from tokens and ends in logits";
    for (const auto& weight : plan.weights)
      for (const Segment& segment : weight->segments)
        if (auto reason = refuses_segment(segment)) return reason;
    const size_t needed = allocated_bytes(plan), available = memory_status().available_bytes;
    if (available != 0 && needed > available)
      return "the weights take " + std::to_string(needed >> 20) + " MiB of memory and " + std::to_string(available >> 20) +
             " MiB are free; close other programs or choose a smaller --weight-format";
    return std::nullopt;
  }

  std::unique_ptr<Network> compile(std::shared_ptr<const Plan> plan, const DeviceOptions& options) const override {
    if (options.threads < 0 || options.threads > most_threads)
      throw usage_error(std::to_string(options.threads) + " threads; 0 (what is fastest here) to " + std::to_string(most_threads) +
                        " can be used");
    choose_kernels(options.isa);
    if (const auto reason = refuses(*plan, options)) throw Error(ErrorCode::Device, *reason);
    return std::make_unique<CpuNetwork>(std::move(plan), options);
  }
};

}  // namespace

const Device& cpu_device() {
  static const CpuDevice device;
  return device;
}

}  // namespace philo
