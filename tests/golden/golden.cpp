// Reads the tiny models and their goldens, and compares.
#include "golden/golden.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <map>

#include "base/json.h"
#include "device/cpu/kernels/kernels.h"
#include "format/safetensors.h"

namespace philo::golden {

namespace {

std::string models_folder() { return std::string(PHILO_SOURCE_DIR) + "/tests/data/models"; }

Golden read(const std::string& name) {
  const std::string folder = join_path(models_folder(), name);
  Golden made;
  made.name = name;
  made.checkpoint = open_checkpoint(folder);
  made.plan = std::make_shared<const Plan>(
      plan_phi3(made.checkpoint.config, made.checkpoint.weights, made.checkpoint.weights_file));
  const std::string file = join_path(folder, "golden.json");
  const Json json = read_json_file(file);
  auto tensors = std::make_shared<Weights>();
  read_safetensors(join_path(folder, "golden.safetensors"), *tensors);
  made.columns = json.at("columns").get<std::vector<size_t>>();
  made.decided_gap = json.at("decided_gap").get<float>();
  for (size_t index = 0; index < json.at("prompts").size(); ++index) {
    const std::string key = "prompt." + std::to_string(index);
    made.prompts.push_back({json.at("prompts")[index].at("ids").get<std::vector<Token>>(), tensors->find(key + ".last"),
                            tensors->find(key + ".columns"), tensors->find(key + ".scale")});
    const Golden::Prompt& prompt = made.prompts.back();
    if (!prompt.last || !prompt.columns || !prompt.scale) throw input_error(file, "tensors of " + key + " are missing");
  }
  for (const Json& one : json.at("greedy"))
    made.continuations.push_back({one.at("prompt").get<size_t>(), one.at("ids").get<std::vector<Token>>(),
                                  one.at("gaps").get<std::vector<float>>()});
  const Json& score = json.at("score");
  made.score_ids = score.at("ids").get<std::vector<Token>>();
  made.mean_negative_log_likelihood = score.at("mean_negative_log_likelihood").get<double>();
  const Json& windows = score.at("windows");
  made.windows = {windows.at("context").get<size_t>(), windows.at("stride").get<size_t>(),
                  windows.at("mean_negative_log_likelihood").get<double>()};
  made.tensors = tensors;
  const std::string trace = join_path(folder, "trace.safetensors");
  if (is_file(trace)) made.trace_file = trace;
  return made;
}

float largest_magnitude(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

std::string place(const Golden& golden, size_t prompt) {
  return golden.name + ", prompt " + std::to_string(prompt) + " of " +
         std::to_string(golden.prompts[prompt].ids.size()) + " tokens";
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(models_folder()))
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

const Golden& golden(const std::string& name) {
  static std::map<std::string, Golden> known;
  const auto found = known.find(name);
  return found != known.end() ? found->second : known.emplace(name, read(name)).first->second;
}

std::vector<Case> every_case() {
  std::vector<Case> cases;
  for (const std::string& model : model_names())
    for (const KernelChoice& choice : all_kernels()) cases.push_back({model, choice.kernels->isa});
  return cases;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.model + "_on_" + info.param.isa;
  for (char& letter : name)
    if (!std::isalnum(static_cast<unsigned char>(letter))) letter = '_';
  return name;
}

void GoldenTest::SetUp() {
  for (const auto& [kernels, runs_here] : all_kernels())
    if (kernels->isa == GetParam().isa && !runs_here) GTEST_SKIP() << "this machine can't run the " << kernels->isa << " kernels";
  golden_ = &golden(GetParam().model);
  DeviceOptions options;
  options.isa = GetParam().isa;
  if (const auto reason = find_device("cpu").refuses(*golden_->plan, options)) GTEST_SKIP() << *reason;
}

std::unique_ptr<Network> GoldenTest::compile(KvFormat kv_format, int threads, std::optional<MatrixFormat> weights) const {
  DeviceOptions options;
  options.isa = GetParam().isa;
  options.kv_format = kv_format;
  options.threads = threads;
  std::shared_ptr<const Plan> plan = golden_->plan;
  if (weights) plan = std::make_shared<const Plan>(with_formats(*plan, [&](const Weight&, const Segment&) { return *weights; }));
  std::unique_ptr<Network> network = find_device("cpu").compile(plan, options);
  EXPECT_EQ(network->traits().isa, GetParam().isa);
  return network;
}

std::vector<float> feed(const Network& network, Session& session, std::span<const Token> ids, size_t chunk) {
  std::vector<float> rows;
  Logits logits;
  chunk = std::min(chunk, network.traits().turn_tokens);
  for (size_t done = session.position(); done < ids.size();) {
    const std::span<const Token> part = ids.subspan(done, std::min(chunk, ids.size() - done));
    const Turn turn{&session, part, Rows::All, ids.size()};
    network.forward({&turn, 1}, logits);
    EXPECT_EQ(logits.rows(), part.size());
    for (size_t row = 0; row < logits.rows(); ++row)
      rows.insert(rows.end(), logits.row(row).begin(), logits.row(row).end());
    done += part.size();
    EXPECT_EQ(session.position(), done);
  }
  return rows;
}

testing::AssertionResult agrees(const Golden& golden, size_t prompt, size_t first, std::span<const float> rows,
                                float error) {
  const Golden::Prompt& expected = golden.prompts[prompt];
  const size_t vocabulary = static_cast<size_t>(golden.plan->config.vocabulary), tokens = expected.ids.size();
  if (rows.size() != (tokens - first) * vocabulary)
    return testing::AssertionFailure() << place(golden, prompt) << ": " << rows.size() / vocabulary
                                       << " rows, expected " << tokens - first;
  for (size_t position = first; position < tokens; ++position) {
    const std::span<const float> row = rows.subspan((position - first) * vocabulary, vocabulary);
    const float scale = element(*expected.scale, position);
    for (size_t column = 0; column < golden.columns.size(); ++column) {
      const float right = element(*expected.columns, position * golden.columns.size() + column),
                  made = row[golden.columns[column]];
      if (!(std::abs(made - right) <= error * scale))
        return testing::AssertionFailure()
               << place(golden, prompt) << ", position " << position << ": logit " << golden.columns[column] << " is "
               << made << ", the reference has " << right << ": " << std::abs(made - right) / scale
               << " of the largest, allowed " << error;
    }
  }
  return last_agrees(golden, prompt, rows.last(vocabulary), error);
}

testing::AssertionResult last_agrees(const Golden& golden, size_t prompt, std::span<const float> row, float error) {
  const Golden::Prompt& expected = golden.prompts[prompt];
  std::vector<float> right(expected.last->elements());
  for (size_t id = 0; id < right.size(); ++id) right[id] = element(*expected.last, id);
  if (row.size() != right.size())
    return testing::AssertionFailure() << place(golden, prompt) << ": " << row.size() << " logits, expected "
                                       << right.size();
  const float scale = largest_magnitude(right);
  for (size_t id = 0; id < right.size(); ++id)
    if (!(std::abs(row[id] - right[id]) <= error * scale))
      return testing::AssertionFailure() << place(golden, prompt) << ", after the last token: logit " << id << " is "
                                         << row[id] << ", the reference has " << right[id] << ": "
                                         << std::abs(row[id] - right[id]) / scale << " of the largest, allowed "
                                         << error;
  return testing::AssertionSuccess();
}

testing::AssertionResult continues(const Golden& golden, const Continuation& expected, std::span<const Token> made,
                                   size_t least) {
  if (made.size() != expected.ids.size())
    return testing::AssertionFailure() << place(golden, expected.prompt) << ": " << made.size()
                                       << " new tokens, expected " << expected.ids.size();
  for (size_t step = 0; step < made.size(); ++step) {
    if (expected.gaps[step] < golden.decided_gap) {
      if (step >= least) return testing::AssertionSuccess();
      return testing::AssertionFailure() << place(golden, expected.prompt) << ", step " << step
                                         << ": the reference itself is undecided, gap " << expected.gaps[step]
                                         << ": make goldens from another seed";
    }
    if (made[step] != expected.ids[step])
      return testing::AssertionFailure() << place(golden, expected.prompt) << ", step " << step << ": token "
                                         << made[step] << ", the reference has " << expected.ids[step]
                                         << " with a gap of " << expected.gaps[step] << " of the largest logit";
  }
  return testing::AssertionSuccess();
}

}  // namespace philo::golden
