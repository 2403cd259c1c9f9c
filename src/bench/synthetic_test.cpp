// Synthetic models have the family's shapes and numbers that are worth computing with.
#include "bench/synthetic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"
#include "bench/shares.h"
#include "model/plan.h"

namespace philo {
namespace {

int64_t parameters(const Checkpoint& checkpoint) {
  int64_t count = 0;
  for (const auto& [name, tensor] : checkpoint.weights->tensors()) count += static_cast<int64_t>(tensor.elements());
  return count;
}

TEST(Synthetic, DemoIsAModelOfItsOwn) {
  const Checkpoint demo = synthetic_checkpoint("demo");
  const Plan plan = plan_phi3(demo.config, demo.weights, demo.weights_file);
  EXPECT_TRUE(plan.notes.empty());
  std::set<const std::byte*> places;
  for (const auto& [name, tensor] : demo.weights->tensors())
    EXPECT_TRUE(places.insert(tensor.bytes.data()).second) << name;
  const Tensor& down = *demo.weights->find("model.layers.3.mlp.down_proj.weight");
  double squares = 0;
  for (size_t i = 0; i < down.elements(); ++i) {
    const float value = element(down, i);
    ASSERT_TRUE(std::fabs(value) >= std::ldexp(1.0f, -9) && std::fabs(value) < std::ldexp(1.0f, -5)) << value;
    squares += static_cast<double>(value) * value;
  }
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(down.elements())), 0.0137, 0.0002);
  EXPECT_EQ(element(*demo.weights->find("model.norm.weight"), 0), 1.0f);
  EXPECT_THROW(synthetic_checkpoint("phi-5"), Error);
}

TEST(Synthetic, MiniHasThePublishedSize) {
  const Checkpoint mini = synthetic_checkpoint("phi-3-mini");
  EXPECT_EQ(parameters(mini), 3821079552);
  const Plan plan = plan_phi3(mini.config, mini.weights, mini.weights_file);
  EXPECT_EQ(plan.steps.size(), 323u);
  EXPECT_EQ(kv_bytes_per_token(mini.config, KvFormat::Fp16), 393216u);
}

TEST(Shares, CountBytesAndOperations) {
  const Checkpoint demo = synthetic_checkpoint("demo");
  const Plan plan = plan_phi3(demo.config, demo.weights, demo.weights_file);
  const Traits traits{.all_rows = true,
                      .equal_columns = true,
                      .turn_tokens = 1,
                      .context = 1,
                      .isa = "",
                      .threads = 1,
                      .weight_bytes = 1000,
                      .memory_bytes = 0};
  const auto kv = static_cast<double>(kv_bytes_per_token(demo.config, KvFormat::Int8));
  EXPECT_EQ(kv, 4 * 2 * 4 * (96 + 4));
  EXPECT_EQ(pass_bytes(traits, demo.config, KvFormat::Int8, 10), 1000 + 10 * kv);
  EXPECT_EQ(pass_bytes(traits, demo.config, KvFormat::Int8, 10, 3), 1000 + 30 * kv);
  EXPECT_EQ(pass_bytes(traits, demo.config, KvFormat::Int8, 5000, 2), 1000 + 2 * 256 * kv)
      << "the window hides the rest";
  // Three layers whole and the fourth up to its attention for each token, the rest for the last one of a session.
  const double attention = 2.0 * 3 * 384 * 384, rest = 2.0 * (384 * 384 + 3 * 768 * 384), head = 2.0 * 4096 * 384;
  EXPECT_EQ(prefill_operations(plan, 7, 2), 7 * (4 * attention + 3 * rest) + 2 * (rest + head));
  const Shares none = shares_of_limits({.all_rows = true,
                                        .equal_columns = true,
                                        .turn_tokens = 1,
                                        .context = 1,
                                        .isa = "",
                                        .threads = 1023,
                                        .weight_bytes = 0,
                                        .memory_bytes = 0},
                                       1, 1);
  EXPECT_FALSE(none.bandwidth || none.int8_peak || none.fp32_peak);
}

}  // namespace
}  // namespace philo
