// Runs of gated cells over all steps. The rows of a batch do not see each other, so blocks of them run side by side
// through all steps, with the weight packed once for all.
#include <algorithm>
#include <bit>
#include <vector>

#include "backend/cpu/gemm_product.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/recurrent_gates.h"
#include "backend/cpu/scratch.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

// Columns of a product that a thread takes: whole vectors of every instruction set.
constexpr int64_t kPartCols = 192;
// Rows of a block, for a weight that stays in a near cache, and for a larger one, which is read less often then.
constexpr int64_t kBlockRows = 8, kTallBlockRows = 32;
constexpr int64_t kNearBytes = int64_t{1} << 20;

// The right side of many products: [k, n], packed.
class PackedRhs {
 public:
  PackedRhs(const float* data, int64_t n, int64_t k, int64_t col_stride, int64_t k_stride)
      : n_(n), k_(k), packed_(static_cast<size_t>((n + kPartCols - 1) / kPartCols * kPartCols * k) * sizeof(float)) {
    for_parts(kBlockRows, [&](int64_t col, int64_t cols) {
      gemm_pack().from_float.rhs(packed_.as<float>() + col * k_, data + col * col_stride, cols, k_, col_stride,
                                 k_stride);
    });
  }

  // c = beta c + a @ this (+ bias).
  void multiply(int64_t rows, const float* a, int64_t a_stride, float* c, int64_t c_stride, float beta,
                const float* bias) const {
    for_parts(rows, [&](int64_t col, int64_t cols) {
      gemm_.multiply({rows, cols, k_,
                      {a, a_stride, 1},
                      {packed_.as<float>() + col * k_, 0, 0},
                      false, true, c + col, c_stride, 1, beta, bias ? bias + col : nullptr});
    });
  }

 private:
  // Calls body(col, cols) for all parts; the few small ones of a step of one row are not worth other threads.
  template <class Body>
  void for_parts(int64_t rows, const Body& body) const {
    const int64_t grain = std::max<int64_t>(1, kSerialProduct / (rows * k_ * kPartCols));
    parallel_for(0, (n_ + kPartCols - 1) / kPartCols, grain, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        const int64_t col = part * kPartCols;
        body(col, std::min(kPartCols, n_ - col));
      }
    });
  }

  // Kept, as another instruction set, which may be forced meanwhile, has other panels.
  const GemmKernels<float>& gemm_ = gemm_float();
  int64_t n_, k_;
  Scratch packed_;
};

// The same rows of the batch at every step, steps counted in the order in which they are taken.
class RowBlock {
 public:
  RowBlock(const GatedRun& run, const std::vector<int64_t>& starts, int64_t first, int64_t most)
      : run_(run), starts_(starts), first(first), most(most) {}

  int64_t steps() const { return static_cast<int64_t>(run_.batch_sizes.size()); }
  // Those that take step i: none before the first step and after the last.
  int64_t rows(int64_t i) const {
    if (i < 0 || i >= steps()) return 0;
    return std::clamp<int64_t>(run_.batch_sizes[step(i)] - first, 0, most);
  }
  // Where they lie among the rows of all steps.
  int64_t at(int64_t i) const { return starts_[step(i)] + first; }

 private:
  size_t step(int64_t i) const { return static_cast<size_t>(run_.backwards ? steps() - 1 - i : i); }

  const GatedRun& run_;
  const std::vector<int64_t>& starts_;

 public:
  const int64_t first, most;
};

// Calls body(block) for all rows, in parallel.
template <class Body>
void for_blocks(const GatedRun& run, const Body& body) {
  std::vector<int64_t> starts;
  int64_t total = 0;
  for (int64_t size : run.batch_sizes) {
    starts.push_back(total);
    total += size;
  }
  const int64_t batch = run.batch_sizes.front();
  const bool is_near = run.gates() * run.hidden * run.hidden * static_cast<int64_t>(sizeof(float)) <= kNearBytes;
  const int64_t most = is_near ? kBlockRows : kTallBlockRows;
  // A power of two of them, so that threads have equally many.
  const auto count = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>((batch + most - 1) / most)));
  const Panels panels(batch, (batch + count - 1) / count);
  parallel_for(0, panels.count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      body(RowBlock(run, starts, panels.start(i), panels.start(i + 1) - panels.start(i)));
    }
  });
}

// Copies rows [begin, end), or writes zeros where there is no source.
void move_rows(const float* from, float* to, int64_t begin, int64_t end, int64_t n) {
  if (begin >= end) return;
  if (from) {
    std::copy(from + begin * n, from + end * n, to + begin * n);
  } else {
    std::fill(to + begin * n, to + end * n, 0.0f);
  }
}

template <class T>
T* from_row(T* data, int64_t row, int64_t n) {
  return data ? data + row * n : nullptr;
}

