// Diagonals and triangles of matrices.
#include <algorithm>

#include "ops/view.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {

Tensor diagonal(const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2) {
  const auto a = static_cast<size_t>(wrap_dim(dim1, self.dim(), "diagonal"));
  const auto b = static_cast<size_t>(wrap_dim(dim2, self.dim(), "diagonal"));
  TENON_CHECK(a != b, "diagonal: diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  DimVector sizes = self.impl()->sizes, strides = self.impl()->strides;
  const int64_t length =
      std::max<int64_t>(0, offset >= 0 ? std::min(sizes[a], sizes[b] - offset) : std::min(sizes[a] + offset, sizes[b]));
  int64_t start = self.storage_offset();
  if (length > 0) start += offset >= 0 ? offset * strides[b] : -offset * strides[a];
  const int64_t stride = checked_add(strides[a], strides[b], "diagonal");
  for (size_t d : {std::max(a, b), std::min(a, b)}) {
    sizes.erase(d);
    strides.erase(d);
  }
  sizes.push_back(length);
  strides.push_back(stride);
  return record_view("diagonal", self, sizes, strides, start,
                     [shape = self.impl()->sizes, offset, dim1, dim2](const BackwardContext& ctx) -> Grads {
                       Tensor grad = zeros(shape, ctx.grad().options());
                       grad.diagonal(offset, dim1, dim2).copy_(ctx.grad());
                       return {grad};
                     });
}

Tensor diag_embed(const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2) {
  const int64_t ndim = self.dim() + 1;
  TENON_CHECK(self.dim() > 0, "diag_embed: the tensor must have at least 1 dim");
  const int64_t a = wrap_dim(dim1, ndim, "diag_embed"), b = wrap_dim(dim2, ndim, "diag_embed");
  TENON_CHECK(a != b, "diag_embed: diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  const int64_t away = offset < 0 ? checked_mul(offset, -1, "diag_embed") : offset;
  const int64_t side = checked_add(self.size(-1), away, "diag_embed");
  DimVector sizes = self.impl()->sizes;
  sizes.pop_back();
  sizes.insert(static_cast<size_t>(std::min(a, b)), side);
  sizes.insert(static_cast<size_t>(std::max(a, b)), side);
  Tensor out = zeros(sizes, self.options());
  {
    NoGradGuard no_grad;
    out.diagonal(offset, a, b).copy_(self);
  }
  return record("diag_embed", out, &self, {},
                [offset, a, b](const BackwardContext& ctx) -> Grads { return {ctx.grad().diagonal(offset, a, b)}; });
}

Tensor diag(const Tensor& self, int64_t diagonal) {
  TENON_CHECK(self.dim() == 1 || self.dim() == 2, "diag: Supports 1D or 2D tensors. Got ", self.dim(), "D");
  if (self.dim() == 1) return diag_embed(self, diagonal, 0, 1);
  return clone(tenon::diagonal(self, diagonal, 0, 1), MemoryFormat::Contiguous);
}

Tensor diagflat(const Tensor& self, int64_t offset) { return diag_embed(reshape(self, {-1}), offset, 0, 1); }

namespace {

enum class Triangle { Lower, Upper };

// Where the matrices of self are outside the triangle.
Tensor outside(const char* op, Triangle triangle, const Tensor& self, int64_t diagonal) {
  TENON_CHECK(self.dim() >= 2, op, ": input tensor must have at least 2 dimensions, got shape ", self.sizes());
  NoGradGuard no_grad;
  const TensorOptions options = TensorOptions(kLong).device(self.device());
  const Tensor rows = arange(self.size(-2), options), cols = arange(self.size(-1), options);
  const Tensor above = cols - rows.unsqueeze(1);
  return triangle == Triangle::Lower ? above.gt(diagonal) : above.lt(diagonal);
}

// How many elements of a matrix with row * col < 2^63 lie on or below a diagonal.
int64_t lower_count(int64_t row, int64_t col, int64_t offset) {
  if (row == 0 || col == 0 || offset < -row) return 0;
  offset = std::min(offset, col - 1);
  const int64_t begin = std::max<int64_t>(0, -offset);
  // Rows from begin on have width elements, then one more each, until they have col.
  const int64_t rows = row - begin, width = begin + offset + 1, growing = std::min(rows, col - width);
  const int64_t pairs = growing % 2 == 0 ? growing / 2 * (growing - 1) : (growing - 1) / 2 * growing;
  return growing * width + pairs + (rows - growing) * col;
}

Tensor triangle_indices(const char* op, Triangle triangle, int64_t row, int64_t col, int64_t offset,
                        const TensorOptions& options) {
  TENON_CHECK(row >= 0 && col >= 0, op, ": row and col must be non-negative, got ", row, " and ", col);
  const ScalarType dtype = options.dtype_opt().value_or(kLong);
  TENON_CHECK(dtype == kLong || dtype == kInt, op, ": dtype must be int64 or int32, got ", dtype);
  checked_numel({row, col}, op);
  offset = std::clamp(offset, -row, col);
  // Row i of the triangle has the columns from first(i) to before last(i).
  const bool lower = triangle == Triangle::Lower;
  auto first = [&](int64_t i) { return lower ? 0 : std::clamp<int64_t>(i + offset, 0, col); };
  auto last = [&](int64_t i) { return lower ? std::clamp<int64_t>(i + offset + 1, 0, col) : col; };
  const int64_t count = lower ? lower_count(row, col, offset) : row * col - lower_count(row, col, offset - 1);
  Tensor out = make_tensor({2, count}, kLong, Device(kCPU), op);
  int64_t* rows = out.data_ptr<int64_t>();
  int64_t* cols = rows + count;
  const int64_t* end = cols;
  for (int64_t i = lower ? std::max<int64_t>(0, -offset) : 0; rows != end; ++i) {
    for (int64_t j = first(i); j < last(i); ++j) {
      *rows++ = i;
      *cols++ = j;
    }
  }
  out = out.to(options.device(), dtype);
  return options.requires_grad() ? out.requires_grad_() : out;
}

}  // namespace

Tensor tril(const Tensor& self, int64_t diagonal) {
  return masked_fill(self, outside("tril", Triangle::Lower, self, diagonal), Scalar(0));
}
Tensor triu(const Tensor& self, int64_t diagonal) {
  return masked_fill(self, outside("triu", Triangle::Upper, self, diagonal), Scalar(0));
}
const Tensor& tril_(const Tensor& self, int64_t diagonal) {
  return masked_fill_(self, outside("tril_", Triangle::Lower, self, diagonal), Scalar(0));
}
const Tensor& triu_(const Tensor& self, int64_t diagonal) {
  return masked_fill_(self, outside("triu_", Triangle::Upper, self, diagonal), Scalar(0));
}

Tensor tril_indices(int64_t row, int64_t col, int64_t offset, const TensorOptions& options) {
  return triangle_indices("tril_indices", Triangle::Lower, row, col, offset, options);
}
Tensor triu_indices(int64_t row, int64_t col, int64_t offset, const TensorOptions& options) {
  return triangle_indices("triu_indices", Triangle::Upper, row, col, offset, options);
}

}  // namespace tenon
