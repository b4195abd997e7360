// Running the elementwise lines of the table; see elementwise.h.
#include "ops/autocast.h"
#include "ops/elementwise.h"

#include <algorithm>

#include "autograd/engine.h"
#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/view.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// What a call computes: its dtypes, shape and device.
struct Plan {
  ScalarType common;   // what the inputs promote to, after the line's rule
  ScalarType result;   // the dtype of the output
  DimVector sizes;
  Device device;
};

ScalarType result_dtype(const ElementwiseOp& op, ScalarType common) {
  switch (op.rule) {
    case expr::Rule::BOOL:
      return kBool;
    case expr::Rule::REAL:
      return to_real(common);
    default:
      return common;
  }
}

void check_dtype(const ElementwiseOp& op, ScalarType common) {
  TENON_CHECK(contains(op.dtypes, common), op.user_name, ": not implemented for ", common, " tensors; it takes",
              op.dtypes & expr::BITS ? " bool" : "", op.dtypes & expr::INTS ? " integer" : "",
              op.dtypes & expr::FLOATS ? " floating-point" : "", op.dtypes & expr::COMPLEX ? " complex" : "", " ones");
}

// Integers have neither a quotient by zero nor a remainder.
void check_divisor(const ElementwiseOp& op, const Input& divisor, ScalarType common) {
  const bool divides = op.kernel == ElementwiseKernel::trunc_div || op.kernel == ElementwiseKernel::floor_div ||
                       op.kernel == ElementwiseKernel::remainder || op.kernel == ElementwiseKernel::fmod;
  if (!divides) return;
  NoGradGuard no_grad;
  auto wraps_to_zero = [&](auto kind) { return divisor.number->to<decltype(kind)>() == decltype(kind)(0); };
  const bool zero =
      divisor.number ? visit_dtype(common, wraps_to_zero) : eq(*divisor.tensor, 0).any().item<bool>();
  TENON_CHECK(!zero, op.user_name, ": ZeroDivisionError: an integer was divided by zero");
}

Plan make_plan(const ElementwiseOp& op, ArrayRef<Input> inputs) {
  Plan plan;
  const Tensor* first = nullptr;
  bool same_dtype = true;
  for (const Input& input : inputs) {
    if (!input.tensor) {
      same_dtype = false;
      continue;
    }
    const Tensor& x = *input.tensor;
    TENON_CHECK(x.defined(), op.user_name, ": input ", &input - inputs.begin(), " is an undefined tensor");
    if (!first) {
      first = &x;
      plan.sizes = x.impl()->sizes;
      plan.device = x.device();
      continue;
    }
    same_dtype = same_dtype && x.dtype() == first->dtype();
    if (x.sizes() != plan.sizes) plan.sizes = broadcast_shapes(plan.sizes, x.sizes(), op.user_name);
    if (x.device() != plan.device) {
      if (plan.device.is_cpu() && first->dim() == 0) plan.device = x.device();
      TENON_CHECK_DEVICE(x.device() == plan.device || (x.dim() == 0 && x.is_cpu()), op.user_name,
                         ": all tensors must be on one device, got ", first->device(), " and ", x.device());
    }
  }
  plan.common = same_dtype ? first->dtype() : result_type(inputs);
  if (op.rule == expr::Rule::FLOAT) plan.common = to_floating(plan.common);
  check_dtype(op, plan.common);
  if (is_integral(plan.common, true)) [[unlikely]] check_divisor(op, inputs[inputs.size() - 1], plan.common);
  plan.result = result_dtype(op, plan.common);
  return plan;
}

// The memory order of a fresh result: that of the first input which fills the shape without gaps.
Tensor make_result(const Plan& plan, ArrayRef<Input> inputs, ScalarType dtype) {
  for (const Input& input : inputs) {
    if (!input.tensor || input.tensor->sizes() != plan.sizes || input.tensor->device() != plan.device) continue;
    if (input.tensor->impl()->contiguous) break;
    if (input.tensor->is_non_overlapping_and_dense()) {
      return make_tensor_strided(plan.sizes, input.tensor->strides(), dtype, plan.device);
    }
  }
  return make_tensor(plan.sizes, dtype, plan.device);
}

