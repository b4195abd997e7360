// What the linear algebra kernels share: matrices as Eigen sees them, batches over threads, and the steps of blocked
// algorithms, whose products run on the kernels of gemm.h. Eigen's own code is compiled for the baseline alone.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <complex>
#include <cstdint>
#include <type_traits>

#include "backend/cpu/kernels.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
// A part of a matrix, stored column by column.
template <class T>
using Block = Eigen::Ref<Matrix<T>, 0, Eigen::OuterStride<>>;
template <class T>
using ConstBlock = Eigen::Ref<const Matrix<T>, 0, Eigen::OuterStride<>>;

template <class T>
inline constexpr bool is_complex_v = Eigen::NumTraits<T>::IsComplex;
template <class T>
using RealOf = typename Eigen::NumTraits<T>::Real;

// Matrix i of a batch.
template <class T>
Eigen::Map<Matrix<T>> matrix_at(const TensorView& batch, int64_t i) {
  const int64_t rows = batch.sizes[1], columns = batch.sizes[2];
  return {batch.as<T>() + i * rows * columns, rows, columns};
}

// Vector i of a batch.
template <class T>
T* vector_at(const TensorView& batch, int64_t i) {
  return batch.as<T>() + i * batch.sizes[1];
}

// body(matrix number) for each matrix of the batch, with T{} the dtype's type as its second argument.
template <class Body>
void for_matrices(const TensorView& batch, const Body& body) {
  const int64_t work = std::max<int64_t>(1, batch.sizes[1] * batch.sizes[2] * std::min(batch.sizes[1], batch.sizes[2]));
  auto some = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      switch (batch.dtype) {
        case kFloat:
          body(i, float{});
          break;
        case kDouble:
          body(i, double{});
          break;
        case kComplexFloat:
          body(i, std::complex<float>{});
          break;
        default:
          body(i, std::complex<double>{});
          break;
      }
    }
  };
  // One matrix leaves the threads to its products.
  if (batch.sizes[0] == 1) return some(0, 1);
  parallel_for(0, batch.sizes[0], std::max<int64_t>(1, 32768 / work), some);
}

// An operand of a product: a part of a matrix, stored column by column, or the adjoint of one.
template <class T>
struct Operand {
  const T* data;
  int64_t stride;  // from column to column
  bool adjoint;

  template <class Expression>
  static Operand of(const Expression& x) {
    if constexpr (!requires { x.data(); }) {
      const auto& part = x.nestedExpression().nestedExpression();
      return {part.data(), part.outerStride(), true};
    } else {
      constexpr bool kRows = Expression::IsRowMajor;  // as a real matrix's adjoint is
      return {x.data(), x.outerStride(), kRows};
    }
  }
};

// c [m, n] += alpha * a [m, k] @ b [k, n], of which a and b are not both adjoint.
template <class T>
struct AnyProduct {
  int64_t m, n, k;
  T* c;
  int64_t c_stride;
  RealOf<T> alpha;
  Operand<T> a, b;
};
void add_product(const AnyProduct<float>& product);
void add_product(const AnyProduct<double>& product);
void add_product(const AnyProduct<std::complex<float>>& product);
void add_product(const AnyProduct<std::complex<double>>& product);

// c += alpha * a @ b; alpha is 1 or -1, and a and b are parts of matrices or their adjoints, but not both adjoints.
template <class T, class A, class B>
void add_product(Block<T> c, RealOf<T> alpha, const A& a, const B& b) {
  add_product(AnyProduct<T>{c.rows(), c.cols(), a.cols(), c.data(), c.outerStride(), alpha, Operand<T>::of(a),
                            Operand<T>::of(b)});
}

enum class Op : uint8_t { None, Adjoint };

// Solves op(a) @ x = b in place of x for a triangular a.
template <class T>
void solve_left(const ConstBlock<T>& a, Op op, bool upper, bool unit, Block<T> x) {
  constexpr int64_t kEigenSide = 32;
  const int64_t n = a.rows();
  const bool adjoint = op == Op::Adjoint;
  if (n <= kEigenSide) {
    auto solve = [&]<unsigned Mode, unsigned AdjointMode>() {
      if (adjoint) {
        a.adjoint().template triangularView<AdjointMode>().solveInPlace(x);
      } else {
        a.template triangularView<Mode>().solveInPlace(x);
      }
    };
    if (upper && unit) return solve.template operator()<Eigen::UnitUpper, Eigen::UnitLower>();
    if (upper) return solve.template operator()<Eigen::Upper, Eigen::Lower>();
    if (unit) return solve.template operator()<Eigen::UnitLower, Eigen::UnitUpper>();
    return solve.template operator()<Eigen::Lower, Eigen::Upper>();
  }
  const int64_t half = n / 2, rest = n - half;
  const ConstBlock<T> first = a.topLeftCorner(half, half), last = a.bottomRightCorner(rest, rest);
  const ConstBlock<T> between =
      upper ? ConstBlock<T>(a.topRightCorner(half, rest)) : ConstBlock<T>(a.bottomLeftCorner(rest, half));
  Block<T> above = x.topRows(half), below = x.bottomRows(rest);
  auto eliminate = [&](Block<T> from, const Block<T>& known) {
    if (adjoint) {
      add_product<T>(from, -1, between.adjoint(), known);
    } else {
      add_product<T>(from, -1, between, known);
    }
  };
  if (upper == adjoint) {
    solve_left<T>(first, op, upper, unit, above);
    eliminate(below, above);
    solve_left<T>(last, op, upper, unit, below);
  } else {
    solve_left<T>(last, op, upper, unit, below);
    eliminate(above, below);
    solve_left<T>(first, op, upper, unit, above);
  }
}

// The families' kernels, by file.
void qr(const TensorView& q, const TensorView& r, const TensorView& a);
void geqrf(const TensorView& a, const TensorView& tau);
void apply_reflectors(const TensorView& c, const TensorView& a, const TensorView& tau, bool adjoint);
void ldl(const TensorView& a, const TensorView& pivots, const TensorView& info, bool hermitian);
void ldl_solve(const TensorView& x, const TensorView& ld, const TensorView& pivots, bool hermitian);
void eigh(const TensorView& values, const TensorView& a, const TensorView& info, bool vectors);
void eig(const TensorView& values, const TensorView& vectors, const TensorView& a, const TensorView& info);
void svd(const TensorView& u, const TensorView& s, const TensorView& v, const TensorView& a, const TensorView& info);

}  // namespace tenon::cpu
