#include "api/weight_recipe.h"

#include <algorithm>
#include <array>

namespace philo {

namespace {

NumberFormat weights_of(const Options& options) {
  const std::string format = options.text("weight-format").value_or("int4");
  if (format == "fp32") return NumberFormat::Fp32;
  if (format == "fp16") return NumberFormat::Fp16;
  if (format == "int8") return options.flag("asym") ? NumberFormat::Int8Asymmetric : NumberFormat::Int8Symmetric;
  return NumberFormat::Int4;
}

NumberFormat backup_of(const Options& options) {
  const std::string format = options.text("backup-format").value_or("int8");
  if (format == "fp16") return NumberFormat::Fp16;
  return format == "int8-sym" ? NumberFormat::Int8Symmetric : NumberFormat::Int8Asymmetric;
}

}  // namespace

Recipe read_recipe(const Options& options) {
  Recipe recipe;
  recipe.weights = weights_of(options);
  recipe.group_size = std::stoll(options.text("group-size").value_or("128"));
  recipe.symmetric = !options.flag("asym");
  recipe.ratio = options.number("ratio").value_or(1.0);
  recipe.backup = backup_of(options);
  for (const std::string& rule : options.texts("keep")) recipe.keep.push_back(parse_keep_rule(rule));
  return recipe;
}

bool asks_for_formats(const Options& options) {
  static constexpr std::array names = {"weight-format", "group-size", "ratio", "sym", "asym", "backup-format", "keep"};
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return options.has(name); });
}

std::string unused_recipe_options(const Options& options) {
  std::string unused;
  const auto add = [&](const char* name) {
    if (options.has(name)) unused.append(unused.empty() ? "" : ", ").append("--").append(name);
  };
  const std::string format = options.text("weight-format").value_or("int4");
  if (format != "int4") {
    if (options.text("group-size").value_or("-1") != "-1" || format != "int8") add("group-size");
    add("ratio");
    add("backup-format");
  }
  if (format == "fp32" || format == "fp16") {
    add("sym");
    add("asym");
  }
  return unused.empty() ? "" : unused + ": no effect with --weight-format " + format;
}

}  // namespace philo
