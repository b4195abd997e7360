// The CPU's elementwise kernels and the engine that runs them over any views: against the C library in higher precision,
// finite differences, and plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/isa.h"
#include "backend/cpu/kernels.h"
#include "backend/expr/line.h"
#include "tenon/base/parallel.h"

namespace tenon {
namespace {

using Kernel = ElementwiseKernel;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

template <class T>
TensorView view_of(std::vector<T>& values, IntArrayRef sizes, IntArrayRef strides) {
  return {values.data(), dtype_v<T>, sizes, strides};
}

// Runs over contiguous vectors.
template <class Out, class In>
std::vector<Out> run(Kernel kernel, std::vector<std::vector<In>> inputs, std::vector<double> params = {}) {
  const std::vector<int64_t> sizes{static_cast<int64_t>(inputs[0].size())}, strides{1};
  std::vector<Out> out(inputs[0].size());
  std::vector<Operand> operands;
  for (auto& input : inputs) operands.emplace_back(view_of(input, sizes, strides));
  cpu::elementwise_table().run(kernel, dtype_v<In>, view_of(out, sizes, strides), operands.data(),
                               static_cast<int>(operands.size()), params.data());
  return out;
}

template <class T>
std::vector<T> one(Kernel kernel, std::vector<T> x, std::vector<double> params = {}) {
  return run<T, T>(kernel, {std::move(x)}, std::move(params));
}

// Every instruction set of the machine, restored at the end.
class EachIsa : public ::testing::TestWithParam<cpu::Isa> {
 protected:
  void SetUp() override {
    if (GetParam() > cpu::best_isa()) GTEST_SKIP() << "the machine lacks " << cpu::isa_name(GetParam());
    cpu::set_isa(GetParam());
  }
  void TearDown() override { cpu::set_isa(before_); }

 private:
  cpu::Isa before_ = cpu::isa();
};
INSTANTIATE_TEST_SUITE_P(Elementwise, EachIsa,
                         ::testing::Values(cpu::Isa::Baseline, cpu::Isa::Avx2, cpu::Isa::Avx512),
                         [](const auto& info) { return cpu::isa_name(info.param); });

template <class T>
double ulps(T got, long double want) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : kInf;
  const T rounded = static_cast<T>(want);
  if (std::isinf(rounded) || std::isinf(got)) return rounded == got ? 0 : kInf;
  if (want == 0 && got == 0) return std::signbit(want) == std::signbit(got) ? 0 : kInf;
  const T magnitude = std::abs(rounded);
  const T step = std::max(std::nextafter(magnitude, std::numeric_limits<T>::infinity()) - magnitude,
                          std::numeric_limits<T>::denorm_min());
  return static_cast<double>(std::abs(static_cast<long double>(got) - want) / step);
}

// Special values, then values of every magnitude.
template <class T>
std::vector<T> arguments() {
  const double special[] = {0.0,  -0.0,  kNan,  kInf,   -kInf, 1.0,   -1.0,  0.5,    -0.5, 2.0,    20.0,   44.0,
                            88.8, -88.0, 89.5,  -104.5, 709.9, 711.0, -746., -1100., 1e5,  -3.9e4, 1.1e6, 1e-40,
                            1e15, 1e-7,  1e-30, 3.4e38, 1e-45, -1e-45};
  std::vector<T> result;
  for (double v : special) result.push_back(static_cast<T>(v));
  std::mt19937 generator(7);
  std::normal_distribution<double> normal;
  for (double scale : {1e-8, 1e-3, 0.3, 1.0, 10.0, 100.0, 1e4}) {
    for (int i = 0; i < 3000; ++i) result.push_back(static_cast<T>(normal(generator) * scale));
  }
  for (int i = 0; i < 3000; ++i) {
    result.push_back(static_cast<T>(std::copysign(std::exp(normal(generator) * 20), normal(generator))));
  }
  return result;
}

struct Reference {
  Kernel kernel;
  long double (*function)(long double);
  double limit;  // in units of the last place
};

const Reference kReferences[] = {
    {Kernel::exp, [](long double x) { return std::exp(x); }, 2},
    {Kernel::exp2, [](long double x) { return std::exp2(x); }, 2},
    {Kernel::expm1, [](long double x) { return std::expm1(x); }, 2.5},
    {Kernel::log, [](long double x) { return std::log(x); }, 2},
    {Kernel::log2, [](long double x) { return std::log2(x); }, 2.5},
    {Kernel::log10, [](long double x) { return std::log10(x); }, 2.5},
    {Kernel::log1p, [](long double x) { return std::log1p(x); }, 2.5},
    {Kernel::sin, [](long double x) { return std::sin(x); }, 3},
    {Kernel::cos, [](long double x) { return std::cos(x); }, 3},
    {Kernel::tan, [](long double x) { return std::tan(x); }, 4},
    {Kernel::asin, [](long double x) { return std::asin(x); }, 3},
    {Kernel::acos, [](long double x) { return std::acos(x); }, 3},
    {Kernel::atan, [](long double x) { return std::atan(x); }, 3},
    {Kernel::sinh, [](long double x) { return std::sinh(x); }, 3},
    {Kernel::cosh, [](long double x) { return std::cosh(x); }, 3},
    {Kernel::tanh, [](long double x) { return std::tanh(x); }, 3},
    {Kernel::asinh, [](long double x) { return std::asinh(x); }, 3},
    {Kernel::acosh, [](long double x) { return std::acosh(x); }, 3},
    {Kernel::atanh, [](long double x) { return std::atanh(x); }, 3},
    {Kernel::erf, [](long double x) { return std::erf(x); }, 4},
    {Kernel::erfc, [](long double x) { return std::erfc(x); }, 5},
    {Kernel::sqrt, [](long double x) { return std::sqrt(x); }, 0.5},
    {Kernel::reciprocal, [](long double x) { return 1 / x; }, 0.51},
    {Kernel::sigmoid, [](long double x) { return 1 / (1 + std::exp(-x)); }, 3},
    {Kernel::floor, [](long double x) { return std::floor(x); }, 0},
    {Kernel::ceil, [](long double x) { return std::ceil(x); }, 0},
    {Kernel::trunc, [](long double x) { return std::trunc(x); }, 0},
    {Kernel::round_half_even, [](long double x) { return std::nearbyint(x); }, 0},
};

template <class T>
void expect_accurate() {
  const std::vector<T> x = arguments<T>();
  for (const Reference& reference : kReferences) {
    const std::vector<T> y = one(reference.kernel, x);
    double worst = 0;
    T at = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double error = ulps(y[i], reference.function(x[i]));
      if (error > worst) worst = error, at = x[i];
    }
    EXPECT_LE(worst, reference.limit) << expr::info(reference.kernel).name << " at " << at;
  }
}

