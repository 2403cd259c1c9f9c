// Bounds and typed look-ups of JSON that may lie.
#include "base/json.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/temporary_folder.h"

namespace philo {
namespace {

std::string message_of(const std::function<void()>& act, ErrorCode code = ErrorCode::Input) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.message();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

std::string refusal(std::string_view text, const JsonLimits& limits = {}) {
  const std::string unordered = message_of([&] { parse_json(text, "x.json", limits); });
  EXPECT_EQ(message_of([&] { parse_ordered_json(text, "x.json", limits); }), unordered);
  EXPECT_TRUE(unordered.starts_with("x.json: ")) << unordered;
  return unordered;
}

TEST(Json, NamesTheByteOfASyntaxError) {
  EXPECT_NE(refusal("{\"a\": 1,, }").find("at byte 8"), std::string::npos) << refusal("{\"a\": 1,, }");
  EXPECT_NE(refusal("").find("not valid JSON"), std::string::npos);
  EXPECT_NE(refusal("{\"a\": 1} x").find("not valid JSON"), std::string::npos);
  EXPECT_NE(refusal("\"\xff\"").find("not valid JSON"), std::string::npos);
  EXPECT_NE(refusal("[NaN]").find("not valid JSON"), std::string::npos);
  EXPECT_NE(refusal("[1e999]").find("not valid JSON"), std::string::npos);
}

TEST(Json, BoundsDepthAndSize) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') + std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_NO_THROW(parse_json(nested(64), "x.json"));
  EXPECT_NE(refusal(nested(65)).find("deeper than 64"), std::string::npos);
  EXPECT_NE(refusal(std::string(5'000'000, '[')).find("deeper than 64"), std::string::npos);
  EXPECT_NE(refusal("[1, 2, 3]", {.bytes = 8, .depth = 4}).find("limit of 8"), std::string::npos);
}

TEST(Json, RefusesRepeatedKeysOfOneObjectOnly) {
  EXPECT_NE(refusal("{\"a\": 1, \"b\": {\"c\": 1}, \"a\": 2}").find("\"a\" appears twice"), std::string::npos);
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
  EXPECT_EQ(message_of([&] { object.integer("h"); }), "x.json: key \"h\": expected a whole number, found \"3.5\"");
  EXPECT_NE(message_of([&] { object.integer("big"); }).find("too large"), std::string::npos);
  EXPECT_NE(message_of([&] { object.object("o")->integer("k"); }).find("key \"o.k\""), std::string::npos);
  EXPECT_NE(message_of([&] { object.numbers("l"); }).find("key \"l\""), std::string::npos);
  EXPECT_NE(message_of([&] { object.boolean("s"); }).find("true or false"), std::string::npos);
  EXPECT_NE(message_of([&] { object.object("s"); }).find("should be a JSON object"), std::string::npos);
  EXPECT_NE(message_of([&] { object.integer_in("missing", 0, 1); }).find("is missing"), std::string::npos);
  EXPECT_NE(message_of([&] { JsonObject(Json::array(), "x.json"); }).find("top level"), std::string::npos);
}

TEST(Json, ReadsFiles) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_json_file(folder.write("a.json", "{\"a\": 1}"))["a"], 1);
  EXPECT_NE(message_of([&] { read_json_file(folder.path("missing.json")); }).find("missing.json: can't open"), std::string::npos);
  EXPECT_NE(message_of([&] { read_json_file(folder.make_folder("d.json")); }).find("it is a folder"), std::string::npos);
  const std::string big = folder.write("big.json", std::string(100, ' '));
  EXPECT_NE(message_of([&] { read_json_file(big, {.bytes = 50, .depth = 4}); }).find("limit of 50"), std::string::npos);
}

}  // namespace
}  // namespace philo
