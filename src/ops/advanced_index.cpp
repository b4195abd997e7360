// Indexing by tensors, one for each dim: reading (index_get) and writing (index_put), with NumPy's rules for where the
// indexed dims go in the result. Depends on the backend's index kernels.
#include <algorithm>

#include "ops/edit.h"
#include "ops/indexing.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {

bool is_mask(const Tensor& index) { return index.dtype() == kBool || index.dtype() == kByte; }

std::vector<Tensor> mask_to_indices(const Tensor& mask) {
  NoGradGuard no_grad;
  const Tensor columns = nonzero(mask).t().contiguous();
  return unbind(columns, 0);
}

namespace {

// The indices of a call, resolved against self.
struct Selection {
  std::vector<Tensor> indices;   // integers, for the first dims of self; undefined where a dim is kept
  SmallVec<Tensor, 4> flat;      // those given: broadcast, int64, contiguous, 1-d
  DimVector order;               // self's dims: the indexed ones first
  DimVector index_shape;         // what the indices broadcast to
  DimVector kept;                // the sizes of the other dims
  size_t position = 0;           // where among them index_shape goes
  DimVector result;              // the shape of self at the indices

  SmallVec<TensorView, 4> flat_views() const {
    SmallVec<TensorView, 4> views;
    for (const Tensor& index : flat) views.push_back(view_of(index));
    return views;
  }
  SmallVec<const Tensor*, 4> index_pointers() const {
    SmallVec<const Tensor*, 4> pointers;
    for (const Tensor& index : indices) pointers.push_back(&index);
    return pointers;
  }
  int64_t count() const { return flat[0].numel(); }
  // [count, kept...], as kernels see the selected elements.
  DimVector flat_shape() const {
    DimVector shape(kept);
    shape.insert(0, count());
    return shape;
  }
};

// Masks become one integer tensor for each of their dims.
std::vector<Tensor> without_masks(const char* op, const Tensor& self, TensorList indices) {
  std::vector<Tensor> result;
  for (size_t i = 0; i < indices.size(); ++i) {
    const Tensor& index = indices[i];
    if (!index.defined()) {
      result.emplace_back();
      continue;
    }
    check_same_device(op, self, index, "an index");
    if (!is_mask(index)) {
      TENON_CHECK_INDEX(index.dtype() == kLong || index.dtype() == kInt, op,
                        ": tensors used as indices must be long, int, byte or bool tensors, got ", index.dtype());
      result.push_back(index);
      continue;
    }
    for (size_t d = 0; d < index.sizes().size(); ++d) {
      const size_t own = result.size() + d;
      TENON_CHECK_INDEX(own < self.sizes().size() && index.sizes()[d] == self.sizes()[own], op,
                        ": The shape of the mask ", index.sizes(), " at index ", d,
                        " does not match the shape of the indexed tensor ", self.sizes(), " at index ", own);
    }
    for (Tensor& column : mask_to_indices(index)) result.push_back(std::move(column));
  }
  TENON_CHECK_INDEX(result.size() <= self.sizes().size(), op, ": too many indices for tensor of dimension ", self.dim(),
                    " (got ", result.size(), ")");
  return result;
}

DimVector broadcast_indices(const char* op, const std::vector<Tensor>& indices) {
  DimVector shape;
  for (const Tensor& index : indices) {
    if (!index.defined()) continue;
    const bool fits = [&] {
      const size_t common = std::min(shape.size(), index.sizes().size());
      for (size_t i = 1; i <= common; ++i) {
        const int64_t a = shape[shape.size() - i], b = index.sizes()[index.sizes().size() - i];
        if (a != b && a != 1 && b != 1) return false;
      }
      return true;
    }();
    TENON_CHECK_INDEX(fits, op, ": shape mismatch: indexing tensors could not be broadcast together with shapes ",
                      shape, ", ", index.sizes());
    shape = broadcast_shapes(shape, index.sizes(), op);
  }
  return shape;
}

Tensor flat_index(const Tensor& index, IntArrayRef shape) {
  const Tensor whole = index.sizes() == shape ? index : index.expand(shape);
  if (whole.dim() == 1 && whole.dtype() == kLong && whole.is_contiguous()) return whole;
  return whole.reshape({-1}).to(kLong).contiguous();
}

Selection select_at(const char* op, const Tensor& self, TensorList indices) {
  NoGradGuard no_grad;
  Selection s;
  s.indices = without_masks(op, self, indices);
  s.index_shape = broadcast_indices(op, s.indices);
  size_t first = 0, last = 0;
  for (size_t d = 0; d < s.indices.size(); ++d) {
    if (!s.indices[d].defined()) continue;
    if (s.flat.empty()) first = d;
    last = d;
    s.order.push_back(static_cast<int64_t>(d));
    s.flat.push_back(flat_index(s.indices[d], s.index_shape));
  }
  TENON_CHECK_INDEX(!s.flat.empty(), op, ": a mask without dims selects along none of self's; self[mask] takes it");
  for (size_t d = 0; d < self.sizes().size(); ++d) {
    if (d < s.indices.size() && s.indices[d].defined()) continue;
    s.order.push_back(static_cast<int64_t>(d));
    s.kept.push_back(self.sizes()[d]);
  }
  // Indices of neighbouring dims leave their result in place; others go to the front.
  const bool adjacent = last - first + 1 == s.flat.size();
  s.position = adjacent ? first : 0;
  s.result = DimVector(IntArrayRef(s.kept).slice(0, s.position));
  for (int64_t size : s.index_shape) s.result.push_back(size);
  for (int64_t size : IntArrayRef(s.kept).slice(s.position)) s.result.push_back(size);
  checked_numel(s.result, op);
  return s;
}

bool any_given(TensorList indices) {
  return std::any_of(indices.begin(), indices.end(), [](const Tensor& index) { return index.defined(); });
}

Tensor put_at(Place place, const Tensor& self, TensorList indices, const Tensor& values, bool accumulate) {
  TENON_CHECK(any_given(indices), "index_put: at least one index must be given");
  TENON_CHECK(self.dtype() == values.dtype(),
              "index_put: Index put requires the source and destination dtypes match, got ", self.dtype(),
              " for the destination and ", values.dtype(), " for the source.");
  check_same_device("index_put", self, values, "values");
  const Selection s = select_at("index_put", self, indices);
  TENON_CHECK(is_expandable_to(values.sizes(), s.result), "index_put: shape mismatch: value tensor of shape ",
              values.sizes(), " cannot be broadcast to indexing result of shape ", s.result);
  auto write = [&](const Tensor& out) {
    if (checked_numel(s.result, "index_put") == 0) return;
    // The indexed dims of values go first, as one.
    DimVector order;
    const size_t index_dims = s.index_shape.size();
    for (size_t d = 0; d < index_dims; ++d) order.push_back(static_cast<int64_t>(s.position + d));
    for (size_t d = 0; d < s.result.size(); ++d) {
      if (d < s.position || d >= s.position + index_dims) order.push_back(static_cast<int64_t>(d));
    }
    const Tensor source = apart_from(values, out).expand(s.result).permute(order).reshape(s.flat_shape());
    const Tensor target = out.permute(s.order);
    SmallVec<Tensor, 4> places;
    SmallVec<TensorView, 4> views;
    for (const Tensor& index : s.flat) {
      places.push_back(apart_from(index, out));
      views.push_back(view_of(places.back()));
    }
    index_kernels(out, "index_put")
        .index_put(view_of(target), views.data(), static_cast<int>(views.size()), view_of(source), accumulate);
  };
  const auto saved = s.index_pointers();
  return edit("index_put", place, self, {&self, &values}, TensorPointers(saved.data(), saved.size()), write,
              [accumulate, count = saved.size(), sizes = values.impl()->sizes](const BackwardContext& ctx) -> Grads {
                std::vector<Tensor> at(count);
                for (size_t i = 0; i < count; ++i) at[i] = ctx.saved(i);
                Grads grads(2);
                if (ctx.needs(0))
                  grads[0] =
                      accumulate ? ctx.grad() : index_put(ctx.grad(), at, zeros({}, ctx.grad().options()), false);
                if (ctx.needs(1)) grads[1] = sum_to_size(index_get(ctx.grad(), at), sizes);
                return grads;
              });
}

}  // namespace

