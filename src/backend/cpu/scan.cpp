// Cumulative ops along a dim. Real values run in double, integers in int64 with wrap-around, complex in complex128,
// so one instantiation per op serves all dtypes; a scan is bound by its chain of dependencies, not by vector width.
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <type_traits>

#include "backend/cpu/kernels.h"
#include "backend/cpu/row_convert.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

constexpr int64_t kRun = 512;

struct ScanSum {
  template <class T>
  T operator()(T total, T x) const {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(total) + static_cast<uint64_t>(x));
    else return total + x;
  }
};

struct ScanProd {
  template <class T>
  T operator()(T total, T x) const {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(total) * static_cast<uint64_t>(x));
    else return total * x;
  }
};

struct ScanLogSumExp {
  double operator()(double total, double x) const {
    const double low = std::min(total, x), high = std::max(total, x);
    if (std::isnan(total) || std::isnan(x)) return std::isnan(total) ? total : x;
    if (low == high && std::isinf(low)) return x;
    return high + std::log1p(std::exp(low - high));
  }
  std::complex<double> operator()(std::complex<double> total, std::complex<double> x) const {
    const std::complex<double> low = x.real() < total.real() ? x : total, high = x.real() < total.real() ? total : x;
    if (low == high && std::isinf(low.real())) return x;
    return high + std::log(1.0 + std::exp(low - high));
  }
};

// Whether x takes the place of best: the last among equals, and the last among NaNs.
template <class T, bool kMax>
struct ScanExtreme {
  bool operator()(T best, T x) const {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(x)) return true;
      if (std::isnan(best)) return false;
    }
    return kMax ? x >= best : x <= best;
  }
};

struct ScanView {
  const TensorView& out;
  const TensorView& indices;
  const TensorView& in;
  int64_t dim;
  int64_t across;  // the dim of neighbouring lines, or -1

  struct Offsets {
    int64_t in = 0, out = 0, indices = 0;
    Offsets moved(const ScanView& v, int64_t d, int64_t by) const {
      const size_t i = static_cast<size_t>(d);
      return {in + by * v.in.strides[i], out + by * v.out.strides[i],
              v.indices.data ? indices + by * v.indices.strides[i] : 0};
    }
  };
  Offsets line(int64_t index) const {
    Offsets at;
    for (int64_t d = in.ndim(); d-- > 0;) {
      if (d == dim || d == across) continue;
      at = at.moved(*this, d, index % in.sizes[static_cast<size_t>(d)]);
      index /= in.sizes[static_cast<size_t>(d)];
    }
    return at;
  }
};

// Reads and writes runs of T along one dim.
template <class T>
class ScanRun {
 public:
  ScanRun(const ScanView& view, int64_t d)
      : view_(view),
        loader_(view.in.dtype, acc_of(dtype_v<T>)),
        storer_(acc_of(dtype_v<T>), view.out.dtype),
        dim_(static_cast<size_t>(d)) {}
  void load(const ScanView::Offsets& at, int64_t n) {
    const int64_t size = static_cast<int64_t>(element_size(view_.in.dtype));
    loader_.load(x, view_.in.as<const char>() + at.in * size, stride(view_.in), n);
  }
  void store(const ScanView::Offsets& at, const T* values, const int64_t* places, int64_t n) {
    const int64_t size = static_cast<int64_t>(element_size(view_.out.dtype));
    storer_.store(view_.out.as<char>() + at.out * size, stride(view_.out), values, n);
    if (view_.indices.data) {
      copy_strided(view_.indices.as<int64_t>() + at.indices, stride(view_.indices), places, 1, n, sizeof(int64_t));
    }
  }

  T x[kRun];

 private:
  int64_t stride(const TensorView& v) const { return v.ndim() == 0 ? 1 : v.strides[dim_]; }

  const ScanView& view_;
  RowLoader loader_;
  RowStorer storer_;
  size_t dim_;
};

