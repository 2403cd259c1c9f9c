// Stop texts against a search over the whole text, in every way of cutting it into pieces.
#include "generate/stop_text.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"

namespace philo {
namespace {

struct Shown {
  std::string text;
  std::string stop;
};

Shown shown_of(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopText stop_text(stops);
  Shown shown;
  for (const std::string& piece : pieces) shown.text += stop_text.push(piece);
  shown.text += stop_text.finish();
  shown.stop = stop_text.found().value_or("");
  return shown;
}

// By definition: the match that ends first, of those the longest.
Shown expected(const std::vector<std::string>& stops, const std::string& text) {
  for (size_t end = 1; end <= text.size(); ++end) {
    std::string best;
    for (const std::string& stop : stops) {
      if (text.substr(0, end).ends_with(stop) && stop.size() > best.size()) best = stop;
    }
    if (!best.empty()) return {text.substr(0, end - best.size()), best};
  }
  return {text, ""};
}

TEST(StopText, cuts_across_pieces) {
  EXPECT_EQ(shown_of({"stop"}, {"do ", "st", "op now"}).text, "do ");
  EXPECT_EQ(shown_of({"stop"}, {"do ", "stopping"}).text, "do ");
  EXPECT_EQ(shown_of({"stop"}, {"do st", "ep"}).text, "do step");
  EXPECT_EQ(shown_of({"stop"}, {"do st"}).text, "do st");
  EXPECT_EQ(shown_of({"aab"}, {"aa", "ab"}).text, "a");
  EXPECT_EQ(shown_of({"\n\n", "User:"}, {"Hi\n", "User:"}).stop, "User:");
  EXPECT_EQ(shown_of({}, {"a", "b"}).text, "ab");
}

TEST(StopText, holds_back_no_more_than_may_become_a_stop_text) {
  StopText stop_text({"END"});
  EXPECT_EQ(stop_text.push("the E"), "the ");
  EXPECT_EQ(stop_text.push("N"), "");
  EXPECT_EQ(stop_text.push("E"), "EN");
  EXPECT_EQ(stop_text.push("ND!"), "");
  EXPECT_EQ(stop_text.found(), "END");
  EXPECT_EQ(stop_text.push("more"), "");
  EXPECT_EQ(stop_text.finish(), "");
}

TEST(StopText, gives_whole_characters) {
  StopText stop_text({"é"});
  EXPECT_EQ(stop_text.push("è"), "è");  // shares the first byte
  EXPECT_EQ(stop_text.push("aé"), "a");
}

TEST(StopText, equals_a_search_in_the_whole_text_however_it_is_cut) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    const auto letters = [&](size_t most) {
      std::string text;
      for (size_t i = random() % most + 1; i > 0; --i) text += static_cast<char>('a' + random() % 2);
      return text;
    };
    std::vector<std::string> stops, pieces;
    for (size_t i = random() % 3 + 1; i > 0; --i) stops.push_back(letters(5));
    std::string text;
    for (size_t i = random() % 8; i > 0; --i) {
      pieces.push_back(letters(4));
      text += pieces.back();
    }
    const Shown shown = shown_of(stops, pieces), whole = expected(stops, text);
    ASSERT_EQ(shown.text, whole.text) << text;
    ASSERT_EQ(shown.stop, whole.stop) << text;
  }
}

TEST(StopText, refuses_what_no_answer_can_contain) {
  EXPECT_THROW(StopText({"a", ""}), Error);
  EXPECT_THROW(StopText({"\xc3"}), Error);
}

}  // namespace
}  // namespace philo
