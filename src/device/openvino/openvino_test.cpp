// The device over a runtime that only writes down what it is asked for: sizes, properties, what is fed, what is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "base/refusal.h"
#include "base/temporary_folder.h"
#include "device/openvino/blob_cache.h"
#include "device/openvino/compile.h"
#include "device/openvino/openvino_device.h"
#include "device/openvino/openvino_network.h"
#include "device/openvino/settings.h"
#include "fake/openvino_graph.h"
#include "format/openvino_ir/network.h"

namespace philo {
namespace {

using openvino::Compiled;
using openvino::Graph;
using openvino::Input;

// What the requests of one compiled graph saw.
struct Seen {
  std::vector<std::vector<int64_t>> tokens, positions, rows;
  std::vector<size_t> mask_lengths;
  std::vector<int> long_factors;
  std::vector<size_t> kept;
  int resets = 0;
};

class FakeRequest : public openvino::Request {
 public:
  FakeRequest(Seen& seen, size_t vocabulary, bool last_row) : seen_(seen), vocabulary_(vocabulary), last_row_(last_row) {}

  bool infer(std::span<const Input> inputs, std::string& error) override {
    if (fails) {
      error = "out of order";
      return false;
    }
    rows_ = 1;
    for (const Input& input : inputs) {
      const std::string_view name = input.name;
      const auto numbers = [&] {
        const auto* const first = static_cast<const int64_t*>(input.data);
        return std::vector<int64_t>(first, first + input.shape.back());
      };
      if (name == "input_ids") seen_.tokens.push_back(numbers());
      if (name == "position_ids") seen_.positions.push_back(numbers());
      if (name == "attention_mask") seen_.mask_lengths.push_back(input.shape.back());
      if (name == "long_factors") seen_.long_factors.push_back(*static_cast<const char*>(input.data));
      if (name == "logit_rows") {
        seen_.rows.push_back(numbers());
        rows_ = seen_.rows.back().size();
      }
    }
    logits_.clear();
    for (size_t row = 0; row < rows_; ++row)
      for (size_t i = 0; i < vocabulary_; ++i) logits_.push_back(static_cast<float>(last_row_ ? seen_.tokens.back().back() : seen_.tokens.back()[static_cast<size_t>(seen_.rows.back()[row])]));
    return true;
  }
  void cancel() override {}
  std::span<const float> logits(size_t& rows, std::string&) override {
    rows = rows_;
    return logits_;
  }
  bool reset(std::string&) override { return ++seen_.resets > 0; }
  bool keep(size_t tokens, std::string&) override {
    seen_.kept.push_back(tokens);
    return true;
  }
  static inline bool fails = false;

 private:
  Seen& seen_;
  size_t vocabulary_, rows_ = 0;
  bool last_row_;
  std::vector<float> logits_;
};

class FakeCompiled : public Compiled {
 public:
  FakeCompiled(Seen& seen, size_t vocabulary, bool last_row) : seen_(seen), vocabulary_(vocabulary), last_row_(last_row) {}
  std::unique_ptr<openvino::Request> open(std::string&) override { return std::make_unique<FakeRequest>(seen_, vocabulary_, last_row_); }
  std::string property(const char* name) const override { return std::string_view(name) == "KV_CACHE_PRECISION" ? "f16" : ""; }
  bool write(const std::string& path, std::string&) override {
    std::ofstream(path, std::ios::binary) << "compiled";
    return true;
  }

