// Recurrent cells, and layers of them over sequences. A padded batch is a packed one whose sequences are equally long,
// so there is one loop over time. Composed of other ops, which give the gradients, but for float GRUs and LSTMs on a
// backend that has a kernel for all steps.
#include <algorithm>
#include <vector>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/maybe_view.h"
#include "tenon/autograd/autograd.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

enum class Cell : uint8_t { Lstm, Gru, Tanh, Relu };

int64_t gate_count(Cell cell) { return cell == Cell::Lstm ? 4 : cell == Cell::Gru ? 3 : 1; }

// The weights of one direction of one layer. `project` shrinks the hidden state of an LSTM, where defined.
struct Weights {
  Tensor ih, hh;
  optional<Tensor> bias_ih, bias_hh;
  Tensor project;
};

struct State {
  Tensor hidden;
  Tensor cell;  // of an LSTM
};

void check_weights(const char* op, Cell cell, int64_t features, const State& state, const Weights& w) {
  const int64_t hidden = state.hidden.size(-1);
  const int64_t rows = checked_mul(gate_count(cell), cell == Cell::Lstm ? state.cell.size(-1) : hidden, op);
  TENON_CHECK(w.ih.dim() == 2 && w.ih.size(0) == rows && w.ih.size(1) == features, op, ": w_ih must have shape [", rows,
              ", ", features, "], got ", w.ih.sizes());
  TENON_CHECK(w.hh.dim() == 2 && w.hh.size(0) == rows && w.hh.size(1) == hidden, op, ": w_hh must have shape [", rows,
              ", ", hidden, "], got ", w.hh.sizes());
}

// The state after a step, from the input's share of the gates.
State step(Cell cell, const Tensor& input_gates, const State& state, const Weights& w) {
  const Tensor hidden_gates = linear(state.hidden, w.hh, w.bias_hh);
  switch (cell) {
    case Cell::Tanh:
      return {tanh(add(input_gates, hidden_gates)), {}};
    case Cell::Relu:
      return {relu(add(input_gates, hidden_gates)), {}};
    case Cell::Gru: {
      const std::vector<Tensor> in = input_gates.chunk(3, -1), own = hidden_gates.chunk(3, -1);
      Tensor reset = sigmoid(add(in[0], own[0])), update = sigmoid(add(in[1], own[1]));
      Tensor candidate = tanh(add(in[2], mul(reset, own[2])));
      return {add(candidate, mul(update, sub(state.hidden, candidate))), {}};
    }
    case Cell::Lstm:
      break;
  }
  const std::vector<Tensor> gates = add(input_gates, hidden_gates).chunk(4, -1);
  Tensor next = add(mul(sigmoid(gates[1]), state.cell), mul(sigmoid(gates[0]), tanh(gates[2])));
  Tensor hidden = mul(sigmoid(gates[3]), tanh(next));
  return {w.project.defined() ? linear(hidden, w.project) : hidden, next};
}

// --- single steps

State single_step(const char* op, Cell cell, const Tensor& input, const State& state, const Weights& w) {
  for (const Tensor* each : {&state.hidden, cell == Cell::Lstm ? &state.cell : &state.hidden}) {
    TENON_CHECK(input.dim() == each->dim() && (input.dim() == 1 || input.dim() == 2), op,
                ": input and hx must both have 1 or 2 dims, got shapes ", input.sizes(), " and ", each->sizes());
    TENON_CHECK(input.dim() == 1 || input.size(0) == each->size(0), op, ": input has a batch of ", input.size(0),
                ", but hx of ", each->size(0));
  }
  TENON_CHECK(cell != Cell::Lstm || state.hidden.sizes() == state.cell.sizes(), op, ": the hidden state has shape ",
              state.hidden.sizes(), ", so the cell state must too");
  check_weights(op, cell, input.size(-1), state, w);
  return step(cell, linear(input, w.ih, w.bias_ih), state, w);
}

// --- sequences

// The steps of all sequences one after the other: data is [sum of batch_sizes, features], and batch_sizes never grows.
struct Sequences {
  Tensor data;
  DimVector batch_sizes;
};

