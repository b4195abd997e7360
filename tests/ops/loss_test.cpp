// Losses: values and gradients against PyTorch's, targets that are ignored or out of range, and reductions.
#include <cmath>

#include "helpers.h"

namespace tenon::testing {
namespace {

using Doubles = std::vector<double>;

// sin(1.7 i + phase) for the i-th element.
Tensor wave(std::vector<int64_t> sizes, double phase) {
  return sin(add(mul(arange(checked_numel(sizes, "wave"), TensorOptions(kDouble)), 1.7), phase)).view(sizes);
}
Tensor target() { return sigmoid(wave({4, 3}, 2)); }
Tensor signs() { return sign(wave({4, 3}, 2)); }
Tensor classes() { return longs({2, 0, -100, 1}); }
Tensor class_weights() { return tensor_of<double>({1, 2, 0.5}, kDouble); }

// What PyTorch gives for x = wave({4, 3}, 0.3); the gradient is that of the sum of the results times 1, 2, 3 ...
struct Case {
  const char* name;
  Tensor (*call)(const Tensor& x);
  Doubles values, gradient;
};

const Case kCases[] = {
    {"mse_loss",
     [](const Tensor& x) { return mse_loss(x, target()); },
     {0.760362520209},
     {-0.0695560277294, 0.0897903867418, -0.14095292277, -0.241223913722, 0.0144618290563, 0.048612727335,
      -0.215180672372, -0.180624789459, 0.0741825204857, -0.0268720201541, -0.25619562512, -0.0955792217902}},
    {"smooth_l1_loss",
     [](const Tensor& x) { return smooth_l1_loss(x, target(), "none", 0.5); },
     {0.174169475766, 0.288742320451, 0.595717536622, 1.19734348233, 0.00752920198751, 0.085075101322, 1.04108403423,
      0.833748736751, 0.198109668442, 0.0259957968179, 1.28717375072, 0.323475330741},
     {-0.834672332753, 2, -3, -4, 0.867709743377, 3.50011636812, -7, -8, 8.01171221245, -3.2246424185, -11, -12}},
    {"huber_loss",
     [](const Tensor& x) { return huber_loss(x, target(), "sum", 0.4); },
     {2.61118664252},
     {-0.4, 0.4, -0.4, -0.4, 0.0867709743377, 0.29167636401, -0.4, -0.4, 0.4, -0.161232120925, -0.4, -0.4}},
    {"binary_cross_entropy",
     [](const Tensor& x) { return binary_cross_entropy(sigmoid(x), target(), class_weights()); },
     {0.903914592227},
     {-0.0116257785367, 0.0570502111105, 0.00227807127754, -0.0298914665884, 0.00539682149785, 0.0145398848711,
      -0.00984562044817, -0.0523551967091, 0.00827529483473, 0.0214938837714, -0.0447355910706, -0.00774805086485}},
    {"binary_cross_entropy_with_logits",
     [](const Tensor& x) { return binary_cross_entropy_with_logits(x, target(), nullopt, "mean", class_weights()); },
     {0.858622430924},
     {-0.0116257785367, 0.0196582274524, 0.0128407230352, -0.0298914665884, -0.0147169842613, 0.033451525399,
      -0.00984562044817, -0.0617650365362, 0.0225767228807, 0.0214938837714, -0.0551050078788, -0.0015534610078}},
    {"kl_div",
     [](const Tensor& x) { return kl_div(x, target(), "batchmean"); },
     {-0.932243355836},
     {-0.178214093259, -0.0926387765938, -0.0789703489285, -0.168644748694, -0.160549516447, -0.0733102072205,
      -0.102847068565, -0.181379863629, -0.13172809462, -0.0672464433061, -0.134349829912, -0.180838135101}},
    {"nll_loss",
     [](const Tensor& x) { return nll_loss(x, classes(), class_weights()); },
     {0.867780405759},
     {0, 0, -0.142857142857, -0.285714285714, 0, 0, 0, 0, 0, 0, -0.571428571429, 0}},
    {"nll_loss_of_planes",
     [](const Tensor& x) {
       return nll_loss(x.view({2, 3, 2}), classes().view({2, 2}), nullopt, -100, "none");
     },
     {-0.728969040126, -0.909297426826, 0, -0.107753652299},
     {0, -2, 0, 0, -1, 0, 0, 0, 0, -4, 0, 0}},
    {"cross_entropy",
     [](const Tensor& x) { return cross_entropy(x, classes()); },
     {2.07497981366},
     {0.101456660493, 0.187430655046, -0.288887315539, -0.297783981692, 0.159597567844, 0.138186413847, 0, 0, 0,
      0.140445614114, -0.286933668198, 0.146488054084}},
    {"cross_entropy_smoothed",
     [](const Tensor& x) { return cross_entropy(x, classes(), class_weights(), -100, "mean", 0.2); },
     {1.88554817722},
     {0.0360288537917, 0.0636528317868, -0.0996816855784, -0.216132479022, 0.10326260771, 0.112869871313, 0, 0, 0,
      0.201652631703, -0.422324335739, 0.220671704036}},
    {"cross_entropy_of_probabilities",
     [](const Tensor& x) { return cross_entropy(x, target(), class_weights(), -100, "mean", 0.1); },
     {2.46380945253},
     {-0.0494599167077, 0.0369152834626, 0.0125446332452, -0.106477563391, -0.0648586582421, 0.171336221633,
      -0.0448513428028, -0.248743927565, 0.293595270368, 0.105112878155, -0.201021746717, 0.0959088685617}},
    {"soft_margin_loss",
     [](const Tensor& x) { return soft_margin_loss(x, signs()); },
     {0.756626690448},
     {-0.0355544141169, 0.0594046977532, 0.0308795921979, -0.0570098836905, -0.0271184171021, 0.0535165054823,
      0.0244367357402, -0.049050977145, -0.0228733787905, 0.0439093648734, -0.0609178522313, -0.038550056696}},
    {"hinge_embedding_loss",
     [](const Tensor& x) { return hinge_embedding_loss(x, signs(), 0.5); },
     {0.234782000463},
     {0.0833333333333, 0, -0.0833333333333, 0.0833333333333, 0.0833333333333, 0, -0.0833333333333, 0.0833333333333,
      0.0833333333333, -0.0833333333333, 0.0833333333333, 0.0833333333333}},
    {"margin_ranking_loss",
     [](const Tensor& x) { return margin_ranking_loss(x, target(), signs(), 0.3); },
     {0.695124421343},
     {-0.0833333333333, 0.0833333333333, 0, -0.0833333333333, -0.0833333333333, 0.0833333333333, 0, -0.0833333333333,
      -0, 0.0833333333333, -0.0833333333333, -0.0833333333333}},
    {"cosine_embedding_loss",
     [](const Tensor& x) { return cosine_embedding_loss(x, target(), signs().select(1, 0), -0.2, "none"); },
     {0.597054742332, 0.900036531073, 0.11822745454, 0},
     {-0.655760172576, -0.0860399228475, -0.513415830228, -1.24438144403, -0.98554446161, -0.415755241413,
      0.803666135449, 1.57581588141, 1.308102131, 0, 0, 0}},
    {"triplet_margin_loss",
     [](const Tensor& x) { return triplet_margin_loss(x, target(), signs(), 2, 2, 1e-6, true, "none"); },
     {1.16454925586, 2.09826562134, 2.37958734261, 2.26984905298},
     {-0.384245237907, 0.496027107265, -0.778660841448, -1.95720660722, 0.11733966464, 0.39442832017, -2.48627123035,
      1.122806408, 0.827473896174, -0.391203423262, -3.72972189722, -1.39145048457}},
    {"multi_margin_loss",
     [](const Tensor& x) {
       return multi_margin_loss(x.narrow(0, 0, 2), classes().narrow(0, 0, 2), 2, 0.7, class_weights(), "none");
     },
     {1.15043406795, 3.02722814166},
     {0.508452115857, 0.713044522578, -1.22149663843, -5.67922027751, 2.93564470358, 2.74357557393, 0, 0, 0, 0, 0, 0}},
    {"multilabel_margin_loss",
     [](const Tensor& x) {
       return multilabel_margin_loss(x.narrow(0, 0, 2), longs({2, 0, -1, 1, -1, 0}, {2, 3}), "none");
     },
     {1.35097026263, 0.285316050922},
     {-0.333333333333, 0.666666666667, -0.333333333333, 0, -0.666666666667, 0.666666666667, 0, 0, 0, 0, 0, 0}},
    {"multilabel_soft_margin_loss",
     [](const Tensor& x) { return multilabel_soft_margin_loss(x, target(), class_weights(), "none"); },
     {0.925972636201, 0.879342590896, 0.893033183913, 0.917309957899},
     {-0.046503114147, 0.228200844442, 0.00911228511018, -0.239131732708, 0.0431745719828, 0.116319078969,
      -0.118147445378, -0.628262360509, 0.0993035380168, 0.343902140342, -0.715769457129, -0.123968813838}},
    {"poisson_nll_loss",
     [](const Tensor& x) { return poisson_nll_loss(x, mul(target(), 4), true, true); },
     {2.06928724292},
     {-0.125633354035, 0.0833631085429, -0.0562353464166, -0.186381761418, -0.04132082316, 0.0518232531878,
      -0.102553664383, -0.183597084143, 0.0446329951426, 0.00315252026589, -0.148469570491, -0.144309881012}},
    {"gaussian_nll_loss",
     [](const Tensor& x) {
       return gaussian_nll_loss(x, target(), class_weights().expand({4, 3}), true);
     },
     {1.27452410162},
     {-0.0347780138647, 0.0224475966854, -0.14095292277, -0.120611956861, 0.00361545726407, 0.048612727335,
      -0.107590336186, -0.0451561973646, 0.0741825204857, -0.0134360100771, -0.06404890628, -0.0955792217902}},
};

void expect_close(const Tensor& actual, const Doubles& expected, const char* name) {
  const Doubles values = list<double>(actual);
  ASSERT_EQ(values.size(), expected.size()) << name;
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], 1e-9 * (1 + std::abs(expected[i]))) << name << ' ' << i;
}

