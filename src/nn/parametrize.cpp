// Parameters computed from others; see parametrize.h.
#include "tenon/nn/parametrize.h"

#include "nn/module_editor.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/nn/conv.h"
#include "tenon/ops/ops.h"

namespace tenon::nn::utils {

using parametrize::Parametrization;

namespace {

// Holds the parametrizations of one tensor as its submodules 0, 1, ..., and what they start from as its parameters; or
// such lists, by the names of their tensors.
class Parts : public CloneableModule {
  TENON_COPYABLE(Parts)
  void pretty_print(std::ostream& stream) const override { stream << "torch::nn::ModuleDict"; }
};

constexpr const char* kParametrizations = "parametrizations";

std::vector<Tensor> originals_of(const Module& list) { return list.parameters(false); }

std::vector<std::shared_ptr<Parametrization>> parametrizations_of(const Module& list) {
  std::vector<std::shared_ptr<Parametrization>> all;
  for (const auto& child : list.children()) all.push_back(std::static_pointer_cast<Parametrization>(child));
  return all;
}

Tensor computed(const Module& list) {
  std::vector<Tensor> values = originals_of(list);
  for (const auto& part : parametrizations_of(list)) values = {part->forward(values)};
  return values[0];
}

std::shared_ptr<Module> list_of(Module& module, const std::string& name) {
  const std::shared_ptr<Module> lists = ModuleEditor(module).child(kParametrizations);
  return lists ? ModuleEditor(*lists).child(name) : nullptr;
}

// Computes a parametrized tensor before each call.
struct ParametrizedHook {
  std::string name;
  detail::MemberOf member;
  void operator()(Module& module, std::vector<Tensor>&) const { member(module) = computed(*list_of(module, name)); }
};

void check_same(const Tensor& before, const Tensor& after, const char* what) {
  TENON_CHECK_VALUE(before.dtype() == after.dtype() && before.sizes() == after.sizes(), what, " from ", before.dtype(),
                    " of shape ", before.sizes(), " to ", after.dtype(), " of shape ", after.sizes());
}

// The list of a tensor that had none, which the module gets when all is well.
std::shared_ptr<Module> new_list(const Tensor& original, const std::shared_ptr<Parametrization>& first, bool unsafe) {
  const auto list = std::make_shared<Parts>();
  ModuleEditor editor(*list);
  NoGradGuard no_grad;
  std::vector<Tensor> kept = first->right_inverse(original);
  TENON_CHECK_VALUE(!kept.empty(), "register_parametrization: right_inverse must return a tensor or several");
  if (kept.size() == 1) {
    TENON_CHECK_VALUE(kept[0].dtype() == original.dtype(),
                      "When `right_inverse` outputs one tensor, it may not change "
                      "the dtype.\noriginal.dtype: ",
                      original.dtype(), "\nright_inverse(original).dtype: ", kept[0].dtype());
  }
  editor.children().insert("0", first);
  // One tensor takes the place of the original's value, so that an optimizer goes on with the same parameter.
  const Tensor before = original.detach();
  if (kept.size() == 1) {
    editor.parameters().insert("original", original);
    original.set_data(kept[0].detach());
  } else {
    for (size_t i = 0; i < kept.size(); ++i) {
      Tensor own = kept[i].detach();
      editor.parameters().insert("original" + std::to_string(i), own.requires_grad_(original.requires_grad()));
    }
  }
  if (unsafe) return list;
  try {
    check_same(before, computed(*list),
               "Registering a parametrization may not change the dtype or the shape of the "
               "tensor, unless `unsafe` is true: it went");
  } catch (...) {
    original.set_data(before);
    throw;
  }
  return list;
}

// |v| of the slices along a dim, with all dims kept; of all of it for dim -1.
Tensor norm_except_dim(const Tensor& v, int64_t dim) {
  if (dim == -1) return v.norm(2);
  std::vector<int64_t> others;
  for (int64_t d = 0; d < v.dim(); ++d) {
    if (d != dim) others.push_back(d);
  }
  return others.empty() ? v.abs() : tenon::norm(v, 2, others, true);
}

Tensor weight_of_norm(const Tensor& v, const Tensor& g, int64_t dim) { return v * (g / norm_except_dim(v, dim)); }

Tensor normalized(const Tensor& vector, double eps) { return tenon::normalize(vector, 2, 0, eps); }

Tensor as_matrix(const Tensor& weight, int64_t dim) {
  return weight.movedim(std::vector<int64_t>{dim}, std::vector<int64_t>{0}).flatten(1);
}

int64_t output_dim(Module& module, const optional<int64_t>& dim) {
  if (dim) return *dim;
  return module.as<ConvTranspose1d>() || module.as<ConvTranspose2d>() || module.as<ConvTranspose3d>();
}

void check_iterations(int64_t count) {
  TENON_CHECK_VALUE(count > 0, "Expected n_power_iterations to be positive, but got n_power_iterations=", count);
}

class WeightNorm : public Parametrization {
  TENON_COPYABLE(WeightNorm)
  explicit WeightNorm(int64_t dim) : dim_(dim) {}
  Tensor forward(const std::vector<Tensor>& originals) override {
    return weight_of_norm(originals[1], originals[0], dim_);
  }
  std::vector<Tensor> right_inverse(const Tensor& value) override { return {norm_except_dim(value, dim_), value}; }
  void pretty_print(std::ostream& stream) const override { stream << "_WeightNorm()"; }