// Inputs as the backend takes them; keeps the strides of broadcast ones.
class Operands {
 public:
  void add(const Input& input, IntArrayRef sizes, Device device) {
    if (input.number) {
      operands_.emplace_back(*input.number);
      return;
    }
    const Tensor& x = *input.tensor;
    if (x.device() != device) {
      operands_.emplace_back(x.item());
      return;
    }
    if (x.sizes() == sizes) {
      operands_.emplace_back(view_of(x));
      return;
    }
    DimVector& strides = strides_[operands_.size()];
    strides.resize(sizes.size(), 0);
    size_t lead = sizes.size() - x.sizes().size();
    for (size_t d = 0; d < x.sizes().size(); ++d) strides[lead + d] = x.sizes()[d] == 1 ? 0 : x.strides()[d];
    operands_.emplace_back(TensorView{x.data_ptr(), x.dtype(), sizes, strides});
  }
  void add_absent() { operands_.emplace_back(Scalar(0)); }
  const Operand* data() const { return operands_.data(); }
  int size() const { return static_cast<int>(operands_.size()); }

 private:
  SmallVec<Operand, kMaxInputs + 2> operands_;
  DimVector strides_[kMaxInputs + 2];
};

void run(ElementwiseKernel kernel, const char* name, ScalarType common, const Tensor& out, ArrayRef<Input> inputs,
         const double* params) {
  if (out.numel() == 0) return;
  Operands operands;
  for (const Input& input : inputs) operands.add(input, out.sizes(), out.device());
  kernels_of<&Backend::elementwise>(out.device(), name)
      .run(kernel, compute_dtype(common), view_of(out), operands.data(), operands.size(), params);
}

// The node of an elementwise line. First derivatives run the line's gradient kernel, fused; when the backward is itself
// recorded, or the dtype has no such kernel, the same formula runs over tensors.
class ElementwiseNode final : public Node {
 public:
  ElementwiseNode(const ElementwiseOp& op, const double* params, ScalarType common) : op_(op), common_(common) {
    std::copy(params, params + op.param_count, params_);
  }

  const char* name() const override { return op_.name; }

  // Keeps what the wanted gradients read. `old_self` stands for input 0 of an in-place op.
  void save(ArrayRef<Input> inputs, const Tensor* old_self) {
    uint8_t wanted = 0;
    for (int i = 0; i < op_.arity; ++i) {
      if (needs_input_grad(static_cast<size_t>(i))) wanted |= op_.uses[i];
    }
    for (int i = 0; i < op_.arity; ++i) {
      const Input& input = inputs[static_cast<size_t>(i)];
      if (input.number) {
        numbers_[i] = *input.number;
        continue;
      }
      const Tensor& x = i == 0 && old_self ? *old_self : *input.tensor;
      shapes_[i] = x.impl()->sizes;
      dtypes_[i] = x.dtype();
      is_tensor_[i] = true;
      if (wanted >> i & 1) saved_[i] = SavedTensor(x, false);
    }
    saves_output_ = wanted >> op_.arity & 1;
  }
  void save_output(const Tensor& out) {
    if (saves_output_) saved_[kMaxInputs] = SavedTensor(out, true);
  }

  Grads apply(Grads&& grads) override {
    Grads result(static_cast<size_t>(op_.arity));
    const Tensor& g = grads[0];
    if (!g.defined()) return result;
    IntrusivePtr<Node> self(this);
    Tensor values[kMaxInputs + 1];
    for (int i = 0; i <= kMaxInputs; ++i) {
      if (saved_[i].was_defined()) values[i] = saved_[i].unpack(self, op_.user_name);
    }
    const bool fused = !GradMode::is_enabled() && is_floating_point(common_);
    for (int i = 0; i < op_.arity; ++i) {
      // A truth value, which an in-place form writes into a float tensor, does not change with its inputs.
      if (!wants_input_grad(*this, static_cast<size_t>(i)) || op_.rule == expr::Rule::BOOL) continue;
      TENON_CHECK_AS(NotImplementedError, op_.gradient[i], op_.user_name, ": the derivative is not implemented");
      result[static_cast<size_t>(i)] = fused ? fused_gradient(i, g, values) : formula_gradient(i, g, values);
    }
    return result;
  }

