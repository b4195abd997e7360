// Tensor's own members: layout queries, the fresh and aliasing constructors, and item().
#include "tenon/tensor/tensor.h"

#include <algorithm>
#include <numeric>

#include "backend/kernels_of.h"
#include "tenon/base/grad_mode.h"
#include "tenon/base/shape.h"
#include "tenon/base/small_vec.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// Whether `strides` are those of a dense row-major layout of `sizes` taken in the order `order` (outermost first).
bool is_dense_in_order(const Tensor& x, std::initializer_list<size_t> order) {
  int64_t expected = 1;
  for (auto d = std::rbegin(order); d != std::rend(order); ++d) {
    if (x.sizes()[*d] != 1 && x.strides()[*d] != expected) return false;
    expected *= x.sizes()[*d];
  }
  return true;
}

Tensor wrap(IntrusivePtr<TensorImpl> impl) {
  if (InferenceMode::is_enabled()) impl->is_inference = true;
  return Tensor(std::move(impl));
}

size_t checked_bytes(int64_t elements, ScalarType dtype, const char* op) {
  int64_t bytes;
  TENON_CHECK(!__builtin_mul_overflow(elements, element_size(dtype), &bytes), op, ": the size in bytes of ", elements,
              " elements of ", dtype, " does not fit in 64 bits");
  return static_cast<size_t>(bytes);
}

// Where in sizes or strides a dim is; unlike ops, these have no dim of a tensor without dims.
size_t dim_of(const Tensor& tensor, int64_t dim, const char* op) {
  TENON_CHECK_INDEX(tensor.dim() > 0, op, ": dim ", dim, " of a tensor that has no dims");
  return static_cast<size_t>(wrap_dim(dim, tensor.dim(), op));
}

}  // namespace

int64_t Tensor::size(int64_t dim) const { return impl()->sizes[dim_of(*this, dim, "size")]; }

int64_t Tensor::stride(int64_t dim) const { return impl()->strides[dim_of(*this, dim, "stride")]; }

bool Tensor::is_contiguous(MemoryFormat format) const {
  switch (format) {
    case MemoryFormat::ChannelsLast:
      return dim() == 4 && is_dense_in_order(*this, {0, 2, 3, 1});
    case MemoryFormat::ChannelsLast3d:
      return dim() == 5 && is_dense_in_order(*this, {0, 2, 3, 4, 1});
    default:
      return impl()->contiguous;
  }
}

bool Tensor::is_non_overlapping_and_dense() const {
  if (impl()->contiguous) return true;
  SmallVec<size_t, 6> order(sizes().size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    // Dims of size one go last: their strides say nothing.
    return std::pair(sizes()[a] < 2, strides()[a]) < std::pair(sizes()[b] < 2, strides()[b]);
  });
  int64_t expected = 1;
  for (size_t d : order) {
    if (sizes()[d] < 2) continue;
    if (strides()[d] != expected) return false;
    expected *= sizes()[d];
  }
  return true;
}

void Tensor::fail_undefined(const char* user) {
  detail::fail<TensorError>(user, ": got an undefined tensor, which Tensor() makes; it has no shape, dtype or values");
}

void Tensor::require_dtype(ScalarType wanted) const {
  TENON_CHECK_TYPE(dtype() == wanted, "data_ptr: the tensor's dtype is ", dtype(), ", but ", wanted, " was asked for");
}

void Tensor::require_dims(size_t wanted) const {
  TENON_CHECK(static_cast<size_t>(dim()) == wanted, "accessor: the tensor has ", dim(), " dims, but ", wanted,
              " were asked for");
}

Scalar Tensor::item() const {
  TENON_CHECK(defined(), "item: the tensor is undefined");
  TENON_CHECK(numel() == 1, "item: a tensor of shape ", sizes(), " has ", numel(), " elements; it needs exactly one");
  alignas(16) char bytes[16];
  const void* source = data_ptr();
  if (!device().is_cpu()) {
    kernels_of<&Backend::memory>(device(), "item").copy_to_host(bytes, source, element_size(), device().index());
    source = bytes;
  }
  return visit_dtype(dtype(), [&](auto zero) { return Scalar(*static_cast<const decltype(zero)*>(source)); });
}

Tensor make_tensor(IntArrayRef sizes, ScalarType dtype, Device device, const char* op) {
  int64_t numel = checked_numel(sizes, op);
  return wrap(make_intrusive<TensorImpl>(make_intrusive<Storage>(checked_bytes(numel, dtype, op), device),
                                         DimVector(sizes), contiguous_strides(sizes), int64_t{0}, dtype));
}

Tensor make_tensor_strided(IntArrayRef sizes, IntArrayRef strides, ScalarType dtype, Device device, const char* op) {
  int64_t numel = checked_numel(sizes, op);
  int64_t extent = numel > 0 ? 1 : 0;
  if (numel > 0) {
    for (size_t d = 0; d < sizes.size(); ++d) {
      extent = checked_add(extent, checked_mul(sizes[d] - 1, strides[d], op), op);
    }
  }
  return wrap(make_intrusive<TensorImpl>(make_intrusive<Storage>(checked_bytes(extent, dtype, op), device),
                                         DimVector(sizes), DimVector(strides), int64_t{0}, dtype));
}

Tensor make_like(const Tensor& like, ScalarType dtype) {
  if (like.impl()->contiguous || !like.is_non_overlapping_and_dense()) {
    return make_tensor(like.sizes(), dtype, like.device());
  }
  return make_tensor_strided(like.sizes(), like.strides(), dtype, like.device());
}

Tensor make_alias(const Tensor& base, IntArrayRef sizes, IntArrayRef strides, int64_t offset) {
  auto impl = make_intrusive<TensorImpl>(base.storage(), DimVector(sizes), DimVector(strides), offset, base.dtype());
  impl->own_version = base.impl()->own_version;
  impl->is_inference = base.impl()->is_inference;
  return Tensor(std::move(impl));
}

}  // namespace tenon
