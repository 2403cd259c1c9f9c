// philo bench: its reports in every form, what fails and how, comparing. No number that depends on speed is judged.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "process.h"

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const std::string tiny = std::string(PHILO_SOURCE_DIR) + "/tests/data/models/phi-4-mini";

testing::AssertionResult says(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no \"" << part << "\" in: " << text;
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

// Empty where every element is closed in order, else what is wrong.
std::string markup_fault(const std::string& page) {
  std::vector<std::string> open;
  for (size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const size_t end = page.find('>', at);
    if (end == std::string::npos) return "an open tag at the end";
    const std::string tag = page.substr(at + 1, end - at - 1);
    if (tag.starts_with("!DOCTYPE") || tag.ends_with("/")) continue;
    const std::string name = tag.substr(tag.starts_with("/") ? 1 : 0, tag.find(' ') - (tag.starts_with("/") ? 1 : 0));
    if (!tag.starts_with("/")) {
      open.push_back(name);
      continue;
    }
    if (open.empty() || open.back() != name)
      return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
    open.pop_back();
  }
  return open.empty() ? "" : "<" + open.back() + "> is never closed";
}

class BenchCommand : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("philo_bench_test_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // A few tokens of a tiny model, with limits that one test measures for all.
  Start start(const std::string& model, std::vector<std::string> more) const {
    Start start;
    start.arguments = {"bench"};
    if (!model.empty()) start.arguments.push_back(model);
    for (const char* option : {"--prompt-tokens", "--new-tokens", "--repetitions"})
      if (std::find(more.begin(), more.end(), option) == more.end())
        start.arguments.insert(start.arguments.end(), {option, "4"});
    start.arguments.insert(start.arguments.end(), {"--threads", "1"});
    start.arguments.insert(start.arguments.end(), more.begin(), more.end());
    start.environment = {{"XDG_CACHE_HOME", (fs::temp_directory_path() / "philo_bench_test_cache").string()}};
    return start;
  }
  Outcome bench(const std::string& model, const std::vector<std::string>& more) const {
    return run_process(start(model, more));
  }
  Json report(const std::string& model, std::vector<std::string> more, int exit_code = 0) const {
    more.push_back("--json");
    const Outcome outcome = bench(model, more);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.error;
    EXPECT_EQ(outcome.out.find('\n'), outcome.out.size() - 1) << "one object in one line and nothing else";
    return Json::parse(outcome.out, nullptr, false);
  }

 private:
  fs::path folder_;
};

TEST_F(BenchCommand, ReportsEveryCombinationAsJson) {
  const Json all = report(tiny, {"--weight-format", "int4,fp32", "--group-size", "32", "--prompt-tokens", "4,9",
                                 "--depth", "0,6", "--sessions", "1,3", "--kv-format", "fp16"});
  EXPECT_EQ(keys_of(all), (std::vector<std::string>{"model", "machine", "build", "settings", "runs", "notes"}));
  EXPECT_EQ(keys_of(all.at("machine")), (std::vector<std::string>{"cpu", "threads", "read_gb_per_s", "int8_gop_per_s",
                                                                  "fp32_gflop_per_s", "memory_bytes"}));
  EXPECT_EQ(keys_of(all.at("build")), (std::vector<std::string>{"version", "compiler"}));
  const Json& runs = all.at("runs");
  ASSERT_EQ(runs.size(), 2 * 2 * 2 * 2u);
  for (const Json& run : runs) {
    EXPECT_EQ(keys_of(run), (std::vector<std::string>{"device",
                                                      "isa",
                                                      "weight_format",
                                                      "group_size",
                                                      "symmetric",
                                                      "ratio",
                                                      "kv_format",
                                                      "sessions",
                                                      "prompt_tokens",
                                                      "depth",
                                                      "ttft_ms",
                                                      "tpot_ms",
                                                      "spread",
                                                      "prefill_tokens_per_s",
                                                      "decode_tokens_per_s",
                                                      "share_of_bandwidth",
                                                      "share_of_int8_peak",
                                                      "load_ms",
                                                      "peak_memory_bytes",
                                                      "failed",
                                                      "share_of_fp32_peak",
                                                      "tokens_per_pass",
                                                      "status"}));
    EXPECT_TRUE(run.at("failed").is_null());
    for (const char* key : {"ttft_ms", "tpot_ms", "prefill_tokens_per_s", "decode_tokens_per_s", "share_of_bandwidth",
                            "load_ms", "peak_memory_bytes"})
      EXPECT_GT(run.at(key), 0) << key;
    EXPECT_GE(run.at("spread"), 0);
  }
  EXPECT_EQ(runs[0].at("weight_format"), "int4");
  EXPECT_EQ(runs[0].at("group_size"), 32);
  EXPECT_EQ(runs[0].at("symmetric"), true);
  EXPECT_EQ(runs[0].at("ratio"), 1.0);
  EXPECT_EQ(runs[0].at("kv_format"), "fp16");
  EXPECT_GT(runs[0].at("share_of_int8_peak"), 0);
  EXPECT_TRUE(runs[0].at("share_of_fp32_peak").is_null());
  EXPECT_EQ(runs[1].at("sessions"), 3);
  EXPECT_EQ(runs[2].at("depth"), 6);
  EXPECT_EQ(runs[4].at("prompt_tokens"), 9);
  EXPECT_EQ(runs[8].at("weight_format"), "fp32");
  EXPECT_TRUE(runs[8].at("group_size").is_null());
  EXPECT_TRUE(runs[8].at("ratio").is_null());
  EXPECT_EQ(runs[8].at("kv_format"), "fp32");
  EXPECT_TRUE(runs[8].at("share_of_int8_peak").is_null());
  EXPECT_GT(runs[8].at("share_of_fp32_peak"), 0);
}

TEST_F(BenchCommand, ShowsATableAndWritesFiles) {
  const Outcome outcome = bench(tiny, {"--csv", path("runs.csv"), "--html", path("page.html"), "--quiet"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_EQ(outcome.error, "");
  for (const char* part :
       {"token ms", "of limit", "spread", "cpu ", "bf16", tiny.c_str(), " GB/s", "1 thread", "median of 4"})
    EXPECT_TRUE(says(outcome.out, part));
  const std::string csv = read("runs.csv");
  EXPECT_EQ(csv.substr(0, csv.find('\n')),
            "device,isa,weight_format,group_size,symmetric,ratio,kv_format,sessions,prompt_tokens,depth,ttft_ms,tpot_"
            "ms,spread,prefill_tokens_per_s,"
            "decode_tokens_per_s,share_of_bandwidth,share_of_int8_peak,load_ms,peak_memory_bytes,failed,share_of_fp32_"
            "peak,tokens_per_pass,status");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 2);
  EXPECT_TRUE(says(csv, "\ncpu,"));
  const std::string page = read("page.html");
  EXPECT_EQ(markup_fault(page), "");
  for (const char* part : {"<!DOCTYPE html>", "<svg", "First token", "Next token", "cpu \xC2\xB7 bf16",
                           "of read bandwidth", "prefers-color-scheme: dark"})
    EXPECT_TRUE(says(page, part));
  for (const char* part : {"http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"})
    EXPECT_FALSE(says(page, part)) << part;
  EXPECT_EQ(std::distance(fs::directory_iterator(path("")), fs::directory_iterator()), 2)
      << "no temporary files are left";
}

TEST_F(BenchCommand, EscapesWhatItShows) {
  const std::string odd = path("a<b>&\"c\"");
  fs::copy(tiny, odd);
  EXPECT_EQ(
      bench(odd, {"--html", path("page.html"), "--csv", path("runs.csv"), "--device", "x<i>,\"y\"", "--device", "cpu"})
          .exit_code,
      0);
  const std::string page = read("page.html");
  EXPECT_EQ(markup_fault(page), "");
  EXPECT_TRUE(says(page, "a&lt;b&gt;&amp;&quot;c&quot;"));
  EXPECT_TRUE(says(page, "x&lt;i&gt;,&quot;y&quot;"));
  EXPECT_TRUE(says(page, "failed: there is no device"));
  EXPECT_TRUE(says(read("runs.csv"), "\n\"x<i>,\"\"y\"\"\","));
}

TEST_F(BenchCommand, GoesOnAfterWhatFails) {
  const Json mixed = report(tiny, {"--device", "openvino:NPU", "--device", "cpu", "--prompt-tokens", "4,4000"});
  ASSERT_EQ(mixed.at("runs").size(), 4u);
  EXPECT_TRUE(says(mixed.at("runs")[0].at("failed"), "openvino:NPU"));
  EXPECT_EQ(mixed.at("runs")[0].at("status"), 4);
  for (const char* key : {"isa", "ttft_ms", "tpot_ms", "spread", "load_ms", "peak_memory_bytes"})
    EXPECT_TRUE(mixed.at("runs")[0].at(key).is_null()) << key;
  EXPECT_TRUE(mixed.at("runs")[2].at("failed").is_null());
  EXPECT_TRUE(says(mixed.at("runs")[3].at("failed"), "the context holds 3072"));
  EXPECT_EQ(mixed.at("runs")[3].at("isa"), mixed.at("runs")[2].at("isa"));
  // Where nothing could be measured, that is the command's outcome.
  EXPECT_TRUE(report(tiny, {"--device", "vulkan"}, 4).at("runs")[0].at("ttft_ms").is_null());
  const Outcome table = bench(tiny, {"--weight-format", "int4", "--group-size", "128"});
  EXPECT_EQ(table.exit_code, 2);
  EXPECT_TRUE(says(table.out, "FAILED: --group-size 128 does not divide"));
}

TEST_F(BenchCommand, RefusesWrongCommandLines) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--prompt-tokens", "1,x"}, "--prompt-tokens: found \"1,x\", expected whole numbers from 1"},
      {{"--sessions", "0"}, "--sessions"},
      {{"--depth", "-1"}, "--depth"},
      {{"--repetitions", "0"}, "--repetitions"},
      {{"--weight-format", "int4,int5"}, "found \"int5\""},
      {{"--synthetic", "phi-5"}, "phi-3-mini"},
      {{"--synthetic", "demo"}, "--synthetic: a model is given, too"},
      {{"--max-new-tokens", "3"}, "nearest is --new-tokens"},
      {{"--replay", ","}, "no token ids"},
      {{"--csv"}, "--csv"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Outcome outcome = bench(tiny, arguments);
    EXPECT_EQ(outcome.exit_code, 2) << expected << outcome.error;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(says(outcome.error, expected));
  }
  EXPECT_EQ(bench("/no/such/model", {}).exit_code, 3);
  EXPECT_EQ(bench(tiny, {"--replay", "/no/such/ids"}).exit_code, 3);
  EXPECT_EQ(bench(tiny, {"--replay", write("ids.txt", "1 2 x")}).exit_code, 3);
  EXPECT_EQ(bench(tiny, {"--compare", write("old.json", "{}")}).exit_code, 3);
  EXPECT_EQ(bench(tiny, {"--html", "/no/such/folder/page.html"}).exit_code, 1);
}

