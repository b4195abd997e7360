// Ops whose values and gradients PyTorch gave, and the checks of such a list.
#pragma once

#include <cmath>
#include <span>

#include "helpers.h"

namespace tenon::testing {

using Doubles = std::vector<double>;

inline Tensor doubles(const Doubles& data, std::vector<int64_t> sizes = {}) { return tensor_of(data, kDouble, sizes); }

// Results and gradients on rows with ties and zeros, as PyTorch gives them. The gradient is that of the sum of the
// results times 1, 2, 3 ...
struct ReferenceCase {
  const char* name;
  Tensor (*call)(const Tensor& x);
  Doubles values, gradient;
};

inline Tensor weighted(const Tensor& y) { return sum(y * arange(1, y.numel() + 1, 1, kDouble).reshape(y.sizes())); }

inline void expect_near(const Tensor& actual, const Doubles& expected, double tolerance, const char* name) {
  const Doubles values = list<double>(actual);
  ASSERT_EQ(values.size(), expected.size()) << name;
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << name << " at " << i;
}

inline void expect_reference(std::span<const ReferenceCase> cases) {
  for (const ReferenceCase& test : cases) {
    const Tensor x = doubles({1, 2, 0, -1, 3, 0, 2, 2}, {2, 4}).requires_grad_();
    const Tensor y = test.call(x);
    expect_near(y, test.values, 1e-8, test.name);
    weighted(y).backward();
    expect_near(x.grad(), test.gradient, 1e-8, test.name);
  }
}

// The second gradients against finite differences of the first.
inline void expect_second_gradients(std::span<const ReferenceCase> cases) {
  const Doubles start = {0.7, 1.9, -0.4, 1.1, 2.5, 0.3, -1.6, 3.2};
  const Doubles step = {0.3, -0.5, 0.2, 0.7, -0.1, 0.4, 0.6, -0.8};
  auto gradient_at = [&](const ReferenceCase& test, double distance) {
    Doubles at = start;
    for (size_t i = 0; i < at.size(); ++i) at[i] += distance * step[i];
    const Tensor x = doubles(at, {2, 4}).requires_grad_();
    return autograd::grad({weighted(square(test.call(x)))}, {x}, {}, nullopt, true)[0];
  };
  constexpr double kStep = 1e-5;
  for (const ReferenceCase& test : cases) {
    const Tensor x = doubles(start, {2, 4}).requires_grad_();
    const Tensor gradient = autograd::grad({weighted(square(test.call(x)))}, {x}, {}, nullopt, true)[0];
    if (!gradient.requires_grad()) continue;
    const Tensor along = sum(gradient * doubles(step, {2, 4}));
    const Tensor second = autograd::grad({along}, {x}, {}, nullopt, false, true)[0];
    const double exact = second.defined() ? sum(second * doubles(step, {2, 4})).item<double>() : 0;
    const Tensor change = (gradient_at(test, kStep) - gradient_at(test, -kStep)).detach() / (2 * kStep);
    const double numeric = sum(change * doubles(step, {2, 4})).item<double>();
    EXPECT_NEAR(exact, numeric, 1e-4 * (1 + std::abs(numeric))) << test.name;
  }
}

}  // namespace tenon::testing
