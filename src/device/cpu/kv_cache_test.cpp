// Growth, recycling and failure of the cache, without a network.
#include "device/cpu/kv_cache.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/refusal.h"

namespace philo {
namespace {

TEST(KvCache, GrowsByBlocksAsTokensCome) {
  KvCache cache({.layers = 2, .kv_heads = 3, .head_size = 8, .format = KvFormat::Fp16, .window = {}}, 100000, nullptr);
  EXPECT_EQ(cache.memory_bytes(), 0u);
  cache.prepare(1);
  cache.advance(1);
  EXPECT_EQ(cache.memory_bytes(), 2u * 2 * 3 * 64 * 8 * 2);
  cache.prepare(63);
  cache.advance(63);
  EXPECT_EQ(cache.memory_bytes(), cache.shape().block_bytes());
  cache.prepare(1);
  EXPECT_EQ(cache.memory_bytes(), 2 * cache.shape().block_bytes());
}

TEST(KvCache, KeepsPositionAndKeysWhereMemoryIsMissing) {
  KvCache cache({.layers = 1, .kv_heads = 1, .head_size = size_t{1} << 40, .format = KvFormat::Fp32, .window = {}}, 100, nullptr);
  EXPECT_EQ(thrown([&] { cache.prepare(1); }).code(), ErrorCode::Resource) << "half a petabyte was granted";
  EXPECT_EQ(cache.position(), 0u);
}

TEST(KvCache, SeesTheKeysOfTheWindow) {
  KvCache cache({.layers = 1, .kv_heads = 1, .head_size = 4, .format = KvFormat::Fp32, .window = 5}, 100, nullptr);
  EXPECT_EQ(cache.first_visible(0), 0u);
  EXPECT_EQ(cache.first_visible(4), 0u);
  EXPECT_EQ(cache.first_visible(5), 1u);
  EXPECT_EQ(cache.first_visible(99), 95u);
}

}  // namespace
}  // namespace philo
