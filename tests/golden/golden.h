// The tiny models of tests/data/models with what the reference says about them, and how philo's numbers are held
// against it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "device/device.h"

namespace philo::golden {

// float32 throughout: largest difference of a row's logits, relative to the row's largest magnitude.
inline constexpr float exact_error = 1e-4f;
// A float16 cache rounds keys and values to 11 bits (half a unit in the last place is 4.9e-4); ten times that after the
// layers.
inline constexpr float half_cache_error = 5e-3f;

struct Continuation {
  size_t prompt;
  std::vector<Token> ids;
  std::vector<float> gaps;  // of the two best logits, relative to the row's largest magnitude
};

struct Windows {
  size_t context, stride;
  double mean_negative_log_likelihood;
};

struct Golden {
  std::string name;
  Checkpoint checkpoint;
  std::shared_ptr<const Plan> plan;
  std::vector<size_t> columns;  // of the vocabulary, for Prompt::columns
  float decided_gap;            // greedy steps with a smaller gap are not held
  struct Prompt {
    std::vector<Token> ids;
    const Tensor* last;     // (vocabulary) logits after the last token
    const Tensor* columns;  // (tokens, columns)
    const Tensor* scale;    // (tokens) largest magnitude of each row
  };
  std::vector<Prompt> prompts;
  std::vector<Continuation> continuations;
  std::vector<Token> score_ids;
  double mean_negative_log_likelihood;
  Windows windows;
  std::shared_ptr<const Weights> tensors;  // what the prompts point into
  std::string trace_file;                  // empty where the model has none
};

std::vector<std::string> model_names();
const Golden& golden(const std::string& name);  // read once

// One model on one table of kernels.
struct Case {
  std::string model, isa;
};
std::vector<Case> every_case();
std::string case_name(const testing::TestParamInfo<Case>& info);

// Skips, saying why, where the table is not for this machine.
class GoldenTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override;
  std::unique_ptr<Network> compile(KvFormat kv_format = KvFormat::Fp32, int threads = 2,
                                   std::optional<MatrixFormat> weights = DType::F32) const;  // weights: nothing = as stored
  const Golden* golden_ = nullptr;
};

// All rows of one prompt, fed in chunks of `chunk` tokens into a new or an emptied session.
std::vector<float> feed(const Network& network, Session& session, std::span<const Token> ids, size_t chunk);

// `rows` are logits of positions [first, first + rows) of the prompt; where the last position is among them, its whole
// row is held.
testing::AssertionResult agrees(const Golden& golden, size_t prompt, size_t first, std::span<const float> rows,
                                float error);
// The row after the prompt's last token.
testing::AssertionResult last_agrees(const Golden& golden, size_t prompt, std::span<const float> row, float error);
// The gap rule: equal up to the first step that the reference did not decide, of which none may come before `least`
// steps.
testing::AssertionResult continues(const Golden& golden, const Continuation& expected, std::span<const Token> made,
                                   size_t least);

}  // namespace philo::golden
