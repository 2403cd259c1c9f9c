// The options that say how weights are quantized, for converting and for loading alike.
#pragma once

#include <string>

#include "api/options.h"
#include "convert/recipe.h"

namespace philo {

// From weight-format (int4 without it), group-size, ratio, sym, asym, backup-format and keep.
Recipe read_recipe(const Options& options);

// A note on those that have no effect with the weight format; empty where all have one.
std::string unused_recipe_options(const Options& options);

// Whether any of them is given.
bool asks_for_formats(const Options& options);

}  // namespace philo