TEST_P(EachIsa, FloatFunctionsAreAccurateToAFewUlpForEveryArgument) { expect_accurate<float>(); }
TEST_P(EachIsa, DoubleFunctionsAreAccurateToAFewUlpForEveryArgument) { expect_accurate<double>(); }

TEST_P(EachIsa, FloatPowerMatchesTheLibraryOnSpecialAndRandomPairs) {
  const double values[] = {0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 0.5, -0.5, 2.5, 1e-3, 1e4, kInf, -kInf, kNan, -7.0, 100.0};
  std::vector<float> a, b;
  for (double x : values) {
    for (double y : values) a.push_back(static_cast<float>(x)), b.push_back(static_cast<float>(y));
  }
  std::mt19937 generator(3);
  std::uniform_real_distribution<float> base(0, 20), exponent(-30, 30);
  for (int i = 0; i < 5000; ++i) a.push_back(base(generator)), b.push_back(exponent(generator));
  const auto y = run<float, float>(Kernel::pow2, {a, b});
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_LE(ulps(y[i], std::pow(static_cast<long double>(a[i]), static_cast<long double>(b[i]))), 1)
        << a[i] << " ^ " << b[i];
  }
}

TEST_P(EachIsa, TwoArgumentFunctionsMatchTheLibrary) {
  const double values[] = {0.0, -0.0, 1.0, -1.0, 2.0, -3.5, 0.3, 1e-3, -1e4, kInf, -kInf, kNan};
  std::vector<double> a, b;
  for (double x : values) {
    for (double y : values) a.push_back(x), b.push_back(y);
  }
  struct Pair {
    Kernel kernel;
    double (*function)(double, double);
    double limit;
  };
  const Pair pairs[] = {{Kernel::atan2, [](double x, double y) { return std::atan2(x, y); }, 3},
                        {Kernel::hypot, [](double x, double y) { return std::hypot(x, y); }, 1},
                        {Kernel::fmod, [](double x, double y) { return std::fmod(x, y); }, 0},
                        {Kernel::copysign, [](double x, double y) { return std::copysign(x, y); }, 0},
                        {Kernel::nextafter, [](double x, double y) { return std::nextafter(x, y); }, 0}};
  for (const Pair& pair : pairs) {
    const auto y = run<double, double>(pair.kernel, {a, b});
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_LE(ulps(y[i], pair.function(a[i], b[i])), pair.limit)
          << expr::info(pair.kernel).name << "(" << a[i] << ", " << b[i] << ") = " << y[i];
    }
  }
}

