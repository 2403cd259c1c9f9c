// A Phi-3 in the form of an ONNX graph: its weights under Hugging Face names, and the numbers that the graph itself holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/onnx/graph.h"
#include "format/onnx/rotation.h"
#include "tensor/weights.h"

namespace philo {

// What the graph computes with beside its weights.
struct OnnxNetwork {
  int64_t hidden_size, intermediate_size, layers, heads, kv_heads, head_size, vocabulary;
  bool tied;                             // the head reads the embedding's own constant
  float epsilon;                         // of every norm
  OnnxRotation rotation;                 // views into the files
  std::optional<float> attention_scale;  // on q k^T; nothing means 1 / sqrt(head_size)
  std::optional<int64_t> window;         // key j is visible to query q where q - window < j
  bool last_row_only;                    // the graph gives the logits of the last token alone
};

// Follows the graph from its output `logits` back to the embedding and adds the weights: views into the files, but for matrices that the
// graph holds the other way round. Throws ErrorCode::Input, naming the operation, where the graph is another network than a dense Phi-3.
OnnxNetwork read_onnx_network(const OnnxFileGraph& graph, const std::string& logits, Weights& weights);

// Maps the model and its external data, which must lie in `folder`, and reads them; `weights` keeps the files mapped.
OnnxNetwork read_onnx_folder(const std::string& folder, const std::string& model, const std::string& logits, Weights& weights);

}  // namespace philo
