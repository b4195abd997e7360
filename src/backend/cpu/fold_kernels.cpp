// The inner loops of reductions: rows of adjacent elements, and columns of neighbouring outputs.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/fold_kernels.cpp"
#include "backend/cpu/fold_kernels.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <type_traits>

#include "backend/cpu/simd.h"
#include "backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

// Whether Highway vectors of T serve, rather than plain loops that the compiler vectorises.
template <class T>
inline constexpr bool is_vector_type = std::is_floating_point_v<T>;

template <class T>
struct Complex {
  T re, im;
};

template <class T, class Op>
HWY_INLINE T scalar_op(T a, T b, Op op) {
  return op.scalar(a, b);
}
template <class T>
HWY_INLINE Complex<T> scalar_op(Complex<T> a, Complex<T> b, MulOp) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

template <class T, class Op>
struct Identity {
  static constexpr T value = Op::template identity<T>();
};
template <class T>
struct Identity<Complex<T>, MulOp> {
  static constexpr Complex<T> value{1, 0};
};

// The smaller of two flags. Nothing at all is true, as 1: another byte would not be a bool.
struct AllOp : MinOp {
  template <class T>
  static constexpr T identity() {
    return T(1);
  }
};

template <class T, class Op>
void init(void* states, int64_t n) {
  std::fill_n(static_cast<T*>(states), n, Identity<T, Op>::value);
}

template <class T, class Op>
void merge(void* states, const void* next, int64_t n) {
  T* a = static_cast<T*>(states);
  const T* b = static_cast<const T*>(next);
  for (int64_t i = 0; i < n; ++i) a[i] = scalar_op(a[i], b[i], Op());
}

template <class T, class Op>
void row(void* state, const void* x, int64_t n) {
  const T* p = static_cast<const T*>(x);
  T* out = static_cast<T*>(state);
  if constexpr (is_vector_type<T>) {
    *out = reduce_row(p, n, Op());
  } else {
    T total = Identity<T, Op>::value;
    for (int64_t i = 0; i < n; ++i) total = scalar_op(total, p[i], Op());
    *out = total;
  }
}

template <class T, class Op>
void rows(void* states, const void* x, int64_t row_stride, int64_t count, int64_t cols) {
  T* HWY_RESTRICT acc = static_cast<T*>(states);
  const T* p = static_cast<const T*>(x);
  const Op op;
  int64_t r = 0;
  if constexpr (is_vector_type<T>) {
    // Four rows at a time, so that the states are read and written once for four.
    const hn::ScalableTag<T> d;
    for (; r + 4 <= count; r += 4, p += 4 * row_stride) {
      const T *p1 = p + row_stride, *p2 = p1 + row_stride, *p3 = p2 + row_stride;
      for_vectors<T>(
          cols,
          [&](int64_t c) HWY_ATTR {
            const auto low = op.vector(hn::LoadU(d, p + c), hn::LoadU(d, p1 + c));
            const auto high = op.vector(hn::LoadU(d, p2 + c), hn::LoadU(d, p3 + c));
            hn::StoreU(op.vector(hn::LoadU(d, acc + c), op.vector(low, high)), d, acc + c);
          },
          [&](int64_t c, size_t) HWY_ATTR {
            for (; c < cols; ++c) {
              acc[c] = op.scalar(acc[c], op.scalar(op.scalar(p[c], p1[c]), op.scalar(p2[c], p3[c])));
            }
          });
    }
  }
  for (; r < count; ++r, p += row_stride) {
    const T* HWY_RESTRICT q = p;
    for (int64_t c = 0; c < cols; ++c) acc[c] = scalar_op(acc[c], q[c], op);
  }
}

template <class T, class Op>
constexpr FoldKernel plain(Acc element) {
  return {element, sizeof(T), init<T, Op>, row<T, Op>, rows<T, Op>, merge<T, Op>};
}

