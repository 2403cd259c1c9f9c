// Opens a folder that optimum-cli export openvino made: the OpenVINO model's weights, and config.json and tokenizer beside it.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "format/openvino_ir/network.h"

namespace philo {

Checkpoint open_openvino(const std::string& folder);

// Throws ErrorCode::Input, naming `file`, where what the graph computes with is not what config.json says.
void check_openvino_network(const OpenvinoNetwork& network, const ModelConfig& config, const std::string& file);

}  // namespace philo
