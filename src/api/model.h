// Opens a checkpoint, settles the formats it is computed with and compiles it for a device.
#pragma once

#include <memory>
#include <string>

#include "api/handles.h"
#include "api/options.h"

namespace philo {

std::shared_ptr<LoadedModel> load_model(const std::string& path, const Options& options, const Callbacks& callbacks);

// The format that most of the plan's weights are computed in: "bf16", "int4".
std::string weight_format(const Plan& plan);
std::string kv_format_name(KvFormat format);
std::string activation_format_name(ActivationFormat format);

// Keys and values of one token in all layers.
size_t kv_bytes_per_token(const ModelConfig& config, KvFormat format);

}  // namespace philo