// A sum of complex values is two sums side by side.
template <class T>
void complex_sum_init(void* states, int64_t n) {
  init<T, AddOp>(states, 2 * n);
}
template <class T>
void complex_sum_row(void* state, const void* x, int64_t n) {
  T* out = static_cast<T*>(state);
  T lanes[16] = {};
  const int64_t whole = n / 8 * 8;
  rows<T, AddOp>(lanes, x, 16, whole / 8, 16);
  const T* p = static_cast<const T*>(x) + 2 * whole;
  rows<T, AddOp>(lanes, p, 2, n - whole, 2);
  for (int width = 8; width >= 2; width /= 2) rows<T, AddOp>(lanes, lanes + width, width, 1, width);
  out[0] = lanes[0], out[1] = lanes[1];
}
template <class T>
void complex_sum_rows(void* states, const void* x, int64_t row_stride, int64_t count, int64_t cols) {
  rows<T, AddOp>(states, x, 2 * row_stride, count, 2 * cols);
}
template <class T>
void complex_sum_merge(void* states, const void* next, int64_t n) {
  merge<T, AddOp>(states, next, 2 * n);
}
template <class T>
constexpr FoldKernel complex_sum(Acc element) {
  return {element, 2 * sizeof(T), complex_sum_init<T>, complex_sum_row<T>, complex_sum_rows<T>, complex_sum_merge<T>};
}

template <class T, bool kSquare>
void complex_norm_row(void* state, const void* x, int64_t n) {
  const T* p = static_cast<const T*>(x);
  double total = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double re = p[2 * i], im = p[2 * i + 1];
    total += kSquare ? re * re + im * im : std::hypot(re, im);
  }
  *static_cast<double*>(state) = total;
}
template <class T, bool kSquare>
constexpr FoldKernel complex_norm(Acc element) {
  return {element, sizeof(double), init<double, AddOp>, complex_norm_row<T, kSquare>, nullptr, merge<double, AddOp>};
}

void count_row(void* state, const void* x, int64_t n) {
  const uint8_t* p = static_cast<const uint8_t*>(x);
  uint32_t total = 0;  // a run is far shorter than 2^32
  for (int64_t i = 0; i < n; ++i) total += p[i] != 0;
  *static_cast<int64_t*>(state) = total;
}
void count_rows(void* states, const void* x, int64_t row_stride, int64_t count, int64_t cols) {
  int64_t* HWY_RESTRICT acc = static_cast<int64_t*>(states);
  const uint8_t* p = static_cast<const uint8_t*>(x);
  for (int64_t r = 0; r < count; ++r, p += row_stride) {
    for (int64_t c = 0; c < cols; ++c) acc[c] += p[c] != 0;
  }
}

// --- mean and squared deviations

void mean_init(void* states, int64_t n) { std::fill_n(static_cast<MeanState*>(states), n, MeanState{0, 0, 0}); }

// Chan's merge of two groups' statistics.
HWY_INLINE MeanState merged(const MeanState& a, const MeanState& b) {
  const double count = a.count + b.count;
  if (count == 0) return a;
  const double delta = b.mean - a.mean;
  return {count, a.mean + delta * (b.count / count), a.m2 + b.m2 + delta * delta * (a.count * (b.count / count))};
}
void mean_merge(void* states, const void* next, int64_t n) {
  MeanState* a = static_cast<MeanState*>(states);
  const MeanState* b = static_cast<const MeanState*>(next);
  for (int64_t i = 0; i < n; ++i) a[i] = a[i].count == 0 ? b[i] : merged(a[i], b[i]);
}

// The statistics of a group from its deviations from `center`: their sum corrects for the rounding of center.
HWY_INLINE MeanState from_deviations(double center, double sum, double squares, double count) {
  const double shift = sum / count;
  return {count, center + shift, squares - shift * sum};
}

