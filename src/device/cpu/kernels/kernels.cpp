// Lists the tables of this build and chooses among them.
#include "device/cpu/kernels/kernels.h"

#include "base/error.h"
#include "machine/cpu.h"

// X(table, condition): best first, scalar last. Processors with AVX-512 but without its dot product (Skylake) take avx2.
#if defined(__x86_64__)
#define PHILO_KERNEL_TABLES(X)                                                                                       \
  X(amx, features.avx512_vnni && may_use_tiles()) X(avx512, features.avx512_vnni)                                    \
  X(avx_vnni, features.avx_vnni) X(avx_vnni_evex, features.avx512_vnni) X(avx2, features.avx2) X(scalar, true)
#elif defined(__aarch64__)
#define PHILO_KERNEL_TABLES(X) X(neon_i8mm, features.neon_dotprod && features.neon_i8mm) X(neon, features.neon_dotprod) X(scalar, true)
#else
#define PHILO_KERNEL_TABLES(X) X(scalar, true)
#endif

namespace philo {

#define PHILO_DECLARE(table, condition) extern const Kernels kernels_##table;
PHILO_KERNEL_TABLES(PHILO_DECLARE)
#undef PHILO_DECLARE

const std::vector<KernelChoice>& all_kernels() {
  static const std::vector<KernelChoice> choices = [] {
    [[maybe_unused]] const CpuFeatures& features = cpu().features;
    std::vector<KernelChoice> all;
#define PHILO_ENTER(table, condition) all.push_back({&kernels_##table, condition});
    PHILO_KERNEL_TABLES(PHILO_ENTER)
#undef PHILO_ENTER
    return all;
  }();
  return choices;
}

const Kernels& choose_kernels(std::string_view isa) {
  std::string here;
  bool known = false;
  for (const auto& [kernels, runs_here] : all_kernels()) {
    const bool named = isa == kernels->isa || (isa == "avx_vnni" && kernels->isa == std::string_view("avx_vnni_evex"));
    if (runs_here && (isa.empty() || named)) return *kernels;
    known = known || named;
    if (runs_here) here += (here.empty() ? "" : ", ") + std::string(kernels->isa);
  }
  if (known)
    throw Error(ErrorCode::Device,
                "this processor (" + cpu().name + ") can't run the " + std::string(isa) + " kernels; it can run " + here);
  throw usage_error("there are no " + shown(isa) + " kernels in this build; this processor can run " + here);
}

Kernels with_int8_products(const Kernels& table, const char* isa, CodedLinear of_4_bits, CodedLinear of_8_bits) {
  Kernels kernels = table;
  kernels.isa = isa;
  kernels.coded_linear_i8[0] = of_4_bits;
  kernels.coded_linear_i8[1] = of_8_bits;
  return kernels;
}

size_t panel_lines(int bits, size_t depth) { return bits == 4 ? (depth + 7) / 8 : (depth + 3) / 4; }

size_t input_group(size_t depth, size_t group) { return group == depth ? 128 : group; }

size_t input_groups(size_t depth, size_t group) { return (depth + input_group(depth, group) - 1) / input_group(depth, group); }

size_t attend_scratch_floats(size_t head_size) { return key_block_tokens * head_size; }

}  // namespace philo
