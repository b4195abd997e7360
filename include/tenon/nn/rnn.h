// Recurrent networks and their cells: options and modules.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "tenon/nn/layer.h"
#include "tenon/nn/utils.h"

namespace tenon::nn {

#define TENON_RNN_OPTIONS(Name, ...)                                                                               \
  struct Name##Options {                                                                                           \
    Name##Options(int64_t input_size, int64_t hidden_size) : input_size_(input_size), hidden_size_(hidden_size) {} \
    TENON_ARG(int64_t, input_size);                                                                                \
    TENON_ARG(int64_t, hidden_size);                                                                               \
    __VA_ARGS__                                                                                                    \
  }
#define TENON_LAYERED_ARGS              \
  TENON_ARG(int64_t, num_layers) = 1;   \
  TENON_ARG(bool, bias) = true;         \
  TENON_ARG(bool, batch_first) = false; \
  TENON_ARG(double, dropout) = 0;       \
  TENON_ARG(bool, bidirectional) = false;
TENON_RNN_OPTIONS(RNN, TENON_LAYERED_ARGS TENON_ARG(std::string_view, nonlinearity) = kTanh;);
TENON_RNN_OPTIONS(LSTM, TENON_LAYERED_ARGS TENON_ARG(int64_t, proj_size) = 0;);
TENON_RNN_OPTIONS(GRU, TENON_LAYERED_ARGS);
TENON_RNN_OPTIONS(RNNCell, TENON_ARG(bool, bias) = true; TENON_ARG(std::string_view, nonlinearity) = kTanh;);
TENON_RNN_OPTIONS(LSTMCell, TENON_ARG(bool, bias) = true;);
TENON_RNN_OPTIONS(GRUCell, TENON_ARG(bool, bias) = true;);
#undef TENON_LAYERED_ARGS
#undef TENON_RNN_OPTIONS

// The parameters are weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_hr_l0 (with projections), the same with
// the ending _reverse, and so on for l1, ...
#define TENON_RNN(Name, Hidden, hidden_default)                                      \
  class TENON_API Name##Impl : public CloneableModule {                              \
    TENON_LAYER_MEMBERS(Name)                                                        \
    void reset() override;                                                           \
    void reset_parameters();                                                         \
    void pretty_print(std::ostream& stream) const override;                          \
    std::vector<Tensor> all_weights() const;                                         \
    /* The parameter of this name, or what a utility has put in its place. */        \
    Tensor& weight_called(const std::string& name);                                  \
    void flatten_parameters() {}                                                     \
    std::tuple<Tensor, Hidden> forward(const Tensor& input, hidden_default hx = {}); \
    std::tuple<utils::rnn::PackedSequence, Hidden> forward_with_packed_input(        \
        const utils::rnn::PackedSequence& packed_input, hidden_default hx = {});     \
                                                                                     \
   protected:                                                                        \
    TENON_FORWARD_HAS_DEFAULT_ARGS({1, AnyValue(hidden_default())})                  \
                                                                                     \
   private:                                                                          \
    std::map<std::string, Tensor> replaced_;                                         \
  };                                                                                 \
  TENON_MODULE(Name)
TENON_RNN(RNN, Tensor, Tensor);
TENON_RNN(LSTM, TwoTensors, optional<TwoTensors>);
TENON_RNN(GRU, Tensor, Tensor);
#undef TENON_RNN

#define TENON_RNN_CELL(Name, Hidden, hidden_default)                \
  class TENON_API Name##Impl : public CloneableModule {             \
    TENON_LAYER_MEMBERS(Name)                                       \
    void reset() override;                                          \
    void reset_parameters();                                        \
    void pretty_print(std::ostream& stream) const override;         \
    Hidden forward(const Tensor& input, hidden_default hx = {});    \
                                                                    \
    Tensor weight_ih, weight_hh, bias_ih, bias_hh;                  \
                                                                    \
   protected:                                                       \
    TENON_FORWARD_HAS_DEFAULT_ARGS({1, AnyValue(hidden_default())}) \
  };                                                                \
  TENON_MODULE(Name)
TENON_RNN_CELL(RNNCell, Tensor, Tensor);
TENON_RNN_CELL(LSTMCell, TwoTensors, optional<TwoTensors>);
TENON_RNN_CELL(GRUCell, Tensor, Tensor);
#undef TENON_RNN_CELL

}  // namespace tenon::nn