struct Run {
  Tensor outputs;
  State last;
};

State first_rows(const State& state, int64_t begin, int64_t count) {
  return {state.hidden.narrow(0, begin, count), state.cell.defined() ? state.cell.narrow(0, begin, count) : Tensor()};
}

State joined(const std::vector<State>& parts) {
  if (parts.size() == 1) return parts[0];
  std::vector<Tensor> hidden, cells;
  for (const State& part : parts) {
    hidden.push_back(part.hidden);
    if (part.cell.defined()) cells.push_back(part.cell);
  }
  return {cat(hidden, 0), cells.empty() ? Tensor() : cat(cells, 0)};
}

Run run_composed(Cell cell, const Sequences& in, const State& initial, const Weights& w, bool backwards) {
  const size_t steps = in.batch_sizes.size();
  const std::vector<Tensor> gates = linear(in.data, w.ih, w.bias_ih).split_with_sizes(in.batch_sizes, 0);
  std::vector<Tensor> outputs(steps);
  std::vector<State> finished;  // of the shorter sequences, shortest first
  int64_t rows = backwards ? in.batch_sizes.back() : in.batch_sizes.front();
  State state = rows == initial.hidden.size(0) ? initial : first_rows(initial, 0, rows);
  for (size_t i = 0; i < steps; ++i) {
    const size_t t = backwards ? steps - 1 - i : i;
    const int64_t wanted = in.batch_sizes[t];
    if (wanted < rows) {
      finished.push_back(first_rows(state, wanted, rows - wanted));
      state = first_rows(state, 0, wanted);
    } else if (wanted > rows) {
      state = joined({state, first_rows(initial, rows, wanted - rows)});
    }
    rows = wanted;
    state = step(cell, gates[t], state, w);
    outputs[t] = state.hidden;
  }
  finished.push_back(state);
  std::reverse(finished.begin(), finished.end());
  return {cat(outputs, 0), joined(finished)};
}

// --- one kernel for all steps

// What is saved of a run, its inputs first; biases, and the cell states of a GRU, may be undefined.
enum Saved : size_t { kData, kIh, kHh, kBiasIh, kBiasHh, kHidden, kCell, kGates, kBefore, kBeforeCell };
constexpr Saved kInputs = kGates;

bool autocast_converts(const Tensor& x) {
  if (!any_autocast()) return false;
  AutocastCall call("linear");
  call.see(x);
  return call.converts();
}

bool has_kernel(Cell cell, const Sequences& in, const State& initial, const Weights& w) {
  if ((cell != Cell::Gru && cell != Cell::Lstm) || w.project.defined() || autocast_converts(in.data)) return false;
  if (in.data.numel() == 0 || w.hh.numel() == 0 || !kernels_or_null<&Backend::recurrent>(in.data.device()))
    return false;
  const auto fits = [&](const Tensor& x) { return x.dtype() == kFloat && x.device() == in.data.device(); };
  const auto bias_fits = [&](const optional<Tensor>& bias) {
    return !bias || (fits(*bias) && bias->dim() == 1 && bias->size(0) == w.hh.size(0));
  };
  return fits(in.data) && fits(w.ih) && fits(w.hh) && bias_fits(w.bias_ih) && bias_fits(w.bias_hh) &&
         fits(initial.hidden) &&
         (cell == Cell::Gru || (fits(initial.cell) && initial.cell.sizes() == initial.hidden.sizes()));
}

GatedRun described(Cell cell, const DimVector& batch_sizes, int64_t hidden, bool backwards) {
  return {cell == Cell::Gru ? GatedCell::Gru : GatedCell::Lstm, backwards, batch_sizes, hidden};
}

float* data_of(const Tensor& tensor) { return tensor.defined() ? tensor.data_ptr<float>() : nullptr; }
Tensor contiguous_or_none(const Tensor& tensor) { return tensor.defined() ? tensor.contiguous() : tensor; }

// out = x @ weight^T (+ bias), where the rows of out may lie apart.
void project_into(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor to = out.unsqueeze(0), left = x.unsqueeze(0), right = weight.t().unsqueeze(0);
  kernels_of<&Backend::matmul>(out.device(), "recurrent")
      .matmul(view_of(to), view_of(left), view_of(right), 1, 0, MaybeView(bias));
}

