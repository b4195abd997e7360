// Storages that move to other memory while tensors view them.
#include "tenon/tensor/storage.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "tenon/ops/ops.h"

namespace tenon {
namespace {

TEST(Storage, MovesToOtherMemoryWithAllItsViews) {
  Tensor x = arange(6).to(kFloat);
  const Tensor row = x.slice(0, 2, 4);
  std::vector<float> memory(6, -1);
  bool is_released = false;
  x.storage()->move_to(memory.data(), [&] { is_released = true; });
  EXPECT_EQ(x.data_ptr(), memory.data());
  EXPECT_EQ(row.data_ptr(), memory.data() + 2);
  row.fill_(7);
  EXPECT_EQ(memory, (std::vector<float>{0, 1, 7, 7, 4, 5}));
  EXPECT_THROW(x.storage()->resize(100), Error);
  x = row;
  EXPECT_FALSE(is_released);
}

TEST(Storage, GivesBorrowedMemoryBackOnceItHasMoved) {
  std::vector<float> first(4, 1), second(4), third(4);
  int first_released = 0, second_released = 0, third_released = 0;
  {
    Tensor x = from_blob(first.data(), {4}, [&](void*) { ++first_released; }, kFloat);
    x.storage()->move_to(second.data(), [&] { ++second_released; });
    EXPECT_EQ(first_released, 1);
    EXPECT_EQ(second, first);
    // Others than tensors read the second memory, so it stays until the storage ends.
    x.storage()->pin();
    x.storage()->move_to(third.data(), [&] { ++third_released; });
    EXPECT_EQ(second_released, 0);
    EXPECT_EQ(third, first);
  }
  EXPECT_EQ(first_released, 1);
  EXPECT_EQ(second_released, 1);
  EXPECT_EQ(third_released, 1);
}

TEST(Storage, PinnedMemoryOfItsOwnStaysReadableUntilItEnds) {
  Tensor x = ones({1000});
  const float* const before = x.data_ptr<float>();
  x.storage()->pin();
  std::vector<float> memory(1000);
  x.storage()->move_to(memory.data(), nullptr);
  x.fill_(2);
  EXPECT_EQ(std::accumulate(before, before + 1000, 0.0f), 1000);
  EXPECT_EQ(std::accumulate(memory.begin(), memory.end(), 0.0f), 2000);
}

}  // namespace
}  // namespace tenon
