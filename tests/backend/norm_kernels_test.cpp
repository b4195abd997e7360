// Softmax and normalisation against formulas in double precision; gradients against finite differences of them.
#include <cmath>
#include <limits>

#include "backend/kernel_test.h"

namespace tenon::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
using Doubles = std::vector<double>;

template <class T>
Doubles doubles(const Array<T>& a) {
  Doubles result;
  for (T x : a.values()) result.push_back(number(x));
  return result;
}

template <class T>
void expect_near(const Array<T>& got, const Doubles& wanted, double tolerance) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_NEAR(number(got[static_cast<int64_t>(i)]), wanted[i], tolerance * (1 + std::abs(wanted[i]))) << "at " << i;
  }
}

// The gradient of sum(f(x) * g) by central differences.
Doubles differences(const std::function<Doubles(const Doubles&)>& f, const Doubles& x, const Doubles& g) {
  Doubles result;
  for (size_t i = 0; i < x.size(); ++i) {
    const double step = 1e-5;
    Doubles up = x, down = x;
    up[i] += step, down[i] -= step;
    const Doubles a = f(up), b = f(down);
    double sum = 0;
    for (size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * g[j];
    result.push_back(sum / (2 * step));
  }
  return result;
}

template <class T>
constexpr double tolerance_of() {
  return std::is_same_v<T, double> ? 1e-8 : std::is_same_v<T, float> ? 2e-5 : std::is_same_v<T, Half> ? 6e-3 : 3e-2;
}

// --- softmax

Doubles softmax(const Doubles& x, size_t n, bool log) {
  Doubles y(x.size());
  for (size_t r = 0; r < x.size(); r += n) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += std::exp(x[r + i]);
    for (size_t i = 0; i < n; ++i) y[r + i] = log ? x[r + i] - std::log(sum) : std::exp(x[r + i]) / sum;
  }
  return y;
}

template <class T>
void expect_softmax(bool log, int64_t rows, int64_t n) {
  const Array<T> x = random_array<T>({rows, n}), g = random_array<T>({rows, n}, 2), y({rows, n}), grad({rows, n});
  cpu::softmax_table().forward(log, y.view(), x.view());
  const auto f = [&](const Doubles& v) { return softmax(v, static_cast<size_t>(n), log); };
  expect_near(y, f(doubles(x)), tolerance_of<T>());
  if (rows * n > 200) return;
  cpu::softmax_table().backward(log, grad.view(), g.view(), y.view());
  expect_near(grad, differences(f, doubles(x), doubles(g)), 10 * tolerance_of<T>());
}

TEST(Softmax, AndItsGradientAgreeWithTheFormula) {
  for_each_isa([] {
    for (bool log : {false, true}) {
      for (int64_t n : {1, 3, 7, 16, 17, 33, 1000, 9001}) {
        expect_softmax<float>(log, 3, n);
        expect_softmax<double>(log, 3, n);
        expect_softmax<Half>(log, 3, n);
        expect_softmax<BFloat16>(log, 3, n);
      }
    }
  });
}

TEST(Softmax, OfSpecialRowsIsWhatPyTorchGives) {
  for_each_isa([] {
    const Array<float> x({5, 2}, std::vector<float>{kInf, 1, -kInf, -kInf, kNan, 1, -kInf, 1, 1000, 1000});
    const Array<float> y({5, 2});
    for (bool log : {false, true}) {
      cpu::softmax_table().forward(log, y.view(), x.view());
      for (int64_t i = 0; i < 6; ++i) EXPECT_TRUE(std::isnan(y[i])) << i;
      EXPECT_EQ(y[6], log ? -kInf : 0);
      EXPECT_EQ(y[7], log ? 0 : 1);
      EXPECT_FLOAT_EQ(y[8], log ? std::log(0.5f) : 0.5f);
    }
  });
}

TEST(Softmax, OfNothingDoesNothing) {
  const Array<float> no_rows({0, 4}), no_columns({4, 0});
  cpu::softmax_table().forward(false, no_rows.view(), no_rows.view());
  cpu::softmax_table().backward(true, no_columns.view(), no_columns.view(), no_columns.view());
}

TEST(Softmax, IsTheSameOnAnyNumberOfThreads) {
  const Array<float> x = random_array<float>({300, 500}), y({300, 500});
  expect_same_on_any_threads(y, [&] { cpu::softmax_table().forward(false, y.view(), x.view()); });
}

// --- rows

Doubles row_norm(const Doubles& x, const Doubles& weight, const Doubles& bias, double eps, bool center) {
  const size_t n = weight.size();
  Doubles y(x.size());
  for (size_t r = 0; r < x.size(); r += n) {
    double mean = 0, var = 0;
    for (size_t i = 0; i < n; ++i) mean += center ? x[r + i] / static_cast<double>(n) : 0;
    for (size_t i = 0; i < n; ++i) var += (x[r + i] - mean) * (x[r + i] - mean) / static_cast<double>(n);
    for (size_t i = 0; i < n; ++i) y[r + i] = (x[r + i] - mean) / std::sqrt(var + eps) * weight[i] + bias[i];
  }
  return y;
}

