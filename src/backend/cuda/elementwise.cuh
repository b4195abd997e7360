// The elementwise kernels: every formula of the table over one value type. Each elementwise_<type>.cu compiles them for
// its type and lists them by number; elementwise.cu launches them.
#pragma once

#include <utility>

#include "backend/cuda/access.cuh"
#include "backend/cuda/elementwise_args.h"
#include "backend/cuda/real.cuh"
#include "backend/expr/line.h"

namespace tenon::cuda {

// The formulas find the primitives of both value types by their arguments; those that take constants alone need none.
#define TENON_FORMULA __host__ __device__ inline
#include "backend/expr/calls-inl.h"
#undef TENON_FORMULA

template <class T>
using ValueOf = std::conditional_t<std::is_floating_point_v<T>, Real<T>, expr::Lane<T>>;

template <class F, int Input>
inline constexpr bool kReads = expr::info(F::id).reads >> Input & 1;

template <class T>
__device__ inline T input_at(const ElementwiseArgs& args, int k, int64_t index, const int64_t* offsets) {
  const ElementwiseInput& input = args.inputs[k];
  if (input.is_number) return *reinterpret_cast<const T*>(input.number);
  if (args.plain) return static_cast<const T*>(input.data)[index];
  const T value = load_as<T>(input.data, offsets[k + 1], input.dtype);
  return input.dtype == args.compute ? value : held_as(args.compute, value);
}

template <class F, class T, size_t... I>
__device__ inline auto element(const ElementwiseArgs& args, int64_t index, const int64_t* offsets,
                               std::index_sequence<I...>) {
  const ValueOf<T> values[] = {ValueOf<T>(kReads<F, I> ? input_at<T>(args, I, index, offsets) : T(0))...};
  return apply<F>(values, args.params).value;
}

template <class F, class T>
__global__ void __launch_bounds__(kThreads) elementwise_kernel(const __grid_constant__ ElementwiseArgs args) {
  using Out = typename ResultOf<F, ValueOf<T>>::value_type;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < args.numel; i += step) {
    int64_t offsets[F::inputs + 1];
    if (!args.plain) locate(args.layout, F::inputs + 1, i, offsets);
    Out result = element<F, T>(args, i, offsets, std::make_index_sequence<F::inputs>());
    if (args.plain) {
      static_cast<Out*>(args.out)[i] = result;
    } else {
      if (args.out_dtype != args.result) result = held_as(args.result, result);
      store_as(args.out, offsets[0], args.out_dtype, result);
    }
  }
}

// The formula's kernel over T, or null where the table does not claim it.
template <class F, class T>
void add(KernelList& list) {
  constexpr unsigned kind = std::is_floating_point_v<T>    ? expr::FLOATS
                            : std::is_same_v<T, bool> ? expr::BITS
                                                      : expr::INTS;
  if constexpr ((F::dtypes & kind) != 0) {
    if constexpr (!std::is_same_v<ResultOf<F, ValueOf<T>>, expr::NoGradient>) {
      list.kernels[static_cast<int>(F::id)] = reinterpret_cast<const void*>(&elementwise_kernel<F, T>);
      list.params[static_cast<int>(F::id)] = F::param_count;
    }
  }
}

// Only floating values have gradients here.
template <class T, template <class> class... Formulas>
struct Lister {
  template <class Op>
  static void line(KernelList& list) {
    add<Forward<Op>, T>(list);
    if constexpr (std::is_floating_point_v<T>) (add<Formulas<Op>, T>(list), ...);
  }
};

template <class T>
KernelList list_kernels() {
  KernelList list;
#define TENON_EW1(name, ...) Lister<T, GradientX>::template line<name##_op>(list);
#define TENON_EW2(name, ...) Lister<T, GradientA, GradientB>::template line<name##_op>(list);
#define TENON_EW3(name, ...) Lister<T, GradientA, GradientB, GradientC>::template line<name##_op>(list);
#define TENON_EW1_ TENON_EW1
#define TENON_EW2_ TENON_EW2
#define TENON_EW3_ TENON_EW3
#include "tenon/table/elementwise.inc"
  return list;
}

}  // namespace tenon::cuda
