// The part of cuBLASLt that the matrix product uses, found at run time: building Tenon needs none of its files.
// cublaslt_check.cpp compares these declarations with the real header where there is one.
#pragma once

#include <cuda_runtime.h>
#include <library_types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace tenon::cuda::lt {

using Handle = void*;
using Desc = void*;
using Layout = void*;
using Preference = void*;

enum Compute : int { kCompute32F = 68, kCompute64F = 70 };
enum DescAttribute : int { kTransA = 3, kTransB = 4 };
enum LayoutAttribute : int { kBatchCount = 5, kBatchStride = 6 };
enum PreferenceAttribute : int { kMaxWorkspaceBytes = 1 };
enum Operation : int { kPlain = 0, kTransposed = 1 };

struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace_bytes;
  int status;
  float waves;
  int reserved[4];
};

// X(member, symbol, parameters); each returns a status, zero for success.
#define TENON_CUBLASLT(X)                                                                                             \
  X(create, cublasLtCreate, (Handle*))                                                                                \
  X(desc_create, cublasLtMatmulDescCreate, (Desc*, int compute, int scale))                                           \
  X(desc_destroy, cublasLtMatmulDescDestroy, (Desc))                                                                  \
  X(desc_set, cublasLtMatmulDescSetAttribute, (Desc, int, const void*, size_t))                                       \
  X(layout_create, cublasLtMatrixLayoutCreate, (Layout*, int type, uint64_t rows, uint64_t cols, int64_t ld))         \
  X(layout_destroy, cublasLtMatrixLayoutDestroy, (Layout))                                                            \
  X(layout_set, cublasLtMatrixLayoutSetAttribute, (Layout, int, const void*, size_t))                                 \
  X(preference_create, cublasLtMatmulPreferenceCreate, (Preference*))                                                 \
  X(preference_destroy, cublasLtMatmulPreferenceDestroy, (Preference))                                                \
  X(preference_set, cublasLtMatmulPreferenceSetAttribute, (Preference, int, const void*, size_t))                     \
  X(heuristic, cublasLtMatmulAlgoGetHeuristic,                                                                        \
    (Handle, Desc, Layout, Layout, Layout, Layout, Preference, int requested, Heuristic*, int* found))                \
  X(matmul, cublasLtMatmul,                                                                                           \
    (Handle, Desc, const void* alpha, const void*, Layout, const void*, Layout, const void* beta, const void*, Layout, \
     void*, Layout, const Algorithm*, void* workspace, size_t, cudaStream_t))

struct Library {
#define TENON_MEMBER(member, symbol, parameters) int(*member) parameters = nullptr;
  TENON_CUBLASLT(TENON_MEMBER)
#undef TENON_MEMBER
  Handle handle = nullptr;
};

// The library, opened on first use in the folders of TENON_CUDA_LIBRARY_PATH, then where the system looks, then in
// NVIDIA's Python packages beside this library's. Throws DeviceError saying where it looked.
const Library& library();

}  // namespace tenon::cuda::lt