// fold(place, x, total, at): total and at become those of element `place` whose value is x; the first has place 0.
template <class T, bool kPlaces, class Fold>
void run(const ScanView& view, const Fold& fold) {
  const int64_t numel = view.in.numel();
  if (numel == 0) return;
  const int64_t n = view.in.ndim() == 0 ? 1 : view.in.sizes[static_cast<size_t>(view.dim)];
  if (view.across >= 0) {
    const int64_t width = view.in.sizes[static_cast<size_t>(view.across)], pieces = (width + kRun - 1) / kRun;
    const int64_t grain = std::max<int64_t>(1, 32768 / (n * std::min(width, kRun)));
    parallel_for(0, numel / n / width * pieces, grain, [&](int64_t begin, int64_t end) {
      ScanRun<T> io(view, view.across);
      T total[kRun];
      int64_t at[kRun];
      for (int64_t t = begin; t < end; ++t) {
        const int64_t first = t % pieces * kRun, cols = std::min(kRun, width - first);
        const auto start = view.line(t / pieces).moved(view, view.across, first);
        for (int64_t i = 0; i < n; ++i) {
          const auto here = start.moved(view, view.dim, i);
          io.load(here, cols);
          for (int64_t c = 0; c < cols; ++c) fold(i, io.x[c], total[c], at[c]);
          io.store(here, total, at, cols);
        }
      }
    });
    return;
  }
  parallel_for(0, numel / n, std::max<int64_t>(1, 32768 / n), [&](int64_t begin, int64_t end) {
    ScanRun<T> io(view, view.dim);
    int64_t places[kRun];
    for (int64_t t = begin; t < end; ++t) {
      auto here = view.line(t);
      T total{};
      int64_t at = 0;
      for (int64_t i = 0; i < n; i += kRun) {
        const int64_t count = std::min(kRun, n - i);
        io.load(here, count);
        for (int64_t j = 0; j < count; ++j) {
          fold(i + j, io.x[j], total, at);
          io.x[j] = total;
          if constexpr (kPlaces) places[j] = at;
        }
        io.store(here, io.x, places, count);
        if (i + count < n) here = here.moved(view, view.dim, count);
      }
    }
  });
}

template <class T, class Op>
void run_op(const ScanView& view, Op op) {
  run<T, false>(view, [op](int64_t place, T x, T& total, int64_t&) { total = place == 0 ? x : op(total, x); });
}

template <class T, bool kMax>
void run_extreme(const ScanView& view) {
  run<T, true>(view, [](int64_t place, T x, T& total, int64_t& at) {
    const bool take = place == 0 || ScanExtreme<T, kMax>()(total, x);
    total = take ? x : total;
    at = take ? place : at;
  });
}

template <class T>
void run_as(Scan op, const ScanView& view) {
  constexpr bool real = !std::is_same_v<T, std::complex<double>>;
  switch (op) {
    case Scan::Sum: return run_op<T>(view, ScanSum());
    case Scan::Prod: return run_op<T>(view, ScanProd());
    case Scan::Max:
      if constexpr (real) return run_extreme<T, true>(view);
      break;
    case Scan::Min:
      if constexpr (real) return run_extreme<T, false>(view);
      break;
    case Scan::LogSumExp:
      if constexpr (!std::is_integral_v<T>) return run_op<T>(view, ScanLogSumExp());
      break;
  }
  constexpr const char* names[] = {"cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"};
  detail::fail<TensorError>(names[static_cast<int>(op)], ": not implemented for dtype ", view.in.dtype, "; expected a ",
                            op == Scan::LogSumExp ? "floating-point or complex" : "real", " dtype");
}

void scan(Scan op, const TensorView& out, const TensorView& indices, const TensorView& in, int64_t dim) {
  const TensorView none;
  ScanView view{out, op == Scan::Max || op == Scan::Min ? indices : none, in, dim, -1};
  for (int64_t d = 0; d < in.ndim(); ++d) {
    const size_t i = static_cast<size_t>(d);
    if (d == dim || in.sizes[i] < 8 || std::abs(in.strides[i]) >= std::abs(in.strides[static_cast<size_t>(dim)]))
      continue;
    if (view.across < 0 || std::abs(in.strides[i]) < std::abs(in.strides[static_cast<size_t>(view.across)]))
      view.across = d;
  }
  if (is_complex(in.dtype)) return run_as<std::complex<double>>(op, view);
  if (is_floating_point(in.dtype)) return run_as<double>(op, view);
  if (in.dtype == kUInt64) return run_as<uint64_t>(op, view);
  run_as<int64_t>(op, view);
}

}  // namespace

const ScanKernels& scan_table() {
  static constexpr ScanKernels table = {scan};
  return table;
}

}  // namespace tenon::cpu
