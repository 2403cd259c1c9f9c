// Which layers become 4-bit where only a part of the weights may (`--ratio`), by the rule of NNCF without data.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <span>
#include <string>

namespace philo {

struct ScoredLayer {
  std::string name;
  size_t weights;
  double score;  // int8_sensitivity of tensor/quantize.h
};

// `layers` are the block's projections as the graph runs them: fused qkv, o, fused gate and up, down, layer by layer; no embedding, no LM
// head. The order decides between equal scores. The lowest scores come first, as long as the share of weights stays below `ratio`: the
// first layer that would reach it ends the choice, though a smaller one might still fit. A ratio of 1 takes all.
std::set<std::string, std::less<>> choose_int4(std::span<const ScoredLayer> layers, double ratio);

}  // namespace philo
