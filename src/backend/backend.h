// The interface of a device: a table of kernel families that work on plain views. The CPU implements all of it, the
// CUDA plug-in a part; a family that a backend lacks is null, and `require` turns that into an error that names it.
//
// Callers have checked shapes and dtypes; kernels assume them. Outputs are allocated and never overlap inputs, except
// that an elementwise output may be exactly one of its inputs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/conv_kernels.h"
#include "backend/ctc_kernels.h"
#include "backend/elementwise_kernel.h"
#include "backend/fft_kernels.h"
#include "backend/index_kernels.h"
#include "backend/linalg_kernels.h"
#include "backend/norm_kernels.h"
#include "backend/optim_kernels.h"
#include "backend/pool_kernels.h"
#include "backend/random_kernels.h"
#include "backend/recurrent_kernels.h"
#include "backend/resample_kernels.h"
#include "backend/sort_kernels.h"
#include "backend/tensor_view.h"
#include "tenon/base/device.h"
#include "tenon/base/export.h"

namespace tenon {

struct MemoryKernels {
  // At least `bytes` bytes aligned to 64; throws OutOfMemoryError with requested, in-use and peak bytes.
  void* (*allocate)(size_t bytes, int device_index);
  void (*deallocate)(void* data, size_t bytes, int device_index);
  // Plain bytes; the direction follows from which side is on this device.
  void (*copy_to_host)(void* host, const void* device, size_t bytes, int device_index);
  void (*copy_from_host)(void* device, const void* host, size_t bytes, int device_index);
  void (*empty_cache)();
  // Waits for all work on the device.
  void (*synchronize)(int device_index);
};

struct ElementwiseKernels {
  // out[i] = kernel(inputs...[i]), computed in dtype `compute`: inputs convert to it on the way in and results to
  // out.dtype on the way out (comparisons give bool and REAL ops the real type whatever `compute` is). Every input
  // view has out's sizes, with stride 0 where it broadcasts. `params` holds the doubles of the table line.
  void (*run)(ElementwiseKernel kernel, ScalarType compute, const TensorView& out, const Operand* inputs, int count,
              const double* params);
  // Converts src to dst's dtype; same sizes, any strides (src may broadcast). Complex to real keeps the real part.
  void (*copy)(const TensorView& dst, const TensorView& src);
  void (*fill)(const TensorView& dst, const Scalar& value);
};

enum class Reduction : uint8_t { Sum, Prod, Max, Min, Any, All, SumAbs, SumSquares, CountNonzero };

struct ReductionKernels {
  // out has in's number of dims with size 1 at each reduced dim. Computed in `compute`, the dtype that inputs convert
  // to; half types accumulate in float. Max and Min return NaN when any element is NaN. SumAbs and SumSquares of
  // complex values are real. `out` may be an empty reduction: the identity (0, 1, false, true) is written.
  void (*reduce)(Reduction op, ScalarType compute, const TensorView& out, const TensorView& in);
  // The extreme along one dim and where it first is (NaN counts as extreme). Either output may have null data.
  void (*extreme_along)(bool is_max, const TensorView& values, const TensorView& indices, const TensorView& in,
                        int64_t dim);
  // Mean and sum of squared deviations over the reduced dims, by a numerically stable one-pass merge.
  void (*mean_m2)(const TensorView& mean, const TensorView& m2, const TensorView& in);
  // log(sum(exp(in))) without overflow.
  void (*logsumexp)(const TensorView& out, const TensorView& in);
};

enum class Scan : uint8_t { Sum, Prod, Max, Min, LogSumExp };

struct ScanKernels {
  // Inclusive scan along `dim`; out and in have the same sizes and dtype. Max and Min also write indices.
  void (*scan)(Scan op, const TensorView& out, const TensorView& indices, const TensorView& in, int64_t dim);
};

struct MatmulKernels {
  // out[b] = beta * out[b] + alpha * (lhs[b] @ rhs[b]) (+ bias), for 3-d views of any strides with a common dtype and
  // equal or broadcast (stride 0) batch. bias is null or a 1-d view over the columns. beta == 0 never reads out.
  void (*matmul)(const TensorView& out, const TensorView& lhs, const TensorView& rhs, const Scalar& alpha,
                 const Scalar& beta, const TensorView* bias);
};

struct SoftmaxKernels {
  // Along the last dim of contiguous 2-d views [rows, n]. Half types compute in float.
  void (*forward)(bool log, const TensorView& out, const TensorView& in);
  // grad_in from grad_out and the forward result y.
  void (*backward)(bool log, const TensorView& grad_in, const TensorView& grad_out, const TensorView& y);
  // Of row r the first r % period + 1 elements alone; the rest of out is zero. This and the following may be null.
  void (*causal)(const TensorView& out, const TensorView& in, int64_t period);
  // losses[r] = -y[r][classes[r]] of logarithms y, float or double, or 0 where the class, an int64, is `ignored`. Gives
  // the number of those that are not, or -1 if y has no such class.
  int64_t (*class_losses)(const TensorView& losses, const TensorView& y, const TensorView& classes, int64_t ignored);
  // grad_in of the input that y are the logarithms of, from the 1-d grad_losses of any stride.
  void (*class_backward)(const TensorView& grad_in, const TensorView& grad_losses, const TensorView& y,
                         const TensorView& classes, int64_t ignored);
};

struct Backend {
  const char* name;
  const MemoryKernels* memory;
  const ElementwiseKernels* elementwise;
  const ReductionKernels* reduction;
  const ScanKernels* scan;
  const MatmulKernels* matmul;
  const SoftmaxKernels* softmax;
  const ConvKernels* conv;
  const SortKernels* sort;
  const IndexKernels* index;
  const NormKernels* norm;
  const RandomKernels* random;
  const PoolKernels* pool;
  const LinalgKernels* linalg;
  const FftKernels* fft;
  const ResampleKernels* resample;
  const GridKernels* grid;
  const CtcKernels* ctc;
  const OptimKernels* optim;
  const RecurrentKernels* recurrent;
};

// The backend of a device; throws DeviceError saying why it is unavailable.
TENON_API const Backend& backend_of(Device device);
// The CPU's, always there.
const Backend& cpu_backend();

// *family, or DeviceError saying that `op` does not run on this backend.
template <class Family>
const Family& require(const Family* family, const Backend& backend, const char* op) {
  TENON_CHECK_DEVICE(family != nullptr, op, ": not available on ", backend.name);
  return *family;
}

}  // namespace tenon
