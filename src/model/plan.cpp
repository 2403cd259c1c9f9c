// Parts of a plan and its text: what any plan has, whatever network it describes.
#include "model/plan.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/error.h"

namespace philo {
namespace {

std::string value_text(Value value) { return "v" + std::to_string(value); }

std::string stored_text(const MatrixFormat& format) {
  const auto* dtype = std::get_if<DType>(&format);
  return dtype != nullptr ? std::string(dtype_name(*dtype)) : format_description(format);
}

std::string weight_text(const Weight& weight, bool is_norm) {
  std::string out = " " + weight.name + " ";
  out += is_norm ? shape_text(std::array{weight.columns}) : shape_text(std::array{weight.rows, weight.columns});
  for (size_t i = 0; i < weight.segments.size(); ++i) {
    const Segment& segment = weight.segments[i];
    out += (i == 0 ? " " : "+") + stored_text(segment.stored());
    if (!segment.as_stored()) out += " as " + format_description(segment.format);
  }
  return out;
}

}  // namespace

std::string_view op_name(Op op) {
  switch (op) {
    case Op::Embed: return "Embed";
    case Op::RmsNorm: return "RmsNorm";
    case Op::Linear: return "Linear";
    case Op::Attend: return "Attend";
    case Op::SwiGlu: return "SwiGlu";
    case Op::Add: return "Add";
  }
  return "";
}

Plan with_formats(const Plan& plan, const std::function<MatrixFormat(const Weight&, const Segment&)>& format_of) {
  Plan changed = plan;
  std::map<const Weight*, const Weight*> copies;
  for (Step& step : changed.steps) {
    if (step.weight == nullptr || step.op == Op::RmsNorm) continue;
    const Weight*& copy = copies[step.weight];
    if (copy == nullptr) {
      Weight weight = *step.weight;
      for (Segment& segment : weight.segments) segment.format = format_of(*step.weight, segment);
      const auto kept = std::find_if(changed.weights.begin(), changed.weights.end(), [&](const auto& one) { return one.get() == step.weight; });
      *kept = std::make_shared<const Weight>(std::move(weight));
      copy = kept->get();
    }
    step.weight = copy;
  }
  return changed;
}

Plan slice(const Plan& plan, int first_layer, int last_layer) {
  if (first_layer < 0 || first_layer >= last_layer || last_layer > plan.config.layers) {
    throw Error(ErrorCode::Failed, "a plan of " + std::to_string(plan.config.layers) + " layers has no layers " +
                                       std::to_string(first_layer) + " to " + std::to_string(last_layer));
  }
  Plan part;
  part.config = plan.config;
  part.config.layers = last_layer - first_layer;
  part.weights = plan.weights;
  part.tensors = plan.tensors;
  std::vector<Value> renamed(plan.widths.size(), -1);
  const auto rename = [&](Value value) {
    if (value < 0) return value;
    Value& name = renamed[static_cast<size_t>(value)];
    if (name < 0) {
      name = static_cast<Value>(part.widths.size());
      part.widths.push_back(plan.widths[static_cast<size_t>(value)]);
    }
    return name;
  };
  for (const Step& step : plan.steps) {
    if (step.layer < first_layer || step.layer >= last_layer) continue;
    Step copy = step;
    for (Value& in : copy.in) in = rename(in);
    copy.out = rename(copy.out);
    copy.layer -= first_layer;
    part.steps.push_back(copy);
  }
  return part;
}

bool is_quantized(const Plan& plan) {
  return std::any_of(plan.weights.begin(), plan.weights.end(), [](const auto& weight) {
    return std::any_of(weight->segments.begin(), weight->segments.end(),
                       [](const Segment& segment) { return std::holds_alternative<CodeFormat>(segment.format); });
  });
}

std::string plan_text(const Plan& plan) {
  std::string out;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    out += std::to_string(i) + " " + std::string(op_name(step.op));
    if (step.weight != nullptr) out += weight_text(*step.weight, step.op == Op::RmsNorm);
    if (step.op == Op::Attend) out += " layer " + std::to_string(step.layer);
    out += ":";
    if (step.op == Op::Embed) out += " tokens";
    for (size_t k = 0; k < step.in.size(); ++k) {
      if (step.in[k] >= 0) out += (k == 0 ? " " : ", ") + value_text(step.in[k]);
    }
    out += " -> " + value_text(step.out) + " (" + std::to_string(plan.widths[static_cast<size_t>(step.out)]) + ")\n";
  }
  return out;
}

}  // namespace philo
