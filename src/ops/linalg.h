// What the linear algebra ops share: their checks, and matrices stored as the backend wants them. Depends on the
// backend.
#pragma once

#include <string>

#include "backend/backend.h"
#include "tenon/ops/ops.h"

namespace tenon {

const LinalgKernels& linalg_kernels(const Tensor& tensor, const char* op);

// Throws unless A holds floating or complex matrices that are no half type's.
void check_matrices(const char* op, const Tensor& A, const char* name = "A");
void check_square_matrices(const char* op, const Tensor& A, const char* name = "A");
// Throws unless B has A's dtype and device.
void check_alike(const char* op, const Tensor& A, const Tensor& B, const char* name = "B");

// Fresh matrices of these sizes, each stored column by column.
Tensor make_matrices(const char* op, IntArrayRef batch, int64_t rows, int64_t columns, const Tensor& like);
// A fresh copy of A, broadcast to a batch shape, in that layout; not recorded.
Tensor matrices_of(const char* op, const Tensor& A, IntArrayRef batch);
// Fresh vectors of `size` elements per matrix, and zeros for the infos of matrices.
Tensor make_vectors(const char* op, IntArrayRef batch, int64_t size, ScalarType dtype, const Tensor& like);
Tensor make_infos(IntArrayRef batch, const Tensor& like);
// The dims before the last two.
inline IntArrayRef batch_of(const Tensor& A) { return A.sizes().slice(0, A.sizes().size() - 2); }
// The sizes of a batch of matrices.
DimVector sizes_with(IntArrayRef batch, int64_t rows, int64_t columns);

// Whether B holds one vector per matrix of A rather than matrices.
bool holds_vectors(const Tensor& A, const Tensor& B);

// Throws a LinAlgError made of the first info that is not zero, after the number of its matrix in a batch.
void check_infos(const char* op, const Tensor& info, std::string (*why)(int32_t));

// What is thrown where singular vectors or eigenvectors are differentiated by something that depends on their phase.
void check_phase(const char* op, const Tensor& imaginary_diagonal);

// x with the columns of its matrices, or their rows, multiplied by numbers.
inline Tensor scale_columns(const Tensor& x, const Tensor& by) { return x * by.unsqueeze(-2); }
inline Tensor scale_rows(const Tensor& x, const Tensor& by) { return x * by.unsqueeze(-1); }

// The gradient of a pseudoinverse P of A.
Tensor pinv_backward(const Tensor& grad, const Tensor& P, const Tensor& A);

// Tensors of make_matrices, make_vectors and make_infos as a backend sees them.
class MatrixBatch {
 public:
  explicit MatrixBatch(const Tensor& matrices);
  TensorView view() const { return {data_, dtype_, sizes_, strides_}; }

 private:
  void* data_;
  ScalarType dtype_;
  DimVector sizes_, strides_;
};

class VectorBatch {
 public:
  explicit VectorBatch(const Tensor& vectors);
  TensorView view() const { return {data_, dtype_, IntArrayRef(sizes_, 2), IntArrayRef(strides_, 2)}; }

 private:
  void* data_;
  ScalarType dtype_;
  int64_t sizes_[2], strides_[2];
};

}  // namespace tenon
