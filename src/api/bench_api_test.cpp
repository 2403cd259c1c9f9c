// philo_bench: its options, its report and how it ends early.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "philo/philo.hpp"

namespace {

using Json = nlohmann::json;

const std::string tiny = std::string(PHILO_SOURCE_DIR) + "/tests/data/models/mini-4k";
const philo::Options short_run = {{"prompt-tokens", "3"}, {"new-tokens", "2"}, {"repetitions", "2"}, {"threads", "1"}};

philo_status status_of(const std::string& path, const philo::Options& options, const philo::Callbacks& callbacks = {}) {
  try {
    philo::bench(path, options, callbacks);
  } catch (const philo::Error& error) {
    EXPECT_STRNE(error.what(), "");
    return error.status();
  }
  return PHILO_OK;
}

TEST(BenchApi, ReportsWhatItMeasured) {
  const Json report = Json::parse(philo::bench(tiny, short_run));
  EXPECT_EQ(report.at("model"), tiny);
  EXPECT_EQ(report.at("machine").at("threads"), 1);
  EXPECT_EQ(report.at("build").at("version"), philo_version());
  EXPECT_EQ(report.at("settings").at("new_tokens"), 2);
  ASSERT_EQ(report.at("runs").size(), 1u);
  EXPECT_EQ(report.at("runs")[0].at("weight_format"), "bf16");
  EXPECT_GT(report.at("runs")[0].at("tpot_ms"), 0);
}

TEST(BenchApi, RefusesWhatItCannotMeasure) {
  EXPECT_EQ(status_of("", {}), PHILO_USAGE);
  EXPECT_EQ(status_of(tiny, {{"synthetic", "demo"}}), PHILO_USAGE);
  EXPECT_EQ(status_of(tiny, {{"replay", "1 -2"}}), PHILO_USAGE);
  EXPECT_EQ(status_of(tiny, {{"max-new-tokens", "3"}}), PHILO_USAGE);
  EXPECT_EQ(status_of("/no/such/model", {}), PHILO_INPUT);
  char* json = nullptr;
  EXPECT_EQ(philo_bench(nullptr, nullptr, 1, nullptr, &json, nullptr), PHILO_USAGE);
  EXPECT_EQ(philo_bench(tiny.c_str(), nullptr, 0, nullptr, nullptr, nullptr), PHILO_USAGE);
}

TEST(BenchApi, StopsWhereACallbackSaysSo) {
  philo::Callbacks callbacks;
  size_t calls = 0;
  callbacks.on_progress = [&](std::string_view what, uint64_t, uint64_t) {
    if (what.find("prompt 3") != std::string_view::npos) ++calls;
    return calls < 2;
  };
  EXPECT_EQ(status_of(tiny, short_run, callbacks), PHILO_STOPPED);
  EXPECT_EQ(calls, 2u);
}

TEST(BenchApi, ReportsFailuresAsRuns) {
  philo::Options options = short_run;
  options.set("device", "cpu").set("device", "nowhere").set("weight-format", "fp32");
  const Json runs = Json::parse(philo::bench(tiny, options)).at("runs");
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_TRUE(runs[0].at("failed").is_null());
  EXPECT_EQ(runs[0].at("kv_format"), "fp32");
  EXPECT_EQ(runs[1].at("status"), PHILO_DEVICE);
  EXPECT_EQ(runs[1].at("weight_format"), "fp32");
}

}  // namespace
