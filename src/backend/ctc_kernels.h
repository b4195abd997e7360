// The likelihood of label sequences under connectionist temporal classification. Depends on base alone.
#pragma once

#include "backend/tensor_view.h"

namespace tenon {

// Sequence b has inputs[b] of the steps, and labels[b] labels from targets[start[b]] on, each a class below `classes`.
struct CtcGeometry {
  int64_t steps, batch, classes, blank;
  const int64_t* inputs;
  const int64_t* labels;
  const int64_t* start;
  const int64_t* targets;
  // The most labels of a sequence.
  int64_t longest;

  // A sequence's states: its labels with blanks around and between them.
  int64_t states() const { return 2 * longest + 1; }
};

// Contiguous views of float or double: log_probs [steps, batch, classes], alpha [batch, steps, states], loss [batch].
struct CtcKernels {
  // The negative log likelihoods, and the log probabilities of each state at each step given the steps up to it.
  void (*forward)(const TensorView& loss, const TensorView& alpha, const TensorView& log_probs,
                  const CtcGeometry& geometry);
  // grad = scale[b] times what log_probs' inputs to log_softmax receive: exp(log_probs) minus how often each class is
  // expected at each step. A scale of zero gives zeros.
  void (*gradient)(const TensorView& grad, const TensorView& scale, const TensorView& loss, const TensorView& alpha,
                   const TensorView& log_probs, const CtcGeometry& geometry);
};

}  // namespace tenon
