// The copies of what views show, and tensors with a part replaced or filled.
#include <algorithm>

#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

Tensor copied(const Tensor& view) { return clone(view, MemoryFormat::Contiguous); }

std::vector<Tensor> copied(std::vector<Tensor> views) {
  for (Tensor& view : views) view = copied(view);
  return views;
}

}  // namespace

#define TENON_DEF(...)
#define TENON_AND(...) __VA_OPT__(, ) __VA_ARGS__
#define TENON_VIEW_COPY(name, ret, params, args) \
  ret name##_copy(const Tensor& self TENON_AND params) { return copied(name(self TENON_AND args)); }
#include "tenon/table/structured.inc"

Tensor narrow_copy(const Tensor& self, int64_t dim, int64_t start, int64_t length) {
  TENON_CHECK(dim < std::max<int64_t>(self.dim(), 1), "narrow_copy: dim ", dim, " must be below ", self.dim());
  return copied(narrow(self, dim, start, length));
}

Tensor fill(const Tensor& self, const Scalar& value) { return fill_(clone(self, MemoryFormat::Preserve), value); }
Tensor fill(const Tensor& self, const Tensor& value) { return fill_(clone(self, MemoryFormat::Preserve), value); }

const Tensor& fill_diagonal_(const Tensor& self, const Scalar& fill_value, bool wrap) {
  TENON_CHECK(self.dim() >= 2, "fill_diagonal_: dimensions must be larger than 1, got shape ", self.sizes());
  int64_t stride = 0;
  for (size_t d = 0; d < self.sizes().size(); ++d) {
    TENON_CHECK(self.dim() == 2 || self.sizes()[d] == self.sizes()[0],
                "fill_diagonal_: all dimensions of input must be of equal length, got shape ", self.sizes());
    stride = checked_add(stride, self.strides()[d], "fill_diagonal_");
  }
  const int64_t length = *std::min_element(self.sizes().begin(), self.sizes().end());
  fill_(as_strided(self, {length}, {stride}, self.storage_offset()), fill_value);
  if (!wrap || self.dim() != 2 || self.size(0) <= self.size(1) + 1) return self;
  // A diagonal begins again below each block of columns and the row after it.
  const int64_t columns = self.size(1);
  for (int64_t row = columns + 1; row < self.size(0); row += columns + 1) {
    const int64_t rest = std::min(columns, self.size(0) - row);
    fill_(diagonal(self.narrow(0, row, rest), 0, 0, 1), fill_value);
  }
  return self;
}

const Tensor& resize_as_(const Tensor& self, const Tensor& the_template) { return resize_(self, the_template.sizes()); }

}  // namespace tenon
