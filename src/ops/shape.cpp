// Views: other sizes, strides and offsets over the same memory, each with its gradient.
#include <algorithm>
#include <complex>

#include "ops/autocast.h"
#include "ops/view.h"
#include "tenon/base/parallel.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {

Tensor make_view(const Tensor& self, IntArrayRef sizes, IntArrayRef strides, int64_t offset) {
  Tensor out = make_alias(self, sizes, strides, offset);
  TensorImpl& impl = *out.impl();
  const TensorImpl& from = *self.impl();
  // A view can be a leaf too, made so by requires_grad_(): then edits through its views are edits of a leaf.
  impl.view_base = from.view_base && !from.requires_grad ? from.view_base : self.impl_ptr();
  impl.no_grad_view = from.no_grad_view || !GradMode::is_enabled();
  impl.view_version = impl.version().value();
  return out;
}

optional<DimVector> view_strides(const Tensor& self, IntArrayRef sizes) {
  if (self.is_contiguous()) return contiguous_strides(sizes);
  if (self.numel() == 0) return self.sizes() == sizes ? DimVector(self.strides()) : contiguous_strides(sizes);
  // Runs of self's dims that are dense with respect to each other must each split into whole new dims.
  DimVector strides(sizes.size());
  int64_t d = static_cast<int64_t>(sizes.size()) - 1;
  int64_t run = 1;  // elements in the current run of old dims
  int64_t done = 1;  // elements of it that new dims cover
  int64_t step = self.strides().empty() ? 1 : self.strides().back();
  for (int64_t old = self.dim() - 1; old >= 0; --old) {
    auto i = static_cast<size_t>(old);
    run *= self.sizes()[i];
    const bool run_ends = old == 0 || (self.sizes()[i - 1] != 1 && self.strides()[i - 1] != run * step);
    if (!run_ends) continue;
    while (d >= 0 && (done < run || sizes[static_cast<size_t>(d)] == 1)) {
      strides[static_cast<size_t>(d)] = done * step;
      done *= sizes[static_cast<size_t>(d)];
      --d;
    }
    if (done != run) return nullopt;
    if (old > 0) {
      step = self.strides()[i - 1];
      run = done = 1;
    }
  }
  if (d != -1) return nullopt;
  return strides;
}

Tensor view(const Tensor& self, IntArrayRef size) {
  DimVector sizes = infer_size(size, self.numel(), "view");
  optional<DimVector> strides = view_strides(self, sizes);
  TENON_CHECK(strides.has_value(), "view: a tensor of shape ", self.sizes(), " and strides ", self.strides(),
              " cannot be seen as shape ", sizes, " without a copy; use reshape()");
  return record_view(
      "view", self, sizes, *strides, self.storage_offset(),
      [shape = self.impl()->sizes](const BackwardContext& ctx) -> Grads { return {ctx.grad().reshape(shape)}; });
}

Tensor reshape(const Tensor& self, IntArrayRef shape) {
  DimVector sizes = infer_size(shape, self.numel(), "reshape");
  if (view_strides(self, sizes)) return view(self, sizes);
  return view(clone(self, MemoryFormat::Contiguous), sizes);
}

int64_t checked_end(const char* op, IntArrayRef sizes, IntArrayRef strides, int64_t offset) {
  TENON_CHECK(sizes.size() == strides.size(), op, ": size has ", sizes.size(), " dims but stride has ", strides.size());
  TENON_CHECK(offset >= 0, op, ": storage_offset must not be negative, got ", offset);
  const int64_t numel = checked_numel(sizes, op);
  int64_t last = offset;
  for (size_t d = 0; d < sizes.size(); ++d) {
    TENON_CHECK(strides[d] >= 0, op, ": strides must not be negative, got ", strides);
    // Dims without a second element count too, for views of this layout compute with their strides.
    last = checked_add(last, checked_mul(std::max<int64_t>(sizes[d] - 1, 1), strides[d], op), op);
  }
  checked_mul(last, sizeof(std::complex<double>), op);
  if (numel == 0) return offset;
  last = offset;
  for (size_t d = 0; d < sizes.size(); ++d) last += (sizes[d] - 1) * strides[d];
  return last + 1;
}

Tensor as_strided(const Tensor& self, IntArrayRef size, IntArrayRef stride, optional<int64_t> storage_offset) {
  const int64_t offset = storage_offset.value_or(self.storage_offset());
  const int64_t end = checked_end("as_strided", size, stride, offset);
  const auto available = static_cast<int64_t>(self.storage()->nbytes() / self.element_size());
  TENON_CHECK(end == offset || end <= available, "as_strided: size ", size, ", stride ", stride, " and offset ", offset,
              " reach element ", end - 1, ", but the storage has ", available, " elements");
  return record_view(
      "as_strided", self, size, stride, offset,
      [layout = self.impl()->sizes, own = self.impl()->strides, start = self.storage_offset(), sizes = DimVector(size),
       strides = DimVector(stride), offset](const BackwardContext& ctx) -> Grads {
        return {as_strided_backward(ctx.grad(), layout, own, start, sizes, strides, offset)};
      });
}

