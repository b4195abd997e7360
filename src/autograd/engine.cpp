// One backward pass: count the edges into each node, then run nodes whose gradients have all arrived, latest op first.
#include "autograd/engine.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <functional>
#include <utility>

#include "tenon/autograd/grad_mode.h"
#include "tenon/base/shape.h"

namespace tenon {
namespace {

class Pass;

thread_local constinit Node* current_node = nullptr;
thread_local constinit Pass* innermost_pass = nullptr;

// Makes `node` the current one for its life.
class CurrentNode {
 public:
  explicit CurrentNode(Node* node) : outer_(std::exchange(current_node, node)) {}
  ~CurrentNode() { current_node = outer_; }
  CurrentNode(const CurrentNode&) = delete;

 private:
  Node* outer_;
};

// What a pass knows about one node.
struct NodeState {
  static constexpr uint32_t kNone = UINT32_MAX;
  enum Flag : uint8_t { Needed = 1, Captured = 2 };

  Node* node = nullptr;
  uint32_t waiting = 0;     // edges whose gradient has not arrived
  uint32_t buffer = kNone;  // where its gradients gather
  uint8_t flags = 0;
};

// An open-addressing hash table of NodeState by node. References hold until the next insertion.
class NodeTable {
 public:
  NodeTable() : slots_(64) {}

  // The node's state and whether it is new.
  std::pair<NodeState&, bool> insert(Node* node) {
    if (2 * count_ >= slots_.size()) grow();
    NodeState& state = *slot_of(node);
    if (state.node) return {state, false};
    state.node = node;
    ++count_;
    return {state, true};
  }
  // Null when the node is not in the table.
  NodeState* find(const Node* node) {
    NodeState* state = slot_of(node);
    return state->node ? state : nullptr;
  }

 private:
  NodeState* slot_of(const Node* node) {
    const size_t mask = slots_.size() - 1;
    const uint64_t mixed = (reinterpret_cast<uintptr_t>(node) >> 4) * 0x9E3779B97F4A7C15u;
    size_t i = mixed >> (64 - std::countr_zero(slots_.size()));
    while (slots_[i].node && slots_[i].node != node) i = (i + 1) & mask;
    return &slots_[i];
  }
  void grow() {
    std::vector<NodeState> old(4 * slots_.size());
    old.swap(slots_);
    for (const NodeState& state : old) {
      if (state.node) *slot_of(state.node) = state;
    }
  }

  std::vector<NodeState> slots_;
  size_t count_ = 0;
};

// The nodes that may run, latest op first; those that are equally late in the order of their arrival.
class ReadyQueue {
 public:
  bool empty() const { return heap_.empty(); }
  void push(Node* node) {
    heap_.push_back({node->sequence_nr(), arrivals_++, node});
    std::push_heap(heap_.begin(), heap_.end());
  }
  Node* pop() {
    std::pop_heap(heap_.begin(), heap_.end());
    Node* node = heap_.back().node;
    heap_.pop_back();
    return node;
  }

 private:
  struct Entry {
    uint64_t sequence_nr;
    uint64_t arrival;
    Node* node;
    bool operator<(const Entry& other) const {
      return sequence_nr != other.sequence_nr ? sequence_nr < other.sequence_nr : arrival > other.arrival;
    }
  };
  std::vector<Entry> heap_;
  uint64_t arrivals_ = 0;
};

// Gradients that wait for their node; a few of them live at any time.
class Buffers {
 public:
  uint32_t take(size_t inputs) {
    if (free_.empty()) {
      all_.emplace_back();
      free_.push_back(static_cast<uint32_t>(all_.size() - 1));
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    all_[index].resize(inputs);
    return index;
  }
  Grads& operator[](uint32_t index) { return all_[index]; }
  Grads release(uint32_t index) {
    free_.push_back(index);
    return std::move(all_[index]);
  }

 private:
  std::vector<Grads> all_;
  std::vector<uint32_t> free_;
};

void add_gradient(Tensor& sum, Tensor&& grad) {
  if (!sum.defined()) {
    sum = std::move(grad);
  } else if (GradMode::is_enabled() || sum.dtype() != grad.dtype()) {
    sum = sum.add(grad);
  } else if (owned_alone(sum)) {
    sum.add_(grad);
  } else if (owned_alone(grad)) {
    grad.add_(sum);
    sum = std::move(grad);
  } else {
    sum = sum.add(grad);
  }
}

// Makes `grad` what input `edge.input_nr` of `edge.node` expects, or throws naming `node`, which computed it.
void fit_gradient(Tensor& grad, const Edge& edge, const Node& node, size_t i) {
  const Node::InputMeta& expected = edge.node->input_meta(edge.input_nr);
  if (grad.sizes() != IntArrayRef(expected.sizes)) {
    TENON_CHECK(is_expandable_to(expected.sizes, grad.sizes()), "backward: '", node.name(),
                "' returned an invalid gradient at index ", i, " - got ", grad.sizes(),
                " but expected shape compatible with ", expected.sizes);
    grad = grad.sum_to_size(expected.sizes);
  }
  if (grad.is_complex() && !is_complex(expected.dtype)) grad = grad.real();
  if (grad.dtype() != expected.dtype) grad = grad.to(expected.dtype);
  if (grad.device() != expected.device) {
    TENON_CHECK(grad.dim() == 0, "backward: '", node.name(), "' returned an invalid gradient at index ", i,
                " - expected device ", expected.device, " but got ", grad.device());
    grad = grad.to(expected.device);
  }
}

void check_no_nan(const Node& node, const Grads& outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].defined() || outputs[i].numel() == 0) continue;
    NoGradGuard no_grad;
    const bool has_nan = outputs[i].isnan().to(kFloat).sum_to_size(IntArrayRef()).item<float>() != 0;
    TENON_CHECK(!has_nan, "Function '", node_display_name(node), "' returned nan values in its ", i,
                "th output. Its forward op: ", node.anomaly_note_or_empty());
  }
}

