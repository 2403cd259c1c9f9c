#include "tokenizer/pattern.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/refusal.h"
#include "tokenizer/character.h"

namespace philo {
namespace {

constexpr const char* cl100k =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* o200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Matches in [], what lies between as it is.
std::string cut(std::string_view pattern, std::string_view text) {
  std::vector<Pattern::Match> matches;
  Pattern(pattern, "test").for_each(text, matches);
  std::string out;
  for (const auto& match : matches) {
    const std::string part(text.substr(match.begin, match.end - match.begin));
    out += match.matched ? "[" + part + "]" : part;
  }
  return out;
}

std::string refusal_of(std::string_view pattern) {
  const std::string message = refusal([&] { Pattern(pattern, "file.json"); });
  EXPECT_TRUE(says(message, "file.json"));
  return message;
}

TEST(Pattern, CutsAsThePublishedPatternsDo) {
  EXPECT_EQ(cut(cl100k, "I'm here, don't  stop 12345!\n\n  x "), "[I]['m][ here][,][ don]['t][ ][ stop][ ][123][45][!\n\n][ ][ x][ ]");
  EXPECT_EQ(cut(o200k, "HelloWORLD'S camelCase //\n/a"), "[Hello][WORLD'S][ camel][Case][ //\n/][a]");
  EXPECT_EQ(cut(cl100k, "it'ſ"), "[it]['ſ]");
}

TEST(Pattern, KnowsQuantifiersGroupsAndLookahead) {
  EXPECT_EQ(cut("a+?b|a", "aab aa"), "[aab] [a][a]");
  EXPECT_EQ(cut("a++a|b", "aab"), "aa[b]");
  EXPECT_EQ(cut("(?:ab)++|a", "ababa"), "[abab][a]");
  EXPECT_EQ(cut("(?:ab){2}", "ababab"), "[abab]ab");
  EXPECT_EQ(cut("(?:a|bc){2,3}", "abcaa"), "[abca]a");
  EXPECT_EQ(cut("a(?=b)|b(?!c)", "abc ab"), "[a]bc [a][b]");
  EXPECT_EQ(cut("[a-c\\-x]+", "ab-cx_d"), "[ab-cx]_d");
  EXPECT_EQ(cut(".", "a\né"), "[a]\n[é]");
  EXPECT_EQ(cut(R"(\p{^L}\P{N})", "1a aa"), "[1a][ a]a");
  EXPECT_EQ(cut(R"(\x{e9}|\u00e8)", "éèe"), "[é][è]e");
  EXPECT_EQ(cut("(?i:[sk])", "sSſkK\u212A"), "[s][S][ſ][k][K][\u212A]");
}

TEST(Pattern, RefusesByNameWhatItDoesNotKnow) {
  for (const char* pattern : {"^a", "a$", "(?<=a)b", "(a)\\1", "\\p{Han}", "a{1,2}+", "a**", "[[:alpha:]]", "[a&&b]", "(?i)a", "(?i:é)",
                              "(?i:ss)", "(?i:\\w)", "\\bword", "(", ")", "[a", "a{", "a{3,2}", "[z-a]", "\\", "(?:a?)*", "a{1001}",
                              "\\p{L", "", "a*", "(?=a)", "a|", "\\xff", "*"}) {
    EXPECT_NE(refusal_of(pattern), "") << pattern;
  }
  EXPECT_TRUE(says(refusal_of("\\p{Han}x"), "\"Han\""));
  EXPECT_NE(refusal_of(std::string(100, '(') + "a" + std::string(100, ')')), "");
}

TEST(Pattern, StaysLinearOnLongRuns) {
  for (const char* pattern : {cl100k, o200k}) {
    const Pattern compiled(pattern, "test");
    for (const std::string& unit : {" ", "a", "A", "\n", "\r", " \n", "Aa", "你", "'", "1", "\t", "\xCC\x81"}) {
      for (const std::string end : {"", "x", "\n", "!"}) {
        std::string text;
        while (text.size() < 200000) text += unit;
        std::vector<Pattern::Match> matches;
        compiled.for_each(text + end, matches);
        EXPECT_EQ(matches.back().end, text.size() + end.size());
      }
    }
  }
}

TEST(Pattern, EndsWithAnErrorWhereItWouldNotEnd) {
  const Pattern pattern("(?:a+)+b", "test");
  std::vector<Pattern::Match> matches;
  EXPECT_THROW(pattern.for_each(std::string(5000, 'a'), matches), Error);
}

TEST(Character, AgreesWithKnownProperties) {
  EXPECT_TRUE(is_white_space(0x3000));
  EXPECT_FALSE(is_white_space(0x1C));
  EXPECT_TRUE(is_word(U'é'));
  EXPECT_TRUE(is_word(0x200D));
  EXPECT_FALSE(is_word(0xB2));
  EXPECT_FALSE(is_word(U'-'));
  const auto count = [](const CharacterSet& set) {
    size_t all = 0;
    for (const auto& range : set) all += range.last - range.first + 1;
    return all;
  };
  // Unicode 16.0: DerivedGeneralCategory's totals.
  EXPECT_EQ(count(*category_set("Lu")), 1858u);
  EXPECT_EQ(count(*category_set("L")), 141028u);
  EXPECT_EQ(count(*category_set("N")), 1911u);
  EXPECT_EQ(count(*category_set("M")), 2501u);
  EXPECT_EQ(count(complement_of(*category_set("L"))), 0x110000u - 141028u);
  EXPECT_FALSE(category_set("Xx").has_value());
}

}  // namespace
}  // namespace philo