bool may_overlap(IntArrayRef sizes, IntArrayRef strides) {
  SmallVec<std::pair<int64_t, int64_t>, 6> dims;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 0) return false;
    if (sizes[d] > 1) dims.emplace_back(strides[d], sizes[d]);
  }
  std::sort(dims.begin(), dims.end());
  int64_t reach = 0;
  for (auto [stride, size] : dims) {
    if (stride <= reach) return true;
    reach += stride * (size - 1);
  }
  return false;
}

Tensor as_strided_backward(const Tensor& grad, IntArrayRef input_sizes, IntArrayRef input_strides, int64_t input_offset,
                           IntArrayRef sizes, IntArrayRef strides, int64_t offset) {
  constexpr const char* kOp = "as_strided_backward";
  TENON_CHECK(grad.sizes() == sizes, kOp, ": grad has shape ", grad.sizes(), ", but the view had ", sizes);
  const int64_t start = std::min(input_offset, offset);
  const int64_t input_end = checked_end(kOp, input_sizes, input_strides, input_offset);
  const int64_t count = std::max(input_end, checked_end(kOp, sizes, strides, offset)) - start;
  Tensor memory = zeros({count}, grad.options());
  Tensor places;
  const bool overlaps = may_overlap(sizes, strides);
  const bool input_overlaps = may_overlap(input_sizes, input_strides);
  if (overlaps || input_overlaps) places = arange(count, TensorOptions(kLong).device(grad.device()));
  if (overlaps) {
    memory = memory.index_add(0, places.as_strided(sizes, strides, offset - start).reshape({-1}), grad.reshape({-1}));
  } else {
    memory.as_strided(sizes, strides, offset - start).copy_(grad);
  }
  if (input_overlaps) {
    // An element that the input shows several times shares its gradient evenly among them.
    Tensor shown = places.as_strided(input_sizes, input_strides, input_offset - start).reshape({-1});
    Tensor counts = zeros({count}, grad.options()).index_add(0, shown, ones({shown.numel()}, grad.options()));
    memory = memory / counts.clamp_min(1);
  }
  return memory.as_strided(input_sizes, input_strides, input_offset - start);
}

Tensor expand(const Tensor& self, IntArrayRef size, bool) {
  const size_t lead = size.size() - self.sizes().size();
  TENON_CHECK(size.size() >= self.sizes().size(), "expand: size ", size, " has fewer dims than the tensor's shape ",
              self.sizes());
  DimVector sizes(size), strides(size.size(), 0);
  for (size_t d = 0; d < sizes.size(); ++d) {
    const bool fresh = d < lead;
    const int64_t own = fresh ? 1 : self.sizes()[d - lead];
    if (sizes[d] == -1 && !fresh) sizes[d] = own;
    TENON_CHECK(sizes[d] >= 0, "expand: size ", size, " has an invalid entry ", sizes[d], " at dim ", d);
    TENON_CHECK(own == 1 || own == sizes[d], "expand: a tensor of shape ", self.sizes(), " cannot be expanded to ",
                size, ": dim ", d, " has size ", own);
    if (!fresh && own == sizes[d]) strides[d] = self.strides()[d - lead];
  }
  checked_numel(sizes, "expand");
  return record_view(
      "expand", self, sizes, strides, self.storage_offset(),
      [shape = self.impl()->sizes](const BackwardContext& ctx) -> Grads { return {sum_to_size(ctx.grad(), shape)}; });
}

Tensor permute(const Tensor& self, IntArrayRef dims) {
  TENON_CHECK(dims.size() == self.sizes().size(), "permute: dims ", dims, " must name each of the ", self.dim(),
              " dims of the tensor once");
  DimVector order = wrap_dims(dims, self.dim(), "permute");
  DimVector sizes(order.size()), strides(order.size());
  for (size_t d = 0; d < order.size(); ++d) {
    sizes[d] = self.sizes()[static_cast<size_t>(order[d])];
    strides[d] = self.strides()[static_cast<size_t>(order[d])];
  }
  return record_view("permute", self, sizes, strides, self.storage_offset(),
                     [order](const BackwardContext& ctx) -> Grads {
                       DimVector inverse(order.size());
                       for (size_t d = 0; d < order.size(); ++d)
                         inverse[static_cast<size_t>(order[d])] = static_cast<int64_t>(d);
                       return {ctx.grad().permute(inverse)};
                     });
}

