// What the network computes: a straight list of steps over six operators. Knows no device.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "tensor/weights.h"

namespace philo {

// Embed    out = rows of the weight, by token                      (tokens, hidden)
// RmsNorm  out = in0 / sqrt(mean(in0^2) + epsilon) * weight        (tokens, hidden)
// Linear   out = in0 * weight^T                                    (tokens, weight rows)
// Attend   in0 holds q, k, v side by side; RoPE, cache append, masked softmax(q k^T / sqrt(head_size)) v   (tokens, q_size)
// SwiGlu   in0 holds gate, up side by side; out = silu(gate) * up  (tokens, intermediate)
// Add      out = in0 + in1
enum class Op : uint8_t { Embed, RmsNorm, Linear, Attend, SwiGlu, Add };

using Value = int;  // one activation, (tokens, width); assigned once; -1 = none

// Some rows of a weight matrix, from one tensor. Fused projections (q, k, v; gate, up) may come from several.
struct Segment {
  const Tensor* values;      // (rows, columns) F32, F16 or BF16; (columns) for a norm; nullptr where the file holds codes
  const CodedMatrix* coded;  // (rows, columns); nullptr where the file holds floats
  int64_t rows;
  MatrixFormat format;       // to compute with; a device converts where it is stored otherwise

  MatrixFormat stored() const { return coded != nullptr ? MatrixFormat(coded->format) : MatrixFormat(values->dtype); }
  bool as_stored() const { return format == stored(); }
  const std::string& name() const { return coded != nullptr ? coded->name : values->name; }
  size_t stored_bytes() const { return coded != nullptr ? coded->bytes() : values->bytes.size(); }
  // Where the stored numbers lie: segments of a tied embedding and head share it.
  const std::byte* place() const { return (coded != nullptr ? coded->codes : *values).bytes.data(); }
};

// What a step multiplies with.
struct Weight {
  std::string name;               // "embed", "layers.3.qkv", "head", …: for reports and traces
  std::vector<Segment> segments;  // stacked along the rows
  int64_t rows;                   // sum over the segments
  int64_t columns;
};

struct Step {
  Op op;
  Value out;
  std::array<Value, 2> in;  // unused ones are -1
  const Weight* weight;     // Embed, RmsNorm, Linear; otherwise nullptr
  int layer;                // which layer's KV cache Attend uses; -1 outside the layers
};

struct Plan {
  ModelConfig config;
  std::vector<Step> steps;    // in the order of execution; the last one yields the logits
  std::vector<int64_t> widths;  // of each Value
  std::vector<std::shared_ptr<const Weight>> weights;
  std::shared_ptr<const Weights> tensors;  // what the weights' segments point into
  std::vector<std::string> notes;          // what people should know: tensors that no step uses, a head that is missing
};

// The tensors of a model whose projections are fused, in the order of its layers: names and shapes.
std::vector<std::pair<std::string, std::vector<int64_t>>> phi3_tensors(const ModelConfig& config);

// The plan of a dense Phi-3-class checkpoint with Hugging Face names, fused or split projections. Throws ErrorCode::Input for
// missing tensors, biases and wrong shapes or types, naming the tensor; `file` names the checkpoint in messages. Looks at names,
// types and shapes only, never at the numbers. The head is the embedding where the config ties the two or lm_head.weight is absent.
Plan plan_phi3(const ModelConfig& config, std::shared_ptr<const Weights> tensors, const std::string& file);

// The same network with its matrices (not its norms) in other formats: `format_of` says each segment's.
Plan with_formats(const Plan& plan, const std::function<MatrixFormat(const Weight&, const Segment&)>& format_of);

// Layers [first_layer, last_layer) alone, without embedding and head; the first step's in0 is Value 0, which the caller gives.
// Layers and Values are numbered anew from 0; weights keep their names.
Plan slice(const Plan& plan, int first_layer, int last_layer);

bool is_quantized(const Plan& plan);  // computes with integer codes somewhere

// One line per step: "12 Linear layers.0.qkv (9216, 3072) BF16: v1 -> v2 (9216)"; "BF16+BF16+BF16" for three segments; codes by
// format_description(), and "BF16 as int4 group 128 symmetric" where the format to compute with is another.
std::string plan_text(const Plan& plan);

std::string_view op_name(Op op);

}  // namespace philo