template <class T>
void expect_row_norm(bool center, bool affine, int64_t rows, int64_t n) {
  using S = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const NormKernels& k = cpu::norm_table();
  const Array<T> x = random_array<T>({rows, n}), g = random_array<T>({rows, n}, 2), y({rows, n}), grad({rows, n});
  const Array<T> weight = random_array<T>({n}, 3), bias = random_array<T>({n}, 4), grad_weight({n}), grad_bias({n});
  const Array<S> mean({rows}), rstd({rows});
  const TensorView wv = weight.view(), bv = bias.view(), gv = grad.view(), gwv = grad_weight.view(),
                   gbv = grad_bias.view();
  const TensorView *w = affine ? &wv : nullptr, *b = affine ? &bv : nullptr;
  const size_t width = static_cast<size_t>(n);
  const Doubles wd = affine ? doubles(weight) : Doubles(width, 1.0);
  const Doubles bd = affine && center ? doubles(bias) : Doubles(width, 0.0);
  if (center) {
    k.layer_norm(y.view(), mean.view(), rstd.view(), x.view(), w, b, 1e-3);
    k.layer_norm_backward(&gv, &gwv, &gbv, g.view(), x.view(), mean.view(), rstd.view(), w);
  } else {
    k.rms_norm(y.view(), rstd.view(), x.view(), w, 1e-3);
    k.rms_norm_backward(&gv, &gwv, g.view(), x.view(), rstd.view(), w);
  }
  const double tolerance = tolerance_of<T>();
  expect_near(y, row_norm(doubles(x), wd, bd, 1e-3, center), tolerance);
  if (rows * n > 200) return;
  expect_near(grad,
              differences([&](const Doubles& v) { return row_norm(v, wd, bd, 1e-3, center); }, doubles(x), doubles(g)),
              10 * tolerance);
  expect_near(grad_weight,
              differences([&](const Doubles& v) { return row_norm(doubles(x), v, bd, 1e-3, center); }, wd, doubles(g)),
              10 * tolerance);
  if (center) {
    expect_near(
        grad_bias,
        differences([&](const Doubles& v) { return row_norm(doubles(x), wd, v, 1e-3, center); }, bd, doubles(g)),
        10 * tolerance);
  }
}

TEST(RowNorms, AndTheirGradientsAgreeWithTheFormula) {
  for_each_isa([] {
    for (bool center : {false, true}) {
      for (bool affine : {false, true}) {
        for (int64_t n : {5, 16, 33, 768}) {
          expect_row_norm<float>(center, affine, 3, n);
          expect_row_norm<double>(center, affine, 3, n);
          expect_row_norm<Half>(center, affine, 3, n);
          expect_row_norm<BFloat16>(center, affine, 3, n);
        }
      }
    }
  });
}

TEST(RowNorms, AddUpWeightGradientsOverManyRows) {
  for_each_isa([] {
    const int64_t rows = 1000, n = 19;
    const Array<float> x = random_array<float>({rows, n}), g = random_array<float>({rows, n}, 2), y({rows, n});
    const Array<float> mean({rows}), rstd({rows}), grad_bias({n});
    const TensorView gb = grad_bias.view();
    cpu::norm_table().layer_norm(y.view(), mean.view(), rstd.view(), x.view(), nullptr, nullptr, 1e-5);
    cpu::norm_table().layer_norm_backward(nullptr, nullptr, &gb, g.view(), x.view(), mean.view(), rstd.view(), nullptr);
    for (int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (int64_t r = 0; r < rows; ++r) sum += g[r * n + i];
      EXPECT_NEAR(grad_bias[i], sum, 1e-3);
    }
  });
}

TEST(RowNorms, AreTheSameOnAnyNumberOfThreads) {
  const int64_t rows = 700, n = 130;
  const Array<float> x = random_array<float>({rows, n}), g = random_array<float>({rows, n}, 2), y({rows, n});
  const Array<float> mean({rows}), rstd({rows}), grad_weight({n});
  const TensorView gw = grad_weight.view();
  expect_same_on_any_threads(grad_weight, [&] {
    cpu::norm_table().layer_norm(y.view(), mean.view(), rstd.view(), x.view(), nullptr, nullptr, 1e-5);
    cpu::norm_table().layer_norm_backward(nullptr, &gw, nullptr, g.view(), x.view(), mean.view(), rstd.view(), nullptr);
  });
}

// --- batches

