// The device over a runtime that only writes down what it is given; and, where PHILO_ONNXRUNTIME says where ONNX Runtime is, over the real one.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/refusal.h"
#include "device/onnxruntime/onnxruntime_device.h"
#include "device/onnxruntime/onnxruntime_network.h"
#include "device/onnxruntime/settings.h"
#include "fake/tiny_model.h"

namespace philo {
namespace {

using onnxruntime::Carried;
using onnxruntime::ElementType;
using onnxruntime::Failure;
using onnxruntime::Graph;
using onnxruntime::GraphRequest;
using onnxruntime::NamedTensor;
using onnxruntime::ProviderDevice;

const NamedTensor* find(std::span<const NamedTensor> tensors, std::string_view name) {
  for (const NamedTensor& one : tensors)
    if (name == one.name) return &one;
  return nullptr;
}

std::vector<int64_t> numbers(const NamedTensor& tensor) {
  std::vector<int64_t> out(tensor.bytes / sizeof(int64_t));
  if (!out.empty()) std::memcpy(out.data(), tensor.data, tensor.bytes);
  return out;
}

struct Seen {
  std::vector<std::vector<int64_t>> tokens, rows, positions;
  std::vector<int64_t> mask_lengths, capacities;
  std::vector<bool> long_factors;
  int carried = 0;
  std::string failure;
  bool no_memory = false;
};

// Gives each chosen token as a row of logits, and writes it into the caches at its position.
class FakeGraph : public Graph {
 public:
  FakeGraph(Seen& seen, std::map<std::string, size_t> nodes, bool elsewhere) : seen_(seen), nodes_(std::move(nodes)), elsewhere_(elsewhere) {}

  void run(std::span<const NamedTensor> inputs, std::span<const NamedTensor> outputs, Carried* carried) override {
    const std::vector<int64_t> tokens = numbers(*find(inputs, "input_ids")), rows = numbers(*find(inputs, "logit_rows"));
    const int64_t total = find(inputs, "attention_mask")->shape[1];
    if (carried == nullptr) write_caches(inputs, outputs, tokens, total);
    else ++seen_.carried;
    if (!seen_.failure.empty()) throw Failure(seen_.failure, seen_.no_memory);
    seen_.tokens.push_back(tokens);
    seen_.rows.push_back(rows);
    seen_.mask_lengths.push_back(total);
    if (const NamedTensor* positions = find(inputs, "position_ids")) seen_.positions.push_back(numbers(*positions));
    if (const NamedTensor* factors = find(inputs, "long_factors")) seen_.long_factors.push_back(*static_cast<const bool*>(factors->data));
    const NamedTensor& logits = *find(outputs, "logits");
    const auto width = static_cast<size_t>(logits.shape[2]);
    for (size_t row = 0; row < rows.size(); ++row)
      for (size_t i = 0; i < width; ++i) {
        const auto value = static_cast<float>(tokens[static_cast<size_t>(rows[row])]);
        if (logits.type == ElementType::F32) static_cast<float*>(logits.data)[row * width + i] = value;
        else static_cast<uint16_t*>(logits.data)[row * width + i] = f32_to_f16(value);
      }
  }
  bool elsewhere(const char*) const override { return elsewhere_; }
  std::unique_ptr<Carried> carry(const NamedTensor&, std::vector<std::pair<std::string, std::string>>) override { return std::make_unique<Carried>(); }
  const std::map<std::string, size_t>& nodes() const override { return nodes_; }

 private:
  void write_caches(std::span<const NamedTensor> inputs, std::span<const NamedTensor> outputs, const std::vector<int64_t>& tokens, int64_t total) {
    for (const char* name : {"0.key", "0.value", "1.key", "1.value"}) {
      const NamedTensor &past = *find(inputs, std::string("past_key_values.") + name), &present = *find(outputs, std::string("present.") + name);
      EXPECT_EQ(past.data, present.data);
      EXPECT_EQ(past.shape, present.shape);
      ASSERT_GE(past.shape[2], total);
      if (past.type != ElementType::F32) continue;
      for (int64_t head = 0; head < past.shape[1]; ++head)
        for (size_t i = 0; i < tokens.size(); ++i) {
          const int64_t position = total - static_cast<int64_t>(tokens.size() - i);
          float* const at = static_cast<float*>(past.data) + (head * past.shape[2] + position) * past.shape[3];
          std::fill(at, at + past.shape[3], static_cast<float>(tokens[i] * 10 + head));
        }
    }
    seen_.capacities.push_back(find(inputs, "past_key_values.0.key")->shape[2]);
  }

