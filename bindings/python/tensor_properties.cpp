// See tensor_properties.h.
#include "tensor_properties.h"

#include "arguments.h"
#include "autograd/meta.h"
#include "devices.h"
#include "nodes.h"
#include "overrides.h"
#include "tenon/autograd/node.h"
#include "tenon/ops/ops.h"

namespace tenon::python {
namespace {

// A getter made of a function from the tensor to a new reference.
template <SlotName name, PyObject* (*Get)(const Tensor&)>
PyObject* get(PyObject* self, void*) {
  return guarded([&] {
    if (is_overridden(self)) return call_overridden_property(name.text, "__get__", self);
    nb::ft_object_guard guard(self);
    return Get(unwrap(self));
  });
}

// A setter made of a function of the tensor and the value; deleting is an error unless the function takes null.
template <SlotName name, void (*Set)(const Tensor&, PyObject*)>
int set(PyObject* self, PyObject* value, void*) {
  return guarded(
      [&] {
        if (!is_overridden(self)) {
          nb::ft_object_guard guard(self);
          Set(unwrap(self), value);
        } else if (value) {
          steal(call_overridden_property(name.text, "__set__", self, value));
        } else {
          steal(call_overridden_property(name.text, "__delete__", self));
        }
        return 0;
      },
      -1);
}

PyObject* shape(const Tensor& x) { return make_size(x.sizes()); }
PyObject* dtype(const Tensor& x) { return Py_NewRef(dtype_object(x.dtype())); }
PyObject* device(const Tensor& x) { return make_device(x.device()); }
PyObject* layout(const Tensor&) { return Py_NewRef(strided_layout()); }
PyObject* ndim(const Tensor& x) { return PyLong_FromLongLong(x.dim()); }
PyObject* itemsize(const Tensor& x) { return PyLong_FromSize_t(x.element_size()); }
PyObject* nbytes(const Tensor& x) { return PyLong_FromSize_t(x.nbytes()); }
PyObject* is_cpu(const Tensor& x) { return PyBool_FromLong(x.is_cpu()); }
PyObject* is_cuda(const Tensor& x) { return PyBool_FromLong(x.is_cuda()); }
PyObject* never(const Tensor&) { Py_RETURN_FALSE; }
PyObject* nothing(const Tensor&) { Py_RETURN_NONE; }
PyObject* requires_grad(const Tensor& x) { return PyBool_FromLong(x.requires_grad()); }
PyObject* is_leaf(const Tensor& x) { return PyBool_FromLong(x.is_leaf()); }
PyObject* retains_grad(const Tensor& x) { return PyBool_FromLong(x.retains_grad()); }
PyObject* grad(const Tensor& x) {
  AutogradMeta* meta = x.impl()->autograd.get();
  return wrap(meta ? meta->load_gradient() : Tensor());
}
PyObject* grad_fn(const Tensor& x) { return wrap_node(x.grad_fn()); }
PyObject* data(const Tensor& x) { return wrap(x.data()); }
PyObject* output_nr(const Tensor& x) { return PyLong_FromUnsignedLong(x.output_nr()); }
PyObject* version(const Tensor& x) { return PyLong_FromUnsignedLong(x._version()); }
PyObject* view_base(const Tensor& x) { return wrap(Tensor(x.impl()->view_base)); }

Tensor with_dims_reversed(const Tensor& x) {
  std::vector<int64_t> dims;
  for (int64_t d = x.dim(); d-- > 0;) dims.push_back(d);
  return x.permute(dims);
}

Tensor matrix_transpose(const Tensor& x, const char* name) {
  TENON_CHECK_AS(Error, x.dim() != 1 && (x.dim() > 0 || name[0] == 'H'), "tensor.", name,
                 " is only supported on matrices or batches of matrices. Got ", x.dim(), "-D tensor.");
  return x.dim() == 0 ? x : x.transpose(-2, -1);
}

PyObject* reversed(const Tensor& x) { return wrap(with_dims_reversed(x)); }
PyObject* matrix_t(const Tensor& x) { return wrap(matrix_transpose(x, "mT")); }
PyObject* adjoint(const Tensor& x) {
  TENON_CHECK_AS(Error, x.dim() == 0 || x.dim() == 2, "tensor.H is only supported on matrices (2-D tensors). Got ",
                 x.dim(), "-D tensor.");
  return wrap(matrix_transpose(x, "H").conj());
}
PyObject* batch_adjoint(const Tensor& x) { return wrap(matrix_transpose(x, "mH").conj()); }
PyObject* real(const Tensor& x) { return wrap(x.real()); }
PyObject* imag(const Tensor& x) { return wrap(x.imag()); }

void require_value(PyObject* value, const char* name) {
  TENON_CHECK_AS(Error, value, "cannot delete '", name, "' of a tensor");
}

void set_requires_grad(const Tensor& x, PyObject* value) {
  require_value(value, "requires_grad");
  bool requires_grad = false;
  TENON_CHECK_AS(Error, to_bool(value, requires_grad), "requires_grad must be a bool");
  x.requires_grad_(requires_grad);
}

void set_grad(const Tensor& x, PyObject* value) {
  if (!value || value == Py_None) {
    autograd_meta(x).store_gradient({});
    return;
  }
  TENON_CHECK_TYPE(is_tensor(value), "assigned grad expected to be a Tensor or None but got grad of type ",
                   type_name(value));
  const Tensor& grad = unwrap(value);
  TENON_CHECK_AS(Error, !grad.is_same(x), "can't assign a tensor as its own grad");
  TENON_CHECK_AS(Error, grad.dtype() == x.dtype(), "assigned grad has data of a different type: ", grad.dtype(),
                 ", expected ", x.dtype());
  TENON_CHECK_AS(Error, grad.device() == x.device(),
                 "assigned grad has data located on a different device: ", grad.device());
  TENON_CHECK_AS(Error, grad.sizes() == x.sizes(), "assigned grad has data of a different size: ", grad.sizes(),
                 ", expected ", x.sizes());
  autograd_meta(x).store_gradient(grad);
}

void set_data(const Tensor& x, PyObject* value) {
  require_value(value, "data");
  TENON_CHECK_TYPE(is_tensor(value), "Variable data has to be a tensor, but got ", type_name(value));
  x.set_data(unwrap(value));
}

void assign(const Tensor& target, PyObject* value, const char* name) {
  require_value(value, name);
  Scalar number;
  if (is_tensor(value)) {
    target.copy_(unwrap(value));
  } else {
    TENON_CHECK_TYPE(to_number(value, number), name, " must be set to a tensor or a number, not ", type_name(value));
    target.fill_(number);
  }
}
void set_real(const Tensor& x, PyObject* value) { assign(x.real(), value, "real"); }
void set_imag(const Tensor& x, PyObject* value) { assign(x.imag(), value, "imag"); }

PyGetSetDef table[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {"shape", get<"shape", shape>, nullptr, "The size of each dim.", nullptr},
    {"dtype", get<"dtype", dtype>, nullptr, "The type of the elements.", nullptr},
    {"device", get<"device", device>, nullptr, "Where the memory is.", nullptr},
    {"layout", get<"layout", layout>, nullptr, "Always strided.", nullptr},
    {"ndim", get<"ndim", ndim>, nullptr, "The number of dims.", nullptr},
    {"itemsize", get<"itemsize", itemsize>, nullptr, "Bytes of one element.", nullptr},
    {"nbytes", get<"nbytes", nbytes>, nullptr, "Bytes of all elements.", nullptr},
    {"is_cpu", get<"is_cpu", is_cpu>, nullptr, "Whether the memory is the CPU's.", nullptr},
    {"is_cuda", get<"is_cuda", is_cuda>, nullptr, "Whether the memory is a CUDA device's.", nullptr},
    {"is_sparse", get<"is_sparse", never>, nullptr, nullptr, nullptr},
    {"is_quantized", get<"is_quantized", never>, nullptr, nullptr, nullptr},
    {"is_meta", get<"is_meta", never>, nullptr, nullptr, nullptr},
    {"is_nested", get<"is_nested", never>, nullptr, nullptr, nullptr},
    {"is_ipu", get<"is_ipu", never>, nullptr, nullptr, nullptr},
    {"is_maia", get<"is_maia", never>, nullptr, nullptr, nullptr},
    {"is_mkldnn", get<"is_mkldnn", never>, nullptr, nullptr, nullptr},
    {"is_mtia", get<"is_mtia", never>, nullptr, nullptr, nullptr},
    {"is_sparse_csr", get<"is_sparse_csr", never>, nullptr, nullptr, nullptr},
    {"is_vulkan", get<"is_vulkan", never>, nullptr, nullptr, nullptr},
    {"is_xla", get<"is_xla", never>, nullptr, nullptr, nullptr},
    {"is_xpu", get<"is_xpu", never>, nullptr, nullptr, nullptr},
    {"is_mps", get<"is_mps", never>, nullptr, nullptr, nullptr},
    {"volatile", get<"volatile", never>, nullptr, nullptr, nullptr},
    {"name", get<"name", nothing>, nullptr, "None: only symbolic tensors have names.", nullptr},
    {"requires_grad", get<"requires_grad", requires_grad>, set<"requires_grad", set_requires_grad>,
     "Whether gradients are computed for it.", nullptr},
    {"is_leaf", get<"is_leaf", is_leaf>, nullptr, "Whether no recorded op made it.", nullptr},
    {"retains_grad", get<"retains_grad", retains_grad>, nullptr, "Whether backward fills .grad though it is no leaf.",
     nullptr},
    {"grad", get<"grad", grad>, set<"grad", set_grad>, "The gradient that backward left here, or None.", nullptr},
    {"grad_fn", get<"grad_fn", grad_fn>, nullptr, "The recorded op that made it, or None.", nullptr},
    {"data", get<"data", data>, set<"data", set_data>, "An alias outside any graph.", nullptr},
    {"output_nr", get<"output_nr", output_nr>, nullptr, "Which output of grad_fn it is.", nullptr},
    {"_version", get<"_version", version>, nullptr, "How often its memory was edited in place.", nullptr},
    {"_base", get<"_base", view_base>, nullptr, "The tensor that it views, or None.", nullptr},
    {"T", get<"T", reversed>, nullptr, "A view with its dims reversed.", nullptr},
    {"mT", get<"mT", matrix_t>, nullptr, "A view with its last two dims swapped.", nullptr},
    {"H", get<"H", adjoint>, nullptr, "The conjugate transpose of a matrix.", nullptr},
    {"mH", get<"mH", batch_adjoint>, nullptr, "The conjugate transpose of the last two dims.", nullptr},
    {"real", get<"real", real>, set<"real", set_real>, "The real part.", nullptr},
    {"imag", get<"imag", imag>, set<"imag", set_imag>, "The imaginary part.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyGetSetDef* tensor_property_table() { return table; }

}  // namespace tenon::python