Grads kernel_grads(Cell cell, const DimVector& batch_sizes, bool backwards, const BackwardContext& ctx) {
  const bool is_lstm = cell == Cell::Lstm;
  const Tensor before = ctx.saved(kBefore), before_cell = ctx.saved(kBeforeCell), gates = ctx.saved(kGates);
  const Tensor weight = ctx.saved(kHh).contiguous();
  const Tensor grad_outputs = contiguous_or_none(ctx.grad(0)), grad_hidden = contiguous_or_none(ctx.grad(1));
  const Tensor grad_cell = is_lstm ? contiguous_or_none(ctx.grad(2)) : Tensor();
  const auto fresh = [&](int64_t rows, int64_t columns) {
    return make_tensor({rows, columns}, kFloat, gates.device(), "recurrent");
  };
  const Tensor to_input = fresh(gates.size(0), weight.size(0));
  const Tensor to_hidden = is_lstm ? to_input : fresh(gates.size(0), weight.size(0));
  const int64_t batch = batch_sizes.front(), hidden = before.size(1);
  Grads grads(is_lstm ? kInputs : kCell);
  grads[kHidden] = fresh(batch, hidden);
  if (is_lstm) grads[kCell] = fresh(batch, hidden);
  kernels_of<&Backend::recurrent>(gates.device(), "recurrent").backward(
      described(cell, batch_sizes, hidden, backwards),
      {.weight = data_of(weight),
       .gates = data_of(gates),
       .before = {data_of(before), data_of(before_cell)},
       .grad_outputs = data_of(grad_outputs),
       .grad_last = {data_of(grad_hidden), data_of(grad_cell)},
       .grad_input_gates = data_of(to_input),
       .grad_hidden_gates = data_of(to_hidden),
       .grad_initial = {data_of(grads[kHidden]), is_lstm ? data_of(grads[kCell]) : nullptr}});
  if (ctx.needs(kData)) grads[kData] = to_input.mm(ctx.saved(kIh));
  if (ctx.needs(kIh)) grads[kIh] = to_input.t().mm(ctx.saved(kData));
  if (ctx.needs(kHh)) grads[kHh] = to_hidden.t().mm(before);
  if (ctx.needs(kBiasIh)) grads[kBiasIh] = to_input.sum(0);
  if (ctx.needs(kBiasHh)) grads[kBiasHh] = to_hidden.sum(0);
  return grads;
}

// The gradients as a graph of their own: those of the composed run.
Grads composed_grads(Cell cell, const DimVector& batch_sizes, bool backwards, const BackwardContext& ctx) {
  const autocast::Pause pause(any_autocast());
  const size_t count = cell == Cell::Lstm ? kInputs : kCell;
  Tensor inputs[kInputs];
  std::vector<Tensor> wanted, results, grads;
  for (size_t i = 0; i < count; ++i) {
    const Tensor saved = ctx.saved(i);
    // Aliases, at which the gradients end even where one input was made of another.
    if (saved.defined()) inputs[i] = saved.view(saved.sizes());
    if (ctx.needs(i)) wanted.push_back(inputs[i]);
  }
  const auto maybe = [](const Tensor& bias) { return bias.defined() ? optional<Tensor>(bias) : nullopt; };
  const Run run = run_composed(cell, {inputs[kData], batch_sizes}, {inputs[kHidden], inputs[kCell]},
                               {inputs[kIh], inputs[kHh], maybe(inputs[kBiasIh]), maybe(inputs[kBiasHh]), {}},
                               backwards);
  const Tensor* outputs[] = {&run.outputs, &run.last.hidden, &run.last.cell};
  for (size_t i = 0; i < (cell == Cell::Lstm ? 3 : 2); ++i) {
    if (!ctx.grad(i).defined()) continue;
    results.push_back(*outputs[i]);
    grads.push_back(ctx.grad(i));
  }
  const std::vector<Tensor> found = autograd::grad(results, wanted, grads, nullopt, true, true);
  Grads all(count);
  for (size_t i = 0, next = 0; i < count; ++i) {
    if (ctx.needs(i)) all[i] = found[next++];
  }
  return all;
}

