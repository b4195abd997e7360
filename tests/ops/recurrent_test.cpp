// Attention and recurrent networks: values and gradients against PyTorch's, and errors.
#include <cmath>

#include "helpers.h"

namespace tenon::testing {
namespace {

using Doubles = std::vector<double>;

// sin(1.7 i + phase) for the i-th element.
Tensor wave(std::vector<int64_t> sizes, double phase) {
  return sin(add(mul(arange(checked_numel(sizes, "wave"), TensorOptions(kDouble)), 1.7), phase)).view(sizes);
}

void expect_close(const Tensor& actual, const Doubles& expected, const char* name) {
  const Doubles values = list<double>(actual);
  ASSERT_EQ(values.size(), expected.size()) << name;
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], 1e-9 * (1 + std::abs(expected[i]))) << name << ' ' << i;
}

// The gradient for x of the sum over outputs of their elements times 1, 2, 3 ...
Tensor gradient_of(const std::vector<Tensor>& outputs, const Tensor& x) {
  Tensor total = zeros({}, TensorOptions(kDouble));
  for (const Tensor& y : outputs) {
    total = add(total, mul(y, add(arange(y.numel(), TensorOptions(kDouble)), 1).view(y.sizes())).sum());
  }
  return autograd::grad({total}, {x})[0];
}

template <class... T>
std::vector<Tensor> outputs(const std::tuple<T...>& result) {
  return std::apply([](const auto&... each) { return std::vector<Tensor>{each...}; }, result);
}

// The sum of each output, then their sums of squares.
Tensor summary(const std::vector<Tensor>& outputs) {
  std::vector<Tensor> sums;
  for (const Tensor& y : outputs) sums.push_back(y.sum());
  for (const Tensor& y : outputs) sums.push_back(square(y).sum());
  return stack(sums);
}

// Weights and biases of two features in and out (or `project` out), each a wave with a phase of its own.
std::vector<Tensor> weights(int64_t gates, int64_t runs_per_layer, int64_t project = 0) {
  std::vector<Tensor> all;
  const int64_t out = project > 0 ? project : 2;
  for (int64_t layer = 0; layer < 2; ++layer) {
    for (int64_t run = 0; run < runs_per_layer; ++run) {
      const auto phase = static_cast<double>(all.size());
      all.push_back(wave({2 * gates, layer == 0 ? 2 : out * runs_per_layer}, phase));
      all.push_back(wave({2 * gates, out}, phase + 1));
      all.push_back(wave({2 * gates}, phase + 2));
      all.push_back(wave({2 * gates}, phase + 3));
      if (project > 0) all.push_back(wave({project, 2}, phase + 4));
    }
  }
  return all;
}

// Two bidirectional layers on wave(..., 0.3) from hidden states wave(..., 5) and cell states wave(..., 6).
struct Case {
  const char* name;
  int64_t gates;
  bool packed;
  std::vector<Tensor> (*call)(const Tensor& x, const Tensor& sizes, const Tensor& h, const Tensor& c, TensorList w);
  Doubles summary, gradient;
};

