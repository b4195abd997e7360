// Softmax and log-softmax over contiguous rows, their gradients, and losses of classes. Half types compute in float.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/softmax.cpp"
#include <algorithm>
#include <cmath>

#include "backend/cpu/kernels.h"
#include "backend/cpu/row_buffers.h"
#include "backend/cpu/simd.h"
#include "backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

// sum(exp(x - max)), storing exp(x - max) to y unless it is null.
template <class T, bool kStore>
HWY_INLINE T exp_sum(const T* x, T* y, int64_t n, T max) {
  const hn::ScalableTag<T> d;
  const auto top = hn::Set(d, max);
  const auto least = hn::Set(d, -std::numeric_limits<T>::infinity());
  return reduce_vectors<T>(
      n, AddOp(),
      [&](int64_t i) HWY_ATTR {
        const auto e = exp_of(hn::Sub(hn::LoadU(d, x + i), top));
        if constexpr (kStore) hn::StoreU(e, d, y + i);
        return e;
      },
      [&](int64_t i, size_t count) HWY_ATTR {
        const auto e = exp_of(hn::Sub(load_tail(x + i, count, least), top));
        if constexpr (kStore) store_tail(e, y + i, count);
        return e;
      });
}

template <class T>
void forward_row(bool log, const T* x, T* y, int64_t n) {
  const hn::ScalableTag<T> d;
  const T max = reduce_row(x, n, MaxOp());
  // What the formula gives: infinity minus infinity.
  if (!std::isfinite(max)) {
    std::fill_n(y, n, std::numeric_limits<T>::quiet_NaN());
    return;
  }
  if (log) {
    const auto top = hn::Set(d, max);
    const auto rest = hn::Set(d, std::log(exp_sum<T, false>(x, nullptr, n, max)));
    map_row(x, y, n, [&](auto v) HWY_ATTR { return hn::Sub(hn::Sub(v, top), rest); });
  } else {
    const auto scale = hn::Set(d, T(1) / exp_sum<T, true>(x, y, n, max));
    map_row(y, y, n, [&](auto v) HWY_ATTR { return hn::Mul(v, scale); });
  }
}

template <class T>
void backward_row(bool log, const T* g, const T* y, T* out, int64_t n) {
  const hn::ScalableTag<T> d;
  const auto zero = hn::Zero(d);
  if (log) {
    const auto sum = hn::Set(d, reduce_row(g, n, AddOp()));
    auto grad = [&](auto gv, auto yv) HWY_ATTR { return hn::Sub(gv, hn::Mul(exp_of(yv), sum)); };
    for_vectors<T>(
        n, [&](int64_t i) HWY_ATTR { hn::StoreU(grad(hn::LoadU(d, g + i), hn::LoadU(d, y + i)), d, out + i); },
        [&](int64_t i, size_t count) HWY_ATTR {
          store_tail(grad(load_tail(g + i, count, zero), load_tail(y + i, count, zero)), out + i, count);
        });
    return;
  }
  const T dot = reduce_vectors<T>(
      n, AddOp(), [&](int64_t i) HWY_ATTR { return hn::Mul(hn::LoadU(d, g + i), hn::LoadU(d, y + i)); },
      [&](int64_t i, size_t count) HWY_ATTR {
        return hn::Mul(load_tail(g + i, count, zero), load_tail(y + i, count, zero));
      });
  const auto shift = hn::Set(d, dot);
  auto grad = [&](auto gv, auto yv) HWY_ATTR { return hn::Mul(hn::Sub(gv, shift), yv); };
  for_vectors<T>(
      n, [&](int64_t i) HWY_ATTR { hn::StoreU(grad(hn::LoadU(d, g + i), hn::LoadU(d, y + i)), d, out + i); },
      [&](int64_t i, size_t count) HWY_ATTR {
        store_tail(grad(load_tail(g + i, count, zero), load_tail(y + i, count, zero)), out + i, count);
      });
}

template <class T>
void forward_as(bool log, const TensorView& out, const TensorView& in) {
  const int64_t rows = in.sizes[0], n = in.sizes[1];
  for_rows(rows, n, [&](int64_t begin, int64_t end) {
    RowReader<T> x(in);
    RowWriter<T> y(out);
    for (int64_t r = begin; r < end; ++r) {
      forward_row(log, x.row(r), y.row(r), n);
      y.commit(r);
    }
  });
}

