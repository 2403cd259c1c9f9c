// Folders that appear at once: refusals, replacing, and what dead processes left.
#include "base/output_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/refusal.h"
#include "base/temporary_folder.h"

namespace philo {
namespace {

// Both ways of keeping the files: without names, and with names in the hidden folder.
class OutputFolders : public testing::TestWithParam<bool> {
 protected:
  void write(const std::string& path, bool replace, const std::string& text) const {
    OutputFolder folder(path, replace, GetParam());
    folder.create("a.txt").write(text);
    folder.create("b.txt").write("b");
    folder.commit();
  }
  TemporaryFolder folder_;
};

TEST_P(OutputFolders, AppearWhenCommitted) {
  const std::string path = folder_.path("out");
  {
    OutputFolder folder(path, false, GetParam());
    folder.create("a.txt").write("a");
    EXPECT_FALSE(is_folder(path));
    folder.commit();
    EXPECT_EQ(folder_entries(path), std::vector<std::string>{"a.txt"});
  }
  EXPECT_EQ(read_text_file(join_path(path, "a.txt")), "a");
  EXPECT_EQ(folder_entries(folder_.path()), std::vector<std::string>{"out"});
}

TEST_P(OutputFolders, LeaveNothingWithoutACommit) {
  {
    OutputFolder folder(folder_.path("out"), false, GetParam());
    folder.create("a.txt").write("a");
  }
  EXPECT_TRUE(folder_entries(folder_.path()).empty());
}

TEST_P(OutputFolders, ReplaceOnlyWhenToldTo) {
  const std::string path = folder_.path("out");
  write(path, false, "old");
  EXPECT_TRUE(says(refusal([&] { write(path, false, "new"); }, ErrorCode::Usage), "--force"));
  EXPECT_EQ(read_text_file(join_path(path, "a.txt")), "old");
  folder_.write("out/only-in-the-old.txt", "x");
  write(path + "/", true, "new");
  EXPECT_EQ(read_text_file(join_path(path, "a.txt")), "new");
  EXPECT_EQ(folder_entries(path), (std::vector<std::string>{"a.txt", "b.txt"}));
  EXPECT_EQ(folder_entries(folder_.path()), std::vector<std::string>{"out"});
}

TEST_P(OutputFolders, DoNotOverwriteWhatAppearedMeanwhile) {
  const std::string path = folder_.path("out");
  OutputFolder late(path, false, GetParam());
  late.create("a.txt").write("late");
  write(path, false, "early");
  EXPECT_TRUE(says(refusal([&] { late.commit(); }, ErrorCode::Failed), "out"));
  EXPECT_EQ(read_text_file(join_path(path, "a.txt")), "early");
}

TEST_P(OutputFolders, RemoveWhatDeadProcessesLeft) {
  folder_.make_folder(".out.philo-4000000000-0");
  folder_.write(".out.philo-4000000000-0/model.safetensors", "half");
  folder_.make_folder(".other.philo-4000000000-0");
  folder_.make_folder(".out.philo-notes");
  OutputFolder living(folder_.path("out"), false, false);
  living.create("a.txt").write("living");
  write(folder_.path("out"), false, "mine");
  living.create("b.txt").write("still there");
  const std::vector<std::string> left = folder_entries(folder_.path());
  EXPECT_EQ(std::count(left.begin(), left.end(), ".out.philo-4000000000-0"), 0);
  EXPECT_EQ(std::count(left.begin(), left.end(), ".other.philo-4000000000-0"), 1) << "of another target";
  EXPECT_EQ(std::count(left.begin(), left.end(), ".out.philo-notes"), 1) << "not philo's";
  EXPECT_EQ(left.size(), 4u) << "the living one's among them";
}

TEST_P(OutputFolders, GiveAnOldFolderItsNameBack) {
  folder_.make_folder(".out.philo-4000000000-1-old");
  folder_.write(".out.philo-4000000000-1-old/a.txt", "old");
  EXPECT_TRUE(says(refusal([&] { write(folder_.path("out"), false, "new"); }, ErrorCode::Usage), "--force"));
  EXPECT_EQ(read_text_file(folder_.path("out/a.txt")), "old");
}

INSTANTIATE_TEST_SUITE_P(BothWays, OutputFolders, testing::Bool(),
                         [](const auto& way) { return way.param ? std::string("WithoutNames") : std::string("WithNames"); });

TEST(OutputFolder, RefusesPlacesThatCannotBe) {
  const TemporaryFolder folder;
  folder.write("file", "x");
  const auto make = [](const std::string& path) { return [path] { OutputFolder(path, true); }; };
  EXPECT_TRUE(says(refusal(make(folder.path("file")), ErrorCode::Usage), "is not a folder"));
  EXPECT_TRUE(says(refusal(make(folder.path("no/out")), ErrorCode::Usage), "parent folder"));
  EXPECT_TRUE(says(refusal(make(""), ErrorCode::Usage), "empty"));
  EXPECT_TRUE(says(refusal(make("/"), ErrorCode::Usage), "root folder"));
  EXPECT_TRUE(says(refusal([&] { OutputFolder(folder.path("out"), false).require_bytes(uint64_t{1} << 60); }, ErrorCode::Resource), "are free"));
  EXPECT_EQ(folder_entries(folder.path()), std::vector<std::string>{"file"});
}

}  // namespace
}  // namespace philo
