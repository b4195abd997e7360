// The CPU's matrix product against Eigen in double (or wide integers): every dtype, layout and instruction set.
#include <gtest/gtest.h>

#include <Eigen/Core>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <type_traits>
#include <vector>

#include "backend/cpu/isa.h"
#include "backend/cpu/kernels.h"
#include "tenon/base/parallel.h"

namespace tenon {
namespace {

enum class Layout { RowMajor, ColumnMajor, Spread };

// Every instruction set of this machine, restored at the end.
template <class Body>
void on_each_isa(const Body& body) {
  const cpu::Isa before = cpu::isa();
  for (int i = 0; i <= static_cast<int>(cpu::best_isa()); ++i) {
    cpu::set_isa(static_cast<cpu::Isa>(i));
    SCOPED_TRACE(cpu::isa_name(cpu::isa()));
    body();
  }
  cpu::set_isa(before);
}

// The type that holds exact references of T.
template <class T>
struct Reference {
  using type = double;
};
template <class R>
struct Reference<std::complex<R>> {
  using type = std::complex<double>;
};
template <class T>
  requires std::is_integral_v<T>
struct Reference<T> {
  using type = uint64_t;
};
template <class T>
using Exact = Eigen::Matrix<typename Reference<T>::type, Eigen::Dynamic, Eigen::Dynamic>;

template <class T>
typename Reference<T>::type exact(T value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return static_cast<float>(value);
  } else {
    return static_cast<typename Reference<T>::type>(value);
  }
}

template <class T>
double epsilon() {
  if constexpr (std::is_same_v<T, Half>) return 1.0 / 1024;
  if constexpr (std::is_same_v<T, BFloat16>) return 1.0 / 128;
  if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::complex<double>>) return 2.3e-16;
  return 1.2e-7;
}

std::mt19937& generator() {
  static std::mt19937 instance(7);
  return instance;
}

template <class T>
T random_value() {
  if constexpr (std::is_same_v<T, bool>) {
    return generator()() % 4 == 0;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(generator()()) << 32 | generator()());
  } else if constexpr (std::is_same_v<typename Reference<T>::type, double>) {
    return static_cast<T>(std::uniform_real_distribution<float>(-1, 1)(generator()));
  } else {
    return {random_value<typename T::value_type>(), random_value<typename T::value_type>()};
  }
}

// A batch of matrices in memory of its own, with guard elements around and between that must stay as they were.
template <class T>
struct Batch {
  std::vector<std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>> memory;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;

  Batch(int64_t count, int64_t rows, int64_t cols, Layout layout, bool shared = false)
      : sizes{count, rows, cols} {
    const int64_t step = layout == Layout::Spread ? 3 : 1;
    const int64_t row = layout == Layout::ColumnMajor ? step : step * cols + (layout == Layout::Spread ? 2 : 0);
    const int64_t col = layout == Layout::ColumnMajor ? rows : step;
    const int64_t one = rows * cols * step + 2 * rows + 5;
    strides = {shared ? 0 : one, row, col};
    memory.resize(static_cast<size_t>(one * count + 1));
    for (auto& value : memory) value = random_value<T>();
  }
  TensorView view() { return {memory.data(), dtype_v<T>, sizes, strides}; }
  T at(int64_t b, int64_t i, int64_t j) const {
    return static_cast<T>(memory[static_cast<size_t>(b * strides[0] + i * strides[1] + j * strides[2])]);
  }
  void set(int64_t b, int64_t i, int64_t j, T value) {
    memory[static_cast<size_t>(b * strides[0] + i * strides[1] + j * strides[2])] = value;
  }
  Exact<T> exact_matrix(int64_t b) const {
    Exact<T> result(sizes[1], sizes[2]);
    for (int64_t i = 0; i < sizes[1]; ++i) {
      for (int64_t j = 0; j < sizes[2]; ++j) result(i, j) = exact(at(b, i, j));
    }
    return result;
  }
};

struct Shape {
  int64_t m, n, k;
  int64_t batch = 1;
};

struct Options {
  Layout lhs = Layout::RowMajor, rhs = Layout::RowMajor, out = Layout::RowMajor;
  Scalar alpha = 1, beta = 0;
  bool bias = false, shared_rhs = false, shared_lhs = false;
};

template <class T>
void run(Batch<T>& out, Batch<T>& lhs, Batch<T>& rhs, const Options& options, Batch<T>* bias) {
  const int64_t bias_size[] = {bias ? bias->sizes[2] : 0}, bias_stride[] = {bias ? bias->strides[2] : 0};
  const TensorView bias_view{bias ? bias->memory.data() : nullptr, dtype_v<T>, {bias_size, 1}, {bias_stride, 1}};
  cpu::matmul_table().matmul(out.view(), lhs.view(), rhs.view(), options.alpha, options.beta,
                             bias ? &bias_view : nullptr);
}

