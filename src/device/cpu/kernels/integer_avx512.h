// The integer words of coded_linear.h, quantize_input.h and attend.h for AVX-512 with VNNI: 16 lanes. Included by avx512.cpp alone.

namespace philo::PHILO_ISA {
namespace {

using Ints = __m512i;
using Quads = __m512i;
template <int bits>
using Weights = __m512i;
template <int bits>
constexpr int code_offset = 0;

constexpr int integer_vectors = 4, integer_tokens = 6;  // 24 sums, 4 weights and 1 input in 32 registers
constexpr int few_sum_tokens = 8, few_sums = 16;

PHILO_INLINE Ints splat_int(int32_t value) { return _mm512_set1_epi32(value); }
PHILO_INLINE Ints add_ints(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
PHILO_INLINE Ints greater_int(Ints a, Ints b) { return _mm512_max_epi32(a, b); }
PHILO_INLINE int32_t greatest_int(Ints a) { return _mm512_reduce_max_epi32(a); }
PHILO_INLINE int32_t sum_of_ints(Ints a) { return _mm512_reduce_add_epi32(a); }
PHILO_INLINE Vec to_floats(Ints a) { return _mm512_cvtepi32_ps(a); }
PHILO_INLINE Ints to_nearest(Vec a) { return _mm512_cvtps_epi32(a); }
PHILO_INLINE Ints magnitude_bits(Vec a) { return _mm512_and_si512(_mm512_castps_si512(a), _mm512_set1_epi32(0x7fffffff)); }
PHILO_INLINE void store_codes(int8_t* to, Ints a) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(a)); }
PHILO_INLINE void store_codes_part(int8_t* to, Ints a, size_t count) { _mm512_mask_cvtepi32_storeu_epi8(to, first_lanes(count), a); }
PHILO_INLINE Vec widen_signed(const std::byte* from) {
  return to_floats(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
PHILO_INLINE Vec widen_signed_part(const std::byte* from, size_t count) {
  return to_floats(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first_lanes(count), from)));
}
PHILO_INLINE Vec widen_unsigned(const uint8_t* from) {
  return to_floats(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}

PHILO_INLINE Quads load_quads(const std::byte* from) { return _mm512_loadu_si512(from); }
PHILO_INLINE void store_quads(std::byte* to, Quads a) { _mm512_storeu_si512(to, a); }
PHILO_INLINE Quads low_halves(Quads a) { return _mm512_and_si512(a, _mm512_set1_epi8(15)); }
PHILO_INLINE Quads high_halves(Quads a) { return _mm512_and_si512(_mm512_srli_epi16(a, 4), _mm512_set1_epi8(15)); }
PHILO_INLINE Quads splat_quad(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return _mm512_set1_epi32(four);
}
template <int bits>
PHILO_INLINE Weights<bits> as_weights(Quads a) {
  return a;
}
template <int bits>
PHILO_INLINE Ints begin_dots(Ints sum) {
  return sum;
}
template <int bits>
PHILO_INLINE Ints add_dot4(Ints dots, Weights<bits> weights, Quads in) {
  return _mm512_dpbusd_epi32(dots, weights, in);
}
template <int bits>
PHILO_INLINE Ints end_dots(Ints, Ints dots) {
  return dots;
}
template <int shift, int width>
PHILO_INLINE Vec code_floats(Quads a) {
  return to_floats(_mm512_and_si512(_mm512_srli_epi32(a, shift), _mm512_set1_epi32((1 << width) - 1)));
}

}  // namespace
}  // namespace philo::PHILO_ISA
