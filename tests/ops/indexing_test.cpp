// Brackets and the index ops: what shares memory, what reaches the graph of a base, dtypes, and errors.
#include <limits>

#include "helpers.h"
#include "tenon/base/parallel.h"

namespace tenon::testing {
namespace {

using indexing::Ellipsis;
using indexing::None;
using indexing::Slice;

TEST(Brackets, NumbersSlicesAndNoneGiveViews) {
  const Tensor x = ramp({2, 3, 4});
  const Tensor view = x.index({1, Slice(0, 3, 2), None, Slice(1, None)});
  EXPECT_EQ(view.sizes(), IntArrayRef({2, 1, 3}));
  EXPECT_EQ(view.strides(), IntArrayRef({8, 4, 1}));
  EXPECT_EQ(view.storage_offset(), 13);
  view.fill_(-1);
  EXPECT_EQ(x[1][2][3].item<float>(), -1);
  EXPECT_TRUE(x.index({Ellipsis}).is_view());
  EXPECT_EQ(x.index({Slice(5, 9)}).sizes(), IntArrayRef({0, 3, 4}));
  EXPECT_EQ(x.index({Slice(-100, 100)}).sizes(), IntArrayRef({2, 3, 4}));
}

TEST(Brackets, TensorsGiveContiguousCopies) {
  const Tensor x = ramp({2, 3, 4});
  const Tensor copy = x.index({Slice(), longs({2, 0})});
  EXPECT_EQ(copy.sizes(), IntArrayRef({2, 2, 4}));
  EXPECT_TRUE(copy.is_contiguous());
  EXPECT_FALSE(copy.is_view());
  EXPECT_EQ(x[longs({1})].sizes(), IntArrayRef({1, 3, 4}));
  EXPECT_EQ(x[tensor_of<int32_t>({1, 0}, kInt)].sizes(), IntArrayRef({2, 3, 4}));
}

TEST(Brackets, AZeroDimIndexIsANumber) {
  const Tensor x = ramp({2, 3});
  EXPECT_EQ(list(x[longs({1}).squeeze()]), (List{3, 4, 5}));
  EXPECT_TRUE(x[longs({1}).squeeze()].is_view());
  EXPECT_EQ(x[bools({1}).squeeze()].sizes(), IntArrayRef({1, 2, 3}));
  EXPECT_EQ(x[bools({0}).squeeze()].sizes(), IntArrayRef({0, 2, 3}));
  EXPECT_EQ(x[0][0].index({true}).sizes(), IntArrayRef({1}));
}

TEST(Brackets, IndexErrorsNameWhatIsWrong) {
  const Tensor x = ramp({2, 3, 4});
  EXPECT_THROWS(IndexError, x[5], "index 5 is out of bounds for dimension 0 with size 2");
  EXPECT_THROWS(IndexError, x.index({0, -4}), "index -4 is out of bounds for dimension 0 with size 3");
  EXPECT_THROWS(IndexError, x[std::numeric_limits<int64_t>::min()], "out of bounds");
  EXPECT_THROWS(IndexError, x[longs({0, 2})], "2");
  EXPECT_THROWS(IndexError, x.index({0, 0, 0, 0}), "too many indices for tensor of dimension 3");
  EXPECT_THROWS(IndexError, x[0][0][0][0], "0-dim tensor");
  EXPECT_THROWS(IndexError, x.index({floats({0, 1})}), "must be long, int, byte or bool");
  EXPECT_THROWS(IndexError, x.index({longs({0, 1}), longs({0, 1, 2})}),
                "could not be broadcast together with shapes [2], [3]");
  EXPECT_THROWS(IndexError, x[bools({1, 0, 1})], "The shape of the mask [3] at index 0 does not match");
  EXPECT_THROWS(IndexError, x.index({Ellipsis, Ellipsis}), "single ellipsis");
  EXPECT_THROWS(ValueError, x.index({Slice(None, None, -1)}), "step must be greater than zero");
  EXPECT_THROWS(IndexError, x.index({Tensor()}), "undefined");
}

TEST(Brackets, AssignmentBroadcastsAndConverts) {
  const Tensor x = zeros({2, 3});
  x.index_put_({0}, longs({1, 2, 3}, {1, 1, 3}));
  x.index_put_({Slice(), 1}, 9);
  EXPECT_EQ(list(x), (List{1, 9, 3, 0, 9, 0}));
  x.index_put_({x > 2}, -1);
  EXPECT_EQ(list(x), (List{1, -1, -1, 0, -1, 0}));
  x.index_put_({bools({0, 1})}, floats({7, 8, 9}));
  EXPECT_EQ(list(x), (List{1, -1, -1, 7, 8, 9}));
  EXPECT_THROWS(TensorError, x.index_put_({0}, floats({1, 2})), "shape mismatch: value tensor of shape [2]");
  EXPECT_THROWS(TensorError, x.index_put_({longs({0, 1})}, floats({1, 2})),
                "cannot be broadcast to indexing result of shape [2, 3]");
  EXPECT_THROWS(TensorError, x.index_put_({longs({0})}, longs({1, 2, 3})), "dtypes match");
  EXPECT_EQ(list(x), (List{1, -1, -1, 7, 8, 9}));
}

TEST(Brackets, AssignmentFromTheSameMemoryReadsOldValues) {
  const Tensor x = ramp({4});
  x.index_put_({Slice(1, None)}, x.index({Slice(0, 3)}));
  EXPECT_EQ(list(x), (List{0, 0, 1, 2}));
  const Tensor y = longs({2, 0, 1});
  y.index_put_({y}, y);
  EXPECT_EQ(list<int64_t>(y), (Longs{0, 1, 2}));
}

TEST(Brackets, AssignmentReachesTheGraphOfTheBase) {
  const Tensor x = ramp({2, 3}).requires_grad_();
  const Tensor value = floats({10, 20}).requires_grad_();
  const Tensor out = x * 2;
  out.index_put_({Slice(), longs({0, 2})}, value);
  (out * ramp({2, 3})).sum().backward();
  EXPECT_EQ(list(x.grad()), (List{0, 2, 0, 0, 8, 0}));
  EXPECT_EQ(list(value.grad()), (List{0 + 3, 2 + 5}));
  EXPECT_THROWS(TensorError, x.index_put_({0}, 1), "leaf");
  // A tensor outside the graph joins it through what is assigned.
  const Tensor fresh = zeros({2, 3});
  fresh[1].index_put_({longs({0, 1})}, value);
  EXPECT_TRUE(fresh.requires_grad());
}

TEST(Brackets, AnOutOfRangeWriteChangesNothing) {
  const Tensor x = zeros({3});
  EXPECT_THROWS(IndexError, x.index_put_({longs({0, 3})}, 1), "3");
  EXPECT_EQ(list(x), (List{0, 0, 0}));
}

TEST(IndexPut, SecondDerivativesFlow) {
  const Tensor x = floats({1, 2, 3}).requires_grad_();
  const Tensor y = x.index_put({longs({0, 0})}, x.slice(0, 1, 3), true);  // {x0 + x1 + x2, x1, x2}
  const Tensor cubes = (y * y * y).sum();
  const Tensor grad = autograd::grad({cubes}, {x}, {}, nullopt, true)[0];
  EXPECT_EQ(list(grad), (List{108, 108 + 12, 108 + 27}));
  EXPECT_EQ(list(autograd::grad({grad.sum()}, {x})[0]), (List{6 * 6 * 3, 6 * 6 * 3 + 12, 6 * 6 * 3 + 18}));
}

TEST(Masks, AZeroDimTensorHasOneElement) {
  EXPECT_EQ(nonzero(floats({3}).squeeze()).sizes(), IntArrayRef({1, 0}));
  EXPECT_EQ(where(floats({3}).squeeze()).size(), 1u);
  EXPECT_EQ(list<int64_t>(where(floats({3}).squeeze())[0]), (Longs{0}));
  EXPECT_EQ(list(floats({3}).squeeze().masked_select(bools({1}).squeeze())), (List{3}));
  EXPECT_EQ(floats({3}).squeeze().masked_scatter(bools({1}).squeeze(), floats({5})).item<float>(), 5);
}

TEST(Masks, NonzeroCountsInRowMajorOrder) {
  const Tensor x = longs({0, 3, 0, 4, 5, 0}, {2, 3});
  EXPECT_EQ(list<int64_t>(x.nonzero()), (Longs{0, 1, 1, 0, 1, 1}));
  EXPECT_EQ(list<int64_t>(where(x)[1]), (Longs{1, 0, 1}));
  EXPECT_EQ(zeros({0, 3}).nonzero().sizes(), IntArrayRef({0, 2}));
}

TEST(Masks, WrongMasksAreRefused) {
  const Tensor x = ramp({2, 3});
  EXPECT_THROWS(TensorError, x.masked_select(longs({1, 0, 1})), "expected a bool tensor for mask");
  EXPECT_THROWS(TensorError, x.masked_select(bools({1, 0})), "must match");
  EXPECT_THROWS(TensorError, x.masked_scatter(bools({1, 0, 1}), floats({1, 2, 3})),
                "Number of elements of source < number of ones");
  EXPECT_THROWS(TensorError, x.masked_scatter_(bools({1, 0, 1}), longs({1, 2, 3, 4})), "dtype");
  const std::vector<Tensor> no_dims{ones({}, kBool)};
  EXPECT_THROWS(IndexError, index_get(ones({3}), no_dims), "mask without dims");
  EXPECT_THROWS(IndexError, ones({3}).index_put_(no_dims, ones({}), false), "mask without dims");
}

TEST(Gather, ShapesAndDtypesAreChecked) {
  const Tensor x = ramp({2, 3});
  EXPECT_THROWS(TensorError, x.gather(0, floats({0, 1, 0}, {1, 3})), "Expected dtype int32/int64 for index");
  EXPECT_THROWS(TensorError, x.gather(0, longs({0, 1, 0})), "same number of dimensions");
  EXPECT_THROWS(TensorError, x.gather(1, zeros({3, 1}, kLong)), "Size does not match at dimension 0");
  EXPECT_THROWS(TensorError, x.gather(0, longs({0, 2, 0}, {1, 3})), "2");
  EXPECT_THROWS(TensorError, x.gather(0, longs({0, -1, 0}, {1, 3})), "-1");
  EXPECT_THROWS(IndexError, x.gather(2, longs({0}, {1, 1})), "Dimension out of range");
  EXPECT_EQ(x.gather(0, zeros({0, 3}, kLong)).sizes(), IntArrayRef({0, 3}));
  EXPECT_EQ(list(floats({3}).squeeze().gather(0, longs({0, 0}))), (List{3, 3}));
}

TEST(Gather, AnEmptyIndexMayBeOfAnyDtype) {
  EXPECT_EQ(ramp({2, 3}).gather(0, zeros({0, 3}, kByte)).sizes(), IntArrayRef({0, 3}));
  EXPECT_EQ(list(ramp({2}).take_along_dim(longs({-1, 0}), 0)), (List{1, 0}));
  EXPECT_THROWS(TensorError, ramp({2}).take_along_dim(longs({-3}), 0), "out of bounds");
}

TEST(IndexFill, AnIndexNamedTwiceHoldsTheValueOnce) {
  const Tensor value = floats({5}).squeeze().requires_grad_();
  ramp({3}).index_fill(0, longs({1, 1, 2}), value).sum().backward();
  EXPECT_EQ(list(value.grad()), (List{2}));
}

TEST(Scatter, ShapesDtypesAndReductionsAreChecked) {
  const Tensor x = ramp({2, 3});
  const Tensor index = longs({0, 1, 0}, {1, 3});
  EXPECT_THROWS(TensorError, x.scatter(0, index, x.to(kDouble)), "self.dtype to be equal to src.dtype");
  EXPECT_THROWS(TensorError, x.scatter(0, index, ramp({1, 2})), "no larger size than src");
  EXPECT_THROWS(TensorError, x.scatter(0, index, 1, "max"), "either add or multiply");
  EXPECT_THROWS(TensorError, x.scatter_reduce(0, index, x, "max"), "either sum, prod, mean, amax or amin");
  EXPECT_THROWS(TensorError, x.scatter_(0, index + 1, 1), "2");
  EXPECT_EQ(list(x), (List{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(list(x.scatter(0, index, 2, "add")), (List{2, 1, 4, 3, 6, 5}));
  EXPECT_EQ(list(x.scatter(0, index, 2, "multiply")), (List{0, 1, 4, 3, 8, 5}));
  EXPECT_EQ(list(x.scatter(0, index, ramp({1, 3}), "add")), (List{0, 1, 4, 3, 5, 5}));
}

TEST(Scatter, IntegerMeansRoundDownAndEmptyFoldsKeepSelf) {
  const Tensor x = longs({10, 20, 30});
  const Tensor index = longs({0, 0, 2});
  EXPECT_EQ(list<int64_t>(x.scatter_reduce(0, index, longs({1, 2, -5}), "mean", false)), (Longs{1, 20, -5}));
  EXPECT_EQ(list<int64_t>(x.scatter_reduce(0, index, longs({1, 2, -5}), "amax", false)), (Longs{2, 20, -5}));
  EXPECT_EQ(list<int64_t>(x.scatter_reduce(0, index, longs({1, 2, -5}), "amin", true)), (Longs{1, 20, -5}));
}

TEST(Scatter, SumsAreTheSameOnAnyNumberOfThreads) {
  const int64_t n = 1 << 18;
  const Tensor index = arange(n, kLong).remainder(1000);
  const Tensor src = (arange(n, kFloat) * 0.37f).sin();
  const int threads = get_num_threads();
  set_num_threads(1);
  const Tensor one = zeros({1000}).scatter_add(0, index, src);
  set_num_threads(7);
  const Tensor seven = zeros({1000}).scatter_add(0, index, src);
  set_num_threads(threads);
  EXPECT_EQ(list(one), list(seven));
}

TEST(IndexOps, WrongIndicesAreRefused) {
  const Tensor x = ramp({2, 3});
  EXPECT_THROWS(IndexError, x.index_select(0, longs({-1})), "-1");
  EXPECT_THROWS(IndexError, x.index_select(0, longs({0, 1}, {1, 2})), "supposed to be a vector");
  EXPECT_THROWS(TensorError, x.index_select(0, floats({0})), "int32/int64");
  EXPECT_THROWS(IndexError, x.index_add(0, longs({0}), x), "Number of indices (1)");
  EXPECT_THROWS(TensorError, x.index_add(0, longs({0, 1}), ramp({2, 2})), "does not match self of shape [2, 3]");
  EXPECT_THROWS(IndexError, x.index_copy_(0, longs({0, -1}), x * 1), "negative");
  EXPECT_THROWS(IndexError, x.index_fill_(0, longs({0, 2}), 1), "2");
  EXPECT_THROWS(TensorError, x.index_fill_(0, longs({0}), floats({1, 2})), "0-dimensional value");
  EXPECT_THROWS(IndexError, x.take(longs({6})), "6");
  EXPECT_EQ(list(x), (List{0, 1, 2, 3, 4, 5}));
}

TEST(IndexOps, InPlaceFormsWriteThroughViews) {
  const Tensor x = zeros({2, 3});
  x.t().index_add_(0, longs({2, 2}), ones({2, 2}));
  EXPECT_EQ(list(x), (List{0, 0, 2, 0, 0, 2}));
  x.t().index_fill_(0, longs({0}), 5);
  x.t().put_(longs({1}), floats({-1}));
  EXPECT_EQ(list(x), (List{5, 0, 2, -1, 0, 2}));
  x[1].masked_scatter_(bools({1, 0, 1}), floats({7, 8, 9}));
  EXPECT_EQ(list(x), (List{5, 0, 2, 7, 0, 8}));
  EXPECT_THROWS(TensorError, ones({3}).expand({2, 3}).index_fill_(0, longs({0}), 1), "expanded");
}

TEST(Embedding, ChecksItsArguments) {
  const Tensor weight = ramp({3, 2});
  EXPECT_THROWS(IndexError, embedding(longs({3}), weight), "3");
  EXPECT_THROWS(TensorError, embedding(longs({0}), weight, 3), "padding_idx");
  EXPECT_THROWS(TensorError, embedding(floats({0}), weight), "int32/int64");
  EXPECT_EQ(list(embedding(longs({1}), weight, nullopt, nullopt, 2, false, true)), (List{2, 3}));
  EXPECT_EQ(embedding(zeros({0, 2}, kLong), weight).sizes(), IntArrayRef({0, 2, 2}));
}

TEST(Embedding, MaxNormScalesTheRowsThatAreUsed) {
  const Tensor weight = floats({3, 4, 0.3f, 0.4f, 6, 8}, {3, 2});
  const Tensor out = embedding(longs({0, 1, 0}), weight, nullopt, 1.0);
  const List expected{0.6f, 0.8f, 0.3f, 0.4f, 0.6f, 0.8f};
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(list(out)[i], expected[i], 1e-6);
  EXPECT_EQ(list(weight[2]), (List{6, 8}));
}

TEST(EmbeddingBag, ThatIsRefusedLeavesTheWeightAsItWas) {
  const Tensor weight = floats({3, 4, 6, 8}, {2, 2});
  EXPECT_THROWS(TensorError,
                embedding_bag(longs({0, 1}), weight, longs({0}), 1.0, 2, false, "mean", false, nullopt, false, 7),
                "embedding_bag: padding_idx must be within the number of embeddings 2, got 7");
  EXPECT_EQ(list(weight), (List{3, 4, 6, 8}));
}

TEST(OneHot, CountsClassesAndChecksThem) {
  EXPECT_EQ(list<int64_t>(one_hot(longs({2, 0}))), (Longs{0, 0, 1, 1, 0, 0}));
  EXPECT_EQ(one_hot(longs({0}), 4).sizes(), IntArrayRef({1, 4}));
  EXPECT_THROWS(TensorError, one_hot(longs({2}), 2), "smaller than num_classes");
  EXPECT_THROWS(TensorError, one_hot(longs({-1})), "non-negative");
}

}  // namespace
}  // namespace tenon::testing
