// Models of the family's real shapes with random weights, made in memory: for speed and memory without a download.
#pragma once

#include <string>
#include <string_view>

#include "checkpoint/checkpoint.h"

namespace philo {

// "phi-3-mini" (4k), "phi-3-medium" (4k), "phi-4-mini", "phi-4", "demo". BF16 weights of a sensible scale, always the
// same; all tensors are views of one buffer that is little larger than the largest of them, so they are worth measuring
// only after a conversion that gives each its own memory. No tokenizer, no stop tokens. Throws ErrorCode::Usage for
// another name.
Checkpoint synthetic_checkpoint(std::string_view name);

}  // namespace philo