class Pass {
 public:
  explicit Pass(const BackwardTask& task)
      : task_(task), selective_(!task.inputs.empty()), grad_mode_(task.create_graph) {}

  uint64_t number() const { return number_; }
  // Nodes that are not of this pass, such as one that another node holds, lead nowhere that it knows of.
  bool leads_to(const Node& node) {
    const NodeState* state = selective_ ? table_.find(&node) : nullptr;
    return !state || state->flags != 0;
  }
  void at_end(std::function<void()> body) { at_end_.push_back(std::move(body)); }

  std::vector<Tensor> run() {
    count_edges();
    if (selective_) select();
    seed();
    while (!ready_.empty()) step(ready_.pop());
    // By index, since one may add another.
    for (size_t i = 0; i < at_end_.size(); ++i) std::exchange(at_end_[i], nullptr)();
    return std::move(captured_);
  }

 private:
  // Finds every node that the roots reach, and how many edges lead to each.
  void count_edges() {
    std::vector<Node*> stack;
    for (const Edge& root : task_.roots) {
      if (table_.insert(root.node.get()).second) stack.push_back(root.node.get());
    }
    while (!stack.empty()) {
      Node* node = stack.back();
      stack.pop_back();
      for (const Edge& edge : node->next_edges()) {
        if (!edge.node) continue;
        auto [state, is_new] = table_.insert(edge.node.get());
        ++state.waiting;
        if (is_new) stack.push_back(edge.node.get());
      }
    }
  }

  // Marks the nodes that must run so that the gradients of the inputs become known.
  void select() {
    if (!task_.accumulate) captured_.resize(task_.inputs.size());
    for (const Edge& input : task_.inputs) {
      NodeState* state = input.node ? table_.find(input.node.get()) : nullptr;
      if (state) state->flags |= task_.accumulate ? NodeState::Needed : NodeState::Captured;
    }
    // A node is needed when a next node is: depth first, each node after all that it leads to.
    struct Visit {
      Node* node;
      size_t next;
    };
    NodeTable visited;
    std::vector<Visit> stack;
    for (const Edge& root : task_.roots) {
      if (visited.insert(root.node.get()).second) stack.push_back({root.node.get(), 0});
      while (!stack.empty()) {
        Visit& visit = stack.back();
        const auto& edges = visit.node->next_edges();
        if (visit.next < edges.size()) {
          Node* next = edges[visit.next++].node.get();
          if (next && visited.insert(next).second) stack.push_back({next, 0});
          continue;
        }
        for (const Edge& edge : edges) {
          if (edge.node && table_.find(edge.node.get())->flags) {
            table_.find(visit.node)->flags |= NodeState::Needed;
            break;
          }
        }
        stack.pop_back();
      }
    }
  }

  void seed() {
    for (size_t i = 0; i < task_.roots.size(); ++i) {
      const Edge& root = task_.roots[i];
      deliver(*table_.find(root.node.get()), root.input_nr, Tensor(task_.grads[i]));
    }
    for (const Edge& root : task_.roots) {
      NodeState& state = *table_.find(root.node.get());
      if (state.waiting != 0) continue;
      // The same node may be the root several times; it runs once.
      state.waiting = NodeState::kNone;
      ready_.push(root.node.get());
    }
  }

