// The steps that look at more than an element, for the CPU; compiled for size, since they wait for memory.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/matrix_steps.cpp"
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

// Whether any of n elements is not zero.
bool is_touched(ScalarType dtype, const void* grad, int64_t offset, int64_t n) {
  const auto any = [=]<class T>(const T* at, T bits) {
    for (int64_t i = offset; i < offset + n; ++i) {
      if ((at[i] & bits) != 0) return true;
    }
    return false;
  };
  // All bits but the sign: there are two zeros.
  if (dtype == kDouble) return any(static_cast<const uint64_t*>(grad), ~uint64_t{0} >> 1);
  if (dtype == kFloat) return any(static_cast<const uint32_t*>(grad), ~uint32_t{0} >> 1);
  return any(static_cast<const uint16_t*>(grad), uint16_t{0x7fff});
}

void sparse_adam(ScalarType dtype, const StepTensor* tensors, const SparseAdamNumbers* numbers, int64_t count) {
  for_parts(tensors, count, [&](size_t i, int64_t begin, int64_t end) {
    // The rows that begin in this part.
    const int64_t row = numbers[i].row;
    for (int64_t at = (begin + row - 1) / row * row; at < end; at += row) {
      if (is_touched(dtype, tensors[i].grad, at, row)) step_part(dtype, tensors[i], numbers[i], at, at + row);
    }
  });
}

#include "backend/cpu/adafactor-inl.h"

}  // namespace

const MatrixStepKernels matrix_step_table = {.sparse_adam = sparse_adam, .adafactor = adafactor};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(MatrixStepKernels, matrix_step_table)
}  // namespace tenon::cpu
#endif
