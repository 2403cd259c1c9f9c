// For tests: a small Phi-3 of random numbers, and what it must yield, computed in double precision straight from the formulas.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "device/device.h"
#include "model/plan.h"
#include "model/segment_rows.h"

namespace philo {

inline ModelConfig tiny_config() {
  ModelConfig config{};
  config.hidden_size = 192;
  config.intermediate_size = 320;
  config.layers = 2;
  config.heads = 6;
  config.kv_heads = 2;
  config.head_size = 32;
  config.rotary_size = 24;  // partial rotary
  config.vocabulary = 211;
  config.context = 4096;
  config.rope_theta = 10000.0;
  config.rms_epsilon = 1e-5f;
  config.tied = false;
  return config;
}

inline Token tiny_token(size_t position, size_t salt = 0) {
  return static_cast<Token>((position * 7919 + position * position * 31 + salt * 104729) % 211);
}

inline std::vector<Token> tiny_tokens(size_t count, size_t salt = 0) {
  std::vector<Token> tokens;
  for (size_t i = 0; i < count; ++i) tokens.push_back(tiny_token(i, salt));
  return tokens;
}

inline std::shared_ptr<const Plan> tiny_plan(const ModelConfig& config, DType dtype, unsigned seed = 1) {
  auto weights = std::make_shared<Weights>();
  std::mt19937 random(seed);
  const auto add = [&](const std::string& name, std::vector<int64_t> shape, float scale, float offset) {
    size_t elements = 1;
    for (const int64_t size : shape) elements *= static_cast<size_t>(size);
    // One byte before the numbers: files give no alignment.
    auto bytes = std::make_shared<std::vector<std::byte>>(elements * dtype_bytes(dtype) + 1);
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < elements; ++i) {
      const float value = normal(random) * scale + offset;
      const uint16_t bits = dtype == DType::F16 ? f32_to_f16(value) : f32_to_bf16(value);
      std::byte* const at = bytes->data() + 1 + i * dtype_bytes(dtype);
      if (dtype == DType::F32) std::memcpy(at, &value, sizeof value);
      else std::memcpy(at, &bits, sizeof bits);
    }
    weights->keep(bytes);
    weights->add({name, dtype, std::move(shape), std::span<const std::byte>(*bytes).subspan(1)}, "tiny");
  };
  const int64_t hidden = config.hidden_size;
  add("model.embed_tokens.weight", {config.vocabulary, hidden}, 1.0f, 0.0f);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    add(prefix + "input_layernorm.weight", {hidden}, 0.1f, 1.0f);
    add(prefix + "self_attn.qkv_proj.weight", {config.q_size() + 2 * config.kv_size(), hidden}, 0.15f, 0.0f);
    add(prefix + "self_attn.o_proj.weight", {hidden, config.q_size()}, 0.1f, 0.0f);
    add(prefix + "post_attention_layernorm.weight", {hidden}, 0.1f, 1.0f);
    // Gate and up apart: a weight of two segments.
    add(prefix + "mlp.gate_proj.weight", {config.intermediate_size, hidden}, 0.1f, 0.0f);
    add(prefix + "mlp.up_proj.weight", {config.intermediate_size, hidden}, 0.1f, 0.0f);
    add(prefix + "mlp.down_proj.weight", {hidden, config.intermediate_size}, 0.1f, 0.0f);
  }
  add("model.norm.weight", {hidden}, 0.1f, 1.0f);
  if (!config.tied) add("lm_head.weight", {config.vocabulary, hidden}, 0.1f, 0.0f);
  return std::make_shared<const Plan>(plan_phi3(config, weights, "tiny"));
}

// Logits of every token, (tokens, vocabulary), recomputed without a cache.
class DoubleReference {
 public:
  using Rows = std::vector<std::vector<double>>;  // (tokens, width)

  // narrow: matrices of integer codes are multiplied with int8 activations, as the kernels define them.
  explicit DoubleReference(const Plan& plan, bool narrow = false) : plan_(plan), config_(plan.config), narrow_(narrow) {}

  Rows logits(const std::vector<Token>& tokens) const {
    std::vector<Rows> values(plan_.widths.size());
    for (const Step& step : plan_.steps) {
      Rows out;
      for (size_t token = 0; token < tokens.size(); ++token) {
        std::vector<double> row;
        switch (step.op) {
          case Op::Embed: row = weight_row(*step.weight, static_cast<int64_t>(tokens[token])); break;
          case Op::RmsNorm: row = rms_norm(*step.weight, value(values, step, 0)[token]); break;
          case Op::Linear: row = linear(*step.weight, value(values, step, 0)[token]); break;
          case Op::Attend: row = attend(value(values, step, 0), token); break;
          case Op::SwiGlu: row = swiglu(value(values, step, 0)[token]); break;
          case Op::Add:
            row = value(values, step, 0)[token];
            for (size_t i = 0; i < row.size(); ++i) row[i] += value(values, step, 1)[token][i];
            break;
        }
        out.push_back(std::move(row));
      }
      values[static_cast<size_t>(step.out)] = std::move(out);
    }
    return values[static_cast<size_t>(plan_.steps.back().out)];
  }

