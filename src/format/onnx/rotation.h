// The rotary caches of an ONNX graph: cosines and sines by position, and the frequencies that they come from.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "format/onnx/graph.h"
#include "tensor/tensor.h"

namespace philo {

// (positions, rotary size / 2) each.
struct OnnxRotaryCache {
  Tensor cosines, sines;

  size_t positions() const { return static_cast<size_t>(cosines.shape[0]); }
  size_t pairs() const { return static_cast<size_t>(cosines.shape[1]); }
};

struct OnnxRotation {
  OnnxRotaryCache short_cache;
  std::optional<OnnxRotaryCache> long_cache;
  std::optional<int64_t> long_limit;  // sequences longer than this take the long one
};

// Follows what attention or RotaryEmbedding read to constants: one cache, two behind an If that compares the length, or two in one, the long
// one behind the short one. `positions` is RotaryEmbedding's input of positions, or -1. Throws ErrorCode::Input where they are no caches.
OnnxRotation read_onnx_rotation(const OnnxFileGraph& graph, int cosines, int sines, int positions);

// What a cache was computed from, as near as its numbers tell: radians per position (rotary size / 2), and the factor on cosine and sine.
struct OnnxFrequencies {
  std::vector<double> frequencies;
  double factor;
};
OnnxFrequencies onnx_frequencies(const OnnxRotaryCache& cache);

// Where a cache is further from the given numbers than rounding explains: cosine and sine of position * frequency, times the factor.
struct OnnxCacheFault {
  size_t position, pair;
  float stored, expected;  // of the cosine or of the sine
};
std::optional<OnnxCacheFault> compare_onnx_cache(const OnnxRotaryCache& cache, const std::vector<float>& frequencies, float factor);

}  // namespace philo
