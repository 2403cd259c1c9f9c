// A number that nobody foresees, to draw a seed from.
#pragma once

#include <cstdint>

namespace philo {

// 52 bits from the operating system: exact in every JSON reader.
uint64_t random_seed();

}  // namespace philo
