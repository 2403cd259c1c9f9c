// The integer words of coded_linear.h, quantize_input.h and attend.h for NEON with dot products: 4 lanes. Included by neon.cpp alone.

namespace philo::PHILO_ISA {
namespace {

using Ints = int32x4_t;
using Quads = uint8x16_t;
// sdot multiplies signed bytes: codes of 4 bits are as good signed, those of 8 bits are moved down by 128.
template <int bits>
struct Weights {
  int8x16_t codes;
};
template <int bits>
constexpr int code_offset = bits == 8 ? 128 : 0;

constexpr int integer_vectors = 4, integer_tokens = 6;  // 24 sums, 4 weights, 1 input and 1 offset in 32 registers
constexpr int few_sum_tokens = 8, few_sums = 16;

PHILO_INLINE Ints splat_int(int32_t value) { return vdupq_n_s32(value); }
PHILO_INLINE Ints add_ints(Ints a, Ints b) { return vaddq_s32(a, b); }
PHILO_INLINE Ints greater_int(Ints a, Ints b) { return vmaxq_s32(a, b); }
PHILO_INLINE int32_t greatest_int(Ints a) { return vmaxvq_s32(a); }
PHILO_INLINE int32_t sum_of_ints(Ints a) { return vaddvq_s32(a); }
PHILO_INLINE Vec to_floats(Ints a) { return vcvtq_f32_s32(a); }
PHILO_INLINE Ints to_nearest(Vec a) { return vcvtnq_s32_f32(a); }
PHILO_INLINE Ints magnitude_bits(Vec a) { return vandq_s32(vreinterpretq_s32_f32(a), vdupq_n_s32(0x7fffffff)); }
// Numbers from -128 to 127 as bytes.
PHILO_INLINE void store_codes_part(int8_t* to, Ints a, size_t count) {
  const int16x4_t words = vmovn_s32(a);
  const int8x8_t bytes = vmovn_s16(vcombine_s16(words, words));
  __builtin_memcpy(to, &bytes, count);
}
PHILO_INLINE void store_codes(int8_t* to, Ints a) { store_codes_part(to, a, lanes); }
PHILO_INLINE Vec widen_signed_part(const std::byte* from, size_t count) {
  int8_t part[8] = {};
  __builtin_memcpy(part, from, count);
  return to_floats(vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(part)))));
}
PHILO_INLINE Vec widen_signed(const std::byte* from) { return widen_signed_part(from, lanes); }
PHILO_INLINE Vec widen_unsigned(const uint8_t* from) {
  uint8_t part[8] = {};
  __builtin_memcpy(part, from, lanes);
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vld1_u8(part)))));
}

PHILO_INLINE Quads load_quads(const std::byte* from) { return vld1q_u8(reinterpret_cast<const uint8_t*>(from)); }
PHILO_INLINE void store_quads(std::byte* to, Quads a) { vst1q_u8(reinterpret_cast<uint8_t*>(to), a); }
PHILO_INLINE Quads low_halves(Quads a) { return vandq_u8(a, vdupq_n_u8(15)); }
PHILO_INLINE Quads high_halves(Quads a) { return vshrq_n_u8(a, 4); }
PHILO_INLINE Quads splat_quad(const int8_t* from) {
  uint32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return vreinterpretq_u8_u32(vdupq_n_u32(four));
}
template <int bits>
PHILO_INLINE Weights<bits> as_weights(Quads a) {
  return {vreinterpretq_s8_u8(bits == 8 ? veorq_u8(a, vdupq_n_u8(128)) : a)};
}
template <int bits>
PHILO_INLINE Ints begin_dots(Ints sum) {
  return sum;
}
template <int bits>
PHILO_INLINE Ints add_dot4(Ints dots, Weights<bits> weights, Quads in) {
  return vdotq_s32(dots, weights.codes, vreinterpretq_s8_u8(in));
}
template <int bits>
PHILO_INLINE Ints end_dots(Ints, Ints dots) {
  return dots;
}
template <int shift, int width>
PHILO_INLINE Vec code_floats(Quads a) {
  uint32x4_t codes = vreinterpretq_u32_u8(a);
  if constexpr (shift != 0) codes = vshrq_n_u32(codes, shift);
  return vcvtq_f32_u32(vandq_u32(codes, vdupq_n_u32((1u << width) - 1)));
}

}  // namespace
}  // namespace philo::PHILO_ISA