// Constants of mpmath.
TEST_P(EachIsa, SpecialFunctionsMatchKnownValues) {
  const std::vector<double> x = {0.1, 0.5, 1.0, 2.5, 10.0, -0.5, -2.3};
  const double lgamma[] = {2.252712651734206, 0.5723649429247001, 0.0, 0.2846828704729192, 12.801827480081469,
                           1.2655121234846454, 0.36956666345500805};
  const double digamma[] = {-10.423754940411076, -1.9635100260214235, -0.5772156649015329, 0.7031566406452432,
                            2.251752589066721, 0.03648997397857652, 3.3173231575618227};
  const double trigamma[] = {101.43329915079275, 4.934802200544679, 1.6449340668482264, 0.49035775610023486,
                             0.10516633568168575, 8.934802200544679, 14.725912160961292};
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(one(Kernel::lgamma, x)[i], lgamma[i], 1e-14 * (1 + std::abs(lgamma[i]))) << x[i];
    EXPECT_NEAR(one(Kernel::digamma, x)[i], digamma[i], 2e-14 * std::abs(digamma[i]) + 1e-15) << x[i];
    EXPECT_NEAR(one(Kernel::trigamma, x)[i], trigamma[i], 2e-14 * trigamma[i]) << x[i];
  }
  const std::vector<double> p = {0.0, 0.1, -0.5, 0.9, 0.999999, -0.9999999999, 1e-10, 1.0, -1.0, 1.5};
  const std::vector<double> q = one(Kernel::erfinv, p);
  for (size_t i = 0; i < 7; ++i) EXPECT_NEAR(std::erf(q[i]), p[i], 3e-16) << p[i];
  EXPECT_NEAR(q[4], 3.458910737275499, 1e-10);
  EXPECT_EQ(q[7], kInf);
  EXPECT_EQ(q[8], -kInf);
  EXPECT_TRUE(std::isnan(q[9]));
}

TEST_P(EachIsa, MaximumAndMinimumPropagateNanFromEitherSide) {
  const std::vector<float> a = {NAN, 1, NAN, 2}, b = {1, NAN, NAN, 3};
  for (Kernel kernel : {Kernel::maximum, Kernel::minimum}) {
    const auto y = run<float, float>(kernel, {a, b});
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2]));
  }
  EXPECT_EQ((run<float, float>(Kernel::fmax, {a, b})[0]), 1);
  EXPECT_EQ((run<float, float>(Kernel::fmin, {a, b})[1]), 1);
  EXPECT_TRUE(std::isnan(one<float>(Kernel::relu, {NAN})[0]));
}

TEST_P(EachIsa, ComparisonsWithNanAreFalseExceptNotEqual) {
  const std::vector<float> a(21, NAN), b(21, 1);
  for (Kernel kernel : {Kernel::eq, Kernel::lt, Kernel::le, Kernel::gt, Kernel::ge}) {
    for (uint8_t v : run<uint8_t, float>(kernel, {a, b})) EXPECT_EQ(v, 0);
  }
  for (uint8_t v : run<uint8_t, float>(Kernel::ne, {a, b})) EXPECT_EQ(v, 1);
  for (uint8_t v : run<uint8_t, float>(Kernel::logical_and, {a, b})) EXPECT_EQ(v, 1);
}

