// The kernels for AVX-512 with AMX's tiles of int8 products; what has no tiles is AVX-512's. Only this file is built with its flags.
#define PHILO_ISA amx
#include "device/cpu/kernels/vector_avx512.h"
#include "device/cpu/kernels/integer_avx512.h"
#include "device/cpu/kernels/unroll.h"
#include "device/cpu/kernels/coded_linear.h"

namespace philo {
extern const Kernels kernels_avx512;
}

#include "device/cpu/kernels/tiles_amx.h"

namespace philo {

extern const Kernels kernels_amx;
const Kernels kernels_amx = with_int8_products(kernels_avx512, "amx", amx::tile_linear<4>, amx::tile_linear<8>);

}  // namespace philo
