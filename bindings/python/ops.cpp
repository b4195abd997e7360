// The callables made from the table of ops: one per name, for functions and for methods, holding all forms of the name.
#include "python.h"

#include <structmember.h>

#include <map>
#include <string>
#include <vector>

#include "arguments.h"
#include "ops/autocast.h"
#include "overload.h"
#include "overrides.h"
#include "results.h"
#include "stable_abi.h"
#include "threads.h"

namespace tenon::python {
namespace {

struct OpForms {
  std::string name;
  // Where Python finds it.
  const char* module = "tenon";
  bool method = false;
  std::vector<Overload> overloads;
};

struct PyOp {
  PyObject_HEAD
  vectorcallfunc vectorcall;
  OpForms* forms;
};

PyTypeObject* op_type;

OpForms& forms_of(PyObject* op) { return *reinterpret_cast<PyOp*>(op)->forms; }

// What `values` say about how much a call reads and how much it may make.
struct WorkBound {
  bool has_tensor = false, alike = true;
  int64_t elements = 0;
  double product = 1;
  const Tensor* last = nullptr;

  void add(const Tensor& tensor) {
    has_tensor = true;
    if (!tensor.defined()) return;
    elements += tensor.numel();
    if (tensor.numel() <= 1) return;
    if (last) alike = alike && last->sizes() == tensor.sizes();
    last = &tensor;
    product *= static_cast<double>(tensor.numel());
  }
  // A number can be a size, as repeat's.
  void add(int64_t number) {
    if (number <= 1) return;
    alike = false;
    product *= static_cast<double>(number);
  }
};

bool releases_gil(ValueBuffer& values) {
  WorkBound bound;
  for (size_t i = 0; i < values.size(); ++i) {
    if (const auto* tensor = std::get_if<Tensor>(&values[i])) {
      bound.add(*tensor);
    } else if (const auto* tensors = std::get_if<std::vector<Tensor>>(&values[i])) {
      for (const Tensor& tensor : *tensors) bound.add(tensor);
    } else if (const auto* sizes = std::get_if<std::vector<int64_t>>(&values[i])) {
      for (int64_t size : *sizes) bound.add(size);
    } else if (const auto* scalar = std::get_if<Scalar>(&values[i])) {
      if (scalar->is_integral()) bound.add(scalar->to<int64_t>());
    }
  }
  // An op without inputs fills what it returns, however large that is.
  if (!bound.has_tensor || bound.elements > kReleaseGilElements) return true;
  return !bound.alike && bound.product > kReleaseGilProduct;
}

PyObject* invoke(const Overload& overload, ValueBuffer& values, PyObject* out) {
  Value result;
  {
    // What is written in place or into `out` has its dtype.
    const autocast::Pause pause(any_autocast() && (out || overload.info().place == OpPlace::Inplace));
    ReleaseGil gil(releases_gil(values));
    result = overload.info().call(values.data());
  }
  const OpInfo& op = overload.info();
  return out ? write_to_out(out, result, op, {values.data(), values.size()}) : to_python(std::move(result), op);
}

std::string given_types(const CallArguments& call) {
  std::string text;
  auto add = [&](PyObject* value) {
    if (!text.empty()) text += ", ";
    if (PyTuple_Check(value) || PyList_Check(value)) {
      text += concat(type_name(value), " of ", sequence_size(value), " items");
    } else {
      text += type_name(value);
    }
  };
  for (size_t i = 0; i < call.positional; ++i) add(call.values[i]);
  for (size_t k = 0; k < call.keyword_count(); ++k) {
    add(call.keyword_value(k));
    text += concat(" ", utf8(call.keyword_name(k)));
  }
  return text;
}

void refuse_pytorch_tensors(const OpForms& forms, const CallArguments& call) {
  for (size_t i = 0; i < call.positional + call.keyword_count(); ++i) {
    PyObject* value = call.values[i];
    const bool is_list = PyTuple_Check(value) || PyList_Check(value);
    for (Py_ssize_t k = 0; is_list && k < sequence_size(value); ++k) {
      if (nb::object item = item_of(value, k); item.is_valid()) refuse_pytorch_tensor(item.ptr(), forms.name.c_str());
    }
    refuse_pytorch_tensor(value, forms.name.c_str());
  }
}

[[noreturn]] void fail_to_match(const OpForms& forms, CallArguments call) {
  refuse_pytorch_tensors(forms, call);
  if (forms.overloads.size() == 1) {
    ValueBuffer values(forms.overloads[0].info().params.size());
    PyObject* out = nullptr;
    std::string why;
    forms.overloads[0].bind(call, true, values, out, &why);
    throw TypeError(why);
  }
  if (forms.method && call.positional > 0) {
    ++call.values;
    --call.positional;
  }
  std::string text = concat(forms.name, "() received an invalid combination of arguments - got (", given_types(call),
                            "), but expected one of:");
  for (const Overload& overload : forms.overloads) text += "\n * " + overload.signature();
  throw TypeError(text);
}

PyObject* call_op(PyObject* self, PyObject* const* args, size_t flags, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    const OpForms& forms = forms_of(self);
    const CallArguments call = {args, static_cast<size_t>(PyVectorcall_NARGS(flags)), keywords};
    if (is_overridden(args, call.positional + call.keyword_count())) [[unlikely]] {
      return call_override(self, args, call.positional, keywords);
    }
    for (const bool loose : {false, true}) {
      for (const Overload& overload : forms.overloads) {
        ValueBuffer values(overload.info().params.size());
        PyObject* out = nullptr;
        if (overload.bind(call, loose, values, out)) return invoke(overload, values, out);
      }
    }
    fail_to_match(forms, call);
  });
}

