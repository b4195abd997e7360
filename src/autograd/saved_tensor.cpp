// Saved tensors: version checks, hooks, and outputs kept without a cycle.
#include "tenon/autograd/saved_tensor.h"

#include <vector>

#include "autograd/meta.h"
#include "autograd/spin_lock.h"
#include "tenon/base/shape.h"

namespace tenon {
namespace {

std::vector<SavedTensorHooks>& hook_stack() {
  thread_local std::vector<SavedTensorHooks> stack;
  return stack;
}
// Kept apart from the stack, so that saving costs one look at a plain variable.
thread_local constinit bool has_hooks = false;

}  // namespace

SavedTensorHooksGuard::SavedTensorHooksGuard(SavedTensorHooks hooks) {
  hook_stack().push_back(std::move(hooks));
  has_hooks = true;
}

SavedTensorHooksGuard::~SavedTensorHooksGuard() {
  hook_stack().pop_back();
  has_hooks = !hook_stack().empty();
}

// What the pack hook made of a tensor, what the unpacked one must be like, and the history that it gets.
struct SavedTensor::Packed {
  std::shared_ptr<void> data;
  std::function<Tensor(const std::shared_ptr<void>&)> unpack;
  DimVector sizes;
  ScalarType dtype;
  Device device;
  bool contiguous;
  Edge edge;  // of an input that requires grad

  // Kernels take for granted what they saved: its size, its dtype, and that it was contiguous.
  Tensor unpacked(const char* op) const {
    Tensor tensor = unpack(data);
    TENON_CHECK(tensor.defined(), op, ": the unpack hook of a saved tensor returned an undefined tensor");
    TENON_CHECK(is_expandable_to(tensor.sizes(), sizes) && tensor.device() == device, op,
                ": the unpack hook of a saved tensor returned a tensor of shape ", tensor.sizes(), " on ",
                tensor.device(), ", but what was packed had shape ", IntArrayRef(sizes), " on ", device);
    if (tensor.sizes() != IntArrayRef(sizes)) tensor = tensor.expand(sizes);
    if (tensor.dtype() != dtype) tensor = tensor.to(dtype);
    return contiguous ? tensor.contiguous() : tensor;
  }
};

SavedTensor::SavedTensor() = default;
SavedTensor::~SavedTensor() = default;

SavedTensor::SavedTensor(SavedTensor&& other) noexcept
    : tensor_(std::move(other.tensor_)),
      packed_(std::move(other.packed_)),
      version_(other.version_),
      output_nr_(other.output_nr_),
      is_output_(other.is_output_),
      was_defined_(other.was_defined_) {}

SavedTensor& SavedTensor::operator=(SavedTensor&& other) noexcept {
  tensor_ = std::move(other.tensor_);
  packed_ = std::move(other.packed_);
  version_ = other.version_;
  output_nr_ = other.output_nr_;
  is_output_ = other.is_output_;
  was_defined_ = other.was_defined_;
  return *this;
}

SavedTensor::SavedTensor(const Tensor& tensor, bool is_output) : was_defined_(tensor.defined()) {
  if (!was_defined_) return;
  TENON_CHECK(
      !tensor.is_inference() || InferenceMode::is_enabled(),
      "Inference tensors cannot be saved for backward. Make a clone to get a normal tensor and use it in autograd, "
      "or make the tensor under no_grad instead of inference mode");
  version_ = tensor._version();
  output_nr_ = tensor.output_nr();
  // An output knows its node, and the node would keep the output: an alias outside the graph breaks the circle.
  is_output_ = is_output && tensor.requires_grad() && !tensor.is_leaf();
  tensor_ = is_output_ ? tensor.detach() : tensor;
  if (!has_hooks) return;
  const SavedTensorHooks hooks = hook_stack().back();
  auto packed = std::make_shared<Packed>(nullptr, hooks.unpack, tensor.sizes(), tensor.dtype(), tensor.device(),
                                         tensor.is_contiguous());
  if (!is_output_) packed->edge = gradient_edge(tensor);
  {
    NoGradGuard no_grad;
    packed->data = hooks.pack(tensor.detach());
  }
  tensor_.reset();
  packed_ = std::move(packed);
}

void SavedTensor::release() {
  Tensor tensor;
  std::shared_ptr<Packed> packed;
  SpinGuard guard(locked_);
  std::swap(tensor, tensor_);
  packed.swap(packed_);
}

Tensor SavedTensor::unpack(const IntrusivePtr<Node>& owner, const char* op, bool history) const {
  if (!was_defined_) return {};
  Tensor tensor;
  std::shared_ptr<Packed> packed;
  {
    SpinGuard guard(locked_);
    tensor = tensor_;
    packed = packed_;
  }
  if (packed) {
    const Tensor unpacked = packed->unpacked(op);
    const Edge edge = is_output_ ? Edge{owner, output_nr_} : packed->edge;
    if (!history || !edge.node) return unpacked;
    Tensor result = unpacked.detach();
    set_history(result, edge.node, edge.input_nr);
    return result;
  }
  TENON_CHECK(
      tensor.defined(), op,
      ": Trying to backward through the graph a second time (or to use saved tensors after they were freed). Saved "
      "values are freed by backward() or grad(); pass retain_graph=True to go through the graph again");
  const uint32_t version = tensor._version();
  if (version != version_) {
    const char* editor = tensor.impl()->version().last_op();
    detail::fail<TensorError>("one of the variables needed for gradient computation has been modified by an inplace "
                              "operation: ", op, " saved ", is_output_ ? "its output, " : "", "a ", tensor.dtype(),
                              " tensor of shape ", tensor.sizes(), ", at version ", version_, ", and '",
                              editor ? editor : "an edit", "' has since edited it; it is now at version ", version,
                              "; expected version ", version_, " instead");
  }
  if (!is_output_ || !history) return tensor;
  Tensor result = tensor.detach();
  set_history(result, owner, output_nr_);
  return result;
}

}  // namespace tenon
