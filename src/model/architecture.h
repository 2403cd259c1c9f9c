// Which architecture a config.json is of, and what to say of those that philo does not run.
#pragma once

#include "base/json.h"

namespace philo {

// Throws ErrorCode::Input, naming the architecture, unless "model_type" and "architectures" say dense Phi-3 causal language model.
void check_architecture(const JsonObject& config);

}  // namespace philo
