// The optimizer family of the CPU backend: one parallel loop over the elements of all tensors of a step.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/optim.cpp"
#include <algorithm>
#include <vector>

#include "backend/cpu/kernels.h"
#include "backend/cpu/row_convert.h"
#include "backend/cpu/simd.h"  // comes first
#include "backend/cpu/simd_value-inl.h"
#include "backend/matrix_step_kernels.h"
#include "tenon/base/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

#include "backend/cpu/step_loop-inl.h"

}  // namespace

const OptimKernels optim_table = {
#define TENON_KERNEL(name, Numbers, states) .name = step_all<Numbers>,
    TENON_FORALL_STEPS(TENON_KERNEL)
#undef TENON_KERNEL
};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(OptimKernels, optim_table)
}  // namespace tenon::cpu
#endif