  void deliver(NodeState& state, uint32_t input_nr, Tensor&& grad) {
    if (!grad.defined()) return;
    if (state.buffer == NodeState::kNone) state.buffer = buffers_.take(state.node->num_inputs());
    add_gradient(buffers_[state.buffer][input_nr], std::move(grad));
  }

  void step(Node* node) {
    NodeState& state = *table_.find(node);
    const uint8_t flags = state.flags;
    if (selective_ && !flags) return;
    Grads grads = state.buffer == NodeState::kNone ? Grads(node->num_inputs()) : buffers_.release(state.buffer);
    const bool needed = !selective_ || (flags & NodeState::Needed);
    if (selective_ && !task_.accumulate) {
      // Hooks of a node that runs are called when it runs, and see what was captured before them.
      if (!needed) node->run_tensor_hooks(grads);
      if (flags & NodeState::Captured) capture(node, grads);
    }
    if (!needed) return;

    CurrentNode current(node);
    Grads outputs = call(*node, std::move(grads));
    const auto& edges = node->next_edges();
    for (size_t i = 0; i < edges.size(); ++i) {
      if (!edges[i].node) continue;
      NodeState* found = table_.find(edges[i].node.get());
      TENON_CHECK(found, "backward: the edges of '", node->name(), "' changed while backward ran");
      NodeState& next = *found;
      if (selective_ && !next.flags) continue;
      if (i < outputs.size()) deliver(next, edges[i].input_nr, std::move(outputs[i]));
      if (--next.waiting == 0) ready_.push(next.node);
    }
  }

  void capture(const Node* node, const Grads& grads) {
    for (size_t i = 0; i < task_.inputs.size(); ++i) {
      const Edge& input = task_.inputs[i];
      if (input.node.get() == node) captured_[i] = grads[input.input_nr];
    }
  }

  Grads call(Node& node, Grads&& grads) {
    node.run_tensor_hooks(grads);
    node.run_pre_hooks(grads);
    const bool has_post_hooks = node.has_post_hooks();
    Grads seen;
    if (has_post_hooks) seen = grads;
    Grads outputs = node.apply(std::move(grads));
    if (!task_.keep_graph) node.release_saved();

    const auto& edges = node.next_edges();
    for (size_t i = edges.size(); i < outputs.size(); ++i) {
      TENON_CHECK(!outputs[i].defined(), "backward: '", node.name(),
                  "' returned an incorrect number of gradients (expected ", edges.size(), ", got ", outputs.size(),
                  ")");
    }
    for (size_t i = 0; i < std::min(edges.size(), outputs.size()); ++i) {
      if (edges[i].node && outputs[i].defined()) fit_gradient(outputs[i], edges[i], node, i);
    }
    if (AnomalyMode::is_enabled() && AnomalyMode::should_check_nan()) check_no_nan(node, outputs);
    if (has_post_hooks) node.run_post_hooks(outputs, seen);
    return outputs;
  }

  // Makes a pass the innermost one for its life.
  class Innermost {
   public:
    explicit Innermost(Pass* pass) : outer_(std::exchange(innermost_pass, pass)) {}
    ~Innermost() { innermost_pass = outer_; }
    Innermost(const Innermost&) = delete;

   private:
    Pass* const outer_;
  };

  static inline std::atomic<uint64_t> passes = 0;

  const BackwardTask& task_;
  const bool selective_;
  AutoGradMode grad_mode_;
  const Innermost innermost_{this};
  const uint64_t number_ = ++passes;
  NodeTable table_;
  ReadyQueue ready_;
  Buffers buffers_;
  std::vector<Tensor> captured_;
  std::vector<std::function<void()>> at_end_;
};

}  // namespace

Node* Node::current() { return current_node; }

bool owned_alone(const Tensor& grad) {
  const TensorImpl& impl = *grad.impl();
  return impl.use_count() == 1 && impl.storage->use_count() == 1 && !impl.storage->read_only() && !impl.is_inference &&
         grad.is_non_overlapping_and_dense();
}

std::vector<Tensor> run_backward(const BackwardTask& task) { return Pass(task).run(); }

bool wants_input_grad(const Node& node, size_t i) {
  return node.needs_input_grad(i) && (!innermost_pass || innermost_pass->leads_to(*node.next_edges()[i].node));
}

uint64_t current_pass() { return innermost_pass ? innermost_pass->number() : 0; }

void at_end_of_pass(std::function<void()> body) {
  TENON_CHECK(innermost_pass, "at_end_of_pass: no backward pass runs on this thread");
  innermost_pass->at_end(std::move(body));
}

}  // namespace tenon