PyObject* bind_method(PyObject* self, PyObject* object, PyObject*) {
  if (!object || object == Py_None || !forms_of(self).method) return Py_NewRef(self);
  return bind(self, object);
}

PyObject* op_repr(PyObject* self) {
  const OpForms& forms = forms_of(self);
  return PyUnicode_FromFormat(forms.method ? "<method '%s' of 'tenon.Tensor' objects>" : "<built-in function %s>",
                              forms.name.c_str());
}

PyObject* op_name(PyObject* self, void*) {
  const OpForms& forms = forms_of(self);
  const bool is_linalg = forms.overloads[0].info().place == OpPlace::Linalg;
  return PyUnicode_FromFormat(is_linalg ? "linalg_%s" : "%s", forms.name.c_str());
}

PyObject* op_module(PyObject* self, void*) { return PyUnicode_FromString(forms_of(self).module); }

PyObject* op_forms(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    nb::list forms;
    for (const Overload& overload : forms_of(self).overloads) forms.append(overload.description());
    return forms.release().ptr();
  });
}

PyObject* op_doc(PyObject* self, void*) {
  std::string text;
  for (const Overload& overload : forms_of(self).overloads) {
    text += concat(text.empty() ? "" : "\n\n", overload.info().signature(), "\n\n", overload.info().doc);
  }
  return PyUnicode_FromString(text.c_str());
}

