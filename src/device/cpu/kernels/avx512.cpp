// The kernels for AVX-512 (F, BW, DQ, VL). Only this file is built with its flags.
#define PHILO_ISA avx512
#include "device/cpu/kernels/vector_avx512.h"
#include "device/cpu/kernels/integer_avx512.h"
#include "device/cpu/kernels/table.h"