TEST_F(BenchCommand, MeasuresSyntheticAndDemoModels) {
  const Json synthetic = report("", {"--synthetic", "demo"});
  EXPECT_EQ(synthetic.at("model"), "demo, random weights");
  EXPECT_EQ(synthetic.at("runs")[0].at("weight_format"), "int4") << "without a weight format";
  const Json demo = report("", {"--weight-format", "int8"});
  EXPECT_TRUE(says(demo.at("model"), "demo"));
  EXPECT_EQ(demo.at("runs")[0].at("weight_format"), "int8");
  EXPECT_TRUE(demo.at("runs")[0].at("ratio").is_null());
}

TEST_F(BenchCommand, ReplaysAndSpeculates) {
  std::string ids;
  for (int i = 0; i < 64; ++i) ids += std::to_string(5 + 11 * (i % 7)) + "\n";
  const std::vector<std::string> options = {"--replay", write("ids.txt", ids), "--prompt-tokens",
                                            "30",       "--new-tokens",        "30"};
  const Json plain = report(tiny, options);
  EXPECT_EQ(plain.at("runs")[0].at("tokens_per_pass"), 1);
  EXPECT_EQ(plain.at("settings").at("replay"), true);
  std::vector<std::string> more = options;
  more.push_back("--speculate");
  const Json guessed = report(tiny, more);
  EXPECT_GE(guessed.at("runs")[0].at("tokens_per_pass"), 1);
  EXPECT_EQ(guessed.at("settings").at("speculate"), true);
  EXPECT_TRUE(says(bench(tiny, more).out, " tokens a pass"));
  EXPECT_TRUE(says(report(tiny, {"--replay", "1,2,3"}, 2).at("runs")[0].at("failed"), "--replay holds 3 tokens"));
}

