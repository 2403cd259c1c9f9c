// config.json of a converted folder: the source's, with what the conversion changed.
#pragma once

#include <vector>

#include "base/json.h"
#include "convert/weights_layout.h"

namespace philo {

// Keys stay in their order. Quantized weights are described by "quantization_config" in the form of compressed-tensors 0.9 to 0.20.
OrderedJson folder_config(OrderedJson source, const Plan& plan, const std::vector<Conversion>& conversions);

// Takes out how the source's weights are stored, and entries of "auto_map" that name Python files of its folder, which are not copied.
void drop_source_keys(OrderedJson& config);

// For folders of other runtimes: nothing about the source's weights, and LongRoPE under the name that transformers 5 knows.
OrderedJson plain_config(OrderedJson source);

}  // namespace philo
