// Custom differentiable functions, as in libtorch:
//
//   struct Square : tenon::autograd::Function<Square> {
//     static Tensor forward(AutogradContext* ctx, const Tensor& x) { ctx->save_for_backward({x}); return x * x; }
//     static std::vector<Tensor> backward(AutogradContext* ctx, std::vector<Tensor> grads) {
//       return {2 * ctx->get_saved_variables()[0] * grads[0]};
//     }
//   };
//   Tensor y = Square::apply(x);
#pragma once

#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tenon/autograd/autograd.h"
#include "tenon/tensor/ivalue.h"

namespace tenon::autograd {

using Variable = Tensor;
using variable_list = std::vector<Tensor>;
using tensor_list = std::vector<Tensor>;

class TENON_API AutogradContext {
 public:
  // Constants for backward, by name.
  std::unordered_map<std::string, IValue> saved_data;

  // Call once, in forward; only inputs and outputs should be saved.
  void save_for_backward(variable_list tensors) { to_save_ = std::move(tensors); }
  variable_list get_saved_variables() const;
  // Inputs that forward edited in place.
  void mark_dirty(const variable_list& inputs);
  void mark_non_differentiable(const variable_list& outputs);
  // Whether backward receives zeros (the default) or undefined tensors for outputs without gradient.
  void set_materialize_grads(bool value) { materialize_grads_ = value; }
  bool needs_input_grad(size_t tensor_input) const;

 private:
  friend class FunctionNode;
  variable_list to_save_;
  std::unordered_set<TensorImpl*> dirty_;
  std::unordered_set<TensorImpl*> non_differentiable_;
  bool materialize_grads_ = true;
  class FunctionNode* node_ = nullptr;
};

namespace detail {
using BackwardFn = std::function<variable_list(AutogradContext*, variable_list)>;
// Runs forward unrecorded and wires a node that calls `backward`; returns the outputs as part of the graph.
// `name` is a typeid name; the node has the class's own name, without namespaces.
TENON_API variable_list apply_function(const char* name, const variable_list& tensor_inputs,
                                       const std::function<variable_list(AutogradContext*)>& forward,
                                       BackwardFn backward);

template <class T>
void collect(variable_list& list, const T& value) {
  if constexpr (std::is_convertible_v<const T&, Tensor>) list.push_back(value);
  if constexpr (std::is_same_v<T, variable_list>) list.insert(list.end(), value.begin(), value.end());
}
// Which of the gradients that backward returns belong to tensors: one per argument, one per element of a list.
template <class T>
void collect_kinds(std::vector<bool>& is_tensor, const T& value) {
  if constexpr (std::is_same_v<T, variable_list>) {
    is_tensor.insert(is_tensor.end(), value.size(), true);
  } else {
    is_tensor.push_back(std::is_convertible_v<const T&, Tensor>);
  }
}
}  // namespace detail

// backward returns one gradient per argument of forward after ctx (per element of a list of tensors), undefined for
// those that are not tensors.
template <class Derived>
struct Function {
  template <class... Args>
  static auto apply(Args&&... args) {
    using Result = decltype(Derived::forward(static_cast<AutogradContext*>(nullptr), args...));
    variable_list inputs;
    (detail::collect<std::decay_t<Args>>(inputs, args), ...);
    std::vector<bool> tensors;
    (detail::collect_kinds<std::decay_t<Args>>(tensors, args), ...);
    auto forward = [&](AutogradContext* ctx) -> variable_list {
      if constexpr (std::is_same_v<Result, Tensor>) {
        return {Derived::forward(ctx, args...)};
      } else {
        return Derived::forward(ctx, args...);
      }
    };
    auto backward = [tensors](AutogradContext* ctx, variable_list grads) {
      variable_list all = Derived::backward(ctx, std::move(grads));
      if (all.size() != tensors.size()) return all;
      variable_list kept;
      for (size_t i = 0; i < all.size(); ++i) {
        if (tensors[i]) kept.push_back(all[i]);
      }
      return kept;
    };
    variable_list outputs = detail::apply_function(typeid(Derived).name(), inputs, forward, backward);
    if constexpr (std::is_same_v<Result, Tensor>) {
      return outputs.at(0);
    } else {
      return outputs;
    }
  }
};

}  // namespace tenon::autograd
