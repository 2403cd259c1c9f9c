// The integer words of coded_linear.h, quantize_input.h and attend.h for 8 lanes: AVX2 alone, or with the dot product of AVX-VNNI or of
// AVX-512 VNNI and VL. Included by avx2.cpp, avx_vnni.cpp and avx_vnni_evex.cpp.

namespace philo::PHILO_ISA {
namespace {

using Ints = __m256i;
using Quads = __m256i;

PHILO_INLINE Ints splat_int(int32_t value) { return _mm256_set1_epi32(value); }
PHILO_INLINE Ints add_ints(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
PHILO_INLINE Ints greater_int(Ints a, Ints b) { return _mm256_max_epi32(a, b); }
PHILO_INLINE int32_t greatest_int(Ints a) {
  __m128i quarter = _mm_max_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  quarter = _mm_max_epi32(quarter, _mm_shuffle_epi32(quarter, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(quarter, _mm_shuffle_epi32(quarter, 0xb1)));
}
PHILO_INLINE int32_t sum_of_ints(Ints a) {
  __m128i quarter = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  quarter = _mm_add_epi32(quarter, _mm_shuffle_epi32(quarter, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(quarter, _mm_shuffle_epi32(quarter, 0xb1)));
}
PHILO_INLINE Vec to_floats(Ints a) { return _mm256_cvtepi32_ps(a); }
PHILO_INLINE Ints to_nearest(Vec a) { return _mm256_cvtps_epi32(a); }
PHILO_INLINE Ints magnitude_bits(Vec a) { return _mm256_and_si256(_mm256_castps_si256(a), _mm256_set1_epi32(0x7fffffff)); }
// Numbers from -128 to 127 as bytes.
PHILO_INLINE __m128i as_bytes(Ints a) {
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  return _mm_packs_epi16(words, words);
}
PHILO_INLINE void store_codes(int8_t* to, Ints a) { _mm_storel_epi64(reinterpret_cast<__m128i*>(to), as_bytes(a)); }
PHILO_INLINE void store_codes_part(int8_t* to, Ints a, size_t count) {
  const __m128i bytes = as_bytes(a);
  __builtin_memcpy(to, &bytes, count);
}
PHILO_INLINE Vec widen_signed(const std::byte* from) {
  return to_floats(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}
PHILO_INLINE Vec widen_signed_part(const std::byte* from, size_t count) {
  std::byte part[8] = {};
  __builtin_memcpy(part, from, count);
  return widen_signed(part);
}
PHILO_INLINE Vec widen_unsigned(const uint8_t* from) {
  return to_floats(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}

PHILO_INLINE Quads load_quads(const std::byte* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
PHILO_INLINE void store_quads(std::byte* to, Quads a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), a); }
PHILO_INLINE Quads low_halves(Quads a) { return _mm256_and_si256(a, _mm256_set1_epi8(15)); }
PHILO_INLINE Quads high_halves(Quads a) { return _mm256_and_si256(_mm256_srli_epi16(a, 4), _mm256_set1_epi8(15)); }
PHILO_INLINE Quads splat_quad(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return _mm256_set1_epi32(four);
}
template <int shift, int width>
PHILO_INLINE Vec code_floats(Quads a) {
  return to_floats(_mm256_and_si256(_mm256_srli_epi32(a, shift), _mm256_set1_epi32((1 << width) - 1)));
}

#if defined(__AVXVNNI__) || defined(__AVX512VNNI__)

template <int bits>
using Weights = __m256i;
template <int bits>
constexpr int code_offset = 0;

constexpr int integer_vectors = 2, integer_tokens = 6;  // 12 sums, 2 weights and 1 input in 16 registers
constexpr int few_sum_tokens = 5, few_sums = 10;  // beside 2 vectors of codes, 2 weights and 1 input

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
#if defined(__AVX512VNNI__)
  return _mm256_dpbusd_epi32(dots, weights, in);
#else
  return _mm256_dpbusd_avx_epi32(dots, weights, in);
#endif
}
template <int bits>
PHILO_INLINE Ints end_dots(Ints, Ints dots) {
  return dots;
}

#else

// vpmaddubsw adds two products of an unsigned and a signed byte in 16 bits and saturates. Codes of 4 bits leave room for eight of its
// results: 16 * 15 * 127 < 2^15. Codes of 8 bits become signed and are split into magnitude and sign, and the sign goes to the
// input: 2 * 128 * 127 < 2^15 leaves room for one.
template <int bits>
struct Weights {
  __m256i codes, magnitudes;
};
template <>
struct Weights<4> {
  __m256i codes;
};
template <int bits>
constexpr int code_offset = bits == 8 ? 128 : 0;

constexpr int integer_vectors = 2, integer_tokens = 4;
constexpr int few_sum_tokens = 8, few_sums = 6;  // and as many dots

template <int bits>
PHILO_INLINE Weights<bits> as_weights(Quads a) {
  if constexpr (bits == 4) {
    return {a};
  } else {
    const __m256i codes = _mm256_xor_si256(a, _mm256_set1_epi8(-128));
    return {codes, _mm256_abs_epi8(codes)};
  }
}
// The dots of 4-bit codes are in 16 bits.
template <int bits>
PHILO_INLINE Ints begin_dots(Ints sum) {
  return bits == 4 ? _mm256_setzero_si256() : sum;
}
template <int bits>
PHILO_INLINE Ints add_dot4(Ints dots, Weights<bits> weights, Quads in) {
  if constexpr (bits == 4) {
    return _mm256_add_epi16(dots, _mm256_maddubs_epi16(weights.codes, in));
  } else {
    const __m256i pairs = _mm256_maddubs_epi16(weights.magnitudes, _mm256_sign_epi8(in, weights.codes));
    return _mm256_add_epi32(dots, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
}
template <int bits>
PHILO_INLINE Ints end_dots(Ints sum, Ints dots) {
  return bits == 4 ? _mm256_add_epi32(sum, _mm256_madd_epi16(dots, _mm256_set1_epi16(1))) : dots;
}

#endif

}  // namespace
}  // namespace philo::PHILO_ISA
