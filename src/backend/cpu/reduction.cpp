// The reduction family of the CPU: chooses the fold of each reduction and stores its results.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "backend/cpu/extreme.h"
#include "backend/cpu/fold_kernels.h"
#include "backend/cpu/kernels.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

struct Chosen {
  const FoldKernel* kernel;
  Acc result;
  void (*map)(void* x, int64_t n);
};

Chosen choose(Reduction op, ScalarType compute) {
  const FoldKernels& kernels = fold_kernels();
  // Over bools a sum or maximum is Any, a product or minimum All.
  const bool is_extreme = op == Reduction::Max || op == Reduction::Min;
  const Acc acc = compute == kBool ? Acc::Flag : compute == kUInt64 && !is_extreme ? Acc::I64 : acc_of(compute);
  const int a = static_cast<int>(acc);
  const int flag = static_cast<int>(Acc::Flag);
  const bool complex = is_complex(compute);
  switch (op) {
    case Reduction::Any: return {&kernels.max[flag], Acc::Flag, nullptr};
    case Reduction::All: return {&kernels.min[flag], Acc::Flag, nullptr};
    case Reduction::Sum:
      if (acc == Acc::Flag) return choose(Reduction::Any, compute);
      return {&kernels.sum[a], acc, nullptr};
    case Reduction::Prod:
      if (acc == Acc::Flag) return choose(Reduction::All, compute);
      return {&kernels.prod[a], acc, nullptr};
    case Reduction::Max:
    case Reduction::Min:
      TENON_CHECK(!complex, op == Reduction::Max ? "max" : "min", ": not defined for dtype ", compute,
                  "; expected a real dtype");
      return {op == Reduction::Max ? &kernels.max[a] : &kernels.min[a], acc, nullptr};
    case Reduction::SumAbs:
      if (complex) return {&kernels.complex_abs[acc == Acc::C128], Acc::F64, nullptr};
      return {&kernels.sum[a], acc, kernels.abs[a]};
    case Reduction::SumSquares:
      if (complex) return {&kernels.complex_squares[acc == Acc::C128], Acc::F64, nullptr};
      return {&kernels.sum[a], acc, kernels.square[a]};
    case Reduction::CountNonzero: return {&kernels.count, Acc::I64, nullptr};
  }
  detail::fail<ValueError>("reduce: unknown reduction ", static_cast<int>(op));
}

void reduce(Reduction op, ScalarType compute, const TensorView& out, const TensorView& in) {
  if (compute == kBool && (op == Reduction::SumAbs || op == Reduction::SumSquares)) op = Reduction::Any;
  const Chosen chosen = choose(op, compute);
  const RowStorer storer(chosen.result, out.dtype);
  const int64_t n = in.numel();
  if (n > 0 && n <= 65536 && chosen.map == nullptr && out.numel() == 1 && in.is_contiguous() &&
      RowLoader(in.dtype, chosen.kernel->element).direct()) {
    alignas(16) std::byte state[32];
    fold_row(*chosen.kernel, state, in.data, n);
    storer.store(out.data, 1, state, 1);
    return;
  }
  char* data = out.as<char>();
  const int64_t size = static_cast<int64_t>(element_size(out.dtype));
  fold(*chosen.kernel, out, nullptr, in, chosen.map,
       [&](void* states, int64_t count, const int64_t offset[2], const int64_t stride[2]) {
         storer.store(data + offset[0] * size, stride[0], states, count);
       });
}

// Values go through a small buffer: a state holds more than what is stored.
template <class State, class First, class Second>
void store_states(const State* states, int64_t n, const int64_t offset[2], const int64_t stride[2],
                  const TensorView& first, const TensorView* second, First first_of, Second second_of) {
  constexpr int64_t kStep = 128;
  double values[kStep];
  auto write = [&](const TensorView& out, int which, int64_t i, int64_t count) {
    const int64_t at = offset[which] + i * stride[which];
    RowStorer(Acc::F64, out.dtype)
        .store(out.as<char>() + at * static_cast<int64_t>(element_size(out.dtype)), stride[which], values, count);
  };
  for (int64_t i = 0; i < n; i += kStep) {
    const int64_t count = std::min(kStep, n - i);
    for (int64_t j = 0; j < count; ++j) values[j] = first_of(states[i + j]);
    write(first, 0, i, count);
    if (!second) continue;
    for (int64_t j = 0; j < count; ++j) values[j] = second_of(states[i + j]);
    write(*second, 1, i, count);
  }
}

void mean_m2(const TensorView& mean, const TensorView& m2, const TensorView& in) {
  const FoldKernel& kernel = fold_kernels().mean[acc_of(in.dtype) == Acc::F64];
  fold(kernel, mean, &m2, in, nullptr,
       [&](void* states, int64_t n, const int64_t offset[2], const int64_t stride[2]) {
         store_states(
             static_cast<const MeanState*>(states), n, offset, stride, mean, &m2,
             [](const MeanState& s) { return s.count == 0 ? std::nan("") : s.mean; },
             [](const MeanState& s) { return s.m2 < 0 ? 0.0 : s.m2; });
       });
}

void logsumexp(const TensorView& out, const TensorView& in) {
  const FoldKernel& kernel = fold_kernels().logsumexp[acc_of(in.dtype) == Acc::F64];
  auto value = [](const LogSumExpState& s) { return s.max + std::log(s.sum); };
  fold(kernel, out, nullptr, in, nullptr,
       [&](void* states, int64_t n, const int64_t offset[2], const int64_t stride[2]) {
         store_states(static_cast<const LogSumExpState*>(states), n, offset, stride, out, nullptr, value, value);
       });
}