  Seen& seen_;
  std::map<std::string, size_t> nodes_;
  bool elsewhere_;
};

class FakeRuntime : public onnxruntime::Runtime {
 public:
  const std::string& version() const override { return version_; }
  const std::string& path() const override { return path_; }
  std::vector<ProviderDevice> providers() const override { return there; }
  void add_provider_library(const std::string& path) override {
    if (path == "/bad.so") throw Failure("no such file", false);
    there.push_back({"MagicExecutionProvider", "Acme NPU"});
  }
  bool knows_config(const std::string& key) const override { return key == "session.intra_op.allow_spinning"; }
  std::vector<std::string> known_config() const override { return {"session.intra_op.allow_spinning"}; }
  std::string probe(const std::string& provider, const Properties&) override { return provider == "CUDAExecutionProvider" ? "libcublas is not there" : ""; }
  std::unique_ptr<Graph> load(const GraphRequest& request) override {
    last = request;
    if (!failure_of_load.empty()) throw Failure(failure_of_load, false);
    return std::make_unique<FakeGraph>(seen, nodes, elsewhere);
  }

  std::vector<ProviderDevice> there = {{"CUDAExecutionProvider", ""}, {"AzureExecutionProvider", ""}, {"CPUExecutionProvider", ""}};
  std::map<std::string, size_t> nodes;
  bool elsewhere = false;
  std::string failure_of_load;
  Seen seen;
  GraphRequest last;

 private:
  std::string version_ = "1.32.0", path_ = "/lib/libonnxruntime.so.1.32.0";
};

std::vector<float> feed(const Network& network, Session& session, std::vector<Token> tokens, Rows rows, size_t sequence = 0) {
  Logits logits;
  const Turn turn{&session, tokens, rows, sequence == 0 ? session.position() + tokens.size() : sequence};
  network.forward({&turn, 1}, logits);
  std::vector<float> first;
  for (size_t row = 0; row < logits.rows(); ++row) first.push_back(logits.row(row)[0]);
  return first;
}

class OnnxruntimeTest : public testing::Test {
 protected:
  std::unique_ptr<Network> compile(std::string_view name, const DeviceOptions& options = {}) { return make_onnxruntime_device(runtime_, name)->compile(plan_, options); }

