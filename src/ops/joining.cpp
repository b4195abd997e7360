// Joining tensors along a dim: cat, stack and what is made of them. Depends on views and copies.
#include <algorithm>

#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/promotion.h"
#include "ops/view.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// A 1-d tensor without elements takes part in no cat, whatever the shape of the others.
bool is_left_out(const Tensor& tensor) { return tensor.dim() == 1 && tensor.sizes()[0] == 0; }

void check_defined(const char* op, TensorList tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    TENON_CHECK(tensors[i].defined(), op, ": tensor number ", i, " is undefined");
    TENON_CHECK_DEVICE(tensors[i].device() == tensors[0].device(), op, ": all tensors must be on one device, got ",
                       tensors[0].device(), " and ", tensors[i].device());
  }
}

ScalarType common_dtype(TensorList tensors) {
  const ScalarType first = tensors[0].dtype();
  Promotion promotion;
  bool same = true;
  for (const Tensor& tensor : tensors) {
    same = same && tensor.dtype() == first;
    promotion.add(tensor);
  }
  return same ? first : promotion.result();
}

// Copies `part` to where `out` has index `at` of dim d; out's layout without that dim when `drops_dim`.
void copy_part(const Tensor& out, size_t d, int64_t at, const Tensor& part, bool drops_dim, const char* op) {
  if (part.numel() == 0) return;
  DimVector strides = out.impl()->strides;
  auto* data = static_cast<char*>(out.data_ptr()) + at * strides[d] * static_cast<int64_t>(out.element_size());
  if (drops_dim) strides.erase(d);
  kernels_of<&Backend::elementwise>(out.device(), op).copy({data, out.dtype(), part.sizes(), strides}, view_of(part));
}

SmallVec<const Tensor*, 8> pointers_to(TensorList tensors) {
  SmallVec<const Tensor*, 8> pointers;
  for (const Tensor& tensor : tensors) pointers.push_back(&tensor);
  return pointers;
}

// Memory for a cat result: channels last when every part is.
Tensor make_joined(IntArrayRef sizes, ScalarType dtype, TensorList parts) {
  Tensor out = make_tensor(sizes, dtype, parts[0].device(), "cat");
  for (MemoryFormat format : {MemoryFormat::ChannelsLast, MemoryFormat::ChannelsLast3d}) {
    const bool all = std::all_of(parts.begin(), parts.end(), [&](const Tensor& part) {
      return is_left_out(part) || (!part.is_contiguous() && part.is_contiguous(format));
    });
    if (!all) continue;
    NoGradGuard no_grad;
    return empty(sizes, TensorOptions(dtype).device(parts[0].device()).memory_format(format));
  }
  return out;
}

std::vector<Tensor> each(TensorList tensors, Tensor (*f)(const Tensor&)) {
  std::vector<Tensor> results;
  results.reserve(tensors.size());
  for (const Tensor& tensor : tensors) results.push_back(f(tensor));
  return results;
}

void check_not_empty(const char* op, TensorList tensors) {
  TENON_CHECK(!tensors.empty(), op, ": expects a non-empty TensorList");
  check_defined(op, tensors);
}

}  // namespace

Tensor cat(TensorList tensors, int64_t dim) {
  TENON_AUTOCAST(cat, tensors, dim)
  TENON_CHECK_VALUE(!tensors.empty(), "cat: expected a non-empty list of Tensors");
  check_defined("cat", tensors);
  for (size_t i = 0; i < tensors.size(); ++i) {
    TENON_CHECK(tensors[i].dim() > 0, "cat: zero-dimensional tensor (at position ", i, ") cannot be concatenated");
  }
  const Tensor* model = std::find_if_not(tensors.begin(), tensors.end(), is_left_out);
  const ScalarType dtype = common_dtype(tensors);
  if (model == tensors.end()) return to_dtype(tensors[0], dtype).clone();
  const auto d = static_cast<size_t>(wrap_dim(dim, model->dim(), "cat"));
  DimVector sizes = model->impl()->sizes;
  sizes[d] = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& part = tensors[i];
    if (is_left_out(part)) continue;
    TENON_CHECK(part.dim() == model->dim(), "cat: Tensors must have same number of dimensions: got ", model->dim(),
                " and ", part.dim());
    for (size_t k = 0; k < sizes.size(); ++k) {
      TENON_CHECK(k == d || part.sizes()[k] == sizes[k], "cat: Sizes of tensors must match except in dimension ", d,
                  ". Expected size ", sizes[k], " but got size ", part.sizes()[k], " for tensor number ", i,
                  " in the list, whose shape is ", part.sizes());
    }
    sizes[d] = checked_add(sizes[d], part.sizes()[d], "cat");
  }
  Tensor out = make_joined(sizes, dtype, tensors);
  int64_t at = 0;
  for (const Tensor& part : tensors) {
    if (is_left_out(part)) continue;
    copy_part(out, d, at, part, false, "cat");
    at += part.sizes()[d];
  }
  const auto inputs = pointers_to(tensors);
  const TensorPointers pointers(inputs.data(), inputs.size());
  if (!needs_record(pointers)) return out;
  struct Part {
    int64_t size;  // negative for one left out
    ScalarType dtype;
  };
  SmallVec<Part, 4> parts;
  for (const Tensor& part : tensors) parts.push_back({is_left_out(part) ? -1 : part.sizes()[d], part.dtype()});
  return record("cat", out, pointers, {}, [parts, d](const BackwardContext& ctx) -> Grads {
    Grads grads(parts.size());
    int64_t start = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      const Part& part = parts[i];
      if (part.size < 0) {
        if (ctx.needs(i)) grads[i] = zeros({0}, ctx.grad().options().dtype(part.dtype));
        continue;
      }
      if (ctx.needs(i)) {
        grads[i] = to_input_dtype(ctx.grad().narrow(static_cast<int64_t>(d), start, part.size), part.dtype);
      }
      start += part.size;
    }
    return grads;
  });
}

