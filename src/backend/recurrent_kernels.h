// The recurrent family of a backend: one direction of one gated layer, all steps at once. Included by backend.h.
//
// All data are float and contiguous. Step t has batch_sizes[t] rows, never more than the step before; the rows of all
// steps, N of them, follow each other. B is the size of the first step and H that of a hidden state.
#pragma once

#include <cstdint>

#include "tenon/base/array_ref.h"

namespace tenon {

enum class GatedCell : uint8_t { Gru, Lstm };

struct GatedRun {
  GatedCell cell;
  bool backwards;  // begins with the last step
  IntArrayRef batch_sizes;
  int64_t hidden;

  int64_t gates() const { return cell == GatedCell::Gru ? 3 : 4; }
};

// The states that a run begins with, or ends with, [B, H]. A GRU has no cell state.
template <class T>
struct GatedStates {
  T* hidden;
  T* cell;
};

struct GatedForward {
  const float* weight;  // [gates() H, H]
  const float* bias;    // [gates() H], or null
  GatedStates<const float> initial;
  // [N, 4 H]. Holds the input's share of the gates in its first gates() H columns, and becomes what backward needs.
  float* gates;
  // What each step began with, for backward: the hidden state and the cell state, [N, H]. Null where none follows.
  GatedStates<float> before;
  float* outputs;  // [N, H]
  GatedStates<float> last;
};

struct GatedBackward {
  const float* weight;
  // As the forward run left them.
  const float* gates;
  GatedStates<const float> before;
  // Each may be null, which means zeros.
  const float* grad_outputs;
  GatedStates<const float> grad_last;
  // Of the input's and of the hidden state's share of the gates, [N, gates() H]; of an LSTM they are one.
  float* grad_input_gates;
  float* grad_hidden_gates;
  GatedStates<float> grad_initial;
};

struct RecurrentKernels {
  void (*forward)(const GatedRun& run, const GatedForward& data);
  void (*backward)(const GatedRun& run, const GatedBackward& data);
};

}  // namespace tenon
