// Recurrent networks; see rnn.h.
#include "tenon/nn/rnn.h"

#include <cmath>
#include <ostream>

#include "nn/define.h"
#include "tenon/nn/init.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace {

using utils::rnn::PackedSequence;

// What the networks have in common.
struct Shape {
  int64_t gates, input_size, hidden_size, num_layers, proj_size;
  bool bias, batch_first, bidirectional;
  double dropout;

  template <class Options>
  Shape(int64_t gates, const Options& options, int64_t proj_size = 0)
      : gates(gates),
        input_size(options.input_size()),
        hidden_size(options.hidden_size()),
        num_layers(options.num_layers()),
        proj_size(proj_size),
        bias(options.bias()),
        batch_first(options.batch_first()),
        bidirectional(options.bidirectional()),
        dropout(options.dropout()) {}

  int64_t directions() const { return bidirectional ? 2 : 1; }
  int64_t output_size() const { return proj_size > 0 ? proj_size : hidden_size; }
};

Shape shape_of(const RNNOptions& options) { return {1, options}; }
Shape shape_of(const LSTMOptions& options) { return {4, options, options.proj_size()}; }
Shape shape_of(const GRUOptions& options) { return {3, options}; }

void check_shape(const Shape& shape) {
  TENON_CHECK_VALUE(shape.input_size > 0, "input_size must be greater than zero, got ", shape.input_size);
  TENON_CHECK_VALUE(shape.hidden_size > 0, "hidden_size must be greater than zero, got ", shape.hidden_size);
  TENON_CHECK_VALUE(shape.num_layers > 0, "num_layers must be greater than zero, got ", shape.num_layers);
  TENON_CHECK_VALUE(shape.dropout >= 0 && shape.dropout <= 1,
                    "dropout should be a number in range [0, 1] representing the probability of an element being "
                    "zeroed, got ",
                    shape.dropout);
  TENON_CHECK_VALUE(shape.proj_size >= 0 && shape.proj_size < shape.hidden_size,
                    "proj_size should be a positive integer or zero to disable projections, and smaller than "
                    "hidden_size, got ",
                    shape.proj_size);
}

// The names and sizes of all weights, in their order.
template <class Visit>
void for_each_weight(const Shape& shape, const Visit& visit) {
  const int64_t rows = shape.gates * shape.hidden_size;
  for (int64_t layer = 0; layer < shape.num_layers; ++layer) {
    for (int64_t direction = 0; direction < shape.directions(); ++direction) {
      const std::string ending = concat("_l", layer, direction ? "_reverse" : "");
      const int64_t width = layer == 0 ? shape.input_size : shape.output_size() * shape.directions();
      visit("weight_ih" + ending, {rows, width});
      visit("weight_hh" + ending, {rows, shape.output_size()});
      if (shape.bias) {
        visit("bias_ih" + ending, {rows});
        visit("bias_hh" + ending, {rows});
      }
      if (shape.proj_size > 0) visit("weight_hr" + ending, {shape.proj_size, shape.hidden_size});
    }
  }
}

void register_weights(Module& module, const Shape& shape) {
  check_shape(shape);
  for_each_weight(shape,
                  [&](const std::string& name, IntArrayRef size) { module.register_parameter(name, empty(size)); });
}

void draw(const std::vector<Tensor>& weights, int64_t hidden_size) {
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_size));
  for (const Tensor& weight : weights) init::uniform_(weight, -bound, bound);
}

void print_shape(std::ostream& out, const char* name, const Shape& shape) {
  out << std::boolalpha << "torch::nn::" << name << "(input_size=" << shape.input_size
      << ", hidden_size=" << shape.hidden_size << ", num_layers=" << shape.num_layers << ", bias=" << shape.bias
      << ", batch_first=" << shape.batch_first << ", dropout=" << shape.dropout
      << ", bidirectional=" << shape.bidirectional;
  if (shape.proj_size > 0) out << ", proj_size=" << shape.proj_size;
  out << ")";
}

