// Sizes and dims: what broadcasts, what is inferred, and that nothing overflows.
#include "tenon/base/shape.h"

#include <gtest/gtest.h>

#include <string>

namespace tenon {
namespace {

template <class E, class F>
std::string message_of(F&& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return "no error";
}

TEST(Shape, MultipliesAndAddsOrThrowsNamingWhat) {
  EXPECT_EQ(checked_mul(1 << 30, 1 << 30, "bytes"), int64_t{1} << 60);
  EXPECT_THROW(checked_mul(INT64_MAX, 2, "bytes"), TensorError);
  EXPECT_THROW(checked_add(INT64_MAX, 1, "offset"), TensorError);
  EXPECT_NE(message_of<TensorError>([] { checked_mul(INT64_MAX, 2, "bytes"); }).find("bytes"), std::string::npos);
}

TEST(Shape, CountsElements) {
  EXPECT_EQ(checked_numel({}, "zeros"), 1);
  EXPECT_EQ(checked_numel({2, 3, 4}, "zeros"), 24);
  EXPECT_EQ(checked_numel({2, 0, 4}, "zeros"), 0);
  EXPECT_THROW(checked_numel({2, -1}, "zeros"), TensorError);
  EXPECT_THROW(checked_numel({INT64_MAX, 2}, "zeros"), TensorError);
  EXPECT_THROW(checked_numel({0, INT64_MAX, INT64_MAX}, "zeros"), TensorError);
}

TEST(Shape, WrapsDims) {
  EXPECT_EQ(wrap_dim(-1, 3, "sum"), 2);
  EXPECT_EQ(wrap_dim(0, 0, "sum"), 0);
  EXPECT_EQ(wrap_dim(-1, 0, "sum"), 0);
  EXPECT_EQ(message_of<IndexError>([] { wrap_dim(5, 2, "sum"); }),
            "sum: Dimension out of range (expected to be in range of [-2, 1], but got 5)");
  EXPECT_THROW(wrap_dim(1, 0, "sum"), IndexError);
  EXPECT_THROW(wrap_dim(INT64_MIN, 2, "sum"), IndexError);
  EXPECT_EQ(wrap_dims({-1, 0}, 3, "sum"), (DimVector{2, 0}));
  EXPECT_TRUE(wrap_dims({}, 3, "sum").empty());
  EXPECT_THROW(wrap_dims({0, -3}, 3, "sum"), TensorError);
}

TEST(Shape, ContiguousStridesTreatEmptyDimsAsOne) {
  EXPECT_EQ(contiguous_strides({2, 3, 4}), (DimVector{12, 4, 1}));
  EXPECT_EQ(contiguous_strides({2, 0, 4}), (DimVector{4, 4, 1}));
  EXPECT_TRUE(contiguous_strides({}).empty());
}

TEST(Shape, Broadcasts) {
  EXPECT_EQ(broadcast_shapes({2, 1, 4}, {3, 1}, "add"), (DimVector{2, 3, 4}));
  EXPECT_EQ(broadcast_shapes({}, {3}, "add"), (DimVector{3}));
  EXPECT_EQ(broadcast_shapes({0}, {1}, "add"), (DimVector{0}));
  EXPECT_THROW(broadcast_shapes({0}, {3}, "add"), TensorError);
  EXPECT_EQ(
      message_of<TensorError>([] {
        broadcast_shapes({2, 3}, {4, 3}, "add");
      }),
      "add: The size of tensor a (2) must match the size of tensor b (4) at non-singleton dimension 0; the shapes "
      "are [2, 3] and [4, 3]");
  EXPECT_TRUE(is_expandable_to({3, 1}, {2, 3, 4}));
  EXPECT_FALSE(is_expandable_to({3}, {1}));
  EXPECT_FALSE(is_expandable_to({1, 3}, {3}));
}

TEST(Shape, InfersOneSize) {
  EXPECT_EQ(infer_size({2, -1}, 6, "view"), (DimVector{2, 3}));
  EXPECT_EQ(infer_size({-1}, 0, "view"), (DimVector{0}));
  EXPECT_EQ(infer_size({3, 0}, 0, "view"), (DimVector{3, 0}));
  EXPECT_EQ(infer_size({}, 1, "view"), DimVector());
  for (DimVector bad : {DimVector{4, -1}, DimVector{-1, -1}, DimVector{5}, DimVector{-2, 3}, DimVector{0, -1}}) {
    EXPECT_THROW(infer_size(bad, 6, "view"), TensorError) << bad;
  }
  EXPECT_THROW(infer_size({-1, 0}, 0, "view"), TensorError);
  EXPECT_THROW(infer_size({INT64_MAX, INT64_MAX, 4}, 4, "view"), TensorError);
}

}  // namespace
}  // namespace tenon
