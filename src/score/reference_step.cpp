// The six operators by their formulas. Where a device may be coarser by name (activations in int8, keys and values in fp16 or int8), the
// same rounding is done here, so that only float32's own errors are left.
#include "score/reference_step.h"

#include <algorithm>
#include <cmath>

#include "model/segment_rows.h"

namespace philo {
namespace {

constexpr size_t rows_per_segment = 6, columns_per_row = 64;

size_t index_of(int64_t value) { return static_cast<size_t>(value); }

// Spread over `count`, first and last among them.
std::vector<size_t> spread(size_t count, size_t wanted) {
  std::vector<size_t> places;
  const size_t most = std::min(count, wanted);
  for (size_t i = 0; i < most; ++i) places.push_back(most == 1 ? 0 : i * (count - 1) / (most - 1));
  return places;
}

void compare(double found, double exact, double magnitude, StepError& error) {
  ++error.cells;
  const double difference = std::abs(found - exact);
  const double relative = magnitude > 0 ? difference / magnitude : difference;
  if (!(relative <= error.worst)) error.worst = std::isnan(relative) ? INFINITY : relative;
}

// Rounded to int8 by groups, exactly as the kernels define it (kernels.h, quantize_input), in float32.
std::vector<double> narrowed(std::span<const float> in, size_t group) {
  std::vector<double> out;
  for (size_t begin = 0; begin < in.size(); begin += group) {
    const auto part = in.subspan(begin, std::min(group, in.size() - begin));
    float largest = 0;
    for (const float x : part) largest = std::max(largest, std::abs(x));
    if (largest < 1e-30f) {
      out.resize(out.size() + part.size());
      continue;
    }
    const float inverse = 127.0f / largest;
    for (const float x : part) out.push_back(static_cast<double>(std::nearbyint(x * inverse)) * static_cast<double>(largest / 127.0f));
  }
  return out;
}

std::string kind_of(const Step& step) {
  std::string kind(op_name(step.op));
  if (step.op != Op::Linear) return kind;
  return kind + " " + step.weight->name.substr(step.weight->name.rfind('.') + 1);
}

// What float32 explains, generously: sums of up to 20,000 products in some order, one rounding of a product, an exponential.
double allowed_error(Op op) {
  switch (op) {
    case Op::Embed: return 1e-6;
    case Op::RmsNorm: return 1e-5;
    case Op::Linear: return 1e-5;
    case Op::Attend: return 1e-3;  // a key may be rounded the other way where it lies between two codes
    case Op::SwiGlu: return 1e-5;
    case Op::Add: return 1e-6;
  }
  return 0;
}

}  // namespace

ReferenceSteps::ReferenceSteps(const Plan& plan, const DeviceOptions& options, std::vector<Token> tokens)
    : plan_(plan), options_(options), tokens_(std::move(tokens)), frequencies_(rope_frequencies(plan.config, plan.config.long_factors(tokens_.size()))) {
  last_use_.assign(plan.widths.size(), 0);
  for (size_t i = 0; i < plan.steps.size(); ++i)
    for (const Value value : plan.steps[i].in)
      if (value >= 0) last_use_[index_of(value)] = i;
}

ReferenceSteps::Row ReferenceSteps::input(const Step& step, size_t index, size_t token) const {
  const std::vector<float>& values = values_.at(step.in[index]);
  const size_t width = index_of(plan_.widths[index_of(step.in[index])]);
  return Row(values).subspan(token * width, width);
}

std::vector<size_t> ReferenceSteps::some_tokens() const { return spread(tokens_.size(), 3); }

StepError ReferenceSteps::check(const Step& step, std::span<const float> out) {
  StepError error{kind_of(step), 0, 0, allowed_error(step.op)};
  const size_t width = index_of(plan_.widths[index_of(step.out)]);
  const auto columns = spread(width, columns_per_row);
  switch (step.op) {
    case Op::Embed: {
      std::vector<float> row(width);
      for (const size_t token : some_tokens()) {
        int64_t at = tokens_[token];
        size_t segment = 0;
        for (; at >= step.weight->segments[segment].rows; ++segment) at -= step.weight->segments[segment].rows;
        RowReader(step.weight->segments[segment]).read_values(at, row);
        for (const size_t i : columns) compare(out[token * width + i], row[i], std::abs(row[i]), error);
      }
      break;
    }
    case Op::RmsNorm:
      for (const size_t token : some_tokens()) {
        const Row in = input(step, 0, token);
        double squares = 0;
        for (const float x : in) squares += static_cast<double>(x) * static_cast<double>(x);
        const double factor = 1 / std::sqrt(squares / static_cast<double>(width) + static_cast<double>(plan_.config.rms_epsilon));
        for (const size_t i : columns) {
          const double exact = static_cast<double>(in[i]) * factor * static_cast<double>(element(*step.weight->segments.front().values, i));
          compare(out[token * width + i], exact, std::abs(exact), error);
        }
      }
      break;
    case Op::Linear: check_linear(step, out, error); break;
    case Op::Attend: check_attend(step, out, error); break;
    case Op::SwiGlu:
      for (const size_t token : some_tokens()) {
        const Row in = input(step, 0, token);
        for (const size_t i : columns) {
          const double gate = in[i], exact = gate / (1 + std::exp(-gate)) * static_cast<double>(in[width + i]);
          compare(out[token * width + i], exact, std::abs(exact) + 1e-30, error);
        }
      }
      break;
    case Op::Add:
      for (const size_t token : some_tokens()) {
        const Row a = input(step, 0, token), b = input(step, 1, token);
        for (const size_t i : columns) {
          const double exact = static_cast<double>(a[i]) + static_cast<double>(b[i]);
          compare(out[token * width + i], exact, std::abs(static_cast<double>(a[i])) + std::abs(static_cast<double>(b[i])), error);
        }
      }
      break;
  }
  if (last_use_[index_of(step.out)] > step_) values_[step.out].assign(out.begin(), out.end());
  std::erase_if(values_, [&](const auto& entry) { return last_use_[index_of(entry.first)] <= step_; });
  ++step_;
  return error;
}

void ReferenceSteps::check_linear(const Step& step, std::span<const float> out, StepError& error) const {
  const Weight& weight = *step.weight;
  const size_t width = index_of(weight.rows), depth = index_of(weight.columns);
  std::vector<float> row(depth);
  size_t first_row = 0;
  for (const Segment& segment : weight.segments) {
    const auto* const format = std::get_if<CodeFormat>(&segment.format);
    const bool narrow = format != nullptr && options_.activation_format == ActivationFormat::Int8;
    // The device quantizes by groups of its own where the file's are larger: 128, 64 or 32 columns.
    size_t group = depth;
    if (narrow) {
      group = 128;
      if (groups_per_row(*format, weight.columns) > 1)
        while (index_of(format->group_size) % group != 0) group /= 2;
    }
    RowReader reader(segment);
    std::vector<std::vector<double>> inputs;
    const std::vector<size_t> tokens = some_tokens();
    for (const size_t token : tokens) {
      const Row in = input(step, 0, token);
      inputs.push_back(narrow ? narrowed(in, group) : std::vector<double>(in.begin(), in.end()));
    }
    for (const size_t r : spread(index_of(segment.rows), rows_per_segment)) {
      reader.read_values(static_cast<int64_t>(r), row);
      for (size_t t = 0; t < tokens.size(); ++t) {
        double exact = 0, magnitude = 0;
        for (size_t i = 0; i < depth; ++i) {
          const double product = static_cast<double>(row[i]) * inputs[t][i];
          exact += product;
          magnitude += std::abs(product);
        }
        compare(out[tokens[t] * width + first_row + r], exact, magnitude, error);
      }
    }
    first_row += index_of(segment.rows);
  }
}

std::vector<double> ReferenceSteps::rotated(Row qkv, size_t offset, size_t position) const {
  const size_t size = index_of(plan_.config.head_size), half = index_of(plan_.config.rotary_size) / 2;
  const Row in = qkv.subspan(offset, size);
  std::vector<double> out(in.begin(), in.end());
  const double factor = plan_.config.long_rope ? static_cast<double>(plan_.config.long_rope->attention_factor) : 1.0;
  for (size_t k = 0; k < half; ++k) {
    const double angle = static_cast<float>(position) * frequencies_[k], c = std::cos(angle) * factor, s = std::sin(angle) * factor;
    const double a = out[k], b = out[k + half];
    out[k] = a * c - b * s;
    out[k + half] = b * c + a * s;
  }
  return out;
}

// As the cache keeps them.
std::vector<double> ReferenceSteps::kept(std::vector<double> values) const {
  if (options_.kv_format == KvFormat::Fp16)
    for (double& x : values) x = f16_to_f32(f32_to_f16(static_cast<float>(x)));
  if (options_.kv_format == KvFormat::Int8) {
    const std::vector<float> floats(values.begin(), values.end());
    return narrowed(floats, floats.size());
  }
  return values;
}

void ReferenceSteps::check_attend(const Step& step, std::span<const float> out, StepError& error) const {
  const ModelConfig& config = plan_.config;
  const size_t size = index_of(config.head_size), heads = index_of(config.heads), kv_heads = index_of(config.kv_heads), width = heads * size;
  for (const size_t head : spread(heads, 4)) {
    const size_t kv_head = head / (heads / kv_heads), key_offset = width + kv_head * size, value_offset = key_offset + kv_heads * size;
    for (const size_t token : some_tokens()) {
      const std::vector<double> query = rotated(input(step, 0, token), head * size, token);
      const size_t window = config.window ? index_of(*config.window) : token + 1;
      std::vector<double> scores, sum(size);
      std::vector<std::vector<double>> values;
      for (size_t key = token + 1 > window ? token + 1 - window : 0; key <= token; ++key) {
        const Row in = input(step, 0, key);
        const std::vector<double> turned = kept(rotated(in, key_offset, key));
        double score = 0;
        for (size_t i = 0; i < size; ++i) score += query[i] * turned[i];
        scores.push_back(score / std::sqrt(static_cast<double>(size)));
        const Row value = in.subspan(value_offset, size);
        values.push_back(kept({value.begin(), value.end()}));
      }
      const double greatest = *std::max_element(scores.begin(), scores.end());
      double total = 0, magnitude = 0;
      for (size_t key = 0; key < scores.size(); ++key) {
        const double share = std::exp(scores[key] - greatest);
        total += share;
        for (size_t i = 0; i < size; ++i) {
          sum[i] += share * values[key][i];
          magnitude = std::max(magnitude, std::abs(values[key][i]));
        }
      }
      for (size_t i = 0; i < size; ++i) compare(out[token * width + head * size + i], sum[i] / total, magnitude, error);
    }
  }
}

}  // namespace philo