Run run_kernel(Cell cell, const Sequences& in, const State& initial, const Weights& w, bool backwards) {
  const bool is_lstm = cell == Cell::Lstm;
  const int64_t total = in.data.size(0), batch = initial.hidden.size(0), hidden = initial.hidden.size(1);
  const auto fresh = [&](int64_t rows, int64_t columns) {
    return make_tensor({rows, columns}, kFloat, in.data.device(), "recurrent");
  };
  const Tensor bias_ih = given(w.bias_ih), bias_hh = given(w.bias_hh);
  const Tensor* const all_inputs[] = {&in.data, &w.ih, &w.hh, &bias_ih, &bias_hh, &initial.hidden, &initial.cell};
  const TensorPointers inputs(all_inputs, is_lstm ? kInputs : kCell);
  const bool recorded = needs_record(inputs);
  const Tensor gates = fresh(total, 4 * hidden), before = recorded ? fresh(total, hidden) : Tensor();
  const Tensor before_cell = recorded && is_lstm ? fresh(total, hidden) : Tensor();
  Run run{fresh(total, hidden), {fresh(batch, hidden), is_lstm ? fresh(batch, hidden) : Tensor()}};
  {
    NoGradGuard no_grad;
    project_into(gates.narrow(1, 0, w.ih.size(0)), in.data, w.ih, contiguous_or_none(bias_ih));
    const Tensor weight = w.hh.contiguous(), bias = contiguous_or_none(bias_hh);
    const Tensor first = initial.hidden.contiguous(), first_cell = contiguous_or_none(initial.cell);
    const RecurrentKernels& kernels = kernels_of<&Backend::recurrent>(gates.device(), "recurrent");
    kernels.forward(described(cell, in.batch_sizes, hidden, backwards),
                    {.weight = data_of(weight),
                     .bias = data_of(bias),
                     .initial = {data_of(first), data_of(first_cell)},
                     .gates = data_of(gates),
                     .before = {data_of(before), data_of(before_cell)},
                     .outputs = data_of(run.outputs),
                     .last = {data_of(run.last.hidden), data_of(run.last.cell)}});
  }
  const Tensor* const outputs[] = {&run.outputs, &run.last.hidden, &run.last.cell};
  record_all("recurrent", TensorPointers(outputs, is_lstm ? 3 : 2), inputs,
             {&in.data, &w.ih, &w.hh, &bias_ih, &bias_hh, &initial.hidden, &initial.cell, &gates, &before,
              &before_cell},
             [cell, sizes = in.batch_sizes, backwards](const BackwardContext& ctx) -> Grads {
               return (GradMode::is_enabled() ? composed_grads : kernel_grads)(cell, sizes, backwards, ctx);
             });
  return run;
}

Run run_direction(Cell cell, const Sequences& in, const State& initial, const Weights& w, bool backwards) {
  return (has_kernel(cell, in, initial, w) ? run_kernel : run_composed)(cell, in, initial, w, backwards);
}

struct Settings {
  bool has_biases;
  int64_t num_layers;
  double dropout;
  bool train, bidirectional;
};

// Sorts the flat list of weights by layer and direction.
std::vector<Weights> sorted_weights(const char* op, Cell cell, TensorList params, const Settings& s) {
  TENON_CHECK(s.num_layers > 0, op, ": num_layers must be positive, got ", s.num_layers);
  const int64_t runs = checked_mul(s.num_layers, s.bidirectional ? 2 : 1, op);
  const size_t base = s.has_biases ? 4 : 2;
  const bool projects =
      cell == Cell::Lstm && params.size() % (base + 1) == 0 && params.size() / (base + 1) == static_cast<size_t>(runs);
  const size_t each = base + (projects ? 1 : 0);
  TENON_CHECK(params.size() % each == 0 && params.size() / each == static_cast<size_t>(runs), op, ": ", runs,
              " runs of ", each, " weights each are needed, got ", params.size(), " weights");
  std::vector<Weights> weights;
  for (size_t at = 0; at < params.size(); at += each) {
    Weights w{params[at], params[at + 1], nullopt, nullopt, {}};
    if (s.has_biases) {
      w.bias_ih = params[at + 2];
      w.bias_hh = params[at + 3];
    }
    if (projects) w.project = params[at + base];
    weights.push_back(std::move(w));
  }
  return weights;
}