// Compares with Eigen, element by element, within the bound of a sum of k rounded products.
template <class T>
void check(const Shape& s, const Options& options = {}) {
  SCOPED_TRACE(concat("m ", s.m, " n ", s.n, " k ", s.k, " batch ", s.batch, " layouts ", int(options.lhs),
                      int(options.rhs), int(options.out), " alpha ", options.alpha, " beta ", options.beta, " bias ",
                      options.bias));
  using E = typename Reference<T>::type;
  Batch<T> lhs(s.batch, s.m, s.k, options.lhs, options.shared_lhs),
      rhs(s.batch, s.k, s.n, options.rhs, options.shared_rhs);
  Batch<T> out(s.batch, s.m, s.n, options.out);
  Batch<T> bias(1, 1, s.n, options.out);
  const Batch<T> before = out;
  Batch<T> expected = out;
  run(out, lhs, rhs, options, options.bias ? &bias : nullptr);

  E alpha, beta;
  if constexpr (std::is_integral_v<T>) {
    alpha = static_cast<E>(options.alpha.to_int64());
    beta = static_cast<E>(options.beta.to_int64());
  } else {
    alpha = options.alpha.to<E>();
    beta = options.beta.to<E>();
  }
  for (int64_t b = 0; b < s.batch; ++b) {
    const Exact<T> x = lhs.exact_matrix(b), y = rhs.exact_matrix(b), old = before.exact_matrix(b);
    Exact<T> want = Exact<T>::Zero(s.m, s.n);
    if (s.k > 0) want = alpha * (x * y);
    if (!options.beta.equal(0)) want += beta * old;
    if (options.bias) want.rowwise() += bias.exact_matrix(0).row(0);
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t j = 0; j < s.n; ++j) {
        const T got = out.at(b, i, j);
        expected.set(b, i, j, got);
        if constexpr (std::is_integral_v<T>) {
          ASSERT_EQ(got, static_cast<T>(want(i, j))) << "at " << b << ", " << i << ", " << j;
        } else {
          const double magnitude = s.k > 0 ? (x.row(i).cwiseAbs() * y.col(j).cwiseAbs()).value() : 0.0;
          const double sum_epsilon = std::min(epsilon<T>(), is_reduced_floating_point(dtype_v<T>) ? 1.2e-7 : 1.0);
          const double bound = sum_epsilon * static_cast<double>(s.k + 8) * (std::abs(alpha) * magnitude + 4) * 2 +
                               epsilon<T>() * std::abs(want(i, j));
          ASSERT_LE(std::abs(exact(got) - want(i, j)), bound) << "at " << b << ", " << i << ", " << j;
        }
      }
    }
  }
  ASSERT_EQ(0, std::memcmp(out.memory.data(), expected.memory.data(), out.memory.size() * sizeof(out.memory[0])))
      << "wrote between or beyond the elements of out";
}

template <class T>
class MatmulOfDtype : public ::testing::Test {};
using Dtypes = ::testing::Types<float, double, Half, BFloat16, std::complex<float>, std::complex<double>, uint8_t,
                                int8_t, int16_t, int32_t, int64_t, bool>;
TYPED_TEST_SUITE(MatmulOfDtype, Dtypes);

constexpr Layout kLayouts[] = {Layout::RowMajor, Layout::ColumnMajor, Layout::Spread};

TYPED_TEST(MatmulOfDtype, AgreesWithEigenForEveryLayout) {
  on_each_isa([] {
    for (const Shape& s : {Shape{5, 7, 3}, Shape{33, 50, 29}, Shape{1, 37, 40}, Shape{41, 1, 19}, Shape{70, 90, 67}}) {
      for (Layout lhs : kLayouts) {
        for (Layout rhs : kLayouts) {
          for (Layout out : kLayouts) {
            Options options;
            options.lhs = lhs, options.rhs = rhs, options.out = out;
            check<TypeParam>(s, options);
            options.alpha = 2, options.beta = 3, options.bias = true;
            check<TypeParam>(s, options);
          }
        }
      }
    }
  });
}

TYPED_TEST(MatmulOfDtype, AgreesWithEigenBeyondOneBlock) {
  on_each_isa([] {
    check<TypeParam>({129, 203, 401});
    Options options;
    options.rhs = Layout::ColumnMajor, options.beta = 1, options.bias = true;
    check<TypeParam>({67, 257, 901}, options);
    options.lhs = Layout::ColumnMajor;
    check<TypeParam>({210, 70, 770}, options);
  });
}

