// The choice of 4-bit layers at the edges of the ratio, among equal scores, and where a smaller layer would still fit.
#include "convert/choose_int4.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace philo {
namespace {

using Names = std::set<std::string, std::less<>>;

const std::vector<ScoredLayer> layers = {{"a", 10, 3.0}, {"b", 40, 1.0}, {"c", 10, 2.0}, {"d", 40, 4.0}};

TEST(ChooseInt4, TakesTheLowestScoresBelowTheRatio) {
  EXPECT_EQ(choose_int4(layers, 1.0), (Names{"a", "b", "c", "d"}));
  EXPECT_EQ(choose_int4(layers, 0.99), (Names{"a", "b", "c"}));
  EXPECT_EQ(choose_int4(layers, 0.61), (Names{"a", "b", "c"}));
  EXPECT_EQ(choose_int4(layers, 0.45), (Names{"b"}));
  EXPECT_EQ(choose_int4(layers, 0.0), Names{});
}

TEST(ChooseInt4, StaysBelowTheRatioItself) {
  EXPECT_EQ(choose_int4(layers, 0.6), (Names{"b", "c"}));  // "a" would make it exactly 60 %
  EXPECT_EQ(choose_int4(layers, 0.5), (Names{"b"}));
}

TEST(ChooseInt4, StopsAtTheFirstLayerThatIsTooLarge) {
  const std::vector<ScoredLayer> large_first = {{"small", 1, 2.0}, {"large", 99, 1.0}};
  EXPECT_EQ(choose_int4(large_first, 0.9), Names{});
}

TEST(ChooseInt4, KeepsTheOrderOfEqualScores) {
  const std::vector<ScoredLayer> equal = {{"z", 25, 1024.0}, {"y", 25, 1024.0}, {"x", 25, 1024.0}, {"w", 25, 1023.0}};
  EXPECT_EQ(choose_int4(equal, 0.8), (Names{"w", "y", "z"}));
}

TEST(ChooseInt4, TakesScoresThatAreNoNumbersLast) {
  const std::vector<ScoredLayer> some = {{"bad", 10, std::nan("")}, {"good", 10, 5.0}, {"bad too", 10, std::nan("")}};
  EXPECT_EQ(choose_int4(some, 0.5), Names{"good"});
  EXPECT_EQ(choose_int4({}, 0.5), Names{});
}

}  // namespace
}  // namespace philo