Tensor concat(TensorList tensors, int64_t dim) { return cat(tensors, dim); }
Tensor concatenate(TensorList tensors, int64_t dim) { return cat(tensors, dim); }

Tensor stack(TensorList tensors, int64_t dim) {
  TENON_AUTOCAST(stack, tensors, dim)
  check_not_empty("stack", tensors);
  const Tensor& first = tensors[0];
  const auto d = static_cast<size_t>(wrap_dim(dim, first.dim() + 1, "stack"));
  for (size_t i = 1; i < tensors.size(); ++i) {
    TENON_CHECK(tensors[i].sizes() == first.sizes(), "stack: expects each tensor to be equal size, but got ",
                first.sizes(), " at entry 0 and ", tensors[i].sizes(), " at entry ", i);
  }
  DimVector sizes = first.impl()->sizes;
  sizes.insert(d, static_cast<int64_t>(tensors.size()));
  Tensor out = make_tensor(sizes, common_dtype(tensors), first.device(), "stack");
  for (size_t i = 0; i < tensors.size(); ++i) copy_part(out, d, static_cast<int64_t>(i), tensors[i], true, "stack");
  const auto inputs = pointers_to(tensors);
  const TensorPointers pointers(inputs.data(), inputs.size());
  if (!needs_record(pointers)) return out;
  SmallVec<ScalarType, 8> dtypes;
  for (const Tensor& tensor : tensors) dtypes.push_back(tensor.dtype());
  return record("stack", out, pointers, {}, [dtypes, d](const BackwardContext& ctx) -> Grads {
    Grads grads(dtypes.size());
    for (size_t i = 0; i < dtypes.size(); ++i) {
      if (!ctx.needs(i)) continue;
      grads[i] = to_input_dtype(ctx.grad().select(static_cast<int64_t>(d), static_cast<int64_t>(i)), dtypes[i]);
    }
    return grads;
  });
}

Tensor atleast_1d(const Tensor& self) { return self.dim() == 0 ? reshape(self, {1}) : self; }

Tensor atleast_2d(const Tensor& self) {
  if (self.dim() == 0) return reshape(self, {1, 1});
  return self.dim() == 1 ? unsqueeze(self, 0) : self;
}

Tensor atleast_3d(const Tensor& self) {
  if (self.dim() == 0) return reshape(self, {1, 1, 1});
  if (self.dim() == 1) return unsqueeze(unsqueeze(self, 0), -1);
  return self.dim() == 2 ? unsqueeze(self, -1) : self;
}

std::vector<Tensor> atleast_1d(TensorList tensors) { return each(tensors, atleast_1d); }
std::vector<Tensor> atleast_2d(TensorList tensors) { return each(tensors, atleast_2d); }
std::vector<Tensor> atleast_3d(TensorList tensors) { return each(tensors, atleast_3d); }

Tensor hstack(TensorList tensors) {
  check_not_empty("hstack", tensors);
  const std::vector<Tensor> parts = each(tensors, atleast_1d);
  return cat(parts, parts[0].dim() == 1 ? 0 : 1);
}

Tensor vstack(TensorList tensors) {
  check_not_empty("vstack", tensors);
  return cat(each(tensors, atleast_2d), 0);
}

Tensor row_stack(TensorList tensors) { return vstack(tensors); }

Tensor dstack(TensorList tensors) {
  check_not_empty("dstack", tensors);
  return cat(each(tensors, atleast_3d), 2);
}

