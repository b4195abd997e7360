// Symmetric and Hermitian indefinite matrices by the diagonal pivoting of Bunch and Kaufman, with LAPACK's choices of
// pivots and its way to write them down.
#include <array>
#include <cmath>

#include "backend/cpu/linalg.h"

namespace tenon::cpu {
namespace {

template <class T>
T conj_if(T x, bool conjugate) {
  return conjugate ? Eigen::numext::conj(x) : x;
}

template <class T>
RealOf<T> magnitude(T x) {
  return std::abs(Eigen::numext::real(x)) + std::abs(Eigen::numext::imag(x));
}

// The inverse of a diagonal block of two rows, of which d10 is below the diagonal: its elements 00, 10, 01 and 11.
template <class T>
std::array<T, 4> inverse_of_two(T d00, T d10, T d11, bool hermitian) {
  const RealOf<T> scale = std::abs(d10);
  const T a = d00 / scale, b = d10 / scale, c = conj_if(b, hermitian), d = d11 / scale;
  const T factor = T{1} / ((a * d - b * c) * scale);
  return {d * factor, -b * factor, -c * factor, a * factor};
}

template <class T>
class BunchKaufman {
 public:
  BunchKaufman(Block<T> a, int32_t* pivots, bool hermitian) : a_(a), pivots_(pivots), hermitian_(hermitian) {}

  // 0, or the number of the first diagonal element of D that is zero.
  int32_t factor() {
    int32_t info = 0;
    for (int64_t k = 0; k < a_.rows();) {
      int64_t row = k, step = 1;
      if (!choose(k, row, step)) {
        if (info == 0) info = static_cast<int32_t>(k + 1);
        pivots_[k] = static_cast<int32_t>(k + 1);
        ++k;
        continue;
      }
      const int64_t last = k + step - 1;
      if (row != last) swap(k, last, row, step);
      if (hermitian_) {
        for (int64_t i : {last, row, k}) a_(i, i) = Eigen::numext::real(a_(i, i));
      }
      if (step == 1) {
        eliminate_one(k);
        pivots_[k] = static_cast<int32_t>(row + 1);
      } else {
        eliminate_two(k);
        pivots_[k] = pivots_[k + 1] = -static_cast<int32_t>(row + 1);
      }
      k += step;
    }
    return info;
  }

 private:
  // Which row becomes that of the pivot, and how many rows the pivot has; false if the column is zero.
  bool choose(int64_t k, int64_t& row, int64_t& step) const {
    const RealOf<T> ratio = (1 + std::sqrt(RealOf<T>(17))) / 8;
    const RealOf<T> diagonal = diagonal_magnitude(k);
    RealOf<T> below = 0;
    int64_t largest = k;
    for (int64_t i = k + 1; i < a_.rows(); ++i) {
      if (magnitude<T>(a_(i, k)) > below) {
        below = magnitude<T>(a_(i, k));
        largest = i;
      }
    }
    if (!(std::max(diagonal, below) > 0)) return false;
    if (diagonal >= ratio * below) return true;
    RealOf<T> beside = 0;
    for (int64_t j = k; j < largest; ++j) beside = std::max(beside, magnitude<T>(a_(largest, j)));
    for (int64_t i = largest + 1; i < a_.rows(); ++i) beside = std::max(beside, magnitude<T>(a_(i, largest)));
    if (diagonal >= ratio * below * (below / beside)) return true;
    row = largest;
    if (diagonal_magnitude(largest) < ratio * beside) step = 2;
    return true;
  }

  RealOf<T> diagonal_magnitude(int64_t i) const {
    return hermitian_ ? std::abs(Eigen::numext::real(a_(i, i))) : magnitude<T>(a_(i, i));
  }

  // Swaps rows and columns `i` and `row` > i of what is not eliminated yet.
  void swap(int64_t k, int64_t i, int64_t row, int64_t step) {
    const int64_t below = a_.rows() - row - 1;
    a_.col(i).tail(below).swap(a_.col(row).tail(below));
    for (int64_t j = i + 1; j < row; ++j) {
      const T old = a_(j, i);
      a_(j, i) = conj_if<T>(a_(row, j), hermitian_);
      a_(row, j) = conj_if<T>(old, hermitian_);
    }
    a_(row, i) = conj_if<T>(a_(row, i), hermitian_);
    std::swap(a_(i, i), a_(row, row));
    if (step == 2) std::swap(a_(k + 1, k), a_(row, k));
  }

