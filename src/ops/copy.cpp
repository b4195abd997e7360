// Copies: clone, contiguous, copy_, fill_, and conversions of dtype and device.
#include <algorithm>
#include <cstring>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/elementwise.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

const ElementwiseKernels& elementwise_kernels(const Tensor& tensor, const char* op) {
  return kernels_of<&Backend::elementwise>(tensor.device(), op);
}

Tensor make_in_format(const Tensor& like, ScalarType dtype, MemoryFormat format) {
  if (format == MemoryFormat::Preserve) return make_like(like, dtype);
  if (format == MemoryFormat::Contiguous) return make_tensor(like.sizes(), dtype, like.device());
  const bool flat = format == MemoryFormat::ChannelsLast;
  TENON_CHECK(like.dim() == (flat ? 4 : 5), flat ? "channels_last" : "channels_last_3d", ": the tensor must have ",
              flat ? 4 : 5, " dims, got shape ", like.sizes());
  // Channels go innermost: strides are those of the contiguous layout with dim 1 moved to the end.
  DimVector moved = like.impl()->sizes;
  moved.erase(1);
  moved.push_back(like.sizes()[1]);
  DimVector dense = contiguous_strides(moved);
  const int64_t channel = dense.back();
  dense.pop_back();
  dense.insert(1, channel);
  return make_tensor_strided(like.sizes(), dense, dtype, like.device());
}

// Copies between devices go through contiguous host memory.
void copy_across(const Tensor& dst, const Tensor& src) {
  Tensor packed = src.dtype() == dst.dtype() && src.is_contiguous() ? src : to_dtype(src, dst.dtype()).contiguous();
  const bool direct = dst.is_contiguous();
  Tensor landing = direct ? dst : make_tensor(dst.sizes(), dst.dtype(), dst.device());
  const bool to_host = dst.device().is_cpu();
  const MemoryKernels& memory = kernels_of<&Backend::memory>((to_host ? src : dst).device(), "copy_");
  if (to_host) {
    memory.copy_to_host(landing.data_ptr(), packed.data_ptr(), landing.nbytes(), src.device().index());
  } else {
    TENON_CHECK_DEVICE(src.device().is_cpu(), "copy_: copies between ", src.device(), " and ", dst.device(),
                       " must go through the CPU");
    memory.copy_from_host(landing.data_ptr(), packed.data_ptr(), landing.nbytes(), dst.device().index());
  }
  if (!direct) elementwise_kernels(dst, "copy_").copy(view_of(dst), view_of(landing));
}

// dst's elements become src's, converted; equal sizes, nothing recorded. Of those that share memory the last one stays.
void copy_values(const Tensor& dst, const Tensor& src) {
  if (dst.numel() == 0) return;
  if (shares_elements(dst)) {
    NoGradGuard no_grad;
    for (int64_t i = 0; i < dst.size(0); ++i) copy_values(dst.select(0, i), src.select(0, i));
  } else if (dst.device() != src.device()) {
    NoGradGuard no_grad;
    copy_across(dst, src);
  } else {
    elementwise_kernels(dst, "copy_").copy(view_of(dst), view_of(src));
  }
}

}  // namespace

Tensor clone(const Tensor& self, MemoryFormat memory_format) {
  Tensor out = make_in_format(self, self.dtype(), memory_format);
  copy_values(out, self);
  return record("clone", out, &self, {}, [](const BackwardContext& ctx) -> Grads { return {ctx.grad()}; });
}

Tensor contiguous(const Tensor& self, MemoryFormat memory_format) {
  TENON_CHECK(memory_format != MemoryFormat::Preserve, "contiguous: memory_format cannot be preserve");
  return self.is_contiguous(memory_format) ? self : clone(self, memory_format);
}

Tensor to_dtype(const Tensor& self, ScalarType dtype) {
  if (self.dtype() == dtype) return self;
  Tensor out = make_like(self, dtype);
  copy_values(out, self);
  return record("to", out, &self, {}, [from = self.dtype()](const BackwardContext& ctx) -> Grads {
    return {to_dtype(ctx.grad(), from)};
  });
}

Tensor to_device(const Tensor& self, Device device) {
  if (self.device() == device.resolved()) return self;
  Tensor out = make_tensor_strided(self.sizes(), contiguous_strides(self.sizes()), self.dtype(), device, "to");
  copy_values(out, self);
  return record("to", out, &self, {}, [from = self.device()](const BackwardContext& ctx) -> Grads {
    return {to_device(ctx.grad(), from)};
  });
}