TEST(Loss, ValuesAndGradientsAreThoseOfPyTorch) {
  for (const Case& c : kCases) {
    const Tensor x = wave({4, 3}, 0.3);
    x.requires_grad_();
    const Tensor y = c.call(x);
    expect_close(y, c.values, c.name);
    mul(y, add(arange(y.numel(), TensorOptions(kDouble)), 1).view(y.sizes())).sum().backward();
    expect_close(x.grad(), c.gradient, c.name);
  }
}

TEST(Loss, ATargetClassOutOfRangeIsAnIndexError) {
  const Tensor x = wave({4, 3}, 0);
  EXPECT_THROWS(IndexError, cross_entropy(x, longs({0, 3, 1, 2})), "0..2");
  EXPECT_THROWS(IndexError, cross_entropy(x, longs({0, -1, 1, 2})), "0..2");
  EXPECT_THROWS(IndexError, nll_loss(x, longs({0, 1, int64_t{1} << 62, 2})), "0..2");
  EXPECT_THROWS(TensorError, multi_margin_loss(x, longs({0, 3, 1, 2})), "0..2");
  EXPECT_THROWS(TensorError, multilabel_margin_loss(x.select(0, 0), longs({0, -2, 1})), "-1..2");
}

TEST(Loss, AnIgnoredClassMayBeAnyNumberAndCountsForNothing) {
  const Tensor x = wave({2, 3}, 0);
  const double kept = cross_entropy(x.narrow(0, 0, 1), longs({1})).item<double>();
  EXPECT_DOUBLE_EQ(cross_entropy(x, longs({1, 7}), nullopt, 7).item<double>(), kept);
  EXPECT_DOUBLE_EQ(cross_entropy(x, longs({1, 2}), nullopt, 2).item<double>(), kept);
  EXPECT_TRUE(std::isnan(cross_entropy(x, longs({2, 2}), nullopt, 2).item<double>()));
}

TEST(Loss, AnUnknownReductionIsAValueError) {
  const Tensor x = wave({4, 3}, 0);
  EXPECT_THROWS(ValueError, mse_loss(x, x, "average"), "'none', 'mean' or 'sum', got 'average'");
  EXPECT_THROWS(ValueError, cross_entropy(x, classes(), nullopt, -100, ""), "'none', 'mean' or 'sum'");
}

TEST(Loss, SecondGradientsFlow) {
  const Tensor x = wave({2, 3}, 0);
  x.requires_grad_();
  const Tensor first = autograd::grad({cross_entropy(x, longs({1, 2}))}, {x}, {}, nullopt, true)[0];
  expect_close(autograd::grad({square(first).sum()}, {x})[0],
               {0.0428418438485, -0.0716527039428, 0.0288108600943, 0.00864121894032, 0.0919398492576, -0.100581068198},
               "second");
}

}  // namespace
}  // namespace tenon::testing
