// What the layers print, which calls they refuse, and what nn::functional and nn::utils add to the ops. Parameters,
// outputs and gradients are compared with Python's by tests/python/test_nn_twins.py.
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "tenon/tenon.h"

namespace tenon {
namespace {

using namespace nn;
namespace F = nn::functional;
using Sizes = std::vector<int64_t>;

template <class M>
std::string printed(const M& module) {
  std::ostringstream out;
  out << module;
  return out.str();
}

TEST(Layers, PrintAsThoseOfLibTorch) {
#define PRINTED(module, text) EXPECT_EQ(printed(module), text);
#include "nn/printed_reference.inc"
#undef PRINTED
}

TEST(Layers, RefuseOptionsThatFitNothing) {
  EXPECT_THROW(Conv2d(Conv2dOptions(3, 4, 2).groups(2)), ValueError);
  EXPECT_THROW(Conv2dOptions(3, 4, {1, 2, 3}), TensorError);
  EXPECT_THROW(Dropout(1.5), ValueError);
  EXPECT_THROW(Embedding(EmbeddingOptions(3, 2).padding_idx(3)), ValueError);
  EXPECT_THROW(GroupNorm(2, 3), ValueError);
  EXPECT_THROW(MultiheadAttention(5, 2), ValueError);
  EXPECT_THROW(LSTM(LSTMOptions(3, 4).proj_size(4)), ValueError);
  EXPECT_THROW(AdaptiveLogSoftmaxWithLoss(8, 5, Sizes{3, 2}), ValueError);
  EXPECT_THROW(FractionalMaxPool2d(2), ValueError);
}

TEST(Layers, RefuseInputsThatFitNothing) {
  EXPECT_THROW(Linear(3, 4)(ones({2, 5})), TensorError);
  EXPECT_THROW(BatchNorm2d(3)(ones({2, 3})), ValueError);
  EXPECT_THROW(LSTM(3, 4)(ones({2, 3, 5})), TensorError);
  EXPECT_THROW(GRU(3, 4)(ones({2, 3, 3}), ones({1, 2, 4})), TensorError);
  EXPECT_THROW(Transformer(TransformerOptions(4, 2, 1, 1))(ones({2, 1, 4}), ones({2, 1, 5})), TensorError);
  EXPECT_THROW(F::interpolate(ones({1, 1, 2})), ValueError);
  EXPECT_THROW(F::grid_sample(ones({1, 1, 2, 2}), zeros({1, 1, 1, 2}), F::GridSampleFuncOptions().mode("cubic")),
               ValueError);
  EXPECT_THROW(ConvTranspose1d(1, 1, 3)->forward(ones({1, 1, 4}), IntArrayRef({9})), ValueError);
}

TEST(Layers, WorkWithinContainers) {
  Sequential model(Conv2d(Conv2dOptions(1, 2, 3).padding(1)), BatchNorm2d(2), ReLU(), MaxPool2d(2), Flatten(),
                   Linear(8, 3), Dropout(0.5));
  model->eval();
  EXPECT_EQ(model->forward(ones({1, 1, 4, 4})).sizes(), (Sizes{1, 3}));
  Sequential recurrent(LSTM(3, 4));
  const auto result = recurrent->forward<std::tuple<Tensor, TwoTensors>>(ones({5, 2, 3}));
  EXPECT_EQ(std::get<0>(result).sizes(), (Sizes{5, 2, 4}));
  const auto copy = std::dynamic_pointer_cast<SequentialImpl>(model->clone());
  EXPECT_TRUE(copy->forward(ones({1, 1, 4, 4})).equal(model->forward(ones({1, 1, 4, 4}))));
}

TEST(Layers, CopiesKeepWhatTheLayerWas) {
  MultiheadAttention attention(4, 2);
  const auto copy = std::dynamic_pointer_cast<MultiheadAttentionImpl>(attention->clone());
  const Tensor x = randn({3, 2, 4});
  EXPECT_TRUE(std::get<0>(copy->forward(x, x, x)).equal(std::get<0>(attention(x, x, x))));
  EXPECT_FALSE(copy->out_proj->weight.is_same(attention->out_proj->weight));
  EXPECT_EQ(copy->named_parameters().keys(), attention->named_parameters().keys());
}

TEST(Functional, EditsInPlaceOnRequest) {
  const Tensor x = tenon::full({3}, -1);
  EXPECT_TRUE(F::relu(x, F::ReLUFuncOptions().inplace(true)).is_same(x));
  EXPECT_TRUE(x.equal(zeros({3})));
  const Tensor hard = F::gumbel_softmax(randn({4, 5}), F::GumbelSoftmaxFuncOptions().hard(true).dim(-1));
  EXPECT_TRUE(allclose(hard.sum(-1), ones({4})));
}

TEST(Embeddings, PretrainedOnesAreFrozenUnlessToldOtherwise) {
  const Tensor table = randn({4, 3});
  const Embedding frozen = Embedding::from_pretrained(table);
  EXPECT_FALSE(frozen->weight.requires_grad());
  EXPECT_TRUE(Embedding::from_pretrained(table.clone(), EmbeddingFromPretrainedOptions().freeze(false))
                  ->weight.requires_grad());
  EXPECT_THROW(EmbeddingBag::from_pretrained(ones({3})), ValueError);
}

TEST(Utils, ClipGradients) {
  const Tensor a = zeros({2}).requires_grad_(), b = zeros({1}).requires_grad_(), unused = zeros({1}).requires_grad_();
  (3 * a.sum() + 4 * b.sum()).backward();
  const double norm = std::sqrt(2 * 9.0 + 16);
  EXPECT_NEAR(utils::clip_grad_norm_({a, b, unused}, 1), norm, 1e-5);
  EXPECT_NEAR(a.grad()[0].item<double>(), 3 / norm, 1e-5);
  utils::clip_grad_value_({a, b, unused}, 0.25);
  EXPECT_EQ(b.grad()[0].item<double>(), 0.25);
  a.grad().fill_(NAN);
  EXPECT_THROW(utils::clip_grad_norm_(a, 1, 2, true), TensorError);
}

TEST(Utils, ParametersAsOneVector) {
  Linear layer(2, 3);
  const Tensor all = utils::parameters_to_vector(layer->parameters());
  EXPECT_EQ(all.numel(), 9);
  utils::vector_to_parameters(arange(9.0), layer->parameters());
  EXPECT_EQ(layer->weight[2][1].item<double>(), 5);
  EXPECT_EQ(layer->bias[0].item<double>(), 6);
}

TEST(PackedSequences, GiveWhatEachSequenceGivesAlone) {
  const std::vector<Tensor> sequences = {randn({2, 3}), randn({4, 3}), randn({1, 3})};
  const auto packed = utils::rnn::pack_sequence(sequences, false);
  EXPECT_EQ(packed.data().sizes(), (Sizes{7, 3}));
  EXPECT_EQ(packed.batch_sizes()[1].item<int64_t>(), 2);
  LSTM lstm(LSTMOptions(3, 4).num_layers(2));
  const auto [output, state] = lstm->forward_with_packed_input(packed);
  const auto [padded, lengths] = utils::rnn::pad_packed_sequence(output, true, -1);
  EXPECT_EQ(padded.sizes(), (Sizes{3, 4, 4}));
  for (int64_t i = 0; i < 3; ++i) {
    const Tensor& sequence = sequences[static_cast<size_t>(i)];
    EXPECT_EQ(lengths[i].item<int64_t>(), sequence.size(0));
    const auto [alone, alone_state] = lstm(sequence);
    EXPECT_TRUE(allclose(padded[i].narrow(0, 0, sequence.size(0)), alone, 1e-5, 1e-6));
    EXPECT_TRUE(allclose(std::get<0>(state).select(1, i), std::get<0>(alone_state), 1e-5, 1e-6));
  }
  EXPECT_EQ(padded[2][3][0].item<double>(), -1);
  EXPECT_THROW(utils::rnn::pack_sequence(sequences), TensorError);
}

TEST(PackedSequences, PassGradients) {
  const Tensor input = randn({4, 2, 3}).requires_grad_();
  const auto packed = utils::rnn::pack_padded_sequence(input, tenon::arange(4, 0, -2));
  std::get<0>(utils::rnn::pad_packed_sequence(packed)).sum().backward();
  const Tensor expected = ones({4, 2, 3});
  expected.narrow(0, 2, 2).select(1, 1).fill_(0);
  EXPECT_TRUE(input.grad().equal(expected));
}

}  // namespace
}  // namespace tenon
