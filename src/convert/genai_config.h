// genai_config.json: what ONNX Runtime GenAI is told about a model.
#pragma once

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "emit/onnx.h"

namespace philo {

// Only keys that version 0.18 knows: it refuses files with others. `source` is the checkpoint's config.json.
OrderedJson genai_config(const Checkpoint& checkpoint, const OrderedJson& source, OnnxTarget target);

}  // namespace philo