  void release_saved() override {
    for (SavedTensor& saved : saved_) saved.release();
  }

 private:
  Tensor fused_gradient(int i, const Tensor& g, const Tensor* values) const {
    const bool reduces = g.sizes() != shapes_[i];
    Tensor out = make_like(g, reduces ? compute_dtype(common_) : dtypes_[i]);
    if (out.numel() > 0) {
      Operands operands;
      operands.add(g, g.sizes(), g.device());
      for (int k = 0; k < op_.arity; ++k) add_value(operands, op_.uses[i] >> k & 1, values[k], numbers_[k], g);
      add_value(operands, op_.uses[i] >> op_.arity & 1, values[kMaxInputs], Scalar(), g);
      kernels_of<&Backend::elementwise>(out.device(), op_.user_name)
          .run(op_.gradient_kernel[i], compute_dtype(common_), view_of(out), operands.data(), operands.size(), params_);
    }
    return reduces ? to_dtype(sum_to_size(out, shapes_[i]), dtypes_[i]) : out;
  }

  static void add_value(Operands& operands, bool used, const Tensor& value, const Scalar& number, const Tensor& g) {
    if (!used) {
      operands.add_absent();
    } else if (value.defined()) {
      operands.add(value, g.sizes(), g.device());
    } else {
      operands.add(number, g.sizes(), g.device());
    }
  }

  Tensor formula_gradient(int i, const Tensor& g, const Tensor* values) const {
    Tensor inputs[kMaxInputs];
    for (int k = 0; k < op_.arity; ++k) {
      if (is_tensor_[k]) {
        // Inputs compute in the promoted dtype, as they did in the forward.
        if (values[k].defined()) inputs[k] = to_dtype(values[k], common_);
      } else {
        inputs[k] = scalar_tensor(numbers_[k], TensorOptions(common_).device(g.device()));
      }
    }
    const Tensor grad = op_.gradient[i](g, inputs, values[kMaxInputs], params_);
    return to_input_dtype(sum_to_size(grad, shapes_[i]), dtypes_[i]);
  }

  const ElementwiseOp& op_;
  ScalarType common_;
  bool saves_output_ = false;
  bool is_tensor_[kMaxInputs] = {};
  ScalarType dtypes_[kMaxInputs];
  double params_[kMaxParams];
  Scalar numbers_[kMaxInputs];
  DimVector shapes_[kMaxInputs];
  SavedTensor saved_[kMaxInputs + 1];
};

// A node with edges to the inputs, or null when nothing needs recording.
IntrusivePtr<ElementwiseNode> make_node(const ElementwiseOp& op, ScalarType common, ScalarType result,
                                        ArrayRef<Input> inputs, const double* params) {
  if (!tenon::is_differentiable(result)) return {};
  const Tensor* tensors[kMaxInputs];
  size_t count = 0;
  for (const Input& input : inputs) {
    if (input.tensor) tensors[count++] = input.tensor;
  }
  if (!needs_record(TensorPointers(tensors, count))) return {};
  IntrusivePtr<ElementwiseNode> node(new ElementwiseNode(op, params, common));
  for (const Input& input : inputs) node->add_next_edge(input.tensor ? gradient_edge(*input.tensor) : Edge{});
  // PyTorch numbers the form with a number on the right.
  if (op.kernel == ElementwiseKernel::fmod && !inputs[1].tensor) node->shown_name = "FmodBackward0";
  if (op.kernel == ElementwiseKernel::remainder && !inputs[1].tensor) node->shown_name = "RemainderBackward0";
  return node;
}

