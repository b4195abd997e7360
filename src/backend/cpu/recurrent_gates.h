// What gated cells do between their products, element by element. One table per instruction set.
#pragma once

#include <cstdint>

namespace tenon::cpu {

// Rows of one step; of `hidden` elements, or as many times that as said. GRU's gates are reset, update, candidate and
// the hidden state's share of the candidate; LSTM's are input, forget, candidate and output.
struct GateForward {
  int64_t rows, hidden;
  float* gates;         // [rows, 4 hidden], sums that become the gates
  const float* before;  // the state that the step began with: GRU's hidden, LSTM's cell state
  float* out;           // the hidden state
  float* cell;          // LSTM's cell state
};

struct GateBackward {
  int64_t rows, hidden;
  const float* gates;
  const float* before;
  const float* grad_outputs;  // or null
  // Of the states after the step. GRU's hidden and LSTM's cell become what the states before it receive but for the
  // product with the weight.
  float* hidden_grad;
  float* cell_grad;
  // [rows, gates hidden].
  float* grad_input_gates;
  float* grad_hidden_gates;
};

struct GateTable {
  void (*gru)(const GateForward& step);
  void (*lstm)(const GateForward& step);
  void (*gru_backward)(const GateBackward& step);
  void (*lstm_backward)(const GateBackward& step);
};

const GateTable& recurrent_gates();

}  // namespace tenon::cpu