  void eliminate_one(int64_t k) {
    const int64_t n = a_.rows();
    const T scale = T{1} / a_(k, k);
    for (int64_t j = k + 1; j < n; ++j) {
      const T factor = conj_if<T>(a_(j, k) * scale, hermitian_);
      a_.col(j).tail(n - j) -= factor * a_.col(k).tail(n - j);
      if (hermitian_) a_(j, j) = Eigen::numext::real(a_(j, j));
    }
    a_.col(k).tail(n - k - 1) *= scale;
  }

  void eliminate_two(int64_t k) {
    const int64_t n = a_.rows();
    const auto inverse = inverse_of_two<T>(a_(k, k), a_(k + 1, k), a_(k + 1, k + 1), hermitian_);
    for (int64_t j = k + 2; j < n; ++j) {
      const T first = a_(j, k) * inverse[0] + a_(j, k + 1) * inverse[1];
      const T second = a_(j, k) * inverse[2] + a_(j, k + 1) * inverse[3];
      a_.col(j).tail(n - j) -=
          conj_if(first, hermitian_) * a_.col(k).tail(n - j) + conj_if(second, hermitian_) * a_.col(k + 1).tail(n - j);
      if (hermitian_) a_(j, j) = Eigen::numext::real(a_(j, j));
      a_(j, k) = first;
      a_(j, k + 1) = second;
    }
  }

  Block<T> a_;
  int32_t* pivots_;
  bool hermitian_;
};

template <class T>
void solve(Block<T> x, const ConstBlock<T>& ld, const int32_t* pivots, bool hermitian) {
  const int64_t n = ld.rows();
  auto swap_with_pivot = [&](int64_t i) {
    const int64_t row = std::abs(pivots[i]) - 1;
    if (row != i) x.row(i).swap(x.row(row));
  };
  for (int64_t k = 0; k < n;) {
    const int64_t step = pivots[k] > 0 ? 1 : 2, last = k + step - 1, below = n - last - 1;
    swap_with_pivot(last);
    x.bottomRows(below).noalias() -= ld.block(last + 1, k, below, step) * x.middleRows(k, step);
    if (step == 1) {
      x.row(k) /= ld(k, k);
    } else {
      const auto inverse = inverse_of_two<T>(ld(k, k), ld(k + 1, k), ld(k + 1, k + 1), hermitian);
      for (int64_t j = 0; j < x.cols(); ++j) {
        const T first = x(k, j), second = x(k + 1, j);
        x(k, j) = inverse[0] * first + inverse[2] * second;
        x(k + 1, j) = inverse[1] * first + inverse[3] * second;
      }
    }
    k += step;
  }
  for (int64_t last = n - 1; last >= 0;) {
    const int64_t step = pivots[last] > 0 ? 1 : 2, k = last - step + 1, below = n - last - 1;
    const auto factors = ld.block(last + 1, k, below, step);
    if (hermitian) {
      x.middleRows(k, step).noalias() -= factors.adjoint() * x.bottomRows(below);
    } else {
      x.middleRows(k, step).noalias() -= factors.transpose() * x.bottomRows(below);
    }
    swap_with_pivot(last);
    last -= step;
  }
}

}  // namespace

void ldl(const TensorView& a, const TensorView& pivots, const TensorView& info, bool hermitian) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    info.as<int32_t>()[i] = BunchKaufman<T>(matrix_at<T>(a, i), vector_at<int32_t>(pivots, i), hermitian).factor();
  });
}

void ldl_solve(const TensorView& x, const TensorView& ld, const TensorView& pivots, bool hermitian) {
  for_matrices(ld, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    solve<T>(matrix_at<T>(x, i), matrix_at<T>(ld, i), vector_at<int32_t>(pivots, i), hermitian);
  });
}

}  // namespace tenon::cpu
