// The largest and smallest elements: of all, over dims, and along one dim with their indices.
#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/elementwise.h"
#include "ops/reduction.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

Tensor extreme_over(const char* op, Reduction reduction, const Tensor& self, IntArrayRef dim, bool keepdim) {
  check_real(op, self);
  ReducedDims dims(self, dim, op);
  if (self.numel() == 0) {
    TENON_CHECK(!dim.empty(), op,
                "(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                "reduction dim with the 'dim' argument.");
    for (int64_t d : dims.dims) check_not_empty(op, self, d);
  }
  Tensor out = reduce(op, reduction, self, dims, keepdim, self.dtype(), self.dtype());
  return record(op, out, &self, {&self, &out}, [dims](const BackwardContext& ctx) -> Grads {
    return {share_among_equals(ctx.grad(), ctx.saved(0), ctx.saved(1), dims)};
  });
}

// Where the extreme along a dim is, and its value if asked for; both with the dim kept, not recorded.
struct Extreme {
  Extreme(const char* op, bool is_max, const Tensor& self, int64_t dim, const ReducedDims& dims, bool with_values) {
    check_real(op, self);
    check_not_empty(op, self, dim);
    if (with_values) values = make_tensor(dims.kept, self.dtype(), self.device(), op);
    indices = make_tensor(dims.kept, kLong, self.device(), op);
    if (self.numel() == 0) return;
    kernels_of<&Backend::reduction>(self.device(), op)
        .extreme_along(is_max,
                       with_values ? view_of(values) : TensorView{nullptr, self.dtype(), dims.kept, indices.strides()},
                       view_of(indices), view_of(self), dim);
  }

  Tensor values, indices;
};

ValuesIndices extreme_along(const char* op, bool is_max, const Tensor& self, int64_t dim, bool keepdim) {
  const int64_t d = wrap_dim(dim, self.dim(), op);
  const ReducedDims dims(self, d, op);
  const Extreme extreme(op, is_max, self, d, dims, true);
  Tensor values = shaped(extreme.values, dims, keepdim);
  values = record(op, values, &self, &extreme.indices,
                  [d, kept = dims.kept, sizes = self.impl()->sizes](const BackwardContext& ctx) -> Grads {
                    return {scatter_picked(broadcastable(ctx.grad(), kept), d, ctx.saved(0), sizes)};
                  });
  return {values, shaped(extreme.indices, dims, keepdim)};
}

Tensor arg_extreme(const char* op, bool is_max, const Tensor& self, optional<int64_t> dim, bool keepdim) {
  if (!dim) {
    TENON_CHECK_INDEX(self.numel() > 0, op, "(): Expected reduction dim to be specified for input.numel() == 0.");
    NoGradGuard no_grad;
    const Tensor flat = self.reshape({-1});
    const Extreme extreme(op, is_max, flat, 0, ReducedDims(flat, 0, op), false);
    return extreme.indices.reshape(keepdim ? DimVector(self.sizes().size(), 1) : DimVector());
  }
  const int64_t d = wrap_dim(*dim, self.dim(), op);
  const ReducedDims dims(self, d, op);
  return shaped(Extreme(op, is_max, self, d, dims, false).indices, dims, keepdim);
}

}  // namespace

Tensor max(const Tensor& self) { return extreme_over("max", Reduction::Max, self, {}, false); }
Tensor min(const Tensor& self) { return extreme_over("min", Reduction::Min, self, {}, false); }
Tensor max(const Tensor& self, const Tensor& other) { return maximum(self, other); }
Tensor min(const Tensor& self, const Tensor& other) { return minimum(self, other); }
ValuesIndices max(const Tensor& self, int64_t dim, bool keepdim) {
  return extreme_along("max", true, self, dim, keepdim);
}
ValuesIndices min(const Tensor& self, int64_t dim, bool keepdim) {
  return extreme_along("min", false, self, dim, keepdim);
}

Tensor amax(const Tensor& self, IntArrayRef dim, bool keepdim) {
  return extreme_over("amax", Reduction::Max, self, dim, keepdim);
}
Tensor amin(const Tensor& self, IntArrayRef dim, bool keepdim) {
  return extreme_over("amin", Reduction::Min, self, dim, keepdim);
}

TwoTensors aminmax(const Tensor& self, optional<int64_t> dim, bool keepdim) {
  if (dim) return {amin(self, *dim, keepdim), amax(self, *dim, keepdim)};
  TENON_CHECK(self.numel() > 0,
              "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
  return {amin(self, {}, keepdim), amax(self, {}, keepdim)};
}

Tensor argmax(const Tensor& self, optional<int64_t> dim, bool keepdim) {
  return arg_extreme("argmax", true, self, dim, keepdim);
}
Tensor argmin(const Tensor& self, optional<int64_t> dim, bool keepdim) {
  return arg_extreme("argmin", false, self, dim, keepdim);
}

}  // namespace tenon