TEST_F(BenchCommand, ComparesWithAnOlderReport) {
  Json old = report(tiny, {"--prompt-tokens", "4,5"});
  for (Json& run : old["runs"]) {
    run["ttft_ms"] = 1e6;
    run["tpot_ms"] = 1e6;
  }
  old["settings"]["new_tokens"] = 7;
  const std::string file = write("old.json", old.dump());
  const std::vector<std::string> options = {"--prompt-tokens", "5,6", "--compare", file};
  const Json now = report(tiny, options);
  const Json& comparison = now.at("comparison");
  ASSERT_EQ(comparison.at("runs").size(), 1u);
  EXPECT_EQ(comparison.at("runs")[0].at("prompt_tokens"), 5);
  EXPECT_DOUBLE_EQ(
      comparison.at("runs")[0].at("tpot_ratio").get<double>() * now.at("runs")[0].at("tpot_ms").get<double>(), 1e6);
  ASSERT_EQ(comparison.at("only_here").size(), 1u);
  EXPECT_EQ(comparison.at("only_here")[0].at("prompt_tokens"), 6);
  ASSERT_EQ(comparison.at("only_in_old").size(), 1u);
  EXPECT_EQ(comparison.at("only_in_old")[0].at("prompt_tokens"), 4);
  EXPECT_EQ(comparison.at("notes").size(), 1u);
  const Outcome text = bench(tiny, options);
  for (const std::string& part : {std::string("then / now"), "not in " + file, "only in " + file,
                                  std::string("new_tokens differs: 7 then, 4 now")})
    EXPECT_TRUE(says(text.out, part));
}

TEST_F(BenchCommand, StopsOnInterrupt) {
  Start interrupted = start(tiny, {"--prompt-tokens", "100", "--new-tokens", "2000", "--repetitions", "1000"});
  interrupted.terminal = true;
  interrupted.typed = {{"prompt 100", "\x03"}};
  const Outcome outcome = run_process(interrupted);
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_TRUE(says(outcome.out, "stopped before all was measured"));
}

}  // namespace
