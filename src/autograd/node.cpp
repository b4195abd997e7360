// Node: edges, hooks, and destruction without recursion.
#include "tenon/autograd/node.h"

#include <algorithm>
#include <atomic>

#include "autograd/engine.h"
#include "autograd/trace.h"
#include "base/free_list.h"
#include "tenon/autograd/grad_mode.h"

namespace tenon {
namespace {

// Numbers grow per thread: ops of one thread are ordered among themselves, which is all that the engine needs.
thread_local constinit uint64_t next_number = 0;

thread_local constinit bool destroying = false;
thread_local constinit Node* first_dying = nullptr;

template <class Hook>
struct Numbered {
  uint64_t id;
  Hook hook;
};

// Takes the hook of this id out of a list.
template <class Hook>
optional<Numbered<Hook>> taken_out(std::vector<Numbered<Hook>>& hooks, uint64_t id) {
  const auto found = std::ranges::find(hooks, id, &Numbered<Hook>::id);
  if (found == hooks.end()) return nullopt;
  optional<Numbered<Hook>> taken = std::move(*found);
  hooks.erase(found);
  return taken;
}

}  // namespace

struct Node::Extras {
  struct InputHook {
    uint32_t input_nr;
    TensorHook hook;
  };
  struct Retained {
    uint32_t input_nr;
    std::shared_ptr<Tensor> grad;
  };
  std::vector<Numbered<InputHook>> tensor_hooks;
  std::vector<Numbered<PreHook>> pre_hooks;
  std::vector<Numbered<PostHook>> post_hooks;
  std::vector<Retained> retained;
  std::shared_ptr<void> attachment;
  std::string note;
};

Node::Node() : sequence_nr_(next_number++) {}

uint64_t Node::next_sequence_nr() { return next_number; }
Node::~Node() = default;

void* Node::operator new(size_t bytes) { return take_block(bytes); }
void Node::operator delete(void* object, size_t bytes) { give_block(object, bytes); }

void Node::destroy() {
  if (destroying) {
    next_dying_ = first_dying;
    first_dying = this;
    return;
  }
  destroying = true;
  delete this;
  while (Node* node = first_dying) {
    first_dying = node->next_dying_;
    delete node;
  }
  destroying = false;
}

void Node::add_next_edge(Edge edge) { next_edges_.push_back(std::move(edge)); }
void Node::set_next_edge(size_t i, Edge edge) { next_edges_[i] = std::move(edge); }

uint32_t Node::add_input_meta(const Tensor& output) {
  input_meta_.emplace_back(InputMeta{output.impl()->sizes, output.dtype(), output.device()});
  return static_cast<uint32_t>(input_meta_.size() - 1);
}

uint32_t Node::add_unused_input() {
  input_meta_.emplace_back(InputMeta{{}, kFloat, kCPU});
  return static_cast<uint32_t>(input_meta_.size() - 1);
}

Node::Extras& Node::extras() {
  if (!extras_) extras_ = std::make_unique<Extras>();
  return *extras_;
}

std::shared_ptr<void>& Node::attachment() { return extras().attachment; }

uint64_t next_hook_id() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

uint64_t Node::add_pre_hook(PreHook hook) {
  return extras().pre_hooks.emplace_back(Numbered<PreHook>{next_hook_id(), std::move(hook)}).id;
}

uint64_t Node::add_post_hook(PostHook hook) {
  return extras().post_hooks.emplace_back(Numbered<PostHook>{next_hook_id(), std::move(hook)}).id;
}

uint64_t Node::add_tensor_hook(uint32_t input_nr, TensorHook hook) {
  using Hook = Extras::InputHook;
  return extras().tensor_hooks.emplace_back(Numbered<Hook>{next_hook_id(), Hook{input_nr, std::move(hook)}}).id;
}

void Node::remove_hook(uint64_t id) {
  if (!extras_) return;
  // What is removed dies last, since its end may run code that edits these lists.
  const auto tensor_hook = taken_out(extras_->tensor_hooks, id);
  const auto pre_hook = taken_out(extras_->pre_hooks, id);
  const auto post_hook = taken_out(extras_->post_hooks, id);
}

void Node::visit_tensor_hooks(const std::function<void(const TensorHook& hook)>& visit) const {
  if (!extras_) return;
  for (const auto& entry : extras_->tensor_hooks) visit(entry.hook.hook);
}

void Node::retain_grad(uint32_t input_nr, std::shared_ptr<Tensor> grad) {
  auto& retained = extras().retained;
  std::erase_if(retained, [input_nr](const Extras::Retained& entry) { return entry.input_nr == input_nr; });
  if (grad) retained.push_back({input_nr, std::move(grad)});
}

void Node::run_tensor_hooks(Grads& grads) {
  if (!extras_) return;
  // Of a copy, here and below, since a hook may add or remove hooks: those that there were when it began all run.
  const auto hooks = extras_->tensor_hooks;
  for (const auto& [id, hook] : hooks) run_tensor_hook(hook.hook, grads[hook.input_nr], name());
  for (const Extras::Retained& entry : extras_->retained) {
    if (grads[entry.input_nr].defined()) *entry.grad = grads[entry.input_nr];
  }
}

void Node::run_pre_hooks(Grads& grads) {
  if (!extras_) return;
  const auto hooks = extras_->pre_hooks;
  for (const auto& [id, hook] : hooks) hook(grads);
}

void Node::run_post_hooks(Grads& inputs, const Grads& outputs) {
  if (!extras_) return;
  const auto hooks = extras_->post_hooks;
  for (const auto& [id, hook] : hooks) hook(inputs, outputs);
}

bool Node::has_post_hooks() const { return extras_ && !extras_->post_hooks.empty(); }

std::string& Node::anomaly_note() { return extras().note; }
const char* Node::anomaly_note_or_empty() const { return extras_ ? extras_->note.c_str() : ""; }

void run_tensor_hook(const TensorHook& hook, Tensor& grad, const char* name) {
  // An undefined gradient is zero: there is nothing to see.
  if (!grad.defined()) return;
  Tensor replaced = hook(grad);
  if (!replaced.defined()) return;
  TENON_CHECK(replaced.sizes() == grad.sizes() && replaced.dtype() == grad.dtype(),
              "backward: a hook on an output of '", name, "' replaced a ", grad.dtype(), " gradient of shape ",
              grad.sizes(), " by a ", replaced.dtype(), " tensor of shape ", replaced.sizes(),
              "; a hook must keep shape and dtype");
  grad = std::move(replaced);
}

void note_origin(Node& node) {
  std::string trace = current_trace();
  std::string note = concat("op number ", node.sequence_nr(), " of its thread");
  if (const Node* parent = Node::current()) note += concat(", recorded while '", parent->name(), "' ran backward");
  if (!trace.empty()) note += concat("; called at:\n", trace);
  node.anomaly_note() = std::move(note);
}

}  // namespace tenon
