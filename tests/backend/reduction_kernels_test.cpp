// Reductions against loops in double precision, and against constants computed with PyTorch.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/kernel_test.h"

namespace tenon::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

const ReductionKernels& kernels() { return cpu::reduction_table(); }

DimVector reduced_sizes(IntArrayRef sizes, unsigned dims) {
  DimVector result(sizes);
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (dims >> d & 1) result[d] = 1;
  }
  return result;
}

// The row-major place in `out` of each element of `in`.
int64_t place_in(IntArrayRef out, IntArrayRef in, int64_t i) {
  int64_t place = 0, step = 1;
  for (size_t d = in.size(); d-- > 0;) {
    const int64_t at = i % in[d];
    i /= in[d];
    if (out[d] != 1) place += at * step;
    step *= out[d];
  }
  return place;
}

using Complex = std::complex<double>;

template <class T>
Complex exact(T x) {
  if constexpr (is_complex_v<T>) return {x.real(), x.imag()};
  else return number(x);
}

std::vector<Complex> reference(Reduction op, const std::vector<Complex>& values, IntArrayRef in, IntArrayRef out) {
  const double identity[] = {
      0, 1, -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity(), 0, 1, 0, 0, 0};
  std::vector<Complex> result(static_cast<size_t>(checked_numel(out, "test")), identity[static_cast<int>(op)]);
  for (size_t i = 0; i < values.size(); ++i) {
    Complex& r = result[static_cast<size_t>(place_in(out, in, static_cast<int64_t>(i)))];
    const Complex x = values[i];
    switch (op) {
      case Reduction::Sum: r += x; break;
      case Reduction::Prod: r *= x; break;
      case Reduction::Max: r = std::max(r.real(), x.real()); break;
      case Reduction::Min: r = std::min(r.real(), x.real()); break;
      case Reduction::Any: r = r.real() != 0 || x != 0.0; break;
      case Reduction::All: r = r.real() != 0 && x != 0.0; break;
      case Reduction::SumAbs: r += std::abs(x); break;
      case Reduction::SumSquares: r += std::norm(x); break;
      case Reduction::CountNonzero: r += x != 0.0; break;
    }
  }
  return result;
}

template <class Out, class In>
void expect_reduces(Reduction op, ScalarType compute, const Array<In>& in, unsigned dims, double tolerance) {
  const Array<Out> out(reduced_sizes(in.sizes, dims), Out(0));
  kernels().reduce(op, compute, out.view(), in.view());
  std::vector<Complex> values;
  for (In x : in.values()) values.push_back(exact(x));
  const std::vector<Complex> wanted = reference(op, values, in.sizes, out.sizes);
  for (int64_t i = 0; i < out.numel(); ++i) {
    const Complex expected = wanted[static_cast<size_t>(i)], got = exact(out[i]);
    ASSERT_LE(std::abs(got - expected), tolerance * (1 + std::abs(expected)))
        << "reduction " << static_cast<int>(op) << " of " << dtype_v<In> << " " << in.sizes << " dims " << dims
        << " at " << i;
  }
}

template <class T>
void expect_all_reductions(const Array<T>& in, unsigned dims) {
  constexpr ScalarType dtype = dtype_v<T>;
  constexpr bool integral = is_integral(dtype, true);
  constexpr double tolerance = is_reduced_floating_point(dtype)              ? 1e-2
                               : dtype == kDouble || dtype == kComplexDouble ? 1e-12
                                                                             : 1e-5;
  using Sum = std::conditional_t<integral, int64_t, T>;
  expect_reduces<Sum>(Reduction::Sum, dtype_v<Sum>, in, dims, tolerance);
  expect_reduces<bool>(Reduction::Any, kBool, in, dims, 0);
  expect_reduces<bool>(Reduction::All, kBool, in, dims, 0);
  expect_reduces<int64_t>(Reduction::CountNonzero, dtype, in, dims, 0);
  if constexpr (is_complex(dtype)) {
    expect_reduces<double>(Reduction::SumAbs, dtype, in, dims, 1e-6);
    expect_reduces<double>(Reduction::SumSquares, dtype, in, dims, 1e-6);
  } else {
    expect_reduces<T>(Reduction::Max, dtype, in, dims, 0);
    expect_reduces<T>(Reduction::Min, dtype, in, dims, 0);
    if constexpr (!integral) {
      expect_reduces<T>(Reduction::SumAbs, dtype, in, dims, tolerance);
      expect_reduces<T>(Reduction::SumSquares, dtype, in, dims, tolerance);
    }
  }
}

