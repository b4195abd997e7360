// The steps of the optimizers as _C.optim: each walks the parameters of a group and their states, as the package
// bindings/python/tenon/optim keeps them, and steps all that have a gradient at once.
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>

#include <string>
#include <string_view>
#include <vector>

#include "optim/matrix_step.h"
#include "optim/rules.h"
#include "optim/step.h"
#include "python.h"
#include "stable_abi.h"
#include "tenon/base/grad_mode.h"
#include "tensor_type.h"

namespace tenon::python {
namespace {

using optim::StepItem;

std::vector<PyObject*> interned_words(std::string_view words) {
  std::vector<PyObject*> names;
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    const std::string word(words.substr(0, end));
    names.push_back(checked(PyUnicode_InternFromString(word.c_str())));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return names;
}

// What `state` has under `name`; undefined where that is nothing or None.
Tensor tensor_in(PyObject* state, PyObject* name) {
  PyObject* value = PyDict_GetItemWithError(state, name);
  if (!value && PyErr_Occurred()) throw_python_error();
  if (!value || value == Py_None) return {};
  if (!is_tensor(value)) {
    throw TypeError(concat("optimizer state '", utf8(name), "' must be a Tensor, not ", type_name(value)));
  }
  return unwrap(value);
}

Tensor required_in(PyObject* state, PyObject* name) {
  Tensor tensor = tensor_in(state, name);
  if (!tensor.defined()) throw nb::key_error(utf8(name));
  return tensor;
}

const Tensor& parameter(nb::handle object) {
  if (!is_tensor(object.ptr())) {
    throw TypeError(concat("step: the parameters of a group must be Tensors, not ", type_name(object.ptr())));
  }
  return unwrap(object.ptr());
}

// Counts a step, in the number that a tensor holds.
double count_step(const Tensor& step) {
  if (step.is_cpu() && step.dtype() == kFloat && step.numel() == 1) {
    step.impl()->version().bump("add_");
    return *step.data_ptr<float>() += 1;
  }
  step.add_(1);
  return step.item<double>();
}

// The parameters of a group that have gradients, each with the dict of its states. `begin` makes the states of a
// parameter that has none yet.
template <class Add>
void walk(nb::list params, nb::dict state, nb::handle begin, const Add& add) {
  for (nb::handle param : params) {
    const Tensor& tensor = parameter(param);
    const Tensor grad = tensor.grad();
    if (!grad.defined()) continue;
    PyObject* own = PyDict_GetItemWithError(state.ptr(), param.ptr());
    if (!own && PyErr_Occurred()) throw_python_error();
    nb::object made;
    if (!own || (PyDict_Check(own) && dict_size(own) == 0)) {
      made = begin(param);
      own = made.ptr();
    }
    if (!PyDict_Check(own)) {
      throw TypeError(concat("step: the state of a parameter must be a dict, not ", type_name(own)));
    }
    add(tensor, grad, own);
  }
}

template <class Numbers>
void finish(const std::vector<StepItem>& items, const std::vector<Numbers>& numbers, bool differentiable) {
  if (items.empty()) return;
  int64_t elements = 0;
  for (const StepItem& item : items) elements += item.param.numel();
  ReleaseGil gil(elements > kReleaseGilElements);
  optim::run_step(items, numbers, differentiable);
}

// Steps an optimizer whose states are tensors named by `Names` and a count of steps; `numbers_of(step, state)` reads
// what the kernel is told.
template <class Numbers, class NumbersOf>
void step_group(nb::list params, nb::dict state, nb::handle begin, bool differentiable,
                const std::vector<PyObject*>& names, const NumbersOf& numbers_of) {
  static PyObject* const step_name = PyUnicode_InternFromString("step");
  std::vector<StepItem> items;
  std::vector<Numbers> numbers;
  items.reserve(nb::len(params));
  numbers.reserve(nb::len(params));
  walk(params, state, begin, [&](const Tensor& param, const Tensor& grad, PyObject* own) {
    StepItem item = {param, grad, {}};
    for (size_t k = 0; k < names.size(); ++k) item.states[k] = tensor_in(own, names[k]);
    numbers.push_back(numbers_of(count_step(required_in(own, step_name)), own));
    items.push_back(std::move(item));
  });
  finish(items, numbers, differentiable);
}

#define TENON_KERNEL(name, Numbers, states)                             \
  const std::vector<PyObject*>& name##_states() {                       \
    static const std::vector<PyObject*> names = interned_words(states); \
    return names;                                                       \
  }
TENON_FORALL_STEPS(TENON_KERNEL)
TENON_KERNEL(sparse_adam, SparseAdamNumbers, "exp_avg exp_avg_sq")
TENON_KERNEL(muon, MuonSettings, "momentum_buffer")
#undef TENON_KERNEL

// The momentum of a first step is made here, since it is the gradient itself.
void sgd(nb::list params, nb::dict state, nb::handle begin, bool differentiable, double lr, double momentum,
         double dampening, double weight_decay, bool nesterov, bool maximize) {
  std::vector<StepItem> items;
  std::vector<SgdNumbers> numbers;
  items.reserve(nb::len(params));
  numbers.reserve(nb::len(params));
  auto add = [&](const Tensor& param, const Tensor& grad, Tensor buffer, bool first) {
    items.push_back({param, grad, {std::move(buffer)}});
    numbers.push_back({lr, momentum, dampening, weight_decay, nesterov, maximize, first});
  };
  if (momentum == 0) {
    for (nb::handle param : params) {
      const Tensor& tensor = parameter(param);
      if (const Tensor& grad = tensor.grad(); grad.defined()) add(tensor, grad, {}, false);
    }
  } else {
    PyObject* const name = sgd_states()[0];
    walk(params, state, begin, [&](const Tensor& param, const Tensor& grad, PyObject* own) {
      Tensor buffer = tensor_in(own, name);
      const bool first = !buffer.defined();
      if (first) {
        NoGradGuard no_grad;
        buffer = param.detach().clone();
        nb::object object = steal(wrap(buffer));
        check_status(PyDict_SetItem(own, name, object.ptr()));
      }
      add(param, grad, std::move(buffer), first);
    });
  }
  finish(items, numbers, differentiable);
}

void adam(nb::list params, nb::dict state, nb::handle begin, bool differentiable, double lr, double beta1, double beta2,
          double eps, double weight_decay, bool amsgrad, bool maximize, bool decoupled) {
  const std::vector<PyObject*>& all = adam_states();
  const std::vector<PyObject*> names(all.begin(), all.end() - (amsgrad ? 0 : 1));
  // Parameters that were stepped together have one count of steps.
  double step_before = 0;
  AdamNumbers same;
  step_group<AdamNumbers>(params, state, begin, differentiable, names, [&](double step, PyObject*) {
    if (step != step_before) {
      same = optim::adam_numbers(step, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, decoupled);
      step_before = step;
    }
    return same;
  });
}

void adamax(nb::list params, nb::dict state, nb::handle begin, bool differentiable, double lr, double beta1,
            double beta2, double eps, double weight_decay, bool maximize) {
  step_group<AdamaxNumbers>(params, state, begin, differentiable, adamax_states(), [&](double step, PyObject*) {
    return optim::adamax_numbers(step, lr, beta1, beta2, eps, weight_decay, maximize);
  });
}

void nadam(nb::list params, nb::dict state, nb::handle begin, bool differentiable, double lr, double beta1,
           double beta2, double eps, double weight_decay, double momentum_decay, bool decoupled, bool maximize) {
  static PyObject* const name = PyUnicode_InternFromString("mu_product");
  step_group<NadamNumbers>(params, state, begin, differentiable, nadam_states(), [&](double step, PyObject* own) {
    NoGradGuard no_grad;
    return optim::nadam_numbers(step, required_in(own, name), lr, beta1, beta2, eps, weight_decay, momentum_decay,
                                decoupled, maximize);
  });
}

void radam(nb::list params, nb::dict state, nb::handle begin, bool differentiable, double lr, double beta1,
           double beta2, double eps, double weight_decay, bool decoupled, bool maximize) {
  step_group<RadamNumbers>(params, state, begin, differentiable, radam_states(), [&](double step, PyObject*) {
    return optim::radam_numbers(step, lr, beta1, beta2, eps, weight_decay, decoupled, maximize);
  });
}

void adagrad(nb::list params, nb::dict state, nb::handle begin, bool differentiable, double lr, double lr_decay,
             double eps, double weight_decay, bool maximize) {
  step_group<AdagradNumbers>(params, state, begin, differentiable, adagrad_states(), [&](double step, PyObject*) {
    return optim::adagrad_numbers(step, lr, lr_decay, eps, weight_decay, maximize);
  });
}

void adadelta(nb::list params, nb::dict state, nb::handle begin, bool differentiable, double lr, double rho, double eps,
              double weight_decay, bool maximize) {
  step_group<AdadeltaNumbers>(params, state, begin, differentiable, adadelta_states(), [&](double, PyObject*) {
    return AdadeltaNumbers{lr, rho, eps, weight_decay, maximize};
  });
}

void rmsprop(nb::list params, nb::dict state, nb::handle begin, bool differentiable, double lr, double alpha,
             double eps, double momentum, double weight_decay, bool centered, bool maximize) {
  step_group<RmspropNumbers>(params, state, begin, differentiable, rmsprop_states(), [&](double, PyObject*) {
    return RmspropNumbers{lr, alpha, eps, momentum, weight_decay, centered, maximize};
  });
}

void rprop(nb::list params, nb::dict state, nb::handle begin, bool differentiable, double eta_minus, double eta_plus,
           double step_min, double step_max, bool maximize) {
  step_group<RpropNumbers>(params, state, begin, differentiable, rprop_states(), [&](double, PyObject*) {
    return RpropNumbers{eta_minus, eta_plus, step_min, step_max, maximize};
  });
}

void asgd(nb::list params, nb::dict state, nb::handle begin, bool differentiable, double lr, double lambd, double alpha,
          double t0, double weight_decay, bool maximize) {
  static PyObject* const eta = PyUnicode_InternFromString("eta");
  static PyObject* const mu = PyUnicode_InternFromString("mu");
  step_group<AsgdNumbers>(params, state, begin, differentiable, asgd_states(), [&](double step, PyObject* own) {
    NoGradGuard no_grad;
    return optim::asgd_numbers(step, required_in(own, eta), required_in(own, mu), lr, lambd, alpha, t0, weight_decay,
                               maximize);
  });
}

// The count of steps is a Python int, as PyTorch keeps it here.
void sparse_adam(nb::list params, nb::dict state, nb::handle begin, double lr, double beta1, double beta2, double eps,
                 bool maximize) {
  static PyObject* const step_name = PyUnicode_InternFromString("step");
  const std::vector<PyObject*>& names = sparse_adam_states();
  std::vector<StepItem> items;
  std::vector<SparseAdamNumbers> numbers;
  walk(params, state, begin, [&](const Tensor& param, const Tensor& grad, PyObject* own) {
    PyObject* before = PyDict_GetItemWithError(own, step_name);
    if (!before && !PyErr_Occurred()) throw nb::key_error("step");
    const nb::object step = steal(checked(PyNumber_Add(checked(before), nb::int_(1).ptr())));
    check_status(PyDict_SetItem(own, step_name, step.ptr()));
    items.push_back({param, grad, {required_in(own, names[0]), required_in(own, names[1])}});
    numbers.push_back(optim::sparse_adam_numbers(nb::cast<double>(step), param, lr, beta1, beta2, eps, maximize));
  });
  finish(items, numbers, false);
}

void adafactor(nb::list params, nb::dict state, nb::handle begin, double lr, double beta2_decay,
               std::optional<double> eps1, double eps2, double d, double weight_decay, bool maximize) {
  static const std::vector<PyObject*> names = interned_words("step row_var col_var variance");
  std::vector<optim::AdafactorItem> items;
  walk(params, state, begin, [&](const Tensor& param, const Tensor& grad, PyObject* own) {
    items.push_back({param, grad, tensor_in(own, names[1]), tensor_in(own, names[2]), tensor_in(own, names[3]),
                     count_step(required_in(own, names[0]))});
  });
  ReleaseGil gil;
  optim::adafactor_steps(items, {lr, beta2_decay, eps1, eps2, d, weight_decay, maximize});
}

void muon(nb::list params, nb::dict state, nb::handle begin, double lr, double weight_decay, double momentum,
          bool nesterov, std::array<double, 3> ns_coefficients, double eps, int64_t ns_steps, bool match_rms_adamw) {
  std::vector<optim::MuonItem> items;
  walk(params, state, begin, [&](const Tensor& param, const Tensor& grad, PyObject* own) {
    items.push_back({param, grad, required_in(own, muon_states()[0])});
  });
  ReleaseGil gil;
  optim::muon_steps(items, {lr, weight_decay, momentum, nesterov, ns_coefficients, eps, ns_steps, match_rms_adamw});
}

}  // namespace

void init_optim(nb::module_& module) {
  nb::module_ steps = module.def_submodule("optim");
#define TENON_KERNEL(name, Numbers, states) steps.def(#name, name);
  TENON_FORALL_STEPS(TENON_KERNEL)
#undef TENON_KERNEL
  steps.def("sparse_adam", sparse_adam);
  steps.def("muon", muon);
  steps.def("adafactor", adafactor, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(),
            nb::arg(), nb::arg(), nb::arg());
}

}  // namespace tenon::python