Tensor index_get(const Tensor& self, TensorList indices) {
  TENON_CHECK(any_given(indices), "index: at least one index must be given");
  if (indices.size() == 1 && is_mask(indices[0]) && indices[0].sizes() == self.sizes()) {
    check_same_device("index", self, indices[0], "the mask");
    return shown_as("IndexBackward0",
                    masked_select(self, indices[0].dtype() == kBool ? indices[0] : indices[0].ne(0)));
  }
  const Selection s = select_at("index", self, indices);
  Tensor out = make_tensor(s.result, self.dtype(), self.device(), "index");
  if (out.numel() > 0) {
    NoGradGuard no_grad;
    // out's layout with the indexed dims first, as one.
    DimVector strides = out.impl()->strides;
    const int64_t step = s.index_shape.empty() ? 1 : strides[s.position + s.index_shape.size() - 1];
    for (size_t d = 0; d < s.index_shape.size(); ++d) strides.erase(s.position);
    strides.insert(0, step);
    const DimVector shape = s.flat_shape();
    const Tensor source = self.permute(s.order);
    const auto views = s.flat_views();
    index_kernels(self, "index")
        .index_get({out.data_ptr(), out.dtype(), shape, strides}, view_of(source), views.data(),
                   static_cast<int>(views.size()));
  }
  const auto saved = s.index_pointers();
  return record("index", out, &self, TensorPointers(saved.data(), saved.size()),
                [count = saved.size(), sizes = self.impl()->sizes](const BackwardContext& ctx) -> Grads {
                  std::vector<Tensor> at(count);
                  for (size_t i = 0; i < count; ++i) at[i] = ctx.saved(i);
                  return {index_put_(zeros(sizes, ctx.grad().options()), at, ctx.grad(), true)};
                });
}

Tensor index_put(const Tensor& self, TensorList indices, const Tensor& values, bool accumulate) {
  return put_at(Place::Copy, self, indices, values, accumulate);
}

const Tensor& index_put_(const Tensor& self, TensorList indices, const Tensor& values, bool accumulate) {
  put_at(Place::Self, self, indices, values, accumulate);
  return self;
}

}  // namespace tenon