// A state's first dims are layers and batch; `size` is its last.
void check_state(const Tensor& state, const Shape& shape, int64_t batch, int64_t size, const char* what) {
  const std::vector<int64_t> expected = {shape.num_layers * shape.directions(), batch, size};
  TENON_CHECK(state.sizes() == IntArrayRef(expected), "Expected ", what, " size ", IntArrayRef(expected), ", got ",
              state.sizes());
}

// The states to begin with, and what must be undone afterwards: one sample's lack of a batch dim, or the order.
struct Run {
  Tensor input;
  bool batched;
  std::vector<Tensor> states;

  // `sizes` are the last dims of the states.
  Run(const Tensor& given, const Shape& shape, std::vector<Tensor> initial, std::vector<int64_t> sizes)
      : input(given), batched(given.dim() == 3), states(std::move(initial)) {
    TENON_CHECK_VALUE(given.dim() == 2 || batched, "expected input to be 2D or 3D, got ", given.dim(), "D instead");
    TENON_CHECK(given.size(-1) == shape.input_size, "input.size(-1) must be equal to input_size. Expected ",
                shape.input_size, ", got ", given.size(-1));
    const int64_t batch_dim = shape.batch_first ? 0 : 1;
    if (!batched) {
      input = given.unsqueeze(batch_dim);
      for (Tensor& state : states) {
        TENON_CHECK(state.dim() == 2, "For unbatched 2-D input, hx should also be 2-D but got ", state.dim(),
                    "-D tensor");
        state = state.unsqueeze(1);
      }
    }
    complete(shape, input.size(batch_dim), sizes);
  }
  Run(const PackedSequence& packed, const Shape& shape, std::vector<Tensor> initial, std::vector<int64_t> sizes)
      : input(packed.data()), batched(true), states(std::move(initial)) {
    TENON_CHECK(input.size(-1) == shape.input_size, "input.size(-1) must be equal to input_size. Expected ",
                shape.input_size, ", got ", input.size(-1));
    if (packed.sorted_indices().defined()) {
      for (Tensor& state : states) state = state.index_select(1, packed.sorted_indices());
    }
    complete(shape, packed.batch_sizes()[0].item<int64_t>(), sizes);
  }

  Tensor output(const Tensor& result, const Shape& shape) const {
    return batched ? result : result.squeeze(shape.batch_first ? 0 : 1);
  }
  Tensor state(const Tensor& result) const { return batched ? result : result.squeeze(1); }

 private:
  void complete(const Shape& shape, int64_t batch, const std::vector<int64_t>& sizes) {
    if (states.empty()) {
      for (int64_t size : sizes) {
        states.push_back(zeros({shape.num_layers * shape.directions(), batch, size}, input.options()));
      }
    }
    for (size_t i = 0; i < states.size(); ++i) {
      check_state(states[i], shape, batch, sizes[i], i == 0 ? "hidden" : "cell");
    }
  }
};

Tensor unsorted(const Tensor& state, const PackedSequence& packed) {
  return packed.unsorted_indices().defined() ? state.index_select(1, packed.unsorted_indices()) : state;
}

PackedSequence like(const PackedSequence& packed, const Tensor& data) {
  return PackedSequence(data, packed.batch_sizes(), packed.sorted_indices(), packed.unsorted_indices());
}

std::vector<Tensor> listed(const Tensor& state) {
  return state.defined() ? std::vector<Tensor>{state} : std::vector<Tensor>();
}

std::vector<Tensor> listed(const optional<TwoTensors>& states) {
  return states ? std::vector<Tensor>{std::get<0>(*states), std::get<1>(*states)} : std::vector<Tensor>();
}

}  // namespace

