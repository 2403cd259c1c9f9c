// The vector words that the operations are written in, for AVX2 with FMA and F16C: 8 lanes. Included by avx2.cpp alone.
#include <immintrin.h>

#include "device/cpu/kernels/kernels.h"

#define PHILO_INLINE static inline __attribute__((always_inline))

namespace philo::PHILO_ISA {
namespace {

using Vec = __m256;
constexpr size_t lanes = 8;
constexpr int registers = 16;
constexpr int tile_rows = 4, tile_tokens = 3;  // 12 sums, 3 inputs and 1 weight in 16 registers

PHILO_INLINE __m256i first_lanes(size_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

PHILO_INLINE Vec zero() { return _mm256_setzero_ps(); }
PHILO_INLINE Vec splat(float value) { return _mm256_set1_ps(value); }
PHILO_INLINE Vec load(const float* from) { return _mm256_loadu_ps(from); }
PHILO_INLINE Vec load_part(const float* from, size_t count) { return _mm256_maskload_ps(from, first_lanes(count)); }
PHILO_INLINE void store(float* to, Vec value) { _mm256_storeu_ps(to, value); }
PHILO_INLINE void store_part(float* to, Vec value, size_t count) { _mm256_maskstore_ps(to, first_lanes(count), value); }
PHILO_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
PHILO_INLINE Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
PHILO_INLINE Vec subtract(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
PHILO_INLINE Vec multiply(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
PHILO_INLINE Vec divide(Vec a, Vec b) { return _mm256_div_ps(a, b); }
// Where one is not a number the second operand is the result.
PHILO_INLINE Vec greater_of(Vec a, Vec b) { return _mm256_max_ps(a, b); }
PHILO_INLINE Vec lesser_of(Vec a, Vec b) { return _mm256_min_ps(a, b); }
PHILO_INLINE Vec round_to_whole(Vec a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// value * 2^power for whole powers from -126 to 128, in two factors because 2^128 is none.
PHILO_INLINE Vec scale(Vec value, Vec power) {
  const __m256i whole = _mm256_cvtps_epi32(power), half = _mm256_srai_epi32(whole, 1), bias = _mm256_set1_epi32(127);
  const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23);
  return _mm256_mul_ps(_mm256_mul_ps(value, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}
// value, but 0 where x < limit.
PHILO_INLINE Vec zero_below(Vec value, Vec x, Vec limit) { return _mm256_and_ps(value, _mm256_cmp_ps(x, limit, _CMP_NLT_UQ)); }

template <FloatFormat format>
PHILO_INLINE Vec widen_bits(__m128i half) {
  if constexpr (format == FloatFormat::F16) return _mm256_cvtph_ps(half);
  else return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

template <FloatFormat format>
PHILO_INLINE Vec widen(const std::byte* from) {
  if constexpr (format == FloatFormat::F32) return _mm256_loadu_ps(reinterpret_cast<const float*>(from));
  else return widen_bits<format>(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

template <FloatFormat format>
PHILO_INLINE Vec widen_part(const std::byte* from, size_t count) {
  if constexpr (format == FloatFormat::F32) {
    return _mm256_maskload_ps(reinterpret_cast<const float*>(from), first_lanes(count));
  } else {
    alignas(16) std::byte part[16] = {};
    __builtin_memcpy(part, from, 2 * count);
    return widen_bits<format>(_mm_load_si128(reinterpret_cast<const __m128i*>(part)));
  }
}

PHILO_INLINE void store_half(std::byte* to, Vec value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
PHILO_INLINE void store_half_part(std::byte* to, Vec value, size_t count) {
  alignas(16) std::byte part[16];
  store_half(part, value);
  __builtin_memcpy(to, part, 2 * count);
}

// Four numbers, as sums_of_four yields them.
using Four = __m128;
PHILO_INLINE void store_four(float* to, Four four) { _mm_storeu_ps(to, four); }

// The sums of the lanes of four vectors; each is formed in the same order, wherever among the four it stands.
PHILO_INLINE Four sums_of_four(Vec a, Vec b, Vec c, Vec d) {
  const Vec ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
  const Vec cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
  const Vec four = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
  return _mm_add_ps(_mm256_castps256_ps128(four), _mm256_extractf128_ps(four, 1));
}

PHILO_INLINE float greatest(Vec a) {
  __m128 quarter = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  quarter = _mm_max_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_max_ss(quarter, _mm_movehdup_ps(quarter)));
}

// Sum of squares in double precision.
struct Squares {
  __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
  __attribute__((always_inline)) void add(Vec value) {
    const __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(value)), b = _mm256_cvtps_pd(_mm256_extractf128_ps(value, 1));
    low = _mm256_fmadd_pd(a, a, low);
    high = _mm256_fmadd_pd(b, b, high);
  }
  __attribute__((always_inline)) double total() const {
    double parts[4];
    _mm256_storeu_pd(parts, _mm256_add_pd(low, high));
    return (parts[0] + parts[2]) + (parts[1] + parts[3]);
  }
};

}  // namespace
}  // namespace philo::PHILO_ISA
