// Loops over the parts of a tile must disappear, or its sums leave the registers.
#pragma once

#if defined(__clang__)
#define PHILO_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PHILO_UNROLL _Pragma("GCC unroll 16")
#endif