TEST_P(EachIsa, IntegerOperationsAreDefinedForEveryInput) {
  constexpr int32_t kMin = INT32_MIN, kMax = INT32_MAX;
  using V = std::vector<std::vector<int32_t>>;
  auto of = [](Kernel kernel, V in) { return run<int32_t, int32_t>(kernel, std::move(in)); };
  EXPECT_EQ(of(Kernel::add2, {{kMax}, {1}})[0], kMin);
  EXPECT_EQ(of(Kernel::mul, {{kMin}, {-1}})[0], kMin);
  EXPECT_EQ(of(Kernel::neg, {{kMin}})[0], kMin);
  EXPECT_EQ(of(Kernel::abs, {{kMin}})[0], kMin);
  EXPECT_EQ(of(Kernel::trunc_div, {{kMin, 7, -7}, {-1, 0, 2}}), (std::vector<int32_t>{kMin, 0, -3}));
  EXPECT_EQ(of(Kernel::floor_div, {{kMin, 7, -7}, {-1, 0, 2}}), (std::vector<int32_t>{kMin, 0, -4}));
  EXPECT_EQ(of(Kernel::remainder, {{-5, 5, kMin}, {3, -3, -1}}), (std::vector<int32_t>{1, -1, 0}));
  EXPECT_EQ(of(Kernel::fmod, {{-5, 5, kMin}, {3, -3, -1}}), (std::vector<int32_t>{-2, 2, 0}));
  EXPECT_EQ(of(Kernel::bitwise_left_shift, {{1, 1, 3}, {32, -1, 31}}), (std::vector<int32_t>{0, 0, kMin}));
  EXPECT_EQ(of(Kernel::bitwise_right_shift, {{-8, 8, -8}, {40, -1, 1}}), (std::vector<int32_t>{-1, 0, -4}));
  EXPECT_EQ(of(Kernel::pow2, {{2, -1, 1, 0, 3}, {-1, -3, -5, 0, 4}}), (std::vector<int32_t>{0, -1, 1, 1, 81}));
  EXPECT_EQ(of(Kernel::gcd, {{-6, 0, 4}, {4, 0, 0}}), (std::vector<int32_t>{2, 0, 4}));
  EXPECT_EQ(of(Kernel::lcm, {{-6, 0, 4}, {4, 0, 6}}), (std::vector<int32_t>{12, 0, 12}));
}

TEST_P(EachIsa, ComplexFunctionsMatchTheLibrary) {
  using C = std::complex<double>;
  const std::vector<C> z = {{1, 2}, {-0.5, 0.25}, {0.1, -3}, {-2, -1}};
  const auto product = run<C, C>(Kernel::mul, {z, z});
  const auto quotient = run<C, C>(Kernel::true_div, {z, {{2, 1}, {1, -1}, {0, 2}, {3, 0}}});
  const auto root = one(Kernel::sqrt, z);
  const auto length = run<double, C>(Kernel::abs, {z});
  const C divisors[] = {{2, 1}, {1, -1}, {0, 2}, {3, 0}};
  for (size_t i = 0; i < z.size(); ++i) {
    EXPECT_LT(std::abs(product[i] - z[i] * z[i]), 1e-15 * std::norm(z[i]) * 4);
    EXPECT_LT(std::abs(quotient[i] - z[i] / divisors[i]), 1e-14);
    EXPECT_LT(std::abs(root[i] * root[i] - z[i]), 1e-14);
    EXPECT_DOUBLE_EQ(length[i], std::abs(z[i]));
  }
  const auto tiny = one<C>(Kernel::log1p, {{1e-12, 1e-13}});
  EXPECT_NEAR(tiny[0].real(), 1e-12, 1e-23);
  const auto by_zero = run<C, C>(Kernel::true_div, {{{1, 0}}, {{0, 0}}});
  EXPECT_EQ(by_zero[0].real(), kInf);
  EXPECT_TRUE(std::isnan(by_zero[0].imag()));
}

// --- gradients

struct GradientCase {
  std::string name;
  Kernel forward;
  std::vector<Kernel> gradients;
};

