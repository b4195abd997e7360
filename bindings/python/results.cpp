// See results.h.
#include "results.h"

#include <structseq.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "arguments.h"
#include "devices.h"
#include "stable_abi.h"

namespace tenon::python {
namespace {

// The fields of results with names; ops of type ValuesIndices have "values" and "indices" without being listed.
struct Fields {
  std::string_view op;
  std::array<const char*, 4> names;
};
constexpr Fields kFields[] = {
    {"aminmax", {"min", "max"}},
    {"frexp", {"mantissa", "exponent"}},
    {"geqrf", {"a", "tau"}},
    {"histogram", {"hist", "bin_edges"}},
    {"triangular_solve", {"solution", "cloned_coefficient"}},
    {"lu_unpack", {"P", "L", "U"}},
    {"qr", {"Q", "R"}},
    {"svd", {"U", "S", "V"}},
    {"slogdet", {"sign", "logabsdet"}},
    {"linalg_qr", {"Q", "R"}},
    {"linalg_svd", {"U", "S", "Vh"}},
    {"linalg_slogdet", {"sign", "logabsdet"}},
    {"linalg_eig", {"eigenvalues", "eigenvectors"}},
    {"linalg_eigh", {"eigenvalues", "eigenvectors"}},
    {"linalg_lu", {"P", "L", "U"}},
    {"linalg_lu_factor", {"LU", "pivots"}},
    {"linalg_lu_factor_ex", {"LU", "pivots", "info"}},
    {"linalg_cholesky_ex", {"L", "info"}},
    {"linalg_inv_ex", {"inverse", "info"}},
    {"linalg_solve_ex", {"result", "info"}},
    {"linalg_ldl_factor", {"LD", "pivots"}},
    {"linalg_ldl_factor_ex", {"LD", "pivots", "info"}},
    {"linalg_lstsq", {"solution", "residuals", "rank", "singular_values"}},
};

std::string qualified_name(const OpInfo& op) { return op.place == OpPlace::Linalg ? "linalg_" + op.name : op.name; }

// A new type of named tuples, or the one that another form of the op has; null when the result has no names.
PyTypeObject* make_named_tuple(const OpInfo& op) {
  static std::map<std::string, PyTypeObject*> types;
  const std::string name = qualified_name(op);
  std::array<const char*, 4> names = {};
  if (op.result == "ValuesIndices") names = {"values", "indices"};
  for (const Fields& fields : kFields) {
    if (fields.op == name) names = fields.names;
  }
  if (!names[0]) return nullptr;
  PyTypeObject*& type = types[name];
  if (!type) {
    PyStructSequence_Field fields[5] = {};
    int size = 0;
    for (; size < 4 && names.at(static_cast<size_t>(size)); ++size) {
      fields[size].name = names.at(static_cast<size_t>(size));
    }
    // Python keeps the pointer to the name.
    const auto* qualified = new std::string("tenon.return_types." + name);
    PyStructSequence_Desc description = {qualified->c_str(), nullptr, fields, size};
    type = PyStructSequence_NewType(&description);
    if (!type) throw_python_error();
  }
  return type;
}

PyTypeObject* named_tuple(const OpInfo& op) {
  static nb::ft_mutex mutex;
  static std::map<const OpInfo*, PyTypeObject*> types;
  nb::ft_lock_guard guard(mutex);
  const auto [entry, is_new] = types.try_emplace(&op);
  if (is_new) entry->second = make_named_tuple(op);
  return entry->second;
}

PyObject* tensors_to_python(std::vector<Tensor> tensors, const OpInfo& op) {
  const auto size = static_cast<Py_ssize_t>(tensors.size());
  PyTypeObject* type = op.result == "std::vector<Tensor>" ? nullptr : named_tuple(op);
  nb::object result = steal(type ? PyStructSequence_New(type) : PyTuple_New(size));
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* item = checked(wrap(std::move(tensors[static_cast<size_t>(i)])));
    if (type) {
      PyStructSequence_SetItem(result.ptr(), i, item);
    } else {
      set_tuple_item(result.ptr(), i, item);
    }
  }
  return result.release().ptr();
}

struct Visitor {
  const OpInfo& op;
  PyObject* operator()(std::monostate) const { return Py_NewRef(Py_None); }
  PyObject* operator()(Tensor& tensor) const { return wrap(std::move(tensor)); }
  PyObject* operator()(Scalar& scalar) const { return nb::cast(scalar).release().ptr(); }
  PyObject* operator()(std::vector<int64_t>& list) const { return make_size(list); }
  PyObject* operator()(std::vector<double>& list) const { return nb::cast(nb::tuple(nb::cast(list))).release().ptr(); }
  PyObject* operator()(std::vector<Tensor>& list) const { return tensors_to_python(std::move(list), op); }
  PyObject* operator()(std::string& text) const { return PyUnicode_FromString(text.c_str()); }
  PyObject* operator()(ScalarType dtype) const { return Py_NewRef(dtype_object(dtype)); }
  PyObject* operator()(Device device) const { return make_device(device); }
  PyObject* operator()(MemoryFormat) const { return Py_NewRef(Py_None); }
  PyObject* operator()(TensorOptions&) const { return Py_NewRef(Py_None); }
  PyObject* operator()(Generator& generator) const { return nb::cast(generator).release().ptr(); }
};

// What PyTorch asks of the `out` of an op beyond what write_out does.
struct OutRule {
  std::string_view op;
  bool same_dtype;
  bool apart;  // from the memory of all inputs
};
constexpr OutRule kOutRules[] = {
    {"aminmax", true, false},      {"complex", true, false},     {"gather", true, true}, {"kthvalue", false, true},
    {"masked_select", true, true}, {"multinomial", true, false}, {"take", true, true},
};

// The memory that a tensor reaches, as addresses of its first byte and past its last.
std::pair<uintptr_t, uintptr_t> reach(const Tensor& tensor) {
  uintptr_t first = reinterpret_cast<uintptr_t>(tensor.data_ptr());
  int64_t elements = tensor.numel() > 0;
  for (size_t d = 0; d < tensor.sizes().size(); ++d) elements += (tensor.sizes()[d] - 1) * tensor.strides()[d];
  return {first, first + static_cast<uintptr_t>(std::max<int64_t>(elements, 0)) * tensor.itemsize()};
}

void check_out(PyObject* out, const Tensor& result, const OpInfo& op, ArrayRef<Value> inputs) {
  TENON_CHECK_TYPE(is_tensor(out), op.name, "(): argument 'out' must be Tensor, not ", type_name(out));
  const Tensor& target = unwrap(out);
  for (const OutRule& rule : kOutRules) {
    if (rule.op != op.name) continue;
    TENON_CHECK(!rule.same_dtype || target.dtype() == result.dtype(), op.name, ": Expected out tensor to have dtype ",
                result.dtype(), ", but got ", target.dtype(), " instead");
    if (!rule.apart) return;
    // It is resized to fit.
    const uintptr_t first = reach(target).first;
    const uintptr_t end = std::max(reach(target).second, first + result.nbytes());
    for (const Value& value : inputs) {
      const auto* input = std::get_if<Tensor>(&value);
      if (!input) continue;
      const auto [begin, stop] = reach(*input);
      TENON_CHECK(end <= begin || stop <= first, op.name, ": unsupported operation: some elements of the input tensor ",
                  "and the written-to tensor refer to a single memory location; clone() the tensor first");
    }
  }
}

void write_one(PyObject* out, const Tensor& result, const OpInfo& op) {
  Tensor target = unwrap(out);
  if (target.numel() > 0 && target.sizes() != result.sizes()) {
    const std::string text = concat("An output with one or more elements was resized since it had shape ",
                                    target.sizes(), ", which does not match the required output shape ", result.sizes(),
                                    ". Give an empty tensor, or out.resize_(0), where a new shape is wanted.");
    check_status(PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1));
  }
  // The result was computed outside any graph if nothing required it; write_out refuses the other case.
  ReleaseGil gil(result.numel() > kReleaseGilElements);
  write_out(target, result, op.name.c_str());
}

}  // namespace

