// The number of threads is measured once, kept, and never one that nobody would try.
#include "device/cpu/crew_sizes.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temporary_folder.h"

namespace philo {
namespace {

TEST(CrewSizes, AreTheFewestOfTheFastest) {
  const std::vector<size_t> counts = {3, 6, 14};
  EXPECT_EQ(fewest_of_the_fastest(counts, std::vector{1.0, 1.0, 1.0}), 3u);
  EXPECT_EQ(fewest_of_the_fastest(counts, std::vector{1.1, 1.02, 1.0}), 6u);
  EXPECT_EQ(fewest_of_the_fastest(counts, std::vector{2.0, 1.5, 1.0}), 14u);
  EXPECT_EQ(fewest_of_the_fastest(counts, std::vector{2.0, 1.0, 1.9}), 6u);
}

TEST(CrewSizes, AreMeasuredWithTheKernels) {
  const std::vector<size_t> counts = {1, 2};
  const CrewSizes sizes = measured_crew_sizes(choose_kernels(""), counts);
  EXPECT_TRUE(sizes.decode == 1 || sizes.decode == 2) << sizes.decode;
  EXPECT_TRUE(sizes.prefill == 1 || sizes.prefill == 2) << sizes.prefill;
}

// Each test asks for kernels of a name of its own: the process remembers what it measured.
struct Asked {
  Kernels kernels = choose_kernels("scalar");
  std::vector<std::string> notes;
  int measured = 0;
  CrewSizesOptions options{.counts = {4, 8, 12}};

  explicit Asked(const char* isa) {
    kernels.isa = isa;
    options.note = [this](std::string_view note) { notes.emplace_back(note); };
    options.measure = [this](const Kernels&, std::span<const size_t> counts) {
      ++measured;
      return CrewSizes{counts[1], counts[2]};
    };
  }
  CrewSizes sizes() { return crew_sizes(kernels, options); }
};

TEST(CrewSizes, AreMeasuredOnce) {
  Asked asked("once");
  EXPECT_EQ(asked.sizes(), (CrewSizes{8, 12}));
  EXPECT_EQ(asked.sizes(), (CrewSizes{8, 12}));
  EXPECT_EQ(asked.measured, 1);
  EXPECT_EQ(asked.notes.size(), 1u);
}

TEST(CrewSizes, NeedNoMeasuringWithoutAChoice) {
  Asked asked("alone");
  asked.options.counts = {4};
  EXPECT_EQ(asked.sizes(), (CrewSizes{cpu().cores, cpu().cores}));
  Asked plain("scalar");
  EXPECT_EQ(plain.sizes(), (CrewSizes{cpu().cores, cpu().cores}));
  EXPECT_EQ(asked.measured + plain.measured, 0);
}

TEST(CrewSizes, AreKeptForTheNextProcess) {
  const TemporaryFolder folder;
  Asked first("kept"), other("kept too");
  first.options.cache_folder = other.options.cache_folder = folder.path("made");
  first.sizes();
  other.sizes();
  const auto files = folder_entries(folder.path("made"));
  ASSERT_EQ(files.size(), 1u) << "and no temporary one";
  std::string text = read_text_file(join_path(folder.path("made"), files.front()));

  // As another process would find it: names that this one does not know.
  const auto renamed = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    folder.write("made/" + files.front(), changed);
  };
  renamed("\"kept\"", "\"read\"");
  Asked reader("read");
  reader.options.cache_folder = folder.path("made");
  EXPECT_EQ(reader.sizes(), (CrewSizes{8, 12}));
  EXPECT_EQ(reader.measured, 0);
  EXPECT_TRUE(reader.notes.empty());

  // Numbers that are none of the counts here, and files that are none of ours, are measured anew.
  const std::pair<const char*, std::string> damaged[] = {
      {"foreign", text.replace(text.find("\"kept\""), 6, "\"foreign\"").replace(text.find("12"), 2, "13")},
      {"negative", "{\"threads\": {\"negative\": {\"decode\": -4, \"prefill\": 8}}}"},
      {"cut", text.substr(0, text.size() / 2)},
      {"list", "[]"}};
  for (const auto& [isa, content] : damaged) {
    folder.write("made/" + files.front(), content);
    Asked again(isa);
    again.options.cache_folder = folder.path("made");
    EXPECT_EQ(again.sizes(), (CrewSizes{8, 12})) << isa;
    EXPECT_EQ(again.measured, 1) << isa;
  }
}

TEST(CrewSizes, AreAllCoresWhereNothingCanBeMeasured) {
  Asked asked("poor");
  asked.options.measure = [](const Kernels&, std::span<const size_t>) -> CrewSizes { throw Error(ErrorCode::Resource, "no memory"); };
  EXPECT_EQ(asked.sizes(), (CrewSizes{cpu().cores, cpu().cores}));
  EXPECT_EQ(asked.notes.back(), "all cores compute: no memory");

  const TemporaryFolder folder;
  Asked unkept("unkept");
  unkept.options.cache_folder = folder.write("file", "not a folder");
  EXPECT_EQ(unkept.sizes(), (CrewSizes{8, 12}));
  EXPECT_EQ(unkept.notes.size(), 2u);
}

}  // namespace
}  // namespace philo