 private:
  int64_t dim_;
};

class SpectralNorm : public Parametrization {
  TENON_COPYABLE(SpectralNorm)
  SpectralNorm(const Tensor& weight, int64_t n_power_iterations, int64_t dim, double eps)
      : iterations_(n_power_iterations), dim_(dim < 0 ? dim + weight.dim() : dim), eps_(eps) {
    TENON_CHECK_INDEX(-weight.dim() <= dim && dim < weight.dim(),
                      "Dimension out of range (expected to be in range of [", -weight.dim(), ", ", weight.dim() - 1,
                      "] but got ", dim, ")");
    check_iterations(n_power_iterations);
    if (weight.dim() < 2) return;
    NoGradGuard no_grad;
    const Tensor matrix = as_matrix(weight, dim_);
    u_ = tenon::empty({matrix.size(0)}, matrix.options()).normal_(0, 1);
    v_ = tenon::empty({matrix.size(1)}, matrix.options()).normal_(0, 1);
    u_ = register_buffer("_u", normalized(u_, eps));
    v_ = register_buffer("_v", normalized(v_, eps));
    iterate(matrix, 15);
  }

  void reset() override {
    if (!u_.defined()) return;
    u_ = register_buffer("_u", empty_like(u_));
    v_ = register_buffer("_v", empty_like(v_));
  }
  Tensor forward(const std::vector<Tensor>& originals) override {
    const Tensor& weight = originals[0];
    if (weight.dim() == 1) return normalized(weight, eps_);
    const Tensor matrix = as_matrix(weight, dim_);
    if (is_training()) iterate(matrix, iterations_);
    // Copies, because the next call edits them, perhaps before backward.
    const Tensor u = u_.clone(), v = v_.clone();
    return weight / tenon::vdot(u, matrix.mv(v));
  }
  void pretty_print(std::ostream& stream) const override { stream << "_SpectralNorm()"; }

 private:
  void iterate(const Tensor& matrix, int64_t count) {
    NoGradGuard no_grad;
    for (int64_t i = 0; i < count; ++i) {
      u_.copy_(normalized(matrix.mv(v_), eps_));
      v_.copy_(normalized(matrix.mH().mv(u_), eps_));
    }
  }