TYPED_TEST(MatmulOfDtype, MultipliesEachOfABatch) {
  on_each_isa([] {
    Options options;
    options.bias = true;
    check<TypeParam>({9, 11, 13, 5}, options);
    check<TypeParam>({64, 64, 64, 7}, options);
    options.shared_rhs = true;
    check<TypeParam>({9, 11, 13, 5}, options);
    check<TypeParam>({1, 20, 30, 6}, options);
    options.shared_rhs = false, options.shared_lhs = true, options.rhs = Layout::ColumnMajor;
    check<TypeParam>({9, 11, 13, 5}, options);
  });
}

TYPED_TEST(MatmulOfDtype, OfNoTermsIsScaledOutPlusBias) {
  for (Layout out : kLayouts) {
    Options options;
    options.out = out;
    check<TypeParam>({4, 5, 0, 2}, options);
    options.beta = 2;
    check<TypeParam>({4, 5, 0, 2}, options);
    options.bias = true;
    check<TypeParam>({4, 5, 0, 2}, options);
  }
}

TYPED_TEST(MatmulOfDtype, OfNoElementsWritesNothing) {
  check<TypeParam>({0, 5, 3});
  check<TypeParam>({5, 0, 3});
  check<TypeParam>({5, 4, 3, 0});
}

TYPED_TEST(MatmulOfDtype, FoldsABatchOfContiguousRowsWithOneRhs) {
  Batch<TypeParam> lhs(1, 12, 20, Layout::RowMajor), rhs(1, 20, 9, Layout::RowMajor), whole(1, 12, 9, Layout::RowMajor);
  run<TypeParam>(whole, lhs, rhs, {}, nullptr);
  Batch<TypeParam> folded(1, 12, 9, Layout::RowMajor);
  lhs.sizes = {3, 4, 20}, lhs.strides = {80, 20, 1};
  rhs.sizes = {3, 20, 9}, rhs.strides = {0, 9, 1};
  folded.sizes = {3, 4, 9}, folded.strides = {36, 9, 1};
  run<TypeParam>(folded, lhs, rhs, {}, nullptr);
  for (int64_t i = 0; i < 12; ++i) {
    for (int64_t j = 0; j < 9; ++j) EXPECT_EQ(whole.at(0, i, j), folded.at(0, i, j));
  }
}

template <class T>
void check_all_sizes() {
  on_each_isa([] {
    for (int64_t n = 1; n <= 70; ++n) {
      const int64_t m = 1 + n * 13 % 23, k = 1 + n * 29 % 41;
      Options options;
      check<T>({m, n, k}, options);
      check<T>({n, m, k}, options);
      options.rhs = Layout::ColumnMajor;
      check<T>({m, n, k}, options);
      check<T>({8, k, n}, options);
      options.lhs = Layout::ColumnMajor;
      check<T>({n, m, k}, options);
    }
  });
}
TEST(Matmul, OfFloatAgreesWithEigenForEverySizeAroundTheTiles) { check_all_sizes<float>(); }
TEST(Matmul, OfDoubleAgreesWithEigenForEverySizeAroundTheTiles) { check_all_sizes<double>(); }

TEST(Matmul, OfFewRowsOrColumnsAgreesWithEigen) {
  on_each_isa([] {
    for (int64_t few : {1, 2, 3, 4, 5, 8, 9}) {
      for (Layout lhs : kLayouts) {
        for (Layout rhs : kLayouts) {
          Options options;
          options.lhs = lhs, options.rhs = rhs, options.bias = true;
          check<float>({few, 700, 200}, options);
          check<float>({700, few, 200}, options);
          check<double>({few, 301, 37}, options);
        }
      }
    }
  });
}

TEST(Matmul, OfLargeFloatMatricesAgreesWithEigen) {
  Options options;
  options.alpha = 0.5, options.beta = -2.0;
  check<float>({64, 500, 1024}, options);
  check<float>({64, 513, 1025}, options);
  check<float>({65, 515, 508}, options);
  check<float>({65, 515, 513}, options);
  check<float>({130, 4200, 33}, options);
  check<float>({4200, 130, 33}, options);
  check<float>({300, 310, 1300}, options);
}

