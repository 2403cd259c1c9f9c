// Opens a folder that ONNX Runtime GenAI's builder made: genai_config.json, the ONNX model, its external data, and the tokenizer beside them.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"

namespace philo {

Checkpoint open_onnx(const std::string& folder);

}  // namespace philo
