// Which tensors a converted folder's weight files hold, and in what order.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "convert/assign_formats.h"
#include "convert/convert_tensor.h"

namespace philo {

// A tensor of the model and the modules that are written from it.
struct Conversion {
  TensorSource source;
  TensorRole role;
  MatrixFormat format;
  std::vector<std::string> stems;  // "model.embed_tokens"; with "lm_head" where the head shares a quantized embedding
};

// Readers of compressed-tensors can't tie a quantized embedding, so the head gets a copy of it then. Throws ErrorCode::Input where weights
// that are quantized already would be quantized again, and where codes are in groups that the form has not.
std::vector<Conversion> conversions(const Plan& plan, std::vector<AssignedTensor> tensors);
bool head_is_embedding(const Plan& plan);

struct PlacedConversion {
  const Conversion* conversion;
  std::vector<std::array<size_t, 4>> entries;  // of each stem, by Part: which of the shard's entries; npos for parts that are not there
};

struct Shard {
  std::string file_name;
  std::vector<TensorEntry> entries;  // wide types first, so that each tensor is aligned to its type
  std::vector<PlacedConversion> conversions;
};

struct WeightsLayout {
  std::vector<Shard> shards;
  uint64_t bytes = 0;  // of all tensors
};

// One model.safetensors, or, above the limit, shards in the order of the plan. Points into `conversions`.
WeightsLayout lay_out(const std::vector<Conversion>& conversions, uint64_t most_shard_bytes);

// model.safetensors.index.json
OrderedJson weights_index(const WeightsLayout& layout);

}  // namespace philo