Tensor column_stack(TensorList tensors) {
  check_not_empty("column_stack", tensors);
  return hstack(each(tensors, [](const Tensor& x) { return x.dim() <= 1 ? reshape(x, {x.numel(), 1}) : x; }));
}

Tensor block_diag(TensorList tensors) {
  check_not_empty("block_diag", tensors);
  int64_t rows = 0, cols = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    TENON_CHECK(tensors[i].dim() <= 2, "block_diag: tensors must have at most 2 dims, but tensor number ", i,
                " has shape ", tensors[i].sizes());
  }
  const std::vector<Tensor> blocks = each(tensors, atleast_2d);
  for (const Tensor& block : blocks) {
    rows = checked_add(rows, block.sizes()[0], "block_diag");
    cols = checked_add(cols, block.sizes()[1], "block_diag");
  }
  // Each block becomes a band of rows with zeros on both sides.
  const TensorOptions options = TensorOptions(common_dtype(tensors)).device(tensors[0].device());
  std::vector<Tensor> bands;
  int64_t left = 0;
  for (const Tensor& block : blocks) {
    const int64_t height = block.sizes()[0], width = block.sizes()[1];
    bands.push_back(cat({zeros({height, left}, options), block, zeros({height, cols - left - width}, options)}, 1));
    left += width;
  }
  return cat(bands, 0);
}

std::vector<Tensor> broadcast_tensors(TensorList tensors) {
  DimVector sizes;
  for (const Tensor& tensor : tensors) sizes = broadcast_shapes(sizes, tensor.sizes(), "broadcast_tensors");
  std::vector<Tensor> results;
  for (const Tensor& tensor : tensors) results.push_back(expand(tensor, sizes, false));
  return results;
}

Tensor combinations(const Tensor& self, int64_t r, bool with_replacement) {
  TENON_CHECK(self.dim() == 1, "combinations: Expect a 1D vector, but got shape ", self.sizes());
  // Each element of a combination takes a dim of a grid.
  constexpr int64_t kMost = 16;
  TENON_CHECK(r >= 0 && r <= kMost, "combinations: r must be from 0 to ", kMost, ", got ", r);
  if (r == 0) return empty({0}, self.options());
  const Tensor places = arange(self.numel(), TensorOptions(kLong).device(self.device()));
  const std::vector<Tensor> grids = meshgrid(std::vector<Tensor>(static_cast<size_t>(r), places), "ij");
  // Rising places, one of each set.
  Tensor kept = ones_like(grids[0], TensorOptions(kBool));
  for (size_t i = 0; i + 1 < grids.size(); ++i) {
    kept = logical_and(kept, with_replacement ? le(grids[i], grids[i + 1]) : lt(grids[i], grids[i + 1]));
  }
  std::vector<Tensor> columns;
  for (const Tensor& grid : grids) columns.push_back(self.index_select(0, masked_select(grid, kept)));
  return stack(columns, 1);
}

std::vector<Tensor> meshgrid(TensorList tensors, optional<std::string_view> indexing) {
  check_not_empty("meshgrid", tensors);
  const std::string_view order = indexing.value_or("ij");
  TENON_CHECK(order == "ij" || order == "xy", "meshgrid: indexing must be 'ij' or 'xy', got '", order, "'");
  DimVector sizes;
  for (const Tensor& tensor : tensors) {
    TENON_CHECK(tensor.dim() <= 1, "meshgrid: Expected 0D or 1D tensor in the tensor list but got shape ",
                tensor.sizes());
    TENON_CHECK(tensor.dtype() == tensors[0].dtype(), "meshgrid: expects all tensors to have the same dtype, got ",
                tensors[0].dtype(), " and ", tensor.dtype());
    sizes.push_back(tensor.numel());
  }
  // For 'xy' the first two tensors trade dims.
  const bool swaps = order == "xy" && tensors.size() >= 2;
  if (swaps) std::swap(sizes[0], sizes[1]);
  std::vector<Tensor> grids;
  for (size_t i = 0; i < tensors.size(); ++i) {
    DimVector shape(sizes.size(), 1);
    shape[swaps && i < 2 ? 1 - i : i] = tensors[i].numel();
    grids.push_back(expand(reshape(tensors[i], shape), sizes, false));
  }
  return grids;
}

Tensor cartesian_prod(TensorList tensors) {
  check_not_empty("cartesian_prod", tensors);
  for (const Tensor& tensor : tensors) {
    TENON_CHECK(tensor.dim() == 1, "cartesian_prod: Expect a 1D vector, but got shape ", tensor.sizes());
  }
  if (tensors.size() == 1) return tensors[0];
  std::vector<Tensor> columns = meshgrid(tensors, "ij");
  for (Tensor& column : columns) column = flatten(column, 0, -1);
  return stack(columns, 1);
}

}  // namespace tenon
