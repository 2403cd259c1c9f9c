// Opens a checkpoint, settles the formats it is computed with and compiles it for a device.
#pragma once

#include <memory>
#include <string>

#include "api/handles.h"
#include "api/options.h"

namespace philo {

std::shared_ptr<LoadedModel> load_model(const std::string& path, const Options& options, const Callbacks& callbacks);

// The format that most of the plan's weight bytes are stored in: "bf16".
std::string stored_format(const Plan& plan);

// Keys and values of one token in all layers.
size_t kv_bytes_per_token(const ModelConfig& config, size_t element_bytes);

}  // namespace philo
