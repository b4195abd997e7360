// Making differentiable views.
#pragma once

#include "autograd/record.h"
#include "tensor/make.h"

namespace tenon {

// A view of `self` with another layout: it shares memory and version, and edits of it reach self's graph.
Tensor make_view(const Tensor& self, IntArrayRef sizes, IntArrayRef strides, int64_t offset);

// The same, recorded with its gradient.
template <class F>
Tensor record_view(const char* name, const Tensor& self, IntArrayRef sizes, IntArrayRef strides, int64_t offset,
                   F&& backward) {
  return record(name, make_view(self, sizes, strides, offset), &self, {}, std::forward<F>(backward));
}

// The strides by which `self`'s memory can be seen with `sizes` (of equal numel), if there are any.
optional<DimVector> view_strides(const Tensor& self, IntArrayRef sizes);

}  // namespace tenon
