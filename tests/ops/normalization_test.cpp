// Softmax, normalisations and distances: values and gradients against PyTorch's, running statistics, and errors.
#include "reference_case.h"

namespace tenon::testing {
namespace {

const ReferenceCase kCases[] = {
    {"softmax",
     [](const Tensor& x) { return softmax(x, 0); },
     {0.119202922022, 0.880797077978, 0.119202922022, 0.0474258731776, 0.880797077978, 0.119202922022, 0.880797077978,
      0.952574126822},
     {-0.419974341614, -0.419974341614, -0.419974341614, -0.180706638924, 0.419974341614, 0.419974341614,
      0.419974341614, 0.180706638924}},
    {"log_softmax",
     [](const Tensor& x) { return log_softmax(x, 1); },
     {-1.44018969856, -0.440189698561, -2.44018969856, -3.44018969856, -0.579724223207, -3.57972422321, -1.57972422321,
      -1.57972422321},
     {-1.3688281809, -4.43914259888, 2.12855681258, 3.6794139672, -9.56137266568, 5.27503194356, 1.64317036106,
      2.64317036106}},
    {"layer_norm",
     [](const Tensor& x) {
       return layer_norm(x, 4, doubles({1, 2, 3, 4}), doubles({4, 3, 2, 1}));
     },
     {4.44721180666, 5.68327083994, 0.658364580031, -4.36654167988, 5.14707383958, -0.211806750819, 2.68824430375,
      1.91765907166},
     {-3.84603727897, 2.77266597608, -0.626080787589, 1.69945209048, -11.1085076021, -5.55424800534, 3.28425290956,
      13.3785026979}},
    {"rms_norm",
     [](const Tensor& x) {
       return rms_norm(x, 4, doubles({1, 2, 3, 4}), 1e-5);
     },
     {0.816493859286, 3.26597543714, 0, -3.26597543714, 1.4552120382, 0, 2.91042407641, 3.88056543521},
     {1.76906367799, 5.17111507455, 7.34844473357, 12.1113319299, -7.93230791572, 5.82084815282, 3.28137672562,
      8.61715419903}},
    {"group_norm",
     [](const Tensor& x) {
       return group_norm(x, 2, doubles({1, 2, 3, 4}), nullopt, 0.1);
     },
     {-0.845154254729, 1.69030850946, 2.53546276419, -3.38061701891, 0.97849210958, -1.95698421916, 0, 0},
     {-0.724417932624, 0.724417932624, -1.69030850946, 1.69030850946, -0.0971552449229, 0.0971552449229, -17.3925271309,
      17.3925271309}},
    {"batch_norm",
     [](const Tensor& x) {
       return batch_norm(x.view({2, 2, 2}), nullopt, nullopt, doubles({1, 2}), doubles({3, 4}), true);
     },
     {2.55278819334, 3.44721180666, 2.84530288294, 1.30570672686, 4.34163541997, 1.65836458003, 5.9244951951,
      5.9244951951},
     {-2.32550067908, -1.25219377417, -2.22387074468, 1.48255160543, 1.60996035736, 1.96773409589, -0.399138508419,
      1.14045764766}},
    {"batch_norm_by_running_statistics",
     [](const Tensor& x) {
       return batch_norm(x.view({2, 2, 2}), doubles({1, 2}), doubles({3, 4}), doubles({1, 2}), doubles({3, 4}));
     },
     {3, 3.57734930694, 2.0000025, 1.00000374999, 4.15469861388, 2.42265069306, 4, 4},
     {0.577349306942, 1.15469861388, 2.99999625001, 3.99999500001, 2.88674653471, 3.46409584165, 6.99999125002,
      7.99999000002}},
    {"instance_norm",
     [](const Tensor& x) {
       return instance_norm(x.view({2, 2, 2}), nullopt, nullopt, doubles({1, 2}), nullopt, true, 0.1, 0.5);
     },
     {-0.57735026919, 0.57735026919, 1.15470053838, -1.15470053838, 0.904534033733, -0.904534033733, 0, 0},
     {-0.38490017946, 0.38490017946, -0.76980035892, 0.76980035892, -0.0548202444687, 0.0548202444687, -1.41421356237,
      1.41421356237}},
    {"local_response_norm",
     [](const Tensor& x) {
       return local_response_norm(x.view({1, 2, 4}), 3, 0.5);
     },
     {0.479207328185, 1.36346323976, 0, -0.634700622001, 1.43762198455, 0, 1.36346323976, 1.269401244},
     {-0.239603664092, 0.545385295904, 2.04519485964, 3.57740350583, 0.239603664092, 4.09038971928, 1.90884853567,
      3.00040294037}},
    {"normalize",
     [](const Tensor& x) { return normalize(x); },
     {0.408248290464, 0.816496580928, 0, -0.408248290464, 0.727606875109, 0, 0.485071250073, 0.485071250073},
     {0.34020690872, 0.68041381744, 1.22474487139, 1.7010345436, -0.713340073636, 1.45521375022, 0.413737242709,
      0.656272867745}},
    {"cosine_similarity",
     [](const Tensor& x) {
       return cosine_similarity(x, doubles({1, 2, 3, 4}));
     },
     {0.07453559925, 0.752772652709},
     {0.062112999375, 0.12422599875, 0.22360679775, 0.310564996875, -0.177122977108, 0.177122977108, 0.088561488554,
      0.177122977108}},
    {"pairwise_distance",
     [](const Tensor& x) {
       return pairwise_distance(x, doubles({1, 2, 3, 4}));
     },
     {5.83095052286, 3.60555044341},
     {1.71498625495e-07, 1.71498625495e-07, -0.514495704987, -0.857492955977, 1.10940120317, -1.10940009377,
      -0.554699769533, -1.10940009377}},
};

TEST(Normalization, ValuesAndGradientsAreThoseOfPyTorch) { expect_reference(kCases); }

TEST(Normalization, GradientsDifferentiateAsFiniteDifferencesDo) { expect_second_gradients(kCases); }

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
  EXPECT_THROWS(TensorError, batch_norm(ones({2, 3}), nullopt, nullopt),
                "running_mean must be defined in evaluation mode");
  EXPECT_THROWS(TensorError, batch_norm(ones({2, 3}), ones({2}), ones({3})),
                "running_mean should contain 3 elements, got shape [2]");
  EXPECT_THROWS(ValueError, batch_norm(ones({1, 3}), nullopt, nullopt, nullopt, nullopt, true),
                "more than 1 value per channel");
  EXPECT_THROWS(TensorError, group_norm(ones({2, 3}), 2), "divisible by num_groups");
}

TEST(LocalResponseNorm, AWindowWiderThanAllChannelsIsTheSameAsOneThatHoldsThem) {
  // alpha is divided by the size, so that both sum the same squares with weight 1.
  const Tensor x = ramp({2, 3, 4});
  const int64_t wide = (int64_t{1} << 40) + 1;
  EXPECT_EQ(list(local_response_norm(x, wide, static_cast<double>(wide))), list(local_response_norm(x, 5, 5)));
}

TEST(Normalization, ErrorsNameTheFunctionThatWasCalled) {
  EXPECT_THROWS(ValueError, batch_norm(ones({1, 3}), nullopt, nullopt, nullopt, nullopt, true), "batch_norm: Expected");
  EXPECT_THROWS(ValueError, instance_norm(ones({1, 3, 1}), nullopt, nullopt, nullopt, nullopt), "instance_norm: Exp");
  EXPECT_THROWS(ValueError, group_norm(ones({1, 3}), 3), "group_norm: Expected");
}

}  // namespace
}  // namespace tenon::testing
