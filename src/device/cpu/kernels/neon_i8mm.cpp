// The kernels for 64-bit ARM with products of int8 matrices (ARMv8.6); what multiplies none is NEON's. Only this file is built with its flags.
#define PHILO_ISA neon_i8mm
#include "device/cpu/kernels/vector_neon.h"
#include "device/cpu/kernels/integer_neon.h"
#include "device/cpu/kernels/unroll.h"
#include "device/cpu/kernels/coded_linear.h"

namespace philo {
extern const Kernels kernels_neon;
}

#include "device/cpu/kernels/pairs_i8mm.h"

namespace philo {

extern const Kernels kernels_neon_i8mm;
const Kernels kernels_neon_i8mm = with_int8_products(kernels_neon, "neon_i8mm", neon_i8mm::pair_linear<4>, neon_i8mm::pair_linear<8>);

}  // namespace philo
