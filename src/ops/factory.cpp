// Factories of sizes and values.
#include "autograd/record.h"
#include "backend/backend.h"
#include "ops/view.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

Tensor finish(const Tensor& tensor, const TensorOptions& options) {
  if (options.requires_grad()) tensor.requires_grad_();
  return tensor;
}

Tensor make(IntArrayRef size, ScalarType dtype, const TensorOptions& options, const char* op) {
  const Device device = options.device();
  Tensor out = make_tensor(size, dtype, device, op);
  const MemoryFormat format = options.memory_format_opt().value_or(MemoryFormat::Contiguous);
  if (format == MemoryFormat::ChannelsLast || format == MemoryFormat::ChannelsLast3d) {
    NoGradGuard no_grad;
    out = out.contiguous(format);
  }
  return out;
}

Tensor filled(Tensor tensor, const Scalar& value, const TensorOptions& options) {
  if (tensor.numel() > 0) {
    const Backend& backend = backend_of(tensor);
    require(backend.elementwise, backend, "fill").fill(view_of(tensor), value);
  }
  return finish(tensor, options);
}

TensorOptions like_options(const Tensor& self, const TensorOptions& options) {
  return options.dtype(options.dtype_opt().value_or(self.dtype())).device(options.device_opt().value_or(self.device()));
}

Tensor make_shaped_like(const Tensor& self, const TensorOptions& options, const char* op) {
  const TensorOptions full = like_options(self, options);
  const MemoryFormat format = options.memory_format_opt().value_or(MemoryFormat::Preserve);
  if (format != MemoryFormat::Preserve) return make(self.sizes(), full.dtype(), full, op);
  if (full.device() != self.device()) return make_tensor(self.sizes(), full.dtype(), full.device(), op);
  return make_like(self, full.dtype());
}

ScalarType dtype_for(const Scalar& value, const TensorOptions& options) {
  return options.dtype_opt().value_or(value.dtype(get_default_dtype()));
}

}  // namespace

Tensor empty(IntArrayRef size, const TensorOptions& options) {
  return finish(make(size, options.dtype(), options, "empty"), options);
}

Tensor zeros(IntArrayRef size, const TensorOptions& options) {
  return filled(make(size, options.dtype(), options, "zeros"), 0, options);
}

Tensor ones(IntArrayRef size, const TensorOptions& options) {
  return filled(make(size, options.dtype(), options, "ones"), 1, options);
}

Tensor full(IntArrayRef size, const Scalar& fill_value, const TensorOptions& options) {
  const ScalarType dtype = dtype_for(fill_value, options);
  TENON_CHECK(!fill_value.is_complex() || is_complex(dtype), "full: a complex fill_value needs a complex dtype, got ",
              dtype);
  return filled(make(size, dtype, options, "full"), fill_value, options);
}

Tensor scalar_tensor(const Scalar& value, const TensorOptions& options) {
  return filled(make({}, options.dtype(), options, "scalar_tensor"), value, options);
}

Tensor empty_like(const Tensor& self, const TensorOptions& options) {
  return finish(make_shaped_like(self, options, "empty_like"), options);
}

Tensor zeros_like(const Tensor& self, const TensorOptions& options) {
  return filled(make_shaped_like(self, options, "zeros_like"), 0, options);
}

Tensor ones_like(const Tensor& self, const TensorOptions& options) {
  return filled(make_shaped_like(self, options, "ones_like"), 1, options);
}

Tensor full_like(const Tensor& self, const Scalar& fill_value, const TensorOptions& options) {
  return filled(make_shaped_like(self, options, "full_like"), fill_value, options);
}

Tensor empty_strided(IntArrayRef size, IntArrayRef stride, const TensorOptions& options) {
  checked_end("empty_strided", size, stride, 0);
  return finish(make_tensor_strided(size, stride, options.dtype(), options.device(), "empty_strided"), options);
}

Tensor new_empty(const Tensor& self, IntArrayRef size, const TensorOptions& options) {
  return empty(size, like_options(self, options));
}
Tensor new_zeros(const Tensor& self, IntArrayRef size, const TensorOptions& options) {
  return zeros(size, like_options(self, options));
}
Tensor new_ones(const Tensor& self, IntArrayRef size, const TensorOptions& options) {
  return ones(size, like_options(self, options));
}
Tensor new_full(const Tensor& self, IntArrayRef size, const Scalar& fill_value, const TensorOptions& options) {
  return full(size, fill_value, like_options(self, options));
}

Tensor from_blob(void* data, IntArrayRef sizes, IntArrayRef strides, std::function<void(void*)> release,
                 const TensorOptions& options) {
  const int64_t extent = checked_end("from_blob", sizes, strides, 0);
  TENON_CHECK_VALUE(data != nullptr || extent == 0, "from_blob: data is null for a tensor of shape ", sizes);
  const ScalarType dtype = options.dtype();
  const int64_t bytes = checked_mul(extent, static_cast<int64_t>(element_size(dtype)), "from_blob");
  std::function<void()> on_release;
  if (release) on_release = [release = std::move(release), data] { release(data); };
  auto storage = make_intrusive<Storage>(data, static_cast<size_t>(bytes), options.device(), std::move(on_release));
  return finish(
      Tensor(make_intrusive<TensorImpl>(std::move(storage), DimVector(sizes), DimVector(strides), int64_t{0}, dtype)),
      options);
}

Tensor from_blob(void* data, IntArrayRef sizes, const TensorOptions& options) {
  return from_blob(data, sizes, std::function<void(void*)>(), options);
}
Tensor from_blob(void* data, IntArrayRef sizes, std::function<void(void*)> release, const TensorOptions& options) {
  checked_numel(sizes, "from_blob");
  return from_blob(data, sizes, contiguous_strides(sizes), std::move(release), options);
}
Tensor from_blob(void* data, IntArrayRef sizes, IntArrayRef strides, const TensorOptions& options) {
  return from_blob(data, sizes, strides, nullptr, options);
}

}  // namespace tenon
