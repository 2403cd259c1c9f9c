// The kernels for AVX2 with AVX-VNNI, the dot product of client processors without AVX-512. Only this file is built with its flags.
#define PHILO_ISA avx_vnni
#include "device/cpu/kernels/vector_avx2.h"
#include "device/cpu/kernels/integer_avx2.h"
#include "device/cpu/kernels/table.h"
