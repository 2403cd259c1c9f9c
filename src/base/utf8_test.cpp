// Every code point and every kind of malformed sequence.
#include "base/utf8.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace philo {
namespace {

TEST(Utf8, EveryCodePointSurvives) {
  for (char32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
    std::string text;
    utf8_append(text, code_point);
    ASSERT_EQ(utf8_length(text), text.size()) << static_cast<uint32_t>(code_point);
    ASSERT_EQ(utf8_decode(text), code_point);
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const std::string_view part = std::string_view(text).substr(0, cut);
      ASSERT_EQ(utf8_length(part), 0u);
      ASSERT_EQ(utf8_open_length(part), cut);
    }
  }
}

TEST(Utf8, MalformedSequencesAreNotText) {
  for (const std::string_view bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
                                     "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe4z", "\xf0\x9f\x98z"}) {
    EXPECT_EQ(utf8_length(bad), 0u) << shown(bad);
    EXPECT_EQ(utf8_first_invalid(std::string("ok ") + std::string(bad)), 3u) << shown(bad);
  }
  EXPECT_EQ(utf8_open_length("\xed\xa0"), 0u);
  EXPECT_EQ(utf8_open_length("\xf0\x8f"), 0u);
}

TEST(Utf8, RepairReplacesEachBadByte) {
  EXPECT_EQ(utf8_repaired("a\xff\xc3\xa9\xe4z"), "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbdz");
  EXPECT_EQ(utf8_repaired(""), "");
  EXPECT_EQ(utf8_first_invalid("caf\xc3\xa9"), std::string_view::npos);
}

TEST(Shown, EscapesAndCuts) {
  EXPECT_EQ(shown("a\"b\\c\n\x7f"), "\"a\\\"b\\\\c\\x0a\\x7f\"");
  EXPECT_EQ(shown("\xff"), "\"\\xff\"");
  EXPECT_EQ(shown("abcdef", 3), "\"abc…\"");
  EXPECT_EQ(shown("é"), "\"é\"");
}

}  // namespace
}  // namespace philo