Tensor transpose(const Tensor& self, int64_t dim0, int64_t dim1) {
  const auto a = static_cast<size_t>(wrap_dim(dim0, self.dim(), "transpose"));
  const auto b = static_cast<size_t>(wrap_dim(dim1, self.dim(), "transpose"));
  DimVector sizes = self.impl()->sizes, strides = self.impl()->strides;
  if (a != b) {
    std::swap(sizes[a], sizes[b]);
    std::swap(strides[a], strides[b]);
  }
  return record_view("transpose", self, sizes, strides, self.storage_offset(),
                     [dim0, dim1](const BackwardContext& ctx) -> Grads { return {ctx.grad().transpose(dim0, dim1)}; });
}

Tensor alias(const Tensor& self) {
  return record_view("alias", self, self.sizes(), self.strides(), self.storage_offset(),
                     [](const BackwardContext& ctx) -> Grads { return {ctx.grad()}; });
}

Tensor t(const Tensor& self) {
  TENON_CHECK(self.dim() <= 2, "t: the tensor must have at most 2 dims, got shape ", self.sizes());
  return self.dim() < 2 ? alias(self) : transpose(self, 0, 1);
}

namespace {

Tensor squeeze_where(const Tensor& self, FunctionRef<bool(size_t)> wanted) {
  DimVector sizes, strides;
  for (size_t d = 0; d < self.sizes().size(); ++d) {
    if (self.sizes()[d] == 1 && wanted(d)) continue;
    sizes.push_back(self.sizes()[d]);
    strides.push_back(self.strides()[d]);
  }
  return record_view(
      "squeeze", self, sizes, strides, self.storage_offset(),
      [shape = self.impl()->sizes](const BackwardContext& ctx) -> Grads { return {ctx.grad().reshape(shape)}; });
}

}  // namespace

Tensor squeeze(const Tensor& self) {
  return squeeze_where(self, [](size_t) { return true; });
}

Tensor squeeze(const Tensor& self, int64_t dim) { return squeeze(self, IntArrayRef(dim)); }

Tensor squeeze(const Tensor& self, IntArrayRef dim) {
  DimVector dims = wrap_dims(dim, self.dim(), "squeeze");
  return squeeze_where(self,
                       [&](size_t d) { return std::count(dims.begin(), dims.end(), static_cast<int64_t>(d)) > 0; });
}

Tensor unsqueeze(const Tensor& self, int64_t dim) {
  const auto at = static_cast<size_t>(wrap_dim(dim, self.dim() + 1, "unsqueeze"));
  DimVector sizes = self.impl()->sizes, strides = self.impl()->strides;
  strides.insert(at, at < sizes.size() ? sizes[at] * strides[at] : 1);
  sizes.insert(at, 1);
  return record_view(
      "unsqueeze", self, sizes, strides, self.storage_offset(),
      [at](const BackwardContext& ctx) -> Grads { return {ctx.grad().squeeze(static_cast<int64_t>(at))}; });
}

Tensor select(const Tensor& self, int64_t dim, int64_t index) {
  TENON_CHECK_INDEX(self.dim() > 0, "select: a 0-d tensor has no dim to select from");
  const auto d = static_cast<size_t>(wrap_dim(dim, self.dim(), "select"));
  const int64_t size = self.sizes()[d];
  TENON_CHECK_INDEX(index >= -size && index < size, "select: index ", index, " is out of range for dim ", d,
                    " of size ", size);
  if (index < 0) index += size;
  DimVector sizes = self.impl()->sizes, strides = self.impl()->strides;
  const int64_t offset = self.storage_offset() + index * strides[d];
  sizes.erase(d);
  strides.erase(d);
  return record_view("select", self, sizes, strides, offset,
                     [shape = self.impl()->sizes, d, index](const BackwardContext& ctx) -> Grads {
                       Tensor grad = zeros(shape, ctx.grad().options());
                       grad.select(static_cast<int64_t>(d), index).copy_(ctx.grad());
                       return {grad};
                     });
}

Tensor slice(const Tensor& self, int64_t dim, optional<int64_t> start, optional<int64_t> end, int64_t step) {
  TENON_CHECK(self.dim() > 0, "slice: a 0-d tensor cannot be sliced");
  TENON_CHECK_VALUE(step > 0, "slice: step must be positive, got ", step);
  const auto d = static_cast<size_t>(wrap_dim(dim, self.dim(), "slice"));
  const int64_t size = self.sizes()[d];
  auto clip = [size](int64_t i) { return std::clamp(i < 0 ? i + size : i, int64_t{0}, size); };
  const int64_t first = clip(start.value_or(0));
  const int64_t last = std::max(first, clip(end.value_or(size)));
  DimVector sizes = self.impl()->sizes, strides = self.impl()->strides;
  const int64_t span = last - first;
  sizes[d] = span / step + (span % step != 0);
  const int64_t offset = self.storage_offset() + first * strides[d];
  // A step beyond the dim leaves one element, whose stride does not matter.
  strides[d] = sizes[d] > 1 ? strides[d] * step : strides[d];
  return record_view("slice", self, sizes, strides, offset,
                     [shape = self.impl()->sizes, d, first, last, step](const BackwardContext& ctx) -> Grads {
                       Tensor grad = zeros(shape, ctx.grad().options());
                       grad.slice(static_cast<int64_t>(d), first, last, step).copy_(ctx.grad());
                       return {grad};
                     });
}

