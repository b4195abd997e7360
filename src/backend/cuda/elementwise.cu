// The elementwise family of the CUDA backend: chooses and launches the kernels of the table, and copies and fills.
#include <algorithm>
#include <cstring>

#include "backend/cuda/access.cuh"
#include "backend/cuda/elementwise_args.h"
#include "backend/expr/line.h"

namespace tenon::cuda {
namespace {

// --- the kernels of the table

// The type that a kernel of dtype `compute` works in; its list is null for dtypes that CUDA does not compute in.
struct Work {
  const KernelList* list;
  ScalarType dtype;
};

Work work_of(ScalarType compute) {
  if (compute == kDouble) return {&double_kernels(), kDouble};
  if (is_floating_point(compute)) return {&float_kernels(), kFloat};
  if (compute == kBool) return {&bool_kernels(), kBool};
  if (is_integral(compute, false)) return {&int64_kernels(), kLong};
  return {nullptr, compute};
}

// The number as `compute` holds it, as a `work`.
void store_number(const Scalar& number, ScalarType compute, ScalarType work, char* to) {
  visit_dtype(compute, [&]<class C>(C) {
    if constexpr (!expr::is_complex_v<C>) {
      const C held = number.to<C>();
      visit_dtype(work, [&]<class W>(W) {
        if constexpr (!expr::is_complex_v<W>) {
          const W value = expr::converted<W>(held);
          std::memcpy(to, &value, sizeof value);
        }
      });
    }
  });
}

void run(ElementwiseKernel kernel, ScalarType compute, const TensorView& out, const Operand* inputs, int count,
         const double* params) {
  const expr::KernelInfo& info = expr::info(kernel);
  const Work work = work_of(compute);
  const void* function = work.list ? work.list->kernels[static_cast<int>(kernel)] : nullptr;
  TENON_CHECK_AS(NotImplementedError, function != nullptr, info.name, ": not implemented for ", compute, " on cuda");
  const int64_t numel = out.numel();
  if (numel == 0) return;
  use_device();

  ElementwiseArgs args = {};
  args.numel = numel;
  args.out = out.data;
  args.compute = compute;
  args.result = info.rule == expr::Rule::BOOL ? kBool : compute;
  args.out_dtype = out.dtype;
  const ScalarType stored = info.rule == expr::Rule::BOOL ? kBool : work.dtype;
  args.plain = work.dtype == compute && out.dtype == stored && out.is_contiguous();
  const TensorView unread;
  const TensorView* views[kMaxOperands] = {&out};
  for (int k = 0; k < count; ++k) {
    ElementwiseInput& input = args.inputs[k];
    const bool read = info.reads >> k & 1;
    input.is_number = inputs[k].is_number;
    input.dtype = inputs[k].view.dtype;
    input.data = inputs[k].view.data;
    views[k + 1] = &unread;
    if (input.is_number) {
      store_number(inputs[k].number, compute, work.dtype, input.number);
    } else if (read) {
      views[k + 1] = &inputs[k].view;
      args.plain = args.plain && inputs[k].view.dtype == work.dtype && inputs[k].view.is_contiguous();
    }
  }
  std::copy_n(params, work.list->params[static_cast<int>(kernel)], args.params);
  if (!args.plain) args.layout = make_layout(info.name, views, count + 1);
  void* arguments[] = {&args};
  check(cudaLaunchKernel(function, dim3(blocks_for(numel)), dim3(kThreads), arguments, 0, nullptr), info.name);
}

// --- copies

struct CopyArgs {
  int64_t numel;
  void* dst;
  const void* src;
  ScalarType to;
  // Operand 0 is dst.
  Layout layout;
  // What a fill writes; src is null then.
  alignas(16) char number[16];
};

template <class From>
__global__ void __launch_bounds__(kThreads) copy_kernel(const __grid_constant__ CopyArgs args) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < args.numel; i += step) {
    int64_t offsets[2];
    locate(args.layout, 2, i, offsets);
    const From value = args.src != nullptr ? static_cast<const From*>(args.src)[offsets[1]]
                                           : *reinterpret_cast<const From*>(args.number);
    switch (args.to) {
#define TENON_CASE(type, name, python)                                                  \
  case ScalarType::name:                                                                \
    static_cast<type*>(args.dst)[offsets[0]] = expr::converted<type>(value);            \
    break;
      TENON_FORALL_DTYPES(TENON_CASE)
#undef TENON_CASE
    }
  }
}

void launch_copy(CopyArgs& args, const TensorView& dst, const TensorView& src) {
  args.numel = dst.numel();
  args.dst = dst.data;
  args.src = src.data;
  args.to = dst.dtype;
  const TensorView* views[] = {&dst, &src};
  args.layout = make_layout("copy_", views, 2);
  visit_dtype(src.dtype, [&]<class From>(From) {
    copy_kernel<From><<<blocks_for(args.numel), kThreads>>>(args);
  });
  check(cudaGetLastError(), "copy_");
}

void copy(const TensorView& dst, const TensorView& src) {
  const int64_t numel = dst.numel();
  if (numel == 0) return;
  use_device();
  if (dst.dtype == src.dtype && dst.is_contiguous() && src.is_contiguous()) {
    const size_t bytes = static_cast<size_t>(numel) * element_size(dst.dtype);
    return check(cudaMemcpyAsync(dst.data, src.data, bytes, cudaMemcpyDeviceToDevice, nullptr), "copy_");
  }
  CopyArgs args = {};
  launch_copy(args, dst, src);
}

void fill(const TensorView& dst, const Scalar& value) {
  if (dst.numel() == 0) return;
  use_device();
  CopyArgs args = {};
  visit_dtype(dst.dtype, [&]<class T>(T) {
    const T number = value.to<T>();
    std::memcpy(args.number, &number, sizeof number);
  });
  TensorView source;
  source.dtype = dst.dtype;
  launch_copy(args, dst, source);
}

}  // namespace

const ElementwiseKernels& elementwise_table() {
  static const ElementwiseKernels table = {run, copy, fill};
  return table;
}

}  // namespace tenon::cuda
