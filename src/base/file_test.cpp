// Mapped, read and written files, under names of every alphabet.
#include "base/file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/refusal.h"
#include "base/temporary_folder.h"

namespace philo {
namespace {

const std::string wide_name = "Phi \xe6\xa8\xa1\xe5\x9e\x8b \xd0\xbc.bin";  // Chinese and Cyrillic letters

TEST(MappedFile, ShowsTheWholeFile) {
  const TemporaryFolder folder;
  std::string text(100'000, 'x');
  text.back() = 'y';
  const auto file = MappedFile::open(folder.write(wide_name, text));
  ASSERT_EQ(file->bytes().size(), text.size());
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(file->bytes().data()), text.size()), text);
  file->prefetch(file->bytes().subspan(10, 50'000));
  file->release(file->bytes());
  EXPECT_EQ(file->bytes().back(), std::byte{'y'});
}

TEST(MappedFile, AnEmptyFileHasNoBytes) {
  const TemporaryFolder folder;
  EXPECT_TRUE(MappedFile::open(folder.write("empty", ""))->bytes().empty());
}

TEST(MappedFile, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  for (const std::string& path : {folder.path("missing"), folder.path()}) {
    SCOPED_TRACE(path);
    const std::string message = refusal([&] { MappedFile::open(path); });
    EXPECT_TRUE(message.starts_with(path + ": can't ")) << message;
  }
}

TEST(ReadTextFile, IsBounded) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a", std::string("a\0b\n", 4));
  EXPECT_EQ(read_text_file(path), std::string("a\0b\n", 4));
  EXPECT_EQ(read_text_file(path, 4).size(), 4u);
  EXPECT_THROW(read_text_file(path, 3), Error);
}

TEST(OutputFile, AppearsOnlyWhenCommitted) {
  const TemporaryFolder folder;
  const std::string path = folder.path(wide_name);
  {
    OutputFile out(path);
    out.write("half");
  }
  EXPECT_TRUE(folder_entries(folder.path()).empty());
  OutputFile out(path);
  out.write("whole");
  EXPECT_FALSE(is_file(path));
  out.commit();
  EXPECT_EQ(read_text_file(path), "whole");
  EXPECT_EQ(folder_entries(folder.path()), std::vector<std::string>{wide_name});
}

TEST(OutputFile, ReplacesAnOlderFile) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a", "older");
  OutputFile out(path);
  out.write("new");
  out.commit();
  EXPECT_EQ(read_text_file(path), "new");
}

TEST(OutputFile, SaysWhereItCouldNotWrite) {
  const TemporaryFolder folder;
  EXPECT_TRUE(says(refusal([&] { OutputFile out(folder.path("missing/a")); }, ErrorCode::Failed), "can't create"));
}

TEST(OutputFile, TakesPartsInAnyOrder) {
  const TemporaryFolder folder;
  const auto bytes = [](std::string_view text) { return std::as_bytes(std::span(text)); };
  OutputFile file(folder.path("parts"));
  file.write("head");
  file.flush();
  file.write_at(8, bytes("tail"));
  file.write_at(4, bytes("body"));
  file.write_behind();
  file.commit();
  EXPECT_EQ(read_text_file(folder.path("parts")), "headbodytail");
}

TEST(OutputFile, NeedsNoNameBeforeItsCommit) {
  const TemporaryFolder folder;
  if (!OutputFile::can_be_nameless(folder.path())) GTEST_SKIP() << "this file system has no files without names";
  {
    OutputFile dropped(folder.path("dropped"), folder.path());
    dropped.write("x");
    EXPECT_TRUE(folder_entries(folder.path()).empty());
  }
  OutputFile file(folder.path("shown as"), folder.path());
  file.write("text");
  file.commit(folder.path("named"));
  EXPECT_EQ(folder_entries(folder.path()), std::vector<std::string>{"named"});
  EXPECT_EQ(read_text_file(folder.path("named")), "text");
  EXPECT_FALSE(OutputFile::can_be_nameless(folder.path("no folder")));
}

TEST(Paths, LieInFoldersThroughLinks) {
  const TemporaryFolder folder;
  folder.make_folder("a/b");
  EXPECT_TRUE(lies_in(folder.path("a"), folder.path("a")));
  EXPECT_TRUE(lies_in(folder.path("a/"), folder.path("a")));
  EXPECT_TRUE(lies_in(folder.path("a/b/new"), folder.path("a/")));
  EXPECT_TRUE(lies_in(folder.path("a/b/../x"), folder.path("a")));
  EXPECT_FALSE(lies_in(folder.path("a/b/../../x"), folder.path("a")));
  EXPECT_FALSE(lies_in(folder.path("ab"), folder.path("a")));
  EXPECT_FALSE(lies_in(folder.path("a"), folder.path("a/b")));
#ifndef _WIN32
  std::filesystem::create_directory_symlink(folder.path("a/b"), folder.path("link"));
  EXPECT_TRUE(lies_in(folder.path("link/new"), folder.path("a")));
#endif
}

TEST(Paths, AreJoinedAndCut) {
  const TemporaryFolder folder;
  folder.write("b", "");
  folder.make_folder("a");
  EXPECT_EQ(folder_entries(folder.path()), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(is_folder(folder.path("a")));
  EXPECT_FALSE(is_file(folder.path("a")));
  EXPECT_TRUE(is_file(folder.path("b")));
  EXPECT_EQ(file_name("x/y.txt"), "y.txt");
  EXPECT_EQ(file_name("x/y/"), "y");
  EXPECT_THROW(folder_entries(folder.path("missing")), Error);
}

}  // namespace
}  // namespace philo
