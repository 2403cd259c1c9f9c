// What stands between a layer's query, key and value projections and its output projection.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "format/onnx/graph.h"

namespace philo {

struct OnnxAttention {
  std::vector<int> projections;  // values of products: one for q, k and v side by side, or three
  int64_t heads, kv_heads;       // kv_heads is 0 where the graph repeats keys and values (MultiHeadAttention)
  std::optional<float> scale;
  std::optional<int64_t> window;
  int cosines, sines;            // values: the rotary caches
  int positions;                 // the value that rotation takes positions from; -1 where attention counts them itself
};

// `value` is what the output projection reads. Throws ErrorCode::Input where it is no attention of a Phi-3.
OnnxAttention read_onnx_attention(const OnnxFileGraph& graph, int value);

}  // namespace philo
