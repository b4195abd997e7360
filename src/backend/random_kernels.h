// The random family of a backend: each fills a tensor with PyTorch's values, drawing in its order (that of memory).
// Callers have checked dtypes and parameters. Each takes the generator's mutex.
#pragma once

#include <cstdint>

#include "backend/tensor_view.h"
#include "tenon/base/generator.h"

namespace tenon {

struct RandomKernels {
  // Floating dtypes.
  void (*uniform)(const TensorView& out, double from, double to, Generator& generator);
  void (*normal)(const TensorView& out, double mean, double std, Generator& generator);
  void (*log_normal)(const TensorView& out, double mean, double std, Generator& generator);
  void (*cauchy)(const TensorView& out, double median, double sigma, Generator& generator);
  void (*exponential)(const TensorView& out, double lambda, Generator& generator);
  // Real dtypes but bool.
  void (*geometric)(const TensorView& out, double p, Generator& generator);
  // Real dtypes. Integers from base to base + range - 1; range 0 stands for all 2^64 (then int64, float32, float64 and
  // bfloat16 only).
  void (*integers)(const TensorView& out, uint64_t range, int64_t base, Generator& generator);
  // Real dtypes. Integers from zero to the greatest of the dtype; of floats to 2^(mantissa bits).
  void (*any_integers)(const TensorView& out, Generator& generator);
  // Real dtypes. One with probability p, else zero. `p` of the second has out's sizes (stride 0 where it broadcasts)
  // and a floating dtype; a value outside [0, 1] throws.
  void (*bernoulli)(const TensorView& out, double p, Generator& generator);
  void (*bernoulli_each)(const TensorView& out, const TensorView& p, Generator& generator);
  // Floating dtypes. What dropout multiplies by: 1 / (1 - p), or zero with probability p.
  void (*dropout_mask)(const TensorView& out, double p, Generator& generator);
  // A permutation of 0 to n - 1 into a contiguous 1-d view of any real dtype that holds n - 1.
  void (*permutation)(const TensorView& out, Generator& generator);
  // Indices into the last dim of `weights` (1-d or 2-d, floating), drawn in proportion: `out` is a contiguous int64
  // view [samples] or [rows, samples]. Without replacement samples is at most the number of weights. Throws on a weight
  // that is negative or not finite, and on a row without a positive one.
  void (*multinomial)(const TensorView& out, const TensorView& weights, bool replacement, Generator& generator);
  // A draw for each parameter: contiguous views of one size and floating dtype (no half type but for poisson). poisson
  // throws on a rate that is negative or NaN.
  void (*standard_gamma)(const TensorView& out, const TensorView& concentration, Generator& generator);
  void (*poisson)(const TensorView& out, const TensorView& rate, Generator& generator);
  void (*binomial)(const TensorView& out, const TensorView& count, const TensorView& prob, Generator& generator);
  // Implicit gradients, of contiguous views of one size and dtype, float32 or float64: of a gamma sample by its
  // concentration; of a Dirichlet component x by its own concentration, divided by 1 - x, where `total` sums them all.
  void (*standard_gamma_gradient)(const TensorView& out, const TensorView& concentration, const TensorView& sample);
  void (*dirichlet_gradient)(const TensorView& out, const TensorView& x, const TensorView& concentration,
                             const TensorView& total);
};

}  // namespace tenon
