// The products of linear algebra: small ones by plain loops, real ones on the kernels of gemm.h, and complex ones as
// one real product of twice the width.
#include <complex>

#include "backend/cpu/gemm_product.h"
#include "backend/cpu/linalg.h"
#include "backend/cpu/scratch.h"

namespace tenon::cpu {
namespace {

// Up to so many multiplications a call of the kernels costs more than they save.
constexpr int64_t kSmall = 8 * 8 * 8;

template <class R>
R conj_of(R x) {
  return x;
}
template <class R>
std::complex<R> conj_of(std::complex<R> x) {
  return std::conj(x);
}

template <class R>
R times(R x, R y) {
  return x * y;
}
// Without C++'s care for infinities, which takes a call.
template <class R>
std::complex<R> times(std::complex<R> x, std::complex<R> y) {
  return {x.real() * y.real() - x.imag() * y.imag(), x.real() * y.imag() + x.imag() * y.real()};
}

template <class T>
T element(const Operand<T>& x, int64_t i, int64_t j) {
  return x.adjoint ? conj_of(x.data[j + i * x.stride]) : x.data[i + j * x.stride];
}

template <class T>
void add_small(const AnyProduct<T>& p) {
  for (int64_t j = 0; j < p.n; ++j) {
    T* const c = p.c + j * p.c_stride;
    if (p.a.adjoint) {
      for (int64_t i = 0; i < p.m; ++i) {
        const T* const row = p.a.data + i * p.a.stride;
        T sum{};
        for (int64_t k = 0; k < p.k; ++k) sum += times(conj_of(row[k]), element(p.b, k, j));
        c[i] += p.alpha * sum;
      }
    } else {
      for (int64_t k = 0; k < p.k; ++k) {
        const T factor = p.alpha * element(p.b, k, j);
        const T* const column = p.a.data + k * p.a.stride;
        for (int64_t i = 0; i < p.m; ++i) c[i] += times(column[i], factor);
      }
    }
  }
}

template <class R>
void add_large(const AnyProduct<R>& p) {
  auto [a_row, a_k] = std::pair(int64_t{1}, p.a.stride);
  auto [b_k, b_column] = std::pair(int64_t{1}, p.b.stride);
  if (p.a.adjoint) std::swap(a_row, a_k);
  if (p.b.adjoint) std::swap(b_k, b_column);
  multiply(Product<R>{p.m, p.n, p.k, dtype_v<R>, p.a.data, a_row, a_k, p.b.data, b_column, b_k, p.c, 1, p.c_stride,
                      p.alpha, R{1}, nullptr, 0, 0});
}

// A complex column is a real one of twice the length. Of a @ b that is the product of a, seen so, with the real parts
// of b beside the imaginary ones; of a^H @ b it is the product of a^T, seen so, with b beside -ib, both seen so.
template <class R>
class ComplexProduct {
 public:
  using C = std::complex<R>;
  explicit ComplexProduct(const AnyProduct<C>& p)
      : p_(p), depth_(p.a.adjoint ? 2 * p.k : p.k), height_(p.a.adjoint ? p.m : 2 * p.m) {}

  // Adds to columns [begin, begin + count) of c.
  void add(int64_t begin, int64_t count) const {
    const int64_t room = (2 * count * depth_ + 15) / 16 * 16;
    const Scratch scratch(static_cast<size_t>(room + 2 * count * height_) * sizeof(R));
    R *const factors = scratch.as<R>(), *const sums = factors + room;
    for (int64_t j = 0; j < count; ++j) {
      split(begin + j, factors + j * depth_, factors + (count + j) * depth_);
    }
    const int64_t stride = 2 * p_.a.stride;
    multiply(Product<R>{height_, 2 * count, depth_, dtype_v<R>, p_.a.data, p_.a.adjoint ? stride : 1,
                        p_.a.adjoint ? 1 : stride, factors, depth_, 1, sums, 1, height_, p_.alpha, R{0}, nullptr, 0,
                        0});
    for (int64_t j = 0; j < count; ++j) {
      join(sums + j * height_, sums + (count + j) * height_, p_.c + (begin + j) * p_.c_stride);
    }
  }

 private:
  void split(int64_t j, R* first, R* second) const {
    for (int64_t k = 0; k < p_.k; ++k) {
      const C x = element(p_.b, k, j);
      if (p_.a.adjoint) {
        first[2 * k] = x.real();
        first[2 * k + 1] = x.imag();
        second[2 * k] = x.imag();
        second[2 * k + 1] = -x.real();
      } else {
        first[k] = x.real();
        second[k] = x.imag();
      }
    }
  }

  void join(const R* first, const R* second, C* c) const {
    for (int64_t i = 0; i < p_.m; ++i) {
      if (p_.a.adjoint) {
        c[i] += C(first[i], second[i]);
      } else {
        c[i] += C(first[2 * i] - second[2 * i + 1], first[2 * i + 1] + second[2 * i]);
      }
    }
  }

  const AnyProduct<C>& p_;
  int64_t depth_, height_;
};

template <class R>
void add_large(const AnyProduct<std::complex<R>>& p) {
  constexpr int64_t kSums = int64_t{1} << 16;  // at once, that they may stay in the caches
  const ComplexProduct<R> product(p);
  const int64_t columns = std::max<int64_t>(16, kSums / p.m);
  for (int64_t j = 0; j < p.n; j += columns) product.add(j, std::min(columns, p.n - j));
}

template <class T>
void add_any(const AnyProduct<T>& p) {
  if (p.m == 0 || p.n == 0 || p.k == 0) return;
  if (p.m * p.n * p.k <= kSmall) return add_small(p);
  add_large(p);
}

}  // namespace

void add_product(const AnyProduct<float>& product) { add_any(product); }
void add_product(const AnyProduct<double>& product) { add_any(product); }
void add_product(const AnyProduct<std::complex<float>>& product) { add_any(product); }
void add_product(const AnyProduct<std::complex<double>>& product) { add_any(product); }

}  // namespace tenon::cpu