Tensor narrow(const Tensor& self, int64_t dim, int64_t start, int64_t length) {
  TENON_CHECK(self.dim() > 0, "narrow: a 0-d tensor cannot be narrowed");
  const int64_t size = self.size(dim);
  TENON_CHECK(length >= 0, "narrow: length must not be negative, got ", length);
  TENON_CHECK_INDEX(start >= -size && start <= size, "narrow: start ", start, " is out of range for dim ", dim,
                    " of size ", size);
  if (start < 0) start += size;
  TENON_CHECK(length <= size - start, "narrow: start ", start, " and length ", length, " exceed dim ", dim, " of size ",
              size);
  return slice(self, dim, start, start + length, 1);
}

Tensor narrow(const Tensor& self, int64_t dim, const Tensor& start, int64_t length) {
  TENON_CHECK(start.dim() == 0 && is_integral(start.dtype(), false), "narrow: start must be a 0-d integer tensor, got ",
              start.dtype(), " of shape ", start.sizes());
  return narrow(self, dim, start.item().to_int64(), length);
}

Tensor flatten(const Tensor& self, int64_t start_dim, int64_t end_dim) {
  const int64_t first = wrap_dim(start_dim, self.dim(), "flatten");
  const int64_t last = wrap_dim(end_dim, self.dim(), "flatten");
  TENON_CHECK(first <= last, "flatten: start_dim ", start_dim, " comes after end_dim ", end_dim);
  if (self.dim() == 0) return reshape(self, {1});
  if (first == last) return self;
  DimVector sizes;
  int64_t product = 1;
  for (int64_t d = 0; d < self.dim(); ++d) {
    const int64_t size = self.sizes()[static_cast<size_t>(d)];
    if (d < first || d > last) {
      sizes.push_back(size);
    } else {
      product *= size;
      if (d == last) sizes.push_back(product);
    }
  }
  return reshape(self, sizes);
}

namespace {

// A view as another dtype; sizes, strides and offset count elements of that dtype.
Tensor reinterpret(const Tensor& self, ScalarType dtype, IntArrayRef sizes, IntArrayRef strides, int64_t offset) {
  Tensor out = make_view(self, sizes, strides, offset);
  out.impl()->dtype = dtype;
  return out;
}

}  // namespace

Tensor view_as_real(const Tensor& self) {
  TENON_CHECK(self.is_complex(), "view_as_real: the tensor must be complex, got ", self.dtype());
  DimVector sizes = self.impl()->sizes, strides = self.impl()->strides;
  for (int64_t& stride : strides) stride = checked_mul(stride, 2, "view_as_real");
  sizes.push_back(2);
  strides.push_back(1);
  Tensor out = reinterpret(self, to_real(self.dtype()), sizes, strides, self.storage_offset() * 2);
  return record("view_as_real", out, &self, {},
                [](const BackwardContext& ctx) -> Grads { return {view_as_complex(ctx.grad().contiguous())}; });
}

Tensor view_as_complex(const Tensor& self) {
  TENON_AUTOCAST(view_as_complex, self)
  TENON_CHECK(self.dtype() == kFloat || self.dtype() == kDouble,
              "view_as_complex: the tensor must be float32 or float64, got ", self.dtype());
  TENON_CHECK(self.dim() > 0 && self.size(-1) == 2, "view_as_complex: the last dim must have size 2, got shape ",
              self.sizes());
  TENON_CHECK(self.stride(-1) == 1, "view_as_complex: the last dim must have stride 1, got strides ", self.strides());
  TENON_CHECK(self.storage_offset() % 2 == 0, "view_as_complex: the storage offset must be even, got ",
              self.storage_offset());
  DimVector sizes = self.impl()->sizes, strides = self.impl()->strides;
  sizes.pop_back();
  strides.pop_back();
  for (int64_t& stride : strides) {
    TENON_CHECK(stride % 2 == 0, "view_as_complex: every stride but the last must be even, got ", self.strides());
    stride /= 2;
  }
  Tensor out = reinterpret(self, to_complex(self.dtype()), sizes, strides, self.storage_offset() / 2);
  return record("view_as_complex", out, &self, {},
                [](const BackwardContext& ctx) -> Grads { return {view_as_real(ctx.grad())}; });
}

}  // namespace tenon
