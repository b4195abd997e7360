// Making differentiable views.
#pragma once

#include "autograd/record.h"
#include "tensor/make.h"

namespace tenon {

// One more than the last element that a layout reaches in its storage, or `offset` where it has no elements. Throws,
// naming `op`, unless it is a layout whose addresses and those of its views can be computed in 64 bits.
int64_t checked_end(const char* op, IntArrayRef sizes, IntArrayRef strides, int64_t offset);

// Whether two indices of the layout may be the same element.
bool may_overlap(IntArrayRef sizes, IntArrayRef strides);

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
