// The formulas of the elementwise table as the kernels call them: a line's result and each of its gradients as a type,
// Forward<Op>, GradientX<Op> ..., applied to arrays of values and of parameters. Included like formulas-inl.h, which it
// includes.

#include "backend/expr/formulas-inl.h"

template <class Op>
struct Forward : Op {
  static constexpr ElementwiseKernel id = Op::kernel;
  static constexpr int inputs = Op::arity;
  template <class... A>
  static TENON_FORMULA auto call(const A&... a) {
    return Op::forward(a...);
  }
};
#define TENON_GRADIENT(Name, member, offset)                                                                       \
  template <class Op>                                                                                              \
  struct Name : Op {                                                                                               \
    static constexpr ElementwiseKernel id = static_cast<ElementwiseKernel>(static_cast<int>(Op::kernel) + offset); \
    static constexpr int inputs = Op::arity + 2;                                                                   \
    template <class... A>                                                                                          \
    static TENON_FORMULA auto call(const A&... a) {                                                                \
      return Op::member(a...);                                                                                     \
    }                                                                                                              \
  };
TENON_GRADIENT(GradientX, dx, 1)
TENON_GRADIENT(GradientA, da, 1)
TENON_GRADIENT(GradientB, db, 2)
TENON_GRADIENT(GradientC, dc, 3)
#undef TENON_GRADIENT

template <class F, class V, size_t... I, size_t... P>
TENON_FORMULA auto apply(const V* in, const double* params, std::index_sequence<I...>, std::index_sequence<P...>) {
  return F::call(in[I]..., params[P]...);
}
template <class F, class V>
TENON_FORMULA auto apply(const V* in, const double* params) {
  return apply<F>(in, params, std::make_index_sequence<F::inputs>(), std::make_index_sequence<F::param_count>());
}
template <class F, class V>
using ResultOf = decltype(apply<F>(static_cast<const V*>(nullptr), nullptr));
