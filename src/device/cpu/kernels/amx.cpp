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
namespace {

Kernels with_tiles() {
  Kernels kernels = kernels_avx512;
  kernels.isa = "amx";
  kernels.coded_linear_i8[0] = amx::tile_linear<4>;
  kernels.coded_linear_i8[1] = amx::tile_linear<8>;
  return kernels;
}

}  // namespace

extern const Kernels kernels_amx;
const Kernels kernels_amx = with_tiles();

}  // namespace philo
