// Indexing, scans and sorts against plain loops, and against constants computed with PyTorch.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "backend/kernel_test.h"

namespace tenon::test {
namespace {

const IndexKernels& index_kernels() { return cpu::index_table(); }

// Random indices in [0, size).
template <class I = int64_t>
Array<I> random_indices(IntArrayRef sizes, int64_t size, unsigned seed = 9) {
  Array<I> result(sizes, I(0));
  std::mt19937 generator(seed);
  for (int64_t i = 0; i < result.numel(); ++i)
    result.data[i] = static_cast<I>(generator() % static_cast<uint64_t>(size));
  return result;
}

// The row-major place of element i of `sizes` in an array of shape `in`, with coordinate `dim` replaced by `at`.
int64_t moved_place(IntArrayRef sizes, IntArrayRef in, int64_t i, int64_t dim, int64_t at) {
  int64_t place = 0, step = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    place += (static_cast<int64_t>(d) == dim ? at : i % sizes[d]) * step;
    i /= sizes[d];
    step *= in[d];
  }
  return place;
}

template <class T>
bool same(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <class T, class I>
void expect_gather_and_scatter(const Array<T>& in, int64_t dim) {
  const Array<I> index = random_indices<I>({4, 5, 6}, in.sizes[static_cast<size_t>(dim)]);
  const Array<T> out({4, 5, 6});
  index_kernels().gather(out.view(), in.view(), dim, index.view());
  for (int64_t i = 0; i < out.numel(); ++i) {
    ASSERT_TRUE(same(out[i], in[moved_place(index.sizes, in.sizes, i, dim, index[i])]));
  }
  const Array<T> src = random_array<T>({4, 5, 6}, 5);
  Array<T> target(in.sizes, T(0)), wanted(in.sizes, T(0));
  for (int64_t i = 0; i < src.numel(); ++i) wanted[moved_place(index.sizes, in.sizes, i, dim, index[i])] = src[i];
  index_kernels().scatter(target.view(), dim, index.view(), src.view(), ScatterMode::Assign);
  for (int64_t i = 0; i < target.numel(); ++i) ASSERT_TRUE(same(target[i], wanted[i]));
}

TEST(GatherAndScatter, MoveElementsOfEveryDtypeAlongEveryDim) {
#define TENON_TEST_DTYPE(T, name, python)                                               \
  for (int64_t dim = 0; dim < 3; ++dim) {                                               \
    expect_gather_and_scatter<T, int64_t>(random_array<T>({7, 8, 9}), dim);             \
    expect_gather_and_scatter<T, int32_t>(random_array<T>({8, 9, 7}).permuted({2, 0, 1}), dim); \
  }
  TENON_FORALL_DTYPES(TENON_TEST_DTYPE)
#undef TENON_TEST_DTYPE
}

TEST(GatherAndScatter, CombineAsTheModeSays) {
  const Array<int64_t> index({5}, std::vector<int64_t>{0, 2, 0, 1, 0});
  const Array<float> src({5}, std::vector<float>{2, 3, 4, 5, -6});
  const std::pair<ScatterMode, std::vector<float>> cases[] = {{ScatterMode::Assign, {-6, 5, 3}},
                                                              {ScatterMode::Add, {1, 6, 4}},
                                                              {ScatterMode::Multiply, {-48, 5, 3}},
                                                              {ScatterMode::Max, {4, 5, 3}},
                                                              {ScatterMode::Min, {-6, 1, 1}}};
  for (const auto& [mode, wanted] : cases) {
    const Array<float> out({3}, 1.f);
    index_kernels().scatter(out.view(), 0, index.view(), src.view(), mode);
    EXPECT_EQ(out.values(), wanted) << static_cast<int>(mode);
  }
  const Array<Half> half({3}, Half(1.f));
  index_kernels().scatter(half.view(), 0, index.view(), Operand(Scalar(0.5)), ScatterMode::Add);
  EXPECT_EQ(number(half[0]), 2.5);
}

TEST(Indices, OutOfRangeRaiseIndexErrorAndLeaveTheOutputUntouched) {
  const Array<float> in = random_array<float>({3, 4}), out({2, 4}, 7.f), target({3, 4}, 7.f);
  for (int64_t bad : {int64_t{3}, int64_t{-4}, INT64_MAX, INT64_MIN}) {
    Array<int64_t> list({2}, std::vector<int64_t>{1, bad});
    Array<int64_t> full({2, 4}, 1);
    full.data[7] = bad;
    EXPECT_THROW(index_kernels().gather(out.view(), in.view(), 0, full.view()), TensorError);
    EXPECT_THROW(index_kernels().index_select(out.view(), in.view(), 0, list.view()), IndexError);
    const TensorView views[] = {list.view()};
    EXPECT_THROW(index_kernels().index_get(out.view(), in.view(), views, 1), IndexError);
    EXPECT_THROW(index_kernels().scatter(target.view(), 0, full.view(), in.view(), ScatterMode::Add), TensorError);
    EXPECT_THROW(index_kernels().index_add(target.view(), 0, list.view(), in.view(), 1), IndexError);
    EXPECT_THROW(index_kernels().index_put(target.view(), views, 1, out.view(), false), IndexError);
  }
  EXPECT_EQ(out.values(), std::vector<float>(8, 7.f));
  EXPECT_EQ(target.values(), std::vector<float>(12, 7.f));
  const Array<int64_t> list({2}, std::vector<int64_t>{1, 5});
  try {
    index_kernels().index_select(out.view(), in.view(), 0, list.view());
    FAIL();
  } catch (const IndexError& e) {
    EXPECT_STREQ(e.what(), "index_select: index 5 is out of bounds for dimension 0 with size 3");
  }
}

TEST(IndexSelect, CopiesSlicesOfEverySizeAndLayout) {
  for (int64_t inner : {1, 3, 40}) {
    for (const Array<double>& in :
         {random_array<double>({5, 6, inner}), random_array<double>({inner, 5, 6}).permuted({1, 2, 0})}) {
      for (int64_t dim = 0; dim < 3; ++dim) {
        const Array<int32_t> index = random_indices<int32_t>({11}, in.sizes[static_cast<size_t>(dim)]);
        DimVector sizes(in.sizes);
        sizes[static_cast<size_t>(dim)] = 11;
        const Array<double> out(sizes, 0.0);
        index_kernels().index_select(out.view(), in.view(), dim, index.view());
        int64_t after = 1;
        for (size_t d = static_cast<size_t>(dim) + 1; d < 3; ++d) after *= sizes[d];
        for (int64_t i = 0; i < out.numel(); ++i) {
          ASSERT_EQ(out[i], in[moved_place(sizes, in.sizes, i, dim, index[i / after % 11])]);
        }
      }
    }
  }
}

TEST(IndexAdd, AddsEverySliceInOrder) {
  for (int64_t dim = 0; dim < 2; ++dim) {
    const Array<float> src = random_array<float>({200, 300});
    DimVector sizes({200, 300});
    const int64_t n = sizes[static_cast<size_t>(dim)];
    sizes[static_cast<size_t>(dim)] = 13;
    const Array<int64_t> index = random_indices({n}, 13);
    const Array<float> out(sizes, 1.f), wanted(sizes, 1.f);
    for (int64_t i = 0; i < src.numel(); ++i) {
      wanted[moved_place(src.sizes, sizes, i, dim, index[dim == 0 ? i / 300 : i % 300])] += 0.5f * src[i];
    }
    index_kernels().index_add(out.view(), dim, index.view(), src.view(), 0.5);
    EXPECT_EQ(out.values(), wanted.values());
    expect_same_on_any_threads(out, [&] { index_kernels().index_add(out.view(), dim, index.view(), src.view(), 0.5); });
  }
  const Array<int32_t> whole({2}, 5), more({3}, 7);
  const Array<int64_t> index({3}, 1);
  index_kernels().index_add(whole.view(), 0, index.view(), more.view(), 2);
  EXPECT_EQ(whole.values(), (std::vector<int32_t>{5, 47}));
}

TEST(AdvancedIndexing, ReadsAndWritesWithNegativeIndices) {
  for (int64_t rest : {1, 2, 50}) {
    const Array<float> in = random_array<float>({6, 7, rest});
    Array<int64_t> first = random_indices({40}, 6), second = random_indices({40}, 7, 10);
    for (int64_t i = 0; i < 40; i += 3) first.data[i] -= 6, second.data[i + 1 < 40 ? i + 1 : i] -= 7;
    const TensorView views[] = {first.view(), second.view()};
    const Array<float> out({40, rest});
    auto place = [&](int64_t i) {
      const int64_t a = first[i / rest], b = second[i / rest];
      return ((a < 0 ? a + 6 : a) * 7 + (b < 0 ? b + 7 : b)) * rest + i % rest;
    };
    index_kernels().index_get(out.view(), in.view(), views, 2);
    for (int64_t i = 0; i < out.numel(); ++i) ASSERT_EQ(out[i], in[place(i)]);
    const Array<float> values = random_array<float>({40, rest}, 4);
    for (bool accumulate : {false, true}) {
      const Array<float> target({6, 7, rest}, 1.f), wanted({6, 7, rest}, 1.f);
      for (int64_t i = 0; i < values.numel(); ++i) wanted[place(i)] = (accumulate ? wanted[place(i)] : 0) + values[i];
      index_kernels().index_put(target.view(), views, 2, values.view(), accumulate);
      EXPECT_EQ(target.values(), wanted.values());
    }
  }
}

TEST(AdvancedIndexing, AccumulatesTheSameOnAnyNumberOfThreads) {
  const Array<float> out({50, 64}), values = random_array<float>({3000, 64});
  const Array<int64_t> index = random_indices({3000}, 50);
  const TensorView views[] = {index.view()};
  for (bool accumulate : {false, true}) {
    expect_same_on_any_threads(out,
                               [&] { index_kernels().index_put(out.view(), views, 1, values.view(), accumulate); });
  }
}

TEST(AdvancedIndexing, BroadcastsOneValue) {
  const Array<float> out({4, 3}, 1.f);
  float one = 9;
  const Array<int64_t> index({2}, std::vector<int64_t>{3, -4});
  const TensorView views[] = {index.view()};
  const int64_t sizes[] = {2, 3}, strides[] = {0, 0};
  index_kernels().index_put(out.view(), views, 1, TensorView{&one, kFloat, {sizes, 2}, {strides, 2}}, false);
  EXPECT_EQ(out.values(), (std::vector<float>{9, 9, 9, 1, 1, 1, 1, 1, 1, 9, 9, 9}));
}

template <class T>
void expect_nonzero(const Array<T>& in) {
  std::vector<int64_t> wanted;
  int64_t count = 0;
  for (int64_t i = 0; i < in.numel(); ++i) {
    if (in[i] == T(0)) continue;
    ++count;
    int64_t step = in.numel(), rest = i;
    for (int64_t size : in.sizes) {
      step /= size;
      wanted.push_back(rest / step);
      rest %= step;
    }
  }
  ASSERT_EQ(index_kernels().count_nonzero(in.view()), count);
  const Array<int64_t> out({count, static_cast<int64_t>(in.sizes.size())});
  index_kernels().nonzero(out.view(), in.view());
  EXPECT_EQ(out.values(), wanted);
}

TEST(Nonzero, FindsPlacesInRowMajorOrder) {
  for (const Array<bool>& mask : {random_array<bool>({30, 70}), random_array<bool>({30, 70}).permuted({1, 0}),
                                  random_array<bool>({300, 700}), random_array<bool>({301, 700}).backwards(0)}) {
    expect_nonzero(mask);
    const Array<double> in = random_array<double>({mask.sizes[1], mask.sizes[0]}).permuted({1, 0});
    std::vector<double> wanted;
    for (int64_t i = 0; i < mask.numel(); ++i) {
      if (mask[i]) wanted.push_back(in[i]);
    }
    const Array<double> out({static_cast<int64_t>(wanted.size())});
    index_kernels().masked_select(out.view(), in.view(), mask.view());
    EXPECT_EQ(out.values(), wanted);
  }
  expect_nonzero(Array<float>({3}, std::vector<float>{-0.f, std::numeric_limits<float>::quiet_NaN(), 0.f}));
  const Array<int64_t> scalar({}, std::vector<int64_t>{3});
  expect_nonzero(scalar);
  expect_nonzero(Array<int8_t>({3, 0}));
}

// --- scans

template <class T>
void expect_cumsum(const Array<T>& in) {
  for (int64_t dim = 0; dim < 2; ++dim) {
    const Array<T> out(in.sizes, T(0));
    cpu::scan_table().scan(Scan::Sum, out.view(), TensorView(), in.view(), dim);
    const int64_t n = in.sizes[static_cast<size_t>(dim)], step = dim == 0 ? in.sizes[1] : 1;
    for (int64_t i = 0; i < in.numel(); ++i) {
      const int64_t last = i / step % n, first = i - last * step;
      if constexpr (std::is_integral_v<T>) {
        uint64_t sum = 0;
        for (int64_t j = 0; j <= last; ++j) sum += static_cast<uint64_t>(in[first + j * step]);
        const T wanted = std::is_same_v<T, bool> ? T(sum != 0) : static_cast<T>(sum);
        ASSERT_EQ(out[i], wanted);
      } else {
        double sum = 0;
        for (int64_t j = 0; j <= last; ++j) sum += number(in[first + j * step]);
        ASSERT_NEAR(number(out[i]), sum, (sizeof(T) == 2 ? 1e-2 : 1e-5) * (1 + std::abs(sum)));
      }
    }
  }
}

TEST(Scans, SumEveryDtypeAlongEveryDim) {
#define TENON_TEST_DTYPE(T, name, python)                    \
  expect_cumsum(random_array<T>({20, 30}));                  \
  expect_cumsum(random_array<T>({30, 20}).permuted({1, 0})); \
  expect_cumsum(random_array<T>({5, 600}).backwards(0));
  TENON_FORALL_DTYPES(TENON_TEST_DTYPE)
#undef TENON_TEST_DTYPE
}

TEST(Scans, AgreeWithPyTorchOnSpecialValues) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Array<float> x({7}, std::vector<float>{1, 3, 3, nan, 2, nan, 5}), out({7});
  const Array<int64_t> at({7});
  cpu::scan_table().scan(Scan::Max, out.view(), at.view(), x.view(), 0);
  EXPECT_EQ(at.values(), (std::vector<int64_t>{0, 1, 2, 3, 3, 5, 5}));
  EXPECT_EQ(out[2], 3);
  EXPECT_TRUE(std::isnan(out[6]));
  cpu::scan_table().scan(Scan::Min, out.view(), at.view(), x.view(), 0);
  EXPECT_EQ(at.values(), (std::vector<int64_t>{0, 0, 0, 3, 3, 5, 5}));
  const Array<int32_t> ints({5}, std::vector<int32_t>{3, 3, 1, 1, 3}), best({5});
  const Array<int64_t> places({5});
  cpu::scan_table().scan(Scan::Min, best.view(), places.view(), ints.view(), 0);
  EXPECT_EQ(best.values(), (std::vector<int32_t>{3, 3, 1, 1, 1}));
  EXPECT_EQ(places.values(), (std::vector<int64_t>{0, 1, 2, 3, 3}));
  cpu::scan_table().scan(Scan::Prod, best.view(), TensorView(), ints.view(), 0);
  EXPECT_EQ(best.values(), (std::vector<int32_t>{3, 9, 9, 9, 27}));
  const Array<float> logs({5}, std::vector<float>{-inf, -inf, 2, nan, 1}), sums({5});
  cpu::scan_table().scan(Scan::LogSumExp, sums.view(), TensorView(), logs.view(), 0);
  EXPECT_EQ(sums[1], -inf);
  EXPECT_EQ(sums[2], 2);
  EXPECT_TRUE(std::isnan(sums[4]));
  const Array<float> top({3}, std::vector<float>{inf, 1, -inf}), tops({3});
  cpu::scan_table().scan(Scan::LogSumExp, tops.view(), TensorView(), top.view(), 0);
  EXPECT_EQ(tops.values(), (std::vector<float>{inf, inf, inf}));
}

TEST(Scans, OfNothingAndOfScalarsWork) {
  const Array<float> none({0, 3}), scalar({}, std::vector<float>{2}), out({}, std::vector<float>{0});
  cpu::scan_table().scan(Scan::Sum, none.view(), TensorView(), none.view(), 0);
  cpu::scan_table().scan(Scan::Sum, out.view(), TensorView(), scalar.view(), 0);
  EXPECT_EQ(out[0], 2);
}

// --- sorts

// Whether a comes before b: NaN is above every number.
bool before(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; }

template <class T>
void expect_sorts(const Array<T>& in) {
  const int64_t rows = in.sizes[0], n = in.sizes[1];
  const Array<T> values({rows, n});
  const Array<int64_t> indices({rows, n});
  for (bool descending : {false, true}) {
    cpu::sort_table().sort(values.view(), indices.view(), in.view(), descending);
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<int64_t> order(static_cast<size_t>(n));
      std::iota(order.begin(), order.end(), int64_t{0});
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        const double x = number(in[r * n + a]), y = number(in[r * n + b]);
        return descending ? before(y, x) : before(x, y);
      });
      for (int64_t i = 0; i < n; ++i) {
        const int64_t wanted = order[static_cast<size_t>(i)];
        ASSERT_EQ(indices[r * n + i], wanted) << dtype_v<T> << " row of " << n;
        ASSERT_TRUE(same(values[r * n + i], in[r * n + wanted]));
      }
      for (int64_t k : {int64_t{1}, n / 5 + 1, n}) {
        const Array<T> best({1, k}), kth({1, 1});
        const Array<int64_t> places({1, k}), place({1, 1});
        const Array<T> row({1, n}, std::vector<T>(in.data + r * n, in.data + (r + 1) * n));
        cpu::sort_table().topk(best.view(), places.view(), row.view(), descending, true);
        for (int64_t i = 0; i < k; ++i) ASSERT_EQ(places[i], order[static_cast<size_t>(i)]);
        cpu::sort_table().topk(best.view(), places.view(), row.view(), descending, false);
        std::vector<int64_t> found = places.values(), wanted(order.begin(), order.begin() + k);
        std::sort(found.begin(), found.end());
        std::sort(wanted.begin(), wanted.end());
        ASSERT_EQ(found, wanted);
        if (descending) continue;
        cpu::sort_table().kthvalue(kth.view(), place.view(), row.view(), k);
        ASSERT_EQ(place[0], order[static_cast<size_t>(k - 1)]);
        ASSERT_TRUE(same(kth[0], in[r * n + place[0]]));
      }
    }
  }
}

