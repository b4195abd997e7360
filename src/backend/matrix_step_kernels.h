// The steps of optimizers that look at more than an element: a family of the CPU alone; on other devices they are made
// of ops. See optim_kernels.h for the steps of single elements.
#pragma once

#include "backend/optim_kernels.h"
#include "tenon/base/export.h"

namespace tenon {

// Rows of `row` elements whose gradient is all zero stay as they are.
struct SparseAdamNumbers {
  double step_size, beta1, beta2, eps;
  int64_t row;
  bool maximize;
};
// Adafactor of matrices, with mean squares of their rows and columns; or, where these are null, of elements with a
// `variance` of their own. Contiguous floats.
struct AdafactorTensor {
  void *param, *row_var, *col_var, *variance;
  const void* grad;
  int64_t matrices, rows, columns;
};
// `weight` is that of the newest squares; steps are at least of size eps2, and of a root mean square of at most d.
struct AdafactorNumbers {
  double weight, rho, eps1, eps2, d, shrink;
  bool maximize;
};

struct MatrixStepKernels {
  // As the steps of optim_kernels.h, with the states exp_avg and exp_avg_sq.
  void (*sparse_adam)(ScalarType dtype, const StepTensor* tensors, const SparseAdamNumbers* numbers, int64_t count);
  void (*adafactor)(const AdafactorTensor* tensors, const AdafactorNumbers* numbers, int64_t count);
};

namespace cpu {
TENON_API const MatrixStepKernels& matrix_step_table();
}

}  // namespace tenon