bool same_view(const Tensor& a, const Tensor& b) {
  return a.storage() == b.storage() && a.storage_offset() == b.storage_offset() && a.sizes() == b.sizes() &&
         a.strides() == b.strides() && a.dtype() == b.dtype();
}

// Inputs that share memory with `out` without being exactly it are replaced by copies.
class Untangled {
 public:
  Untangled(ArrayRef<Input> inputs, const Tensor& out) {
    for (const Input& input : inputs) {
      const bool tangled = input.tensor && input.tensor->storage() == out.storage() && !same_view(*input.tensor, out);
      if (tangled) {
        NoGradGuard no_grad;
        copies_[inputs_.size()] = input.tensor->clone();
        inputs_.emplace_back(copies_[inputs_.size()]);
      } else {
        inputs_.emplace_back(input);
      }
    }
  }
  operator ArrayRef<Input>() const { return {inputs_.data(), inputs_.size()}; }

 private:
  Tensor copies_[kMaxInputs];
  SmallVec<Input, kMaxInputs> inputs_;
};

// Writes over `out`, which may be an input. Where elements of it share memory they are edited in turn, part by part.
void run_over(const ElementwiseOp& op, ScalarType common, const Tensor& out, ArrayRef<Input> inputs,
              const double* params) {
  if (!shares_elements(out)) return run(op.kernel, op.user_name, common, out, inputs, params);
  NoGradGuard no_grad;
  for (int64_t i = 0; i < out.size(0); ++i) {
    Tensor parts[kMaxInputs];
    SmallVec<Input, kMaxInputs> part_inputs;
    for (const Input& input : inputs) {
      Tensor& part = parts[part_inputs.size()];
      const bool whole = !input.tensor || input.tensor->device() != out.device();
      if (!whole) part = input.tensor->expand(out.sizes()).select(0, i);
      part_inputs.emplace_back(whole ? input : Input(part));
    }
    run_over(op, common, out.select(0, i), {part_inputs.data(), part_inputs.size()}, params);
  }
}

// The op on what autocast makes of its inputs; nothing if that is what they are.
optional<Tensor> elementwise_in_region(const ElementwiseOp& op, ElementwiseKernel line, ArrayRef<Input> inputs,
                                       const double* params) {
  AutocastCall cast(op.user_name);
  for (const Input& input : inputs) {
    if (input.tensor) cast.see(*input.tensor);
  }
  if (!cast.converts()) return nullopt;
  Tensor converted[kMaxInputs];
  SmallVec<Input, kMaxInputs> all;
  for (const Input& input : inputs) {
    Tensor& own = converted[all.size()];
    if (input.tensor) own = cast(*input.tensor);
    all.emplace_back(input.tensor ? Input(own) : input);
  }
  return elementwise(line, {all.data(), all.size()}, params);
}

}  // namespace

Tensor elementwise(ElementwiseKernel line, ArrayRef<Input> inputs, const double* params) {
  const ElementwiseOp& op = elementwise_op(line);
  if (any_autocast()) [[unlikely]] {
    if (optional<Tensor> result = elementwise_in_region(op, line, inputs, params)) return *std::move(result);
  }
  Plan plan = make_plan(op, inputs);
  Tensor out = make_result(plan, inputs, plan.result);
  run(op.kernel, op.user_name, plan.common, out, inputs, params);
  if (auto node = make_node(op, plan.common, plan.result, inputs, params)) {
    node->save(inputs, nullptr);
    set_history(out, node);
    node->save_output(out);
  }
  return out;
}