TEST(Reductions, AgreeWithLoopsForEveryDtypeSetOfDimsAndLayout) {
  for_each_isa([] {
#define TENON_TEST_DTYPE(T, name, python)                                        \
  for (unsigned dims = 0; dims < 8; ++dims) {                                    \
    const Array<T> base = random_array<T>({5, 6, 37});                           \
    expect_all_reductions(base, dims);                                           \
    expect_all_reductions(base.permuted({2, 0, 1}), dims);                       \
    expect_all_reductions(base.backwards(2), dims);                              \
    expect_all_reductions(base.backwards(1).permuted({1, 2, 0}), dims);          \
  }
    TENON_FORALL_DTYPES(TENON_TEST_DTYPE)
#undef TENON_TEST_DTYPE
  });
}

TEST(Reductions, AgreeWithLoopsForLargeShapes) {
  for_each_isa([] {
    expect_all_reductions(random_array<float>({300001}), 1);
    expect_all_reductions(random_array<float>({700, 301}), 1);
    expect_all_reductions(random_array<float>({700, 301}), 2);
    expect_all_reductions(random_array<float>({3, 2000, 17}), 2);
    expect_all_reductions(random_array<float>({20000, 3}), 1);
    expect_all_reductions(random_array<float>({20000, 9}), 1);
    expect_all_reductions(random_array<float>({20000, 4}), 2);
    expect_all_reductions(random_array<double>({1031, 63}), 1);
    expect_all_reductions(random_array<BFloat16>({2001, 2}), 1);
    expect_all_reductions(random_array<double>({8, 16, 3000}), 5);
    expect_all_reductions(random_array<Half>({5, 5000}), 2);
    expect_all_reductions(random_array<int32_t>({900, 700}).permuted({1, 0}), 2);
    expect_all_reductions(random_array<std::complex<float>>({2, 9000}), 2);
  });
}

TEST(Reductions, ConvertInputsToTheComputeDtype) {
  expect_reduces<double>(Reduction::Sum, kDouble, random_array<int8_t>({4, 1000}), 2, 1e-12);
  expect_reduces<float>(Reduction::Sum, kFloat, random_array<bool>({4, 1000}), 2, 1e-6);
  expect_reduces<std::complex<float>>(Reduction::Sum, kComplexFloat, random_array<float>({4, 1000}), 1, 1e-5);
  const Array<int16_t> many({3}, std::vector<int16_t>{30000, 30000, 30000});
  const Array<int64_t> total({1});
  kernels().reduce(Reduction::Sum, kLong, total.view(), many.view());
  EXPECT_EQ(total[0], 90000);
}

TEST(Reductions, OfProductsAgreeWithLoops) {
  for_each_isa([] {
    Array<float> x = random_array<float>({40, 9});
    for (int64_t i = 0; i < x.numel(); ++i) x.data[i] = 1 + x.data[i] / 40;
    for (unsigned dims = 1; dims < 4; ++dims) expect_reduces<float>(Reduction::Prod, kFloat, x, dims, 1e-4);
    Array<std::complex<float>> z({5, 9});
    for (int64_t i = 0; i < z.numel(); ++i) z.data[i] = {x.data[i], x.data[i + 45] - 1};
    for (unsigned dims = 1; dims < 4; ++dims)
      expect_reduces<std::complex<float>>(Reduction::Prod, kComplexFloat, z, dims, 1e-4);
    const Array<int64_t> big({3}, std::vector<int64_t>{INT64_MAX, 3, 5});
    const Array<int64_t> out({1});
    kernels().reduce(Reduction::Prod, kLong, out.view(), big.view());
    EXPECT_EQ(out[0], INT64_MAX - 14);  // wraps around as in PyTorch
  });
}

TEST(Reductions, OfNothingGiveTheIdentity) {
  const Array<float> none({3, 0});
  const Array<float> out({3, 1}, 7.f);
  kernels().reduce(Reduction::Sum, kFloat, out.view(), none.view());
  EXPECT_EQ(out.values(), std::vector<float>(3, 0.f));
  kernels().reduce(Reduction::Prod, kFloat, out.view(), none.view());
  EXPECT_EQ(out.values(), std::vector<float>(3, 1.f));
  const Array<bool> flags({3, 1});
  kernels().reduce(Reduction::All, kBool, flags.view(), none.view());
  EXPECT_EQ(flags.values(), std::vector<bool>(3, true));
  kernels().reduce(Reduction::Any, kBool, flags.view(), none.view());
  EXPECT_EQ(flags.values(), std::vector<bool>(3, false));
}

TEST(Reductions, OfAScalarGiveItself) {
  const Array<float> one({}, 3.5f), out(IntArrayRef{}, 0.f);
  kernels().reduce(Reduction::Sum, kFloat, out.view(), one.view());
  EXPECT_EQ(out[0], 3.5f);
}

