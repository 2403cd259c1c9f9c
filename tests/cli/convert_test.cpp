// philo convert: what it prints where, its exit codes, and what it leaves in the folder.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "process.h"

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::string model = std::string(PHILO_SOURCE_DIR) + "/tests/data/models/phi-4-mini";

class ConvertCommand : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("philo_convert_test_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename().string());
    return names;
  }
  static Outcome convert(const std::string& source, const std::string& target, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"convert", source, target};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return philo(arguments);
  }

 private:
  fs::path folder_;
};

TEST_F(ConvertCommand, ReportsForPeopleAndForScripts) {
  const Outcome text = convert(model, path("text"), {"--group-size", "32"});
  EXPECT_EQ(text.exit_code, 0) << text.error;
  EXPECT_EQ(text.error, "");
  for (const char* part : {"bits per weight", "int4 group 32 symmetric", "int8 per row asymmetric", " dB", "--verbose"})
    EXPECT_TRUE(says(text.out, part));
  EXPECT_FALSE(says(text.out, "model.embed_tokens")) << "not among the worst";
  const Outcome all = convert(model, path("all"), {"--group-size", "32", "--verbose"});
  EXPECT_TRUE(says(all.out, "model.embed_tokens"));
  EXPECT_TRUE(says(all.error, "converting: 100 %"));

  const Outcome outcome = convert(model, path("json"), {"--group-size", "32", "--asym", "--ratio", "0.5", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  const Json report = Json::parse(outcome.out);
  EXPECT_EQ(report.at("source"), model);
  EXPECT_EQ(report.at("weight_format"), "int4");
  EXPECT_EQ(report.at("group_size"), 32);
  EXPECT_EQ(report.at("symmetric"), false);
  EXPECT_EQ(report.at("ratio"), 0.5);
  EXPECT_EQ(report.at("backup_format"), "int8");
  EXPECT_EQ(report.at("notes"), Json::array());
  EXPECT_EQ(report.at("tensors").size(), 14u);
  size_t bytes = 0;
  for (const Json& tensor : report.at("tensors")) {
    bytes += tensor.at("bytes").get<size_t>();
    EXPECT_EQ(tensor.at("signal_to_noise_db").is_null(), tensor.at("relative_error") == 0) << tensor;
  }
  EXPECT_EQ(report.at("bytes"), bytes);
  EXPECT_TRUE(report.at("formats").contains("int4 group 32 asymmetric"));
  EXPECT_TRUE(report.at("formats").contains("int8 per row asymmetric"));
  for (const Json& file : report.at("files")) EXPECT_TRUE(fs::is_regular_file(path("json/" + file.get<std::string>())));
  EXPECT_GT(fs::file_size(path("json/model.safetensors")), bytes);
}

TEST_F(ConvertCommand, WhatItWroteRuns) {
  ASSERT_EQ(convert(model, path("int8"), {"--weight-format", "int8", "--quiet"}).exit_code, 0);
  const Outcome inspected = philo({"inspect", path("int8"), "--plan"});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.error;
  EXPECT_TRUE(says(inspected.out, "int8 per row symmetric"));
  const Outcome answer = philo({"run", path("int8"), "--ids", "1,2,3", "--max-new-tokens", "4", "--json"});
  ASSERT_EQ(answer.exit_code, 0) << answer.error;
  EXPECT_EQ(Json::parse(answer.out).at("weight_format"), "int8");
}

TEST_F(ConvertCommand, NotesWhatHasNoEffect) {
  const Outcome outcome = convert(model, path("fp16"), {"--weight-format", "fp16", "--group-size", "64", "--sym", "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_TRUE(says(outcome.error, "--group-size, --sym: no effect with --weight-format fp16"));
  EXPECT_EQ(Json::parse(outcome.out).at("group_size"), nullptr);
}

TEST_F(ConvertCommand, WrongCommandLines) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"convert"}, "SRC"},
      {{"convert", model}, "DST"},
      {{"convert", model, path("x"), "more"}, "\"more\""},
      {{"convert", model, path("x"), "--weight-format", "int5"}, "expected one of fp32, fp16, int8, int4"},
      {{"convert", model, path("x"), "--sym", "--asym"}, "exclude each other"},
      {{"convert", model, path("x"), "--ratio", "1.5"}, "a number from 0 to 1"},
      {{"convert", model, path("x"), "--group-size", "48"}, "one of 32, 64, 128, -1"},
      {{"convert", model, path("x"), "--group-size", "128"}, "96 columns"},
      {{"convert", model, path("x"), "--keep", "lm_head"}, "PATTERN=FORMAT"},
      {{"convert", model, path("x"), "--group-size", "32", "--keep", "nothing*=fp16"}, "nothing*"},
      {{"convert", model, path("x"), "--to", "gguf"}, "this version writes"},
      {{"convert", model, path("x"), "--method", "awq"}, "rounds to the nearest"},
      {{"convert", model, path("x"), "--calibration", "text.txt"}, "--calibration is not in this version"},
      {{"convert", model, path("x"), "--calib", "text.txt"}, "no option"},
      {{"convert", model, path("no/x"), "--group-size", "32"}, "parent folder"},
      {{"convert", model, model + "/x", "--group-size", "32"}, "source folder"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Outcome outcome = philo(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << expected << ": " << outcome.error;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(says(outcome.error, expected));
  }
  EXPECT_EQ(convert(path("missing"), path("x")).exit_code, 3);
  EXPECT_TRUE(entries().empty());
}

TEST_F(ConvertCommand, ReplacesOnlyByForce) {
  fs::create_directory(path("out"));
  std::ofstream(path("out/old.txt")) << "old";
  const Outcome refused = convert(model, path("out"), {"--weight-format", "fp16"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(says(refused.error, "--force"));
  EXPECT_TRUE(fs::exists(path("out/old.txt")));
  EXPECT_EQ(convert(model, path("out"), {"--weight-format", "fp16", "--force"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(path("out/old.txt")));
  EXPECT_TRUE(fs::exists(path("out/model.safetensors")));
  EXPECT_EQ(entries(), std::vector<std::string>{"out"});
}

TEST_F(ConvertCommand, SaysWhereItMayNotWrite) {
  if (geteuid() == 0) GTEST_SKIP() << "the superuser may write everywhere";
  fs::permissions(path("."), fs::perms::owner_read | fs::perms::owner_exec);
  const Outcome outcome = convert(model, path("out"), {"--weight-format", "fp16"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(says(outcome.error, "Permission denied"));
}

}  // namespace
