// What the linear algebra ops share: their checks, and matrices stored as the backend wants them. Depends on the
// backend.
#pragma once

#include "backend/backend.h"
#include "tenon/tensor/tensor.h"

namespace tenon {

const LinalgKernels& linalg_kernels(const Tensor& tensor, const char* op);

// Throws unless A holds floating or complex matrices that are no half type's.
void check_matrices(const char* op, const Tensor& A, const char* name = "A");
void check_square_matrices(const char* op, const Tensor& A, const char* name = "A");

// Fresh matrices of these sizes, each stored column by column.
Tensor make_matrices(const char* op, IntArrayRef batch, int64_t rows, int64_t columns, const Tensor& like);
// A fresh copy of A, broadcast to a batch shape, in that layout; not recorded.
Tensor matrices_of(const char* op, const Tensor& A, IntArrayRef batch);
// The dims before the last two.
inline IntArrayRef batch_of(const Tensor& A) { return A.sizes().slice(0, A.sizes().size() - 2); }

// Matrices of make_matrices as a backend sees them.
class MatrixBatch {
 public:
  explicit MatrixBatch(const Tensor& matrices);
  TensorView view() const { return {data_, dtype_, sizes_, strides_}; }

 private:
  void* data_;
  ScalarType dtype_;
  DimVector sizes_, strides_;
};

}  // namespace tenon