const Case kCases[] = {
    {"lstm",
     4,
     false,
     [](const Tensor& x, const Tensor&, const Tensor& h, const Tensor& c, TensorList w) {
       return outputs(lstm(x, std::vector<Tensor>{h, c}, w, true, 2, 0, false, true, false));
     },
     {-0.96837836844, -0.318971335988, 2.48539898208, 2.38305938637, 1.82130051566, 7.65835011225},
     {4.86162239195, -5.53367069077, -4.13670589464, -3.75863258579, -0.86418597452, -1.56855196724, 0.693771721078,
      -0.770183349244, 0.316107963288, -1.59235850113, 4.04634901586, 0.199105658178}},
    {"lstm",
     4,
     true,
     [](const Tensor& x, const Tensor& sizes, const Tensor& h, const Tensor& c, TensorList w) {
       return outputs(lstm(x, sizes, std::vector<Tensor>{h, c}, w, true, 2, 0, false, true));
     },
     {-0.27390707398, -0.238110537261, 2.29899107246, 1.69036241329, 1.67765295118, 6.99922576733},
     {4.86162239195, -5.53367069077, 1.83057394134, -2.01042805287, -0.86418597452, -1.56855196724, 2.68532837928,
      1.45059955244, 0.316107963288, -1.59235850113}},
    {"gru",
     3,
     false,
     [](const Tensor& x, const Tensor&, const Tensor& h, const Tensor&, TensorList w) {
       return outputs(gru(x, h, w, true, 2, 0, false, true, false));
     },
     {3.66115549294, 3.23534957551, 8.09598029906, 4.61169565614},
     {16.01699518, -6.15276989787, 31.9620796019, 15.3224831134, 7.82055767911, -0.576049692423, 35.053885726,
      16.0331557931, 3.05925101015, -0.736098961296, 30.4623341063, 6.0041780129}},
    {"gru",
     3,
     true,
     [](const Tensor& x, const Tensor& sizes, const Tensor& h, const Tensor&, TensorList w) {
       return outputs(gru(x, sizes, h, w, true, 2, 0, false, true));
     },
     {4.10674753202, 3.02329337153, 7.48762607921, 4.67355987375},
     {16.01699518, -6.15276989787, 19.5118341461, 4.87204497657, 7.82055767911, -0.576049692423, 16.4136384386,
      5.54993023211, 3.05925101015, -0.736098961296}},
    {"rnn_tanh",
     1,
     false,
     [](const Tensor& x, const Tensor&, const Tensor& h, const Tensor&, TensorList w) {
       return outputs(rnn_tanh(x, h, w, true, 2, 0, false, true, false));
     },
     {-8.66059960951, -0.60960615849, 15.8221740829, 11.691359753},
     {-2.89193414973, -3.01869451846, -2.54465414142, -3.89607768763, 5.19390780215, 4.17924999611, -11.8533746541,
      -5.36732879309, -6.75015487833, -4.59657141654, 23.0728239026, 21.1781281009}},
    {"rnn_tanh",
     1,
     true,
     [](const Tensor& x, const Tensor& sizes, const Tensor& h, const Tensor&, TensorList w) {
       return outputs(rnn_tanh(x, sizes, h, w, true, 2, 0, false, true));
     },
     {-7.3267921076, -0.38024651074, 13.0023497515, 10.1379075409},
     {-2.89193414973, -3.01869451846, -1.92473054456, 9.79359599624, 5.19390780215, 4.17924999611, 22.8218089345,
      36.2548307314, -6.75015487833, -4.59657141654}},
    {"rnn_relu",
     1,
     false,
     [](const Tensor& x, const Tensor&, const Tensor& h, const Tensor&, TensorList w) {
       return outputs(rnn_relu(x, h, w, true, 2, 0, false, true, false));
     },
     {24.169781975, 22.1057269936, 114.047233042, 101.53473528},
     {28.0659862945, 77.5296079126, 26.3699047258, 77.5620713289, 15.3548341571, 58.6732157992, -14.4700564496,
      46.3484350919, 14.0018501093, 28.5084562137, 99.799691662, 115.646626179}},
    {"rnn_relu",
     1,
     true,
     [](const Tensor& x, const Tensor& sizes, const Tensor& h, const Tensor&, TensorList w) {
       return outputs(rnn_relu(x, sizes, h, w, true, 2, 0, false, true));
     },
     {19.4612946854, 19.7843380513, 104.520975923, 90.0800089139},
     {28.0659862945, 77.5296079126, -22.6112868445, 15.8302246587, 15.3548341571, 58.6732157992, 91.2325909956,
      96.8793873271, 14.0018501093, 28.5084562137}},
};

TEST(Recurrent, LayersOverPaddedAndPackedSequencesAreThoseOfPyTorch) {
  for (const Case& c : kCases) {
    const Tensor x = c.packed ? wave({5, 2}, 0.3) : wave({3, 2, 2}, 0.3);
    x.requires_grad_();
    const std::vector<Tensor> result =
        c.call(x, longs({2, 2, 1}), wave({4, 2, 2}, 5), wave({4, 2, 2}, 6), weights(c.gates, 2));
    expect_close(summary(result), c.summary, c.name);
    expect_close(gradient_of(result, x), c.gradient, c.name);
  }
}

TEST(Recurrent, AnLstmMayProjectItsHiddenState) {
  const Tensor x = wave({3, 2, 2}, 0.3);
  x.requires_grad_();
  const std::vector<Tensor> state{wave({2, 2, 1}, 5), wave({2, 2, 2}, 6)};
  const std::vector<Tensor> result = outputs(lstm(x, state, weights(4, 1, 1), true, 2, 0, false, false, false));
  expect_close(summary(result),
               {0.888021113, 0.463033393087, 0.694905943383, 0.449793908267, 0.536614161633, 4.21589301598}, "lstm");
  expect_close(gradient_of(result, x),
               {0.109214216183, 0.0420640046206, 0.0411800819231, 0.657828300256, -0.0186713526626, 0.0449265177954,
                0.0300332077373, 0.646973743041, 0.249967075309, 0.378376904538, 1.82547862553, 1.42532109299},
               "lstm");
}

TEST(Recurrent, BatchFirstOnlySwapsDims) {
  const Tensor x = wave({3, 2, 2}, 0.3), h = wave({2, 2, 2}, 5);
  const std::vector<Tensor> w = weights(3, 1);
  const std::vector<Tensor> plain = outputs(gru(x, h, w, true, 2, 0, false, false, false));
  const std::vector<Tensor> swapped = outputs(gru(x.transpose(0, 1), h, w, true, 2, 0, false, false, true));
  EXPECT_EQ(list<double>(swapped[0].transpose(0, 1)), list<double>(plain[0]));
  EXPECT_EQ(list<double>(swapped[1]), list<double>(plain[1]));
}

