// The FoldKernels of every reduction, per instruction set. Depends on fold.h.
#pragma once

#include "backend/cpu/fold.h"

namespace tenon::cpu {

struct FoldKernels {
  // By Acc; a kernel without `row` does not exist. The state is one Acc value.
  FoldKernel sum[kAccCount];
  FoldKernel prod[kAccCount];
  FoldKernel max[kAccCount];
  FoldKernel min[kAccCount];
  // Over Flag; the state is an int64.
  FoldKernel count;
  // Over complex elements: the sums of |z| and |z|^2; the state is a double. By whether elements are C128.
  FoldKernel complex_abs[2];
  FoldKernel complex_squares[2];
  // By whether elements are F64 (else F32). The states are MeanState and LogSumExpState.
  FoldKernel mean[2];
  FoldKernel logsumexp[2];
  // x = |x| and x = x * x in place, by Acc; null for complex and Flag.
  void (*abs[kAccCount])(void* x, int64_t n);
  void (*square[kAccCount])(void* x, int64_t n);
};

struct MeanState {
  double count;
  double mean;
  double m2;
};

// sum(exp(x - max)); both in the precision of the elements, held as doubles.
struct LogSumExpState {
  double max;
  double sum;
};

const FoldKernels& fold_kernels();

}  // namespace tenon::cpu
