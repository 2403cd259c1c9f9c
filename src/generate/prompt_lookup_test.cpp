#include "generate/prompt_lookup.h"

#include <gtest/gtest.h>

#include <random>

namespace philo {
namespace {

std::vector<Token> guess_of(const std::vector<Token>& history, size_t at_most = 15) { return PromptLookup().guess(history, at_most); }

TEST(PromptLookup, continues_what_stood_behind_the_newest_tokens) {
  EXPECT_EQ(guess_of({1, 2, 3, 4, 5, 9, 2, 3}, 1), (std::vector<Token>{4}));
  EXPECT_EQ(guess_of({7, 8, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 7, 8, 1, 2, 3, 4, 5}, 2), (std::vector<Token>{6, 1}));
}

TEST(PromptLookup, has_no_idea_without_a_pair_that_came_before) {
  EXPECT_TRUE(guess_of({}).empty());
  EXPECT_TRUE(guess_of({1}).empty());
  EXPECT_TRUE(guess_of({1, 2}).empty());
  EXPECT_TRUE(guess_of({1, 2, 3, 4, 5, 2}).empty());
  EXPECT_TRUE(guess_of({1, 2, 3, 1, 2}, 0).empty());
}

TEST(PromptLookup, prefers_the_longest_common_past_to_the_newest) {
  EXPECT_EQ(guess_of({1, 2, 3, 4, 5, 50, 9, 4, 5, 60, 1, 2, 3, 4, 5}, 1), (std::vector<Token>{50}));
  EXPECT_EQ(guess_of({3, 4, 5, 50, 3, 4, 5, 60, 8, 3, 4, 5}, 1), (std::vector<Token>{60}));  // as long, but newer
}

TEST(PromptLookup, lets_a_text_that_repeats_itself_go_on) {
  const std::vector<Token> guesses = guess_of({1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3});
  ASSERT_GT(guesses.size(), 3u);
  for (size_t i = 0; i < guesses.size(); ++i) EXPECT_EQ(guesses[i], static_cast<Token>(i % 3 + 1));
}

TEST(PromptLookup, forgets_a_history_that_was_replaced) {
  PromptLookup lookup;
  EXPECT_FALSE(lookup.guess(std::vector<Token>{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5}, 1).empty());
  EXPECT_TRUE(lookup.guess(std::vector<Token>{7, 2, 3, 4, 8, 9, 5, 4, 5}, 1).empty());
  EXPECT_EQ(lookup.guess(std::vector<Token>{7, 2, 3, 4, 8, 9, 5, 4, 5, 2, 3, 4}, 1), (std::vector<Token>{8}));
}

TEST(PromptLookup, guesses_less_where_columns_are_dear_and_guesses_wrong) {
  const std::vector<Token> history = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4};
  const auto length_after = [&](double column_cost, size_t most_right) {
    PromptLookup lookup;
    lookup.learn(0, 0, 100);
    size_t length = 0;
    for (int pass = 0; pass < 30; ++pass) {
      length = lookup.guess(history, 15).size();
      lookup.learn(length, std::min(length, most_right), 100 * (1 + column_cost * static_cast<double>(length)));
    }
    return length;
  };
  EXPECT_EQ(length_after(0.02, 15), 15u);
  EXPECT_EQ(length_after(0.5, 0), 0u);
  EXPECT_EQ(length_after(2, 15), 0u);
  EXPECT_GT(length_after(0.1, 2), 0u);
  EXPECT_LT(length_after(0.1, 2), 8u);
}

TEST(PromptLookup, tries_again_after_a_while) {
  const std::vector<Token> history = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4};
  PromptLookup lookup;
  lookup.learn(0, 0, 100);
  for (int pass = 0; pass < 30; ++pass) {
    const size_t length = lookup.guess(history, 15).size();
    lookup.learn(length, 0, 100 + 30 * static_cast<double>(length));
  }
  int idle = 0;
  while (lookup.guess(history, 15).empty() && idle < 1000) ++idle;
  EXPECT_GT(idle, 20);
  EXPECT_LT(idle, 1000);
}

// Against a search without an index, on texts of few letters, which repeat a lot.
TEST(PromptLookup, finds_what_a_plain_search_finds) {
  std::mt19937 random(3);
  PromptLookup lookup;
  std::vector<Token> history;
  int found = 0;
  for (int i = 0; i < 300; ++i) {
    history.push_back(static_cast<Token>(random() % 12));
    size_t best_follower = 0, best_length = 1;
    for (size_t follower = history.size() - 1; follower >= 2; --follower) {
      size_t length = 0;
      while (length < follower && length < 16 && history[follower - 1 - length] == history[history.size() - 1 - length]) ++length;
      if (length > best_length) best_follower = follower, best_length = length;
    }
    const std::vector<Token> guesses = lookup.guess(history, 1);
    ASSERT_TRUE(guesses.empty() || best_follower != 0) << i;
    if (guesses.empty()) continue;
    ++found;
    EXPECT_EQ(guesses[0], history[best_follower]) << i;
  }
  EXPECT_GT(found, 50);
}

}  // namespace
}  // namespace philo
