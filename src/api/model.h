// Opens a checkpoint, settles the formats it is computed with and compiles it for a device.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/handles.h"
#include "api/options.h"

namespace philo {

std::shared_ptr<LoadedModel> load_model(const std::string& path, const Options& options, const Callbacks& callbacks);
// The same for a checkpoint from anywhere; opening counts as loading.
std::shared_ptr<LoadedModel> load_model(const std::function<Checkpoint()>& open, const Options& options,
                                        const Callbacks& callbacks);

// The format that most of the plan's weights are computed in: "bf16", "int4".
std::string weight_format(const Plan& plan);
std::string kv_format_name(KvFormat format);
std::string activation_format_name(ActivationFormat format);

}  // namespace philo
