// The demo model in the tree against what transformers said about it when it was made: perplexity of the held-out text,
// and the answers to the held-out questions.
#include <algorithm>
#include <map>
#include <regex>

#include "base/json.h"
#include "convert/assign_formats.h"
#include "generate/chat.h"
#include "golden/golden.h"
#include "machine/thread_pool.h"
#include "score/score.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PHILO_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PHILO_SANITIZED 1
#endif
#endif

namespace philo::golden {

namespace {

const std::string demo_folder = std::string(PHILO_SOURCE_DIR) + "/share/philo/demo";
const std::string data_folder = std::string(PHILO_SOURCE_DIR) + "/tests/data";

class DemoTest : public testing::Test {
 protected:
  void SetUp() override {
#ifdef PHILO_SANITIZED
    GTEST_SKIP() << "the demo model takes minutes under a sanitizer; the tiny models run the same code";
#endif
    for (const std::string& file :
         {demo_folder + "/config.json", data_folder + "/demo_heldout.json", data_folder + "/demo_questions.json"})
      if (!is_file(file)) GTEST_SKIP() << file << " is not there";
    checkpoint_ = open_checkpoint(demo_folder);
    plan_ = std::make_shared<const Plan>(plan_phi3(checkpoint_.config, checkpoint_.weights, checkpoint_.weights_file));
  }
  std::shared_ptr<const Network> compile(const DeviceOptions& options, std::optional<MatrixFormat> weights = {}) const {
    std::shared_ptr<const Plan> plan = plan_;
    if (weights) plan = std::make_shared<const Plan>(with_formats(*plan, [&](const Weight&, const Segment&) { return *weights; }));
    return find_device("cpu").compile(plan, options);
  }

  // Of the held-out text with the weights by a recipe, or as stored.
  double perplexity_of(const DeviceOptions& device, const std::optional<Recipe>& recipe) const {
    std::shared_ptr<const Plan> plan = plan_;
    if (recipe) {
      ThreadPool pool(2);
      std::map<const std::byte*, MatrixFormat> formats;  // by where the tensor lies
      for (const AssignedTensor& assigned : assign_formats(*plan, *recipe, pool)) formats[assigned.segment->place()] = assigned.format;
      plan = std::make_shared<const Plan>(
          with_formats(*plan, [&](const Weight&, const Segment& segment) { return formats.at(segment.place()); }));
    }
    const Json recorded = read_json_file(data_folder + "/demo_heldout.json");
    const std::vector<Token> ids =
        checkpoint_.tokenizer->encode(read_text_file(data_folder + "/demo_heldout.txt"), false);
    EXPECT_EQ(ids.size(), recorded.at("tokens").get<size_t>());
    ScoreOptions options;
    options.context = recorded.at("context").get<size_t>();
    options.stride = recorded.at("stride").get<size_t>();
    const Score made = score(*find_device("cpu").compile(plan, device), checkpoint_.config, ids, options);
    EXPECT_EQ(made.scored_tokens, recorded.at("scored_tokens").get<size_t>());
    return made.perplexity;
  }

  // The plan of a model with the same function but outliers: some channels of each MLP 50 times as large on their way in, and so much less
  // on their way out.
  std::shared_ptr<const Plan> with_outliers() const {
    auto weights = std::make_shared<Weights>();
    const auto inner = static_cast<size_t>(checkpoint_.config.intermediate_size);
    for (const auto& [name, tensor] : checkpoint_.weights->tensors()) {
      const bool up = name.ends_with("gate_up_proj.weight"), down = name.ends_with("down_proj.weight");
      if (!up && !down) {
        weights->add(tensor, "outliers");
        continue;
      }
      const auto columns = static_cast<size_t>(tensor.shape.back());
      auto values = std::make_shared<std::vector<float>>(tensor.elements());
      read_elements(tensor, 0, *values);
      for (size_t channel = 5; channel < inner; channel += inner / 8)
        for (size_t i = 0; i < (up ? columns : values->size() / columns); ++i) {
          float& value = up ? (*values)[(inner + channel) * columns + i] : (*values)[i * columns + channel];
          value = up ? value * 50 : value / 50;
        }
      weights->add({name, DType::F32, tensor.shape, std::as_bytes(std::span(*values))}, "outliers");
      weights->keep(values);
    }
    weights->keep(checkpoint_.weights);
    return std::make_shared<const Plan>(plan_phi3(checkpoint_.config, weights, "outliers"));
  }