// --- extremes with indices

struct Extremes {
  const TensorView& values;
  const TensorView& indices;
  const TensorView& in;
  int64_t dim;

  // The offsets of `index` among the dims other than `dim` and `skipped`.
  void locate(int64_t index, int64_t skipped, int64_t offsets[3]) const {
    offsets[0] = offsets[1] = offsets[2] = 0;
    for (int64_t d = in.ndim(); d-- > 0;) {
      if (d == dim || d == skipped) continue;
      const int64_t i = index % in.sizes[d];
      index /= in.sizes[d];
      offsets[0] += i * in.strides[d];
      if (values.data) offsets[1] += i * values.strides[d];
      if (indices.data) offsets[2] += i * indices.strides[d];
    }
  }
  void store(const RowStorer& storer, const int64_t offsets[3], int64_t across, const void* best, const int64_t* at,
             int64_t n) const {
    if (values.data) {
      const int64_t stride = across < 0 ? 1 : values.strides[across];
      storer.store(values.as<char>() + offsets[1] * static_cast<int64_t>(element_size(values.dtype)), stride, best, n);
    }
    if (indices.data) {
      copy_strided(indices.as<int64_t>() + offsets[2], across < 0 ? 1 : indices.strides[across], at, 1, n,
                   sizeof(int64_t));
    }
  }
};

void extreme_along(bool is_max, const TensorView& values, const TensorView& indices, const TensorView& in,
                   int64_t dim) {
  TENON_CHECK(!is_complex(in.dtype), is_max ? "max" : "min", ": not defined for dtype ", in.dtype,
              "; expected a real dtype");
  const Acc acc = acc_of(in.dtype);
  const ExtremeLoops& loops = extreme_kernels().loops[static_cast<int>(acc)];
  const RowLoader loader(in.dtype, acc);
  const RowStorer storer(acc, values.data ? values.dtype : in.dtype);
  const Extremes e{values, indices, in, dim};
  const int64_t n = in.ndim() == 0 ? 1 : in.sizes[dim];
  const int64_t along = in.ndim() == 0 ? 1 : in.strides[dim];
  const int64_t numel = in.numel();
  if (numel == 0) return;
  const int64_t outputs = numel / n;
  const int64_t size = static_cast<int64_t>(element_size(in.dtype));
  const char* data = in.as<const char>();
  constexpr int64_t kRun = 1024;

  // Neighbouring outputs side by side, where they are closer in memory than the elements of one.
  int64_t across = -1;
  for (int64_t d = 0; d < in.ndim(); ++d) {
    if (d != dim && in.sizes[d] >= 8 && std::abs(in.strides[d]) < std::abs(along) &&
        (across < 0 || std::abs(in.strides[d]) < std::abs(in.strides[across]))) {
      across = d;
    }
  }
  if (across >= 0) {
    const int64_t width = in.sizes[across], pieces = (width + kRun - 1) / kRun;
    const int64_t grain = std::max<int64_t>(1, 65536 / (std::min(width, kRun) * n));
    parallel_for(0, outputs / width * pieces, grain, [&](int64_t b, int64_t end) {
      alignas(64) std::byte run[kRun * sizeof(double)], best[kRun * sizeof(double)];
      int64_t at[kRun];
      for (int64_t t = b; t < end; ++t) {
        int64_t offsets[3];
        e.locate(t / pieces, across, offsets);
        const int64_t first = t % pieces * kRun, cols = std::min(kRun, width - first);
        offsets[0] += first * in.strides[across];
        if (values.data) offsets[1] += first * values.strides[across];
        if (indices.data) offsets[2] += first * indices.strides[across];
        std::fill_n(at, cols, int64_t{-1});
        std::fill_n(best, cols * sizeof(double), std::byte{0});
        for (int64_t i = 0; i < n; ++i) {
          const char* x = data + (offsets[0] + i * along) * size;
          const bool in_place = loader.direct() && in.strides[across] == 1;
          if (!in_place) loader.load(run, x, in.strides[across], cols);
          loops.step[is_max](in_place ? static_cast<const void*>(x) : run, cols, i, best, at);
        }
        e.store(storer, offsets, across, best, at, cols);
      }
    });
    return;
  }
  parallel_for(0, outputs, std::max<int64_t>(1, 65536 / n), [&](int64_t b, int64_t end) {
    alignas(64) std::byte run[kRun * sizeof(double)];
    for (int64_t t = b; t < end; ++t) {
      int64_t offsets[3];
      e.locate(t, -1, offsets);
      alignas(16) std::byte best[16] = {};
      int64_t at = -1;
      for (int64_t i = 0; i < n; i += kRun) {
        const int64_t count = std::min(kRun, n - i);
        const char* x = data + (offsets[0] + i * along) * size;
        const bool in_place = loader.direct() && along == 1;
        if (!in_place) loader.load(run, x, along, count);
        loops.row[is_max](in_place ? static_cast<const void*>(x) : run, count, i, best, &at);
      }
      e.store(storer, offsets, -1, best, &at, 1);
    }
  });
}

}  // namespace

const ReductionKernels& reduction_table() {
  static constexpr ReductionKernels table = {reduce, extreme_along, mean_m2, logsumexp};
  return table;
}

}  // namespace tenon::cpu
