// See number_slots.h. These skip the argument parser: a call on two tensors unwraps, computes and wraps.
#include "number_slots.h"

#include <complex>

#include "arguments.h"
#include "autograd/record.h"
#include "interop.h"
#include "overrides.h"
#include "tensor_type.h"
#include "tenon/ops/ops.h"

namespace tenon::python {
namespace {

// The forms of a binary op; one that is missing makes Python try the reflected method, or raise TypeError.
// `name` is Tensor's method for them, `reflected` the one of a tensor on the right.
struct BinaryOp {
  Tensor (*tensors)(const Tensor&, const Tensor&);
  Tensor (*right_number)(const Tensor&, const Scalar&);
  Tensor (*left_number)(const Scalar&, const Tensor&);
  const char* name;
  const char* reflected;
};

using InplaceTensor = const Tensor& (*)(const Tensor&, const Tensor&);
using InplaceNumber = const Tensor& (*)(const Tensor&, const Scalar&);

bool is_long_work(const Tensor& a) { return a.numel() > kReleaseGilElements; }
bool is_long_work(const Tensor& a, const Tensor& b) {
  if (is_long_work(a) || is_long_work(b)) return true;
  return static_cast<double>(a.numel()) * static_cast<double>(b.numel()) > kReleaseGilProduct && a.sizes() != b.sizes();
}

template <class F>
Tensor compute(bool release, F&& body) {
  ReleaseGil gil(release);
  return body();
}

PyObject* not_implemented() { return Py_NewRef(Py_NotImplemented); }

// A NumPy array as an operand beside `tensor`. What the graph saves must not change with the array.
Tensor array_operand(PyObject* array, const Tensor& tensor) {
  const Tensor shared = tensor_over_buffer(array, "operator");
  return tensor.requires_grad() ? shared.clone() : shared;
}

template <const BinaryOp& op>
PyObject* binary(PyObject* left, PyObject* right) {
  return guarded([&]() -> PyObject* {
    const bool left_tensor = is_tensor(left), right_tensor = is_tensor(right);
    PyObject* const args[] = {left, right};
    if (is_overridden(args, 2)) {
      return left_tensor ? call_overridden_method(op.name, left, right)
                         : call_overridden_method(op.reflected, right, left);
    }
    if (left_tensor && right_tensor) {
      const Tensor &a = unwrap(left), &b = unwrap(right);
      return wrap(compute(is_long_work(a, b), [&] { return op.tensors(a, b); }));
    }
    PyObject* const other = left_tensor ? right : left;
    refuse_pytorch_tensor(other, op.name);
    Scalar number;
    if (!to_number(other, number)) {
      if (!is_numpy_array(other)) return not_implemented();
      const Tensor own = unwrap(left_tensor ? left : right), array = array_operand(other, own);
      return wrap(compute(is_long_work(array, own),
                          [&] { return left_tensor ? op.tensors(own, array) : op.tensors(array, own); }));
    }
    if (left_tensor) {
      if constexpr (op.right_number != nullptr) {
        const Tensor& a = unwrap(left);
        return wrap(compute(is_long_work(a), [&] { return op.right_number(a, number); }));
      }
    } else if constexpr (op.left_number != nullptr) {
      const Tensor& b = unwrap(right);
      return wrap(compute(is_long_work(b), [&] { return op.left_number(number, b); }));
    }
    return not_implemented();
  });
}

template <SlotName name, InplaceTensor tensor_form, InplaceNumber number_form>
PyObject* inplace(PyObject* left, PyObject* right) {
  return guarded([&]() -> PyObject* {
    PyObject* const args[] = {left, right};
    if (is_overridden(args, 2)) return call_overridden_method(name.text, left, right);
    const Tensor& a = unwrap(left);
    if (!is_tensor(right)) refuse_pytorch_tensor(right, name.text);
    Scalar number;
    if (is_tensor(right)) {
      ReleaseGil gil(is_long_work(a));
      tensor_form(a, unwrap(right));
    } else if (to_number(right, number)) {
      ReleaseGil gil(is_long_work(a));
      number_form(a, number);
    } else if (is_numpy_array(right)) {
      const Tensor array = array_operand(right, a);
      ReleaseGil gil(is_long_work(a));
      tensor_form(a, array);
    } else {
      return not_implemented();
    }
    return Py_NewRef(left);
  });
}

template <Tensor (Tensor::*op)() const>
PyObject* unary(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Tensor& x = unwrap(self);
    return wrap(compute(is_long_work(x), [&] { return (x.*op)(); }));
  });
}

// --- the ops whose functions have another shape than their slot

