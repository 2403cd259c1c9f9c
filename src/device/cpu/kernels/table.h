// Writes the operations for the instruction set whose vector words were included before, and fills its table.

#include "device/cpu/kernels/unroll.h"
#include "device/cpu/kernels/linear.h"
#include "device/cpu/kernels/quantize_input.h"
#include "device/cpu/kernels/coded_linear.h"
#include "device/cpu/kernels/exponential.h"
#include "device/cpu/kernels/elementwise.h"
#include "device/cpu/kernels/attend.h"

#define PHILO_TEXT_OF(name) #name
#define PHILO_TEXT(name) PHILO_TEXT_OF(name)
#define PHILO_TABLE_OF(name) kernels_##name
#define PHILO_TABLE(name) PHILO_TABLE_OF(name)

namespace philo {

extern const Kernels PHILO_TABLE(PHILO_ISA);
const Kernels PHILO_TABLE(PHILO_ISA) = {
    .isa = PHILO_TEXT(PHILO_ISA),
    .embed = {PHILO_ISA::embed<FloatFormat::F32>, PHILO_ISA::embed<FloatFormat::F16>, PHILO_ISA::embed<FloatFormat::BF16>},
    .linear = {PHILO_ISA::linear<FloatFormat::F32>, PHILO_ISA::linear<FloatFormat::F16>, PHILO_ISA::linear<FloatFormat::BF16>},
    .quantize_input = PHILO_ISA::quantize_input,
    .coded_linear_i8 = {PHILO_ISA::coded_linear<PHILO_ISA::Int8Product<4>>, PHILO_ISA::coded_linear<PHILO_ISA::Int8Product<8>>},
    .coded_linear_f32 = {PHILO_ISA::coded_linear<PHILO_ISA::FloatProduct<4>>, PHILO_ISA::coded_linear<PHILO_ISA::FloatProduct<8>>},
    .rms_norm = PHILO_ISA::rms_norm,
    .rope = PHILO_ISA::rope,
    .store_f16 = PHILO_ISA::store_f16,
    .attend_f32 = PHILO_ISA::attend_f32,
    .attend_f16 = PHILO_ISA::attend_f16,
    .attend_i8 = PHILO_ISA::attend_i8,
    .swiglu = PHILO_ISA::swiglu,
    .add = PHILO_ISA::add_rows,
};

}  // namespace philo