TEST(Sorts, AreStableForEveryRealDtypeAndLength) {
#define TENON_TEST_DTYPE(T, name, python)                                                    \
  if constexpr (!is_complex_v<T>) {                                                          \
    for (int64_t n : {1, 2, 50, 129, 3000, 9000}) expect_sorts(random_array<T>({3, n}));      \
  }
  TENON_FORALL_DTYPES(TENON_TEST_DTYPE)
#undef TENON_TEST_DTYPE
  expect_sorts(random_array<float>({1, 300000}));
  expect_sorts(random_array<double>({1, 150000}));
}

TEST(Sorts, PlaceSpecialValuesAsPyTorchDoes) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  expect_sorts(Array<float>({1, 9}, std::vector<float>{nan, inf, -inf, 0.f, -0.f, -nan, 1e-40f, -1e-40f, 0.f}));
  expect_sorts(Array<int64_t>({1, 4}, std::vector<int64_t>{INT64_MAX, INT64_MIN, 0, -1}));
  expect_sorts(Array<uint8_t>({1, 4}, std::vector<uint8_t>{255, 0, 128, 127}));
}

TEST(Sorts, AreTheSameOnAnyNumberOfThreads) {
  const Array<float> x = random_array<float>({1, 400000}), values({1, 400000});
  const Array<int64_t> indices({1, 400000});
  expect_same_on_any_threads(indices, [&] { cpu::sort_table().sort(values.view(), indices.view(), x.view(), false); });
}

TEST(Sorts, RefuseComplexNumbers) {
  const Array<std::complex<double>> z({1, 3});
  const Array<int64_t> at({1, 3});
  EXPECT_THROW(cpu::sort_table().sort(z.view(), at.view(), z.view(), false), TensorError);
}

}  // namespace
}  // namespace tenon::test
