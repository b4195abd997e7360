// Calls of modules whose class is not known; see any.h.
#include "tenon/nn/any.h"

namespace tenon::nn {

void detail::fail_any_cast(const char* what, const std::type_info& actual, const std::type_info& wanted) {
  tenon::detail::fail<TensorError>("Attempted to cast ", what, " of type ", type_name(actual), " to type ",
                                   type_name(wanted));
}

void detail::fail_any_argument(size_t index, const std::type_info& wanted, const std::type_info& actual) {
  tenon::detail::fail<TensorError>("Expected argument #", index, " to be of type ", type_name(wanted),
                                   ", but received value of type ", type_name(actual));
}

void detail::fail_any_empty(const char* call) {
  tenon::detail::fail<TensorError>("Cannot call ", call, " on an empty AnyModule");
}

AnyValue detail::AnyForward::operator()(Module& module, std::vector<AnyValue>&& arguments) const {
  const size_t given = arguments.size();
  if (module._forward_has_default_args()) {
    const size_t required = module._forward_num_required_args();
    TENON_CHECK(given >= required && given <= arity, type_name(type), "'s forward() method expects at least ", required,
                " argument(s) and at most ", arity, " argument(s), but received ", given, ".");
    arguments = module._forward_populate_default_args(std::move(arguments));
  }
  TENON_CHECK(arguments.size() == arity, type_name(type), "'s forward() method expects ", arity,
              " argument(s), but received ", given, ".", given < arity ? " If " : "",
              given < arity ? type_name(type) : "",
              given < arity ? "'s forward() method has default arguments, please make sure the forward() method is "
                              "declared with a corresponding `FORWARD_HAS_DEFAULT_ARGS` macro."
                            : "");
  if (!module.has_hooks()) [[likely]]
    return call(module, arguments.data());
  HookedCall hooked(module);
  TensorPointers inputs, outputs;
  for (AnyValue& argument : arguments) {
    if (Tensor* tensor = argument.try_get<Tensor>()) inputs.push_back(tensor);
  }
  hooked.before(inputs);
  AnyValue result = call(module, arguments.data());
  if (auto* tensor = result.try_get<Tensor>()) add_tensors(outputs, *tensor);
  if (auto* pair = result.try_get<std::tuple<Tensor, Tensor>>()) add_tensors(outputs, *pair);
  if (auto* lstm = result.try_get<std::tuple<Tensor, std::tuple<Tensor, Tensor>>>()) add_tensors(outputs, *lstm);
  hooked.after(outputs);
  return result;
}

AnyValue AnyModule::call(std::vector<AnyValue>&& arguments) {
  if (!module_) detail::fail_any_empty("forward()");
  return (*forward_)(*module_, std::move(arguments));
}

}  // namespace tenon::nn