  int64_t iterations_, dim_;
  double eps_;
  Tensor u_, v_;
};

}  // namespace

bool parametrize::is_parametrized(const Module& module, const std::string& name) {
  const auto lists = ModuleEditor(const_cast<Module&>(module)).child(kParametrizations);
  return lists && (name.empty() ? !lists->children().empty() : ModuleEditor(*lists).child(name) != nullptr);
}

void parametrize::register_parametrization(const KnownModule& known, const std::string& name,
                                           std::shared_ptr<Parametrization> parametrization, bool unsafe) {
  constexpr const char* kOp = "register_parametrization";
  Module& module = known.module();
  const detail::MemberOf member = member_of(kOp, known, name);
  parametrization->train(module.is_training());
  if (const std::shared_ptr<Module> list = list_of(module, name)) {
    const Tensor before = computed(*list);
    if (!unsafe) {
      check_same(before, parametrization->forward({before}),
                 "Registering a parametrization may not change the dtype or "
                 "the shape of the tensor, unless `unsafe` is true: it went");
    }
    ModuleEditor(*list).children().insert(std::to_string(list->children().size()), parametrization);
    member(module) = computed(*list);
    return;
  }
  ModuleEditor editor(module);
  const std::shared_ptr<Module> list = new_list(editor.parameter(kOp, name), parametrization, unsafe);
  editor.take_parameter(kOp, name);
  if (!editor.child(kParametrizations)) editor.children().insert(kParametrizations, std::make_shared<Parts>());
  ModuleEditor(*editor.child(kParametrizations)).children().insert(name, list);
  member(module) = computed(*list);
  module.register_forward_pre_hook(ParametrizedHook{name, member});
}

void parametrize::remove_parametrizations(const KnownModule& known, const std::string& name, bool leave_parametrized) {
  Module& module = known.module();
  const std::shared_ptr<Module> list = list_of(module, name);
  TENON_CHECK_VALUE(list, "Module ", module.name(), " does not have a parametrization on ", name);
  const std::vector<Tensor> originals = originals_of(*list);
  TENON_CHECK_VALUE(leave_parametrized || originals.size() == 1,
                    "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms "
                    "of a sequence of tensors.");
  Tensor tensor = originals[0];
  if (leave_parametrized) {
    NoGradGuard no_grad;
    const Tensor value = computed(*list).detach();
    if (originals.size() == 1) {
      tensor.set_data(value);
    } else {
      tensor = value;
      tensor.requires_grad_(originals[0].requires_grad());
    }
  }
  ModuleEditor editor(module);
  const std::shared_ptr<Module> lists = editor.child(kParametrizations);
  editor.remove_hook<ParametrizedHook>(name);
  ModuleEditor(*lists).children().erase(name);
  if (lists->children().empty()) editor.children().erase(kParametrizations);
  ModuleEditor::put(editor.parameters(), name, tensor);
  known.member(name)(module) = tensor;
}

void parametrizations::weight_norm(const KnownModule& known, const std::string& name, optional<int64_t> dim) {
  parametrize::register_parametrization(known, name, std::make_shared<WeightNorm>(dim.value_or(-1)), true);
  known.module().register_load_state_dict_pre_hook([name](Module&, StateDict& state, const std::string& prefix) {
    // The keys of the older form.
    const std::string old = prefix + name + "_", now = prefix + "parametrizations." + name + ".original";
    if (!state.contains(old + "g") || !state.contains(old + "v")) return;
    for (const auto& [part, number] : {std::pair("g", "0"), std::pair("v", "1")}) {
      const Tensor value = *state.find(old + part);
      state.erase(old + part);
      state.insert(now + number, value);
    }
  });
}

void parametrizations::spectral_norm(const KnownModule& known, const std::string& name, int64_t n_power_iterations,
                                     double eps, optional<int64_t> dim) {
  const Tensor& weight = ModuleEditor(known.module()).parameter("spectral_norm", name);
  parametrize::register_parametrization(
      known, name, std::make_shared<SpectralNorm>(weight, n_power_iterations, output_dim(known.module(), dim), eps));
}

// --- the older forms

namespace {

struct WeightNormHook {
  std::string name;
  detail::MemberOf member;
  int64_t dim;

  Tensor compute(Module& module) const {
    ModuleEditor own(module);
    return weight_of_norm(own.parameter("weight_norm", name + "_v"), own.parameter("weight_norm", name + "_g"), dim);
  }
  void operator()(Module& module, std::vector<Tensor>&) const { member(module) = compute(module); }
};

struct SpectralNormHook {
  std::string name;
  detail::MemberOf member;
  int64_t dim, n_power_iterations;
  double eps;

