// Roles first, then the recipe's keep rules, then the ratio.
#include "convert/assign_formats.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"

namespace philo {
namespace {

std::vector<AssignedTensor> tensors_of(const Plan& plan) {
  std::vector<AssignedTensor> tensors;
  std::set<const Tensor*> seen;
  for (const Step& step : plan.steps) {
    if (step.weight == nullptr) continue;
    const bool last = &step == &plan.steps.back();
    const TensorRole role = step.op == Op::Embed     ? TensorRole::Embedding
                            : step.op == Op::RmsNorm ? TensorRole::Norm
                            : last                   ? TensorRole::Head
                                                     : TensorRole::Block;
    for (const Segment& segment : step.weight->segments) {
      if (segment.values == nullptr)
        throw usage_error("tensor " + shown(segment.name()) + " is stored as " + format_description(segment.stored()) +
                          " already; weights are quantized from their floats");
      if (seen.insert(segment.values).second) tensors.push_back({segment.values, role, step.weight->name, segment.values->dtype});
    }
  }
  return tensors;
}

bool fits_rule(const AssignedTensor& tensor, const KeepRule& rule) {
  constexpr std::string_view suffix = ".weight";
  std::string_view stem = tensor.tensor->name;
  if (stem.ends_with(suffix)) stem.remove_suffix(suffix.size());
  return fits_pattern(tensor.tensor->name, rule.pattern) || fits_pattern(stem, rule.pattern) || fits_pattern(tensor.name, rule.pattern);
}

bool is_float(NumberFormat format) { return format == NumberFormat::Fp32 || format == NumberFormat::Fp16; }

// True where a rule held. Norms are not quantized; rules for such formats pass them by.
bool keep(AssignedTensor& tensor, const Recipe& recipe, std::vector<bool>& used) {
  for (size_t i = 0; i < recipe.keep.size(); ++i) {
    const KeepRule& rule = recipe.keep[i];
    if (!fits_rule(tensor, rule) || (tensor.role == TensorRole::Norm && !is_float(rule.format))) continue;
    used[i] = true;
    tensor.format = tensor_format(rule.format, recipe);
    return true;
  }
  return false;
}

void check_groups(const AssignedTensor& tensor, const Recipe& recipe) {
  const CodeFormat* codes = std::get_if<CodeFormat>(&tensor.format);
  const int64_t columns = tensor.tensor->shape.back();
  if (codes == nullptr || codes->group_size <= 0 || columns % codes->group_size == 0) return;
  std::string fitting;
  for (const int64_t size : {128, 64, 32}) {
    if (columns % size == 0) fitting += std::to_string(size) + " or ";
  }
  throw usage_error("--group-size " + std::to_string(recipe.group_size) + " does not divide the " + std::to_string(columns) + " columns of tensor " +
                    shown(tensor.tensor->name) + "; use " + fitting + "-1 (one scale for each row), or --keep " +
                    tensor.tensor->name + "=int8");
}

}  // namespace

std::vector<AssignedTensor> assign_formats(const Plan& plan, const Recipe& recipe, ThreadPool&, const Progress&) {
  std::vector<AssignedTensor> tensors = tensors_of(plan);
  std::vector<bool> used(recipe.keep.size());
  for (AssignedTensor& tensor : tensors) {
    if (keep(tensor, recipe, used)) {
      check_groups(tensor, recipe);
      continue;
    }
    switch (tensor.role) {
      case TensorRole::Norm:
        if (is_float(recipe.weights)) tensor.format = tensor_format(recipe.weights, recipe);
        break;
      case TensorRole::Embedding:
      case TensorRole::Head:
        tensor.format = tensor_format(recipe.weights == NumberFormat::Int4 ? recipe.backup : recipe.weights, recipe);
        break;
      case TensorRole::Block:
        tensor.format = tensor_format(recipe.weights, recipe);
        check_groups(tensor, recipe);
        break;
    }
  }
  for (size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) throw usage_error("--keep: no tensor that could take the format fits " + shown(recipe.keep[i].pattern) + "; `philo inspect --verbose` lists the names");
  }
  return tensors;
}

}  // namespace philo
