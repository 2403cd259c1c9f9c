// The vector words that the operations are written in, for AVX-512 (F, BW, DQ, VL): 16 lanes. Included by avx512.cpp alone.
#include <immintrin.h>

#include "device/cpu/kernels/kernels.h"

#define PHILO_INLINE static inline __attribute__((always_inline))

namespace philo::PHILO_ISA {
namespace {

using Vec = __m512;
constexpr size_t lanes = 16;
constexpr int registers = 32;
constexpr int tile_rows = 4, tile_tokens = 6;  // 24 sums, 6 inputs and 1 weight in 32 registers

PHILO_INLINE __mmask16 first_lanes(size_t count) { return static_cast<__mmask16>((1u << count) - 1); }

PHILO_INLINE Vec zero() { return _mm512_setzero_ps(); }
PHILO_INLINE Vec splat(float value) { return _mm512_set1_ps(value); }
PHILO_INLINE Vec load(const float* from) { return _mm512_loadu_ps(from); }
PHILO_INLINE Vec load_part(const float* from, size_t count) { return _mm512_maskz_loadu_ps(first_lanes(count), from); }
PHILO_INLINE void store(float* to, Vec value) { _mm512_storeu_ps(to, value); }
PHILO_INLINE void store_part(float* to, Vec value, size_t count) { _mm512_mask_storeu_ps(to, first_lanes(count), value); }
PHILO_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
PHILO_INLINE Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
PHILO_INLINE Vec subtract(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
PHILO_INLINE Vec multiply(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
PHILO_INLINE Vec divide(Vec a, Vec b) { return _mm512_div_ps(a, b); }
// Where one is not a number the second operand is the result.
PHILO_INLINE Vec greater_of(Vec a, Vec b) { return _mm512_max_ps(a, b); }
PHILO_INLINE Vec lesser_of(Vec a, Vec b) { return _mm512_min_ps(a, b); }
PHILO_INLINE Vec round_to_whole(Vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// value * 2^power for whole powers from -126 to 128.
PHILO_INLINE Vec scale(Vec value, Vec power) { return _mm512_scalef_ps(value, power); }
// value, but 0 where x < limit.
PHILO_INLINE Vec zero_below(Vec value, Vec x, Vec limit) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), value);
}

template <FloatFormat format>
PHILO_INLINE Vec widen(const std::byte* from) {
  if constexpr (format == FloatFormat::F32) {
    return _mm512_loadu_ps(from);
  } else {
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    if constexpr (format == FloatFormat::F16) return _mm512_cvtph_ps(half);
    else return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
}

template <FloatFormat format>
PHILO_INLINE Vec widen_part(const std::byte* from, size_t count) {
  if constexpr (format == FloatFormat::F32) {
    return _mm512_maskz_loadu_ps(first_lanes(count), from);
  } else {
    const __m256i half = _mm256_maskz_loadu_epi16(first_lanes(count), from);
    if constexpr (format == FloatFormat::F16) return _mm512_cvtph_ps(half);
    else return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
}

PHILO_INLINE void store_half(std::byte* to, Vec value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
PHILO_INLINE void store_half_part(std::byte* to, Vec value, size_t count) {
  _mm256_mask_storeu_epi16(to, first_lanes(count), _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

// Four numbers, as sums_of_four yields them.
using Four = __m128;
PHILO_INLINE void store_four(float* to, Four four) { _mm_storeu_ps(to, four); }

// The sums of the lanes of four vectors; each is formed in the same order, wherever among the four it stands.
PHILO_INLINE Four sums_of_four(Vec a, Vec b, Vec c, Vec d) {
  const Vec ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const Vec cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const Vec four = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(four), _mm512_extractf32x8_ps(four, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

PHILO_INLINE float greatest(Vec a) {
  const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 quarter = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  quarter = _mm_max_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_max_ss(quarter, _mm_movehdup_ps(quarter)));
}

// Sum of squares in double precision.
struct Squares {
  __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();
  __attribute__((always_inline)) void add(Vec value) {
    const __m512d a = _mm512_cvtps_pd(_mm512_castps512_ps256(value)), b = _mm512_cvtps_pd(_mm512_extractf32x8_ps(value, 1));
    low = _mm512_fmadd_pd(a, a, low);
    high = _mm512_fmadd_pd(b, b, high);
  }
  __attribute__((always_inline)) double total() const {
    double parts[8];
    _mm512_storeu_pd(parts, _mm512_add_pd(low, high));
    return ((parts[0] + parts[4]) + (parts[2] + parts[6])) + ((parts[1] + parts[5]) + (parts[3] + parts[7]));
  }
};

}  // namespace
}  // namespace philo::PHILO_ISA
