// Bounds and typed look-ups of JSON that may lie.
#include "base/json.h"

#include <gtest/gtest.h>

#include "base/refusal.h"
#include "base/temporary_folder.h"

namespace philo {
namespace {

std::string refusal_of(std::string_view text, const JsonLimits& limits = {}) {
  const std::string unordered = refusal([&] { parse_json(text, "x.json", limits); });
  EXPECT_EQ(refusal([&] { parse_ordered_json(text, "x.json", limits); }), unordered);
  EXPECT_TRUE(unordered.starts_with("x.json: ")) << unordered;
  return unordered;
}

TEST(Json, NamesTheByteOfASyntaxError) {
  EXPECT_TRUE(says(refusal_of("{\"a\": 1,, }"), "at byte 8"));
  EXPECT_TRUE(says(refusal_of(""), "not valid JSON"));
  EXPECT_TRUE(says(refusal_of("{\"a\": 1} x"), "not valid JSON"));
  EXPECT_TRUE(says(refusal_of("\"\xff\""), "not valid JSON"));
  EXPECT_TRUE(says(refusal_of("[NaN]"), "not valid JSON"));
  EXPECT_TRUE(says(refusal_of("[1e999]"), "not valid JSON"));
}

TEST(Json, BoundsDepthAndSize) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') + std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_NO_THROW(parse_json(nested(64), "x.json"));
  EXPECT_TRUE(says(refusal_of(nested(65)), "deeper than 64"));
  EXPECT_TRUE(says(refusal_of(std::string(5'000'000, '[')), "deeper than 64"));
  EXPECT_TRUE(says(refusal_of("[1, 2, 3]", {.bytes = 8, .depth = 4}), "limit of 8"));
}

TEST(Json, RefusesRepeatedKeysOfOneObjectOnly) {
  EXPECT_TRUE(says(refusal_of("{\"a\": 1, \"b\": {\"c\": 1}, \"a\": 2}"), "\"a\" appears twice"));
  EXPECT_NO_THROW(parse_json("{\"a\": {\"a\": {\"a\": 1}}, \"b\": [{\"a\": 1}, {\"a\": 2}]}", "x.json"));
}

TEST(Json, KeepsOrderWhereAsked) {
  EXPECT_EQ(parse_ordered_json("{\"b\": 1, \"a\": 2}", "x").dump(), "{\"b\":1,\"a\":2}");
  EXPECT_EQ(parse_json("{\"b\": 1, \"a\": 2}", "x").dump(), "{\"a\":2,\"b\":1}");
}

TEST(JsonObject, GivesTypedValues) {
  const Json json = parse_json(R"({"i": 3, "f": 3.0, "h": 3.5, "n": null, "t": "x", "b": true, "l": [1, 2.5], "o": {"k": 1}})", "x.json");
  const JsonObject object(json, "x.json");
  EXPECT_EQ(object.integer("i"), 3);
  EXPECT_EQ(object.integer("f"), 3);
  EXPECT_EQ(object.number("i"), 3.0);
  EXPECT_EQ(object.boolean("b"), true);
  EXPECT_EQ(object.text("t"), "x");
  EXPECT_EQ(object.numbers("l"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(object.object("o")->integer("k"), 1);
  EXPECT_FALSE(object.integer("n").has_value());
  EXPECT_FALSE(object.has("n"));
  EXPECT_FALSE(object.text("missing").has_value());
  EXPECT_EQ(object.integer_in("missing", 1, 5, 4), 4);
}

TEST(JsonObject, NamesFileAndKeyOfWhatIsWrong) {
  const Json json = parse_json(R"({"h": 3.5, "big": 18446744073709551615, "o": {"k": "x"}, "l": [1, "a"], "s": "x"})", "x.json");
  const JsonObject object(json, "x.json");
  EXPECT_EQ(refusal([&] { object.integer("h"); }), "x.json: key \"h\": expected a whole number, found \"3.5\"");
  EXPECT_TRUE(says(refusal([&] { object.integer("big"); }), "too large"));
  EXPECT_TRUE(says(refusal([&] { object.object("o")->integer("k"); }), "key \"o.k\""));
  EXPECT_TRUE(says(refusal([&] { object.numbers("l"); }), "key \"l\""));
  EXPECT_TRUE(says(refusal([&] { object.boolean("s"); }), "true or false"));
  EXPECT_TRUE(says(refusal([&] { object.object("s"); }), "should be a JSON object"));
  EXPECT_TRUE(says(refusal([&] { object.integer_in("missing", 0, 1); }), "is missing"));
  EXPECT_TRUE(says(refusal([&] { JsonObject(Json::array(), "x.json"); }), "top level"));
}

TEST(Json, ReadsFiles) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_json_file(folder.write("a.json", "{\"a\": 1}"))["a"], 1);
  EXPECT_TRUE(says(refusal([&] { read_json_file(folder.path("missing.json")); }), "missing.json: can't open"));
  EXPECT_TRUE(says(refusal([&] { read_json_file(folder.make_folder("d.json")); }), "it is a folder"));
  const std::string big = folder.write("big.json", std::string(100, ' '));
  EXPECT_TRUE(says(refusal([&] { read_json_file(big, {.bytes = 50, .depth = 4}); }), "limit of 50"));
}

}  // namespace
}  // namespace philo
