// How a Fourier transform of one length is computed: its factors, and tables of roots of unity. No dependencies.
//
// Stockham passes run on columns, as many independent transforms as a vector has lanes. One line of n = rows * columns
// numbers takes transforms of the columns, a twist by roots of unity, a transposition, and transforms of the rows.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace tenon::cpu {

// Prime factors up to this have a pass of their own; a length with a larger one takes Bluestein's convolution.
inline constexpr int kMostRadix = 61;

struct FftPass {
  int radix;
  int64_t groups;   // n = radix * groups * stride
  int64_t stride;   // the product of the radices before
  size_t twiddles;  // where those of the pass begin: radix - 1 complex numbers for each group
  size_t roots;     // where the cosines and sines of 2 pi j / radix begin, for odd radices
};

template <class T>
struct ColumnPlan {
  explicit ColumnPlan(int64_t n);

  int64_t n;
  std::vector<FftPass> passes;
  std::vector<T> twiddles, roots;
};

template <class T>
struct LinePlan {
  LinePlan(int64_t n, int lanes, bool real);

  int64_t n;
  int lanes;
  // n = rows * columns; columns is 1 where no cut pays.
  int64_t rows, columns;
  std::unique_ptr<ColumnPlan<T>> over_rows, over_columns;
  // The twist e^(-2 pi i q k / n) of row k and column q = block * lanes + lane is lane_twist[k][lane] times
  // block_twist[block][k]; all real parts come before the imaginary ones.
  std::vector<T> lane_twist, block_twist;

  // Transforms of columns of length n; null where they would take too much memory.
  std::unique_ptr<ColumnPlan<T>> whole;

  // Bluestein's: the transform is a convolution of length `convolution->n` with a chirp.
  std::unique_ptr<LinePlan<T>> convolution;
  std::vector<T> chirp, chirp_spectrum;

  // For real transforms, cos and sin of 2 pi k / (2 n) for k <= n / 2: by them the transform of 2n real numbers is made
  // from that of n complex ones.
  std::vector<T> half_cosines, half_sines;
};

// The plan of length n for vectors of `lanes` numbers, made when first asked for and kept.
template <class T>
std::shared_ptr<const LinePlan<T>> fft_plan(int64_t n, int lanes, bool real);

// The forward transform of n complex numbers, from which plans make their tables.
void transform_line(const double* in, double* out, int64_t n);

}  // namespace tenon::cpu