TEST(Reductions, PropagateNanFromAnyPlace) {
  for_each_isa([] {
    for (int64_t at : {0, 1, 15, 16, 130, 199}) {
      Array<float> x = random_array<float>({200, 12});
      x.data[at * 12 + 5] = kNan;
      const Array<float> columns({1, 12}), all({1, 1});
      for (Reduction op : {Reduction::Max, Reduction::Min}) {
        kernels().reduce(op, kFloat, columns.view(), x.view());
        for (int64_t c = 0; c < 12; ++c) EXPECT_EQ(std::isnan(columns[c]), c == 5) << at;
        kernels().reduce(op, kFloat, all.view(), x.view());
        EXPECT_TRUE(std::isnan(all[0])) << at;
      }
    }
  });
}

TEST(Reductions, KeepSumsOfManyEqualNumbersAccurate) {
  for_each_isa([] {
    const int64_t n = int64_t{1} << 22;
    const Array<float> x({n / 4, 4}, 0.1f);
    const Array<float> all({1, 1}), columns({1, 4});
    kernels().reduce(Reduction::Sum, kFloat, all.view(), x.view());
    EXPECT_NEAR(all[0], 419430.40625, 0.25);
    kernels().reduce(Reduction::Sum, kFloat, columns.view(), x.view());
    EXPECT_NEAR(columns[3], 104857.6015625, 0.1);
    const Array<float> wide({n / 16, 16}, 0.1f), sums({1, 16});
    kernels().reduce(Reduction::Sum, kFloat, sums.view(), wide.view());
    EXPECT_NEAR(sums[7], 26214.400390625, 0.02);
  });
}

TEST(Reductions, AreTheSameOnAnyNumberOfThreads) {
  const Array<float> x = random_array<float>({600, 1100});
  const Array<float> all({1, 1}), rows({600, 1}), columns({1, 1100}), second({1, 1100});
  expect_same_on_any_threads(all, [&] { kernels().reduce(Reduction::Sum, kFloat, all.view(), x.view()); });
  expect_same_on_any_threads(rows, [&] { kernels().reduce(Reduction::Sum, kFloat, rows.view(), x.view()); });
  expect_same_on_any_threads(columns, [&] { kernels().reduce(Reduction::Sum, kFloat, columns.view(), x.view()); });
  expect_same_on_any_threads(columns, [&] { kernels().mean_m2(columns.view(), second.view(), x.view()); });
  const Array<float> narrow = random_array<float>({300001, 2}), two({1, 2});
  expect_same_on_any_threads(two, [&] { kernels().reduce(Reduction::Sum, kFloat, two.view(), narrow.view()); });
  expect_same_on_any_threads(all, [&] { kernels().logsumexp(all.view(), x.view()); });
}

TEST(MeanAndDeviations, AreAccurateFarFromZero) {
  for_each_isa([] {
    for (const auto& [dims, width] : {std::pair(1u, 33), std::pair(1u, 97), std::pair(2u, 33), std::pair(3u, 33)}) {
      Array<float> x = random_array<float>({3000, width});
      for (int64_t i = 0; i < x.numel(); ++i) x.data[i] += 10000;
      const Array<float> mean(reduced_sizes(x.sizes, dims), 0.f), m2(reduced_sizes(x.sizes, dims), 0.f);
      kernels().mean_m2(mean.view(), m2.view(), x.view());
      std::vector<double> sum(static_cast<size_t>(mean.numel())), squares(sum.size());
      const double count = static_cast<double>(x.numel() / mean.numel());
      for (int64_t i = 0; i < x.numel(); ++i) sum[static_cast<size_t>(place_in(mean.sizes, x.sizes, i))] += x.data[i];
      for (int64_t i = 0; i < x.numel(); ++i) {
        const size_t at = static_cast<size_t>(place_in(mean.sizes, x.sizes, i));
        squares[at] += std::pow(x.data[i] - sum[at] / count, 2);
      }
      for (size_t i = 0; i < sum.size(); ++i) {
        EXPECT_NEAR(mean.data[i], sum[i] / count, 1e-3);
        EXPECT_NEAR(m2.data[i] / squares[i], 1, 1e-5);
      }
    }
  });
}

TEST(MeanAndDeviations, OfNothingHaveNoMean) {
  const Array<float> none({0}), mean({1}), m2({1}, 5.f);
  kernels().mean_m2(mean.view(), m2.view(), none.view());
  EXPECT_TRUE(std::isnan(mean[0]));
  EXPECT_EQ(m2[0], 0);
}