  Tensor compute(Module& module, bool iterate) const {
    ModuleEditor own(module);
    const Tensor& weight = own.parameter("spectral_norm", name + "_orig");
    Tensor u = own.buffers()[name + "_u"], v = own.buffers()[name + "_v"];
    const Tensor matrix = as_matrix(weight, dim);
    if (iterate) {
      NoGradGuard no_grad;
      for (int64_t i = 0; i < n_power_iterations; ++i) {
        v.copy_(normalized(matrix.t().mv(u), eps));
        u.copy_(normalized(matrix.mv(v), eps));
      }
      // Another call may edit these before backward has read them.
      u = u.clone();
      v = v.clone();
    }
    return weight / u.dot(matrix.mv(v));
  }
  void operator()(Module& module, std::vector<Tensor>&) const {
    member(module) = compute(module, module.is_training());
  }
};

template <class Hook>
const Hook* found_hook(const Module& module, const ModuleEditor& editor, const char* what, const std::string& name) {
  const Hook* hook = editor.find_hook<Hook>(name);
  TENON_CHECK_VALUE(hook, what, " of '", name, "' not found in ", module.name());
  return hook;
}

}  // namespace

void weight_norm(const KnownModule& known, const std::string& name, optional<int64_t> dim) {
  Module& module = known.module();
  ModuleEditor editor(module);
  TENON_CHECK(!editor.find_hook<WeightNormHook>(name), "Cannot register two weight_norm hooks on the same parameter ",
              name);
  const WeightNormHook hook = {name, member_of("weight_norm", known, name), dim.value_or(-1)};
  const Tensor weight = editor.take_parameter("weight_norm", name).detach();
  module.register_parameter(name + "_g", norm_except_dim(weight, hook.dim));
  module.register_parameter(name + "_v", weight);
  hook.member(module) = hook.compute(module);
  module.register_forward_pre_hook(hook);
}

void remove_weight_norm(const KnownModule& known, const std::string& name) {
  Module& module = known.module();
  ModuleEditor editor(module);
  const auto* hook = found_hook<WeightNormHook>(module, editor, "weight_norm", name);
  const Tensor weight = hook->compute(module).detach();
  editor.parameters().erase(name + "_g");
  editor.parameters().erase(name + "_v");
  hook->member(module) = module.register_parameter(name, weight);
  editor.remove_hook<WeightNormHook>(name);
}

void spectral_norm(const KnownModule& known, const std::string& name, int64_t n_power_iterations, double eps,
                   optional<int64_t> dim) {
  Module& module = known.module();
  ModuleEditor editor(module);
  TENON_CHECK(!editor.find_hook<SpectralNormHook>(name),
              "Cannot register two spectral_norm hooks on the same parameter ", name);
  check_iterations(n_power_iterations);
  const SpectralNormHook hook = {name, member_of("spectral_norm", known, name), output_dim(module, dim),
                                 n_power_iterations, eps};
  const Tensor weight = editor.take_parameter("spectral_norm", name);
  const Tensor matrix = as_matrix(weight.detach(), hook.dim);
  const auto draw = [&](int64_t size) { return normalized(tenon::empty({size}, matrix.options()).normal_(0, 1), eps); };
  const Tensor u = draw(matrix.size(0)), v = draw(matrix.size(1));
  ModuleEditor::put(editor.parameters(), name + "_orig", weight);
  module.register_buffer(name + "_u", u);
  module.register_buffer(name + "_v", v);
  hook.member(module) = weight.detach();
  module.register_forward_pre_hook(hook);
}

void remove_spectral_norm(const KnownModule& known, const std::string& name) {
  Module& module = known.module();
  ModuleEditor editor(module);
  const auto* hook = found_hook<SpectralNormHook>(module, editor, "spectral_norm", name);
  const Tensor weight = hook->compute(module, false).detach();
  editor.parameters().erase(name + "_orig");
  editor.buffers().erase(name + "_u");
  editor.buffers().erase(name + "_v");
  hook->member(module) = module.register_parameter(name, weight);
  editor.remove_hook<SpectralNormHook>(name);
}

}  // namespace tenon::nn::utils
