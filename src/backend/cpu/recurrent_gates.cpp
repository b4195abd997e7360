// The gates of GRU and LSTM steps, and their gradients, for every instruction set. Depends on recurrent_gates.h and
// Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/recurrent_gates.cpp"
#include "backend/cpu/simd.h"

#include <algorithm>

#include "backend/cpu/recurrent_gates.h"
#include "backend/cpu/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

using V = Vec<float>;

// Some neighbouring elements of a row: a vector of them, or the few that are left.
class Lanes {
 public:
  HWY_INLINE Lanes(int64_t first, int64_t count) : first_(first), count_(static_cast<int>(count)) {}
  HWY_INLINE V get(const float* row) const {
    return count_ == V::lanes ? load(row + first_) : load_part(row + first_, count_);
  }
  HWY_INLINE void put(V v, float* row) const {
    if (count_ == V::lanes) {
      store(v, row + first_);
    } else {
      store_part(v, row + first_, count_);
    }
  }

 private:
  int64_t first_;
  int count_;
};

// Calls body(row, lanes) for all elements of a step.
template <class Step, class Body>
HWY_INLINE void for_elements(const Step& step, const Body& body) {
  for (int64_t row = 0; row < step.rows; ++row) {
    for (int64_t i = 0; i < step.hidden; i += V::lanes) {
      body(row, Lanes(i, std::min<int64_t>(V::lanes, step.hidden - i)));
    }
  }
}

// What the sum that sigmoid gave s from, or tanh gave t from, receives from g.
HWY_INLINE V sigmoid_gradient(V g, V s) { return g * s * (V(1) - s); }
HWY_INLINE V tanh_gradient(V g, V t) { return g * fnma(t, t, V(1)); }

void gru(const GateForward& step) {
  const int64_t n = step.hidden;
  for_elements(step, [&](int64_t row, Lanes at) HWY_ATTR {
    float* const gates = step.gates + row * 4 * n;
    const V before = at.get(step.before + row * n);
    const V reset = sigmoid(at.get(gates)), update = sigmoid(at.get(gates + n));
    const V candidate = tanh(fma(reset, at.get(gates + 3 * n), at.get(gates + 2 * n)));
    at.put(reset, gates);
    at.put(update, gates + n);
    at.put(candidate, gates + 2 * n);
    at.put(fma(update, before - candidate, candidate), step.out + row * n);
  });
}

void gru_backward(const GateBackward& step) {
  const int64_t n = step.hidden;
  for_elements(step, [&](int64_t row, Lanes at) HWY_ATTR {
    const float* const gates = step.gates + row * 4 * n;
    const V reset = at.get(gates), update = at.get(gates + n), candidate = at.get(gates + 2 * n);
    V grad = at.get(step.hidden_grad + row * n);
    if (step.grad_outputs) grad = grad + at.get(step.grad_outputs + row * n);
    const V to_update = sigmoid_gradient(grad * (at.get(step.before + row * n) - candidate), update);
    const V to_candidate = tanh_gradient(grad * (V(1) - update), candidate);
    const V to_reset = sigmoid_gradient(to_candidate * at.get(gates + 3 * n), reset);
    float* const input = step.grad_input_gates + row * 3 * n;
    at.put(to_reset, input);
    at.put(to_update, input + n);
    at.put(to_candidate, input + 2 * n);
    float* const hidden = step.grad_hidden_gates + row * 3 * n;
    at.put(to_reset, hidden);
    at.put(to_update, hidden + n);
    at.put(to_candidate * reset, hidden + 2 * n);
    at.put(grad * update, step.hidden_grad + row * n);
  });
}

void lstm(const GateForward& step) {
  const int64_t n = step.hidden;
  for_elements(step, [&](int64_t row, Lanes at) HWY_ATTR {
    float* const gates = step.gates + row * 4 * n;
    const V input = sigmoid(at.get(gates)), forget = sigmoid(at.get(gates + n));
    const V candidate = tanh(at.get(gates + 2 * n)), output = sigmoid(at.get(gates + 3 * n));
    const V cell = fma(forget, at.get(step.before + row * n), input * candidate);
    at.put(input, gates);
    at.put(forget, gates + n);
    at.put(candidate, gates + 2 * n);
    at.put(output, gates + 3 * n);
    at.put(cell, step.cell + row * n);
    at.put(output * tanh(cell), step.out + row * n);
  });
}

void lstm_backward(const GateBackward& step) {
  const int64_t n = step.hidden;
  for_elements(step, [&](int64_t row, Lanes at) HWY_ATTR {
    const float* const gates = step.gates + row * 4 * n;
    const V input = at.get(gates), forget = at.get(gates + n), candidate = at.get(gates + 2 * n);
    const V output = at.get(gates + 3 * n), before = at.get(step.before + row * n);
    const V bent = tanh(fma(forget, before, input * candidate));
    V grad = at.get(step.hidden_grad + row * n);
    if (step.grad_outputs) grad = grad + at.get(step.grad_outputs + row * n);
    const V to_cell = at.get(step.cell_grad + row * n) + tanh_gradient(grad * output, bent);
    float* const out = step.grad_input_gates + row * 4 * n;
    at.put(sigmoid_gradient(to_cell * candidate, input), out);
    at.put(sigmoid_gradient(to_cell * before, forget), out + n);
    at.put(tanh_gradient(to_cell * input, candidate), out + 2 * n);
    at.put(sigmoid_gradient(grad * bent, output), out + 3 * n);
    at.put(to_cell * forget, step.cell_grad + row * n);
  });
}

}  // namespace

extern const GateTable recurrent_gates;
constinit const GateTable recurrent_gates = {gru, lstm, gru_backward, lstm_backward};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(GateTable, recurrent_gates)
}  // namespace tenon::cpu
#endif
