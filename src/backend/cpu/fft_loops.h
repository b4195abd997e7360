// The loops of the Fourier transforms that are compiled for each instruction set. Complex numbers of a line lie
// interleaved; inside a transform real and imaginary parts lie apart. Depends on fft_plan.h alone.
#pragma once

#include <cstdint>

#include "backend/cpu/fft_plan.h"

namespace tenon::cpu {

template <class T>
struct FftLoops {
  int lanes;

  // Working memory is 4 * n * lanes numbers, n the length of the columns. `inverse` takes the conjugate roots.

  // Up to `lanes` neighbouring columns of a matrix whose rows are `stride` complex numbers apart; out has in's layout.
  void (*columns)(const ColumnPlan<T>& plan, const T* in, T* out, int64_t stride, int count, bool inverse, T scale,
                  T* work);
  // The same for up to `lanes` lines of n numbers that follow each other.
  void (*lines)(const ColumnPlan<T>& plan, const T* in, T* out, int count, bool inverse, T scale, T* work);

  // The two halves of a line's transform, a block of `lanes` columns or rows at a time: from the line to the transposed
  // matrix, whose real and imaginary parts are `plane` numbers apart, and from that to the line.
  void (*over_rows)(const LinePlan<T>& plan, int64_t block, const T* in, T* matrix, int64_t plane, bool inverse,
                    T* work);
  void (*over_columns)(const LinePlan<T>& plan, int64_t block, const T* matrix, int64_t plane, T* out, bool inverse,
                       T scale, T* work);

  // out = a * b of n complex numbers, with a first and the product last conjugated if `conjugate`.
  void (*multiply)(const T* a, const T* b, T* out, int64_t n, bool conjugate_a, bool conjugate_out, T scale);

  // The transform of 2n real numbers from that of n complex ones made of their pairs, in place; x has room for n + 1.
  void (*split_real)(const LinePlan<T>& plan, T* x, T scale);
  // The other way round: n complex numbers whose backward transform holds the 2n real ones.
  void (*join_real)(const LinePlan<T>& plan, const T* in, T* out);
};

struct FftTable {
  FftLoops<float> single;
  FftLoops<double> precise;
};

const FftTable& fft_loops();

}  // namespace tenon::cpu
