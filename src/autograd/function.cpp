// Custom functions: the node that calls a user's backward, and how a user's outputs become part of the graph.
#include "tenon/autograd/function.h"

#include <cxxabi.h>

#include <cstdlib>

#include "autograd/engine.h"
#include "autograd/meta.h"
#include "tensor/make.h"

namespace tenon::autograd {
namespace {

// "Square" for the typeid name of app::Square<float>.
std::string short_class_name(const char* mangled) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> demangled(abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  std::string name = status == 0 ? demangled.get() : mangled;
  if (!name.empty() && name.back() == '>') {
    // The class's own template arguments end the name; enclosing scopes may have their own.
    size_t depth = 0;
    size_t i = name.size();
    do {
      --i;
      depth += name[i] == '>';
      depth -= name[i] == '<';
    } while (i > 0 && depth > 0);
    name.resize(i);
  }
  const size_t scope = name.rfind("::");
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

Tensor zeros_of(const Node::InputMeta& meta) {
  Tensor zeros = make_tensor(meta.sizes, meta.dtype, meta.device);
  zeros.zero_();
  return zeros;
}

}  // namespace

class FunctionNode final : public Node {
 public:
  FunctionNode(std::string name, detail::BackwardFn backward) : name_(std::move(name)), backward_(std::move(backward)) {
    context.node_ = this;
  }

  const char* name() const override { return name_.c_str(); }

  Grads apply(Grads&& grads) override {
    variable_list list(std::make_move_iterator(grads.begin()), std::make_move_iterator(grads.end()));
    if (context.materialize_grads_) {
      for (size_t i = 0; i < list.size(); ++i) {
        if (!list[i].defined()) list[i] = zeros_of(input_meta(i));
      }
    }
    variable_list computed = backward_(&context, std::move(list));
    TENON_CHECK(computed.size() >= next_edges().size(), "backward: '", name_,
                "' returned an incorrect number of gradients (expected ", next_edges().size(), ", got ",
                computed.size(), ")");
    Grads result;
    result.reserve(computed.size());
    for (Tensor& grad : computed) result.push_back(std::move(grad));
    return result;
  }

  void release_saved() override {
    for (SavedTensor& tensor : saved_) tensor.release();
  }

  // Wraps what forward returned: outputs that carry gradients become this node's, when `records`.
  void adopt(variable_list& outputs, const variable_list& inputs, bool records) {
    for (Tensor& output : outputs) adopt(output, inputs, outputs.size(), records);
    if (!records) return;
    for (const Tensor& tensor : context.to_save_) {
      saved_.emplace_back(tensor, tensor.defined() && tensor.grad_fn().get() == this);
    }
    context.to_save_.clear();
  }

  variable_list unpack() const {
    variable_list tensors;
    tensors.reserve(saved_.size());
    const IntrusivePtr<Node> owner(const_cast<FunctionNode*>(this));
    for (const SavedTensor& tensor : saved_) tensors.push_back(tensor.unpack(owner, name(), true));
    return tensors;
  }

  AutogradContext context;

 private:
  void adopt(Tensor& output, const variable_list& inputs, size_t outputs, bool records) {
    if (!output.defined()) {
      add_unused_input();
      return;
    }
    size_t input = 0;
    while (input < inputs.size() && !inputs[input].is_same(output)) ++input;
    const bool is_input = input < inputs.size();
    const bool is_dirty = context.dirty_.contains(output.impl());
    TENON_CHECK(!is_dirty || is_input, name_, ": mark_dirty was given a tensor that is an output but not an input");
    const bool carries =
        records && is_differentiable(output.dtype()) && !context.non_differentiable_.contains(output.impl());
    if (!carries) {
      if (output.requires_grad() && !is_dirty) output = output.detach();
      add_input_meta(output);
      return;
    }
    const IntrusivePtr<Node> self(this);
    if (is_dirty) {
      check_inplace(output, name(), true);
      TENON_CHECK(!output.is_view() || outputs == 1, name_,
                  ": a Function that edits a view in place must have one output, but it has ", outputs);
      output.impl()->version().bump(name());
      rebase_history(output, self, input);
      return;
    }
    if (is_input) {
      // The input itself must keep its own history.
      Tensor alias = output.detach();
      alias.impl()->view_base = output.is_view() ? output.impl()->view_base : output.impl_ptr();
      alias.impl()->no_grad_view = true;
      output = alias;
    }
    set_history(output, self);
  }

  std::string name_;
  detail::BackwardFn backward_;
  std::vector<SavedTensor> saved_;
};

variable_list AutogradContext::get_saved_variables() const {
  TENON_CHECK(node_, "get_saved_variables: this context belongs to no Function");
  return node_->unpack();
}

void AutogradContext::mark_dirty(const variable_list& inputs) {
  for (const Tensor& tensor : inputs) dirty_.insert(tensor.impl_ptr().get());
}

void AutogradContext::mark_non_differentiable(const variable_list& outputs) {
  for (const Tensor& tensor : outputs) non_differentiable_.insert(tensor.impl_ptr().get());
}

bool AutogradContext::needs_input_grad(size_t tensor_input) const {
  return node_ && wants_input_grad(*node_, tensor_input);
}

namespace detail {

variable_list apply_function(const char* name, const variable_list& tensor_inputs,
                             const std::function<variable_list(AutogradContext*)>& forward, BackwardFn backward) {
  IntrusivePtr<FunctionNode> node(new FunctionNode(short_class_name(name), std::move(backward)));
  bool records = false;
  if (GradMode::is_enabled() && !InferenceMode::is_enabled()) {
    for (const Tensor& input : tensor_inputs) records = records || (input.defined() && input.requires_grad());
  }
  if (records) {
    for (const Tensor& input : tensor_inputs) node->add_next_edge(input.defined() ? gradient_edge(input) : Edge{});
  }
  variable_list outputs;
  {
    NoGradGuard no_grad;
    outputs = forward(&node->context);
  }
  node->adopt(outputs, tensor_inputs, records);
  return outputs;
}

}  // namespace detail
}  // namespace tenon::autograd
