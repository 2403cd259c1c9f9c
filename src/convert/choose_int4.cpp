// NNCF's stop rule over the layers in ascending order of their scores.
#include "convert/choose_int4.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace philo {

std::set<std::string, std::less<>> choose_int4(std::span<const ScoredLayer> layers, double ratio) {
  // A score that is no number, from weights that are none, comes last.
  const auto key = [&](size_t index) {
    const double score = layers[index].score;
    return std::isnan(score) ? std::numeric_limits<double>::infinity() : score;
  };
  std::vector<size_t> order(layers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) != key(b) ? key(a) < key(b) : a < b; });

  size_t total = 0, taken = 0;
  for (const ScoredLayer& layer : layers) total += layer.weights;
  std::set<std::string, std::less<>> chosen;
  for (const size_t index : order) {
    taken += layers[index].weights;
    if (ratio < 1 && static_cast<double>(taken) / static_cast<double>(total) >= ratio) break;
    chosen.insert(layers[index].name);
  }
  return chosen;
}

}  // namespace philo
