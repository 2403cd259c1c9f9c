// What stands between a layer's qkv projection and its output projection, and the rotation that all layers share.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "format/openvino_ir/graph.h"

namespace philo {

// Rotation as the graph computes it.
struct OpenvinoRotation {
  std::vector<float> short_frequencies, long_frequencies;
  std::optional<int64_t> long_limit;
  float factor;
};

struct OpenvinoAttention {
  std::vector<OpenvinoValue> projections;  // MatMuls: one for q, k and v side by side, or three
  int64_t kv_heads, head_size;             // of the state
  std::optional<float> scale;
  std::optional<int64_t> window;
  OpenvinoValue cosine;                    // the Cos of the rotation
  float rotation_factor;
};

// `value` is what the output projection reads. Throws ErrorCode::Input where it is no attention of a Phi-3.
OpenvinoAttention read_openvino_attention(const OpenvinoGraph& graph, OpenvinoValue value);

// Follows `cosine` to the frequencies. Throws ErrorCode::Input where they don't follow from constants.
OpenvinoRotation read_openvino_rotation(const OpenvinoGraph& graph, OpenvinoValue cosine, float factor);

}  // namespace philo
