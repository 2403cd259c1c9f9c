// Roles first, then the recipe's keep rules, then the ratio.
#include "convert/assign_formats.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "base/error.h"
#include "convert/choose_int4.h"
#include "convert/score_layers.h"

namespace philo {
namespace {

bool fits_rule(const AssignedTensor& tensor, const KeepRule& rule) {
  constexpr std::string_view suffix = ".weight";
  std::string_view stem = tensor.segment->name();
  if (stem.ends_with(suffix)) stem.remove_suffix(suffix.size());
  return fits_pattern(tensor.segment->name(), rule.pattern) || fits_pattern(stem, rule.pattern) || fits_pattern(tensor.name, rule.pattern);
}

bool is_float(NumberFormat format) { return format == NumberFormat::Fp32 || format == NumberFormat::Fp16; }

// True where a rule held. Norms are not quantized; rules for such formats pass them by.
bool keep(AssignedTensor& tensor, const Recipe& recipe, std::vector<bool>& used) {
  for (size_t i = 0; i < recipe.keep.size(); ++i) {
    const KeepRule& rule = recipe.keep[i];
    if (!fits_rule(tensor, rule) || (tensor.role == TensorRole::Norm && !is_float(rule.format))) continue;
    used[i] = true;
    tensor.format = matrix_format(rule.format, recipe);
    return true;
  }
  return false;
}

void check_groups(const AssignedTensor& tensor, const Recipe& recipe) {
  const CodeFormat* codes = std::get_if<CodeFormat>(&tensor.format);
  if (codes == nullptr || codes->group_size <= 0 || tensor.columns % codes->group_size == 0) return;
  std::string fitting;
  for (const int64_t size : {128, 64, 32}) {
    if (tensor.columns % size == 0) fitting += std::to_string(size) + " or ";
  }
  throw usage_error("--group-size " + std::to_string(recipe.group_size) + " does not divide the " + std::to_string(tensor.columns) + " columns of tensor " +
                    shown(tensor.segment->name()) + "; use " + fitting + "-1 (one scale for each row), or --keep " +
                    tensor.segment->name() + "=int8");
}

// Those that NNCF's rule does not choose take the backup format.
void apply_ratio(std::span<AssignedTensor* const> block, const Recipe& recipe, ThreadPool& pool, const Progress& progress) {
  std::vector<const Tensor*> tensors;
  uint64_t total = 0, done = 0;
  for (const AssignedTensor* tensor : block) {
    const Segment& segment = *tensor->segment;
    if (segment.values == nullptr) {
      throw usage_error("tensor " + shown(segment.name()) + " is stored as " + format_description(segment.stored()) +
                        " already; weights are quantized from their floats");
    }
    tensors.push_back(segment.values);
    total += segment.values->bytes.size();
  }
  const auto advance = [&](size_t bytes) {
    done += bytes;
    if (progress && !progress("scoring layers", done, total)) throw Error(ErrorCode::Stopped, "stopped while scoring layers");
  };
  const auto chosen = choose_int4(score_layers(tensors, pool, advance), recipe.ratio);
  for (AssignedTensor* tensor : block) {
    if (!chosen.contains(tensor->segment->name())) tensor->format = matrix_format(recipe.backup, recipe);
  }
}

}  // namespace

std::vector<AssignedTensor> stored_formats(const Plan& plan) {
  std::vector<AssignedTensor> tensors;
  std::set<const std::byte*> seen;
  for (const Step& step : plan.steps) {
    if (step.weight == nullptr) continue;
    const bool last = &step == &plan.steps.back();
    const TensorRole role = step.op == Op::Embed     ? TensorRole::Embedding
                            : step.op == Op::RmsNorm ? TensorRole::Norm
                            : last                   ? TensorRole::Head
                                                     : TensorRole::Block;
    for (const Segment& segment : step.weight->segments) {
      if (seen.insert(segment.place()).second) tensors.push_back({&segment, role, step.weight->name, step.weight->columns, segment.stored()});
    }
  }
  return tensors;
}

std::vector<AssignedTensor> assign_formats(const Plan& plan, const Recipe& recipe, ThreadPool& pool, const Progress& progress) {
  std::vector<AssignedTensor> tensors = stored_formats(plan);
  std::vector<AssignedTensor*> free;  // block weights that no rule keeps
  std::vector<bool> used(recipe.keep.size());
  for (AssignedTensor& tensor : tensors) {
    if (keep(tensor, recipe, used)) {
      check_groups(tensor, recipe);
      continue;
    }
    switch (tensor.role) {
      case TensorRole::Norm:
        if (is_float(recipe.weights)) tensor.format = matrix_format(recipe.weights, recipe);
        break;
      case TensorRole::Embedding:
      case TensorRole::Head:
        tensor.format = matrix_format(recipe.weights == NumberFormat::Int4 ? recipe.backup : recipe.weights, recipe);
        break;
      case TensorRole::Block:
        tensor.format = matrix_format(recipe.weights, recipe);
        check_groups(tensor, recipe);
        free.push_back(&tensor);
        break;
    }
  }
  for (size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) throw usage_error("--keep: no tensor that could take the format fits " + shown(recipe.keep[i].pattern) + "; `philo inspect --verbose` lists the names");
  }
  if (recipe.weights == NumberFormat::Int4 && recipe.ratio < 1) apply_ratio(free, recipe, pool, progress);
  return tensors;
}

}  // namespace philo