const Tensor& elementwise_inplace(ElementwiseKernel line, const Tensor& self, ArrayRef<Input> inputs,
                                  const double* params) {
  const ElementwiseOp& op = elementwise_op(line);
  Plan plan = make_plan(op, inputs);
  TENON_CHECK(op.rule != expr::Rule::REAL || !is_complex(plan.common), InplaceName{op.user_name},
              ": self is complex, but the result is real; use the out-of-place form");
  check_inplace_result(self, plan.result, plan.sizes, op.user_name);
  auto node = make_node(op, plan.common, self.dtype(), inputs, params);
  check_inplace(self, op.user_name, static_cast<bool>(node));
  if (node) {
    bool reads_self = false;
    for (int i = 0; i < op.arity; ++i) reads_self |= node->needs_input_grad(static_cast<size_t>(i)) && (op.uses[i] & 1);
    Tensor old_self = self;
    // Recorded, so that second derivatives go on through the old values.
    if (reads_self) old_self = self.clone();
    node->save(inputs, &old_self);
  }
  run_over(op, plan.common, self, Untangled(inputs, self), params);
  self.impl()->version().bump(op.user_name);
  if (node) {
    rebase_history(self, node);
    node->save_output(self);
  }
  return self;
}

Tensor& elementwise_out(ElementwiseKernel line, Tensor& out, ArrayRef<Input> inputs, const double* params) {
  const ElementwiseOp& op = elementwise_op(line);
  Plan plan = make_plan(op, inputs);
  if (!out.defined() || out.sizes() != plan.sizes || out.dtype() != plan.result || out.requires_grad()) {
    return write_out(out, elementwise(line, inputs, params), op.user_name);
  }
  TENON_CHECK(!make_node(op, plan.common, plan.result, inputs, params), op.user_name,
              ": out= does not record gradients, but an input requires them");
  check_inplace(out, op.user_name, false);
  check_not_expanded(out, op.user_name);
  run_over(op, plan.common, out, Untangled(inputs, out), params);
  out.impl()->version().bump(op.user_name);
  return out;
}

Tensor& write_out(Tensor& out, const Tensor& result, const char* op) {
  if (!out.defined()) return out = result;
  TENON_CHECK(!(GradMode::is_enabled() && (result.requires_grad() || out.requires_grad())), op,
              ": out= does not record gradients, but an argument requires them");
  TENON_CHECK(can_cast(result.dtype(), out.dtype()), op, ": the result has dtype ", result.dtype(),
              ", which cannot be stored into out of dtype ", out.dtype());
  TENON_CHECK_DEVICE(out.device() == result.device(), op, ": out is on ", out.device(), ", the inputs are on ",
                     result.device());
  check_not_expanded(out, op);
  // Before out is resized, so that a call that fails leaves it as it was.
  check_inplace(out, op, false);
  if (out.sizes() != result.sizes()) resize_(out, result.sizes());
  copy_into(out, result, op);
  return out;
}

bool shares_elements(const Tensor& tensor) {
  return !tensor.impl()->contiguous && may_overlap(tensor.sizes(), tensor.strides());
}

void check_not_expanded(const Tensor& tensor, const char* op) {
  for (size_t d = 0; d < tensor.sizes().size(); ++d) {
    TENON_CHECK(tensor.sizes()[d] < 2 || tensor.strides()[d] != 0, op,
                ": cannot write to an expanded tensor, since dim ", d, " of shape ", tensor.sizes(),
                " repeats one element; clone() it first");
  }
}

void check_inplace_result(const Tensor& self, ScalarType dtype, IntArrayRef sizes, const char* op) {
  TENON_CHECK(can_cast(dtype, self.dtype()), InplaceName{op}, ": the result has dtype ", dtype,
              ", which cannot be stored into self of dtype ", self.dtype());
  TENON_CHECK(self.sizes() == sizes, InplaceName{op}, ": self has shape ", self.sizes(), ", but the result has shape ",
              sizes, "; an in-place op cannot change self's shape");
  check_not_expanded(self, op);
}

const Tensor& replace_inplace(const char* op, const Tensor& self, FunctionRef<Tensor(const Tensor&)> compute) {
  const autocast::Pause pause(any_autocast());
  // Backward may need the old values, so they move aside before they are overwritten.
  Tensor old_self = GradMode::is_enabled() ? self.clone() : self;
  Tensor result = compute(old_self);
  const bool records = result.requires_grad();
  check_inplace_result(self, result.dtype(), result.sizes(), op);
  check_inplace(self, op, records);
  return copy_into(self, result, op);
}

}  // namespace tenon
