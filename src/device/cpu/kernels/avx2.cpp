// The kernels for AVX2 with FMA and F16C. Only this file is built with its flags.
#define PHILO_ISA avx2
#include "device/cpu/kernels/vector_avx2.h"
#include "device/cpu/kernels/integer_avx2.h"
#include "device/cpu/kernels/table.h"
