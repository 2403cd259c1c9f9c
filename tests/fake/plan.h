// A plan of a few numbers, with weights made here.
#pragma once

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/plan.h"

namespace philo::fake {

inline ModelConfig small_config() {
  ModelConfig config{};
  config.hidden_size = 64;
  config.intermediate_size = 96;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_size = 16;
  config.rotary_size = 12;
  config.vocabulary = 50;
  config.context = 128;
  config.window = 20;
  config.rope_theta = 10000.0;
  config.rms_epsilon = 1e-5f;
  return config;
}

inline Plan small_plan(const ModelConfig& config, DType dtype) {
  auto weights = std::make_shared<Weights>();
  std::mt19937 random(7);
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    size_t elements = 1;
    for (const int64_t size : shape) elements *= static_cast<size_t>(size);
    auto bytes = std::make_shared<std::vector<std::byte>>(elements * dtype_bytes(dtype));
    for (size_t i = 0; i < elements; ++i) {
      const float value = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 512;
      const uint16_t bits = dtype == DType::F16 ? f32_to_f16(value) : f32_to_bf16(value);
      std::memcpy(bytes->data() + i * dtype_bytes(dtype), dtype == DType::F32 ? static_cast<const void*>(&value) : &bits, dtype_bytes(dtype));
    }
    weights->add({name, dtype, std::move(shape), *bytes}, "test");
    weights->keep(bytes);
  };
  for (const auto& [name, shape] : phi3_tensors(config)) add(name, shape);
  return plan_phi3(config, weights, "test");
}

inline Plan in_format(const Plan& plan, const MatrixFormat& format) {
  return with_formats(plan, [&](const Weight&, const Segment&) { return format; });
}

}  // namespace philo::fake
