// Sums and the other reductions over dims.
#include <algorithm>

#include "autograd/record.h"
#include "backend/backend.h"
#include "ops/promotion.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// The dims to reduce as flags; no list, and an empty list, mean all of them.
struct ReducedDims {
  ReducedDims(const Tensor& self, OptionalIntArrayRef dim, const char* op) : kept(self.impl()->sizes) {
    DimVector dims = dim ? wrap_dims(*dim, self.dim(), op) : DimVector();
    for (size_t d = 0; d < kept.size(); ++d) {
      const bool reduced = dims.empty() || std::count(dims.begin(), dims.end(), static_cast<int64_t>(d)) > 0;
      if (reduced) {
        kept[d] = 1;
      } else {
        dropped.push_back(kept[d]);
      }
    }
  }

  DimVector kept;     // the result's shape with keepdim
  DimVector dropped;  // and without
};

// The reduction as a plain tensor, not recorded.
Tensor reduce(const char* op, Reduction reduction, const Tensor& self, const ReducedDims& dims, bool keepdim,
              ScalarType compute, ScalarType result) {
  Tensor out = make_tensor(dims.kept, result, self.device(), op);
  const Backend& backend = backend_of(self);
  require(backend.reduction, backend, op).reduce(reduction, compute_dtype(compute), view_of(out), view_of(self));
  return keepdim ? out : make_alias(out, dims.dropped, contiguous_strides(dims.dropped), 0);
}

}  // namespace

Tensor sum(const Tensor& self, optional<ScalarType> dtype) { return sum(self, nullopt, false, dtype); }

Tensor sum(const Tensor& self, OptionalIntArrayRef dim, bool keepdim, optional<ScalarType> dtype) {
  const ScalarType result = dtype.value_or(is_integral(self.dtype(), true) ? kLong : self.dtype());
  ReducedDims dims(self, dim, "sum");
  Tensor out = reduce("sum", Reduction::Sum, self, dims, keepdim, result, result);
  return record("sum", out, &self, {}, [kept = dims.kept, sizes = self.impl()->sizes, from = self.dtype()](const BackwardContext& ctx) -> Grads {
    Tensor grad = ctx.grad().reshape(kept).expand(sizes);
    if (grad.is_complex() && !is_complex(from)) grad = real(grad);
    return {to_dtype(grad, from)};
  });
}

Tensor any(const Tensor& self) {
  return reduce("any", Reduction::Any, self, ReducedDims(self, nullopt, "any"), false, self.dtype(), kBool);
}

}  // namespace tenon