Tensor matmul_tensors(const Tensor& a, const Tensor& b) { return matmul(a, b); }
Tensor add_tensors(const Tensor& a, const Tensor& b) { return add(a, b); }
Tensor add_right(const Tensor& a, const Scalar& b) { return add(a, b); }
Tensor add_left(const Scalar& a, const Tensor& b) { return add(b, a); }
Tensor sub_tensors(const Tensor& a, const Tensor& b) { return sub(a, b); }
Tensor sub_right(const Tensor& a, const Scalar& b) { return sub(a, b); }
Tensor sub_left(const Scalar& a, const Tensor& b) { return b.rsub(a); }
Tensor mul_left(const Scalar& a, const Tensor& b) { return mul(b, a); }
Tensor div_tensors(const Tensor& a, const Tensor& b) { return div(a, b); }
Tensor div_right(const Tensor& a, const Scalar& b) { return div(a, b); }
Tensor div_left(const Scalar& a, const Tensor& b) { return mul(reciprocal(b), a); }
// The methods name their nodes as PyTorch does.
Tensor pow_tensors(const Tensor& a, const Tensor& b) { return a.pow(b); }
Tensor pow_right(const Tensor& a, const Scalar& b) { return a.pow(b); }
Tensor pow_left(const Scalar& a, const Tensor& b) { return shown_as("PowBackward2", pow(a, b)); }
const Tensor& add_inplace(const Tensor& a, const Tensor& b) { return add_(a, b); }
const Tensor& add_inplace_number(const Tensor& a, const Scalar& b) { return add_(a, b); }
const Tensor& sub_inplace(const Tensor& a, const Tensor& b) { return sub_(a, b); }
const Tensor& sub_inplace_number(const Tensor& a, const Scalar& b) { return sub_(a, b); }
const Tensor& div_inplace(const Tensor& a, const Tensor& b) { return div_(a, b); }
const Tensor& div_inplace_number(const Tensor& a, const Scalar& b) { return div_(a, b); }

#define TENON_INPLACE_FORMS(name)                                                                     \
  const Tensor& name##_inplace(const Tensor& a, const Tensor& b) { return a.name##_(b); }             \
  const Tensor& name##_inplace_number(const Tensor& a, const Scalar& b) { return a.name##_(b); }
TENON_INPLACE_FORMS(mul)
TENON_INPLACE_FORMS(floor_divide)
TENON_INPLACE_FORMS(remainder)
TENON_INPLACE_FORMS(pow)
TENON_INPLACE_FORMS(bitwise_and)
TENON_INPLACE_FORMS(bitwise_or)
TENON_INPLACE_FORMS(bitwise_xor)
TENON_INPLACE_FORMS(bitwise_left_shift)
TENON_INPLACE_FORMS(bitwise_right_shift)
#undef TENON_INPLACE_FORMS

constexpr BinaryOp kAdd = {add_tensors, add_right, add_left, "add", "add"};
constexpr BinaryOp kSub = {sub_tensors, sub_right, sub_left, "sub", "__rsub__"};
constexpr BinaryOp kMul = {mul, mul, mul_left, "mul", "mul"};
constexpr BinaryOp kDiv = {div_tensors, div_right, div_left, "div", "__rdiv__"};
constexpr BinaryOp kFloorDivide = {floor_divide, floor_divide, floor_divide, "__floordiv__", "__rfloordiv__"};
constexpr BinaryOp kRemainder = {remainder, remainder, remainder, "remainder", "__rmod__"};
constexpr BinaryOp kAnd = {bitwise_and, bitwise_and, bitwise_and, "__and__", "bitwise_and"};
constexpr BinaryOp kOr = {bitwise_or, bitwise_or, bitwise_or, "__or__", "bitwise_or"};
constexpr BinaryOp kXor = {bitwise_xor, bitwise_xor, bitwise_xor, "__xor__", "bitwise_xor"};
constexpr BinaryOp kLeftShift = {bitwise_left_shift, bitwise_left_shift, bitwise_left_shift, "__lshift__",
                                 "__rlshift__"};
constexpr BinaryOp kRightShift = {bitwise_right_shift, bitwise_right_shift, bitwise_right_shift, "__rshift__",
                                  "__rrshift__"};
constexpr BinaryOp kMatmul = {matmul_tensors, nullptr, nullptr, "matmul", "__rmatmul__"};
constexpr BinaryOp kPow = {pow_tensors, pow_right, pow_left, "pow", "__rpow__"};

#define TENON_COMPARISON(name, method) constexpr BinaryOp name##_forms = {name, name, name, method, method};
TENON_COMPARISON(eq, "__eq__")
TENON_COMPARISON(ne, "ne")
TENON_COMPARISON(lt, "lt")
TENON_COMPARISON(le, "le")
TENON_COMPARISON(gt, "gt")
TENON_COMPARISON(ge, "ge")
#undef TENON_COMPARISON

PyObject* power(PyObject* left, PyObject* right, PyObject* modulus) {
  if (modulus != Py_None) return not_implemented();
  return binary<kPow>(left, right);
}

PyObject* inplace_power(PyObject* left, PyObject* right, PyObject*) {
  return inplace<"pow_", pow_inplace, pow_inplace_number>(left, right);
}

PyObject* positive(PyObject* self) { return Py_NewRef(self); }

