// The compressed-tensors form of quantized weights, as transformers and vLLM read it: several tensors make one matrix of codes.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "tensor/weights.h"

namespace philo {

// Replaces X.weight_packed or an 8-bit X.weight, with X.weight_scale, X.weight_zero_point and X.weight_shape, by one coded matrix
// X.weight. `quantization` is config.json's "quantization_config"; what it says of a module must agree with the tensors. Throws
// ErrorCode::Input with file and tensor for shapes that don't fit together, missing parts, groups that don't divide the columns,
// and for schemes that philo does not compute. Looks at names, types and shapes (and X.weight_shape) only; scales are checked
// where they are read. Returns notes for people.
std::vector<std::string> gather_compressed_tensors(const JsonObject& quantization, Weights& weights, const std::string& file);

}  // namespace philo
