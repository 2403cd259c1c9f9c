#include "api/options.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/refusal.h"

namespace philo {
namespace {

Options parsed(OptionGroup group, std::vector<philo_option> options) { return Options(group, options); }

std::string refusal_of(OptionGroup group, std::vector<philo_option> options) {
  return refusal([&] { Options values(group, options); }, ErrorCode::Usage);
}

TEST(Options, TableIsSound) {
  std::map<std::string_view, unsigned> groups;  // that know a name; each by one entry
  for (const OptionSpec& spec : option_table()) {
    EXPECT_EQ(groups[spec.name] & spec.groups, 0u) << spec.name;
    groups[spec.name] |= spec.groups;
    EXPECT_NE(spec.groups, 0) << spec.name;
    EXPECT_FALSE(spec.help.empty()) << spec.name;
    EXPECT_EQ(spec.type == OptionType::Flag, spec.value.empty()) << spec.name;
    EXPECT_EQ(spec.type == OptionType::Choice, !spec.choices.empty()) << spec.name;
    EXPECT_EQ(spec.refused.empty(), spec.refusal.empty()) << spec.name;
    if (spec.type == OptionType::Integer || spec.type == OptionType::Integers || spec.type == OptionType::Number) {
      EXPECT_LT(spec.low, spec.high) << spec.name;
    }
  }
}

TEST(Options, ReadsValues) {
  const Options options = parsed(OptionGroup::Generate, {{"max-new-tokens", "7"},
                                                         {"temperature", "0.25"},
                                                         {"do-sample", "true"},
                                                         {"ignore-eos", "false"},
                                                         {"seed", "9223372036854774784"},
                                                         {"stop", "a"},
                                                         {"stop", "[b]"}});
  EXPECT_EQ(options.integer("max-new-tokens"), 7);
  EXPECT_EQ(options.number("temperature"), 0.25);
  EXPECT_TRUE(options.flag("do-sample"));
  EXPECT_FALSE(options.flag("ignore-eos"));
  EXPECT_EQ(options.boolean("no-speculation"), std::nullopt);
  EXPECT_EQ(options.integer("seed"), 9223372036854774784);
  EXPECT_EQ(options.texts("stop"), (std::vector<std::string>{"a", "[b]"}));
  EXPECT_EQ(options.text("logprobs"), std::nullopt);
}

TEST(Options, ReadsLists) {
  const Options options = parsed(OptionGroup::Bench, {{"prompt-tokens", "128,512"}, {"depth", "0"}});
  EXPECT_EQ(options.integers("prompt-tokens"), (std::vector<int64_t>{128, 512}));
  EXPECT_EQ(options.integers("depth"), (std::vector<int64_t>{0}));
  EXPECT_EQ(options.integers("sessions"), (std::vector<int64_t>{}));
  for (const char* value : {"", ",", "1,", ",1", "1,,2", "1, 2", "1;2", "0", "-1", "1,0", "2147483648"})
    EXPECT_NE(refusal_of(OptionGroup::Bench, {{"prompt-tokens", value}}), "") << value;
  EXPECT_EQ(refusal_of(OptionGroup::Bench, {{"depth", "1,x"}}),
            "--depth: found \"1,x\", expected whole numbers from 0 to 2147483647, separated by commas");
}

TEST(Options, RefusesWhatIsNotInTheTable) {
  EXPECT_EQ(refusal_of(OptionGroup::Generate, {{"temprature", "1"}}),
            "no option \"temprature\" here; the nearest is \"temperature\"");
  EXPECT_EQ(refusal_of(OptionGroup::Generate, {{"device", "cpu"}}), "no option \"device\" here");
  EXPECT_EQ(refusal_of(OptionGroup::Load, {{"", "cpu"}}), "no option \"\" here");
  EXPECT_NE(refusal_of(OptionGroup::Load, {{nullptr, "cpu"}}), "");
  EXPECT_NE(refusal_of(OptionGroup::Load, {{"device", nullptr}}), "");
}

TEST(Options, RefusesValuesOutOfRange) {
  EXPECT_EQ(refusal_of(OptionGroup::Generate, {{"top-p", "1.01"}}),
            "--top-p: found \"1.01\", expected a number from 0 to 1");
  EXPECT_EQ(refusal_of(OptionGroup::Generate, {{"temperature", "0"}}),
            "--temperature: found \"0\", expected a number above 0 and up to 1e+06");
  EXPECT_EQ(refusal_of(OptionGroup::Load, {{"threads", "0"}}),
            "--threads: found \"0\", expected a whole number from 1 to 1024");
  EXPECT_EQ(refusal_of(OptionGroup::Generate, {{"do-sample", "yes"}}),
            "--do-sample: found \"yes\", expected true or false");
  for (const char* value : {"", " 1", "1 ", "1x", "0x1", "+1", "nan", "inf", "-inf", "1e400", "1,5"})
    EXPECT_NE(refusal_of(OptionGroup::Generate, {{"temperature", value}}), "") << value;
  for (const char* value : {"", "-1", "1.5", "1e3", "9223372036854775808", "99999999999999999999"})
    EXPECT_NE(refusal_of(OptionGroup::Generate, {{"seed", value}}), "") << value;
  EXPECT_EQ(refusal_of(OptionGroup::Generate, {{"seed", "1"}, {"seed", "1"}}), "--seed is given twice");
}

TEST(Options, RefusesChoicesOfOtherVersions) {
  EXPECT_TRUE(says(refusal_of(OptionGroup::Convert, {{"to", "gguf"}}), "this version"));
  EXPECT_EQ(refusal_of(OptionGroup::Load, {{"weight-format", "Fp32"}}),
            "--weight-format: found \"Fp32\", expected one of fp32, fp16, int8, int4");
  EXPECT_TRUE(says(refusal_of(OptionGroup::Load, {{"sym", "true"}, {"asym", "true"}}), "exclude"));
  EXPECT_NO_THROW(parsed(OptionGroup::Load, {{"sym", "true"}, {"asym", "false"}}));
}

TEST(Options, DescribesEachGroup) {
  for (const char* name : {"load", "conversation", "generate", "score", "inspect", "convert", "machine", "bench"}) {
    const OrderedJson table = describe_options(option_group(name));
    EXPECT_FALSE(table.at("options").empty()) << name;
    for (const auto& option : table.at("options"))
      for (const char* key : {"name", "type", "value", "help", "default", "repeats", "choices"})
        EXPECT_TRUE(option.contains(key)) << key;
  }
  EXPECT_THROW(option_group("lod"), Error);
}

TEST(Options, FindsNearestNames) {
  const std::vector<std::string_view> known = {"temperature", "top-k", "top-p", "max-new-tokens"};
  EXPECT_EQ(nearest_name("temp", known), "temperature");
  EXPECT_EQ(nearest_name("max-tokens", known), "");
  EXPECT_EQ(nearest_name("max_new_tokens", known), "max-new-tokens");
  EXPECT_EQ(nearest_name("topk", known), "top-k");
  EXPECT_EQ(nearest_name("zzz", known), "");
  EXPECT_EQ(nearest_name(std::string(100000, 'a'), known), "");
}

}  // namespace
}  // namespace philo
