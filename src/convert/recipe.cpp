// Names and patterns of recipes.
#include "convert/recipe.h"

#include <array>

#include "base/error.h"

namespace philo {
namespace {

struct FormatName {
  std::string_view name;
  NumberFormat format;
};
constexpr std::array<FormatName, 5> keep_formats = {{{"fp32", NumberFormat::Fp32},
                                                     {"fp16", NumberFormat::Fp16},
                                                     {"int8", NumberFormat::Int8Asymmetric},
                                                     {"int8-sym", NumberFormat::Int8Symmetric},
                                                     {"int4", NumberFormat::Int4}}};

}  // namespace

MatrixFormat matrix_format(NumberFormat format, const Recipe& recipe) {
  switch (format) {
    case NumberFormat::Fp32: return DType::F32;
    case NumberFormat::Fp16: return DType::F16;
    case NumberFormat::Int8Asymmetric: return CodeFormat{8, -1, false};
    case NumberFormat::Int8Symmetric: return CodeFormat{8, -1, true};
    case NumberFormat::Int4: return CodeFormat{4, recipe.group_size, recipe.symmetric};
  }
  throw Error(ErrorCode::Failed, "a number format that no matrix has");
}

KeepRule parse_keep_rule(std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw usage_error("--keep: found " + shown(text) + ", expected PATTERN=FORMAT, for example \"*.down_proj=int8\"");
  }
  const std::string_view wanted = text.substr(equals + 1);
  for (const FormatName& known : keep_formats) {
    if (known.name == wanted) return {std::string(text.substr(0, equals)), known.format};
  }
  throw usage_error("--keep: found the format " + shown(wanted) + " in " + shown(text) + ", expected fp32, fp16, int8, int8-sym or int4");
}

bool fits_pattern(std::string_view name, std::string_view pattern) {
  // On a mismatch the last star takes one character more; earlier stars never need to.
  size_t at = 0, rule = 0, star = std::string_view::npos, resume = 0;
  while (at < name.size()) {
    if (rule < pattern.size() && pattern[rule] == '*') {
      star = rule++;
      resume = at;
    } else if (rule < pattern.size() && (pattern[rule] == '?' || pattern[rule] == name[at])) {
      ++rule;
      ++at;
    } else if (star != std::string_view::npos) {
      rule = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (rule < pattern.size() && pattern[rule] == '*') ++rule;
  return rule == pattern.size();
}

}  // namespace philo
