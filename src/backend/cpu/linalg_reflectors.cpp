// Householder reflectors, a block of columns at a time: I - V T V^H is a block's product, and applying it is matrix
// products.
#include "backend/cpu/linalg_reflectors.h"

#include <cmath>
#include <limits>

namespace tenon::cpu {
namespace {

// Sums and the like run in so many strands, that they may be vectors.
constexpr int kStrands = 8;

template <class R>
R length_of(const R* x, int64_t n) {
  R sums[kStrands] = {};
  int64_t i = 0;
  for (; i + kStrands <= n; i += kStrands) {
    for (int strand = 0; strand < kStrands; ++strand) sums[strand] += x[i + strand] * x[i + strand];
  }
  for (; i < n; ++i) sums[0] += x[i] * x[i];
  for (int strand = 1; strand < kStrands; ++strand) sums[0] += sums[strand];
  return std::sqrt(sums[0]);
}

template <class R>
R largest_of(const R* x, int64_t n) {
  R largest[kStrands] = {};
  int64_t i = 0;
  for (; i + kStrands <= n; i += kStrands) {
    for (int strand = 0; strand < kStrands; ++strand) {
      largest[strand] = std::max(largest[strand], std::abs(x[i + strand]));
    }
  }
  for (; i < n; ++i) largest[0] = std::max(largest[0], std::abs(x[i]));
  return *std::max_element(largest, largest + kStrands);
}

// H_first ... H_(first + count - 1) = I - V T V^H.
template <class T>
class Reflectors {
 public:
  Reflectors(const ConstBlock<T>& a, const T* tau, int64_t first, int64_t count)
      : v_(a.block(first, first, a.rows() - first, count)), t_(Matrix<T>::Zero(count, count)) {
    for (int64_t j = 0; j < count; ++j) {
      v_.col(j).head(j).setZero();
      v_(j, j) = T{1};
    }
    Matrix<T> inner = Matrix<T>::Zero(count, count);
    add_product<T>(inner, 1, v_.adjoint(), v_);
    for (int64_t j = 0; j < count; ++j) {
      Block<T> above = t_.block(0, j, j, 1);
      add_product<T>(above, 1, t_.topLeftCorner(j, j), inner.block(0, j, j, 1));
      above *= -tau[first + j];
      t_(j, j) = tau[first + j];
    }
  }

  void apply(Block<T> c, Op op) const {
    Matrix<T> inner = Matrix<T>::Zero(v_.cols(), c.cols()), turned = inner;
    add_product<T>(inner, 1, v_.adjoint(), c);
    if (op == Op::Adjoint) {
      add_product<T>(turned, 1, t_.adjoint(), inner);
    } else {
      add_product<T>(turned, 1, t_, inner);
    }
    add_product<T>(c, -1, v_, turned);
  }

 private:
  Matrix<T> v_, t_;
};

// Columns [first, first + count) of a, from row `first` on, become theirs of R and reflectors.
template <class T>
void factor_panel(Block<T> a, T* tau, int64_t first, int64_t count) {
  Matrix<T> space(count, 1);
  for (int64_t k = first; k < first + count; ++k) {
    const int64_t rows = a.rows() - k, later = first + count - k - 1;
    RealOf<T> diagonal;
    Block<T> v = a.block(k, k, rows, 1), rest = a.block(k, k + 1, rows, later), factors = space.topRows(later);
    tau[k] = reflect<T>(v.data(), rows, diagonal);
    factors.setZero();
    add_product<T>(factors, 1, rest.adjoint(), v);
    factors *= tau[k];
    add_product<T>(rest, -1, v, factors.adjoint());
    a(k, k) = diagonal;
  }
}

}  // namespace

template <class T>
T reflect(T* x, int64_t n, RealOf<T>& beta) {
  using R = RealOf<T>;
  constexpr int64_t kParts = is_complex_v<T> ? 2 : 1;
  R* const parts = reinterpret_cast<R*>(x);
  const R largest = largest_of(parts, n * kParts);
  if (largest == 0) {
    beta = 0;
    x[0] = T{1};
    return T{0};
  }
  // Squares must neither vanish nor overflow; a power of two rounds nothing.
  int exponent = 0;
  if (largest < R(1e-12) || largest > R(1e12)) {
    exponent = std::clamp(std::ilogb(largest), std::numeric_limits<R>::min_exponent + 1,
                          std::numeric_limits<R>::max_exponent - 2);
    const R scale = std::ldexp(R{1}, -exponent);
    for (int64_t i = 0; i < n * kParts; ++i) parts[i] *= scale;
  }
  const T head = x[0];
  const R rest = length_of(parts + kParts, (n - 1) * kParts);
  const R real = Eigen::numext::real(head);
  x[0] = T{1};
  if (rest == 0 && Eigen::numext::imag(head) == 0) {
    for (int64_t i = kParts; i < n * kParts; ++i) parts[i] = 0;
    beta = std::ldexp(real, exponent);
    return T{0};
  }
  const R length = std::hypot(std::abs(head), rest), norm = real > 0 ? -length : length;
  const T scale = T{1} / (head - norm);
  for (int64_t i = 1; i < n; ++i) x[i] *= scale;
  beta = std::ldexp(norm, exponent);
  return (norm - head) / norm;
}

template <class T>
void factor_qr(Block<T> a, T* tau) {
  const int64_t k = std::min(a.rows(), a.cols());
  for (int64_t first = 0; first < k; first += kPanel) {
    const int64_t count = std::min(kPanel, k - first), next = first + count;
    factor_panel<T>(a, tau, first, count);
    if (next == a.cols()) break;
    Reflectors<T>(a, tau, first, count).apply(a.block(first, next, a.rows() - first, a.cols() - next), Op::Adjoint);
  }
}

template <class T>
void apply_reflectors(const ConstBlock<T>& a, const T* tau, int64_t count, Block<T> c, Op op, Shape shape) {
  const int64_t blocks = (count + kPanel - 1) / kPanel;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t first = (op == Op::Adjoint ? i : blocks - 1 - i) * kPanel;
    const int64_t column = shape == Shape::Identity ? first : 0;
    if (column >= c.cols()) continue;
    Reflectors<T>(a, tau, first, std::min(kPanel, count - first))
        .apply(c.block(first, column, c.rows() - first, c.cols() - column), op);
  }
}

#define TENON_REFLECTORS(T)                       \
  template T reflect<T>(T*, int64_t, RealOf<T>&); \
  template void factor_qr<T>(Block<T>, T*);       \
  template void apply_reflectors<T>(const ConstBlock<T>&, const T*, int64_t, Block<T>, Op, Shape);
TENON_REFLECTORS(float)
TENON_REFLECTORS(double)
TENON_REFLECTORS(std::complex<float>)
TENON_REFLECTORS(std::complex<double>)
#undef TENON_REFLECTORS

}  // namespace tenon::cpu
