// The elementwise lines as run-time facts: names, rules, kernels, and gradient formulas over tensors.
#include <array>
#include <string_view>
#include <utility>

#include "ops/elementwise.h"
#include "tenon/ops/ops.h"

namespace tenon {

// The formulas over tensors. Words that are functions of the table are found by their argument; these are the others.
namespace tensor_formulas {

#define TENON_FORMULA inline
template <class N>
Tensor polygamma(N n, const Tensor& x) {
  const double order = n;
  return elementwise(ElementwiseKernel::polygamma_of, Input(x), &order);
}
// Piecewise constant.
inline Tensor frexp_exponent(const Tensor& x) {
  const Tensor values = x.detach();
  return elementwise(ElementwiseKernel::frexp_exponent, Input(values));
}
inline Tensor i0e(const Tensor& x) { return special_i0e(x); }
inline Tensor i1(const Tensor& x) { return special_i1(x); }
inline Tensor i1e(const Tensor& x) { return special_i1e(x); }
inline Tensor zeta(const Tensor& a, const Tensor& b) { return special_zeta(a, b); }
inline Tensor floor_div(const Tensor& a, const Tensor& b) { return elementwise(ElementwiseKernel::floor_div, {a, b}); }
inline Tensor trunc_div(const Tensor& a, const Tensor& b) { return elementwise(ElementwiseKernel::trunc_div, {a, b}); }

#include "backend/expr/formulas-inl.h"

}  // namespace tensor_formulas

namespace {

// Calls f with the first N of params as arguments.
template <int N, class F>
auto with_params(const double* params, F f) {
  return [&]<size_t... I>(std::index_sequence<I...>) { return f(params[I]...); }(std::make_index_sequence<N>());
}

// Fills in the gradient of input I, whose formula is `formula`, unless the line says NONE.
template <int I, class F>
void add_gradient(ElementwiseOp& op, ElementwiseKernel kernel, F) {
  using Result = std::invoke_result_t<F, const Tensor&, const Tensor*, const Tensor&, const double*>;
  if constexpr (!std::is_same_v<Result, expr::NoGradient>) {
    op.gradient_kernel[I] = kernel;
    op.gradient[I] = [](const Tensor& g, const Tensor* in, const Tensor& y, const double* params) -> Tensor {
      return F{}(g, in, y, params);
    };
    op.uses[I] = expr::info(kernel).reads >> 1;  // bit 0 is g, which is always there
  }
}

// The ops that run the lines which users do not see.
struct Runner {
  std::string_view line;
  const char* op;
};
constexpr Runner kRunners[] = {
    {"add2", "add"},
    {"addcdiv_by", "addcdiv"},
    {"addcmul_by", "addcmul"},
    {"bce_error", "binary_cross_entropy"},
    {"bce_logits_error", "binary_cross_entropy_with_logits"},
    {"clamp3", "clamp"},
    {"clamp_above", "clamp"},
    {"clamp_below", "clamp"},
    {"conj_values", "conj"},
    {"floor_div", "div"},
    {"frexp_exponent", "frexp"},
    {"frexp_mantissa", "frexp"},
    {"gelu_erf", "gelu"},
    {"gelu_tanh", "gelu"},
    {"huber_error", "huber_loss"},
    {"kl_error", "kl_div"},
    {"lerp3", "lerp"},
    {"logit_of", "logit"},
    {"masked_set", "masked_fill"},
    {"nan_to_num_with", "nan_to_num"},
    {"polygamma_of", "polygamma"},
    {"pow2", "pow"},
    {"round_half_even", "round"},
    {"smooth_l1_error", "smooth_l1_loss"},
    {"softsign_of", "softsign"},
    {"square_of", "square"},
    {"squared_error", "mse_loss"},
    {"sub2", "sub"},
    {"true_div", "div"},
    {"trunc_div", "div"},
    {"where3", "where"},
};

consteval const char* runner_of(std::string_view line) {
  for (const Runner& runner : kRunners) {
    if (runner.line == line) return runner.op;
  }
  throw "each line that users do not see needs the name of an op that runs it";
}

template <class Line>
ElementwiseOp make_op(const char* name, const char* user_name, expr::Rule rule) {
  // A special function's node is shown with its module: SpecialI1Backward0.
  const char* recorded = std::string_view(user_name).starts_with("special.") ? user_name : name;
  return {recorded, user_name, Line::arity, Line::param_count, rule, Line::dtypes, Line::kernel, {}, {}, {}};
}

#define TENON_UNPACK(...) __VA_ARGS__
#define TENON_GRADIENT(I, name, formula, inputs)                                                              \
  add_gradient<I>(op, ElementwiseKernel::name##_##formula,                                                    \
                  [](const Tensor& g, const Tensor* in, const Tensor& y, const double* params) {              \
                    return with_params<tensor_formulas::name##_op::param_count>(params, [&](auto... p) {      \
                      return tensor_formulas::name##_op::formula(g, TENON_UNPACK inputs, y, p...);            \
                    });                                                                                       \
                  });
#define TENON_OP(name, user_name, rule, gradients)                                \
  {                                                                               \
    ElementwiseOp& op = table[static_cast<size_t>(ElementwiseKernel::name)];      \
    op = make_op<tensor_formulas::name##_op>(#name, user_name, expr::Rule::rule); \
    gradients                                                                     \
  }
#define TENON_OP1(name, user_name, rule) TENON_OP(name, user_name, rule, TENON_GRADIENT(0, name, dx, (in[0])))
#define TENON_OP2(name, user_name, rule)                                        \
  TENON_OP(name, user_name, rule, TENON_GRADIENT(0, name, da, (in[0], in[1])) \
                                      TENON_GRADIENT(1, name, db, (in[0], in[1])))
#define TENON_OP3(name, user_name, rule)                                               \
  TENON_OP(name, user_name, rule, TENON_GRADIENT(0, name, da, (in[0], in[1], in[2])) \
                                      TENON_GRADIENT(1, name, db, (in[0], in[1], in[2])) \
                                          TENON_GRADIENT(2, name, dc, (in[0], in[1], in[2])))

using Table = std::array<ElementwiseOp, static_cast<size_t>(ElementwiseKernel::count)>;

Table make_table() {
  Table table{};
#define TENON_EW1(name, rule, ...) TENON_OP1(name, #name, rule)
#define TENON_EW2(name, rule, ...) TENON_OP2(name, #name, rule)
#define TENON_SPECIAL1(name, rule, ...) TENON_OP1(name, "special." #name, rule)
#define TENON_SPECIAL2(name, rule, ...) TENON_OP2(name, "special." #name, rule)
#define TENON_EW1_(name, rule, ...) TENON_OP1(name, runner_of(#name), rule)
#define TENON_EW2_(name, rule, ...) TENON_OP2(name, runner_of(#name), rule)
#define TENON_EW3_(name, rule, ...) TENON_OP3(name, runner_of(#name), rule)
#include "tenon/table/elementwise.inc"
  return table;
}

}  // namespace

const ElementwiseOp& elementwise_op(ElementwiseKernel line) {
  static const Table table = make_table();
  return table[static_cast<size_t>(line)];
}

}  // namespace tenon
