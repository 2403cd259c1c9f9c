// config.json of a converted folder: the source's, with what the conversion changed.
#pragma once

#include <vector>

#include "base/json.h"
#include "convert/weights_layout.h"

namespace philo {

// Keys stay in their order. Quantized weights are described by "quantization_config" in the form of compressed-tensors 0.9 to 0.20.
OrderedJson folder_config(OrderedJson source, const Plan& plan, const std::vector<Conversion>& conversions);

}  // namespace philo