template <class T>
void mean_row(void* state, const void* x, int64_t n) {
  const T* p = static_cast<const T*>(x);
  const hn::ScalableTag<T> d;
  const T center = reduce_row(p, n, AddOp()) / static_cast<T>(n);
  const auto mid = hn::Set(d, center);
  const T sum = reduce_vectors<T>(
      n, AddOp(), [&](int64_t i) HWY_ATTR { return hn::Sub(hn::LoadU(d, p + i), mid); },
      [&](int64_t i, size_t count) HWY_ATTR { return hn::Sub(load_tail(p + i, count, mid), mid); });
  auto square = [](auto v) HWY_ATTR { return hn::Mul(v, v); };
  const T squares = reduce_vectors<T>(
      n, AddOp(), [&](int64_t i) HWY_ATTR { return square(hn::Sub(hn::LoadU(d, p + i), mid)); },
      [&](int64_t i, size_t count) HWY_ATTR { return square(hn::Sub(load_tail(p + i, count, mid), mid)); });
  *static_cast<MeanState*>(state) = from_deviations(center, sum, squares, static_cast<double>(n));
}

template <class T>
void mean_rows(void* states, const void* x, int64_t row_stride, int64_t count, int64_t cols) {
  constexpr int64_t kRows = 32, kCols = 256;
  MeanState* state = static_cast<MeanState*>(states);
  T center[kCols], sum[kCols], squares[kCols];
  for (int64_t r0 = 0; r0 < count; r0 += kRows) {
    const int64_t height = std::min(kRows, count - r0);
    for (int64_t c0 = 0; c0 < cols; c0 += kCols) {
      const int64_t width = std::min(kCols, cols - c0);
      const T* p = static_cast<const T*>(x) + r0 * row_stride + c0;
      std::fill_n(center, width, T(0));
      std::fill_n(sum, width, T(0));
      std::fill_n(squares, width, T(0));
      rows<T, AddOp>(center, p, row_stride, height, width);
      for (int64_t c = 0; c < width; ++c) center[c] /= static_cast<T>(height);
      for (int64_t r = 0; r < height; ++r, p += row_stride) {
        for (int64_t c = 0; c < width; ++c) {
          const T deviation = p[c] - center[c];
          sum[c] += deviation;
          squares[c] += deviation * deviation;
        }
      }
      for (int64_t c = 0; c < width; ++c) {
        const MeanState block = from_deviations(center[c], sum[c], squares[c], static_cast<double>(height));
        MeanState& total = state[c0 + c];
        total = total.count == 0 ? block : merged(total, block);
      }
    }
  }
}

template <class T>
constexpr FoldKernel mean_kernel(Acc element) {
  return {element, sizeof(MeanState), mean_init, mean_row<T>, mean_rows<T>, mean_merge};
}

// --- log(sum(exp(x)))

void logsumexp_init(void* states, int64_t n) {
  std::fill_n(static_cast<LogSumExpState*>(states), n, LogSumExpState{-std::numeric_limits<double>::infinity(), 0});
}

template <class T>
void logsumexp_row(void* state, const void* x, int64_t n) {
  const T* p = static_cast<const T*>(x);
  const hn::ScalableTag<T> d;
  const T max = reduce_row(p, n, MaxOp());
  T sum = max == std::numeric_limits<T>::infinity() ? T(1) : T(0);
  if (std::isfinite(max)) {
    const auto top = hn::Set(d, max);
    const auto least = hn::Set(d, -std::numeric_limits<T>::infinity());
    sum = reduce_vectors<T>(
        n, AddOp(), [&](int64_t i) HWY_ATTR { return exp_of(hn::Sub(hn::LoadU(d, p + i), top)); },
        [&](int64_t i, size_t count) HWY_ATTR { return exp_of(hn::Sub(load_tail(p + i, count, least), top)); });
  }
  *static_cast<LogSumExpState*>(state) = {max, sum};
}

void logsumexp_merge(void* states, const void* next, int64_t n) {
  LogSumExpState* a = static_cast<LogSumExpState*>(states);
  const LogSumExpState* b = static_cast<const LogSumExpState*>(next);
  for (int64_t i = 0; i < n; ++i) {
    const double max = MaxOp().scalar(a[i].max, b[i].max);
    auto scaled = [&](const LogSumExpState& s) { return s.max == max ? s.sum : s.sum * std::exp(s.max - max); };
    a[i] = {max, std::isfinite(max) ? scaled(a[i]) + scaled(b[i]) : std::max(a[i].sum, b[i].sum)};
  }
}