 private:
  Seen& seen_;
  size_t vocabulary_;
  bool last_row_;
};

class FakeRuntime : public openvino::Runtime {
 public:
  const std::string& version() const override { return version_; }
  const std::string& built_version() const override { return version_; }
  std::vector<openvino::DeviceDescription> devices() const override { return there; }
  std::vector<std::string> known_properties(const std::string&) const override { return {"KV_CACHE_PRECISION", "NUM_STREAMS"}; }
  std::unique_ptr<Compiled> compile(const Graph& graph, const std::string& device, const Properties& properties, std::string& error) override {
    constants.resize(graph.constant_bytes);
    const bool filled = graph.fill(constants);
    for (const openvino::SharedConstant& one : graph.shared)
      std::copy(one.bytes.begin(), one.bytes.end(), constants.begin() + static_cast<std::ptrdiff_t>(one.offset));
    shared = graph.shared.size();
    if (!filled || !error_of_compile.empty()) {
      error = error_of_compile;
      return nullptr;
    }
    ++compiled;
    xml = *graph.xml;
    last_device = device;
    last_properties = properties;
    return std::make_unique<FakeCompiled>(seen, vocabulary, device == "NPU");
  }
  std::unique_ptr<Compiled> read(const std::string& path, const std::string& device, const Properties&, std::string& error) override {
    if (read_text_file(path) != "compiled") {
      error = "it is damaged";
      return nullptr;
    }
    ++read_back;
    return std::make_unique<FakeCompiled>(seen, vocabulary, device == "NPU");
  }

  std::vector<openvino::DeviceDescription> there = {{"CPU", "a processor", ""}, {"GPU.0", "a GPU", "1.2"}, {"NPU", "an NPU", "3.4"}};
  std::string version_ = "2026.4.1", xml, last_device, error_of_compile;
  Properties last_properties;
  std::vector<std::byte> constants;
  Seen seen;
  size_t vocabulary = 0, shared = 0;
  int compiled = 0, read_back = 0;
};

// A small plan; the graph's constants must outlive it.
std::shared_ptr<const Plan> small_plan(const FakeOpenvinoGraph& graph, bool long_rope) {
  ModelConfig config{};
  config.hidden_size = config.intermediate_size = 8;
  config.layers = config.heads = 2;
  config.kv_heads = 1;
  config.head_size = config.rotary_size = 4;
  config.vocabulary = 16;
  config.context = 4096;
  config.rope_theta = 10000.0;
  config.rms_epsilon = 1e-5f;
  if (long_rope) config.long_rope = LongRope{{1, 1}, {1, 2}, 1.5f, 256};
  auto weights = std::make_shared<Weights>();
  read_openvino_network(parse_openvino_graph(graph.xml(), "m.xml", std::as_bytes(std::span(graph.constants)), "m.bin"), *weights);
  return std::make_shared<const Plan>(plan_phi3(config, weights, "m.xml"));
}

class OpenvinoTest : public testing::Test {
 protected:
  void SetUp() override {
    FakeRequest::fails = false;
    take("f32", false);
  }
  std::unique_ptr<Network> compile(std::string_view name, const DeviceOptions& options = {}) {
    runtime_.vocabulary = static_cast<size_t>(plan_->config.vocabulary);
    const std::unique_ptr<Device> device = make_openvino_device(runtime_, name);
    const auto plan = device->adapt(plan_, options);
    if (const auto reason = device->refuses(*plan, options)) throw Error(ErrorCode::Device, *reason);
    return device->compile(plan, options);
  }
  std::string property(std::string_view name) const {
    for (const auto& [key, value] : runtime_.last_properties)
      if (key == name) return value;
    return "";
  }
  std::vector<float> feed(const Network& network, Session& session, std::vector<Token> tokens, Rows rows, size_t sequence = 0) {
    Logits logits;
    const Turn turn{&session, tokens, rows, sequence == 0 ? session.position() + tokens.size() : sequence};
    network.forward({&turn, 1}, logits);
    std::vector<float> first;
    for (size_t row = 0; row < logits.rows(); ++row) first.push_back(logits.row(row)[0]);
    return first;
  }

  void take(const std::string& weight_type, bool long_rope) {
    net_.weight_type = weight_type;
    graph_ = net_.graph();
    plan_ = small_plan(graph_, long_rope);
  }

