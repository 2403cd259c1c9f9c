// Every step of the plan against the reference's tensors: the first step that differs is named.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "format/safetensors.h"
#include "golden/golden.h"

namespace philo::golden {

namespace {

class TraceTest : public GoldenTest {};

std::vector<Case> traced_cases() {
  std::vector<Case> cases;
  for (const Case& one : every_case())
    if (is_file(std::string(PHILO_SOURCE_DIR) + "/tests/data/models/" + one.model + "/trace.safetensors"))
      cases.push_back(one);
  return cases;
}

std::string step_name(const Plan& plan, size_t index) {
  const Step& step = plan.steps[index];
  return "step " + std::to_string(index) + " " + std::string(op_name(step.op)) +
         (step.weight ? " " + step.weight->name : " of layer " + std::to_string(step.layer));
}

TEST_P(TraceTest, EveryStep) {
  Weights trace;
  read_safetensors(golden_->trace_file, trace);
  const auto network = compile();
  std::vector<std::vector<float>> seen;
  network->observe([&](const Step& step, std::span<const float> values, size_t) {
    ASSERT_LT(seen.size(), golden_->plan->steps.size());
    ASSERT_EQ(step.out, golden_->plan->steps[seen.size()].out);
    seen.emplace_back(values.begin(), values.end());
  });
  const auto prompt = std::find_if(golden_->prompts.begin(), golden_->prompts.end(),
                                   [](const Golden::Prompt& one) { return one.ids.size() == 17; });
  ASSERT_NE(prompt, golden_->prompts.end());
  const auto session = network->open(prompt->ids.size());
  feed(*network, *session, prompt->ids, prompt->ids.size());
  ASSERT_EQ(seen.size(), golden_->plan->steps.size());
  ASSERT_EQ(seen.size(), trace.tensors().size());

  for (size_t index = 0; index < seen.size(); ++index) {
    char name[16];
    std::snprintf(name, sizeof name, "step.%03zu", index);
    const Tensor* expected = trace.find(name);
    ASSERT_NE(expected, nullptr) << name;
    ASSERT_EQ(seen[index].size(), expected->elements()) << step_name(*golden_->plan, index);
    float largest = 0;
    for (size_t i = 0; i < seen[index].size(); ++i) largest = std::max(largest, std::abs(element(*expected, i)));
    const size_t width = static_cast<size_t>(expected->shape.at(1));
    for (size_t i = 0; i < seen[index].size(); ++i)
      ASSERT_NEAR(seen[index][i], element(*expected, i), exact_error * largest)
          << step_name(*golden_->plan, index) << ", token " << i / width << ", element " << i % width
          << ": the first step that differs";
  }
}

INSTANTIATE_TEST_SUITE_P(Models, TraceTest, testing::ValuesIn(traced_cases()), case_name);

}  // namespace

}  // namespace philo::golden
