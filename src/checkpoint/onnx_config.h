// The config.json of a model that comes as an ONNX graph: held against the graph, or made from it where there is none.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/genai_config.h"
#include "format/onnx/network.h"
#include "model/config.h"

namespace philo {

// Throws ErrorCode::Input, naming `file`, where what the graph computes with is not what the config says.
void check_onnx_network(const OnnxNetwork& network, const ModelConfig& config, const std::string& file, std::vector<std::string>& notes);

// The numbers of genai_config.json and the graph under transformers' names; those of RoPE from the rotary caches. Throws ErrorCode::Input,
// saying what to copy in, where the caches are of no RoPE that philo knows.
OrderedJson made_config(const OnnxNetwork& network, const GenaiConfig& genai, const std::string& file);

}  // namespace philo
