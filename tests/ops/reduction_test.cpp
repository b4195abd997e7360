// Reductions, scans and sorts: values and gradients against PyTorch's, and errors.
#include "reference_case.h"

namespace tenon::testing {
namespace {

const ReferenceCase kCases[] = {
    {"mean", [](const Tensor& x) { return mean(x, 1); }, {0.5, 1.75}, {0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 0.5}},
    {"prod", [](const Tensor& x) { return prod(x, 1); }, {0, 0}, {0, 0, -2, 0, 0, 24, 0, 0}},
    {"prod_of_all", [](const Tensor& x) { return prod(x); }, {0}, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"var",
     [](const Tensor& x) { return var(x, IntArrayRef({1}), true); },
     {1.66666666667, 1.58333333333},
     {0.333333333333, 1, -0.333333333333, -1, 1.66666666667, -2.33333333333, 0.333333333333, 0.333333333333}},
    {"std",
     [](const Tensor& x) { return std(x, 0, false, false); },
     {1, 1, 1, 1.5},
     {-0.5, 1, -1.5, -2, 0.5, -1, 1.5, 2}},
    {"amax", [](const Tensor& x) { return amax(x, 1); }, {2, 3}, {0, 1, 0, 0, 2, 0, 0, 0}},
    {"max_of_all", [](const Tensor& x) { return max(x); }, {3}, {0, 0, 0, 0, 1, 0, 0, 0}},
    {"min", [](const Tensor& x) { return std::get<0>(min(x, 1)); }, {-1, 0}, {0, 0, 0, 1, 0, 2, 0, 0}},
    {"norm_0", [](const Tensor& x) { return norm(x, 0.0, 1); }, {3, 3}, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"norm_half",
     [](const Tensor& x) { return norm(x + 2.5, 0.5, 1); },
     {46.2132491127, 66.7323550942},
     {3.63370134446, 3.20462336538, 4.29945341236, 5.55057048796, 6.96653585986, 10.3330425408, 7.70179517857,
      7.70179517857}},
    {"norm_1", [](const Tensor& x) { return norm(x, 1, 1); }, {4, 7}, {1, 1, 0, -1, 2, 0, 2, 2}},
    {"norm_2",
     [](const Tensor& x) { return norm(x, 2, 1); },
     {2.44948974278, 4.12310562562},
     {0.408248290464, 0.816496580928, 0, -0.408248290464, 1.45521375022, 0, 0.970142500145, 0.970142500145}},
    {"norm_3",
     [](const Tensor& x) { return norm(x, 3, 1); },
     {2.15443469003, 3.50339806039},
     {0.215443469003, 0.861773876013, 0, -0.215443469003, 1.46653872295, 0, 0.651794987979, 0.651794987979}},
    {"norm_inf", [](const Tensor& x) { return norm(x, INFINITY, 1); }, {2, 3}, {0, 1, 0, 0, 2, 0, 0, 0}},
    {"logsumexp",
     [](const Tensor& x) { return logsumexp(x, 1); },
     {2.44018969856, 3.57972422321},
     {0.23688281809, 0.643914259888, 0.087144318742, 0.0320586032801, 1.12010558967, 0.055766773572, 0.41206381838,
      0.41206381838}},
    {"median", [](const Tensor& x) { return std::get<0>(median(x, 1)); }, {0, 2}, {0, 0, 1, 0, 0, 0, 2, 0}},
    {"median_of_all", [](const Tensor& x) { return median(x); }, {1}, {1, 0, 0, 0, 0, 0, 0, 0}},
    {"quantile", [](const Tensor& x) { return quantile(x, 0.4, 1); }, {0.2, 2}, {0.2, 0, 0.8, 0, 0, 0, 1.6, 0.4}},
    {"topk", [](const Tensor& x) { return std::get<0>(topk(x, 2, 1)); }, {2, 1, 3, 2}, {2, 1, 0, 0, 3, 0, 4, 0}},
    {"kthvalue", [](const Tensor& x) { return std::get<0>(kthvalue(x, 4, 1)); }, {2, 3}, {0, 1, 0, 0, 2, 0, 0, 0}},
    {"sort",
     [](const Tensor& x) { return std::get<0>(sort(x, 0, true)); },
     {3, 2, 2, 2, 1, 0, 0, -1},
     {5, 2, 7, 8, 1, 6, 3, 4}},
    {"cumsum", [](const Tensor& x) { return cumsum(x, 1); }, {1, 3, 3, 2, 3, 3, 5, 7}, {10, 9, 7, 4, 26, 21, 15, 8}},
    {"cumprod", [](const Tensor& x) { return cumprod(x, 1); }, {1, 2, 0, 0, 3, 0, 0, 0}, {5, 2, -2, 0, 5, 156, 0, 0}},
    {"cummax",
     [](const Tensor& x) { return std::get<0>(cummax(x, 1)); },
     {1, 2, 2, 2, 3, 3, 3, 3},
     {1, 9, 0, 0, 26, 0, 0, 0}},
    {"logcumsumexp",
     [](const Tensor& x) { return logcumsumexp(x, 1); },
     {1, 2.31326168752, 2.40760596444, 2.44018969856, 3, 3.04858735157, 3.34901221677, 3.57972422321},
     {3.21959952826, 6.03349706414, 0.618668994479, 0.12823441312, 20.1335587085, 0.753455522069, 3.46473049592,
      1.64825527352}},
    {"diff", [](const Tensor& x) { return diff(x, 2); }, {-3, 1, 5, -2}, {1, 0, -3, 2, 3, -2, -5, 4}},
};

TEST(Reductions, ValuesAndGradientsAreThoseOfPyTorch) { expect_reference(kCases); }

TEST(Reductions, GradientsDifferentiateAsFiniteDifferencesDo) { expect_second_gradients(kCases); }

TEST(Reductions, IntegersWidenAndTruthIsBool) {
  EXPECT_EQ(prod(longs({2, 3}).to(kInt)).dtype(), kLong);
  EXPECT_EQ(cumsum(bools({1, 1, 0}), 0).dtype(), kLong);
  EXPECT_EQ(all(floats({1, 0})).dtype(), kBool);
  EXPECT_EQ(any(longs({0, 1}).to(kByte)).dtype(), kByte);
  EXPECT_EQ(list<int64_t>(count_nonzero(floats({0, 1, 2, 0}, {2, 2}), 1)), (Longs{1, 1}));
}

TEST(Reductions, EmptyOnesRaiseOrGiveTheIdentity) {
  EXPECT_THROWS(TensorError, max(zeros({0})), "Specify the reduction dim with the 'dim' argument");
  EXPECT_THROWS(IndexError, max(zeros({2, 0}), 1), "to have non-zero size");
  EXPECT_THROWS(IndexError, argmax(zeros({0})), "Expected reduction dim to be specified");
  EXPECT_THROWS(TensorError, linalg_vector_norm(zeros({0}), INFINITY), "does not have an identity");
  EXPECT_EQ(prod(zeros({0})).item<float>(), 1);
  EXPECT_TRUE(std::isnan(mean(zeros({0})).item<float>()));
  EXPECT_EQ(list<int64_t>(all(zeros({2, 0}), 1).to(kLong)), (Longs{1, 1}));
  EXPECT_EQ(list<int64_t>(any(zeros({2, 0}), 1).to(kLong)), (Longs{0, 0}));
  EXPECT_TRUE(std::isnan(std(zeros({1}), true).item<float>()));
  EXPECT_EQ(std::get<0>(max(zeros({2, 0}), 0)).sizes(), IntArrayRef({0}));
}

TEST(Reductions, ErrorsNameTheOp) {
  EXPECT_THROWS(TensorError, mean(longs({1})), "mean(): could not infer output dtype");
  EXPECT_THROWS(TensorError, var(longs({1}), true), "only support floating point");
  EXPECT_THROWS(IndexError, sum(zeros({2}), 3), "Dimension out of range");
  EXPECT_THROWS(TensorError, topk(zeros({3}), 4), "selected index k out of range");
  EXPECT_THROWS(TensorError, kthvalue(zeros({3}), 0), "selected number k out of range");
  EXPECT_THROWS(TensorError, bincount(longs({-1})), "non-negative");
}

TEST(Medians, ANanIsTheMedianUnlessIgnored) {
  const Tensor x = floats({1, NAN, 2, NAN});
  EXPECT_TRUE(std::isnan(median(x).item<float>()));
  EXPECT_EQ(std::get<1>(median(x, 0)).item<int64_t>(), 1);
  EXPECT_EQ(nanmedian(x).item<float>(), 1);
}

TEST(Sort, IsStableInBothDirections) {
  EXPECT_EQ(list<int64_t>(argsort(floats({1, 0, 1, 0}))), (Longs{1, 3, 0, 2}));
  EXPECT_EQ(list<int64_t>(argsort(floats({1, 0, 1, 0}), -1, true)), (Longs{0, 2, 1, 3}));
}

TEST(Unique, GivesPlacesAndCounts) {
  const auto [values, inverse, counts] = _unique2(floats({3, 1, 3, 2, 1, 3}), true, true, true);
  EXPECT_EQ(list(values), (List{1, 2, 3}));
  EXPECT_EQ(list<int64_t>(inverse), (Longs{2, 0, 2, 1, 0, 2}));
  EXPECT_EQ(list<int64_t>(counts), (Longs{2, 1, 3}));
  const auto [rows, row_inverse, row_counts] = unique_dim(floats({2, 1, 1, 5, 2, 1}, {3, 2}), 0, true, true, true);
  EXPECT_EQ(list(rows), (List{1, 5, 2, 1}));
  EXPECT_EQ(list<int64_t>(row_inverse), (Longs{1, 0, 1}));
  EXPECT_EQ(list<int64_t>(row_counts), (Longs{1, 2}));
  EXPECT_EQ(list(std::get<0>(_unique_consecutive(floats({1, 1, 2, 1})))), (List{1, 2, 1}));
}

TEST(Bins, HoldWhatFallsIntoThem) {
  EXPECT_EQ(list<int64_t>(bincount(longs({0, 3, 3, 1}))), (Longs{1, 1, 0, 2}));
  EXPECT_EQ(list(histc(floats({1, 2, 1, 4}), 4, 0, 3)), (List{0, 2, 1, 0}));
  const Tensor edges = floats({1, 3, 3, 5});
  EXPECT_EQ(list<int64_t>(searchsorted(edges, floats({0, 3, 6, NAN}))), (Longs{0, 1, 4, 4}));
  EXPECT_EQ(list<int64_t>(bucketize(floats({1, 3, 5}), edges, false, true)), (Longs{1, 3, 4}));
}

}  // namespace
}  // namespace tenon::testing