// Whatever is in `out` must not reach the result.
template <class T>
void check_ignores_out(T poison) {
  on_each_isa([poison] {
    for (Layout layout : kLayouts) {
      for (const Shape& s : {Shape{3, 5, 4}, Shape{50, 60, 70}, Shape{130, 300, 500}, Shape{20, 30, 0}}) {
        Batch<T> lhs(1, s.m, s.k, Layout::RowMajor), rhs(1, s.k, s.n, Layout::RowMajor), out(1, s.m, s.n, layout);
        for (auto& value : out.memory) value = poison;
        run<T>(out, lhs, rhs, {}, nullptr);
        for (int64_t i = 0; i < s.m; ++i) {
          for (int64_t j = 0; j < s.n; ++j) ASSERT_FALSE(std::isnan(std::abs(exact(out.at(0, i, j)))));
        }
      }
    }
  });
}
TEST(Matmul, WithZeroBetaDoesNotReadOut) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  check_ignores_out<float>(kNan);
  check_ignores_out<double>(kNan);
  check_ignores_out<Half>(kNan);
  check_ignores_out<BFloat16>(kNan);
  check_ignores_out<std::complex<float>>({kNan, kNan});
}

TEST(Matmul, CarriesNanAndInfinityOfItsOperands) {
  on_each_isa([] {
    Batch<float> lhs(1, 20, 40, Layout::RowMajor), rhs(1, 40, 30, Layout::RowMajor), out(1, 20, 30, Layout::RowMajor);
    lhs.set(0, 7, 39, std::numeric_limits<float>::quiet_NaN());
    lhs.set(0, 8, 0, std::numeric_limits<float>::infinity());
    run<float>(out, lhs, rhs, {}, nullptr);
    for (int64_t j = 0; j < 30; ++j) {
      EXPECT_TRUE(std::isnan(out.at(0, 7, j)));
      EXPECT_TRUE(std::isinf(out.at(0, 8, j)));
      EXPECT_TRUE(std::isfinite(out.at(0, 6, j)));
    }
  });
}

// Half types are summed in float: a sum of many small terms would stall otherwise.
TEST(Matmul, OfHalfTypesAccumulatesInFloat) {
  on_each_isa([] {
    Batch<BFloat16> lhs(1, 1, 4096, Layout::RowMajor), rhs(1, 4096, 1, Layout::RowMajor),
        out(1, 1, 1, Layout::RowMajor);
    for (auto& value : lhs.memory) value = 1.0f;
    for (auto& value : rhs.memory) value = 1.0f;
    run<BFloat16>(out, lhs, rhs, {}, nullptr);
    EXPECT_EQ(4096.0f, static_cast<float>(out.at(0, 0, 0)));
  });
}

template <class T>
void check_threads(const Shape& s, Layout lhs_layout, Layout rhs_layout, Layout out_layout) {
  Options options;
  options.bias = true, options.beta = 1;
  Batch<T> lhs(s.batch, s.m, s.k, lhs_layout), rhs(s.batch, s.k, s.n, rhs_layout), bias(1, 1, s.n, Layout::RowMajor);
  const Batch<T> start(s.batch, s.m, s.n, out_layout);
  std::optional<Batch<T>> first;
  for (int threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    Batch<T> out = start;
    run(out, lhs, rhs, options, &bias);
    if (!first) first = out;
    ASSERT_EQ(0, std::memcmp(first->memory.data(), out.memory.data(), out.memory.size() * sizeof(T)))
        << threads << " threads, m " << s.m << " n " << s.n << " k " << s.k;
  }
}
TEST(Matmul, IsBitwiseTheSameOnAnyNumberOfThreads) {
  const int before = get_num_threads();
  on_each_isa([] {
    for (const Shape& s : {Shape{130, 250, 300}, Shape{401, 97, 513}, Shape{2, 3000, 700}, Shape{3000, 1, 700},
                           Shape{48, 500, 784}, Shape{40, 40, 40, 30}}) {
      for (Layout layout : kLayouts) {
        check_threads<float>(s, Layout::RowMajor, layout, Layout::RowMajor);
        check_threads<float>(s, layout, Layout::ColumnMajor, layout);
      }
    }
    check_threads<double>({130, 250, 300}, Layout::RowMajor, Layout::RowMajor, Layout::RowMajor);
    check_threads<Half>({130, 250, 300}, Layout::RowMajor, Layout::ColumnMajor, Layout::RowMajor);
    check_threads<std::complex<float>>({130, 110, 120}, Layout::RowMajor, Layout::RowMajor, Layout::RowMajor);
    check_threads<int32_t>({130, 300, 100}, Layout::RowMajor, Layout::RowMajor, Layout::RowMajor);
  });
  set_num_threads(before);
}

}  // namespace
}  // namespace tenon