 private:
  static const Rows& value(const std::vector<Rows>& values, const Step& step, size_t index) {
    return values[static_cast<size_t>(step.in[index])];
  }

  static std::vector<double> weight_row(const Weight& weight, int64_t row) {
    size_t segment = 0;
    for (; row >= weight.segments[segment].rows; ++segment) row -= weight.segments[segment].rows;
    std::vector<float> values(static_cast<size_t>(weight.columns));
    RowReader(weight.segments[segment]).read_values(row, values);
    return {values.begin(), values.end()};
  }

  std::vector<double> rms_norm(const Weight& weight, const std::vector<double>& in) const {
    double squares = 0;
    for (const double x : in) squares += x * x;
    const double factor = 1 / std::sqrt(squares / static_cast<double>(in.size()) + static_cast<double>(config_.rms_epsilon));
    std::vector<double> out;
    for (size_t i = 0; i < in.size(); ++i) out.push_back(in[i] * factor * static_cast<double>(element(*weight.segments[0].values, i)));
    return out;
  }

  // By groups of the weight's columns, or of 128 where a row has one scale.
  static std::vector<double> narrowed(const CodeFormat& format, const std::vector<double>& in) {
    const size_t group = format.group_size < 0 ? 128 : static_cast<size_t>(format.group_size);
    std::vector<double> out;
    for (size_t begin = 0; begin < in.size(); begin += group) {
      const size_t end = std::min(begin + group, in.size());
      double largest = 0;
      for (size_t i = begin; i < end; ++i) largest = std::max(largest, std::abs(in[i]));
      for (size_t i = begin; i < end; ++i) out.push_back(largest == 0 ? 0 : std::nearbyint(in[i] * (127 / largest)) * (largest / 127));
    }
    return out;
  }

  std::vector<double> linear(const Weight& weight, const std::vector<double>& exact) const {
    const auto* const format = std::get_if<CodeFormat>(&weight.segments.front().format);
    const std::vector<double> in = narrow_ && format != nullptr ? narrowed(*format, exact) : exact;
    std::vector<double> out;
    for (int64_t row = 0; row < weight.rows; ++row) {
      const std::vector<double> weights = weight_row(weight, row);
      double sum = 0;
      for (size_t i = 0; i < in.size(); ++i) sum += weights[i] * in[i];
      out.push_back(sum);
    }
    return out;
  }

  static std::vector<double> swiglu(const std::vector<double>& in) {
    std::vector<double> out;
    const size_t half = in.size() / 2;
    for (size_t i = 0; i < half; ++i) out.push_back(in[i] / (1 + std::exp(-in[i])) * in[half + i]);
    return out;
  }

  // One head of one token, turned to its position.
  std::vector<double> head(const std::vector<double>& in, int64_t offset, size_t position, bool long_factors) const {
    const auto begin = in.begin() + offset;
    std::vector<double> out(begin, begin + config_.head_size);
    const auto half = static_cast<size_t>(config_.rotary_size / 2);
    for (size_t k = 0; k < half; ++k) {
      double frequency = std::pow(config_.rope_theta, -static_cast<double>(k) / static_cast<double>(half)), factor = 1;
      if (config_.long_rope) {
        frequency /= static_cast<double>((long_factors ? config_.long_rope->long_factors : config_.long_rope->short_factors)[k]);
        factor = static_cast<double>(config_.long_rope->attention_factor);
      }
      const double angle = static_cast<double>(position) * frequency, c = std::cos(angle) * factor, s = std::sin(angle) * factor;
      const double a = out[k], b = out[k + half];
      out[k] = a * c - b * s;
      out[k + half] = b * c + a * s;
    }
    return out;
  }

  std::vector<double> attend(const Rows& in, size_t token) const {
    const bool long_factors = config_.long_factors(in.size());
    std::vector<double> out;
    for (int64_t h = 0; h < config_.heads; ++h) {
      const int64_t kv_head = h / (config_.heads / config_.kv_heads);
      const std::vector<double> query = head(in[token], h * config_.head_size, token, long_factors);
      std::vector<double> sum(static_cast<size_t>(config_.head_size));
      double total = 0;
      const size_t seen = config_.window ? static_cast<size_t>(*config_.window) : token + 1;
      for (size_t key = token + 1 > seen ? token + 1 - seen : 0; key <= token; ++key) {
        const std::vector<double> turned = head(in[key], config_.q_size() + kv_head * config_.head_size, key, long_factors);
        double score = 0;
        for (size_t i = 0; i < query.size(); ++i) score += query[i] * turned[i];
        const double share = std::exp(score / std::sqrt(static_cast<double>(config_.head_size)));
        total += share;
        const auto value_offset = static_cast<size_t>(config_.q_size() + config_.kv_size() + kv_head * config_.head_size);
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += share * in[key][value_offset + i];
      }
      for (const double x : sum) out.push_back(x / total);
    }
    return out;
  }

  const Plan& plan_;
  const ModelConfig& config_;
  bool narrow_;
};

}  // namespace philo
