// The vector words that the operations are written in, for NEON: 4 lanes. Included by neon.cpp alone.
#include <arm_neon.h>

#include "device/cpu/kernels/kernels.h"

#define PHILO_INLINE static inline __attribute__((always_inline))

namespace philo::PHILO_ISA {
namespace {

using Vec = float32x4_t;
constexpr size_t lanes = 4;
constexpr int registers = 32;
constexpr int tile_rows = 4, tile_tokens = 6;  // 24 sums, 6 inputs and 1 weight in 32 registers

PHILO_INLINE Vec zero() { return vdupq_n_f32(0); }
PHILO_INLINE Vec splat(float value) { return vdupq_n_f32(value); }
PHILO_INLINE Vec load(const float* from) { return vld1q_f32(from); }
PHILO_INLINE Vec load_part(const float* from, size_t count) {
  float part[lanes] = {};
  __builtin_memcpy(part, from, count * sizeof(float));
  return vld1q_f32(part);
}
PHILO_INLINE void store(float* to, Vec value) { vst1q_f32(to, value); }
PHILO_INLINE void store_part(float* to, Vec value, size_t count) {
  float part[lanes];
  vst1q_f32(part, value);
  __builtin_memcpy(to, part, count * sizeof(float));
}
PHILO_INLINE Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
PHILO_INLINE Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
PHILO_INLINE Vec subtract(Vec a, Vec b) { return vsubq_f32(a, b); }
PHILO_INLINE Vec multiply(Vec a, Vec b) { return vmulq_f32(a, b); }
PHILO_INLINE Vec divide(Vec a, Vec b) { return vdivq_f32(a, b); }
// Where one is not a number the second operand is the result.
PHILO_INLINE Vec greater_of(Vec a, Vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
PHILO_INLINE Vec lesser_of(Vec a, Vec b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
PHILO_INLINE Vec round_to_whole(Vec a) { return vrndnq_f32(a); }
// value * 2^power for whole powers from -126 to 128, in two factors because 2^128 is none.
PHILO_INLINE Vec scale(Vec value, Vec power) {
  const int32x4_t whole = vcvtq_s32_f32(power), half = vshrq_n_s32(whole, 1), bias = vdupq_n_s32(127);
  const int32x4_t first = vshlq_n_s32(vaddq_s32(half, bias), 23);
  const int32x4_t second = vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), bias), 23);
  return vmulq_f32(vmulq_f32(value, vreinterpretq_f32_s32(first)), vreinterpretq_f32_s32(second));
}
// value, but 0 where x < limit.
PHILO_INLINE Vec zero_below(Vec value, Vec x, Vec limit) {
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(value), vcltq_f32(x, limit)));
}

template <FloatFormat format>
PHILO_INLINE Vec widen_bits(uint16x4_t half) {
  if constexpr (format == FloatFormat::F16) return vcvt_f32_f16(vreinterpret_f16_u16(half));
  else return vreinterpretq_f32_u32(vshll_n_u16(half, 16));
}

template <FloatFormat format>
PHILO_INLINE Vec widen(const std::byte* from) {
  if constexpr (format == FloatFormat::F32) return vreinterpretq_f32_u8(vld1q_u8(reinterpret_cast<const uint8_t*>(from)));
  else return widen_bits<format>(vreinterpret_u16_u8(vld1_u8(reinterpret_cast<const uint8_t*>(from))));
}

template <FloatFormat format>
PHILO_INLINE Vec widen_part(const std::byte* from, size_t count) {
  constexpr size_t bytes = format == FloatFormat::F32 ? 4 : 2;
  std::byte part[lanes * bytes] = {};
  __builtin_memcpy(part, from, count * bytes);
  return widen<format>(part);
}

PHILO_INLINE void store_half(std::byte* to, Vec value) {
  vst1_u8(reinterpret_cast<uint8_t*>(to), vreinterpret_u8_f16(vcvt_f16_f32(value)));
}
PHILO_INLINE void store_half_part(std::byte* to, Vec value, size_t count) {
  std::byte part[2 * lanes];
  store_half(part, value);
  __builtin_memcpy(to, part, 2 * count);
}

// Four numbers, as sums_of_four yields them.
using Four = float32x4_t;
PHILO_INLINE void store_four(float* to, Four four) { vst1q_f32(to, four); }

// The sums of the lanes of four vectors; each is formed in the same order, wherever among the four it stands.
PHILO_INLINE Four sums_of_four(Vec a, Vec b, Vec c, Vec d) { return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)); }

PHILO_INLINE float greatest(Vec a) { return vmaxvq_f32(a); }

// Sum of squares in double precision.
struct Squares {
  float64x2_t low = vdupq_n_f64(0), high = vdupq_n_f64(0);
  __attribute__((always_inline)) void add(Vec value) {
    const float64x2_t a = vcvt_f64_f32(vget_low_f32(value)), b = vcvt_high_f64_f32(value);
    low = vfmaq_f64(low, a, a);
    high = vfmaq_f64(high, b, b);
  }
  __attribute__((always_inline)) double total() const { return vaddvq_f64(vaddq_f64(low, high)); }
};

}  // namespace
}  // namespace philo::PHILO_ISA
