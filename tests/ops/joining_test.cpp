// Joining, splitting and rearranging: layouts, dtypes, what shares memory, and errors. Values:
// shape_reference_test.cpp.
#include "helpers.h"

namespace tenon::testing {
namespace {

TEST(Cat, PromotesAndKeepsChannelsLast) {
  EXPECT_EQ(cat({longs({1}), floats({2})}).dtype(), kFloat);
  EXPECT_EQ(cat({longs({1}), bools({1})}).dtype(), kLong);
  EXPECT_EQ(cat({zeros({0}, kDouble), ones({2})}).dtype(), kDouble);
  const Tensor image = ramp({1, 2, 2, 2}).contiguous(MemoryFormat::ChannelsLast);
  const Tensor joined = cat({image, image}, 1);
  EXPECT_TRUE(joined.is_contiguous(MemoryFormat::ChannelsLast));
  EXPECT_EQ(list(joined), (List{0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(Cat, ErrorsNameTheTensor) {
  EXPECT_THROWS(ValueError, cat({}), "non-empty list");
  EXPECT_THROWS(TensorError, cat({ones({2}), ones({})}), "zero-dimensional tensor (at position 1)");
  EXPECT_THROWS(TensorError, cat({ones({2, 3}), ones({3, 3})}, 1),
                "Expected size 2 but got size 3 for tensor number 1 in the list");
  EXPECT_THROWS(TensorError, cat({ones({2, 3}), ones({3})}), "same number of dimensions: got 2 and 1");
  EXPECT_THROWS(TensorError, cat({ones({2}), Tensor()}), "tensor number 1 is undefined");
  EXPECT_THROWS(IndexError, cat({ones({2})}, 1), "Dimension out of range");
  EXPECT_THROWS(TensorError, stack({ones({2}), ones({3})}), "got [2] at entry 0 and [3] at entry 1");
}

TEST(Cat, SizesThatOverflowAreRefused) {
  const Tensor huge = ones({1}).expand({int64_t{1} << 62});
  EXPECT_THROWS(TensorError, cat({huge, huge}), "does not fit in 64 bits");
}

TEST(Split, PartsAreViewsOfOneNode) {
  const Tensor x = ramp({5, 2});
  const auto parts = x.split(2);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[2].sizes(), IntArrayRef({1, 2}));
  parts[1].fill_(-1);
  EXPECT_EQ(list(x), (List{0, 1, 2, 3, -1, -1, -1, -1, 8, 9}));
  const Tensor leaf = ramp({4}).requires_grad_();
  const auto recorded = leaf.unbind();
  EXPECT_EQ(recorded[0].grad_fn().get(), recorded[3].grad_fn().get());
  (recorded[1] * 3).backward();
  EXPECT_EQ(list(leaf.grad()), (List{0, 3, 0, 0}));
}

TEST(Split, EditsOfPartsReachTheBase) {
  const Tensor x = ramp({4}).requires_grad_();
  const Tensor y = x * 1;
  y.split(2)[1].mul_(5);
  y.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{1, 1, 5, 5}));
}

TEST(Split, CountsFollowPyTorch) {
  const Tensor x = ramp({5});
  EXPECT_EQ(x.chunk(3).size(), 3u);
  EXPECT_EQ(x.chunk(4).size(), 3u);
  EXPECT_EQ(x.tensor_split(7).size(), 7u);
  EXPECT_EQ(x.tensor_split(longs({1, 4})).at(1).sizes(), IntArrayRef({3}));
  EXPECT_EQ(zeros({0, 2}).split(3).size(), 1u);
  EXPECT_EQ(zeros({0, 2}).chunk(3).size(), 3u);
  EXPECT_EQ(zeros({0, 2}).unbind().size(), 0u);
  EXPECT_EQ(ramp({2, 4}).hsplit(2)[1].sizes(), IntArrayRef({2, 2}));
}

TEST(Split, WrongSizesAreRefused) {
  const Tensor x = ramp({5});
  EXPECT_THROWS(TensorError, x.split(-1), "non-negative");
  EXPECT_THROWS(TensorError, x.split(0), "split_size can only be 0 if dimension size is 0");
  EXPECT_THROWS(TensorError, x.split({1, 2}), "sum exactly to 5");
  EXPECT_THROWS(TensorError, x.split({6, -1}), "non-negative entries");
  EXPECT_THROWS(TensorError, x.chunk(0), "greater than 0");
  EXPECT_THROWS(TensorError, ones({}).split(1), "at least a 1-dimensional");
  EXPECT_THROWS(IndexError, ones({}).unbind(), "no dimensions");
  EXPECT_THROWS(TensorError, ramp({2, 3}).hsplit(2), "not divisible");
  EXPECT_THROWS(TensorError, x.vsplit(1), "at least 2 dimension");
}

TEST(Repeat, CopiesEvenWhenNothingRepeats) {
  const Tensor x = ramp({2});
  EXPECT_NE(x.repeat({1}).data_ptr(), x.data_ptr());
  EXPECT_EQ(x.repeat({0, 1}).sizes(), IntArrayRef({0, 2}));
  EXPECT_THROWS(TensorError, ramp({2, 3}).repeat({2}), "can not be smaller");
  EXPECT_THROWS(TensorError, x.repeat({-1}), "negative");
  EXPECT_THROWS(TensorError, x.repeat({int64_t{1} << 62, 4}), "64 bits");
  EXPECT_THROWS(TensorError, x.repeat_interleave(longs({1, -1})), "can not be negative");
  EXPECT_THROWS(TensorError, x.repeat_interleave(longs({1, 1, 1}), 0), "same size as input");
  EXPECT_EQ(list<int64_t>(repeat_interleave(longs({1, 0, 2}))), (Longs{0, 2, 2}));
}

TEST(Roll, AnyShiftIsTakenModuloTheSize) {
  const Tensor x = ramp({3});
  EXPECT_EQ(list(x.roll({-1}, {0})), (List{1, 2, 0}));
  EXPECT_EQ(list(x.roll({300}, {0})), (List{0, 1, 2}));
  EXPECT_EQ(list(x.roll({INT64_MIN}, {0})), (List{2, 0, 1}));
  EXPECT_EQ(zeros({0, 2}).roll(1, 0).sizes(), IntArrayRef({0, 2}));
  EXPECT_THROWS(TensorError, x.roll({1, 2}, {0}), "must align");
}

TEST(Flip, RefusesADimTwice) {
  EXPECT_THROWS(TensorError, ramp({2, 3}).flip({0, -2}), "multiple times");
  EXPECT_EQ(list<int64_t>(longs({1, 2, 3}).flip(0)), (Longs{3, 2, 1}));
  EXPECT_EQ(ones({}).flip({0}).item<float>(), 1);
}

TEST(Triangle, IndicesAndExtremeDiagonals) {
  EXPECT_EQ(list<int64_t>(tril_indices(2, 3, 1)), (Longs{0, 0, 1, 1, 1, 0, 1, 0, 1, 2}));
  EXPECT_EQ(list<int64_t>(triu_indices(2, 3, 1)), (Longs{0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(tril_indices(2, 2, INT64_MIN).sizes(), IntArrayRef({2, 0}));
  EXPECT_EQ(triu_indices(2, 2, INT64_MIN).sizes(), IntArrayRef({2, 4}));
  EXPECT_EQ(list(ones({2, 2}).tril(INT64_MIN)), (List{0, 0, 0, 0}));
  EXPECT_EQ(ones({2, 2}).diagonal(INT64_MIN).sizes(), IntArrayRef({0}));
  EXPECT_THROWS(TensorError, ones({2}).tril(), "at least 2 dimensions");
}

TEST(Unfold, WindowsShareMemory) {
  const Tensor x = ramp({5});
  const Tensor windows = x.unfold(0, 3, 2);
  EXPECT_EQ(list(windows), (List{0, 1, 2, 2, 3, 4}));
  EXPECT_EQ(windows.data_ptr(), x.data_ptr());
  EXPECT_EQ(ones({}).unfold(0, 1, 1).sizes(), IntArrayRef({1}));
  EXPECT_THROWS(TensorError, x.unfold(0, 6, 1), "maximum size");
  EXPECT_THROWS(TensorError, x.unfold(0, 2, 0), "must be > 0");
  EXPECT_EQ(x.unfold(0, 2, INT64_MAX).sizes(), IntArrayRef({1, 2}));
}

TEST(ViewAsDtype, ScalesTheLastDim) {
  const Tensor x = floats({1, -2});
  EXPECT_EQ(list<int32_t>(x.view(kInt)), (std::vector<int32_t>{0x3f800000, -0x40000000}));
  EXPECT_EQ(x.view(kByte).sizes(), IntArrayRef({8}));
  EXPECT_EQ(x.view(kLong).sizes(), IntArrayRef({1}));
  EXPECT_EQ(x.view(kByte).view(kFloat).data_ptr(), x.data_ptr());
  EXPECT_THROWS(TensorError, floats({1, 2, 3}).view(kLong), "must be divisible by 2");
  EXPECT_THROWS(TensorError, ramp({2, 4}).t().view(kLong), "stride(-1) must be 1");
  EXPECT_THROWS(TensorError, ones({}).view(kLong), "cannot be 0");
}

TEST(InPlaceLayout, ChangesTheTensorItself) {
  const Tensor x = ramp({2, 3});
  x.t_();
  EXPECT_EQ(x.sizes(), IntArrayRef({3, 2}));
  x.unsqueeze_(0).squeeze_();
  EXPECT_EQ(list(x), (List{0, 3, 1, 4, 2, 5}));
  const Tensor leaf = ramp({2, 3}).requires_grad_();
  EXPECT_THROWS(TensorError, leaf.t_(), "leaf");
}

TEST(InPlaceLayout, GradientsFollowThroughABaseEditedLater) {
  const Tensor x = ramp({2, 3}).requires_grad_();
  const Tensor base = x * 1;
  const Tensor view = base[0].unsqueeze(0);
  view.transpose_(0, 1);
  base.mul_(2);
  (view * floats({1, 10, 100}, {3, 1})).sum().backward();
  EXPECT_EQ(list(x.grad()), (List{2, 20, 200, 0, 0, 0}));
}

TEST(Meshgrid, ChecksIndexingAndShapes) {
  EXPECT_EQ(meshgrid({ramp({2}), ramp({3})})[1].sizes(), IntArrayRef({2, 3}));
  EXPECT_THROWS(TensorError, meshgrid({ramp({2}), ramp({3})}, "yx"), "'ij' or 'xy'");
  EXPECT_THROWS(TensorError, meshgrid({ramp({2, 2})}), "0D or 1D");
}

TEST(Angle, ComplexNumbersHaveTheirArgument) {
  const Tensor z = view_as_complex(floats({0, 1, -1, 0, 1, -1}, {3, 2}));
  const List angles = list(z.angle());
  EXPECT_FLOAT_EQ(angles[0], 1.5707964f);
  EXPECT_FLOAT_EQ(angles[1], 3.1415927f);
  EXPECT_FLOAT_EQ(angles[2], -0.7853982f);
  EXPECT_EQ(longs({-2, 3}).angle().dtype(), kFloat);
}

TEST(Triangles, IndicesAreThoseOfATriangleOfOnes) {
  for (int64_t row = 0; row < 5; ++row) {
    for (int64_t col = 0; col < 5; ++col) {
      for (int64_t offset = -6; offset < 7; ++offset) {
        const Tensor all = ones({row, col});
        EXPECT_TRUE(equal(tril_indices(row, col, offset), all.tril(offset).nonzero().t()));
        EXPECT_TRUE(equal(triu_indices(row, col, offset), all.triu(offset).nonzero().t()));
      }
    }
  }
}

}  // namespace
}  // namespace tenon::testing
