// Masked parameters; see prune.h.
#include "tenon/nn/prune.h"

#include <cmath>
#include <functional>

#include "nn/module_editor.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/nn/utils.h"
#include "tenon/ops/ops.h"

namespace tenon::nn::utils::prune {
namespace {

// Applies the mask before each call.
struct MaskHook {
  std::string name;
  detail::MemberOf member;

  Tensor compute(Module& module) const {
    ModuleEditor own(module);
    const Tensor& original = own.parameter("prune", name + "_orig");
    return own.buffers()[name + "_mask"].to(original.dtype()) * original;
  }
  void operator()(Module& module, std::vector<Tensor>&) const { member(module) = compute(module); }
};

// The mask of elements by their importance, within a mask.
using Method = std::function<Tensor(const Tensor& scores, const Tensor& mask)>;

enum class Kind : uint8_t { Elements, Channels, All };

// The method's mask among what `mask` has left.
Tensor narrowed(const Method& method, Kind kind, int64_t dim, const Tensor& scores, const Tensor& mask) {
  if (kind == Kind::All) return method(scores, mask);
  if (kind == Kind::Elements) {
    const Tensor left = mask.eq(1);
    const Tensor chosen = method(scores.masked_select(left), mask.masked_select(left));
    return mask.to(scores.dtype(), false, true).masked_scatter_(left, chosen.to(scores.dtype()));
  }
  std::vector<int64_t> others;
  for (int64_t d = 0; d < mask.dim(); ++d) {
    if (d != (dim < 0 ? dim + mask.dim() : dim)) others.push_back(d);
  }
  const Tensor left = mask.sum(others).ne(0).nonzero().view({-1});
  const Tensor chosen = method(scores.index_select(dim, left), mask.index_select(dim, left));
  return mask.to(scores.dtype(), false, true).index_copy_(dim, left, chosen.to(scores.dtype()));
}

void apply(const char* op, const KnownModule& known, const std::string& name, const Method& method, Kind kind,
           int64_t dim, const Tensor& importance_scores) {
  Module& module = known.module();
  ModuleEditor editor(module);
  const MaskHook hook = {name, member_of(op, known, name)};
  const bool first = !editor.find_hook<MaskHook>(name);
  const Tensor parameter = first ? editor.parameter(op, name) : hook.member(module);
  TENON_CHECK_VALUE(!importance_scores.defined() || importance_scores.sizes() == parameter.sizes(), op,
                    ": importance_scores must have the shape of the parameter, ", parameter.sizes(), ", got ",
                    importance_scores.defined() ? importance_scores.sizes() : parameter.sizes());
  Tensor mask;
  {
    NoGradGuard no_grad;
    const Tensor scores = (importance_scores.defined() ? importance_scores : parameter).detach();
    mask = first ? method(scores, ones_like(scores))
                 : narrowed(method, kind, dim, scores, editor.buffers()[name + "_mask"]);
  }
  if (first) {
    ModuleEditor::put(editor.parameters(), name + "_orig", editor.take_parameter(op, name));
    module.register_forward_pre_hook(hook);
  }
  ModuleEditor::put(editor.buffers(), name + "_mask", mask);
  hook.member(module) = hook.compute(module);
}

// Zeros where `choose(scores, count)` says.
Method unstructured(const Amount& amount, const std::function<Tensor(const Tensor&, int64_t)>& choose) {
  return [=](const Tensor& scores, const Tensor& mask) {
    const int64_t count = amount.of(scores.numel());
    const Tensor result = mask.clone(MemoryFormat::Contiguous);
    if (count > 0) result.view({-1}).index_fill_(0, choose(scores, count), 0);
    return result;
  };
}

Tensor random_choice(const Tensor& scores, int64_t count) {
  return std::get<1>(rand_like(scores).view({-1}).topk(count));
}
Tensor smallest(const Tensor& scores, int64_t count) {
  return std::get<1>(scores.abs().reshape({-1}).topk(count, -1, false));
}

// Ones in the channels that `keep(scores, size, count)` says.
Method structured(const Amount& amount, int64_t dim,
                  const std::function<Tensor(const Tensor&, int64_t, int64_t)>& keep) {
  return [=](const Tensor& scores, const Tensor& mask) -> Tensor {
    TENON_CHECK_VALUE(scores.dim() > 1,
                      "Structured pruning can only be applied to multidimensional tensors. Found "
                      "tensor of shape ",
                      scores.sizes(), " with ", scores.dim(), " dims");
    TENON_CHECK_INDEX(-scores.dim() <= dim && dim < scores.dim(), "Invalid index ", dim, " for tensor of size ",
                      scores.sizes());
    const int64_t size = scores.size(dim), count = amount.of(size);
    if (count == 0) return mask;
    return zeros_like(scores).index_fill_(dim, keep(scores, size, count), 1) * mask.to(scores.dtype());
  };
}

}  // namespace

Amount::Amount(double fraction) : fraction_(fraction) {
  TENON_CHECK_VALUE(0 <= fraction && fraction <= 1, "amount=", fraction,
                    " should either be a float in the range [0, 1] or a non-negative integer");
}

Amount::Amount(int64_t count) : count_(count) {
  TENON_CHECK_VALUE(count >= 0, "amount=", count,
                    " should either be a float in the range [0, 1] or a non-negative integer");
}

int64_t Amount::of(int64_t size) const {
  if (count_ < 0) return static_cast<int64_t>(std::nearbyint(fraction_ * static_cast<double>(size)));
  TENON_CHECK_VALUE(count_ <= size, "amount=", count_,
                    " should be smaller than the number of parameters to prune=", size);
  return count_;
}

void identity(const KnownModule& module, const std::string& name) {
  apply("identity", module, name, [](const Tensor&, const Tensor& mask) { return mask; }, Kind::Elements, 0, {});
}

void random_unstructured(const KnownModule& module, const std::string& name, Amount amount) {
  apply("random_unstructured", module, name, unstructured(amount, random_choice), Kind::Elements, 0, {});
}

void l1_unstructured(const KnownModule& module, const std::string& name, Amount amount, const Tensor& scores) {
  apply("l1_unstructured", module, name, unstructured(amount, smallest), Kind::Elements, 0, scores);
}

void random_structured(const KnownModule& module, const std::string& name, Amount amount, int64_t dim) {
  const auto keep = [](const Tensor&, int64_t size, int64_t count) {
    const Tensor numbers = rand({size});
    return numbers.gt(std::get<0>(numbers.kthvalue(count))).nonzero().view({-1});
  };
  apply("random_structured", module, name, structured(amount, dim, keep), Kind::Channels, dim, {});
}

void ln_structured(const KnownModule& module, const std::string& name, Amount amount, double n, int64_t dim,
                   const Tensor& scores) {
  const auto keep = [n, dim](const Tensor& t, int64_t size, int64_t count) {
    std::vector<int64_t> others;
    for (int64_t d = 0; d < t.dim(); ++d) {
      if (d != (dim < 0 ? dim + t.dim() : dim)) others.push_back(d);
    }
    return std::get<1>(tenon::norm(t, n, others).topk(size - count));
  };
  apply("ln_structured", module, name, structured(amount, dim, keep), Kind::Channels, dim, scores);
}

void custom_from_mask(const KnownModule& module, const std::string& name, const Tensor& mask) {
  const auto method = [mask](const Tensor&, const Tensor& before) {
    TENON_CHECK_VALUE(before.sizes() == mask.sizes(), "custom_from_mask: the mask must have shape ", before.sizes(),
                      ", got ", mask.sizes());
    return before * mask.to(before.dtype());
  };
  apply("custom_from_mask", module, name, method, Kind::All, 0, {});
}

void global_unstructured(const std::vector<std::pair<KnownModule, std::string>>& parameters, Unstructured method,
                         Amount amount) {
  NoGradGuard no_grad;
  std::vector<Tensor> tensors, masks;
  for (const auto& [known, name] : parameters) {
    const Tensor tensor = member_of("global_unstructured", known, name)(known.module()).detach();
    const Tensor* mask = ModuleEditor(known.module()).buffers().find(name + "_mask");
    tensors.push_back(tensor);
    masks.push_back(mask ? *mask : ones_like(tensor));
  }
  const Tensor all = narrowed(unstructured(amount, method == Unstructured::L1 ? smallest : random_choice),
                              Kind::Elements, 0, parameters_to_vector(tensors), parameters_to_vector(masks));
  int64_t start = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const int64_t count = tensors[i].numel();
    custom_from_mask(parameters[i].first, parameters[i].second, all.narrow(0, start, count).view(tensors[i].sizes()));
    start += count;
  }
}

void remove(const KnownModule& known, const std::string& name) {
  Module& module = known.module();
  ModuleEditor editor(module);
  const MaskHook* hook = editor.find_hook<MaskHook>(name);
  TENON_CHECK_VALUE(hook, "Parameter '", name, "' of module ", module.name(),
                    " has to be pruned before pruning can be removed");
  const Tensor value = hook->compute(module).detach();
  Tensor original = editor.take_parameter("remove", name + "_orig");
  original.set_data(value);
  editor.buffers().erase(name + "_mask");
  hook->member(module) = original;
  ModuleEditor::put(editor.parameters(), name, original);
  editor.remove_hook<MaskHook>(name);
}

bool is_pruned(const Module& module) {
  bool found = false;
  module.apply(Module::ConstModuleApplyFunction([&](const Module& part) {
    const ModuleEditor editor(const_cast<Module&>(part));
    for (const auto& item : part.named_buffers(false)) {
      const std::string& key = item.key();
      found |= key.ends_with("_mask") && editor.find_hook<MaskHook>(key.substr(0, key.size() - 5)) != nullptr;
    }
  }));
  return found;
}

}  // namespace tenon::nn::utils::prune
