// The table of tensors: names, addresses and owners.
#include "tensor/weights.h"

#include <gtest/gtest.h>

#include "base/refusal.h"

namespace philo {
namespace {

TEST(Weights, KeepsNamesUniqueAndAddressesStable) {
  Weights weights;
  std::byte bytes[4] = {};
  weights.add({"a", DType::F32, {1}, bytes}, "one");
  const Tensor* first = weights.find("a");
  ASSERT_NE(first, nullptr);
  Weights more;
  for (int i = 0; i < 100; ++i) more.add({"t" + std::to_string(i), DType::F32, {1}, bytes}, "two");
  const Tensor* moved = more.find("t7");
  weights.take(std::move(more), "two");
  EXPECT_EQ(weights.find("a"), first);
  EXPECT_EQ(weights.find("t7"), moved);
  EXPECT_EQ(weights.tensors().size(), 101u);
  EXPECT_EQ(weights.bytes(), 404u);
  EXPECT_EQ(weights.find("missing"), nullptr);

  Weights again;
  again.add({"a", DType::F32, {1}, bytes}, "three");
  const std::string twice = "three: tensor \"a\" is there a second time";
  EXPECT_EQ(refusal([&] { weights.add({"a", DType::F32, {1}, bytes}, "three"); }), twice);
  EXPECT_EQ(refusal([&] { weights.take(std::move(again), "three"); }), twice);
}

TEST(Weights, KeepsOwnersAlive) {
  auto owner = std::make_shared<const int>(1);
  const std::weak_ptr<const int> watch = owner;
  {
    Weights all;
    Weights part;
    part.keep(std::move(owner));
    all.take(std::move(part), "x");
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace philo
