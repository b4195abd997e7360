// See transform.h.
#include "tenon/autograd/transform.h"

#include <unordered_set>

#include "autograd/meta.h"
#include "tenon/autograd/node.h"
#include "tenon/base/error.h"

namespace tenon::autograd {
namespace {

// The end of all gradients of its tensor.
class InputNode final : public Node {
 public:
  const char* name() const override { return "TransformInput"; }
  Grads apply(Grads&&) override { return {}; }
  bool open = true;
};

InputNode* input_node(const Tensor& tensor) {
  return tensor.requires_grad() ? dynamic_cast<InputNode*>(gradient_edge(tensor).node.get()) : nullptr;
}

}  // namespace

Tensor open_transform_input(const Tensor& tensor) {
  TENON_CHECK(is_differentiable(tensor.dtype()), "only Tensors of floating point dtype can require gradients, got ",
              tensor.dtype());
  Tensor input = tensor.detach();
  set_history(input, IntrusivePtr<Node>(new InputNode()));
  return input;
}

void close_transform_input(const Tensor& input) {
  if (InputNode* node = input_node(input)) node->open = false;
}

bool is_wanted_outside(const Tensor& tensor, const std::vector<Tensor>& inputs) {
  if (!tensor.requires_grad()) return false;
  std::unordered_set<const Node*> seen;
  for (const Tensor& input : inputs) {
    if (const InputNode* node = input_node(input)) seen.insert(node);
  }
  std::vector<IntrusivePtr<Node>> work;
  auto visit = [&](const IntrusivePtr<Node>& node) {
    if (node && seen.insert(node.get()).second) work.push_back(node);
  };
  visit(gradient_edge(tensor).node);
  while (!work.empty()) {
    const IntrusivePtr<Node> node = std::move(work.back());
    work.pop_back();
    if (const auto* input = dynamic_cast<const InputNode*>(node.get())) {
      if (input->open) return true;
    } else if (node->next_edges().empty()) {
      return true;
    }
    for (const Edge& edge : node->next_edges()) visit(edge.node);
  }
  return false;
}

}  // namespace tenon::autograd
