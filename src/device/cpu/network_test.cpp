// Holds the cpu device against double precision, and its logits against themselves, bit for bit, however the tokens are fed.
#include "device/cpu/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/refusal.h"
#include "device/cpu/cpu_device.h"
#include "fake/tiny_model.h"

namespace philo {
namespace {

using Row = std::vector<float>;

struct Settings {
  std::string isa = {};
  int threads = 2;
  KvFormat kv_format = KvFormat::Fp32;
  ActivationFormat activation_format = ActivationFormat::Fp32;
  std::optional<MatrixFormat> weights = {};  // as stored
};

std::shared_ptr<const Plan> in_format(const std::shared_ptr<const Plan>& plan, const MatrixFormat& format) {
  return std::make_shared<const Plan>(with_formats(*plan, [&](const Weight&, const Segment&) { return format; }));
}

std::unique_ptr<Network> network_of(const std::shared_ptr<const Plan>& plan, const Settings& settings = {}) {
  DeviceOptions options;
  options.isa = settings.isa;
  options.threads = settings.threads;
  options.kv_format = settings.kv_format;
  options.activation_format = settings.activation_format;
  if (!settings.weights) return cpu_device().compile(plan, options);
  return cpu_device().compile(in_format(plan, *settings.weights), options);
}

// Feeds tokens in chunks that repeat the sizes given; the logits of all of them.
std::vector<Row> feed(const Network& network, Session& session, std::span<const Token> tokens, const std::vector<size_t>& sizes,
                      size_t sequence = 0) {
  std::vector<Row> rows;
  Logits logits;
  const size_t begin = session.position();
  if (sequence == 0) sequence = begin + tokens.size();
  for (size_t at = 0, i = 0; at < tokens.size(); ++i) {
    const size_t count = std::min(sizes[i % sizes.size()], tokens.size() - at);
    const Turn turn{&session, tokens.subspan(at, count), Rows::All, sequence};
    network.forward({&turn, 1}, logits);
    for (size_t row = 0; row < logits.rows(); ++row) rows.emplace_back(logits.row(row).begin(), logits.row(row).end());
    at += count;
  }
  EXPECT_EQ(session.position(), begin + tokens.size());
  return rows;
}

std::vector<Row> feed_new(const Network& network, std::span<const Token> tokens, const std::vector<size_t>& sizes) {
  const auto session = network.open(4096);
  return feed(network, *session, tokens, sizes);
}

// Mean squared difference over mean square.
double error_of(const std::vector<Row>& rows, const DoubleReference::Rows& expected) {
  double difference = 0, square = 0;
  EXPECT_EQ(rows.size(), expected.size());
  for (size_t row = 0; row < rows.size(); ++row)
    for (size_t i = 0; i < rows[row].size(); ++i) {
      difference += std::pow(static_cast<double>(rows[row][i]) - expected[row][i], 2);
      square += expected[row][i] * expected[row][i];
    }
  return difference / square;
}

std::vector<std::string> isas_here() {
  std::vector<std::string> names;
  for (const auto& [kernels, runs_here] : all_kernels())
    if (runs_here) names.emplace_back(kernels->isa);
  return names;
}

ModelConfig windowed(int64_t window) {
  ModelConfig config = tiny_config();
  config.window = window;
  return config;
}

ModelConfig long_rope(int64_t original) {
  ModelConfig config = tiny_config();
  LongRope rope{{}, {}, 1.19f, original};
  for (int64_t k = 0; k < config.rotary_size / 2; ++k) {
    rope.short_factors.push_back(1.0f + 0.05f * static_cast<float>(k));
    rope.long_factors.push_back(1.5f + 0.7f * static_cast<float>(k));
  }
  config.long_rope = rope;
  return config;
}

TEST(CpuNetwork, AgreesWithDoublePrecision) {
  const auto tokens = tiny_tokens(150);
  for (const DType dtype : {DType::F32, DType::F16, DType::BF16}) {
    const auto plan = tiny_plan(tiny_config(), dtype);
    const auto expected = DoubleReference(*plan).logits(tokens);
    for (const std::string& isa : isas_here()) {
      SCOPED_TRACE(isa + " " + std::string(dtype_name(dtype)));
      EXPECT_LT(error_of(feed_new(*network_of(plan, {.isa = isa}), tokens, {512}), expected), 1e-11);
      // Keys rounded by up to 2^-11 move scores of about 4 by some 2^-9, and so each share by that part of itself.
      EXPECT_LT(error_of(feed_new(*network_of(plan, {.isa = isa, .kv_format = KvFormat::Fp16}), tokens, {512}), expected), 4e-6);
    }
  }
}

TEST(CpuNetwork, AppliesTheWindow) {
  for (const int64_t window : {1, 37, 64, 100}) {
    const auto plan = tiny_plan(windowed(window), DType::BF16);
    const auto tokens = tiny_tokens(180);
    const auto expected = DoubleReference(*plan).logits(tokens);
    for (const std::string& isa : isas_here()) EXPECT_LT(error_of(feed_new(*network_of(plan, {.isa = isa}), tokens, {512}), expected), 1e-11);
  }
}

TEST(CpuNetwork, TakesLongRopeFactorsByTheWholeSequence) {
  const auto plan = tiny_plan(long_rope(64), DType::F32);
  const auto network = network_of(plan);
  for (const size_t count : {64, 65}) {
    const auto tokens = tiny_tokens(count);
    // Chunks that end below the limit belong to the sequence all the same.
    EXPECT_LT(error_of(feed_new(*network, tokens, {7}), DoubleReference(*plan).logits(tokens)), 1e-11) << count;
  }
}

TEST(CpuNetwork, RefusesToMixLongRopeFactors) {
  const auto plan = tiny_plan(long_rope(64), DType::F32);
  const auto network = network_of(plan);
  const auto session = network->open(4096);
  const auto tokens = tiny_tokens(70);
  feed(*network, *session, std::span(tokens).first(60), {60});
  EXPECT_EQ(thrown([&] { feed(*network, *session, std::span(tokens).subspan(60), {10}); }).code(), ErrorCode::Failed);
  EXPECT_EQ(session->position(), 60u);
  EXPECT_EQ(session->rewind(0), 0u);
  EXPECT_LT(error_of(feed(*network, *session, tokens, {512}), DoubleReference(*plan).logits(tokens)), 1e-11);
}

// The long test of this file: everything that must not change a bit.
TEST(CpuNetwork, YieldsTheSameBitsHoweverTokensAreFed) {
  for (const std::optional<int64_t> window : {std::optional<int64_t>(), std::optional<int64_t>(100)}) {
    ModelConfig config = tiny_config();
    config.window = window;
    const auto plan = tiny_plan(config, DType::BF16);
    const auto tokens = tiny_tokens(700);  // more than one segment of keys
    for (const std::string& isa : isas_here())
      for (const KvFormat kv_format : {KvFormat::Fp16, KvFormat::Fp32}) {
        SCOPED_TRACE(isa);
        const auto expected = feed_new(*network_of(plan, {.isa = isa, .threads = 1, .kv_format = kv_format}), tokens, {512});
        for (const int threads : {1, 3}) {
          const auto network = network_of(plan, {.isa = isa, .threads = threads, .kv_format = kv_format});
          if (threads == 3) {
            EXPECT_EQ(feed_new(*network, tokens, {1}), expected);
          }
          EXPECT_EQ(feed_new(*network, tokens, {2, 3, 5, 6, 7, 11, 13, 24, 25, 97, 200}), expected) << threads;
        }
      }
  }
}

TEST(CpuNetwork, SeveralSessionsInOnePassYieldWhatEachYieldsAlone) {
  const auto plan = tiny_plan(windowed(90), DType::F16);
  const auto network = network_of(plan, {.kv_format = KvFormat::Fp16});
  std::vector<std::unique_ptr<Session>> together;
  std::vector<std::vector<Token>> tokens;
  for (size_t i = 0; i < 4; ++i) {
    tokens.push_back(tiny_tokens(40 * i + 30, i));
    together.push_back(network->open(4096));
    if (i != 0) feed(*network, *together[i], std::span(tokens[i]).first(30 * i), {64});
  }
  std::vector<Turn> turns;
  for (size_t i = 0; i < 4; ++i)
    turns.push_back({together[i].get(), std::span(tokens[i]).subspan(30 * i), i == 2 ? Rows::None : i == 3 ? Rows::Last : Rows::All,
                     tokens[i].size()});
  Logits logits;
  network->forward(turns, logits);
  size_t row = 0;
  for (size_t i = 0; i < 4; ++i) {
    const auto alone = feed_new(*network, tokens[i], {512});
    if (i == 2) continue;
    for (size_t token = i == 3 ? alone.size() - 1 : 30 * i; token < alone.size(); ++token, ++row) {
      ASSERT_LT(row, logits.rows());
      EXPECT_EQ(Row(logits.row(row).begin(), logits.row(row).end()), alone[token]) << i << " " << token;
    }
  }
  EXPECT_EQ(row, logits.rows());
  // The session whose rows nobody asked for has its keys all the same.
  const std::vector<Token> next = {5};
  const auto after = feed(*network, *together[2], next, {1});
  tokens[2].push_back(5);
  EXPECT_EQ(after[0], feed_new(*network, tokens[2], {512}).back());
}

TEST(CpuNetwork, RewindsToEveryPosition) {
  for (const bool with_window : {false, true}) {
    const auto plan = tiny_plan(with_window ? windowed(50) : tiny_config(), DType::F32);
    const auto network = network_of(plan);
    const auto tokens = tiny_tokens(330);
    const auto expected = feed_new(*network, tokens, {512});
    for (size_t position = 0; position <= tokens.size(); position += position < 260 ? 37 : 3) {
      const auto session = network->open(4096);
      feed(*network, *session, tokens, {64});
      const size_t kept = session->rewind(position);
      EXPECT_EQ(kept, session->position());
      if (!with_window || position + rewind_slack_tokens >= tokens.size()) {
        EXPECT_EQ(kept, position);
      } else {
        EXPECT_TRUE(kept == position || kept == 0) << kept;
      }
      EXPECT_EQ(session->rewind(kept + 1000), kept);
      const auto rows = feed(*network, *session, std::span(tokens).subspan(kept), {17});
      EXPECT_TRUE(std::equal(rows.begin(), rows.end(), expected.begin() + static_cast<std::ptrdiff_t>(kept))) << position;
    }
  }
}

TEST(CpuNetwork, WindowedCacheStopsGrowing) {
  const auto plan = tiny_plan(windowed(50), DType::F32);
  const auto network = network_of(plan);
  const auto session = network->open(4096);
  const auto tokens = tiny_tokens(1500);
  feed(*network, *session, std::span(tokens).first(300), {1});
  const size_t early = session->memory_bytes();
  feed(*network, *session, std::span(tokens).subspan(300), {1});
  EXPECT_LE(session->memory_bytes(), early);
  EXPECT_GT(early, 0u);
  session->rewind(0);
  EXPECT_EQ(session->memory_bytes(), 0u);
}

TEST(CpuNetwork, ObserverSeesEveryStepAndChangesNothing) {
  const auto plan = tiny_plan(tiny_config(), DType::BF16);
  const auto network = network_of(plan);
  const auto tokens = tiny_tokens(20);
  const auto run = [&] {
    const auto session = network->open(64);
    const Turn turn{session.get(), tokens, Rows::Last, tokens.size()};
    Logits logits;
    network->forward({&turn, 1}, logits);
    return Row(logits.row(0).begin(), logits.row(0).end());
  };
  const Row expected = run();
  size_t seen = 0;
  network->observe([&](const Step& step, std::span<const float> values, size_t count) {
    EXPECT_EQ(step.out, plan->steps[seen].out);
    EXPECT_EQ(count, seen + 1 == plan->steps.size() ? 1u : tokens.size());
    EXPECT_EQ(values.size(), count * static_cast<size_t>(plan->widths[static_cast<size_t>(step.out)]));
    ++seen;
  });
  EXPECT_EQ(run(), expected);
  EXPECT_EQ(seen, plan->steps.size());
  network->observe({});
  EXPECT_EQ(run(), expected);
  EXPECT_EQ(seen, plan->steps.size());
}

TEST(CpuNetwork, ConvertsWeights) {
  const auto plan = tiny_plan(tiny_config(), DType::BF16);
  const auto tokens = tiny_tokens(40);
  const auto stored = feed_new(*network_of(plan), tokens, {512});
  const auto expected = DoubleReference(*plan).logits(tokens);
  const auto wide = network_of(plan, {.weights = DType::F32});
  EXPECT_EQ(feed_new(*wide, tokens, {512}), stored);  // exact, and summed in the same order
  EXPECT_EQ(wide->traits().weight_bytes, 2 * network_of(plan)->traits().weight_bytes);
  EXPECT_LT(error_of(feed_new(*network_of(plan, {.weights = DType::F16}), tokens, {512}), expected), 1e-10);
  const auto narrow = tiny_plan(tiny_config(), DType::F32);
  const double error = error_of(feed_new(*network_of(narrow, {.weights = DType::BF16}), tokens, {512}),
                                DoubleReference(*narrow).logits(tokens));
  EXPECT_GT(error, 1e-8);
  EXPECT_LT(error, 1e-3);
}

TEST(CpuNetwork, RefusesWeightsThatFp16CanNotHold) {
  auto plan = tiny_plan(tiny_config(), DType::F32);
  const Tensor* const tensor = plan->steps.back().weight->segments[0].values;
  const float large = 70000.0f;
  std::memcpy(const_cast<std::byte*>(tensor->bytes.data()) + 400, &large, sizeof large);
  EXPECT_EQ(thrown([&] { network_of(plan, {.weights = DType::F16}); }).code(), ErrorCode::Device);
  EXPECT_NO_THROW(network_of(plan, {.weights = DType::BF16}));
}

constexpr CodeFormat code_formats[] = {{4, 32, true}, {4, 64, false}, {4, -1, true}, {8, -1, false}, {8, 32, true}};

TEST(CpuNetwork, ComputesWithIntegerCodes) {
  const auto plan = tiny_plan(tiny_config(), DType::BF16);
  const auto tokens = tiny_tokens(70);
  for (const CodeFormat& format : code_formats) {
    const auto coded = in_format(plan, format);
    const auto expected = DoubleReference(*coded).logits(tokens), narrowed = DoubleReference(*coded, true).logits(tokens);
    std::vector<Row> narrowed_rows;
    for (const auto& row : narrowed) narrowed_rows.emplace_back(row.begin(), row.end());
    const double noise = error_of(narrowed_rows, expected);
    std::vector<DoubleReference::Rows> singles;
    for (size_t token = 0; token < 20; ++token) singles.push_back(DoubleReference(*coded, true).logits({tokens[token]}));
    for (const std::string& isa : isas_here()) {
      SCOPED_TRACE(isa + " " + format_description(format));
      EXPECT_LT(error_of(feed_new(*network_of(plan, {.isa = isa, .weights = format}), tokens, {512}), expected), 1e-11);
      // Now and then rounding moves an input across the border between two codes; from there on the errors of the codes are others of
      // the same size. So single tokens are held, most of which meet no such border.
      const auto network = network_of(plan, {.isa = isa, .activation_format = ActivationFormat::Int8, .weights = format});
      size_t equal = 0;
      for (size_t token = 0; token < 20; ++token) equal += error_of(feed_new(*network, std::span(tokens).subspan(token, 1), {1}), singles[token]) < 1e-11;
      EXPECT_GE(equal, 15u);
      EXPECT_LT(error_of(feed_new(*network, tokens, {512}), expected), 1.5 * noise);
    }
  }
}

TEST(CpuNetwork, YieldsTheSameBitsWithIntegerCodesHoweverTokensAreFed) {
  const auto plan = tiny_plan(windowed(37), DType::BF16);
  const auto tokens = tiny_tokens(90);
  for (const CodeFormat& format : code_formats)
    for (const ActivationFormat activations : {ActivationFormat::Int8, ActivationFormat::Fp32})
      for (const std::string& isa : isas_here()) {
        SCOPED_TRACE(isa + " " + format_description(format));
        Settings settings{.isa = isa, .kv_format = KvFormat::Int8, .activation_format = activations, .weights = format};
        const auto whole = feed_new(*network_of(plan, settings), tokens, {512});
        EXPECT_EQ(feed_new(*network_of(plan, settings), tokens, {1}), whole);
        settings.threads = 3;
        EXPECT_EQ(feed_new(*network_of(plan, settings), tokens, {2, 5, 8, 17}), whole);
      }
}

TEST(CpuNetwork, MixesFormatsWithinAMatrix) {
  const auto plan = tiny_plan(tiny_config(), DType::F32);
  size_t next = 0;
  const MatrixFormat formats[] = {CodeFormat{4, 32, false}, DType::F16, CodeFormat{8, -1, false}, CodeFormat{4, 64, true}};
  const auto mixed = std::make_shared<const Plan>(with_formats(*plan, [&](const Weight&, const Segment&) { return formats[next++ % 4]; }));
  const auto tokens = tiny_tokens(20);
  const auto expected = DoubleReference(*mixed).logits(tokens);
  for (const std::string& isa : isas_here())
    EXPECT_LT(error_of(feed_new(*network_of(mixed, {.isa = isa}), tokens, {3}), expected), 1e-11) << isa;
}

TEST(CpuNetwork, KeepsKeysAndValuesInInt8) {
  const auto plan = tiny_plan(tiny_config(), DType::F32);
  const auto tokens = tiny_tokens(150);
  const auto expected = DoubleReference(*plan).logits(tokens);
  for (const std::string& isa : isas_here()) {
    const auto network = network_of(plan, {.isa = isa, .kv_format = KvFormat::Int8});
    const auto rows = feed_new(*network, tokens, {512});
    // Keys off by up to 1 / 254 of the largest of a head move scores of about 4 by some 2 %, and so each share.
    EXPECT_LT(error_of(rows, expected), 1e-3) << isa;
    EXPECT_EQ(feed_new(*network, tokens, {1, 7}), rows) << isa;
  }
}

TEST(CpuNetwork, RefusesGroupsThatNoKernelComputes) {
  const auto plan = tiny_plan(tiny_config(), DType::F32);
  EXPECT_EQ(thrown([&] { network_of(plan, {.weights = CodeFormat{4, 48, true}}); }).code(), ErrorCode::Device);
  EXPECT_EQ(thrown([&] { network_of(plan, {.weights = CodeFormat{4, 128, true}}); }).code(), ErrorCode::Device);  // does not divide 192
}

TEST(CpuNetwork, StopsLoadingWhenAsked) {
  const auto plan = tiny_plan(tiny_config(), DType::BF16);
  DeviceOptions options;
  uint64_t last = 0, whole = 0;
  options.progress = [&](std::string_view, uint64_t done, uint64_t total) {
    EXPECT_GE(done, last);
    last = done;
    whole = total;
    return true;
  };
  cpu_device().compile(plan, options);
  EXPECT_EQ(last, whole);
  EXPECT_GT(whole, 0u);
  options.progress = [](std::string_view, uint64_t, uint64_t) { return false; };
  EXPECT_EQ(thrown([&] { cpu_device().compile(plan, options); }).code(), ErrorCode::Stopped);
}

TEST(CpuNetwork, RefusesWhatItCanNotDo) {
  const auto plan = tiny_plan(tiny_config(), DType::BF16);
  const auto network = network_of(plan);
  EXPECT_EQ(thrown([&] { network->open(0); }).code(), ErrorCode::Usage);
  EXPECT_EQ(thrown([&] { network->open(4097); }).code(), ErrorCode::Usage);
  const auto session = network->open(8);
  const auto tokens = tiny_tokens(600);
  Logits logits;
  const auto forward = [&](std::vector<Turn> turns) { return thrown([&] { network->forward(turns, logits); }).code(); };
  EXPECT_EQ(forward({{session.get(), std::span(tokens).first(9), Rows::Last, 9}}), ErrorCode::Usage);
  const std::vector<Token> outside = {211};
  EXPECT_EQ(forward({{session.get(), outside, Rows::Last, 1}}), ErrorCode::Input);
  EXPECT_EQ(forward({{session.get(), {}, Rows::Last, 1}}), ErrorCode::Failed);
  const Turn turn{session.get(), std::span(tokens).first(2), Rows::Last, 2};
  EXPECT_EQ(forward({turn, turn}), ErrorCode::Failed);
  const auto other = network_of(plan);
  const auto foreign = other->open(8);
  EXPECT_EQ(forward({{foreign.get(), std::span(tokens).first(2), Rows::Last, 2}}), ErrorCode::Failed);
  const auto large = network->open(4096);
  EXPECT_EQ(forward({{large.get(), tokens, Rows::Last, 600}}), ErrorCode::Failed);
  EXPECT_EQ(session->position(), 0u);

  DeviceOptions options;
  options.isa = "mmx";
  EXPECT_EQ(thrown([&] { cpu_device().compile(plan, options); }).code(), ErrorCode::Usage);
  options.isa = {};
  options.threads = -1;
  EXPECT_EQ(thrown([&] { cpu_device().compile(plan, options); }).code(), ErrorCode::Usage);
  EXPECT_TRUE(cpu_device().refuses(slice(*plan, 0, 1), {}));
  EXPECT_FALSE(cpu_device().refuses(*plan, {}));
}

}  // namespace
}  // namespace philo