std::vector<GradientCase> gradient_cases() {
  std::vector<GradientCase> cases;
#define TENON_EW1(name, ...) cases.push_back({#name, Kernel::name, {Kernel::name##_dx}});
#define TENON_EW2(name, ...) cases.push_back({#name, Kernel::name, {Kernel::name##_da, Kernel::name##_db}});
#define TENON_EW3(name, ...) \
  cases.push_back({#name, Kernel::name, {Kernel::name##_da, Kernel::name##_db, Kernel::name##_dc}});
#define TENON_EW1_ TENON_EW1
#define TENON_EW2_ TENON_EW2
#define TENON_EW3_ TENON_EW3
#include "tenon/table/elementwise.inc"
  return cases;
}

bool has_loop(Kernel kernel) {
  try {
    std::vector<std::vector<double>> inputs(expr::info(kernel).inputs, std::vector<double>{0.5});
    run<double, double>(kernel, inputs, {1, 1, 1, 1});
    return true;
  } catch (const NotImplementedError&) {
    return false;
  }
}

// Points inside the domain of every function and away from kinks; acosh alone needs arguments above 1.
std::vector<double> interior(int input, const std::string& name) {
  std::vector<double> x = {0.31, 0.62, 0.47, 0.83, 0.15, 0.74, 0.58};
  for (double& v : x) v = name == "acosh" ? v + 1.2 : v + 0.013 * input;
  if (input == 1) std::swap(x[0], x[3]), std::swap(x[1], x[4]);
  if (input == 2) std::swap(x[0], x[5]);
  return x;
}

TEST_P(EachIsa, EveryGradientMatchesFiniteDifferences) {
  const std::vector<double> params = {0.9, 1.3, 0.8};
  int checked = 0;
  for (const GradientCase& c : gradient_cases()) {
    if (expr::info(c.forward).rule == expr::Rule::BOOL || c.name == "conj_values") continue;
    std::vector<std::vector<double>> x;
    for (size_t i = 0; i < c.gradients.size(); ++i) x.push_back(interior(static_cast<int>(i), c.name));
    if (!has_loop(c.forward)) continue;
    const auto y = run<double, double>(c.forward, x, params);
    for (size_t i = 0; i < c.gradients.size(); ++i) {
      if (!has_loop(c.gradients[i])) continue;
      const bool selects = (c.name == "where3" && i == 0) || (c.name == "masked_set" && i == 1);
      ASSERT_FALSE(selects);
      std::vector<std::vector<double>> inputs = {std::vector<double>(y.size(), 1.5)};
      for (auto& v : x) inputs.push_back(v);
      inputs.push_back(y);
      const auto gradient = run<double, double>(c.gradients[i], inputs, params);
      auto up = x, down = x;
      constexpr double kStep = 1e-6;
      for (double& v : up[i]) v += kStep;
      for (double& v : down[i]) v -= kStep;
      const auto y_up = run<double, double>(c.forward, up, params), y_down = run<double, double>(c.forward, down, params);
      for (size_t k = 0; k < y.size(); ++k) {
        if (c.name == "remainder" || c.name == "fmod" || c.name == "nextafter") {
          if (std::abs(y_up[k] - y_down[k]) > 0.01) continue;  // a step of the quotient lies between
        }
        const double slope = 1.5 * (y_up[k] - y_down[k]) / (2 * kStep);
        EXPECT_NEAR(gradient[k], slope, 1e-6 * (1 + std::abs(slope)))
            << expr::info(c.gradients[i]).name << " at " << x[0][k];
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 120);
}

TEST(ElementwiseGradient, UnreadInputsMayBeMissing) {
  std::vector<float> g(100, 2), y(100, 0.5f), out(100);
  const std::vector<int64_t> sizes{100}, strides{1};
  const TensorView none{nullptr, kFloat, sizes, strides};
  const Operand operands[] = {view_of(g, sizes, strides), none, view_of(y, sizes, strides)};
  cpu::elementwise_table().run(Kernel::tanh_dx, kFloat, view_of(out, sizes, strides), operands, 3, nullptr);
  for (float v : out) EXPECT_EQ(v, 1.5f);
}

// Values that PyTorch 2.13 gives where a formula alone would not.
TEST_P(EachIsa, GradientsAtSingularPointsAreThoseOfPyTorch) {
  const std::vector<double> g = {1.5, 1.5};
  auto gradient = [&](Kernel kernel, std::vector<double> a, std::vector<double> b, std::vector<double> y) {
    return run<double, double>(kernel, {{g}, a, b, y});
  };
  EXPECT_EQ(gradient(Kernel::pow2_da, {0, 0}, {0, 1}, {1, 0}), (std::vector<double>{0, 1.5}));
  EXPECT_EQ(gradient(Kernel::pow2_db, {0, 2}, {2, 0}, {0, 1}), (std::vector<double>{0, 1.5 * std::log(2.0)}));
  EXPECT_EQ(gradient(Kernel::maximum_da, {1, kNan}, {1, 1}, {1, kNan}), (std::vector<double>{0.75, 1.5}));
  EXPECT_EQ(gradient(Kernel::copysign_da, {0, 1}, {-1, -1}, {0, -1}), (std::vector<double>{0, -1.5}));
  EXPECT_EQ(gradient(Kernel::xlogy_da, {0, 1}, {0, 1}, {0, 0}), (std::vector<double>{0, 0}));
  EXPECT_EQ(gradient(Kernel::atan2_da, {0, 1}, {0, 1}, {0, 0}), (std::vector<double>{0, 0.75}));
  EXPECT_EQ((run<double, double>(Kernel::abs_dx, {{1.5, 1.5}, {0, -2}, {0, 2}})), (std::vector<double>{0, -1.5}));
  EXPECT_EQ((run<double, double>(Kernel::hardswish_dx, {{1.5, 1.5}, {-3, 3}, {0, 3}})), (std::vector<double>{0, 1.5}));
}

// --- the engine

TEST_P(EachIsa, AResultDoesNotDependOnItsPositionInTheVector) {
  std::vector<float> values(70);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.37f * static_cast<float>(i) - 12;
  values[5] = 1e7f;  // one lane takes the slow way
  for (Kernel kernel : {Kernel::exp, Kernel::sin, Kernel::tanh, Kernel::gelu_erf, Kernel::log1p}) {
    const auto whole = one(kernel, values);
    for (size_t n = 0; n <= values.size(); ++n) {
      std::vector<float> part(values.end() - static_cast<long>(n), values.end());
      if (n == 0) continue;
      const auto y = one(kernel, part);
      for (size_t i = 0; i < n; ++i) {
        EXPECT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(whole[values.size() - n + i])) << n << " " << i;
      }
    }
  }
}

TEST_P(EachIsa, TailsWriteNothingBeyondTheEnd) {
  for (int64_t n = 0; n <= 70; ++n) {
    std::vector<float> a(70, 3), out(70, -1);
    std::vector<uint8_t> flags(70, 9);
    const std::vector<int64_t> sizes{n}, strides{1};
    const Operand operands[] = {view_of(a, sizes, strides), Scalar(2.0)};
    cpu::elementwise_table().run(Kernel::mul, kFloat, view_of(out, sizes, strides), operands, 2, nullptr);
    TensorView flag_view = view_of(flags, sizes, strides);
    flag_view.dtype = kBool;
    cpu::elementwise_table().run(Kernel::gt, kFloat, flag_view, operands, 2, nullptr);
    for (int64_t i = 0; i < 70; ++i) {
      EXPECT_EQ(out[static_cast<size_t>(i)], i < n ? 6 : -1);
      EXPECT_EQ(flags[static_cast<size_t>(i)], i < n ? 1 : 9);
    }
  }
}

// A random strided layout over its own memory: permuted dims, steps, and (for inputs) broadcast dims.
struct Layout {
  std::vector<int64_t> strides;
  int64_t span = 1;
};
Layout random_layout(const std::vector<int64_t>& sizes, bool may_broadcast, std::mt19937& generator) {
  std::vector<size_t> order(sizes.size());
  for (size_t d = 0; d < order.size(); ++d) order[d] = d;
  std::shuffle(order.begin(), order.end(), generator);
  Layout layout{std::vector<int64_t>(sizes.size()), 1};
  for (size_t d : order) {
    if (may_broadcast && generator() % 5 == 0) continue;
    const int64_t step = generator() % 3 == 0 ? 2 : 1;
    layout.strides[d] = layout.span * step;
    layout.span *= sizes[d] * step;
  }
  return layout;
}

template <class Visit>
void for_each_index(const std::vector<int64_t>& sizes, Visit visit) {
  std::vector<int64_t> index(sizes.size());
  for (;;) {
    visit(index);
    size_t d = sizes.size();
    while (d > 0 && ++index[d - 1] == sizes[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}
int64_t offset_of(const std::vector<int64_t>& index, const std::vector<int64_t>& strides) {
  int64_t offset = 0;
  for (size_t d = 0; d < index.size(); ++d) offset += index[d] * strides[d];
  return offset;
}

template <class A, class B, class Out>
void expect_strided_sum(std::vector<int64_t> sizes, std::mt19937& generator) {
  const Layout la = random_layout(sizes, true, generator), lb = random_layout(sizes, true, generator),
               lo = random_layout(sizes, false, generator);
  std::vector<A> a(static_cast<size_t>(la.span));
  std::vector<B> b(static_cast<size_t>(lb.span));
  std::vector<Out> out(static_cast<size_t>(lo.span), Out(99));
  for (auto& v : a) v = A(static_cast<float>(generator() % 50));
  for (auto& v : b) v = B(static_cast<float>(generator() % 50));
  const Operand operands[] = {view_of(a, sizes, la.strides), view_of(b, sizes, lb.strides)};
  cpu::elementwise_table().run(Kernel::add2, kFloat, view_of(out, sizes, lo.strides), operands, 2, nullptr);
  std::vector<bool> written(out.size());
  for_each_index(sizes, [&](const std::vector<int64_t>& index) {
    const auto at = static_cast<size_t>(offset_of(index, lo.strides));
    written[at] = true;
    const float want = static_cast<float>(a[static_cast<size_t>(offset_of(index, la.strides))]) +
                       static_cast<float>(b[static_cast<size_t>(offset_of(index, lb.strides))]);
    ASSERT_EQ(static_cast<float>(out[at]), want);
  });
  for (size_t i = 0; i < out.size(); ++i) {
    ASSERT_TRUE(written[i] || static_cast<float>(out[i]) == 99) << "wrote between the elements";
  }
}

TEST_P(EachIsa, AnyStridesBroadcastsAndDtypesGiveTheSameSums) {
  std::mt19937 generator(11);
  const int64_t choices[] = {1, 2, 3, 5, 8, 33, 70};
  for (int round = 0; round < 60; ++round) {
    std::vector<int64_t> sizes(generator() % 5);
    for (auto& s : sizes) s = choices[generator() % 7];
    int64_t n = 1;
    for (auto& s : sizes) {
      if (n * s > 50000) s = 1;
      n *= s;
    }
    expect_strided_sum<float, float, float>(sizes, generator);
    expect_strided_sum<float, int32_t, double>(sizes, generator);
    expect_strided_sum<Half, uint8_t, Half>(sizes, generator);
    expect_strided_sum<BFloat16, float, int64_t>(sizes, generator);
  }
  expect_strided_sum<float, float, float>({300, 301}, generator);
  expect_strided_sum<double, float, float>({2, 130, 257}, generator);
}

TEST_P(EachIsa, AnOutputMayBeItsInput) {
  for (int64_t n : {1, 7, 64, 1000, 100000}) {
    std::vector<float> x(static_cast<size_t>(2 * n), 3);
    for (int64_t step : {1, 2}) {
      std::fill(x.begin(), x.end(), 3.0f);
      const std::vector<int64_t> sizes{n}, strides{step};
      const TensorView v = view_of(x, sizes, strides);
      const Operand operands[] = {v, v};
      cpu::elementwise_table().run(Kernel::mul, kFloat, v, operands, 2, nullptr);
      for (int64_t i = 0; i < 2 * n; ++i) {
        ASSERT_EQ(x[static_cast<size_t>(i)], i % step == 0 && i / step < n ? 9 : 3) << n << " " << i;
      }
    }
  }
}

TEST_P(EachIsa, ResultsAreBitwiseEqualOnAnyNumberOfThreads) {
  const int before = get_num_threads();
  std::vector<float> a(200003), b(200003);
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  for (auto& v : a) v = normal(generator);
  for (auto& v : b) v = normal(generator);
  std::vector<std::vector<float>> results;
  for (int threads : {1, 2, 3}) {
    set_num_threads(threads);
    results.push_back(run<float, float>(Kernel::logaddexp, {a, b}));
  }
  set_num_threads(before);
  EXPECT_EQ(std::memcmp(results[0].data(), results[1].data(), a.size() * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(results[0].data(), results[2].data(), a.size() * sizeof(float)), 0);
}

TEST_P(EachIsa, TransposedCopiesAreExact) {
  for (auto [rows, cols] : {std::pair<int64_t, int64_t>{64, 64}, {130, 257}, {1000, 33}, {7, 500}}) {
    std::vector<float> from(static_cast<size_t>(rows * cols)), to(from.size());
    for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i);
    const std::vector<int64_t> sizes{cols, rows}, from_strides{1, cols}, to_strides{rows, 1};
    cpu::elementwise_table().copy(view_of(to, sizes, to_strides), view_of(from, sizes, from_strides));
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        ASSERT_EQ(to[static_cast<size_t>(c * rows + r)], from[static_cast<size_t>(r * cols + c)]);
      }
    }
  }
}

// What PyTorch 2.13 gives on x86.
TEST_P(EachIsa, FloatsThatDoNotFitAnIntegerConvertAsPyTorchDoes) {
  std::vector<float> x = {NAN, INFINITY, -INFINITY, 3e9f, -3e9f, 1e20f, 300, -1, 40000, 2.9f, -2.9f};
  const std::vector<int64_t> sizes{static_cast<int64_t>(x.size())}, strides{1};
  const TensorView source = view_of(x, sizes, strides);
  std::vector<int32_t> i32(x.size());
  std::vector<int64_t> i64(x.size());
  std::vector<uint8_t> u8(x.size());
  std::vector<int16_t> i16(x.size());
  cpu::elementwise_table().copy(view_of(i32, sizes, strides), source);
  cpu::elementwise_table().copy(view_of(i64, sizes, strides), source);
  cpu::elementwise_table().copy(view_of(u8, sizes, strides), source);
  cpu::elementwise_table().copy(view_of(i16, sizes, strides), source);
  constexpr int32_t kLow = INT32_MIN;
  EXPECT_EQ(i32, (std::vector<int32_t>{kLow, kLow, kLow, kLow, kLow, kLow, 300, -1, 40000, 2, -2}));
  EXPECT_EQ(i64, (std::vector<int64_t>{INT64_MIN, INT64_MIN, INT64_MIN, 3000000000, -3000000000, INT64_MIN, 300, -1,
                                       40000, 2, -2}));
  EXPECT_EQ(u8, (std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 44, 255, 64, 2, 254}));
  EXPECT_EQ(i16, (std::vector<int16_t>{0, 0, 0, 0, 0, 0, 300, -1, -25536, 2, -2}));
}

TEST_P(EachIsa, EveryHalfConvertsToFloatAndBack) {
  std::vector<Half> halves(65536), back(65536);
  std::vector<float> floats(65536);
  for (uint32_t i = 0; i < 65536; ++i) halves[i].bits = static_cast<uint16_t>(i);
  const std::vector<int64_t> sizes{65536}, strides{1};
  cpu::elementwise_table().copy(view_of(floats, sizes, strides), view_of(halves, sizes, strides));
  cpu::elementwise_table().copy(view_of(back, sizes, strides), view_of(floats, sizes, strides));
  for (uint32_t i = 0; i < 65536; ++i) {
    const bool nan = (i & 0x7fff) > 0x7c00;
    if (nan) {
      EXPECT_TRUE(std::isnan(floats[i]));
      EXPECT_GT(back[i].bits & 0x7fff, 0x7c00);
    } else {
      ASSERT_EQ(back[i].bits, i);
    }
  }
  EXPECT_EQ(floats[0x3c00], 1.0f);
  EXPECT_EQ(floats[1], 0x1p-24f);
}

TEST(ElementwiseFill, FillsAnyLayoutAndNothingElse) {
  std::vector<int16_t> x(100, 7);
  const std::vector<int64_t> sizes{5, 4}, strides{3, 20};
  cpu::elementwise_table().fill(view_of(x, sizes, strides), Scalar(-2));
  for (int64_t i = 0; i < 100; ++i) {
    const bool inside = i % 20 % 3 == 0 && i % 20 / 3 < 5 && i / 20 < 4;
    EXPECT_EQ(x[static_cast<size_t>(i)], inside ? -2 : 7) << i;
  }
}

TEST(ElementwiseEngine, AnUnclaimedDtypeRaisesAnErrorThatNamesTheOp) {
  std::vector<int32_t> x(3, 1), y(3);
  const std::vector<int64_t> sizes{3}, strides{1};
  const Operand operands[] = {view_of(x, sizes, strides)};
  try {
    cpu::elementwise_table().run(Kernel::exp, kInt, view_of(y, sizes, strides), operands, 1, nullptr);
    FAIL() << "no error";
  } catch (const NotImplementedError& error) {
    EXPECT_NE(std::string(error.what()).find("exp"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("int32"), std::string::npos);
  }
}

}  // namespace
}  // namespace tenon