void forward_block(const GatedRun& run, const GatedForward& data, const PackedRhs& weight, const PackedRhs* candidate,
                   const RowBlock& block) {
  const int64_t n = run.hidden;
  const bool is_lstm = run.cell == GatedCell::Lstm;
  const int64_t size = block.most * n;
  const Scratch scratch(static_cast<size_t>(3 * size) * sizeof(float));
  float* const cells = scratch.as<float>();
  // What a step begins with: kept for backward, or in one place for all steps.
  const auto before_of = [&](int64_t i, float* kept, int64_t place) {
    return kept ? kept + block.at(i) * n : cells + place * size;
  };
  for (int64_t i = 0; i < block.steps(); ++i) {
    const int64_t rows = block.rows(i), earlier = block.rows(i - 1), later = block.rows(i + 1);
    if (rows == 0) continue;
    const int64_t at = block.at(i);
    float* const gates = data.gates + at * 4 * n;
    float* const before = before_of(i, data.before.hidden, 1);
    float* const out = data.outputs + at * n;
    // The states that begin here, then those that go on or end.
    const auto begin_states = [&](const float* initial, float* to) {
      move_rows(from_row(initial, block.first, n), to, earlier, rows, n);
    };
    const auto pass_on = [&](const float* from, float* kept, int64_t place, float* last) {
      if (later > 0) move_rows(from, before_of(i + 1, kept, place), 0, std::min(rows, later), n);
      move_rows(from, last + block.first * n, later, rows, n);
    };
    begin_states(data.initial.hidden, before);
    weight.multiply(rows, before, n, gates, 4 * n, 1, data.bias);
    if (is_lstm) {
      float* const before_cell = before_of(i, data.before.cell, 2);
      begin_states(data.initial.cell, before_cell);
      recurrent_gates().lstm({rows, n, gates, before_cell, out, cells});
      pass_on(cells, data.before.cell, 2, data.last.cell);
    } else {
      candidate->multiply(rows, before, n, gates + 3 * n, 4 * n, 0, from_row(data.bias, 2, n));
      recurrent_gates().gru({rows, n, gates, before, out, nullptr});
    }
    pass_on(out, data.before.hidden, 1, data.last.hidden);
  }
}

void forward(const GatedRun& run, const GatedForward& data) {
  const int64_t n = run.hidden;
  if (run.cell == GatedCell::Lstm) {
    const PackedRhs weight(data.weight, 4 * n, n, n, 1);
    for_blocks(run, [&](const RowBlock& block) { forward_block(run, data, weight, nullptr, block); });
  } else {
    // The candidate's share is kept apart from the input's.
    const PackedRhs weight(data.weight, 2 * n, n, n, 1), candidate(data.weight + 2 * n * n, n, n, n, 1);
    for_blocks(run, [&](const RowBlock& block) { forward_block(run, data, weight, &candidate, block); });
  }
}

void backward_block(const GatedRun& run, const GatedBackward& data, const PackedRhs& weight, const RowBlock& block) {
  const int64_t n = run.hidden, width = run.gates() * n;
  const bool is_lstm = run.cell == GatedCell::Lstm;
  const auto gates_backward = is_lstm ? recurrent_gates().lstm_backward : recurrent_gates().gru_backward;
  const Scratch scratch(static_cast<size_t>(2 * block.most * n) * sizeof(float));
  float* const hidden = scratch.as<float>();
  float* const cells = hidden + block.most * n;
  for (int64_t i = block.steps() - 1; i >= 0; --i) {
    const int64_t rows = block.rows(i), earlier = block.rows(i - 1), later = block.rows(i + 1);
    if (rows == 0) continue;
    const int64_t at = block.at(i);
    move_rows(from_row(data.grad_last.hidden, block.first, n), hidden, later, rows, n);
    if (is_lstm) move_rows(from_row(data.grad_last.cell, block.first, n), cells, later, rows, n);
    const float* const before = is_lstm ? data.before.cell : data.before.hidden;
    float* const hidden_gates = data.grad_hidden_gates + at * width;
    const GateBackward step{rows, n, data.gates + at * 4 * n, before + at * n, from_row(data.grad_outputs, at, n),
                            hidden, cells, data.grad_input_gates + at * width, hidden_gates};
    gates_backward(step);
    weight.multiply(rows, hidden_gates, width, hidden, n, is_lstm ? 0 : 1, nullptr);
    move_rows(hidden, data.grad_initial.hidden + block.first * n, earlier, rows, n);
    if (is_lstm) move_rows(cells, data.grad_initial.cell + block.first * n, earlier, rows, n);
  }
}

void backward(const GatedRun& run, const GatedBackward& data) {
  const PackedRhs weight(data.weight, run.hidden, run.gates() * run.hidden, 1, run.hidden);
  for_blocks(run, [&](const RowBlock& block) { backward_block(run, data, weight, block); });
}

}  // namespace

const RecurrentKernels& recurrent_table() {
  static constexpr RecurrentKernels kTable = {&forward, &backward};
  return kTable;
}

}  // namespace tenon::cpu