nb::dict return_types() {
  nb::dict types;
  for (const OpInfo& op : op_registry()) {
    if (op.place == OpPlace::Hidden || op.result == "std::vector<Tensor>") continue;
    if (PyTypeObject* type = named_tuple(op)) {
      types[qualified_name(op).c_str()] = nb::borrow(reinterpret_cast<PyObject*>(type));
    }
  }
  return types;
}

PyObject* to_python(Value result, const OpInfo& op) { return std::visit(Visitor{op}, result); }

PyObject* write_to_out(PyObject* out, const Value& result, const OpInfo& op, ArrayRef<Value> inputs) {
  if (const auto* tensor = std::get_if<Tensor>(&result)) {
    check_out(out, *tensor, op, inputs);
    write_one(out, *tensor, op);
  } else if (const auto* tensors = std::get_if<std::vector<Tensor>>(&result)) {
    TENON_CHECK_TYPE(PyTuple_Check(out) && tuple_size(out) == static_cast<Py_ssize_t>(tensors->size()), op.name,
                     "(): argument 'out' must be a tuple of ", tensors->size(), " Tensors");
    const auto target = [&](size_t i) { return tuple_item(out, static_cast<Py_ssize_t>(i)); };
    for (size_t i = 0; i < tensors->size(); ++i) check_out(target(i), (*tensors)[i], op, inputs);
    for (size_t i = 0; i < tensors->size(); ++i) write_one(target(i), (*tensors)[i], op);
  } else {
    detail::fail<TypeError>(op.name, "(): returns no tensor, so it takes no 'out'");
  }
  return Py_NewRef(out);
}

}  // namespace tenon::python
