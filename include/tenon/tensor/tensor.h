// Tensor: a handle on a strided, typed, shared block of numbers. Its op methods come from the table of ops.
#pragma once

#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "tenon/base/array_ref.h"
#include "tenon/base/generator.h"
#include "tenon/base/scalar.h"
#include "tenon/tensor/accessor.h"
#include "tenon/tensor/indexing.h"
#include "tenon/tensor/options.h"
#include "tenon/tensor/tensor_impl.h"

namespace tenon {

class Node;
class Tensor;
using TensorList = ArrayRef<Tensor>;
using TensorIndex = std::variant<indexing::NoneType, indexing::EllipsisType, int64_t, bool, indexing::Slice, Tensor>;

// The results of ops that return several tensors.
using ValuesIndices = std::tuple<Tensor, Tensor>;
using TwoTensors = std::tuple<Tensor, Tensor>;
using ThreeTensors = std::tuple<Tensor, Tensor, Tensor>;
using FourTensors = std::tuple<Tensor, Tensor, Tensor, Tensor>;

using TensorHook = std::function<Tensor(const Tensor& grad)>;

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(IntrusivePtr<TensorImpl> impl) : impl_(std::move(impl)) {}
  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) noexcept = default;
  // A variable becomes another handle.
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & noexcept = default;
  // What an expression such as x[0] gives is a view, whose elements are assigned.
  const Tensor& operator=(const Tensor& other) && { return copy_(other); }
  const Tensor& operator=(Tensor&& other) && { return copy_(other); }
  const Tensor& operator=(const Scalar& value) && { return fill_(value); }

  // --- what it is
  // Only these take an undefined tensor; all else throws TensorError, naming the function that used it.
  bool defined() const { return static_cast<bool>(impl_); }
  const IntrusivePtr<TensorImpl>& impl_ptr() const { return impl_; }
  bool is_same(const Tensor& other) const { return impl_ == other.impl_; }
  void reset() { impl_.reset(); }

  TensorImpl* impl(const char* user = __builtin_FUNCTION()) const {
    if (!impl_) [[unlikely]]
      fail_undefined(user);
    return impl_.get();
  }
  IntArrayRef sizes(const char* user = __builtin_FUNCTION()) const { return impl(user)->sizes; }
  IntArrayRef strides(const char* user = __builtin_FUNCTION()) const { return impl(user)->strides; }
  TENON_API int64_t size(int64_t dim) const;
  TENON_API int64_t stride(int64_t dim) const;
  int64_t dim(const char* user = __builtin_FUNCTION()) const { return static_cast<int64_t>(impl(user)->sizes.size()); }
  int64_t ndimension() const { return dim("ndimension"); }
  int64_t numel(const char* user = __builtin_FUNCTION()) const { return impl(user)->numel; }
  int64_t storage_offset(const char* user = __builtin_FUNCTION()) const { return impl(user)->offset; }
  ScalarType dtype(const char* user = __builtin_FUNCTION()) const { return impl(user)->dtype; }
  ScalarType scalar_type(const char* user = __builtin_FUNCTION()) const { return impl(user)->dtype; }
  Device device(const char* user = __builtin_FUNCTION()) const { return impl(user)->storage->device(); }
  const StoragePtr& storage(const char* user = __builtin_FUNCTION()) const { return impl(user)->storage; }
  size_t element_size(const char* user = __builtin_FUNCTION()) const { return tenon::element_size(dtype(user)); }
  size_t itemsize() const { return element_size(); }
  size_t nbytes() const { return static_cast<size_t>(numel()) * element_size(); }
  bool is_cuda(const char* user = __builtin_FUNCTION()) const { return device(user).is_cuda(); }
  bool is_cpu(const char* user = __builtin_FUNCTION()) const { return device(user).is_cpu(); }
  bool is_complex(const char* user = __builtin_FUNCTION()) const { return tenon::is_complex(dtype(user)); }
  bool is_floating_point(const char* user = __builtin_FUNCTION()) const {
    return tenon::is_floating_point(dtype(user));
  }
  Layout layout() const { return options().layout(); }
  // Such as CPUFloatType.
  TENON_API std::string toString() const;
  int64_t get_device() const { return device().index(); }
  bool is_signed(const char* user = __builtin_FUNCTION()) const { return tenon::is_signed(dtype(user)); }
  TENON_API bool is_contiguous(MemoryFormat format = MemoryFormat::Contiguous) const;
  // Whether the elements fill their memory without gaps or overlaps, in any order of dims.
  TENON_API bool is_non_overlapping_and_dense() const;
  TensorOptions options(const char* user = __builtin_FUNCTION()) const {
    return TensorOptions(dtype(user)).device(device(user));
  }
  bool is_inference() const { return impl()->is_inference; }

  // --- its memory
  void* data_ptr() const {
    return static_cast<char*>(storage()->data()) + storage_offset() * static_cast<int64_t>(element_size());
  }
  template <class T>
  T* data_ptr() const {
    require_dtype(dtype_v<std::remove_const_t<T>>);
    return static_cast<T*>(data_ptr());
  }
  template <class T>
  const T* const_data_ptr() const {
    return data_ptr<T>();
  }
  template <class T>
  T* mutable_data_ptr() const {
    return data_ptr<T>();
  }
  // The elements of a tensor with N dims, by x[i][j]...
  template <class T, size_t N>
  TensorAccessor<T, N> accessor() const {
    require_dims(N);
    return TensorAccessor<T, N>(data_ptr<T>(), sizes().data(), strides().data());
  }
  // The only element, converted to T.
  template <class T>
  T item() const {
    return item().to<T>();
  }
  TENON_API Scalar item() const;

  // --- autograd
  TENON_API bool requires_grad() const;
  TENON_API const Tensor& requires_grad_(bool requires_grad = true) const;
  const Tensor& set_requires_grad(bool requires_grad) const { return requires_grad_(requires_grad); }
  TENON_API bool is_leaf() const;
  // The gradient that backward left here; undefined before.
  TENON_API Tensor& mutable_grad() const;
  TENON_API const Tensor& grad() const;
  TENON_API IntrusivePtr<Node> grad_fn() const;
  TENON_API uint32_t output_nr() const;
  TENON_API void backward(const Tensor& gradient = {}, optional<bool> retain_graph = nullopt, bool create_graph = false,
                          TensorList inputs = {}) const;
  // An alias outside any graph; it shares the version counter, so edits through it are noticed.
  TENON_API Tensor detach() const;
  TENON_API const Tensor& detach_() const;
  // An alias outside any graph whose edits are not noticed.
  TENON_API Tensor data() const;
  Tensor tensor_data() const { return data(); }
  Tensor variable_data() const { return data(); }
  // Makes this handle's tensor be `other`'s data; shape and dtype may change, gradients and hooks stay.
  TENON_API void set_data(const Tensor& other) const;
  TENON_API const Tensor& retain_grad() const;
  TENON_API bool retains_grad() const;
  // Calls `hook` with each gradient of this tensor; what it returns, if defined, replaces the gradient.
  // Returns the number by which remove_hook takes it away.
  TENON_API uint64_t register_hook(TensorHook hook) const;
  TENON_API void remove_hook(uint64_t id) const;
  uint32_t _version() const { return impl()->version().value(); }
  bool is_view() const { return static_cast<bool>(impl()->view_base); }

  // --- indexing; see tenon::indexing
  TENON_API Tensor index(ArrayRef<TensorIndex> indices) const;
  TENON_API const Tensor& index_put_(ArrayRef<TensorIndex> indices, const Tensor& value) const;
  TENON_API const Tensor& index_put_(ArrayRef<TensorIndex> indices, const Scalar& value) const;
  Tensor index(std::initializer_list<TensorIndex> indices) const { return index(ArrayRef<TensorIndex>(indices)); }
  const Tensor& index_put_(std::initializer_list<TensorIndex> indices, const Tensor& value) const {
    return index_put_(ArrayRef<TensorIndex>(indices), value);
  }
  const Tensor& index_put_(std::initializer_list<TensorIndex> indices, const Scalar& value) const {
    return index_put_(ArrayRef<TensorIndex>(indices), value);
  }
  TENON_API Tensor operator[](int64_t i) const;
  TENON_API Tensor operator[](const Tensor& index) const;

  // --- conversion
  TENON_API Tensor to(ScalarType dtype, bool non_blocking = false, bool copy = false) const;
  Tensor to(DeviceType device, bool non_blocking = false, bool copy = false) const {
    return to(Device(device), non_blocking, copy);
  }
  TENON_API Tensor to(Device device, bool non_blocking = false, bool copy = false) const;
  TENON_API Tensor to(Device device, ScalarType dtype, bool non_blocking = false, bool copy = false) const;
  TENON_API Tensor to(const TensorOptions& options, bool non_blocking = false, bool copy = false) const;
  Tensor toType(ScalarType dtype) const { return to(dtype); }
  Tensor type_as(const Tensor& other) const { return to(other.device(), other.dtype()); }
  Tensor cpu() const { return to(Device(kCPU)); }
  Tensor cuda() const { return to(Device(kCUDA)); }

  // --- operators
  const Tensor& operator+=(const Tensor& other) const { return add_(other); }
  const Tensor& operator+=(const Scalar& other) const { return add_(other); }
  const Tensor& operator-=(const Tensor& other) const { return sub_(other); }
  const Tensor& operator-=(const Scalar& other) const { return sub_(other); }
  const Tensor& operator*=(const Tensor& other) const { return mul_(other); }
  const Tensor& operator*=(const Scalar& other) const { return mul_(other); }
  const Tensor& operator/=(const Tensor& other) const { return div_(other); }
  const Tensor& operator/=(const Scalar& other) const { return div_(other); }
  Tensor operator-() const { return neg(); }
  Tensor operator~() const { return bitwise_not(); }
  Tensor operator!() const { return logical_not(); }

  // --- the ops of the table