TEST(LogSumExp, AgreesWithPyTorch) {
  for_each_isa([] {
    const Array<float> x({6, 3}, std::vector<float>{1, 2, 3, 1000, 1000, 999, -kInf, -kInf, -kInf, kInf, 1, kInf, kNan,
                                                    1, 2, -kInf, 1, 1});
    const Array<float> out({6, 1});
    kernels().logsumexp(out.view(), x.view());
    EXPECT_NEAR(out[0], 3.4076061248779297, 1e-6);
    EXPECT_NEAR(out[1], 1000.8620, 1e-4);
    EXPECT_EQ(out[2], -kInf);
    EXPECT_EQ(out[3], kInf);
    EXPECT_TRUE(std::isnan(out[4]));
    EXPECT_NEAR(out[5], 1.6931471824645996, 1e-6);
    const Array<float> large = random_array<float>({200000}), total({1});
    double sum = 0;
    for (float v : large.values()) sum += std::exp(static_cast<double>(v));
    kernels().logsumexp(total.view(), large.view());
    EXPECT_NEAR(total[0], std::log(sum), 1e-5);
    const Array<float> none({0});
    kernels().logsumexp(total.view(), none.view());
    EXPECT_EQ(total[0], -kInf);
  });
}

template <class T>
void expect_extremes(const Array<T>& in, int64_t dim) {
  DimVector sizes(in.sizes);
  const int64_t n = sizes[static_cast<size_t>(dim)];
  sizes[static_cast<size_t>(dim)] = 1;
  const Array<T> values(sizes, T(0));
  const Array<int64_t> indices(sizes, 0);
  for (bool is_max : {false, true}) {
    kernels().extreme_along(is_max, values.view(), indices.view(), in.view(), dim);
    std::vector<int64_t> best(static_cast<size_t>(values.numel()), -1);
    std::vector<double> most(best.size());
    int64_t inner = 1;
    for (size_t d = static_cast<size_t>(dim) + 1; d < in.sizes.size(); ++d) inner *= in.sizes[d];
    for (int64_t i = 0; i < in.numel(); ++i) {
      const size_t at = static_cast<size_t>(place_in(sizes, in.sizes, i));
      const double x = number(in[i]);
      if (best[at] < 0 || (!std::isnan(most[at]) && (std::isnan(x) || (is_max ? x > most[at] : x < most[at])))) {
        best[at] = i / inner % n;
        most[at] = x;
      }
    }
    for (size_t i = 0; i < best.size(); ++i) {
      ASSERT_EQ(indices.data[i], best[i]) << dtype_v<T> << " " << in.sizes << " dim " << dim;
      if (std::isnan(most[i])) ASSERT_TRUE(std::isnan(number(values.data[i])));
      else ASSERT_EQ(number(values.data[i]), most[i]);
    }
  }
}

TEST(ExtremesAlongADim, AreTheFirstForEveryDtypeAndLayout) {
  for_each_isa([] {
#define TENON_TEST_DTYPE(T, name, python)                                    \
  if constexpr (!is_complex_v<T>) {                                          \
    const Array<T> x = random_array<T>({9, 70, 11});                         \
    for (int64_t dim = 0; dim < 3; ++dim) {                                  \
      expect_extremes(x, dim);                                               \
      expect_extremes(x.permuted({1, 2, 0}), dim);                           \
      expect_extremes(x.backwards(1), dim);                                  \
    }                                                                        \
    expect_extremes(random_array<T>({2, 3000}), 1);                          \
  }
    TENON_FORALL_DTYPES(TENON_TEST_DTYPE)
#undef TENON_TEST_DTYPE
    Array<float> x = random_array<float>({40, 1500});
    for (int64_t i = 0; i < 40; i += 2) x.data[i * 1500 + i * 31] = x.data[i * 1500 + 1400] = kNan;
    expect_extremes(x, 0);
    expect_extremes(x, 1);
    const Array<float> low({30}, -kInf);
    expect_extremes(low, 0);
  });
}

TEST(ExtremesAlongADim, WriteOnlyTheWantedOutput) {
  const Array<float> x({4}, std::vector<float>{1, 5, 5, 2}), value({1});
  const Array<int64_t> index({1});
  kernels().extreme_along(true, value.view(), TensorView(), x.view(), 0);
  EXPECT_EQ(value[0], 5);
  kernels().extreme_along(true, TensorView(), index.view(), x.view(), 0);
  EXPECT_EQ(index[0], 1);
}

TEST(ExtremesAlongADim, OfComplexNumbersAreRefused) {
  const Array<std::complex<float>> z({3}), out({1});
  EXPECT_THROW(kernels().extreme_along(true, out.view(), TensorView(), z.view(), 0), TensorError);
  EXPECT_THROW(kernels().reduce(Reduction::Max, kComplexFloat, out.view(), z.view()), TensorError);
}

}  // namespace
}  // namespace tenon::test
