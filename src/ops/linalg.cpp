// See linalg.h.
#include "ops/linalg.h"

#include "tenon/autograd/grad_mode.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {

const LinalgKernels& linalg_kernels(const Tensor& tensor, const char* op) {
  const Backend& backend = backend_of(tensor);
  return require(backend.linalg, backend, op);
}

void check_matrices(const char* op, const Tensor& A, const char* name) {
  TENON_CHECK(A.dim() >= 2, op, ": The input tensor ", name, " must have at least 2 dimensions, got shape ", A.sizes());
  TENON_CHECK(A.is_floating_point() || A.is_complex(), op, ": Expected a floating point or complex tensor as ", name,
              ". Got ", A.dtype());
  TENON_CHECK(A.dtype() != kHalf && A.dtype() != kBFloat16, op,
              ": Low precision dtypes not supported. Got ", A.dtype(), " for ", name);
}

void check_square_matrices(const char* op, const Tensor& A, const char* name) {
  check_matrices(op, A, name);
  TENON_CHECK(A.size(-1) == A.size(-2), op, ": ", name, " must be batches of square matrices, but they are ",
              A.size(-2), " by ", A.size(-1), " matrices");
}

Tensor make_matrices(const char* op, IntArrayRef batch, int64_t rows, int64_t columns, const Tensor& like) {
  DimVector sizes = batch;
  sizes.push_back(columns);
  sizes.push_back(rows);
  const Tensor transposed = make_tensor(sizes, like.dtype(), like.device(), op);
  NoGradGuard no_grad;
  return transposed.mT();
}

Tensor matrices_of(const char* op, const Tensor& A, IntArrayRef batch) {
  Tensor copy = make_matrices(op, batch, A.size(-2), A.size(-1), A);
  NoGradGuard no_grad;
  copy.copy_(A);
  return copy;
}

MatrixBatch::MatrixBatch(const Tensor& matrices) : data_(matrices.data_ptr()), dtype_(matrices.dtype()) {
  const int64_t rows = matrices.size(-2), columns = matrices.size(-1);
  int64_t count = 1;
  for (int64_t size : batch_of(matrices)) count *= size;
  sizes_ = {count, rows, columns};
  strides_ = {rows * columns, 1, rows};
}

}  // namespace tenon
