// Calls every function and method of the table directly, as C++ programs do, with undefined tensors: each throws
// TensorError. Functions and methods that the table does not hold follow.
#include <sstream>
#include <string_view>

#include "helpers.h"

namespace tenon::testing {
namespace {

// An argument of each type; tensors are undefined.
template <class T>
struct Argument {
  static T make() { return T(); }
};
template <>
struct Argument<TensorList> {
  static TensorList make() {
    static const std::vector<Tensor> tensors(2);
    return tensors;
  }
};
template <>
struct Argument<IntArrayRef> {
  static IntArrayRef make() {
    static const std::vector<int64_t> ones{1};
    return ones;
  }
};
template <>
struct Argument<Scalar> {
  static Scalar make() { return 1; }
};
template <>
struct Argument<int64_t> {
  static int64_t make() { return 1; }
};
template <>
struct Argument<double> {
  static double make() { return 0.5; }
};
template <>
struct Argument<std::string_view> {
  static std::string_view make() { return "constant"; }
};
template <>
struct Argument<Device> {
  static Device make() { return kCPU; }
};
template <>
struct Argument<ScalarType> {
  static ScalarType make() { return kFloat; }
};
template <>
struct Argument<Generator> {
  static Generator make() { return Generator(1); }
};

template <class T>
constexpr bool kHoldsTensor = std::is_same_v<std::decay_t<T>, Tensor> || std::is_same_v<std::decay_t<T>, TensorList>;

template <class R, class... Args>
void expect_error(const char* name, R (*function)(Args...)) {
  if constexpr ((kHoldsTensor<Args> || ...)) {
    SCOPED_TRACE(name);
    EXPECT_THROWS(TensorError, function(Argument<std::decay_t<Args>>::make()...), "");
  }
}

template <class R, class... Args>
void expect_error(std::string_view name, R (Tensor::*method)(Args...) const) {
  // Messages may have the name of an in-place form without its underscore.
  if (name.ends_with('_')) name.remove_suffix(1);
  SCOPED_TRACE(name);
  EXPECT_THROWS(TensorError, (Tensor().*method)(Argument<std::decay_t<Args>>::make()...), std::string(name));
}

#define TENON_AND(...) __VA_OPT__(, ) __VA_ARGS__

TEST(Undefined, EveryFunctionOfTheTableThrows) {
#define TENON_DEF(...)
#define TENON_EW1(name, rule, dtypes, params, ...) \
  expect_error(#name, static_cast<Tensor (*)(const Tensor& self TENON_AND params)>(&tenon::name));
#define TENON_EW2(name, ...)                                                                \
  expect_error(#name, static_cast<Tensor (*)(const Tensor&, const Tensor&)>(&tenon::name)); \
  expect_error(#name, static_cast<Tensor (*)(const Tensor&, const Scalar&)>(&tenon::name)); \
  expect_error(#name, static_cast<Tensor (*)(const Scalar&, const Tensor&)>(&tenon::name));
#define TENON_SPECIAL1(name, ...) expect_error(#name, static_cast<Tensor (*)(const Tensor&)>(&tenon::special_##name));
#define TENON_SPECIAL2(name, ...)                                                                     \
  expect_error(#name, static_cast<Tensor (*)(const Tensor&, const Tensor&)>(&tenon::special_##name)); \
  expect_error(#name, static_cast<Tensor (*)(const Tensor&, const Scalar&)>(&tenon::special_##name)); \
  expect_error(#name, static_cast<Tensor (*)(const Scalar&, const Tensor&)>(&tenon::special_##name));
#include "tenon/table/elementwise.inc"
#define TENON_DEF(...)
#define TENON_METHOD(name, ret, params, ...) \
  expect_error(#name, static_cast<ret (*)(const Tensor& self TENON_AND params)>(&tenon::name));
#define TENON_METHOD_ONLY TENON_METHOD
#define TENON_INPLACE(name, params, ...) TENON_METHOD(name, const Tensor&, params)
#define TENON_FUNCTION(name, ret, params, ...) expect_error(#name, static_cast<ret(*) params>(&tenon::name));
#define TENON_NN TENON_FUNCTION
#define TENON_HIDDEN TENON_FUNCTION
#define TENON_LINALG(name, ret, params, ...) expect_error(#name, static_cast<ret(*) params>(&tenon::linalg_##name));
#define TENON_FFT(name, ret, params, ...) expect_error(#name, static_cast<ret(*) params>(&tenon::fft_##name));
#include "tenon/table/structured.inc"
}

TEST(Undefined, EveryMethodOfTheTableThrowsAndNamesItself) {
#define TENON_DEF(...)
#define TENON_EW1(name, rule, dtypes, params, ...)                                 \
  expect_error(#name, static_cast<Tensor(Tensor::*) params const>(&Tensor::name)); \
  expect_error(#name, static_cast<const Tensor&(Tensor::*)params const>(&Tensor::name##_));
#define TENON_EW2(name, ...)                                                                \
  expect_error(#name, static_cast<Tensor (Tensor::*)(const Tensor&) const>(&Tensor::name)); \
  expect_error(#name, static_cast<const Tensor& (Tensor::*)(const Scalar&) const>(&Tensor::name##_));
#include "tenon/table/elementwise.inc"
#define TENON_DEF(...)
#define TENON_METHOD(name, ret, params, ...) \
  expect_error(#name, static_cast<ret(Tensor::*) params const>(&Tensor::name));
#define TENON_METHOD_ONLY TENON_METHOD
#define TENON_INPLACE(name, params, ...) TENON_METHOD(name, const Tensor&, params)
#include "tenon/table/structured.inc"
}

TEST(Undefined, OnlyQueriesOfBeingDefinedTakeOne) {
  Tensor none;
  EXPECT_FALSE(none.defined());
  EXPECT_TRUE(none.is_same(Tensor()));
  std::ostringstream out;
  out << none;
  EXPECT_EQ(out.str(), "[ Tensor (undefined) ]");
  none.reset();
}

TEST(Undefined, OtherMembersThrow) {
  const Tensor none, x = ones({2});
  Tensor out;
#define EXPECT_UNDEFINED(expression) EXPECT_THROWS(TensorError, expression, "undefined")
  EXPECT_UNDEFINED(none.sizes());
  EXPECT_UNDEFINED(none.strides());
  EXPECT_UNDEFINED(none.size(0));
  EXPECT_UNDEFINED(none.stride(0));
  EXPECT_UNDEFINED(none.dim());
  EXPECT_UNDEFINED(none.ndimension());
  EXPECT_UNDEFINED(none.numel());
  EXPECT_UNDEFINED(none.storage_offset());
  EXPECT_UNDEFINED(none.dtype());
  EXPECT_UNDEFINED(none.scalar_type());
  EXPECT_UNDEFINED(none.device());
  EXPECT_UNDEFINED(none.storage());
  EXPECT_UNDEFINED(none.element_size());
  EXPECT_UNDEFINED(none.nbytes());
  EXPECT_UNDEFINED(none.is_cpu());
  EXPECT_UNDEFINED(none.is_floating_point());
  EXPECT_UNDEFINED(none.is_contiguous());
  EXPECT_UNDEFINED(none.is_contiguous(MemoryFormat::ChannelsLast));
  EXPECT_UNDEFINED(none.is_non_overlapping_and_dense());
  EXPECT_UNDEFINED(none.options());
  EXPECT_UNDEFINED(none.is_inference());
  EXPECT_UNDEFINED(none.data_ptr());
  EXPECT_UNDEFINED(none.data_ptr<float>());
  EXPECT_UNDEFINED(none.item());
  EXPECT_UNDEFINED(none.item<float>());
  EXPECT_UNDEFINED(none.requires_grad());
  EXPECT_UNDEFINED(none.requires_grad_());
  EXPECT_UNDEFINED(none.is_leaf());
  EXPECT_UNDEFINED(none.grad());
  EXPECT_UNDEFINED(none.mutable_grad());
  EXPECT_UNDEFINED(none.grad_fn());
  EXPECT_UNDEFINED(none.output_nr());
  EXPECT_UNDEFINED(none.backward());
  EXPECT_UNDEFINED(none.detach());
  EXPECT_UNDEFINED(none.detach_());
  EXPECT_UNDEFINED(none.data());
  EXPECT_UNDEFINED(none.set_data(x));
  EXPECT_UNDEFINED(x.set_data(none));
  EXPECT_UNDEFINED(none.retain_grad());
  EXPECT_UNDEFINED(none.retains_grad());
  EXPECT_UNDEFINED(none.register_hook([](const Tensor& grad) { return grad; }));
  EXPECT_UNDEFINED(none.remove_hook(0));
  EXPECT_UNDEFINED(none._version());
  EXPECT_UNDEFINED(none.is_view());
  EXPECT_UNDEFINED(none.index({0}));
  EXPECT_UNDEFINED(none.index_put_({0}, x));
  EXPECT_UNDEFINED(none.index_put_({0}, 1));
  EXPECT_UNDEFINED(x.index_put_({0}, none));
  EXPECT_UNDEFINED(none[0]);
  EXPECT_UNDEFINED(none[x]);
  EXPECT_UNDEFINED(none.to(kFloat));
  EXPECT_UNDEFINED(none.to(Device(kCPU)));
  EXPECT_UNDEFINED(none.to(Device(kCPU), kFloat));
  EXPECT_UNDEFINED(none.to(TensorOptions(kFloat)));
  EXPECT_UNDEFINED(none.cpu());
  EXPECT_UNDEFINED(none + x);
  EXPECT_UNDEFINED(x += none);
  EXPECT_UNDEFINED(-none);
  EXPECT_UNDEFINED(1 - none);
  EXPECT_UNDEFINED(add_out(out, none, x));
  EXPECT_UNDEFINED(exp_out(out, none));
  EXPECT_UNDEFINED(mul_out(out, x, none));
  EXPECT_UNDEFINED(autograd::backward({none}));
  EXPECT_UNDEFINED(autograd::grad({none}, {x}));
#undef EXPECT_UNDEFINED
  EXPECT_THROW(autograd::grad({ones({1}).requires_grad_()}, {none}), TensorError);
}

}  // namespace
}  // namespace tenon::testing
