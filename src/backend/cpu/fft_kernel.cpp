// The loops of the Fourier transforms for each instruction set; see fft_loops.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/fft_kernel.cpp"
#include "backend/cpu/simd.h"  // comes first

#include <array>
#include <cstring>
#include <utility>

#include "backend/cpu/fft_loops.h"
#include "backend/cpu/simd_value-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {

// One complex number in each lane.
template <class T>
struct Pair {
  Vec<T> re, im;

  HWY_INLINE Pair() {}
  HWY_INLINE Pair(Vec<T> real, Vec<T> imaginary) : re(real), im(imaginary) {}
};
template <class T>
HWY_INLINE Pair<T> operator+(Pair<T> a, Pair<T> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class T>
HWY_INLINE Pair<T> operator-(Pair<T> a, Pair<T> b) {
  return {a.re - b.re, a.im - b.im};
}
template <class T>
HWY_INLINE Pair<T> operator*(Pair<T> a, Pair<T> b) {
  return {fnma(a.im, b.im, a.re * b.re), fma(a.im, b.re, a.re * b.im)};
}
// -i * a.
template <class T>
HWY_INLINE Pair<T> minus_i(Pair<T> a) {
  return {a.im, -a.re};
}

// Columns [n][lanes]: row after row of one vector, real and imaginary parts apart.
template <class T>
struct Planes {
  T *re, *im;

  HWY_INLINE Pair<T> get(int64_t i) const { return {load(re + i), load(im + i)}; }
  HWY_INLINE void set(int64_t i, Pair<T> value) const {
    store(value.re, re + i);
    store(value.im, im + i);
  }
  Planes swapped(bool swap) const { return swap ? Planes{im, re} : *this; }
};

// --- butterflies: a[k] becomes the sum of a[j] e^(-2 pi i j k / radix)

template <class T>
HWY_INLINE void butterfly4(Pair<T>& a0, Pair<T>& a1, Pair<T>& a2, Pair<T>& a3) {
  const Pair<T> even = a0 + a2, odd = a1 + a3, even_rest = a0 - a2, odd_rest = minus_i(a1 - a3);
  a0 = even + odd;
  a1 = even_rest + odd_rest;
  a2 = even - odd;
  a3 = even_rest - odd_rest;
}

template <class T>
HWY_INLINE void butterfly8(Pair<T>* a) {
  constexpr T kHalfRoot = T(0.70710678118654752440);
  butterfly4(a[0], a[2], a[4], a[6]);
  butterfly4(a[1], a[3], a[5], a[7]);
  const Pair<T> b1 = {(a[3].re + a[3].im) * kHalfRoot, (a[3].im - a[3].re) * kHalfRoot};
  const Pair<T> b2 = minus_i(a[5]);
  const Pair<T> b3 = {(a[7].im - a[7].re) * kHalfRoot, (a[7].re + a[7].im) * -kHalfRoot};
  const Pair<T> e0 = a[0], e1 = a[2], e2 = a[4], e3 = a[6], b0 = a[1];
  a[0] = e0 + b0;
  a[1] = e1 + b1;
  a[2] = e2 + b2;
  a[3] = e3 + b3;
  a[4] = e0 - b0;
  a[5] = e1 - b1;
  a[6] = e2 - b2;
  a[7] = e3 - b3;
}

// Pairs of terms share their cosine and sine. `roots` holds the cosines and sines of 2 pi j / radix in turn.
template <int kRadix, class T>
HWY_INLINE void butterfly_odd(Pair<T>* a, int given, const T* roots) {
  constexpr int kHalf = (kRadix ? kRadix : kMostRadix) / 2 + 1;
  const int radix = kRadix ? kRadix : given, half = radix / 2;
  Pair<T> sums[kHalf], rests[kHalf];
  Pair<T> total = a[0];
  for (int j = 1; j <= half; ++j) {
    sums[j] = a[j] + a[radix - j];
    rests[j] = a[j] - a[radix - j];
    total = total + sums[j];
  }
  const Pair<T> first = a[0];
  a[0] = total;
  for (int k = 1; k <= half; ++k) {
    Pair<T> even = first, odd = {Vec<T>(), Vec<T>()};
    int place = 0;
    for (int j = 1; j <= half; ++j) {
      place += k;
      if (place >= radix) place -= radix;
      const Vec<T> cosine(roots[2 * place]), sine(roots[2 * place + 1]);
      even = {fma(sums[j].re, cosine, even.re), fma(sums[j].im, cosine, even.im)};
      odd = {fma(rests[j].re, sine, odd.re), fma(rests[j].im, sine, odd.im)};
    }
    odd = minus_i(odd);
    a[k] = even + odd;
    a[radix - k] = even - odd;
  }
}

template <int kRadix, class T>
HWY_INLINE void butterfly(Pair<T>* a, int radix, const T* roots) {
  if constexpr (kRadix == 2) {
    const Pair<T> rest = a[0] - a[1];
    a[0] = a[0] + a[1];
    a[1] = rest;
  } else if constexpr (kRadix == 4) {
    butterfly4(a[0], a[1], a[2], a[3]);
  } else if constexpr (kRadix == 8) {
    butterfly8(a);
  } else {
    butterfly_odd<kRadix>(a, radix, roots);
  }
}

// One pass over all columns, of a radix known to the compiler or, where kRadix is 0, not.
template <int kRadix, class T>
HWY_NOINLINE void run_pass(const FftPass& pass, const ColumnPlan<T>& plan, Planes<T> from, Planes<T> to) {
  constexpr int64_t kLanes = Vec<T>::lanes;
  const int radix = kRadix ? kRadix : pass.radix;
  const int64_t run = pass.stride * kLanes, step = pass.groups * run;
  const T* roots = plan.roots.data() + pass.roots;
  Pair<T> a[kRadix ? kRadix : kMostRadix];
  if (pass.groups == 1) {
    for (int64_t q = 0; q < run; q += kLanes) {
      for (int j = 0; j < radix; ++j) a[j] = from.get(q + j * step);
      butterfly<kRadix>(a, radix, roots);
      for (int k = 0; k < radix; ++k) to.set(q + k * run, a[k]);
    }
    return;
  }
  const T* twiddles = plan.twiddles.data() + pass.twiddles;
  for (int64_t group = 0; group < pass.groups; ++group, twiddles += 2 * (radix - 1)) {
    const int64_t in = group * run, out = in * radix;
    for (int64_t q = 0; q < run; q += kLanes) {
      for (int j = 0; j < radix; ++j) a[j] = from.get(in + q + j * step);
      butterfly<kRadix>(a, radix, roots);
      to.set(out + q, a[0]);
      for (int k = 1; k < radix; ++k) {
        const Pair<T> twiddle = {Vec<T>(twiddles[2 * k - 2]), Vec<T>(twiddles[2 * k - 1])};
        to.set(out + q + k * run, a[k] * twiddle);
      }
    }
  }
}

// Transforms columns of length plan.n that lie at the beginning of `work`; returns where the result is.
template <class T>
Planes<T> run_passes(const ColumnPlan<T>& plan, T* work, bool inverse) {
  const int64_t size = plan.n * Vec<T>::lanes;
  // With real and imaginary parts swapped the backward transform is the forward one.
  Planes<T> from = {work, work + size}, to = {work + 2 * size, work + 3 * size};
  from = from.swapped(inverse);
  to = to.swapped(inverse);
  for (const FftPass& pass : plan.passes) {
    switch (pass.radix) {
      case 1: continue;
      case 2: run_pass<2>(pass, plan, from, to); break;
      case 3: run_pass<3>(pass, plan, from, to); break;
      case 4: run_pass<4>(pass, plan, from, to); break;
      case 5: run_pass<5>(pass, plan, from, to); break;
      case 7: run_pass<7>(pass, plan, from, to); break;
      case 8: run_pass<8>(pass, plan, from, to); break;
      default: run_pass<0>(pass, plan, from, to); break;
    }
    std::swap(from, to);
  }
  return from.swapped(inverse);
}

// --- interleaved numbers

template <class T>
HWY_INLINE Pair<T> load_pair(const T* from) {
  Pair<T> pair;
  hn::LoadInterleaved2(Tag<T>(), from, pair.re.raw, pair.im.raw);
  return pair;
}
template <class T>
HWY_INLINE void store_pair(Pair<T> pair, T* to) {
  hn::StoreInterleaved2(pair.re.raw, pair.im.raw, Tag<T>(), to);
}
template <class T>
HWY_INLINE Pair<T> load_pair(const T* from, int count) {
  if (HWY_LIKELY(count == Vec<T>::lanes)) return load_pair(from);
  alignas(64) T whole[2 * Vec<T>::lanes] = {};
  std::memcpy(whole, from, static_cast<size_t>(count) * 2 * sizeof(T));
  return load_pair(whole);
}
template <class T>
HWY_INLINE void store_pair(Pair<T> pair, T* to, int count) {
  if (HWY_LIKELY(count == Vec<T>::lanes)) return store_pair(pair, to);
  alignas(64) T whole[2 * Vec<T>::lanes];
  store_pair(pair, whole);
  std::memcpy(to, whole, static_cast<size_t>(count) * 2 * sizeof(T));
}
template <class T>
HWY_INLINE Pair<T> scaled(Pair<T> pair, Vec<T> scale) {
  return {pair.re * scale, pair.im * scale};
}

template <class T>
void load_rows(const T* in, int64_t stride, int64_t n, int count, T* work) {
  const Planes<T> planes = {work, work + n * Vec<T>::lanes};
  for (int64_t j = 0; j < n; ++j) planes.set(j * Vec<T>::lanes, load_pair(in + 2 * j * stride, count));
}
template <class T>
void store_rows(Planes<T> planes, T* out, int64_t stride, int64_t n, int count, T scale) {
  const Vec<T> factor(scale);
  for (int64_t j = 0; j < n; ++j) {
    store_pair(scaled(planes.get(j * Vec<T>::lanes), factor), out + 2 * j * stride, count);
  }
}

template <class T>
void columns(const ColumnPlan<T>& plan, const T* in, T* out, int64_t stride, int count, bool inverse, T scale,
             T* work) {
  load_rows(in, stride, plan.n, count, work);
  store_rows(run_passes(plan, work, inverse), out, stride, plan.n, count, scale);
}

// Two numbers of each line at a time become two rows of the columns. They are first gathered in the half of the working
// memory that the passes do not read: a load of bytes that were just stored in smaller pieces would wait for them.
template <class T>
void lines(const ColumnPlan<T>& plan, const T* in, T* out, int count, bool inverse, T scale, T* work) {
  constexpr int kLanes = Vec<T>::lanes;
  const int64_t n = plan.n, pairs = n / 2;
  const Planes<T> planes = {work, work + n * kLanes};
  T* both = work + 2 * n * kLanes;
  for (int lane = 0; lane < count; ++lane) {
    const T* line = in + 2 * lane * n;
    for (int64_t i = 0; i < pairs; ++i) std::memcpy(both + 4 * (i * kLanes + lane), line + 4 * i, 4 * sizeof(T));
    if (n % 2 == 1) std::memcpy(both + 4 * pairs * kLanes + 2 * lane, line + 4 * pairs, 2 * sizeof(T));
  }
  for (int64_t i = 0; i < pairs; ++i) {
    Pair<T> first, second;
    const T* from = both + 4 * i * kLanes;
    hn::LoadInterleaved4(Tag<T>(), from, first.re.raw, first.im.raw, second.re.raw, second.im.raw);
    planes.set(2 * i * kLanes, first);
    planes.set((2 * i + 1) * kLanes, second);
  }
  if (n % 2 == 1) planes.set((n - 1) * kLanes, load_pair(both + 4 * pairs * kLanes));
  const Planes<T> result = run_passes(plan, work, inverse);
  const Vec<T> factor(scale);
  alignas(64) T block[4 * kLanes];
  for (int64_t i = 0; i < pairs; ++i) {
    const Pair<T> first = scaled(result.get(2 * i * kLanes), factor);
    const Pair<T> second = scaled(result.get((2 * i + 1) * kLanes), factor);
    hn::StoreInterleaved4(first.re.raw, first.im.raw, second.re.raw, second.im.raw, Tag<T>(), block);
    for (int lane = 0; lane < count; ++lane) {
      std::memcpy(out + 2 * lane * n + 4 * i, block + 4 * lane, 4 * sizeof(T));
    }
  }
  if (n % 2 == 0) return;
  store_pair(scaled(result.get((n - 1) * kLanes), factor), block);
  for (int lane = 0; lane < count; ++lane) {
    std::memcpy(out + 2 * (lane * n + n - 1), block + 2 * lane, 2 * sizeof(T));
  }
}

// --- the halves of a line

// Rows k ... k + 3 of one plane as four neighbouring numbers of each of `count` rows of a matrix.
template <class T>
HWY_INLINE void transpose4(const Vec<T>* rows, T* to, int64_t stride, int count) {
  alignas(64) T block[4 * Vec<T>::lanes];
  hn::StoreInterleaved4(rows[0].raw, rows[1].raw, rows[2].raw, rows[3].raw, Tag<T>(), block);
  for (int lane = 0; lane < count; ++lane) std::memcpy(to + lane * stride, block + 4 * lane, 4 * sizeof(T));
}

template <class T>
void over_rows(const LinePlan<T>& plan, int64_t block, const T* in, T* matrix, int64_t plane, bool inverse, T* work) {
  constexpr int kLanes = Vec<T>::lanes;
  const int64_t first = block * kLanes, rows = plan.rows;
  const int count = static_cast<int>(HWY_MIN(kLanes, plan.columns - first));
  load_rows(in + 2 * first, plan.columns, rows, count, work);
  const Planes<T> result = run_passes(*plan.over_rows, work, inverse).swapped(inverse);
  const Planes<T> to = Planes<T>{matrix + first * rows, matrix + first * rows + plane}.swapped(inverse);
  const T* lane_re = plan.lane_twist.data();
  const T* lane_im = lane_re + rows * kLanes;
  const T* block_re = plan.block_twist.data() + block * rows;
  const T* block_im = block_re + plan.block_twist.size() / 2;
  const auto twisted = [&](int64_t k) HWY_ATTR {
    const Pair<T> lane = {load(lane_re + k * kLanes), load(lane_im + k * kLanes)};
    return result.get(k * kLanes) * (lane * Pair<T>{Vec<T>(block_re[k]), Vec<T>(block_im[k])});
  };
  int64_t k = 0;
  for (; k + 4 <= rows; k += 4) {
    Vec<T> re[4], im[4];
    for (int i = 0; i < 4; ++i) {
      const Pair<T> value = twisted(k + i);
      re[i] = value.re;
      im[i] = value.im;
    }
    transpose4(re, to.re + k, rows, count);
    transpose4(im, to.im + k, rows, count);
  }
  for (; k < rows; ++k) {
    alignas(64) T re[kLanes], im[kLanes];
    const Pair<T> value = twisted(k);
    store(value.re, re);
    store(value.im, im);
    for (int lane = 0; lane < count; ++lane) {
      to.re[lane * rows + k] = re[lane];
      to.im[lane * rows + k] = im[lane];
    }
  }
}

template <class T>
void over_columns(const LinePlan<T>& plan, int64_t block, const T* matrix, int64_t plane, T* out, bool inverse, T scale,
                  T* work) {
  constexpr int kLanes = Vec<T>::lanes;
  const int64_t first = block * kLanes, rows = plan.rows, columns = plan.columns;
  const int count = static_cast<int>(HWY_MIN(kLanes, rows - first));
  const Planes<T> planes = {work, work + columns * kLanes};
  // Beyond the last row of the matrix there is room for one vector.
  for (int64_t q = 0; q < columns; ++q) {
    const T* from = matrix + q * rows + first;
    planes.set(q * kLanes, {load(from), load(from + plane)});
  }
  store_rows(run_passes(*plan.over_columns, work, inverse), out + 2 * first, rows, columns, count, scale);
}

// --- pointwise products

template <class T>
void multiply(const T* a, const T* b, T* out, int64_t n, bool conjugate_a, bool conjugate_out, T scale) {
  constexpr int kLanes = Vec<T>::lanes;
  const Vec<T> sign_a(conjugate_a ? T(-1) : T(1)), sign_out(conjugate_out ? -scale : scale), size(scale);
  for (int64_t i = 0; i < n; i += kLanes) {
    const int count = static_cast<int>(HWY_MIN(kLanes, n - i));
    Pair<T> left = load_pair(a + 2 * i, count);
    left.im = left.im * sign_a;
    const Pair<T> product = left * load_pair(b + 2 * i, count);
    store_pair(Pair<T>{product.re * size, product.im * sign_out}, out + 2 * i, count);
  }
}

// --- real lines

// Numbers i, i - 1, ... of a line.
template <class T>
HWY_INLINE Pair<T> load_reversed(const T* line, int64_t i) {
  const Pair<T> pair = load_pair(line + 2 * (i - (Vec<T>::lanes - 1)));
  return {Vec<T>(hn::Reverse(Tag<T>(), pair.re.raw)), Vec<T>(hn::Reverse(Tag<T>(), pair.im.raw))};
}
template <class T>
HWY_INLINE void store_reversed(Pair<T> pair, T* line, int64_t i) {
  const Pair<T> turned = {Vec<T>(hn::Reverse(Tag<T>(), pair.re.raw)), Vec<T>(hn::Reverse(Tag<T>(), pair.im.raw))};
  store_pair(turned, line + 2 * (i - (Vec<T>::lanes - 1)));
}
template <class T>
HWY_INLINE Pair<T> conjugate(Pair<T> a) {
  return {a.re, -a.im};
}

// With a = z[k], b = z[n - k] and w = e^(-2 pi i k / 2n): x[k] = (a + b*) / 2 - i w (a - b*) / 2, and x[n - k] is the
// conjugate of the difference.
template <class T>
void split_real(const LinePlan<T>& plan, T* x, T scale) {
  constexpr int kLanes = Vec<T>::lanes;
  const int64_t n = plan.n;
  const T *cosines = plan.half_cosines.data(), *sines = plan.half_sines.data();
  const T re = x[0], im = x[1];
  x[0] = (re + im) * scale;
  x[2 * n] = (re - im) * scale;
  x[1] = x[2 * n + 1] = 0;
  const Vec<T> half(scale / 2);
  const auto split = [&](Pair<T> a, Pair<T> b, Pair<T> root, Pair<T>& low, Pair<T>& high) HWY_ATTR {
    const Pair<T> even = scaled(a + conjugate(b), half);
    const Pair<T> odd = minus_i(scaled(a - conjugate(b), half) * root);
    low = even + odd;
    high = conjugate(even - odd);
  };
  int64_t k = 1;
  for (; 2 * (k + kLanes) <= n + 1; k += kLanes) {
    Pair<T> low, high;
    split(load_pair(x + 2 * k), load_reversed(x, n - k), {load(cosines + k), -load(sines + k)}, low, high);
    store_pair(low, x + 2 * k);
    store_reversed(high, x, n - k);
  }
  for (; 2 * k <= n; ++k) {
    T *a = x + 2 * k, *b = x + 2 * (n - k);
    Pair<T> low, high;
    split({a[0], a[1]}, {b[0], b[1]}, {cosines[k], -sines[k]}, low, high);
    store_pair(high, b, 1);
    store_pair(low, a, 1);
  }
}

// With a = x[k], b = x[n - k]: z[k] = (a + b*) + i w* (a - b*), and z[n - k] is the conjugate of the difference.
template <class T>
void join_real(const LinePlan<T>& plan, const T* in, T* out) {
  constexpr int kLanes = Vec<T>::lanes;
  const int64_t n = plan.n;
  const T *cosines = plan.half_cosines.data(), *sines = plan.half_sines.data();
  const T first = in[0], last = in[2 * n];
  out[0] = first + last;
  out[1] = first - last;
  const auto join = [&](Pair<T> a, Pair<T> b, Pair<T> root, Pair<T>& low, Pair<T>& high) HWY_ATTR {
    const Pair<T> even = a + conjugate(b);
    const Pair<T> odd = minus_i((a - conjugate(b)) * root);
    low = even - odd;
    high = conjugate(even + odd);
  };
  int64_t k = 1;
  for (; 2 * (k + kLanes) <= n + 1; k += kLanes) {
    Pair<T> low, high;
    join(load_pair(in + 2 * k), load_reversed(in, n - k), {load(cosines + k), load(sines + k)}, low, high);
    store_pair(low, out + 2 * k);
    store_reversed(high, out, n - k);
  }
  for (; 2 * k <= n; ++k) {
    const T *a = in + 2 * k, *b = in + 2 * (n - k);
    Pair<T> low, high;
    join({a[0], a[1]}, {b[0], b[1]}, {cosines[k], sines[k]}, low, high);
    store_pair(high, out + 2 * (n - k), 1);
    store_pair(low, out + 2 * k, 1);
  }
}

template <class T>
constexpr FftLoops<T> loops_of() {
  return {Vec<T>::lanes, columns<T>, lines<T>, over_rows<T>, over_columns<T>, multiply<T>, split_real<T>, join_real<T>};
}
constexpr FftTable fft_loops = {loops_of<float>(), loops_of<double>()};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(FftTable, fft_loops)
}  // namespace tenon::cpu
#endif
