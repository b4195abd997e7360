// Compares cublaslt.h with NVIDIA's header when the program is compiled; built where TENON_CUBLAS_INCLUDE says.
#include <cublasLt.h>

#include "backend/cuda/cublaslt.h"

namespace tenon::cuda::lt {

static_assert(static_cast<int>(kCompute32F) == static_cast<int>(CUBLAS_COMPUTE_32F));
static_assert(static_cast<int>(kCompute64F) == static_cast<int>(CUBLAS_COMPUTE_64F));
static_assert(static_cast<int>(kTransA) == static_cast<int>(CUBLASLT_MATMUL_DESC_TRANSA));
static_assert(static_cast<int>(kTransB) == static_cast<int>(CUBLASLT_MATMUL_DESC_TRANSB));
static_assert(static_cast<int>(kBatchCount) == static_cast<int>(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT));
static_assert(static_cast<int>(kBatchStride) == static_cast<int>(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET));
static_assert(static_cast<int>(kMaxWorkspaceBytes) == static_cast<int>(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES));
static_assert(static_cast<int>(kPlain) == static_cast<int>(CUBLAS_OP_N));
static_assert(static_cast<int>(kTransposed) == static_cast<int>(CUBLAS_OP_T));
static_assert(sizeof(Algorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(Heuristic) == sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(offsetof(Heuristic, workspace_bytes) == offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(offsetof(Heuristic, status) == offsetof(cublasLtMatmulHeuristicResult_t, state));

}  // namespace tenon::cuda::lt
