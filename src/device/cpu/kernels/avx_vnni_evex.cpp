// The kernels of avx_vnni.cpp for processors that have its instructions in AVX-512's encoding alone, such as Zen 4. Only this file is
// built with its flags.
#define PHILO_ISA avx_vnni_evex
#include "device/cpu/kernels/vector_avx2.h"
#include "device/cpu/kernels/integer_avx2.h"
#include "device/cpu/kernels/table.h"