Tensor Tensor::to(const TensorOptions& options, bool, bool copy) const {
  Tensor out = *this;
  if (options.device_opt()) out = to_device(out, *options.device_opt());
  if (options.dtype_opt()) out = to_dtype(out, *options.dtype_opt());
  const MemoryFormat format = options.memory_format_opt().value_or(MemoryFormat::Preserve);
  if (format != MemoryFormat::Preserve) out = tenon::contiguous(out, format);
  if (copy && out.is_same(*this)) out = tenon::clone(out, MemoryFormat::Preserve);
  return out.is_same(*this) ? out : shown_as("ToCopyBackward0", out);
}

Tensor Tensor::to(ScalarType dtype, bool non_blocking, bool copy) const {
  return to(TensorOptions(dtype), non_blocking, copy);
}
Tensor Tensor::to(Device device, bool non_blocking, bool copy) const {
  return to(TensorOptions(device), non_blocking, copy);
}
Tensor Tensor::to(Device device, ScalarType dtype, bool non_blocking, bool copy) const {
  return to(TensorOptions(device).dtype(dtype), non_blocking, copy);
}

const Tensor& copy_into(const Tensor& self, const Tensor& src, const char* op) {
  TENON_CHECK(src.defined(), InplaceName{op}, ": src is an undefined tensor");
  if (self.is_same(src)) return self;
  check_not_expanded(self, op);
  const Tensor source = src.sizes() == self.sizes() ? src : src.expand(self.sizes());
  const Tensor* inputs[] = {&self, &src};
  const bool records = is_differentiable(self.dtype()) && needs_record(TensorPointers(inputs, 2));
  check_inplace(self, op, records);
  if (self.storage() == source.storage() && self.numel() > 0) {
    NoGradGuard no_grad;
    copy_values(self, source.clone());
  } else {
    copy_values(self, source);
  }
  self.impl()->version().bump(op);
  if (records) {
    record_inplace(
        op, self, TensorPointers(inputs, 2), {},
        [sizes = src.impl()->sizes, dtype = src.dtype(), device = src.device()](const BackwardContext& ctx) -> Grads {
          Tensor to_src;
          if (ctx.needs(1)) {
            to_src = to_device(to_input_dtype(sum_to_size(ctx.grad(), sizes), dtype), device);
          }
          return {ctx.needs(0) ? zeros_like(ctx.grad()) : Tensor(), to_src};
        });
  }
  return self;
}

const Tensor& copy_(const Tensor& self, const Tensor& src, bool) { return copy_into(self, src, "copy_"); }

namespace {

const Tensor& fill_with(const char* op, const Tensor& self, const Scalar& value) {
  check_holds(op, value, self.dtype());
  const bool records = self.requires_grad() && GradMode::is_enabled();
  check_inplace(self, op, records);
  const SerialRegion serial(shares_elements(self));
  if (self.numel() > 0) elementwise_kernels(self, op).fill(view_of(self), value);
  self.impl()->version().bump(op);
  if (records) {
    record_inplace(op, self, &self, {}, [](const BackwardContext& ctx) -> Grads { return {zeros_like(ctx.grad())}; });
  }
  return self;
}

}  // namespace

const Tensor& fill_(const Tensor& self, const Scalar& value) { return fill_with("fill_", self, value); }

const Tensor& fill_(const Tensor& self, const Tensor& value) {
  TENON_CHECK(value.dim() == 0, "fill_: value must be a number or a 0-d tensor, got shape ", value.sizes());
  return copy_into(self, value, "fill_");
}

const Tensor& zero_(const Tensor& self) { return fill_with("zero_", self, Scalar(0)); }

const Tensor& resize_(const Tensor& self, IntArrayRef size) {
  TENON_CHECK(!self.requires_grad(), "resize_: cannot resize a tensor that requires grad");
  check_inplace(self, "resize_", false);
  const int64_t numel = checked_numel(size, "resize_");
  TensorImpl& impl = *self.impl();
  const int64_t wanted = checked_add(impl.offset, numel, "resize_");
  const int64_t bytes = checked_mul(wanted, static_cast<int64_t>(self.element_size()), "resize_");
  if (static_cast<size_t>(bytes) > impl.storage->nbytes()) impl.storage->resize(static_cast<size_t>(bytes));
  impl.sizes = DimVector(size);
  impl.strides = contiguous_strides(size);
  impl.refresh();
  return self;
}

}  // namespace tenon
