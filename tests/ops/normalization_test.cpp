// Softmax, normalisations and distances: values and gradients against PyTorch's, running statistics, and errors.
#include "helpers.h"

#include <cmath>

namespace tenon::testing {
namespace {

using Doubles = std::vector<double>;

Tensor doubles(const Doubles& data, std::vector<int64_t> sizes = {}) { return tensor_of(data, kDouble, sizes); }

// Results and gradients on rows with ties and zeros, as PyTorch gives them. The gradient is that of the sum of the
// results times 1, 2, 3 ...
struct Case {
  const char* name;
  Tensor (*call)(const Tensor& x);
  Doubles values, gradient;
};

const Case kCases[] = {
    {"softmax", [](const Tensor& x) { return softmax(x, 0); },
     {0.119202922, 0.880797078, 0.119202922, 0.04742587318, 0.880797078, 0.119202922, 0.880797078, 0.9525741268},
     {-0.4199743416, -0.4199743416, -0.4199743416, -0.1807066389, 0.4199743416, 0.4199743416, 0.4199743416, 0.1807066389}},
    {"log_softmax", [](const Tensor& x) { return log_softmax(x, 1); },
     {-1.440189699, -0.4401896986, -2.440189699, -3.440189699, -0.5797242232, -3.579724223, -1.579724223, -1.579724223},
     {-1.368828181, -4.439142599, 2.128556813, 3.679413967, -9.561372666, 5.275031944, 1.643170361, 2.643170361}},
    {"layer_norm", [](const Tensor& x) { return layer_norm(x, 4, doubles({1, 2, 3, 4}), doubles({4, 3, 2, 1})); },
     {4.447211807, 5.68327084, 0.65836458, -4.36654168, 5.14707384, -0.2118067508, 2.688244304, 1.917659072},
     {-3.846037279, 2.772665976, -0.6260807876, 1.69945209, -11.1085076, -5.554248005, 3.28425291, 13.3785027}},
    {"rms_norm", [](const Tensor& x) { return rms_norm(x, 4, doubles({1, 2, 3, 4}), 1e-5); },
     {0.8164938593, 3.265975437, 0, -3.265975437, 1.455212038, 0, 2.910424076, 3.880565435},
     {1.769063678, 5.171115075, 7.348444734, 12.11133193, -7.932307916, 5.820848153, 3.281376726, 8.617154199}},
    {"group_norm", [](const Tensor& x) { return group_norm(x, 2, doubles({1, 2, 3, 4}), nullopt, 0.1); },
     {-0.8451542547, 1.690308509, 2.535462764, -3.380617019, 0.9784921096, -1.956984219, 0, 0},
     {-0.7244179326, 0.7244179326, -1.690308509, 1.690308509, -0.09715524492, 0.09715524492, -17.39252713, 17.39252713}},
    {"batch_norm", [](const Tensor& x) { return batch_norm(x.view({2, 2, 2}), nullopt, nullopt, doubles({1, 2}), doubles({3, 4}), true); },
     {2.552788193, 3.447211807, 2.845302883, 1.305706727, 4.34163542, 1.65836458, 5.924495195, 5.924495195},
     {-2.325500679, -1.252193774, -2.223870745, 1.482551605, 1.609960357, 1.967734096, -0.3991385084, 1.140457648}},
    {"batch_norm_by_running_statistics", [](const Tensor& x) { return batch_norm(x.view({2, 2, 2}), doubles({1, 2}), doubles({3, 4}), doubles({1, 2}), doubles({3, 4})); },
     {3, 3.577349307, 2.0000025, 1.00000375, 4.154698614, 2.422650693, 4, 4},
     {0.5773493069, 1.154698614, 2.99999625, 3.999995, 2.886746535, 3.464095842, 6.99999125, 7.99999}},
    {"instance_norm", [](const Tensor& x) { return instance_norm(x.view({2, 2, 2}), nullopt, nullopt, doubles({1, 2}), nullopt, true, 0.1, 0.5); },
     {-0.5773502692, 0.5773502692, 1.154700538, -1.154700538, 0.9045340337, -0.9045340337, 0, 0},
     {-0.3849001795, 0.3849001795, -0.7698003589, 0.7698003589, -0.05482024447, 0.05482024447, -1.414213562, 1.414213562}},
    {"local_response_norm", [](const Tensor& x) { return local_response_norm(x.view({1, 2, 4}), 3, 0.5); },
     {0.4792073282, 1.36346324, 0, -0.634700622, 1.437621985, 0, 1.36346324, 1.269401244},
     {-0.2396036641, 0.5453852959, 2.04519486, 3.577403506, 0.2396036641, 4.090389719, 1.908848536, 3.00040294}},
    {"normalize", [](const Tensor& x) { return normalize(x); },
     {0.4082482905, 0.8164965809, 0, -0.4082482905, 0.7276068751, 0, 0.4850712501, 0.4850712501},
     {0.3402069087, 0.6804138174, 1.224744871, 1.701034544, -0.7133400736, 1.45521375, 0.4137372427, 0.6562728677}},
    {"cosine_similarity", [](const Tensor& x) { return cosine_similarity(x, doubles({1, 2, 3, 4})); },
     {0.07453559925, 0.7527726527},
     {0.06211299937, 0.1242259987, 0.2236067977, 0.3105649969, -0.1771229771, 0.1771229771, 0.08856148855, 0.1771229771}},
    {"pairwise_distance", [](const Tensor& x) { return pairwise_distance(x, doubles({1, 2, 3, 4})); },
     {5.830950523, 3.605550443},
     {1.714986255e-07, 1.714986255e-07, -0.514495705, -0.857492956, 1.109401203, -1.109400094, -0.5546997695, -1.109400094}},
};

Tensor weighted(const Tensor& y) { return sum(y * arange(1, y.numel() + 1, 1, kDouble).reshape(y.sizes())); }

void expect_near(const Tensor& actual, const Doubles& expected, double tolerance, const char* name) {
  const Doubles values = list<double>(actual);
  ASSERT_EQ(values.size(), expected.size()) << name;
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << name << " at " << i;
}

TEST(Normalization, ValuesAndGradientsAreThoseOfPyTorch) {
  for (const Case& test : kCases) {
    const Tensor x = doubles({1, 2, 0, -1, 3, 0, 2, 2}, {2, 4}).requires_grad_();
    const Tensor y = test.call(x);
    expect_near(y, test.values, 1e-8, test.name);
    weighted(y).backward();
    expect_near(x.grad(), test.gradient, 1e-8, test.name);
  }
}

TEST(Normalization, GradientsDifferentiateAsFiniteDifferencesDo) {
  const Doubles start = {0.7, 1.9, -0.4, 1.1, 2.5, 0.3, -1.6, 3.2};
  const Doubles step = {0.3, -0.5, 0.2, 0.7, -0.1, 0.4, 0.6, -0.8};
  auto gradient_at = [&](const Case& test, double distance) {
    Doubles at = start;
    for (size_t i = 0; i < at.size(); ++i) at[i] += distance * step[i];
    const Tensor x = doubles(at, {2, 4}).requires_grad_();
    return autograd::grad({weighted(square(test.call(x)))}, {x}, {}, nullopt, true)[0];
  };
  constexpr double kStep = 1e-5;
  for (const Case& test : kCases) {
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

TEST(BatchNorm, UpdatesRunningStatisticsByTheUnbiasedVariance) {
  const Tensor x = square(arange(0, 12, 1, kDouble)).reshape({2, 3, 2});
  const Tensor running_mean = zeros({3}, kDouble), running_var = ones({3}, kDouble);
  batch_norm(x, running_mean, running_var, nullopt, nullopt, true);
  expect_near(running_mean, {2.15, 3.95, 6.55}, 1e-9, "running_mean");
  expect_near(running_var, {62.53333333333, 151.33333333333, 279.6}, 1e-9, "running_var");
}

TEST(Softmax, WorksOnAnyLayoutAndEmptyTensors) {
  const Tensor x = ramp({2, 3, 4});
  const Tensor expected = softmax(x.transpose(0, 2).contiguous(), 1);
  EXPECT_EQ(list(softmax(x.transpose(0, 2), 1)), list(expected));
  EXPECT_EQ(softmax(zeros({0, 3}), 0).sizes(), IntArrayRef({0, 3}));
  EXPECT_THROWS(NotImplementedError, softmax(longs({1}), 0), "give a floating-point dtype");
}

TEST(Normalization, ErrorsNameShapes) {
  EXPECT_THROWS(TensorError, layer_norm(ones({2, 3}), 2), "Given normalized_shape=[2]");
  EXPECT_THROWS(TensorError, batch_norm(ones({2, 3}), nullopt, nullopt), "running_mean must be defined in evaluation mode");
  EXPECT_THROWS(TensorError, batch_norm(ones({2, 3}), ones({2}), ones({3})), "running_mean should contain 3 elements not 2");
  EXPECT_THROWS(ValueError, batch_norm(ones({1, 3}), nullopt, nullopt, nullopt, nullopt, true), "more than 1 value per channel");
  EXPECT_THROWS(TensorError, group_norm(ones({2, 3}), 2), "divisible by num_groups");
}

}  // namespace
}  // namespace tenon::testing