#define TENON_EW1(name, rule, dtypes, params, args, ...) \
  TENON_API Tensor name params const;                    \
  TENON_API const Tensor& name##_ params const;
#define TENON_EW2(name, ...)                             \
  TENON_API Tensor name(const Tensor& other) const;      \
  TENON_API Tensor name(const Scalar& other) const;      \
  TENON_API const Tensor& name##_(const Tensor& other) const; \
  TENON_API const Tensor& name##_(const Scalar& other) const;
#include "tenon/table/elementwise.inc"

#define TENON_METHOD(name, ret, params, args, doc) TENON_API ret name params const;
#define TENON_METHOD_ONLY TENON_METHOD
#define TENON_INPLACE(name, params, args, doc) TENON_API const Tensor& name params const;
#define TENON_ALIAS(alias, name)                       \
  template <class... Args>                             \
  decltype(auto) alias(const Args&... args) const {    \
    return name(args...);                              \
  }                                                    \
  template <class... Args>                             \
  decltype(auto) alias##_(const Args&... args) const { \
    return name##_(args...);                           \
  }
#include "tenon/table/structured.inc"
  // Over one dim, which else would be taken for `unbiased`.
  Tensor std(int dim) const { return std(IntArrayRef{int64_t{dim}}); }
  Tensor var(int dim) const { return var(IntArrayRef{int64_t{dim}}); }

 private:
  TENON_API void require_dtype(ScalarType wanted) const;
  TENON_API void require_dims(size_t wanted) const;
  [[noreturn]] TENON_API static void fail_undefined(const char* user);

  IntrusivePtr<TensorImpl> impl_;
};

// Prints as libtorch prints; for the form that tensors have in Python, see tensor/print.h.
TENON_API std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace tenon
