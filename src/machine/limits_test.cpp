// What is measured is kept and found again; what is not ours is not believed.
#include "machine/limits.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/refusal.h"
#include "base/temporary_folder.h"

namespace philo {
namespace {

std::string read(const std::string& path) { return read_text_file(path); }

// Numbers that nobody measured, other ones each time.
MachineLimits invented(int threads) {
  static int calls = 0;
  MachineLimits limits{.threads = threads, .read_gb_per_s = 10.25 + ++calls};
  for (const std::string& isa : peak_isas()) limits.peaks.push_back({isa, 100.5 * calls + threads, 3.0 * calls});
  return limits;
}

MachineLimits limits_of(int threads, LimitsOptions options) {
  options.measure = invented;
  return machine_limits(std::vector{threads}, options).front();
}

// As a file that another process wrote, for 7 and 1000 threads.
std::string make_cache(const TemporaryFolder& folder) {
  const std::string path = limits_file(folder.path());
  for (const int threads : {7, 1000}) limits_of(threads, {.cache_folder = folder.path(), .remeasure = true});
  OrderedJson file = OrderedJson::parse(read(path));
  for (auto& entry : file["limits"]) entry["threads"] = entry["threads"].get<int>() + 1;
  return file.dump();
}

TEST(Limits, AreMeasuredOnceAndKept) {
  const TemporaryFolder folder;
  const std::string inner = folder.path("a/b");
  EXPECT_EQ(known_limits(1), std::nullopt);
  std::vector<std::string> notes;
  std::vector<uint64_t> steps;
  LimitsOptions options{.cache_folder = inner, .note = [&](std::string_view note) { notes.emplace_back(note); }};
  options.progress = [&](std::string_view, uint64_t done, uint64_t total) {
    EXPECT_EQ(total, 2u);
    steps.push_back(done);
    return true;
  };
  options.measure = invented;
  const std::vector<MachineLimits> first = machine_limits(std::vector{2, 1, 2}, options);
  ASSERT_EQ(first.size(), 3u);
  EXPECT_EQ(first[0].threads, 2);
  EXPECT_EQ(first[1].threads, 1);
  EXPECT_EQ(first[2].read_gb_per_s, first[0].read_gb_per_s);
  EXPECT_EQ(limits_of(1, options).read_gb_per_s, first[1].read_gb_per_s);
  ASSERT_TRUE(known_limits(1).has_value());
  EXPECT_EQ(known_limits(1)->read_gb_per_s, first[1].read_gb_per_s);
  EXPECT_EQ(steps, (std::vector<uint64_t>{0, 1})) << "measured once";
  EXPECT_EQ(notes.size(), 1u);

  const std::vector<MachineLimits> kept = cached_limits(inner);
  ASSERT_EQ(kept.size(), 2u);
  for (size_t at = 0; at < 2; ++at) {
    const MachineLimits& measured = first[1 - at];  // the file is in the order of threads
    EXPECT_EQ(kept[at].threads, measured.threads);
    EXPECT_EQ(kept[at].read_gb_per_s, measured.read_gb_per_s);
    ASSERT_EQ(kept[at].peaks.size(), measured.peaks.size());
    for (size_t i = 0; i < measured.peaks.size(); ++i) {
      EXPECT_EQ(kept[at].peaks[i].isa, measured.peaks[i].isa);
      EXPECT_EQ(kept[at].peaks[i].int8_gop_per_s, measured.peaks[i].int8_gop_per_s);
      EXPECT_EQ(kept[at].peaks[i].fp32_gflop_per_s, measured.peaks[i].fp32_gflop_per_s);
    }
  }
  EXPECT_EQ(folder_entries(inner).size(), 1u) << "no temporary file stays";
}

TEST(Limits, AreReadFromTheCache) {
  const TemporaryFolder folder;
  const std::string file = limits_file(folder.path());
  const std::string cache = make_cache(folder);
  folder.write(file_name(file), cache);
  const std::vector<MachineLimits> kept = cached_limits(folder.path());
  ASSERT_EQ(kept.size(), 2u);
  LimitsOptions options{.cache_folder = folder.path(), .note = [](std::string_view note) { ADD_FAILURE() << note; }};
  EXPECT_EQ(limits_of(1001, options).read_gb_per_s, kept[1].read_gb_per_s);
  EXPECT_EQ(limits_of(8, options).read_gb_per_s, kept[0].read_gb_per_s);
  EXPECT_EQ(read(file), cache) << "nothing was measured, nothing written";

  // Measured anew on demand; what the file says of other numbers of threads stays.
  const double anew = limits_of(8, {.cache_folder = folder.path(), .remeasure = true}).read_gb_per_s;
  EXPECT_NE(anew, kept[0].read_gb_per_s);
  EXPECT_EQ(known_limits(8)->read_gb_per_s, anew);
  ASSERT_EQ(cached_limits(folder.path()).size(), 2u);
  EXPECT_EQ(cached_limits(folder.path())[0].read_gb_per_s, anew);
  EXPECT_EQ(cached_limits(folder.path())[1].read_gb_per_s, kept[1].read_gb_per_s);
}

TEST(Limits, WithoutNumbersAreNotKept) {
  const TemporaryFolder folder;
  LimitsOptions options{.cache_folder = folder.path()};
  options.measure = [](int threads) { return MachineLimits{.threads = threads}; };  // there was no memory
  EXPECT_EQ(machine_limits(std::vector{30}, options).front().read_gb_per_s, 0);
  EXPECT_EQ(known_limits(30), std::nullopt);
  EXPECT_TRUE(folder_entries(folder.path()).empty());
}

TEST(Limits, BelieveNoDamagedOrForeignCache) {
  const TemporaryFolder folder;
  const std::string name = file_name(limits_file(folder.path()));
  const std::string good = make_cache(folder);
  folder.write(name, good);
  ASSERT_EQ(cached_limits(folder.path()).size(), 2u);
  const auto changed = [&](const auto& change) {
    OrderedJson file = OrderedJson::parse(good);
    change(file);
    return file.dump();
  };
  std::vector<std::string> bad = {"", "{", "[]", "null", "{\"machine\": 1, \"limits\": []}", good + "x", std::string(2 << 20, ' ') + good};
  for (size_t length = 0; length < good.size(); length += 37) bad.push_back(good.substr(0, length));
  bad.push_back(changed([](OrderedJson& file) { file["machine"]["cpu"] = "another processor"; }));
  bad.push_back(changed([](OrderedJson& file) { file["machine"]["cores"] = 9999; }));
  bad.push_back(changed([](OrderedJson& file) { file["machine"]["features"] = {"mmx"}; }));
  bad.push_back(changed([](OrderedJson& file) { file["machine"]["memory_gib"] = 123456; }));
  bad.push_back(changed([](OrderedJson& file) { file["machine"]["version"] = 0; }));
  bad.push_back(changed([](OrderedJson& file) { file["limits"] = 3; }));
  bad.push_back(changed([](OrderedJson& file) { file["limits"].push_back(3); }));
  bad.push_back(changed([](OrderedJson& file) { file["limits"][0]["threads"] = 0; }));
  bad.push_back(changed([](OrderedJson& file) { file["limits"][0]["threads"] = 1025; }));
  bad.push_back(changed([](OrderedJson& file) { file["limits"][0]["read_gb_per_s"] = -1; }));
  bad.push_back(changed([](OrderedJson& file) { file["limits"][0]["read_gb_per_s"] = "fast"; }));
  bad.push_back(changed([](OrderedJson& file) { file["limits"][0]["int8_gop_per_s"].erase("scalar"); }));
  bad.push_back(changed([](OrderedJson& file) { file["limits"][0]["fp32_gflop_per_s"]["scalar"] = 0; }));
  bad.push_back(changed([](OrderedJson& file) { file["limits"][0].erase("fp32_gflop_per_s"); }));
  for (const std::string& text : bad) {
    folder.write(name, text);
    EXPECT_TRUE(cached_limits(folder.path()).empty()) << text.substr(0, 300);
  }
  // It is replaced by the next measurement.
  limits_of(1, {.cache_folder = folder.path(), .remeasure = true});
  EXPECT_EQ(cached_limits(folder.path()).size(), 1u);
}

TEST(Limits, GoOnWithoutACacheThatCannotBeWritten) {
  const TemporaryFolder folder;
  const std::string file = folder.write("file", "not a folder");
  std::string note;
  const LimitsOptions options{.cache_folder = join_path(file, "below"), .remeasure = true, .note = [&](std::string_view text) { note = text; }};
  EXPECT_GT(limits_of(1, options).read_gb_per_s, 0);
  EXPECT_TRUE(says(note, "is not kept: "));
  EXPECT_TRUE(says(note, file));
}

TEST(Limits, StopWhereProgressSaysSo) {
  const TemporaryFolder folder;
  LimitsOptions options{.cache_folder = folder.path()};
  options.progress = [](std::string_view, uint64_t, uint64_t) { return false; };
  EXPECT_EQ(thrown([&] { limits_of(3, options); }).code(), ErrorCode::Stopped);
  EXPECT_EQ(known_limits(3), std::nullopt);
  EXPECT_TRUE(folder_entries(folder.path()).empty());
  for (const int threads : {0, -1, 1025}) EXPECT_THROW(limits_of(threads, {}), Error) << threads;
}

}  // namespace
}  // namespace philo