#define TENON_RNN(Name)                                                               \
  Name##Impl::Name##Impl(Options options) : options(std::move(options)) { reset(); }  \
  void Name##Impl::reset() {                                                          \
    register_weights(*this, shape_of(options));                                       \
    reset_parameters();                                                               \
  }                                                                                   \
  void Name##Impl::reset_parameters() { draw(all_weights(), options.hidden_size()); } \
  Tensor& Name##Impl::weight_called(const std::string& name) {                        \
    Tensor* found = parameters_.find(name);                                           \
    return found ? *found : replaced_[name];                                          \
  }                                                                                   \
  std::vector<Tensor> Name##Impl::all_weights() const {                               \
    if (replaced_.empty()) return parameters_.values();                               \
    std::vector<Tensor> weights;                                                      \
    for_each_weight(shape_of(options), [&](const std::string& name, IntArrayRef) {    \
      const Tensor* found = parameters_.find(name);                                   \
      weights.push_back(found ? *found : replaced_.at(name));                         \
    });                                                                               \
    return weights;                                                                   \
  }                                                                                   \
  void Name##Impl::pretty_print(std::ostream& stream) const { print_shape(stream, #Name, shape_of(options)); }

TENON_RNN(RNN)
TENON_RNN(LSTM)
TENON_RNN(GRU)

#define TENON_ONE_STATE_FORWARD(Name, function)                                                                        \
  std::tuple<Tensor, Tensor> Name##Impl::forward(const Tensor& input, Tensor hx) {                                     \
    const Shape shape = shape_of(options);                                                                             \
    const Run run(input, shape, listed(hx), {shape.hidden_size});                                                      \
    const auto [output, state] = (function)(run.input, run.states[0], all_weights(), shape.bias, shape.num_layers,     \
                                            shape.dropout, is_training(), shape.bidirectional, shape.batch_first);     \
    return {run.output(output, shape), run.state(state)};                                                              \
  }                                                                                                                    \
  std::tuple<PackedSequence, Tensor> Name##Impl::forward_with_packed_input(const PackedSequence& packed, Tensor hx) {  \
    const Shape shape = shape_of(options);                                                                             \
    const Run run(packed, shape, listed(hx), {shape.hidden_size});                                                     \
    const auto [output, state] = (function)(run.input, packed.batch_sizes(), run.states[0], all_weights(), shape.bias, \
                                            shape.num_layers, shape.dropout, is_training(), shape.bidirectional);      \
    return {like(packed, output), unsorted(state, packed)};                                                            \
  }

namespace {

// gru and the two kinds of rnn, for padded and for packed sequences.
struct Gru {
  template <class... Args>
  auto operator()(const Args&... args) const {
    return gru(args...);
  }
};
struct PlainRnn {
  bool relu;
  template <class... Args>
  auto operator()(const Args&... args) const {
    return relu ? rnn_relu(args...) : rnn_tanh(args...);
  }
};

}  // namespace

TENON_ONE_STATE_FORWARD(RNN, PlainRnn{options.nonlinearity() == kReLU})
TENON_ONE_STATE_FORWARD(GRU, Gru{})

std::tuple<Tensor, TwoTensors> LSTMImpl::forward(const Tensor& input, optional<TwoTensors> hx) {
  const Shape shape = shape_of(options);
  const Run run(input, shape, listed(hx), {shape.output_size(), shape.hidden_size});
  const auto [output, hidden, cell] = lstm(run.input, run.states, all_weights(), shape.bias, shape.num_layers,
                                           shape.dropout, is_training(), shape.bidirectional, shape.batch_first);
  return {run.output(output, shape), {run.state(hidden), run.state(cell)}};
}

std::tuple<PackedSequence, TwoTensors> LSTMImpl::forward_with_packed_input(const PackedSequence& packed,
                                                                           optional<TwoTensors> hx) {
  const Shape shape = shape_of(options);
  const Run run(packed, shape, listed(hx), {shape.output_size(), shape.hidden_size});
  const auto [output, hidden, cell] = lstm(run.input, packed.batch_sizes(), run.states, all_weights(), shape.bias,
                                           shape.num_layers, shape.dropout, is_training(), shape.bidirectional);
  return {like(packed, output), {unsorted(hidden, packed), unsorted(cell, packed)}};
}

