// philo_convert: reports, progress that stops it, and errors.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/temporary_folder.h"
#include "philo/philo.h"

namespace {

using Json = nlohmann::json;

const std::string tiny = std::string(PHILO_SOURCE_DIR) + "/tests/data/models/phi-4-mini";

struct Result {
  philo_status status;
  std::string message;
  Json report;
};

Result convert(const char* source, const char* target, const std::vector<philo_option>& options, const philo_callbacks* callbacks = nullptr) {
  char* json = nullptr;
  philo_error* error = nullptr;
  Result result;
  result.status = philo_convert(source, target, options.data(), options.size(), callbacks, &json, &error);
  result.message = philo_error_message(error);
  if (json != nullptr) result.report = Json::parse(json);
  philo_text_free(json);
  philo_error_free(error);
  return result;
}

TEST(ConvertApi, Reports) {
  const philo::TemporaryFolder folder;
  const std::string target = folder.path("out");
  const Result result = convert(tiny.c_str(), target.c_str(), {{"group-size", "32"}, {"keep", "*.o_proj=fp16"}, {"keep", "head=fp16"}});
  EXPECT_EQ(result.status, PHILO_USAGE) << "the tied head has no tensor of its own";
  const Result kept = convert(tiny.c_str(), target.c_str(), {{"group-size", "32"}, {"keep", "*.o_proj=fp16"}});
  ASSERT_EQ(kept.status, PHILO_OK) << kept.message;
  EXPECT_EQ(kept.report.at("target"), target);
  EXPECT_EQ(kept.report.at("formats").at("fp16").at("tensors"), 2);
  EXPECT_LT(kept.report.at("bytes"), kept.report.at("source_bytes"));
}

TEST(ConvertApi, ProgressStopsIt) {
  const philo::TemporaryFolder folder;
  const std::string target = folder.path("out");
  philo_callbacks callbacks{};
  callbacks.size = sizeof callbacks;
  uint64_t calls = 0;
  callbacks.user = &calls;
  callbacks.on_progress = [](void* user, const char*, uint64_t done, uint64_t total) -> int {
    ++*static_cast<uint64_t*>(user);
    return done * 2 > total ? PHILO_STOP : PHILO_CONTINUE;
  };
  const Result result = convert(tiny.c_str(), target.c_str(), {{"weight-format", "int8"}}, &callbacks);
  EXPECT_EQ(result.status, PHILO_STOPPED);
  EXPECT_GT(calls, 1u);
  EXPECT_TRUE(philo::folder_entries(folder.path()).empty());
}

TEST(ConvertApi, RefusesNullsAndUnknownNames) {
  const philo::TemporaryFolder folder;
  const std::string target = folder.path("out");
  EXPECT_EQ(convert(nullptr, target.c_str(), {}).status, PHILO_USAGE);
  EXPECT_EQ(convert(tiny.c_str(), nullptr, {}).status, PHILO_USAGE);
  EXPECT_EQ(convert(tiny.c_str(), target.c_str(), {{"device", "cpu"}}).status, PHILO_USAGE);
  EXPECT_EQ(convert("/no/such/folder", target.c_str(), {}).status, PHILO_INPUT);
  EXPECT_EQ(philo_convert(tiny.c_str(), target.c_str(), nullptr, 0, nullptr, nullptr, nullptr), PHILO_USAGE);
  EXPECT_TRUE(philo::folder_entries(folder.path()).empty());
}

}  // namespace