  FakeRuntime runtime_;
  FakePhi3 net_;
  FakeOpenvinoGraph graph_;
  std::shared_ptr<const Plan> plan_;
};

TEST_F(OpenvinoTest, WarmsUpOnTheProcessor) {
  const auto network = compile("openvino:CPU");
  EXPECT_EQ(runtime_.seen.tokens, (std::vector<std::vector<int64_t>>{std::vector<int64_t>(8), {0}}));
  EXPECT_GT(runtime_.shared, 0u);
  runtime_.seen = {};
  compile("openvino:GPU");
  EXPECT_TRUE(runtime_.seen.tokens.empty());
  EXPECT_EQ(runtime_.shared, 0u);
}

TEST_F(OpenvinoTest, FeedsTokensMaskAndPositions) {
  const auto network = compile("openvino:CPU");
  runtime_.seen = {};
  EXPECT_TRUE(network->traits().all_rows);
  EXPECT_FALSE(network->traits().equal_columns);
  EXPECT_FALSE(network->traits().steps);
  EXPECT_EQ(network->traits().context, 4096u);
  EXPECT_EQ(network->traits().kv_format, KvFormat::Fp16);
  const auto session = network->open(100);
  EXPECT_TRUE(feed(*network, *session, {3, 1, 4}, Rows::None).empty());
  EXPECT_EQ(feed(*network, *session, {1, 5}, Rows::Last), (std::vector<float>{5}));
  EXPECT_EQ(feed(*network, *session, {9, 2, 6}, Rows::All), (std::vector<float>{9, 2, 6}));
  EXPECT_EQ(session->position(), 8u);
  const Seen& seen = runtime_.seen;
  EXPECT_EQ(seen.tokens, (std::vector<std::vector<int64_t>>{{3, 1, 4}, {1, 5}, {9, 2, 6}}));
  EXPECT_EQ(seen.positions, (std::vector<std::vector<int64_t>>{{0, 1, 2}, {3, 4}, {5, 6, 7}}));
  EXPECT_EQ(seen.rows, (std::vector<std::vector<int64_t>>{{2}, {1}, {0, 1, 2}}));
  EXPECT_EQ(seen.mask_lengths, (std::vector<size_t>{3, 5, 8}));
  EXPECT_TRUE(seen.long_factors.empty());
  EXPECT_EQ(session->rewind(6), 6u);
  EXPECT_EQ(seen.kept, (std::vector<size_t>{6}));
  EXPECT_EQ(session->rewind(7), 6u);
  EXPECT_EQ(session->rewind(0), 0u);
  EXPECT_EQ(seen.resets, 1);
  EXPECT_EQ(runtime_.last_device, "CPU");
  EXPECT_TRUE(runtime_.xml.find("logit_rows") != std::string::npos);
}

TEST_F(OpenvinoTest, TakesTheLongFactorsBySequence) {
  take("f32", true);
  const auto network = compile("openvino:GPU");
  const auto session = network->open(1000);
  feed(*network, *session, {1, 2}, Rows::Last, 256);
  session->rewind(0);
  feed(*network, *session, {1, 2}, Rows::Last, 257);
  EXPECT_EQ(runtime_.seen.long_factors, (std::vector<int>{0, 1}));
}

TEST_F(OpenvinoTest, SetsPropertiesByPhilosOptions) {
  DeviceOptions options;
  options.kv_format = KvFormat::Fp32;
  options.activation_format = ActivationFormat::Fp32;
  options.threads = 3;
  compile("openvino:CPU", options);
  EXPECT_EQ(property("KV_CACHE_PRECISION"), "f32");
  EXPECT_EQ(property("INFERENCE_PRECISION_HINT"), "f32");
  EXPECT_EQ(property("DYNAMIC_QUANTIZATION_GROUP_SIZE"), "0");
  EXPECT_EQ(property("INFERENCE_NUM_THREADS"), "3");
  options.properties = {{"KV_CACHE_PRECISION", "u8"}, {"NUM_STREAMS", "1"}};
  compile("openvino:CPU", options);
  EXPECT_EQ(property("KV_CACHE_PRECISION"), "u8");
  EXPECT_EQ(property("NUM_STREAMS"), "1");
}

TEST_F(OpenvinoTest, RefusesPropertiesThatNobodyKnows) {
  const auto refused = [&](Properties properties, const char* device = "openvino:CPU") {
    DeviceOptions options;
    options.properties = std::move(properties);
    options.allow_requantize = true;
    return refusal([&] { compile(device, options); }, ErrorCode::Usage);
  };
  EXPECT_TRUE(says(refused({{"NO_SUCH", "1"}}), "it knows KV_CACHE_PRECISION, NUM_STREAMS"));
  EXPECT_TRUE(says(refused({{"NUM_STREAMS", "1"}, {"NUM_STREAMS", "2"}}), "given twice"));
  EXPECT_TRUE(says(refused({{"CACHE_DIR", "x"}}), "philo decides"));
  EXPECT_TRUE(says(refused({{"NPUW_LLM_MAX_PROMPT_LEN", "many"}}, "openvino:NPU"), "a number of tokens"));
  EXPECT_TRUE(says(refused({{"NPUW_DEVICES", "CPU"}}), "no such property"));
}

TEST_F(OpenvinoTest, AnNpuHasFixedSizes) {
  DeviceOptions options;
  options.allow_requantize = true;
  const auto network = compile("openvino:NPU", options);
  EXPECT_EQ(property("NPUW_LLM_MAX_PROMPT_LEN"), "1024");
  EXPECT_EQ(property("NPUW_LLM_MIN_RESPONSE_LEN"), "128");
  EXPECT_EQ(property("NPU_USE_NPUW"), "YES");
  EXPECT_EQ(property("NPUW_ONLINE_PIPELINE"), "");
  EXPECT_FALSE(network->traits().all_rows);
  EXPECT_EQ(network->traits().context, 1152u);
  EXPECT_EQ(network->traits().turn_tokens, 1024u);
  EXPECT_EQ(runtime_.xml.find("logit_rows"), std::string::npos);
  const auto session = network->open(1152);
  EXPECT_EQ(feed(*network, *session, {3, 1, 4}, Rows::Last), (std::vector<float>{4}));
  EXPECT_EQ(feed(*network, *session, {1, 5}, Rows::Last), (std::vector<float>{5}));
  EXPECT_EQ(runtime_.seen.tokens, (std::vector<std::vector<int64_t>>{{3, 1, 4}, {1}, {5}}));
  EXPECT_EQ(session->rewind(4), 0u);

  options.context = 600;
  options.properties = {{"NPUW_DEVICES", "CPU"}};
  EXPECT_EQ(compile("openvino:NPU", options)->traits().context, 640u);
  EXPECT_EQ(property("NPUW_LLM_MAX_PROMPT_LEN"), "512");
  EXPECT_EQ(property("NPUW_ONLINE_PIPELINE"), "NONE");
  take("f32", true);  // LongRoPE's short factors hold up to 256
  EXPECT_TRUE(says(refusal([&] { compile("openvino:NPU", options); }, ErrorCode::Usage), "at most 256"));
  options.context = 0;
  EXPECT_EQ(compile("openvino:NPU", options)->traits().context, 256u);
}

TEST_F(OpenvinoTest, AnNpuTakesSymmetricInt4Alone) {
  const auto refused = [&](const char* weight_type) {
    take(weight_type, false);
    return refusal([&] { compile("openvino:NPU"); }, ErrorCode::Device);
  };
  for (const char* type : {"f32", "u4", "u8", "i8", "i4"}) EXPECT_TRUE(says(refused(type), "philo convert MODEL OUT --weight-format int4 --sym --group-size 128"));
  DeviceOptions options;
  options.allow_requantize = true;
  for (const char* type : {"f32", "u4", "u8", "i8", "i4"}) {
    take(type, false);
    compile("openvino:NPU", options);
    EXPECT_EQ(runtime_.last_device, "NPU");
  }
  EXPECT_EQ(runtime_.compiled, 5);
}

TEST_F(OpenvinoTest, SaysWhatIsMissing) {
  runtime_.there.resize(1);
  EXPECT_TRUE(says(refusal([&] { compile("openvino:GPU"); }, ErrorCode::Device), "compute driver"));
  EXPECT_TRUE(says(refusal([&] { compile("openvino:GPU.1"); }, ErrorCode::Device), "devices here: cpu, openvino:CPU"));
  EXPECT_TRUE(says(refusal([&] { compile("openvino:NPU"); }, ErrorCode::Device), "/dev/accel/accel0"));
  const auto reports = openvino_reports(&runtime_, "");
  ASSERT_EQ(reports.size(), 4u);
  EXPECT_TRUE(reports[0].usable);
  EXPECT_EQ(reports[1].name, "openvino:GPU");
  EXPECT_TRUE(says(reports[1].reason, "intel-opencl-icd"));
  EXPECT_TRUE(says(reports[2].reason, "intel_vpu"));
  EXPECT_EQ(reports[3].name, "openvino:AUTO");
  const auto none = openvino_reports(nullptr, "no module");
  ASSERT_EQ(none.size(), 1u);
  EXPECT_FALSE(none[0].usable);
  EXPECT_EQ(none[0].reason, "no module");
}

TEST_F(OpenvinoTest, KeepsWhatAGpuCompiled) {
  const TemporaryFolder folder;
  std::vector<std::string> notes;
  DeviceOptions options;
  options.cache_folder = folder.path("cache");
  options.note = [&](std::string_view note) { notes.emplace_back(note); };
  compile("openvino:GPU", options);
  compile("openvino:GPU", options);
  EXPECT_EQ(runtime_.compiled, 1);
  EXPECT_EQ(runtime_.read_back, 1);
  runtime_.there[1].driver = "1.3";  // another driver, other options, another model: compiled anew
  compile("openvino:GPU", options);
  options.properties = {{"NUM_STREAMS", "1"}};
  compile("openvino:GPU", options);
  take("u8", false);
  compile("openvino:GPU", options);
  EXPECT_EQ(runtime_.compiled, 4);
  EXPECT_TRUE(notes.empty()) << notes[0];
  for (const std::string& name : folder_entries(folder.path("cache"))) folder.write("cache/" + name, "rubbish");
  compile("openvino:GPU", options);
  EXPECT_EQ(runtime_.compiled, 5);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_TRUE(says(notes[0], "made again: it is damaged"));
  compile("openvino:CPU", options);
  compile("openvino:CPU", options);
  EXPECT_EQ(runtime_.compiled, 7);  // the processor's plugin compiles in seconds
}

TEST_F(OpenvinoTest, PassesFailuresOn) {
  const auto network = compile("openvino:CPU");
  const auto session = network->open(10);
  FakeRequest::fails = true;
  EXPECT_TRUE(says(refusal([&] { feed(*network, *session, {1}, Rows::Last); }, ErrorCode::Device), "openvino:CPU fails after 0 tokens: out of order"));
  runtime_.error_of_compile = "no room";
  EXPECT_TRUE(says(refusal([&] { compile("openvino:CPU"); }, ErrorCode::Device), "can't compile this model: no room"));
  runtime_.error_of_compile.clear();
  DeviceOptions options;
  options.isa = "avx2";
  EXPECT_TRUE(says(refusal([&] { compile("openvino:CPU", options); }, ErrorCode::Device), "--isa avx2"));
  options.isa.clear();
  options.progress = [](std::string_view, uint64_t, uint64_t) { return false; };
  EXPECT_EQ(thrown([&] { compile("openvino:CPU", options); }).code(), ErrorCode::Stopped);
}

// Where the module and OpenVINO are there: its processor plugin computes the same graph.
class OpenvinoLibrary : public OpenvinoTest {
 protected:
  void SetUp() override {
    OpenvinoTest::SetUp();
    std::string reason;
    library_ = openvino::runtime(reason);
    if (library_ == nullptr) GTEST_SKIP() << reason;
    options_.kv_format = KvFormat::Fp32;
    options_.activation_format = ActivationFormat::Fp32;
  }
  std::vector<std::vector<float>> rows(const Network& network, Session& session, std::vector<Token> tokens, size_t sequence) const {
    Logits logits;
    const Turn turn{&session, tokens, Rows::All, sequence};
    network.forward({&turn, 1}, logits);
    std::vector<std::vector<float>> out;
    for (size_t row = 0; row < logits.rows(); ++row) out.emplace_back(logits.row(row).begin(), logits.row(row).end());
    return out;
  }
  static void expect_close(const std::vector<float>& got, const std::vector<float>& expected) {
    ASSERT_EQ(got.size(), expected.size());
    float largest = 0;
    for (const float x : expected) largest = std::max(largest, std::abs(x));
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-4f * largest);
  }

