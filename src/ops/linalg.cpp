// See linalg.h.
#include "ops/linalg.h"

#include "backend/kernels_of.h"
#include "ops/edit.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {

const LinalgKernels& linalg_kernels(const Tensor& tensor, const char* op) {
  return kernels_of<&Backend::linalg>(tensor.device(), op);
}

void check_matrices(const char* op, const Tensor& A, const char* name) {
  TENON_CHECK(A.dim() >= 2, op, ": The input tensor ", name, " must have at least 2 dimensions, got shape ", A.sizes());
  TENON_CHECK(A.is_floating_point() || A.is_complex(), op, ": Expected a floating point or complex tensor as ", name,
              ". Got ", A.dtype());
  TENON_CHECK(A.dtype() != kHalf && A.dtype() != kBFloat16, op, ": Low precision dtypes not supported. Got ", A.dtype(),
              " for ", name);
}

void check_square_matrices(const char* op, const Tensor& A, const char* name) {
  check_matrices(op, A, name);
  TENON_CHECK(A.size(-1) == A.size(-2), op, ": ", name, " must be batches of square matrices, but they are ",
              A.size(-2), " by ", A.size(-1), " matrices");
}

void check_alike(const char* op, const Tensor& A, const Tensor& B, const char* name) {
  TENON_CHECK(A.dtype() == B.dtype(), op, ": Expected A and ", name, " to have the same dtype, but found A of type ",
              A.dtype(), " and ", name, " of type ", B.dtype(), " instead");
  check_same_device(op, A, B, name);
}

DimVector sizes_with(IntArrayRef batch, int64_t rows, int64_t columns) {
  DimVector sizes = batch;
  sizes.push_back(rows);
  sizes.push_back(columns);
  return sizes;
}

Tensor make_matrices(const char* op, IntArrayRef batch, int64_t rows, int64_t columns, const Tensor& like) {
  const Tensor transposed = make_tensor(sizes_with(batch, columns, rows), like.dtype(), like.device(), op);
  NoGradGuard no_grad;
  return transposed.mT();
}

Tensor matrices_of(const char* op, const Tensor& A, IntArrayRef batch) {
  Tensor copy = make_matrices(op, batch, A.size(-2), A.size(-1), A);
  NoGradGuard no_grad;
  copy.copy_(A);
  return copy;
}

Tensor make_vectors(const char* op, IntArrayRef batch, int64_t size, ScalarType dtype, const Tensor& like) {
  DimVector sizes = batch;
  sizes.push_back(size);
  return make_tensor(sizes, dtype, like.device(), op);
}

Tensor make_infos(IntArrayRef batch, const Tensor& like) {
  return zeros(batch, TensorOptions(kInt).device(like.device()));
}

bool holds_vectors(const Tensor& A, const Tensor& B) {
  return B.dim() == 1 || (A.dim() - 1 == B.dim() && B.sizes() == A.sizes().slice(0, A.sizes().size() - 1));
}

void check_infos(const char* op, const Tensor& info, std::string (*why)(int32_t)) {
  const Tensor host = info.detach().to(Device(kCPU)).contiguous();
  const int32_t* values = host.data_ptr<int32_t>();
  for (int64_t i = 0; i < host.numel(); ++i) {
    if (values[i] == 0) continue;
    const std::string which = info.dim() == 0 ? std::string() : concat("(Batch element ", i, "): ");
    detail::fail<LinAlgError>(op, ": ", which, why(values[i]));
  }
}

void check_phase(const char* op, const Tensor& imaginary_diagonal) {
  const Tensor detached = imaginary_diagonal.detach();
  TENON_CHECK(allclose(detached, zeros_like(detached), 1e-2, 1e-2), op,
              ": the vectors in the complex case are specified up to multiplication by e^{i phi}. The specified loss "
              "function depends on this quantity, so it is ill-defined");
}

MatrixBatch::MatrixBatch(const Tensor& matrices) : data_(matrices.data_ptr()), dtype_(matrices.dtype()) {
  const int64_t rows = matrices.size(-2), columns = matrices.size(-1);
  int64_t count = 1;
  for (int64_t size : batch_of(matrices)) count *= size;
  sizes_ = {count, rows, columns};
  strides_ = {rows * columns, 1, rows};
}

VectorBatch::VectorBatch(const Tensor& vectors) : data_(vectors.data_ptr()), dtype_(vectors.dtype()) {
  const int64_t size = vectors.dim() == 0 ? 1 : vectors.size(-1);
  sizes_[0] = size == 0 ? 0 : vectors.numel() / size;
  sizes_[1] = strides_[0] = size;
  strides_[1] = 1;
}

}  // namespace tenon
