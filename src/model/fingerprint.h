// Tells models apart: what is computed, with which numbers.
#pragma once

#include <string>

#include "model/plan.h"

namespace philo {

// 16 hexadecimal digits over the steps, the formats, the config and samples of each weight: start, middle and end. Equal for equal models
// wherever their files lie; not made to withstand whoever wants two models to look equal.
std::string fingerprint(const Plan& plan);

}  // namespace philo
