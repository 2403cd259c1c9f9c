// In assembly, so that every compiler gives the same loop and none needs to be told of the instruction set.
#include "machine/peak_loops.h"

#include <algorithm>

#include "machine/cpu.h"

namespace philo {
namespace {

template <typename Number>
double total(const Number* numbers, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += numbers[i];
  return sum;
}

#if defined(__x86_64__) || defined(__aarch64__)
#define PHILO_EACH_CHAIN(STEP) \
  STEP("2") STEP("3") STEP("4") STEP("5") STEP("6") STEP("7") STEP("8") STEP("9") STEP("10") STEP("11") STEP("12") STEP("13")
#define PHILO_EACH_BUT_FIRST(STEP) \
  STEP("3") STEP("4") STEP("5") STEP("6") STEP("7") STEP("8") STEP("9") STEP("10") STEP("11") STEP("12") STEP("13")
#endif

#if defined(__x86_64__)
// Registers 0 and 1 hold factors, 2 to 13 the sums, 14 a passing value, 15 ones.
#define PHILO_LOOP(name, Number, lanes, LOAD, STEP, FOLD, STORE, factors_member)                                                \
  double name(uint64_t rounds, const PeakFactors& factors) {                                                                    \
    alignas(64) Number sums[lanes];                                                                                             \
    __asm__ volatile(PHILO_EACH_CHAIN(PHILO_CLEAR) LOAD ".p2align 5\n1:\n\t" PHILO_EACH_CHAIN(STEP)                             \
                         "decq %0\n\tjnz 1b\n\t" PHILO_EACH_BUT_FIRST(FOLD) STORE "vzeroupper"                                  \
                     : "+r"(rounds)                                                                                             \
                     : "r"(factors.factors_member), "r"(sums)                                                                   \
                     : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
                       "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");                                                            \
    return total(sums, lanes);                                                                                                  \
  }
#define PHILO_CLEAR(n) "vpxor %%xmm" n ", %%xmm" n ", %%xmm" n "\n\t"
#define PHILO_LOAD_YMM "vmovups (%1), %%ymm0\n\tvmovups 32(%1), %%ymm1\n\t"
#define PHILO_LOAD_ZMM "vmovups (%1), %%zmm0\n\tvmovups (%1), %%zmm1\n\t"
#define PHILO_ONES_YMM "vpcmpeqw %%ymm15, %%ymm15, %%ymm15\n\tvpabsw %%ymm15, %%ymm15\n\t"
#define PHILO_ONES_ZMM "vpternlogd $255, %%zmm15, %%zmm15, %%zmm15\n\tvpabsw %%zmm15, %%zmm15\n\t"
#define PHILO_STORE_YMM "vmovups %%ymm2, (%2)\n\t"
#define PHILO_STORE_ZMM "vmovups %%zmm2, (%2)\n\t"
#define PHILO_FOLD_INT_YMM(n) "vpaddd %%ymm" n ", %%ymm2, %%ymm2\n\t"
#define PHILO_FOLD_INT_ZMM(n) "vpaddd %%zmm" n ", %%zmm2, %%zmm2\n\t"
#define PHILO_FOLD_FLOAT_YMM(n) "vaddps %%ymm" n ", %%ymm2, %%ymm2\n\t"
#define PHILO_FOLD_FLOAT_ZMM(n) "vaddps %%zmm" n ", %%zmm2, %%zmm2\n\t"

// Without dot products: two products summed in 16 bits, four in 32 bits.
#define PHILO_WIDENED_YMM(n) \
  "vpmaddubsw %%ymm1, %%ymm0, %%ymm14\n\tvpmaddwd %%ymm15, %%ymm14, %%ymm14\n\tvpaddd %%ymm14, %%ymm" n ", %%ymm" n "\n\t"
#define PHILO_WIDENED_ZMM(n) \
  "vpmaddubsw %%zmm1, %%zmm0, %%zmm14\n\tvpmaddwd %%zmm15, %%zmm14, %%zmm14\n\tvpaddd %%zmm14, %%zmm" n ", %%zmm" n "\n\t"
#define PHILO_DOT_VEX(n) "%{vex%} vpdpbusd %%ymm1, %%ymm0, %%ymm" n "\n\t"
#define PHILO_DOT_EVEX(n) "%{evex%} vpdpbusd %%ymm1, %%ymm0, %%ymm" n "\n\t"
#define PHILO_DOT_ZMM(n) "vpdpbusd %%zmm1, %%zmm0, %%zmm" n "\n\t"
#define PHILO_FMA_YMM(n) "vfmadd231ps %%ymm1, %%ymm0, %%ymm" n "\n\t"
#define PHILO_FMA_ZMM(n) "vfmadd231ps %%zmm1, %%zmm0, %%zmm" n "\n\t"

PHILO_LOOP(widened_ymm, int32_t, 8, PHILO_LOAD_YMM PHILO_ONES_YMM, PHILO_WIDENED_YMM, PHILO_FOLD_INT_YMM, PHILO_STORE_YMM, bytes)
PHILO_LOOP(widened_zmm, int32_t, 16, PHILO_LOAD_ZMM PHILO_ONES_ZMM, PHILO_WIDENED_ZMM, PHILO_FOLD_INT_ZMM, PHILO_STORE_ZMM, bytes)
PHILO_LOOP(dot_ymm_vex, int32_t, 8, PHILO_LOAD_YMM, PHILO_DOT_VEX, PHILO_FOLD_INT_YMM, PHILO_STORE_YMM, bytes)
PHILO_LOOP(dot_ymm_evex, int32_t, 8, PHILO_LOAD_YMM, PHILO_DOT_EVEX, PHILO_FOLD_INT_YMM, PHILO_STORE_YMM, bytes)
PHILO_LOOP(dot_zmm, int32_t, 16, PHILO_LOAD_ZMM, PHILO_DOT_ZMM, PHILO_FOLD_INT_ZMM, PHILO_STORE_ZMM, bytes)
PHILO_LOOP(fma_ymm, float, 8, PHILO_LOAD_YMM, PHILO_FMA_YMM, PHILO_FOLD_FLOAT_YMM, PHILO_STORE_YMM, floats)
PHILO_LOOP(fma_zmm, float, 16, PHILO_LOAD_ZMM, PHILO_FMA_ZMM, PHILO_FOLD_FLOAT_ZMM, PHILO_STORE_ZMM, floats)

// AMX: 16 by 16 sums, 64 products each, in six of eight tile registers; two instructions for each of them make a round's twelve chains.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

#define PHILO_TILE_STEPS                                                                                                       \
  "tdpbuud %%tmm7, %%tmm6, %%tmm0\n\ttdpbuud %%tmm7, %%tmm6, %%tmm1\n\ttdpbuud %%tmm7, %%tmm6, %%tmm2\n\t"                     \
  "tdpbuud %%tmm7, %%tmm6, %%tmm3\n\ttdpbuud %%tmm7, %%tmm6, %%tmm4\n\ttdpbuud %%tmm7, %%tmm6, %%tmm5\n\t"

double tiles(uint64_t rounds, const PeakFactors& factors) {
  const TileShapes shapes;
  alignas(64) uint8_t bytes[16][64];
  alignas(64) int32_t sums[6][16][16];
  for (auto& row : bytes) std::copy(std::begin(factors.bytes), std::end(factors.bytes), row);
  const uint64_t row_bytes = 64;
  __asm__ volatile(
      "ldtilecfg (%2)\n\ttilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3\n\ttilezero %%tmm4\n\ttilezero %%tmm5\n\t"
      "tileloadd (%3,%1,1), %%tmm6\n\ttileloadd (%3,%1,1), %%tmm7\n\t.p2align 5\n1:\n\t" PHILO_TILE_STEPS PHILO_TILE_STEPS "decq %0\n\tjnz 1b\n\t"
      "tilestored %%tmm0, (%4,%1,1)\n\ttilestored %%tmm1, 1024(%4,%1,1)\n\ttilestored %%tmm2, 2048(%4,%1,1)\n\t"
      "tilestored %%tmm3, 3072(%4,%1,1)\n\ttilestored %%tmm4, 4096(%4,%1,1)\n\ttilestored %%tmm5, 5120(%4,%1,1)\n\ttilerelease"
      : "+r"(rounds)
      : "r"(row_bytes), "r"(&shapes), "r"(bytes), "r"(sums)
      : "cc", "memory");
  return total(sums[0][0], sizeof sums / sizeof(int32_t));
}
#elif defined(__aarch64__)
// Registers 0 and 1 hold factors, 2 to 13 the sums, 14 a passing value.
#define PHILO_LOOP(name, Number, STEP, FOLD, factors_member)                                                                         \
  double name(uint64_t rounds, const PeakFactors& factors) {                                                                         \
    alignas(16) Number sums[4];                                                                                                      \
    __asm__ volatile("ldr q0, [%1]\n\tldr q1, [%1, #16]\n\t" PHILO_EACH_CHAIN(PHILO_CLEAR) ".p2align 5\n1:\n\t"                      \
                         PHILO_EACH_CHAIN(STEP) "subs %0, %0, #1\n\tb.ne 1b\n\t" PHILO_EACH_BUT_FIRST(FOLD) "str q2, [%2]"            \
                     : "+r"(rounds)                                                                                                  \
                     : "r"(factors.factors_member), "r"(sums)                                                                        \
                     : "cc", "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14"); \
    return total(sums, 4);                                                                                                           \
  }
#define PHILO_CLEAR(n) "movi v" n ".16b, #0\n\t"
#define PHILO_FOLD_INT(n) "add v2.4s, v2.4s, v" n ".4s\n\t"
#define PHILO_FOLD_FLOAT(n) "fadd v2.4s, v2.4s, v" n ".4s\n\t"
// sdot vn.4s, v0.16b, v1.16b by its encoding: assemblers refuse the name unless the whole unit is built for processors that have it.
#define PHILO_DOT(n) ".inst 0x4e819400 + " n "\n\t"
#define PHILO_PAIRS(n) ".inst 0x4e81a400 + " n "\n\t"  // smmla of the same registers
// Without dot products: two products summed in 16 bits, four in 32 bits.
#define PHILO_WIDENED(n) "smull v14.8h, v0.8b, v1.8b\n\tsmlal2 v14.8h, v0.16b, v1.16b\n\tsadalp v" n ".4s, v14.8h\n\t"
#define PHILO_FMA(n) "fmla v" n ".4s, v0.4s, v1.4s\n\t"

PHILO_LOOP(pairs_neon, int32_t, PHILO_PAIRS, PHILO_FOLD_INT, bytes)
PHILO_LOOP(dot_neon, int32_t, PHILO_DOT, PHILO_FOLD_INT, bytes)
PHILO_LOOP(widened_neon, int32_t, PHILO_WIDENED, PHILO_FOLD_INT, bytes)
PHILO_LOOP(fma_neon, float, PHILO_FMA, PHILO_FOLD_FLOAT, floats)
#endif

// Plain C: whatever the compiler makes of it for the oldest processor of its kind.
template <typename Number>
double plain(uint64_t rounds, Number factor, Number addend) {
  Number sums[peak_chains] = {};
  for (uint64_t round = 0; round < rounds; ++round)
    for (Number& one : sums) one = one * factor + addend;
  return total(sums, peak_chains);
}

double plain_int8(uint64_t rounds, const PeakFactors& factors) {
  return plain<uint32_t>(rounds, factors.bytes[0], factors.bytes[1]);
}

double plain_fp32(uint64_t rounds, const PeakFactors& factors) { return plain<float>(rounds, factors.floats[0], factors.floats[1]); }

// A loop whose chains have so many products each.
PeakLoop loop(double (*run)(uint64_t rounds, const PeakFactors& factors), uint64_t products) {
  return {run, 2 * products * peak_chains};
}

}  // namespace

std::vector<PeakLoops> peak_loops() {
  std::vector<PeakLoops> loops;
#if defined(__x86_64__)
  const CpuFeatures& features = cpu().features;
  if (may_use_tiles() && features.avx512) loops.push_back({"amx", loop(tiles, 16 * 16 * 64), loop(fma_zmm, 16)});
  if (features.avx512) loops.push_back({"avx512", loop(features.avx512_vnni ? dot_zmm : widened_zmm, 64), loop(fma_zmm, 16)});
  // The 256-bit instruction has two encodings; a processor with AVX-512 may know only the newer one.
  if (features.avx_vnni || features.avx512_vnni)
    loops.push_back({"avx_vnni", loop(features.avx_vnni ? dot_ymm_vex : dot_ymm_evex, 32), loop(fma_ymm, 8)});
  if (features.avx2) loops.push_back({"avx2", loop(widened_ymm, 32), loop(fma_ymm, 8)});
#elif defined(__aarch64__)
  if (cpu().features.neon_i8mm && cpu().features.neon_dotprod) loops.push_back({"neon_i8mm", loop(pairs_neon, 32), loop(fma_neon, 4)});
  loops.push_back({"neon", loop(cpu().features.neon_dotprod ? dot_neon : widened_neon, 16), loop(fma_neon, 4)});
#endif
  loops.push_back({"scalar", loop(plain_int8, 1), loop(plain_fp32, 1)});
  return loops;
}

}  // namespace philo
