// The kernel families of the CPU backend, each defined in its own file of this folder.
#pragma once

#include "backend/backend.h"

namespace tenon::cpu {

TENON_API const ElementwiseKernels& elementwise_table();
TENON_API const ReductionKernels& reduction_table();
TENON_API const ScanKernels& scan_table();
TENON_API const SoftmaxKernels& softmax_table();
TENON_API const SortKernels& sort_table();
TENON_API const IndexKernels& index_table();
TENON_API const NormKernels& norm_table();
TENON_API const MatmulKernels& matmul_table();
TENON_API const ConvKernels& conv_table();
TENON_API const PoolKernels& pool_table();
TENON_API const LinalgKernels& linalg_table();
TENON_API const FftKernels& fft_table();
TENON_API const ResampleKernels& resample_table();
TENON_API const GridKernels& grid_table();
TENON_API const CtcKernels& ctc_table();
TENON_API const OptimKernels& optim_table();
TENON_API const RecurrentKernels& recurrent_table();

}  // namespace tenon::cpu