namespace {

void check_cell_input(const Tensor& tensor, const char* name) {
  TENON_CHECK_VALUE(tensor.dim() == 1 || tensor.dim() == 2, "Expected ", name, " to be 1D or 2D, got ", tensor.dim(),
                    "D instead");
}

Tensor with_batch(const Tensor& tensor) { return tensor.dim() == 1 ? tensor.unsqueeze(0) : tensor; }
Tensor like_input(const Tensor& result, const Tensor& input) { return input.dim() == 1 ? result.squeeze(0) : result; }

// A cell's state with a batch dim, of zeros where none is given.
Tensor cell_state(const Tensor& state, const Tensor& input, int64_t hidden_size) {
  check_cell_input(input, "input");
  if (!state.defined()) return zeros({with_batch(input).size(0), hidden_size}, input.options());
  check_cell_input(state, "hidden");
  return with_batch(state);
}

}  // namespace

#define TENON_RNN_CELL(Name, gates, printed)                                                                      \
  Name##Impl::Name##Impl(Options options) : options(std::move(options)) { reset(); }                              \
  void Name##Impl::reset() {                                                                                      \
    const int64_t rows = gates * options.hidden_size();                                                           \
    weight_ih = register_parameter("weight_ih", empty({rows, options.input_size()}));                             \
    weight_hh = register_parameter("weight_hh", empty({rows, options.hidden_size()}));                            \
    bias_ih = register_parameter("bias_ih", options.bias() ? empty({rows}) : Tensor());                           \
    bias_hh = register_parameter("bias_hh", options.bias() ? empty({rows}) : Tensor());                           \
    reset_parameters();                                                                                           \
  }                                                                                                               \
  void Name##Impl::reset_parameters() { draw(parameters(false), options.hidden_size()); }                         \
  void Name##Impl::pretty_print(std::ostream& stream) const {                                                     \
    stream << std::boolalpha << "torch::nn::" #Name "(" << options.input_size() << ", " << options.hidden_size(); \
    if (!options.bias()) stream << ", bias=" << options.bias();                                                   \
    printed stream << ")";                                                                                        \
  }

TENON_RNN_CELL(RNNCell, 1,
               if (options.nonlinearity() != kTanh) stream << ", nonlinearity="
                                                           << constant_name(options.nonlinearity());)
TENON_RNN_CELL(LSTMCell, 4, )
TENON_RNN_CELL(GRUCell, 3, )

Tensor RNNCellImpl::forward(const Tensor& input, Tensor hx) {
  const Tensor state = cell_state(hx, input, options.hidden_size());
  const auto cell = options.nonlinearity() == kReLU ? rnn_relu_cell : rnn_tanh_cell;
  return like_input(cell(with_batch(input), state, weight_ih, weight_hh, given(bias_ih), given(bias_hh)), input);
}

Tensor GRUCellImpl::forward(const Tensor& input, Tensor hx) {
  const Tensor state = cell_state(hx, input, options.hidden_size());
  return like_input(gru_cell(with_batch(input), state, weight_ih, weight_hh, given(bias_ih), given(bias_hh)), input);
}

TwoTensors LSTMCellImpl::forward(const Tensor& input, optional<TwoTensors> hx) {
  const auto [hidden, cell] = hx.value_or(TwoTensors());
  const std::vector<Tensor> states = {cell_state(hidden, input, options.hidden_size()),
                                      cell_state(cell, input, options.hidden_size())};
  const auto [h, c] = lstm_cell(with_batch(input), states, weight_ih, weight_hh, given(bias_ih), given(bias_hh));
  return {like_input(h, input), like_input(c, input)};
}

}  // namespace tenon::nn