  openvino::Runtime* library_ = nullptr;
  DeviceOptions options_;
};

TEST_F(OpenvinoLibrary, RewindsAndKeepsSessionsApart) {
  for (const bool long_rope : {false, true}) {
    take("u4", long_rope);
    const auto network = make_openvino_device(*library_, "openvino:CPU")->compile(plan_, options_);
    const auto one = network->open(100), other = network->open(100);
    const std::vector<Token> tokens = {3, 1, 4, 1, 5, 9, 2, 6};
    const auto whole = rows(*network, *one, tokens, 300);
    rows(*network, *other, {7, 7, 7}, 300);
    EXPECT_EQ(one->rewind(3), 3u);
    const auto again = rows(*network, *one, {1, 5, 9, 2, 6}, 300);
    for (size_t i = 0; i < again.size(); ++i) expect_close(again[i], whole[i + 3]);
    EXPECT_EQ(one->rewind(0), 0u);
    for (size_t i = 0; i < tokens.size(); ++i) expect_close(rows(*network, *one, {tokens[i]}, 300)[0], whole[i]);
    if (!long_rope) continue;
    const auto near = rows(*network, *network->open(100), tokens, 256);
    float difference = 0;
    for (size_t i = 0; i < near.back().size(); ++i) difference = std::max(difference, std::abs(near.back()[i] - whole.back()[i]));
    EXPECT_GT(difference, 0);  // other factors, other numbers
  }
}

TEST_F(OpenvinoLibrary, ReadsBackWhatItCompiled) {
  const TemporaryFolder folder;
  take("i4", false);
  const openvino::Settings settings = openvino::settle(*plan_, options_, "CPU", *library_);
  const OpenvinoIr ir = emit_openvino_ir(*plan_, settings.variant);
  std::shared_ptr<Compiled> compiled =
      openvino::compile_graph(*library_, "CPU", "openvino:CPU", ir, settings.properties, options_);
  std::vector<std::string> notes;
  const openvino::BlobCache cache(folder.path("cache"), "0123", [&](std::string_view note) { notes.emplace_back(note); });
  cache.write(*compiled);
  std::shared_ptr<Compiled> read = cache.read(*library_, "CPU", settings.properties);
  ASSERT_TRUE(notes.empty()) << notes[0];
  ASSERT_NE(read, nullptr);
  const openvino::OpenvinoNetwork first("first", plan_, settings, compiled, 0), second("second", plan_, settings, read, 0);
  EXPECT_EQ(rows(first, *first.open(10), {3, 1, 4}, 3), rows(second, *second.open(10), {3, 1, 4}, 3));
}

TEST_F(OpenvinoLibrary, SaysWhatIsWrong) {
  std::string error;
  const std::string xml = "<net name=\"x\" version=\"11\"><layers></layers>";
  EXPECT_EQ(library_->compile({&xml, 8, [](std::span<std::byte>) { return true; }, {}}, "CPU", {}, error), nullptr);
  EXPECT_FALSE(error.empty());
  error.clear();
  EXPECT_EQ(library_->read("/nowhere/x.blob", "CPU", {}, error), nullptr);
  EXPECT_EQ(error, "it can't be read");
  EXPECT_FALSE(library_->known_properties("CPU").empty());
  EXPECT_TRUE(library_->known_properties("TPU").empty());
  options_.properties = {{"INFERENCE_NUM_THREADS", "many"}};
  EXPECT_TRUE(says(refusal([&] { make_openvino_device(*library_, "openvino:CPU")->compile(plan_, options_); }, ErrorCode::Device), "INFERENCE_NUM_THREADS"));
}

}  // namespace
}  // namespace philo
