// Patterns and keep rules.
#include "convert/recipe.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace philo {
namespace {

TEST(Recipe, PatternsFitWholeNames) {
  const std::string name = "model.layers.12.mlp.down_proj.weight";
  for (const char* pattern : {"*", "*.weight", "model.*", "*.down_proj.*", "model.layers.??.mlp.down_proj.weight", "**down**", "*.12.*",
                              "model.layers.12.mlp.down_proj.weight"})
    EXPECT_TRUE(fits_pattern(name, pattern)) << pattern;
  for (const char* pattern : {"", "down_proj", "*.down_proj", "model", "model.layers.?.mlp.down_proj.weight", "*.weight?", "*.13.*"})
    EXPECT_FALSE(fits_pattern(name, pattern)) << pattern;
  EXPECT_TRUE(fits_pattern("", ""));
  EXPECT_TRUE(fits_pattern("", "**"));
  EXPECT_FALSE(fits_pattern("", "?"));
  // Many stars against a long name that does not fit must not take for ever.
  std::string stars, text(20000, 'a');
  for (int i = 0; i < 500; ++i) stars += "*a";
  EXPECT_FALSE(fits_pattern(text, stars + "b"));
}

TEST(Recipe, KeepRulesNameAPatternAndAFormat) {
  EXPECT_EQ(parse_keep_rule("*.down_proj=int8").pattern, "*.down_proj");
  EXPECT_EQ(parse_keep_rule("*.down_proj=int8").format, NumberFormat::Int8Asymmetric);
  EXPECT_EQ(parse_keep_rule("a=b=int8-sym").pattern, "a=b");
  EXPECT_EQ(parse_keep_rule("head=fp16").format, NumberFormat::Fp16);
  for (const char* wrong : {"", "x", "=int8", "x=", "x=int5", "x=INT8", "x=bf16"}) EXPECT_THROW(parse_keep_rule(wrong), Error) << wrong;
}

TEST(Recipe, FormatsFollowTheRecipe) {
  Recipe recipe;
  recipe.group_size = 64;
  recipe.symmetric = false;
  EXPECT_EQ(matrix_format(NumberFormat::Int4, recipe), MatrixFormat((CodeFormat{4, 64, false})));
  EXPECT_EQ(matrix_format(NumberFormat::Int8Symmetric, recipe), MatrixFormat((CodeFormat{8, -1, true})));
  EXPECT_EQ(matrix_format(NumberFormat::Int8Asymmetric, recipe), MatrixFormat((CodeFormat{8, -1, false})));
  EXPECT_EQ(matrix_format(NumberFormat::Fp16, recipe), MatrixFormat(DType::F16));
}

}  // namespace
}  // namespace philo