PyObject* compare(PyObject* left, PyObject* right, int op) {
  switch (op) {
#define TENON_COMPARE(slot, name) \
  case slot:                      \
    return binary<name##_forms>(left, right);
    TENON_COMPARE(Py_EQ, eq)
    TENON_COMPARE(Py_NE, ne)
    TENON_COMPARE(Py_LT, lt)
    TENON_COMPARE(Py_LE, le)
    TENON_COMPARE(Py_GT, gt)
    TENON_COMPARE(Py_GE, ge)
#undef TENON_COMPARE
  }
  return not_implemented();
}

// --- conversions to Python's numbers

int truth(PyObject* self) {
  return guarded(
      [&] {
        const Tensor& x = unwrap(self);
        TENON_CHECK_AS(Error, x.numel() == 1, "Boolean value of Tensor with ",
                       x.numel() == 0 ? "no values" : "more than one value", " is ambiguous");
        return x.item().to<bool>() ? 1 : 0;
      },
      -1);
}

Scalar only_element(const Tensor& x) {
  TENON_CHECK_VALUE(x.numel() == 1, "only one element tensors can be converted to Python scalars, got shape ",
                    x.sizes());
  return x.item();
}

PyObject* as_float(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Scalar value = only_element(unwrap(self));
    TENON_CHECK_AS(Error, !value.is_complex() || value.to<std::complex<double>>().imag() == 0,
                   "value cannot be converted to type double without overflow");
    return PyFloat_FromDouble(value.to_double());
  });
}

PyObject* as_int(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Scalar value = only_element(unwrap(self));
    if (value.is_integral()) return to_python_int(value);
    TENON_CHECK_TYPE(!value.is_complex(), "int() of a complex tensor; take its real part first");
    return PyLong_FromDouble(value.to_double());
  });
}

PyObject* as_index(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Tensor& x = unwrap(self);
    TENON_CHECK_TYPE(x.numel() == 1 && is_integral(x.dtype(), true),
                     "only integer tensors of a single element can be converted to an index");
    return to_python_int(x.item());
  });
}

}  // namespace

void add_number_slots(std::vector<PyType_Slot>& slots) {
  auto add = [&](int slot, auto* function) { slots.push_back({slot, reinterpret_cast<void*>(function)}); };
  add(Py_nb_add, binary<kAdd>);
  add(Py_nb_subtract, binary<kSub>);
  add(Py_nb_multiply, binary<kMul>);
  add(Py_nb_true_divide, binary<kDiv>);
  add(Py_nb_floor_divide, binary<kFloorDivide>);
  add(Py_nb_remainder, binary<kRemainder>);
  add(Py_nb_matrix_multiply, binary<kMatmul>);
  add(Py_nb_power, power);
  add(Py_nb_and, binary<kAnd>);
  add(Py_nb_or, binary<kOr>);
  add(Py_nb_xor, binary<kXor>);
  add(Py_nb_lshift, binary<kLeftShift>);
  add(Py_nb_rshift, binary<kRightShift>);
  add(Py_nb_inplace_add, inplace<"add_", add_inplace, add_inplace_number>);
  add(Py_nb_inplace_subtract, inplace<"sub_", sub_inplace, sub_inplace_number>);
  add(Py_nb_inplace_multiply, inplace<"mul_", mul_inplace, mul_inplace_number>);
  add(Py_nb_inplace_true_divide, inplace<"div_", div_inplace, div_inplace_number>);
  add(Py_nb_inplace_floor_divide, inplace<"floor_divide_", floor_divide_inplace, floor_divide_inplace_number>);
  add(Py_nb_inplace_remainder, inplace<"remainder_", remainder_inplace, remainder_inplace_number>);
  add(Py_nb_inplace_power, inplace_power);
  add(Py_nb_inplace_and, inplace<"__iand__", bitwise_and_inplace, bitwise_and_inplace_number>);
  add(Py_nb_inplace_or, inplace<"__ior__", bitwise_or_inplace, bitwise_or_inplace_number>);
  add(Py_nb_inplace_xor, inplace<"__ixor__", bitwise_xor_inplace, bitwise_xor_inplace_number>);
  add(Py_nb_inplace_lshift, inplace<"__ilshift__", bitwise_left_shift_inplace, bitwise_left_shift_inplace_number>);
  add(Py_nb_inplace_rshift, inplace<"__irshift__", bitwise_right_shift_inplace, bitwise_right_shift_inplace_number>);
  add(Py_nb_negative, static_cast<unaryfunc>(overridable<"neg", unary<&Tensor::neg>>));
  add(Py_nb_positive, static_cast<unaryfunc>(overridable<"positive", positive>));
  add(Py_nb_absolute, static_cast<unaryfunc>(overridable<"abs", unary<&Tensor::abs>>));
  add(Py_nb_invert, static_cast<unaryfunc>(overridable<"__invert__", unary<&Tensor::bitwise_not>>));
  add(Py_nb_bool, overridable_truth<"__bool__", truth>);
  add(Py_nb_float, static_cast<unaryfunc>(overridable<"__float__", as_float>));
  add(Py_nb_int, static_cast<unaryfunc>(overridable<"__int__", as_int>));
  add(Py_nb_index, static_cast<unaryfunc>(overridable<"__index__", as_index>));
  add(Py_tp_richcompare, compare);
}

}  // namespace tenon::python
