// The lines of the elementwise table as types: tanh_op::forward(x), tanh_op::dx(g, x, y), ... over any value type V.
// There is no include guard: it is included inside the namespace that holds V's primitives, once for each SIMD target,
// after TENON_FORMULA is defined; see vocabulary-inl.h, which it includes.

#include "backend/expr/vocabulary-inl.h"

#define TENON_MORE(...) __VA_OPT__(, ) __VA_ARGS__
#define TENON_COUNT_OF(_1, _2, _3, _4, count, ...) count
#define TENON_COUNT(...) TENON_COUNT_OF(__VA_ARGS__ __VA_OPT__(, ) 4, 3, 2, 1, 0)
#define ZERO(v) zeros_like(v)
#define NONE \
  ::tenon::expr::NoGradient {}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define TENON_LINE_FACTS(name, dtypes_, args, arity_)                  \
  static constexpr ElementwiseKernel kernel = ElementwiseKernel::name; \
  static constexpr int arity = arity_;                                 \
  static constexpr unsigned dtypes = [] {                              \
    using namespace ::tenon::expr;                                     \
    return dtypes_;                                                    \
  }();                                                                 \
  static constexpr int param_count = TENON_COUNT args;

#define TENON_EW1(name, rule, dtypes_, params, args, forward_, dx_, doc)                 \
  struct name##_op {                                                                     \
    TENON_LINE_FACTS(name, dtypes_, args, 1)                                             \
    template <class V>                                                                   \
    static TENON_FORMULA auto forward(const V& x TENON_MORE params) {                    \
      return forward_;                                                                   \
    }                                                                                    \
    template <class V>                                                                   \
    static TENON_FORMULA auto dx(const V& g, const V& x, const V& y TENON_MORE params) { \
      return dx_;                                                                        \
    }                                                                                    \
  };
#define TENON_EW2(name, rule, dtypes_, params, args, forward_, da_, db_, doc)                        \
  struct name##_op {                                                                                 \
    TENON_LINE_FACTS(name, dtypes_, args, 2)                                                         \
    template <class V>                                                                               \
    static TENON_FORMULA auto forward(const V& a, const V& b TENON_MORE params) {                    \
      return forward_;                                                                               \
    }                                                                                                \
    template <class V>                                                                               \
    static TENON_FORMULA auto da(const V& g, const V& a, const V& b, const V& y TENON_MORE params) { \
      return da_;                                                                                    \
    }                                                                                                \
    template <class V>                                                                               \
    static TENON_FORMULA auto db(const V& g, const V& a, const V& b, const V& y TENON_MORE params) { \
      return db_;                                                                                    \
    }                                                                                                \
  };
#define TENON_EW3(name, rule, dtypes_, params, args, forward_, da_, db_, dc_, doc)                               \
  struct name##_op {                                                                                             \
    TENON_LINE_FACTS(name, dtypes_, args, 3)                                                                     \
    template <class V>                                                                                           \
    static TENON_FORMULA auto forward(const V& a, const V& b, const V& c TENON_MORE params) {                    \
      return forward_;                                                                                           \
    }                                                                                                            \
    template <class V>                                                                                           \
    static TENON_FORMULA auto da(const V& g, const V& a, const V& b, const V& c, const V& y TENON_MORE params) { \
      return da_;                                                                                                \
    }                                                                                                            \
    template <class V>                                                                                           \
    static TENON_FORMULA auto db(const V& g, const V& a, const V& b, const V& c, const V& y TENON_MORE params) { \
      return db_;                                                                                                \
    }                                                                                                            \
    template <class V>                                                                                           \
    static TENON_FORMULA auto dc(const V& g, const V& a, const V& b, const V& c, const V& y TENON_MORE params) { \
      return dc_;                                                                                                \
    }                                                                                                            \
  };
#define TENON_EW1_ TENON_EW1
#define TENON_EW2_ TENON_EW2
#define TENON_EW3_ TENON_EW3
#include "tenon/table/elementwise.inc"

#pragma GCC diagnostic pop

#undef TENON_LINE_FACTS
#undef TENON_MORE
#undef TENON_COUNT_OF
#undef TENON_COUNT
#undef ZERO
#undef NONE