template <class T>
void backward_as(bool log, const TensorView& grad_in, const TensorView& grad_out, const TensorView& result) {
  const int64_t rows = result.sizes[0], n = result.sizes[1];
  for_rows(rows, n, [&](int64_t begin, int64_t end) {
    RowReader<T> g(grad_out), y(result);
    RowWriter<T> x(grad_in);
    for (int64_t r = begin; r < end; ++r) {
      backward_row(log, g.row(r), y.row(r), x.row(r), n);
      x.commit(r);
    }
  });
}

void forward(bool log, const TensorView& out, const TensorView& in) {
  if (in.dtype == kDouble) return forward_as<double>(log, out, in);
  forward_as<float>(log, out, in);
}

void backward(bool log, const TensorView& grad_in, const TensorView& grad_out, const TensorView& y) {
  if (y.dtype == kDouble) return backward_as<double>(log, grad_in, grad_out, y);
  backward_as<float>(log, grad_in, grad_out, y);
}

template <class T>
void causal_as(const TensorView& out, const TensorView& in, int64_t period) {
  const int64_t n = in.sizes[1];
  for_rows(in.sizes[0], n, [&](int64_t begin, int64_t end) {
    RowReader<T> x(in);
    RowWriter<T> y(out);
    for (int64_t r = begin; r < end; ++r) {
      const int64_t seen = std::min(n, r % period + 1);
      T* const to = y.row(r);
      forward_row(false, x.row(r), to, seen);
      std::fill(to + seen, to + n, T(0));
      y.commit(r);
    }
  });
}

void causal(const TensorView& out, const TensorView& in, int64_t period) {
  if (in.dtype == kDouble) return causal_as<double>(out, in, period);
  causal_as<float>(out, in, period);
}

template <class T>
int64_t class_losses_as(const TensorView& losses, const TensorView& y, const TensorView& classes, int64_t ignored) {
  const int64_t rows = y.sizes[0], n = y.sizes[1];
  const int64_t* const wanted = classes.as<const int64_t>();
  int64_t count = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const bool counts = wanted[r] != ignored;
    if (counts && (wanted[r] < 0 || wanted[r] >= n)) return -1;
    losses.as<T>()[r] = counts ? -y.as<const T>()[r * n + wanted[r]] : T(0);
    count += counts;
  }
  return count;
}

int64_t class_losses(const TensorView& losses, const TensorView& y, const TensorView& classes, int64_t ignored) {
  if (y.dtype == kDouble) return class_losses_as<double>(losses, y, classes, ignored);
  return class_losses_as<float>(losses, y, classes, ignored);
}

template <class T>
void class_backward_as(const TensorView& grad_in, const TensorView& grad_losses, const TensorView& y,
                       const TensorView& classes, int64_t ignored) {
  const int64_t n = y.sizes[1];
  const int64_t* const wanted = classes.as<const int64_t>();
  for_rows(y.sizes[0], n, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      T* const to = grad_in.as<T>() + r * n;
      if (wanted[r] == ignored) {
        std::fill_n(to, n, T(0));
        continue;
      }
      const T grad = grad_losses.as<const T>()[r * grad_losses.strides[0]];
      const auto scale = hn::Set(hn::ScalableTag<T>(), grad);
      map_row(y.as<const T>() + r * n, to, n, [&](auto v) HWY_ATTR { return hn::Mul(exp_of(v), scale); });
      to[wanted[r]] -= grad;
    }
  });
}

void class_backward(const TensorView& grad_in, const TensorView& grad_losses, const TensorView& y,
                    const TensorView& classes, int64_t ignored) {
  if (y.dtype == kDouble) return class_backward_as<double>(grad_in, grad_losses, y, classes, ignored);
  class_backward_as<float>(grad_in, grad_losses, y, classes, ignored);
}

}  // namespace

extern const SoftmaxKernels softmax_table;
constinit const SoftmaxKernels softmax_table = {forward, backward, causal, class_losses, class_backward};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(SoftmaxKernels, softmax_table)
}  // namespace tenon::cpu
#endif
