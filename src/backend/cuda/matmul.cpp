// The matrix product of the CUDA backend, by cuBLASLt. It computes in column-major order, where a row-major product
// out = lhs @ rhs is out' = rhs' @ lhs'.
#include <complex>
#include <memory>
#include <new>

#include "backend/cuda/cublaslt.h"
#include "backend/cuda/launch.h"

namespace tenon::cuda {
namespace {

constexpr size_t kWorkspaceBytes = size_t{32} << 20;

void succeed(int status, const char* call) {
  TENON_CHECK_DEVICE(status == 0, "matmul: ", call, " failed with cuBLAS status ", status);
}

// Owns one of cuBLASLt's objects.
class Handle {
 public:
  explicit Handle(int (*destroy)(void*)) : destroy_(destroy) {}
  ~Handle() {
    if (value) destroy_(value);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  void* value = nullptr;

 private:
  int (*destroy_)(void*);
};

struct Types {
  cudaDataType_t data, scale;
  lt::Compute compute;
};

Types types_of(ScalarType dtype) {
  switch (dtype) {
    case kFloat:
      return {CUDA_R_32F, CUDA_R_32F, lt::kCompute32F};
    case kDouble:
      return {CUDA_R_64F, CUDA_R_64F, lt::kCompute64F};
    case kHalf:
      return {CUDA_R_16F, CUDA_R_32F, lt::kCompute32F};
    case kBFloat16:
      return {CUDA_R_16BF, CUDA_R_32F, lt::kCompute32F};
    case kComplexFloat:
      return {CUDA_C_32F, CUDA_C_32F, lt::kCompute32F};
    case kComplexDouble:
      return {CUDA_C_64F, CUDA_C_64F, lt::kCompute64F};
    default:
      detail::fail<NotImplementedError>("matmul: not implemented for ", dtype, " on cuda");
  }
}

// A scale factor as the bytes cuBLASLt wants.
struct Factor {
  alignas(16) char bytes[16] = {};

  Factor(const Scalar& value, cudaDataType_t type) {
    if (type == CUDA_R_32F) new (bytes) float(value.to<float>());
    else if (type == CUDA_R_64F) new (bytes) double(value.to<double>());
    else if (type == CUDA_C_32F) new (bytes) std::complex<float>(value.to<std::complex<float>>());
    else new (bytes) std::complex<double>(value.to<std::complex<double>>());
  }
};

// A view with one of its last two strides 1, copied into `storage` where the given one has none.
class Packed {
 public:
  explicit Packed(const TensorView& source, bool row_major_only = false) : view_(source) {
    const auto good = [&](int unit, int other) {
      return (source.strides[unit] == 1 || source.sizes[unit] == 1) && source.strides[other] >= source.sizes[unit];
    };
    row_major_ = good(2, 1);
    if (row_major_ || (!row_major_only && good(1, 2))) return;
    row_major_ = true;
    copied_ = std::make_unique<Scratch>(static_cast<size_t>(source.numel()) * element_size(source.dtype));
    strides_[0] = source.strides[0] == 0 ? 0 : source.sizes[1] * source.sizes[2];
    strides_[1] = source.sizes[2];
    strides_[2] = 1;
    view_ = {copied_->data(), source.dtype, source.sizes, IntArrayRef(strides_, 3)};
  }
  // One matrix is enough where all of the batch are the same.
  void fill_from(const TensorView& source) const {
    if (!copied_) return;
    int64_t sizes[3] = {strides_[0] == 0 ? 1 : source.sizes[0], source.sizes[1], source.sizes[2]};
    TensorView to = view_, from = source;
    to.sizes = from.sizes = IntArrayRef(sizes, 3);
    elementwise_table().copy(to, from);
  }
  bool copied() const { return copied_ != nullptr; }
  bool row_major() const { return row_major_; }
  const TensorView& view() const { return view_; }
  int64_t leading() const { return row_major_ ? view_.strides[1] : view_.strides[2]; }