template <class T>
constexpr FoldKernel logsumexp_kernel(Acc element) {
  return {element, sizeof(LogSumExpState), logsumexp_init, logsumexp_row<T>, nullptr, logsumexp_merge};
}

// --- maps

template <class T>
void abs_in_place(void* x, int64_t n) {
  T* p = static_cast<T*>(x);
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_integral_v<T>) p[i] = p[i] < 0 ? static_cast<T>(0 - static_cast<uint64_t>(p[i])) : p[i];
    else p[i] = std::abs(p[i]);
  }
}
template <class T>
void square_in_place(void* x, int64_t n) {
  T* p = static_cast<T*>(x);
  for (int64_t i = 0; i < n; ++i) p[i] = MulOp().scalar(p[i], p[i]);
}

constexpr FoldKernels table() {
  FoldKernels t{};
  constexpr int f32 = static_cast<int>(Acc::F32), f64 = static_cast<int>(Acc::F64), i64 = static_cast<int>(Acc::I64),
                u64 = static_cast<int>(Acc::U64);
  constexpr int c64 = static_cast<int>(Acc::C64), c128 = static_cast<int>(Acc::C128),
                flag = static_cast<int>(Acc::Flag);
  t.sum[f32] = plain<float, AddOp>(Acc::F32);
  t.sum[f64] = plain<double, AddOp>(Acc::F64);
  t.sum[i64] = plain<int64_t, AddOp>(Acc::I64);
  t.sum[c64] = complex_sum<float>(Acc::C64);
  t.sum[c128] = complex_sum<double>(Acc::C128);
  t.prod[f32] = plain<float, MulOp>(Acc::F32);
  t.prod[f64] = plain<double, MulOp>(Acc::F64);
  t.prod[i64] = plain<int64_t, MulOp>(Acc::I64);
  t.prod[c64] = plain<Complex<float>, MulOp>(Acc::C64);
  t.prod[c128] = plain<Complex<double>, MulOp>(Acc::C128);
  t.max[f32] = plain<float, MaxOp>(Acc::F32);
  t.max[f64] = plain<double, MaxOp>(Acc::F64);
  t.max[i64] = plain<int64_t, MaxOp>(Acc::I64);
  t.max[u64] = plain<uint64_t, MaxOp>(Acc::U64);
  t.max[flag] = plain<uint8_t, MaxOp>(Acc::Flag);
  t.min[f32] = plain<float, MinOp>(Acc::F32);
  t.min[f64] = plain<double, MinOp>(Acc::F64);
  t.min[i64] = plain<int64_t, MinOp>(Acc::I64);
  t.min[u64] = plain<uint64_t, MinOp>(Acc::U64);
  t.min[flag] = plain<uint8_t, AllOp>(Acc::Flag);
  t.count = {Acc::Flag, sizeof(int64_t), init<int64_t, AddOp>, count_row, count_rows, merge<int64_t, AddOp>};
  t.complex_abs[0] = complex_norm<float, false>(Acc::C64);
  t.complex_abs[1] = complex_norm<double, false>(Acc::C128);
  t.complex_squares[0] = complex_norm<float, true>(Acc::C64);
  t.complex_squares[1] = complex_norm<double, true>(Acc::C128);
  t.mean[0] = mean_kernel<float>(Acc::F32);
  t.mean[1] = mean_kernel<double>(Acc::F64);
  t.logsumexp[0] = logsumexp_kernel<float>(Acc::F32);
  t.logsumexp[1] = logsumexp_kernel<double>(Acc::F64);
  t.abs[f32] = abs_in_place<float>;
  t.abs[f64] = abs_in_place<double>;
  t.abs[i64] = abs_in_place<int64_t>;
  t.square[f32] = square_in_place<float>;
  t.square[f64] = square_in_place<double>;
  t.square[i64] = square_in_place<int64_t>;
  return t;
}

}  // namespace

extern const FoldKernels fold_kernels;
constinit const FoldKernels fold_kernels = table();

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(FoldKernels, fold_kernels)
}  // namespace tenon::cpu
#endif