// A function is pickled by its name in its module, a method as Tensor's attribute.
PyObject* op_reduce(PyObject* self, PyObject*) {
  const OpForms& forms = forms_of(self);
  if (!forms.method) return PyUnicode_FromString(forms.name.c_str());
  nb::object getattr = nb::module_::import_("builtins").attr("getattr");
  return Py_BuildValue("(O(Os))", getattr.ptr(), tensor_type, forms.name.c_str());
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PyOp, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
PyGetSetDef properties[] = {
    {"__name__", op_name, nullptr, nullptr, nullptr},
    {"__qualname__", op_name, nullptr, nullptr, nullptr},
    {"__module__", op_module, nullptr, nullptr, nullptr},
    {"__doc__", op_doc, nullptr, nullptr, nullptr},
    {"_forms", op_forms, nullptr, "What stubs are made from; see Overload::description.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMethodDef methods[] = {{"__reduce__", op_reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};

void make_op_type() {
  PyType_Slot slots[] = {
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_descr_get, reinterpret_cast<void*>(bind_method)},
      {Py_tp_repr, reinterpret_cast<void*>(op_repr)},
      {Py_tp_members, members},
      {Py_tp_getset, properties},
      {Py_tp_methods, methods},
      {0, nullptr},
  };
  PyType_Spec spec = {"tenon.Op", sizeof(PyOp), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
                          Py_TPFLAGS_DISALLOW_INSTANTIATION,
                      slots};
  op_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
}

PyObject* make_op(OpForms* forms) {
  auto* op = reinterpret_cast<PyOp*>(checked(PyType_GenericAlloc(op_type, 0)));
  op->vectorcall = call_op;
  op->forms = forms;
  return reinterpret_cast<PyObject*>(op);
}

// Methods that Python has as properties.
bool is_property(const std::string& name) { return name == "real" || name == "imag" || name == "mT" || name == "mH"; }

}  // namespace

void init_ops(nb::module_& module) {
  make_op_type();
  // Ops live as long as the process, so their forms are never freed.
  std::map<std::string, OpForms*> functions, nn_functions, linalg_functions, fft_functions, special_functions;
  std::map<std::string, OpForms*> tensor_methods;
  auto add = [](std::map<std::string, OpForms*>& into, const OpInfo& op, const char* where, bool method) {
    TENON_CHECK(op.params.size() <= ValueBuffer::kCapacity, op.name, ": more parameters than a call can hold");
    OpForms*& forms = into[op.name];
    if (!forms) forms = new OpForms{op.name, where, method, {}};
    Overload overload(op, method);
    for (const Overload& earlier : forms->overloads) overload.inherit_defaults(earlier);
    forms->overloads.push_back(std::move(overload));
  };
  for (const OpInfo& op : op_registry()) {
    if (op.place == OpPlace::Hidden) continue;
    const bool has_method =
        op.place == OpPlace::Method || op.place == OpPlace::MethodOnly || op.place == OpPlace::Inplace;
    if (has_method && !is_property(op.name)) add(tensor_methods, op, "tenon", true);
    if (op.place == OpPlace::NN) add(nn_functions, op, "tenon.nn.functional", false);
    if (op.place == OpPlace::Linalg) add(linalg_functions, op, "tenon.linalg", false);
    if (op.place == OpPlace::Fft) add(fft_functions, op, "tenon.fft", false);
    if (op.place == OpPlace::Special) add(special_functions, op, "tenon.special", false);
    if (op.place == OpPlace::Method || op.place == OpPlace::Function || op.place == OpPlace::Inplace) {
      add(functions, op, "tenon", false);
    }
  }
  auto copy = [](const std::map<std::string, OpForms*>& from, const std::string& op,
                 std::map<std::string, OpForms*>& into, const std::string& name) {
    if (const auto found = from.find(op); found != from.end() && !into.contains(name)) {
      into[name] = new OpForms(*found->second);
      into[name]->name = name;
    }
  };
  for (const OpAlias& alias : op_aliases()) {
    copy(nn_functions, alias.op, functions, alias.name);
    for (auto* names : {&functions, &tensor_methods}) {
      copy(*names, alias.op, *names, alias.name);
      copy(*names, alias.op + "_", *names, alias.name + "_");
    }
  }
  auto publish = [&](const char* name, const std::map<std::string, OpForms*>& from) {
    nb::dict dict;
    for (const auto& [key, forms] : from) dict[key.c_str()] = nb::steal(make_op(forms));
    module.attr(name) = dict;
  };
  module.attr("return_types") = return_types();
  nb::set elementwise;
  for (const OpInfo& op : op_registry()) {
    if (op.elementwise) elementwise.add(nb::str(op.name.c_str()));
  }
  module.attr("elementwise_names") = nb::frozenset(elementwise);
  publish("functions", functions);
  publish("nn_functions", nn_functions);
  publish("linalg_functions", linalg_functions);
  publish("fft_functions", fft_functions);
  publish("special_functions", special_functions);
  nb::handle type(reinterpret_cast<PyObject*>(tensor_type));
  for (const auto& [name, forms] : tensor_methods) nb::setattr(type, name.c_str(), nb::steal(make_op(forms)));
}

}  // namespace tenon::python