// x is [N, C, S] in row-major order.
Doubles batch_norm(const Doubles& x, const Doubles& w, const Doubles& b, size_t batch, size_t space, double eps,
                   const Doubles* fixed) {
  const size_t channels = w.size();
  Doubles y(x.size());
  for (size_t c = 0; c < channels; ++c) {
    auto at = [&](size_t i) { return (i / space * channels + c) * space + i % space; };
    const size_t count = batch * space;
    double mean = 0, var = 0;
    for (size_t i = 0; i < count; ++i) mean += x[at(i)] / static_cast<double>(count);
    for (size_t i = 0; i < count; ++i) var += std::pow(x[at(i)] - mean, 2) / static_cast<double>(count);
    if (fixed) mean = (*fixed)[c], var = 1 / std::pow((*fixed)[channels + c], 2) - eps;
    for (size_t i = 0; i < count; ++i) y[at(i)] = (x[at(i)] - mean) / std::sqrt(var + eps) * w[c] + b[c];
  }
  return y;
}

template <class T>
void expect_batch_norm(const Array<T>& x, bool training) {
  using S = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const NormKernels& k = cpu::norm_table();
  const int64_t channels = x.sizes[1];
  const Array<T> g = random_array<T>(x.sizes, 2), y(x.sizes, T(0)), grad(x.sizes, T(0));
  const Array<T> weight = random_array<T>({channels}, 3), bias = random_array<T>({channels}, 4);
  const Array<T> grad_weight({channels}), grad_bias({channels});
  const Array<S> mean({channels}), rstd({channels});
  k.batch_norm_statistics(mean.view(), rstd.view(), x.view());
  Doubles fixed(static_cast<size_t>(2 * channels));
  for (int64_t c = 0; c < channels; ++c) {
    rstd[c] = static_cast<S>(1 / std::sqrt(static_cast<double>(rstd[c]) + 1e-3));
    if (!training) mean[c] = S(0.25), rstd[c] = S(0.75);
    fixed[static_cast<size_t>(c)] = mean[c];
    fixed[static_cast<size_t>(c + channels)] = rstd[c];
  }
  const TensorView wv = weight.view(), bv = bias.view(), gv = grad.view(), gwv = grad_weight.view(),
                   gbv = grad_bias.view();
  k.batch_norm(y.view(), x.view(), mean.view(), rstd.view(), &wv, &bv);
  k.batch_norm_backward(&gv, &gwv, &gbv, g.view(), x.view(), mean.view(), rstd.view(), &wv, training);
  const size_t n = static_cast<size_t>(x.sizes[0]), s = static_cast<size_t>(x.sizes[2]);
  const Doubles* stats = training ? nullptr : &fixed;
  const Doubles xd = doubles(x), wd = doubles(weight), bd = doubles(bias), gd = doubles(g);
  const double tolerance = tolerance_of<T>();
  expect_near(y, batch_norm(xd, wd, bd, n, s, 1e-3, stats), 2 * tolerance);
  if (x.numel() > 400) return;
  expect_near(grad, differences([&](const Doubles& v) { return batch_norm(v, wd, bd, n, s, 1e-3, stats); }, xd, gd),
              10 * tolerance);
  expect_near(grad_weight,
              differences([&](const Doubles& v) { return batch_norm(xd, v, bd, n, s, 1e-3, stats); }, wd, gd),
              10 * tolerance);
  expect_near(grad_bias,
              differences([&](const Doubles& v) { return batch_norm(xd, wd, v, n, s, 1e-3, stats); }, bd, gd),
              10 * tolerance);
}

TEST(BatchNorm, AndItsGradientsAgreeWithTheFormulaInEveryLayout) {
  for_each_isa([] {
    for (bool training : {true, false}) {
      expect_batch_norm(random_array<float>({4, 3, 10}), training);
      expect_batch_norm(random_array<double>({4, 3, 17}), training);
      expect_batch_norm(random_array<Half>({4, 3, 10}), training);
      expect_batch_norm(random_array<float>({12, 17, 1}), training);
      expect_batch_norm(random_array<float>({4, 10, 9}).permuted({0, 2, 1}), training);
      expect_batch_norm(random_array<float>({4, 12, 5}).backwards(2), training);
      expect_batch_norm(random_array<float>({3, 5, 3000}), training);
    }
  });
}

TEST(BatchNorm, IsTheSameOnAnyNumberOfThreads) {
  const Array<float> x = random_array<float>({64, 40, 100}), g = random_array<float>({64, 40, 100}, 2);
  for (const bool last : {false, true}) {
    const Array<float> xs = last ? x.permuted({0, 2, 1}) : x, gs = last ? g.permuted({0, 2, 1}) : g;
    const Array<float> m({xs.sizes[1]}), v({xs.sizes[1]}), w({xs.sizes[1]});
    const TensorView wv = w.view();
    expect_same_on_any_threads(v, [&] { cpu::norm_table().batch_norm_statistics(m.view(), v.view(), xs.view()); });
    expect_same_on_any_threads(w, [&] {
      cpu::norm_table().batch_norm_backward(nullptr, &wv, nullptr, gs.view(), xs.view(), m.view(), v.view(), nullptr,
                                            true);
    });
  }
}

}  // namespace
}  // namespace tenon::test
