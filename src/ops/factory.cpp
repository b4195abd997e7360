// Factories of sizes and values.
#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/promotion.h"
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
    kernels_of<&Backend::elementwise>(tensor.device(), "fill").fill(view_of(tensor), value);
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
  check_holds("full", fill_value, dtype);
  return filled(make(size, dtype, options, "full"), fill_value, options);
}

Tensor scalar_tensor(const Scalar& value, const TensorOptions& options) {
  check_holds("scalar_tensor", value, options.dtype());
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
  Tensor out = make_shaped_like(self, options, "full_like");
  check_holds("full_like", fill_value, out.dtype());
  return filled(std::move(out), fill_value, options);
}

Tensor empty_strided(IntArrayRef size, IntArrayRef stride, const TensorOptions& options) {
  checked_end("empty_strided", size, stride, 0);
  return finish(make_tensor_strided(size, stride, options.dtype(), options.device(), "empty_strided"), options);
}

Tensor empty_permuted(IntArrayRef size, IntArrayRef physical_layout, const TensorOptions& options) {
  TENON_CHECK(size.size() == physical_layout.size(), "empty_permuted: size has ", size.size(),
              " dims but physical_layout has ", physical_layout.size());
  checked_numel(size, "empty_permuted");
  DimVector strides(size.size(), -1);
  int64_t stride = 1;
  for (size_t i = size.size(); i-- > 0;) {
    const int64_t d = physical_layout[i];
    TENON_CHECK(d >= 0 && d < static_cast<int64_t>(size.size()) && strides[static_cast<size_t>(d)] < 0,
                "empty_permuted: physical_layout must be a permutation of the dims, got ", physical_layout);
    strides[static_cast<size_t>(d)] = stride;
    stride *= std::max<int64_t>(size[static_cast<size_t>(d)], 1);
  }
  return empty_strided(size, strides, options);
}

Tensor new_empty_strided(const Tensor& self, IntArrayRef size, IntArrayRef stride, const TensorOptions& options) {
  return empty_strided(size, stride, like_options(self, options));
}

Tensor complex(const Tensor& real, const Tensor& imag) {
  TENON_CHECK(real.dtype() == imag.dtype() && (real.dtype() == kFloat || real.dtype() == kDouble),
              "complex: real and imag must both be float32 or both float64, got ", real.dtype(), " and ", imag.dtype());
  return view_as_complex(stack(broadcast_tensors({real, imag}), -1));
}

Tensor polar(const Tensor& abs, const Tensor& angle) {
  TENON_AUTOCAST(polar, abs, angle)
  TENON_CHECK(abs.dtype() == angle.dtype() && (abs.dtype() == kFloat || abs.dtype() == kDouble),
              "polar: abs and angle must both be float32 or both float64, got ", abs.dtype(), " and ", angle.dtype());
  return complex(mul(abs, cos(angle)), mul(abs, sin(angle)));
}

Tensor vander(const Tensor& x, optional<int64_t> N, bool increasing) {
  TENON_CHECK(x.dim() == 1, "vander: x must be a vector, got shape ", x.sizes());
  const int64_t columns = N.value_or(x.numel());
  TENON_CHECK(columns >= 0, "vander: N must not be negative, got ", columns);
  const ScalarType dtype = is_integral(x.dtype(), true) ? kLong : x.dtype();
  Tensor powers = ones({x.numel(), columns}, x.options().dtype(dtype));
  if (columns > 1) {
    const Tensor repeated = to_dtype(x, dtype).unsqueeze(1).expand({x.numel(), columns - 1});
    powers = cat({powers.narrow(1, 0, 1), cumprod(repeated, 1)}, 1);
  }
  return increasing ? powers : powers.flip({1});
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
