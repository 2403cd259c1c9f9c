// A Phi-3 in the form of an OpenVINO graph: its weights under Hugging Face names, and the numbers that the graph itself holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/openvino_ir/graph.h"
#include "tensor/weights.h"

namespace philo {

// What the graph computes with beside its weights; whoever reads config.json holds the two against each other.
struct OpenvinoNetwork {
  int64_t layers;
  int64_t kv_heads, head_size;
  bool tied;                              // the head reads the embedding's own constant
  std::vector<float> epsilons;            // of every norm
  std::vector<float> short_frequencies, long_frequencies;  // of the rotation, radians per position; equal where nothing chooses
  std::optional<int64_t> long_limit;      // sequences longer than this take the long ones; nothing where nothing chooses
  float rotation_factor;                  // on cos and sin
  std::optional<float> attention_scale;   // on q k^T; nothing means 1 / sqrt(head_size)
  std::optional<int64_t> window;          // key j is visible to query q where q - window < j
  bool rounded;                           // such numbers may be rounded to float16
  size_t folded_scales;                   // AWQ's factors that were multiplied into what stands before them
};

// Follows the graph from its result back to the embedding and adds the weights as they are, views into the file of constants; only where
// AWQ's factors stand before a matrix does it make new numbers: scales (or values) of the up rows, or a norm's weights. Throws
// ErrorCode::Input, naming the operation, where the graph is another network than a dense Phi-3.
OpenvinoNetwork read_openvino_network(const OpenvinoGraph& graph, Weights& weights);

// Maps openvino_model.xml and openvino_model.bin of a folder and reads them. Returns the network; `weights` keeps the files mapped.
OpenvinoNetwork read_openvino_folder(const std::string& folder, Weights& weights);

}  // namespace philo