  FakeRuntime runtime_;
  std::shared_ptr<const Plan> plan_ = tiny_plan(tiny_config(), DType::F32);
};

TEST_F(OnnxruntimeTest, FeedsTokensMaskAndCaches) {
  const auto network = compile("onnxruntime:cpu");
  EXPECT_TRUE(network->traits().all_rows);
  EXPECT_FALSE(network->traits().equal_columns);
  EXPECT_FALSE(network->traits().steps);
  EXPECT_EQ(network->traits().context, 4096u);
  EXPECT_EQ(network->traits().kv_format, KvFormat::Fp32);
  const auto session = network->open(1000);
  EXPECT_TRUE(feed(*network, *session, {3, 1, 4}, Rows::None).empty());
  EXPECT_EQ(feed(*network, *session, {1, 5}, Rows::Last), (std::vector<float>{5}));
  EXPECT_EQ(feed(*network, *session, {9, 2, 6}, Rows::All), (std::vector<float>{9, 2, 6}));
  EXPECT_EQ(session->position(), 8u);
  EXPECT_EQ(session->rewind(6), 6u);
  EXPECT_EQ(session->rewind(7), 6u);
  EXPECT_EQ(feed(*network, *session, {5}, Rows::Last), (std::vector<float>{5}));
  const Seen& seen = runtime_.seen;
  EXPECT_EQ(seen.tokens, (std::vector<std::vector<int64_t>>{{3, 1, 4}, {1, 5}, {9, 2, 6}, {5}}));
  EXPECT_EQ(seen.rows, (std::vector<std::vector<int64_t>>{{}, {1}, {0, 1, 2}, {0}}));
  EXPECT_EQ(seen.mask_lengths, (std::vector<int64_t>{3, 5, 8, 7}));
  EXPECT_TRUE(seen.positions.empty());
  EXPECT_TRUE(seen.long_factors.empty());
  EXPECT_EQ(session->rewind(0), 0u);
}

TEST_F(OnnxruntimeTest, CachesGrowAndKeepWhatTheyHold) {
  const auto network = compile("onnxruntime:cpu");
  const auto session = network->open(600), other = network->open(600);
  std::vector<Token> tokens = tiny_tokens(600);
  for (size_t done = 0; done < tokens.size(); done += 50) feed(*network, *session, {tokens.begin() + static_cast<ptrdiff_t>(done), tokens.begin() + static_cast<ptrdiff_t>(done) + 50}, Rows::None);
  EXPECT_EQ(runtime_.seen.capacities.front(), 256);
  EXPECT_EQ(runtime_.seen.capacities.back(), 600);  // not more than the session's context
  EXPECT_EQ(session->memory_bytes(), 600u * 2 * 2 * 2 * 32 * 4);
  const std::vector<CachePart> parts = session->parts();
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(parts[3].name, "layers.1.values");
  EXPECT_EQ(parts[3].shape, (std::vector<int64_t>{2, 600, 32}));
  Weights saved;
  std::vector<std::vector<float>> values(parts.size(), std::vector<float>(2 * 600 * 32));
  for (size_t part = 0; part < parts.size(); ++part) {
    session->read_part(part, std::as_writable_bytes(std::span(values[part])));
    saved.add({parts[part].name, parts[part].dtype, parts[part].shape, std::as_bytes(std::span(values[part]))}, "saved");
    for (const size_t head : {0, 1})
      for (const size_t token : {0, 255, 256, 599}) EXPECT_EQ(values[part][(head * 600 + token) * 32 + 5], static_cast<float>(tokens[token] * 10 + static_cast<Token>(head)));
  }
  other->restore(600, false, saved, "saved");
  EXPECT_EQ(other->position(), 600u);
  std::vector<float> again(2 * 600 * 32);
  other->read_part(2, std::as_writable_bytes(std::span(again)));
  EXPECT_EQ(again, values[2]);
  EXPECT_TRUE(says(refusal([&] { network->open(599)->restore(600, false, saved, "saved"); }), "--context"));
  EXPECT_TRUE(says(refusal([&] { network->open(600)->restore(590, false, saved, "saved"); }), "expected F32 (2, 590, 32)"));
}

TEST_F(OnnxruntimeTest, TakesTheLongFactorsBySequence) {
  ModelConfig config = tiny_config();
  config.long_rope = LongRope{std::vector<float>(12, 1), std::vector<float>(12, 2), 1.5f, 256};
  plan_ = tiny_plan(config, DType::F32);
  const auto network = compile("onnxruntime:cpu");
  const auto session = network->open(1000);
  feed(*network, *session, {1, 2}, Rows::Last, 256);
  session->rewind(0);
  feed(*network, *session, {1, 2}, Rows::Last, 257);
  EXPECT_EQ(runtime_.seen.long_factors, (std::vector<bool>{false, true}));
}

TEST_F(OnnxruntimeTest, AsksForWhatTheOptionsSay) {
  DeviceOptions options;
  options.threads = 3;
  options.context = 100;
  options.activation_format = ActivationFormat::Fp32;
  options.properties = {{"session.intra_op.allow_spinning", "0"}};
  const auto network = compile("onnxruntime:cpu", options);
  EXPECT_EQ(runtime_.last.threads, 3);
  EXPECT_EQ(runtime_.last.provider, "CPUExecutionProvider");
  EXPECT_EQ(runtime_.last.config, (Properties{{"session.intra_op.allow_spinning", "0"}}));
  EXPECT_FALSE(network->traits().int8_products);
  EXPECT_EQ(network->traits().context, 100u);
  // Weights lie where the checkpoint has them, where the graph wants the same numbers.
  const NamedTensor* const embedding = find(runtime_.last.weights, "model.embed_tokens.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_EQ(embedding->shape, (std::vector<int64_t>{211, 192}));
}

TEST_F(OnnxruntimeTest, GpusComputeInFloat16) {
  runtime_.nodes = {{"CUDAExecutionProvider", 60}, {"CPUExecutionProvider", 4}};
  runtime_.elsewhere = true;
  std::vector<std::string> notes;
  DeviceOptions options;
  options.properties = {{"device_id", "1"}};
  options.note = [&](std::string_view note) { notes.emplace_back(note); };
  const auto network = compile("onnxruntime:cuda", options);
  EXPECT_EQ(runtime_.last.provider, "CUDAExecutionProvider");
  EXPECT_EQ(runtime_.last.provider_options, options.properties);
  EXPECT_EQ(network->traits().kv_format, KvFormat::Fp16);
  ASSERT_FALSE(notes.empty());
  EXPECT_TRUE(says(notes.back(), "4 of 64 nodes of the graph fall back to the processor"));
  const auto session = network->open(100);
  EXPECT_EQ(feed(*network, *session, {3, 1, 4}, Rows::All), (std::vector<float>{3, 1, 4}));
  EXPECT_EQ(runtime_.seen.carried, 1);
  EXPECT_EQ(thrown([&] { session->parts(); }).code(), ErrorCode::Device);
  runtime_.nodes.clear();
  compile("onnxruntime:cuda", options);
  EXPECT_TRUE(says(notes.back(), "does not say which nodes"));
}

TEST_F(OnnxruntimeTest, RefusesOptionsThatNobodyKnows) {
  const auto refused = [&](Properties properties) {
    DeviceOptions options;
    options.properties = std::move(properties);
    return refusal([&] { compile("onnxruntime:cpu", options); }, ErrorCode::Usage);
  };
  EXPECT_TRUE(says(refused({{"session.no_such", "1"}}), "those are session.intra_op.allow_spinning"));
  EXPECT_TRUE(says(refused({{"device_id", "1"}}), "has no options"));
  EXPECT_TRUE(says(refused({{"session.intra_op.allow_spinning", "1"}, {"session.intra_op.allow_spinning", "0"}}), "given twice"));
  DeviceOptions options;
  options.isa = "avx2";
  EXPECT_TRUE(says(refusal([&] { compile("onnxruntime:cpu", options); }, ErrorCode::Device), "--isa avx2"));
}

TEST_F(OnnxruntimeTest, SaysWhatIsMissing) {
  const auto refused = [&](const char* name, Properties properties = {}) {
    DeviceOptions options;
    options.properties = std::move(properties);
    return refusal([&] { compile(name, options); }, ErrorCode::Device);
  };
  EXPECT_TRUE(says(refused("onnxruntime:dml"), "it has cuda, cpu; on Windows, pip install onnxruntime-directml"));
  EXPECT_TRUE(says(refused("onnxruntime:magic"), "--ort provider_library=PATH"));
  EXPECT_TRUE(says(refused("onnxruntime:magic", {{"provider_library", "/bad.so"}}), "/bad.so can't be used: no such file"));
  EXPECT_TRUE(says(refused("onnxruntime:webgpu", {{"provider_library", "/magic.so"}}), "finds no device for this provider"));
  DeviceOptions options;
  options.properties = {{"provider_library", "/magic.so"}, {"mode", "fast"}};
  std::vector<std::string> notes;
  options.note = [&](std::string_view note) { notes.emplace_back(note); };
  compile("onnxruntime:magic", options);
  EXPECT_EQ(runtime_.last.provider, "MagicExecutionProvider");
  EXPECT_EQ(runtime_.last.provider_options, (Properties{{"mode", "fast"}}));
  EXPECT_TRUE(says(notes.front(), "mode"));

  const auto reports = onnxruntime_reports(&runtime_, "");
  ASSERT_EQ(reports.size(), 6u);
  EXPECT_EQ(reports[0].name, "onnxruntime:cpu");
  EXPECT_TRUE(reports[0].usable);
  EXPECT_EQ(reports[2].name, "onnxruntime:cuda");
  EXPECT_TRUE(says(reports[2].reason, "libcublas is not there"));
  EXPECT_TRUE(says(reports[3].reason, "onnxruntime-ep-webgpu"));
  const auto none = onnxruntime_reports(nullptr, "no library");
  ASSERT_EQ(none.size(), 1u);
  EXPECT_FALSE(none[0].usable);
  EXPECT_EQ(none[0].reason, "no library");
}

TEST_F(OnnxruntimeTest, FailuresLeaveSessionsWhereTheyWere) {
  const auto network = compile("onnxruntime:cpu");
  const auto one = network->open(100), other = network->open(100);
  feed(*network, *one, {1, 2}, Rows::None);
  runtime_.seen.failure = "std::bad_alloc";
  runtime_.seen.no_memory = true;
  Logits logits;
  const std::vector<Token> tokens = {7};
  const std::vector<Turn> turns = {{one.get(), tokens, Rows::Last, 3}, {other.get(), tokens, Rows::Last, 1}};
  EXPECT_TRUE(says(refusal([&] { network->forward(turns, logits); }, ErrorCode::Resource), "--context"));
  EXPECT_EQ(one->position(), 2u);
  EXPECT_EQ(other->position(), 0u);
  runtime_.seen.no_memory = false;
  EXPECT_TRUE(says(refusal([&] { network->forward(turns, logits); }, ErrorCode::Device), "onnxruntime:cpu fails after 2 tokens: std::bad_alloc"));
  runtime_.seen.failure.clear();
  network->forward(turns, logits);
  EXPECT_EQ(one->position(), 3u);
  EXPECT_EQ(logits.rows(), 2u);
  runtime_.failure_of_load = "no kernel";
  EXPECT_TRUE(says(refusal([&] { compile("onnxruntime:cpu"); }, ErrorCode::Device), "can't load this model: no kernel"));
  DeviceOptions options;
  options.progress = [](std::string_view, uint64_t, uint64_t) { return false; };
  EXPECT_EQ(thrown([&] { compile("onnxruntime:cpu", options); }).code(), ErrorCode::Stopped);
}

// Says that the caches belong in a device's memory, so that they are carried.
class Carrying : public Graph {
 public:
  explicit Carrying(std::unique_ptr<Graph> inner) : inner_(std::move(inner)) {}
  void run(std::span<const NamedTensor> inputs, std::span<const NamedTensor> outputs, Carried* carried) override { inner_->run(inputs, outputs, carried); }
  bool elsewhere(const char*) const override { return true; }
  std::unique_ptr<Carried> carry(const NamedTensor& empty, std::vector<std::pair<std::string, std::string>> names) override { return inner_->carry(empty, std::move(names)); }
  const std::map<std::string, size_t>& nodes() const override { return inner_->nodes(); }

 private:
  std::unique_ptr<Graph> inner_;
};

// The real runtime with such graphs.
class CarryingRuntime : public onnxruntime::Runtime {
 public:
  explicit CarryingRuntime(Runtime& inner) : inner_(inner) {}
  const std::string& version() const override { return inner_.version(); }
  const std::string& path() const override { return inner_.path(); }
  std::vector<ProviderDevice> providers() const override { return inner_.providers(); }
  void add_provider_library(const std::string& path) override { inner_.add_provider_library(path); }
  bool knows_config(const std::string& key) const override { return inner_.knows_config(key); }
  std::vector<std::string> known_config() const override { return inner_.known_config(); }
  std::string probe(const std::string& provider, const Properties& options) override { return inner_.probe(provider, options); }
  std::unique_ptr<Graph> load(const GraphRequest& request) override { return std::make_unique<Carrying>(inner_.load(request)); }

 private:
  Runtime& inner_;
};

class OnnxruntimeLibrary : public testing::Test {
 protected:
  void SetUp() override {
    const char* const place = std::getenv("PHILO_ONNXRUNTIME");
    if (place == nullptr) GTEST_SKIP() << "PHILO_ONNXRUNTIME is not set";
    set_onnxruntime_library(place);
    std::string reason;
    library_ = onnxruntime::runtime(reason);
    ASSERT_NE(library_, nullptr) << reason;
    options_.activation_format = ActivationFormat::Fp32;
  }

  static void expect_rows(const Network& network, Session& session, const std::vector<Token>& all, size_t first, size_t count, const DoubleReference::Rows& expected) {
    const std::vector<Token> tokens(all.begin() + static_cast<ptrdiff_t>(first), all.begin() + static_cast<ptrdiff_t>(first + count));
    Logits logits;
    const Turn turn{&session, tokens, Rows::All, all.size()};
    network.forward({&turn, 1}, logits);
    ASSERT_EQ(logits.rows(), count);
    for (size_t row = 0; row < count; ++row) {
      double largest = 0;
      for (const double x : expected[first + row]) largest = std::max(largest, std::abs(x));
      for (size_t i = 0; i < logits.vocabulary(); ++i) ASSERT_NEAR(static_cast<double>(logits.row(row)[i]), expected[first + row][i], 1e-4 * largest) << "position " << first + row;
    }
  }

  // A prompt, single tokens, back a bit, the rest; another session between.
  static void expect_right(const Network& network, const Plan& plan, const std::vector<Token>& tokens, bool carried = false) {
    const DoubleReference::Rows expected = DoubleReference(plan).logits(tokens);
    const auto session = network.open(tokens.size() + 10), other = network.open(100);
    const size_t prompt = tokens.size() / 2;
    expect_rows(network, *session, tokens, 0, prompt, expected);
    feed(network, *other, {7, 7, 7}, Rows::Last, tokens.size());
    for (size_t i = prompt; i < prompt + 3; ++i) expect_rows(network, *session, tokens, i, 1, expected);
    const size_t kept = session->rewind(prompt - 2);
    EXPECT_EQ(kept, carried ? 0 : prompt - 2);
    expect_rows(network, *session, tokens, kept, tokens.size() - kept, expected);
  }

  onnxruntime::Runtime* library_ = nullptr;
  DeviceOptions options_;
};

TEST_F(OnnxruntimeLibrary, ComputesWhatThePlanSays) {
  ModelConfig windowed = tiny_config(), long_rope = tiny_config();
  windowed.window = 20;
  long_rope.long_rope = LongRope{std::vector<float>(12, 1), std::vector<float>(12, 3), 1.2f, 40};
  for (const ModelConfig& config : {tiny_config(), windowed, long_rope}) {
    const auto plan = tiny_plan(config, DType::BF16);
    const auto network = make_onnxruntime_device(*library_, "onnxruntime:cpu")->compile(plan, options_);
    for (const size_t count : {30, 60}) expect_right(*network, *plan, tiny_tokens(count));
  }
}

TEST_F(OnnxruntimeLibrary, ComputesWithCodes) {
  const auto floats = tiny_plan(tiny_config(), DType::F16);
  for (const CodeFormat& format : {CodeFormat{4, 64, true}, CodeFormat{4, 32, false}, CodeFormat{4, -1, false}, CodeFormat{8, -1, true}, CodeFormat{8, 32, false}}) {
    const auto plan = std::make_shared<const Plan>(with_formats(*floats, [&](const Weight&, const Segment&) -> MatrixFormat { return format; }));
    expect_right(*make_onnxruntime_device(*library_, "onnxruntime:cpu")->compile(plan, options_), *plan, tiny_tokens(40));
  }
}

TEST_F(OnnxruntimeLibrary, CarriesCachesOfAnotherMemory) {
  CarryingRuntime runtime(*library_);
  const auto plan = tiny_plan(tiny_config(), DType::F32);
  expect_right(*make_onnxruntime_device(runtime, "onnxruntime:cpu")->compile(plan, options_), *plan, tiny_tokens(40), true);
}

TEST_F(OnnxruntimeLibrary, SaysWhatIsWrong) {
  const std::string rubbish = "no model";
  GraphRequest request;
  request.model = std::as_bytes(std::span(rubbish));
  request.provider = "CPUExecutionProvider";
  EXPECT_THROW(library_->load(request), Failure);
  EXPECT_FALSE(library_->probe("QNNExecutionProvider", {}).empty());
  EXPECT_THROW(library_->add_provider_library("/nowhere/plugin.so"), Failure);
  EXPECT_TRUE(library_->knows_config("session.intra_op.allow_spinning"));
  std::string reason;
  EXPECT_EQ(onnxruntime::open_library("/nowhere/libonnxruntime.so", reason), nullptr);
  EXPECT_TRUE(says(reason, "/nowhere"));
  EXPECT_EQ(thrown([] { onnxruntime::set_library_place("/nowhere"); }).code(), ErrorCode::Usage);
}

}  // namespace
}  // namespace philo