void check_initial(const char* op, const char* name, const Tensor& state, size_t runs, int64_t batch) {
  TENON_CHECK(state.dim() == 3 && state.size(0) == static_cast<int64_t>(runs) && state.size(1) == batch, op, ": ", name,
              " must have shape [", runs, ", ", batch, ", hidden], got ", state.sizes());
}

Run run_layers(const char* op, Cell cell, Sequences in, const State& initial, TensorList params, const Settings& s) {
  TENON_CHECK(s.dropout >= 0 && s.dropout <= 1, op, ": dropout must be between 0 and 1, got ", s.dropout);
  const std::vector<Weights> weights = sorted_weights(op, cell, params, s);
  check_initial(op, "the hidden state", initial.hidden, weights.size(), in.batch_sizes.front());
  if (cell == Cell::Lstm) check_initial(op, "the cell state", initial.cell, weights.size(), in.batch_sizes.front());
  const size_t directions = s.bidirectional ? 2 : 1;
  std::vector<Tensor> last_hidden, last_cells;
  for (size_t first = 0; first < weights.size(); first += directions) {
    if (first > 0 && s.train && s.dropout > 0) in.data = dropout(in.data, s.dropout, true);
    std::vector<Tensor> outputs;
    for (size_t run = first; run < first + directions; ++run) {
      const auto index = static_cast<int64_t>(run);
      const State start{initial.hidden.select(0, index), cell == Cell::Lstm ? initial.cell.select(0, index) : Tensor()};
      check_weights(op, cell, in.data.size(-1), start, weights[run]);
      Run result = run_direction(cell, in, start, weights[run], run != first);
      outputs.push_back(result.outputs);
      last_hidden.push_back(result.last.hidden);
      if (cell == Cell::Lstm) last_cells.push_back(result.last.cell);
    }
    in.data = outputs.size() == 1 ? outputs[0] : cat(outputs, -1);
  }
  return {in.data, {stack(last_hidden, 0), last_cells.empty() ? Tensor() : stack(last_cells, 0)}};
}

Run run_padded(const char* op, Cell cell, const Tensor& input, const State& initial, TensorList params,
               const Settings& s, bool batch_first) {
  TENON_CHECK(input.dim() == 3, op, ": input must have 3 dims, got shape ", input.sizes());
  const Tensor by_time = batch_first ? input.transpose(0, 1) : input;
  const int64_t steps = by_time.size(0), batch = by_time.size(1);
  TENON_CHECK(steps > 0, op, ": the sequence must have at least one step, got input of shape ", input.sizes());
  Run run =
      run_layers(op, cell, {by_time.flatten(0, 1), DimVector(static_cast<size_t>(steps), batch)}, initial, params, s);
  run.outputs = run.outputs.view({steps, batch, run.outputs.size(-1)});
  if (batch_first) run.outputs = run.outputs.transpose(0, 1);
  return run;
}

Run run_packed(const char* op, Cell cell, const Tensor& data, const Tensor& batch_sizes, const State& initial,
               TensorList params, const Settings& s) {
  TENON_CHECK(data.dim() == 2, op, ": packed data must have 2 dims, got shape ", data.sizes());
  TENON_CHECK(batch_sizes.dim() == 1 && batch_sizes.dtype() == kLong && batch_sizes.is_cpu() && batch_sizes.numel() > 0,
              op, ": batch_sizes must be a 1-d int64 tensor on the CPU with at least one entry, got ",
              batch_sizes.dtype(), " of shape ", batch_sizes.sizes());
  const Tensor plain = batch_sizes.contiguous();
  const DimVector counts(IntArrayRef(plain.const_data_ptr<int64_t>(), static_cast<size_t>(plain.numel())));
  int64_t total = 0;
  for (size_t t = 0; t < counts.size(); ++t) {
    TENON_CHECK(counts[t] > 0 && (t == 0 || counts[t] <= counts[t - 1]), op,
                ": batch_sizes must be positive and never grow, got ", counts[t], " at step ", t);
    total = checked_add(total, counts[t], op);
  }
  TENON_CHECK(total == data.size(0), op, ": batch_sizes sum to ", total, ", but data has ", data.size(0), " rows");
  return run_layers(op, cell, {data, counts}, initial, params, s);
}

