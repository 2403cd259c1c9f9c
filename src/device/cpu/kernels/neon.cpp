// The kernels for 64-bit ARM with dot products (ARMv8.2). Only this file is built with its flags.
#define PHILO_ISA neon
#include "device/cpu/kernels/vector_neon.h"
#include "device/cpu/kernels/integer_neon.h"
#include "device/cpu/kernels/table.h"
