// Householder reflectors, a block of columns at a time: I - V T V^H is a block's product, and applying it is matrix
// products.
#include <Eigen/Householder>

#include "backend/cpu/linalg.h"

namespace tenon::cpu {
namespace {

constexpr int64_t kBlock = 32;

// The reflectors of columns [first, first + v.cols()) of a, from row `first` on.
template <class T>
struct Reflectors {
  Matrix<T> v, t;

  // Their product is H_1 H_2 ... with H_i = I - tau_i v_i v_i^H.
  Reflectors(const ConstBlock<T>& a, const T* tau, int64_t first, int64_t count)
      : v(a.block(first, first, a.rows() - first, count).template triangularView<Eigen::UnitLower>()),
        t(Matrix<T>::Zero(count, count)) {
    Matrix<T> inner = Matrix<T>::Zero(count, count);
    add_product<T>(inner, T{1}, v.adjoint(), v);
    for (int64_t i = 0; i < count; ++i) {
      t(i, i) = tau[first + i];
      t.col(i).head(i).noalias() = t.topLeftCorner(i, i) * (-tau[first + i] * inner.col(i).head(i));
    }
  }

  void apply(Block<T> c, bool adjoint) const {
    Matrix<T> inner = Matrix<T>::Zero(v.cols(), c.cols());
    add_product<T>(inner, T{1}, v.adjoint(), c);
    if (adjoint) {
      inner = t.adjoint().template triangularView<Eigen::Lower>() * inner;
    } else {
      inner = t.template triangularView<Eigen::Upper>() * inner;
    }
    add_product<T>(c, T{-1}, v, inner);
  }
};

// Columns [first, first + count) of a, from row `first` on, become theirs of R and reflectors.
template <class T>
void factor_panel(Block<T> a, T* tau, int64_t first, int64_t count) {
  Vector<T> space(count);
  for (int64_t k = first; k < first + count; ++k) {
    const int64_t below = a.rows() - k - 1;
    // Eigen's factor is the conjugate of LAPACK's.
    T factor{};
    RealOf<T> diagonal{};
    a.col(k).tail(below + 1).makeHouseholderInPlace(factor, diagonal);
    a(k, k) = diagonal;
    tau[k] = Eigen::numext::conj(factor);
    a.block(k, k + 1, below + 1, first + count - k - 1)
        .applyHouseholderOnTheLeft(a.col(k).tail(below), factor, space.data());
  }
}

template <class T>
void factor(Block<T> a, T* tau) {
  const int64_t k = std::min(a.rows(), a.cols());
  for (int64_t first = 0; first < k; first += kBlock) {
    const int64_t count = std::min(kBlock, k - first), next = first + count;
    factor_panel<T>(a, tau, first, count);
    if (next == a.cols()) break;
    Reflectors<T>(a, tau, first, count).apply(a.block(first, next, a.rows() - first, a.cols() - next), true);
  }
}

// c = Q c or Q^H c. A c that begins as the identity has nothing left of the block's columns when Q is applied to it.
template <class T>
void apply_all(const ConstBlock<T>& a, const T* tau, int64_t k, Block<T> c, bool adjoint, bool identity) {
  const int64_t blocks = (k + kBlock - 1) / kBlock;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t first = (adjoint ? i : blocks - 1 - i) * kBlock, column = identity ? first : 0;
    if (column >= c.cols()) continue;
    Reflectors<T>(a, tau, first, std::min(kBlock, k - first))
        .apply(c.block(first, column, c.rows() - first, c.cols() - column), adjoint);
  }
}

}  // namespace

void qr(const TensorView& q, const TensorView& r, const TensorView& a) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    auto matrix = matrix_at<T>(a, i);
    const int64_t k = std::min(matrix.rows(), matrix.cols());
    Vector<T> tau(k);
    factor<T>(matrix, tau.data());
    matrix_at<T>(r, i) = matrix.topRows(r.sizes[1]).template triangularView<Eigen::Upper>();
    if (!q.data) return;
    auto result = matrix_at<T>(q, i);
    result.setIdentity();
    apply_all<T>(matrix, tau.data(), k, result, /*adjoint=*/false, /*identity=*/true);
  });
}

void geqrf(const TensorView& a, const TensorView& tau) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    factor<T>(matrix_at<T>(a, i), vector_at<T>(tau, i));
  });
}

void apply_reflectors(const TensorView& c, const TensorView& a, const TensorView& tau, bool adjoint) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    apply_all<T>(matrix_at<T>(a, i), vector_at<T>(tau, i), tau.sizes[1], matrix_at<T>(c, i), adjoint, false);
  });
}

}  // namespace tenon::cpu