  Checkpoint checkpoint_;
  std::shared_ptr<const Plan> plan_;
};

// The recipes of demo_formats.json; nothing for "fp16", the format in which the model is stored.
std::optional<Recipe> recipe_of(const std::string& name) {
  Recipe recipe;
  if (name == "fp16") return {};
  if (name == "int8") recipe.weights = NumberFormat::Int8Symmetric;
  if (name == "int8 asymmetric") recipe.weights = NumberFormat::Int8Asymmetric;
  if (name == "int4 group 32 asymmetric") {
    recipe.group_size = 32;
    recipe.symmetric = false;
  }
  return recipe;
}

// Every keyword, a regular expression, as whole words and without regard to case: as tools/demo/evaluate.py counts.
bool is_right(const std::string& answer, const Json& keywords) {
  return std::all_of(keywords.begin(), keywords.end(), [&](const Json& keyword) {
    const std::regex words("(?:^|\\W)(?:" + keyword.get<std::string>() + ")(?!\\w)", std::regex::icase);
    return std::regex_search(answer, words);
  });
}

// In the formats that a user gets without options.
TEST_F(DemoTest, PerplexityOfTheHeldOutText) {
  const Json recorded = read_json_file(data_folder + "/demo_heldout.json");
  const double perplexity = recorded.at("perplexity").get<double>();
  EXPECT_NEAR(perplexity_of({}, {}), perplexity, 1e-3 * perplexity);
}

// What coarser weights, activations, keys and values cost. The record was made by this program (tests/data/demo_formats.json says how).
TEST_F(DemoTest, PerplexityByFormat) {
  constexpr double most_change = 0.003;  // of int8 activations and of int8 keys and values, each
  const Json recorded = read_json_file(data_folder + "/demo_formats.json");
  for (const Json& item : recorded.at("weights")) {
    SCOPED_TRACE(item.at("name").get<std::string>());
    const std::optional<Recipe> recipe = recipe_of(item.at("name").get<std::string>());
    DeviceOptions options;
    options.kv_format = KvFormat::Fp32;
    options.activation_format = ActivationFormat::Fp32;
    const double weights = perplexity_of(options, recipe);
    EXPECT_NEAR(weights, item.at("perplexity").get<double>(), 1e-3 * weights);
    options.kv_format = KvFormat::Int8;
    EXPECT_NEAR(perplexity_of(options, recipe), weights, most_change * weights);
    options.kv_format = KvFormat::Fp32;
    options.activation_format = ActivationFormat::Int8;
    EXPECT_NEAR(perplexity_of(options, recipe), weights, most_change * weights);
  }
}

TEST_F(DemoTest, OutliersCostLittle) {
  DeviceOptions exact;
  exact.kv_format = KvFormat::Fp32;
  exact.activation_format = ActivationFormat::Fp32;
  std::shared_ptr<const Plan> outliers = with_outliers();
  for (const char* const name : {"int8", "int4 group 128 symmetric"}) {
    SCOPED_TRACE(name);
    const double without = perplexity_of(exact, recipe_of(name));
    std::swap(plan_, outliers);
    EXPECT_NEAR(perplexity_of({}, recipe_of(name)), without, 0.01 * without);
    std::swap(plan_, outliers);
  }
}

// In float32, as the record was made.
TEST_F(DemoTest, AnswersToTheHeldOutQuestions) {
  const Json recorded = read_json_file(data_folder + "/demo_questions.json");
  ASSERT_NE(checkpoint_.chat_template, nullptr);
  DeviceOptions device;
  device.kv_format = KvFormat::Fp32;
  GenerationOptions options;
  options.max_new_tokens = 100;
  for (const StopToken& stop : checkpoint_.stop_tokens) options.stop_tokens.push_back(stop.id);
  Conversation conversation(compile(device, DType::F32), plan_, checkpoint_.tokenizer,
                            static_cast<size_t>(checkpoint_.config.context));
  size_t right = 0, stopped = 0, same = 0;
  std::string report;
  for (const Json& item : recorded.at("items")) {
    OrderedJson messages = OrderedJson::array();
    if (item.contains("system"))
      messages.push_back({{"role", "system"}, {"content", item.at("system").get<std::string>()}});
    messages.push_back({{"role", "user"}, {"content", item.at("question").get<std::string>()}});
    conversation.assign(encode_chat(*checkpoint_.tokenizer, *checkpoint_.chat_template, messages, true, true));
    const Answer answer = conversation.generate(options);
    const bool is_stopped = answer.finish_reason == FinishReason::Stop;
    right += is_right(answer.text, item.at("keywords"));
    stopped += is_stopped;
    same += answer.text == item.at("answer").get<std::string>();
    if (answer.text != item.at("answer").get<std::string>())
      report += "question: " + item.at("question").get<std::string>() + "\nphilo:    " + answer.text +
                "\nrecorded: " + item.at("answer").get<std::string>() + "\n";
  }
  // Greedy texts may part where two logits are nearly equal, but not often.
  EXPECT_GE(same + 2, recorded.at("items").size()) << report;
  EXPECT_EQ(right, recorded.at("right").get<size_t>()) << report;
  EXPECT_EQ(stopped, recorded.at("stop_by_themselves").get<size_t>()) << report;
}

}  // namespace

}  // namespace philo::golden