State lstm_state(const char* op, TensorList hx) {
  TENON_CHECK(hx.size() == 2, op, ": hx must hold the hidden and the cell state, got ", hx.size(), " tensors");
  return {hx[0], hx[1]};
}

}  // namespace

TwoTensors lstm_cell(const Tensor& input, TensorList hx, const Tensor& w_ih, const Tensor& w_hh,
                     const optional<Tensor>& b_ih, const optional<Tensor>& b_hh) {
  State next = single_step("lstm_cell", Cell::Lstm, input, lstm_state("lstm_cell", hx), {w_ih, w_hh, b_ih, b_hh, {}});
  return {next.hidden, next.cell};
}

ThreeTensors lstm(const Tensor& input, TensorList hx, TensorList params, bool has_biases, int64_t num_layers,
                  double dropout, bool train, bool bidirectional, bool batch_first) {
  TENON_AUTOCAST(lstm, input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)
  Run run = run_padded("lstm", Cell::Lstm, input, lstm_state("lstm", hx), params,
                       {has_biases, num_layers, dropout, train, bidirectional}, batch_first);
  return {run.outputs, run.last.hidden, run.last.cell};
}

ThreeTensors lstm(const Tensor& data, const Tensor& batch_sizes, TensorList hx, TensorList params, bool has_biases,
                  int64_t num_layers, double dropout, bool train, bool bidirectional) {
  Run run = run_packed("lstm", Cell::Lstm, data, batch_sizes, lstm_state("lstm", hx), params,
                       {has_biases, num_layers, dropout, train, bidirectional});
  return {run.outputs, run.last.hidden, run.last.cell};
}

#define TENON_RECURRENT(name, cell)                                                                                    \
  Tensor name##_cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,                    \
                     const optional<Tensor>& b_ih, const optional<Tensor>& b_hh) {                                     \
    return single_step(#name "_cell", cell, input, {hx, {}}, {w_ih, w_hh, b_ih, b_hh, {}}).hidden;                     \
  }                                                                                                                    \
  TwoTensors name(const Tensor& input, const Tensor& hx, TensorList params, bool has_biases, int64_t num_layers,       \
                  double dropout, bool train, bool bidirectional, bool batch_first) {                                  \
    TENON_AUTOCAST_AS(#name, name, input, hx, params, has_biases, num_layers, dropout, train, bidirectional,           \
                      batch_first)                                                                                     \
    Run run = run_padded(#name, cell, input, {hx, {}}, params,                                                         \
                         {has_biases, num_layers, dropout, train, bidirectional}, batch_first);                        \
    return {run.outputs, run.last.hidden};                                                                             \
  }                                                                                                                    \
  TwoTensors name(const Tensor& data, const Tensor& batch_sizes, const Tensor& hx, TensorList params, bool has_biases, \
                  int64_t num_layers, double dropout, bool train, bool bidirectional) {                                \
    TENON_AUTOCAST_AS(#name, name, data, batch_sizes, hx, params, has_biases, num_layers, dropout, train,              \
                      bidirectional)                                                                                   \
    Run run = run_packed(#name, cell, data, batch_sizes, {hx, {}}, params,                                             \
                         {has_biases, num_layers, dropout, train, bidirectional});                                     \
    return {run.outputs, run.last.hidden};                                                                             \
  }
TENON_RECURRENT(gru, Cell::Gru)
TENON_RECURRENT(rnn_tanh, Cell::Tanh)
TENON_RECURRENT(rnn_relu, Cell::Relu)
#undef TENON_RECURRENT

}  // namespace tenon