TEST(Recurrent, WhatDoesNotFitIsAnError) {
  const Tensor x = wave({3, 2, 2}, 0), h = wave({2, 2, 2}, 0);
  const std::vector<Tensor> w = weights(3, 1);
  EXPECT_THROWS(TensorError, gru(x, h, w, false, 2, 0, false, false, false),
                "2 runs of 2 weights each are needed, got 8");
  EXPECT_THROWS(TensorError, gru(x, h, w, true, 0, 0, false, false, false), "num_layers must be positive, got 0");
  EXPECT_THROWS(TensorError, gru(x, h, w, true, int64_t{1} << 62, 0, false, true, false), "gru");
  EXPECT_THROWS(TensorError, gru(x, wave({2, 3, 2}, 0), w, true, 2, 0, false, false, false),
                "must have shape [2, 2, hidden], got [2, 3, 2]");
  EXPECT_THROWS(TensorError, gru(wave({3, 2, 4}, 0), h, w, true, 2, 0, false, false, false),
                "w_ih must have shape [6, 4], got [6, 2]");
  EXPECT_THROWS(TensorError, gru(wave({4, 2}, 0), longs({1, 3}), h, w, true, 2, 0, false, false),
                "never grow, got 3 at step 1");
  EXPECT_THROWS(TensorError, gru(wave({4, 2}, 0), longs({2, 1}), h, w, true, 2, 0, false, false),
                "sum to 3, but data has 4 rows");
  EXPECT_THROWS(TensorError, lstm_cell(wave({2, 2}, 0), {wave({2, 2}, 0)}, w[0], w[1]), "got 1 tensors");
}

TEST(Attention, AQueryThatMayLookAtNothingGetsZerosAndNoGradient) {
  const Tensor x = wave({2, 3, 4}, 0.3);
  x.requires_grad_();
  const Tensor mask = bools({1, 1, 0, 0, 0, 0, 0, 1, 1}).view({3, 3});
  const Tensor y = scaled_dot_product_attention(x, x, x, mask);
  expect_close(y,
               {0.495921836767,
                0.759322798599,
                -0.691590960752,
                -0.581107423404,
                0,
                0,
                0,
                0,
                0.862028830375,
                0.323677550845,
                -0.945436971081,
                -0.0800488539903,
                0.83725130175,
                -0.587474631733,
                -0.685865558076,
                0.764214633703,
                0,
                0,
                0,
                0,
                0.469004889273,
                -0.898849963797,
                -0.237381151207,
                0.960020472562},
               "masked");
  expect_close(gradient_of({y}, x),
               {0.544399531838, 1.0150168416,  1.62177058954, 2.20866391249, 4.2854830136,  5.46502342562,
                6.61028245345,  7.2010852605,  5.25729897356, 5.37453394088, 5.71824006323, 6.74848553809,
                6.64100124961,  7.37643761036, 8.11338370635, 8.37770243028, 16.458700037,  17.0819881795,
                18.037538903,   19.3244852826, 10.8909978879, 11.4883043497, 11.8721052726, 12.3451481159},
               "masked");
}

TEST(Attention, CausalAttentionLooksBackOnly) {
  const Tensor x = wave({2, 3, 4}, 0.3);
  x.requires_grad_();
  const Tensor y = scaled_dot_product_attention(x, x, x, nullopt, 0, true, 0.7);
  expect_close(y, {0.295520206661,  0.909297426826,  -0.529836140908, -0.772764487556, 0.533829512472,  0.730953819924,
                   -0.722188263035, -0.54485385685,  0.753100067524,  0.432877370227,  -0.864647799242, -0.210067153352,
                   0.961152724502,  -0.397555683121, -0.85870700261,  0.61883502212,   0.819130382476,  -0.615250793297,
                   -0.660587027821, 0.785476796373,  0.581358217099,  -0.782983119675, -0.379592088906, 0.880799821142},
               "causal");
  expect_close(gradient_of({y}, x),
               {4.57454332094, 6.54203673042, 8.84054362838, 10.0035577005, 5.9444136069,  6.80628304092,
                7.59513444188, 8.55584107706, 4.82870316624, 4.24595718681, 4.32121219597, 5.90897096573,
                25.4731985178, 27.7044102456, 29.1825097314, 30.38814276,   17.0116388832, 17.3279876297,
                18.6475747754, 20.0376092718, 8.42019900694, 8.81589092507, 9.303973391,   9.69141392378},
               "causal");
}

TEST(Attention, AMaskOfAnotherDtypeIsAnError) {
  const Tensor x = wave({3, 4}, 0);
  EXPECT_THROWS(TensorError, scaled_dot_product_attention(x, x, x, longs({1, 1, 1})),
                "attn_mask must be bool or have query's dtype");
  EXPECT_THROWS(TensorError, scaled_dot_product_attention(x, x, x, bools({1, 1, 1}), 0, true), "exclude each other");
}

}  // namespace
}  // namespace tenon::testing