 private:
  TensorView view_;
  bool row_major_;
  int64_t strides_[3];
  std::unique_ptr<Scratch> copied_;
};

// The layout of what column-major order sees in a row-major matrix: its transpose, or itself.
void make_matrix(const lt::Library& lib, Handle& layout, const Packed& matrix, cudaDataType_t type) {
  const TensorView& view = matrix.view();
  const uint64_t inner = static_cast<uint64_t>(view.sizes[matrix.row_major() ? 2 : 1]);
  const uint64_t outer = static_cast<uint64_t>(view.sizes[matrix.row_major() ? 1 : 2]);
  succeed(lib.layout_create(&layout.value, type, inner, outer, matrix.leading()), "cublasLtMatrixLayoutCreate");
  const int32_t batch = static_cast<int32_t>(view.sizes[0]);
  const int64_t stride = batch == 1 ? 0 : view.strides[0];
  succeed(lib.layout_set(layout.value, lt::kBatchCount, &batch, sizeof batch), "setting the batch");
  succeed(lib.layout_set(layout.value, lt::kBatchStride, &stride, sizeof stride), "setting the batch");
}

void multiply(const Packed& out, const Packed& lhs, const Packed& rhs, const Scalar& alpha, const Scalar& beta) {
  const lt::Library& lib = lt::library();
  const Types types = types_of(out.view().dtype);
  Handle desc(lib.desc_destroy), a(lib.layout_destroy), b(lib.layout_destroy), c(lib.layout_destroy);
  Handle preference(lib.preference_destroy);
  succeed(lib.desc_create(&desc.value, types.compute, types.scale), "cublasLtMatmulDescCreate");
  const int32_t trans_a = rhs.row_major() ? lt::kPlain : lt::kTransposed;
  const int32_t trans_b = lhs.row_major() ? lt::kPlain : lt::kTransposed;
  succeed(lib.desc_set(desc.value, lt::kTransA, &trans_a, sizeof trans_a), "setting a transpose");
  succeed(lib.desc_set(desc.value, lt::kTransB, &trans_b, sizeof trans_b), "setting a transpose");
  make_matrix(lib, a, rhs, types.data);
  make_matrix(lib, b, lhs, types.data);
  make_matrix(lib, c, out, types.data);
  succeed(lib.preference_create(&preference.value), "cublasLtMatmulPreferenceCreate");
  succeed(lib.preference_set(preference.value, lt::kMaxWorkspaceBytes, &kWorkspaceBytes, sizeof kWorkspaceBytes),
          "setting the workspace");
  lt::Heuristic chosen = {};
  int found = 0;
  succeed(lib.heuristic(lib.handle, desc.value, a.value, b.value, c.value, c.value, preference.value, 1, &chosen,
                        &found),
          "cublasLtMatmulAlgoGetHeuristic");
  TENON_CHECK_DEVICE(found == 1, "matmul: cuBLASLt has no algorithm for these sizes");
  const Scratch workspace(chosen.workspace_bytes);
  const Factor scale(alpha, types.scale), keep(beta, types.scale);
  void* result = out.view().data;
  succeed(lib.matmul(lib.handle, desc.value, scale.bytes, rhs.view().data, a.value, lhs.view().data, b.value,
                     keep.bytes, result, c.value, result, c.value, &chosen.algorithm, workspace.data(),
                     chosen.workspace_bytes, nullptr),
          "cublasLtMatmul");
}

void matmul(const TensorView& out, const TensorView& lhs, const TensorView& rhs, const Scalar& alpha,
            const Scalar& beta, const TensorView* bias) {
  if (out.numel() == 0) return;
  use_device();
  const ElementwiseKernels& elementwise = elementwise_table();
  const bool fresh = beta.equal(0);
  int64_t bias_strides[3] = {0, 0, bias ? bias->strides[0] : 0};
  TensorView added;
  if (bias) added = {bias->data, bias->dtype, out.sizes, IntArrayRef(bias_strides, 3)};
  // A bias is what the result starts from, where nothing else is.
  if (fresh && bias) elementwise.copy(out, added);
  const bool accumulates = !fresh || bias != nullptr;
  const Scalar kept = fresh ? Scalar(accumulates ? 1.0 : 0.0) : beta;

  if (lhs.sizes[2] == 0) {
    const Operand scaled[] = {out, kept};
    if (accumulates) elementwise.run(ElementwiseKernel::mul, out.dtype, out, scaled, 2, nullptr);
    else elementwise.fill(out, Scalar(0));
  } else {
    const Packed left(lhs), right(rhs), result(out, true);
    left.fill_from(lhs);
    right.fill_from(rhs);
    if (accumulates) result.fill_from(out);
    multiply(result, left, right, alpha, kept);
    if (result.copied()) elementwise.copy(out, result.view());
  }
  if (!fresh && bias) {
    const Operand sum[] = {out, added};
    elementwise.run(ElementwiseKernel::add2, out.dtype, out, sum, 2, nullptr);
  }
}

}  // namespace

const MatmulKernels& matmul_table() {
  static const MatmulKernels table = {matmul};
  return table;
}

}  // namespace tenon::cuda
