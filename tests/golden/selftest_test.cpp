// The self-test passes what the device computes, in every format, and names the step that is wrong.
#include "score/selftest.h"

#include <algorithm>

#include "generate/chat.h"
#include "golden/golden.h"

namespace philo::golden {

namespace {

// Another network, but with a fault in the outputs of one operator.
class Faulty final : public Network {
 public:
  Faulty(std::unique_ptr<Network> network, Op op) : network_(std::move(network)), op_(op) {}
  Traits traits() const override { return network_->traits(); }
  std::unique_ptr<Session> open(size_t context) const override { return network_->open(context); }
  void forward(std::span<const Turn> turns, Logits& out) const override { network_->forward(turns, out); }
  void observe(StepObserver observer) override {
    if (!observer) return network_->observe({});
    network_->observe([this, observer](const Step& step, std::span<const float> values, size_t tokens) {
      std::vector<float> wrong(values.begin(), values.end());
      if (step.op == op_)
        for (float& value : wrong) value *= 1.01f;
      observer(step, wrong, tokens);
    });
  }

 private:
  std::unique_ptr<Network> network_;
  Op op_;
};

class SelfTestTest : public GoldenTest {
 protected:
  std::vector<SelfTestCheck> check(Network& network, const Plan& plan, const DeviceOptions& options) const {
    const Checkpoint& checkpoint = golden_->checkpoint;
    SelfTestInput input{.network = &network,
                        .reference = nullptr,
                        .plan = &plan,
                        .options = options,
                        .tokenizer = checkpoint.tokenizer.get(),
                        .encode_chat = {},
                        .progress = {}};
    if (checkpoint.chat_template)
      input.encode_chat = [&](const OrderedJson& messages, bool add_generation_prompt) {
        return encode_chat(*checkpoint.tokenizer, *checkpoint.chat_template, messages, add_generation_prompt, true);
      };
    return self_test(input);
  }
};

TEST_P(SelfTestTest, PassesEveryFormat) {
  for (const MatrixFormat& format : {MatrixFormat(DType::F32), MatrixFormat(CodeFormat{4, -1, true}), MatrixFormat(CodeFormat{8, -1, false})})
    for (const KvFormat kv_format : {KvFormat::Fp32, KvFormat::Fp16, KvFormat::Int8}) {
      const Plan plan = with_formats(*golden_->plan, [&](const Weight&, const Segment&) { return format; });
      DeviceOptions options;
      options.isa = GetParam().isa;
      options.threads = 2;
      options.kv_format = kv_format;
      const auto network = find_device("cpu").compile(std::make_shared<const Plan>(plan), options);
      const auto checks = check(*network, plan, options);
      EXPECT_GE(checks.size(), 12u);
      // These models are random: they predict nothing.
      for (const SelfTestCheck& one : checks)
        EXPECT_EQ(one.passed, one.name != "perplexity") << one.name << ": " << one.worst << " of " << one.allowed << " with " << format_description(format);
    }
}

TEST_P(SelfTestTest, NamesTheFault) {
  DeviceOptions options;
  options.isa = GetParam().isa;
  options.threads = 2;
  for (const auto& [op, name] : {std::pair{Op::Attend, "Attend"}, {Op::SwiGlu, "SwiGlu"}, {Op::Linear, "Linear down"}, {Op::RmsNorm, "RmsNorm"}}) {
    Faulty network(find_device("cpu").compile(golden_->plan, options), op);
    const auto checks = check(network, *golden_->plan, options);
    const auto found = std::find_if(checks.begin(), checks.end(), [&](const SelfTestCheck& one) { return one.name == name; });
    ASSERT_NE(found, checks.end()) << name;
    EXPECT_FALSE(found->passed) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SelfTestTest, testing::ValuesIn(every_case()), case_name);

}  // namespace

}  // namespace philo::golden
