// Gather and the scatter family: one index for each element. Depends on the backend's index kernels.
#include <algorithm>
#include <limits>

#include "ops/edit.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

size_t dims_of(const Tensor& tensor) { return std::max<size_t>(tensor.sizes().size(), 1); }
int64_t size_of(const Tensor& tensor, size_t d) { return tensor.dim() == 0 ? 1 : tensor.sizes()[d]; }

// Throws unless `index` has as many dims as self and fits into it apart from dim d.
void check_index_fits(const char* op, const Tensor& self, int64_t dim, const Tensor& index) {
  TENON_CHECK(dims_of(index) == dims_of(self), op,
              ": Index tensor must have the same number of dimensions as self, got index of shape ", index.sizes(),
              " for self of shape ", self.sizes());
  for (size_t d = 0; d < dims_of(self); ++d) {
    TENON_CHECK(static_cast<int64_t>(d) == dim || size_of(index, d) <= size_of(self, d), op,
                ": Size does not match at dimension ", d, " expected index ", index.sizes(),
                " to be no larger than self ", self.sizes(), " apart from dimension ", dim);
  }
}

void check_src_covers(const char* op, const Tensor& index, const Tensor& src) {
  TENON_CHECK(dims_of(src) == dims_of(index), op,
              ": Index tensor must have the same number of dimensions as src, got index of shape ", index.sizes(),
              " and src of shape ", src.sizes());
  for (size_t d = 0; d < dims_of(src); ++d) {
    TENON_CHECK(size_of(index, d) <= size_of(src, d), op, ": Expected index ", index.sizes(),
                " to be no larger size than src ", src.sizes());
  }
}

int64_t checked_scatter_dim(const char* op, const Tensor& self, int64_t dim, const Tensor& index) {
  TENON_CHECK(index.defined(), op, ": index is an undefined tensor");
  const int64_t d = wrap_dim(dim, self.dim(), op);
  check_same_device(op, self, index, "index");
  // An empty index may be of any kind: it names nothing.
  if (index.numel() > 0) {
    check_index_dtype(op, index);
    check_index_fits(op, self, d, index);
  }
  return d;
}

int64_t checked_scatter_dim(const char* op, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  const int64_t d = checked_scatter_dim(op, self, dim, index);
  check_same_dtype(op, self, src, "src");
  check_same_device(op, self, src, "src");
  if (index.numel() > 0) check_src_covers(op, index, src);
  return d;
}

void run_scatter(const char* op, const Tensor& out, int64_t d, const Tensor& index, const Tensor& src,
                 ScatterMode mode) {
  if (index.numel() == 0) return;
  const Tensor places = apart_from(index, out), values = apart_from(src, out);
  index_kernels(out, op).scatter(view_with_dim(out), d, view_with_dim(places), view_with_dim(values), mode);
}

void run_scatter(const char* op, const Tensor& out, int64_t d, const Tensor& index, const Scalar& value,
                 ScatterMode mode) {
  if (index.numel() == 0) return;
  const Tensor places = apart_from(index, out);
  index_kernels(out, op).scatter(view_with_dim(out), d, view_with_dim(places), value, mode);
}

// What src's elements receive: those that index covers from `grad`, the others nothing.
Tensor gather_for_src(const Tensor& grad, int64_t d, const Tensor& index, IntArrayRef sizes) {
  Tensor covered = index.numel() == 0 ? Tensor() : grad.gather(d, index);
  if (covered.defined() && covered.sizes() == sizes) return covered;
  Tensor result = zeros(sizes, grad.options());
  if (!covered.defined()) return result;
  Tensor part = result;
  for (int64_t i = 0; i < covered.dim(); ++i) part = part.narrow(i, 0, covered.size(i));
  part.copy_(covered);
  return result;
}

Tensor scatter_src(Place place, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  const int64_t d = checked_scatter_dim("scatter", self, dim, index, src);
  return edit(
      "scatter", place, self, {&self, &src}, &index,
      [&](const Tensor& out) { run_scatter("scatter", out, d, index, src, ScatterMode::Assign); },
      [d, sizes = src.impl()->sizes](const BackwardContext& ctx) -> Grads {
        const Tensor at = ctx.saved(0);
        return {ctx.needs(0) ? ctx.grad().scatter(d, at, Scalar(0)) : Tensor(),
                ctx.needs(1) ? gather_for_src(ctx.grad(), d, at, sizes) : Tensor()};
      });
}

Tensor scatter_added(Place place, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  const int64_t d = checked_scatter_dim("scatter_add", self, dim, index, src);
  return edit(
      "scatter_add", place, self, {&self, &src}, &index,
      [&](const Tensor& out) { run_scatter("scatter_add", out, d, index, src, ScatterMode::Add); },
      [d, sizes = src.impl()->sizes](const BackwardContext& ctx) -> Grads {
        return {ctx.grad(), ctx.needs(1) ? gather_for_src(ctx.grad(), d, ctx.saved(0), sizes) : Tensor()};
      });
}

Tensor scatter_value(Place place, const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value,
                     ScatterMode mode) {
  const int64_t d = checked_scatter_dim("scatter", self, dim, index);
  check_holds("scatter", value, self.dtype());
  return edit(
      "scatter", place, self, &self, &index,
      [&](const Tensor& out) { run_scatter("scatter", out, d, index, value, mode); },
      [d, value, mode](const BackwardContext& ctx) -> Grads {
        switch (mode) {
          case ScatterMode::Assign: return {ctx.grad().scatter(d, ctx.saved(0), Scalar(0))};
          case ScatterMode::Multiply: return {scatter_value(Place::Copy, ctx.grad(), d, ctx.saved(0), value, mode)};
          default: return {ctx.grad()};
        }
      });
}

// Whether scatter's reduce multiplies; the only other one adds.
bool multiplies(std::string_view reduce) {
  TENON_CHECK(reduce == "add" || reduce == "multiply", "scatter: reduce argument must be either add or multiply, got '",
              reduce, "'");
  return reduce == "multiply";
}

ScatterMode mode_of(optional<std::string_view> reduce) {
  return !reduce ? ScatterMode::Assign : multiplies(*reduce) ? ScatterMode::Multiply : ScatterMode::Add;
}

// --- scatter_reduce

enum class Fold { Sum, Prod, Mean, Max, Min };

Fold parse_fold(std::string_view reduce) {
  constexpr std::pair<std::string_view, Fold> kFolds[] = {
      {"sum", Fold::Sum}, {"prod", Fold::Prod}, {"mean", Fold::Mean}, {"amax", Fold::Max}, {"amin", Fold::Min}};
  for (const auto& [name, fold] : kFolds) {
    if (name == reduce) return fold;
  }
  TENON_CHECK(false, "scatter_reduce: reduce argument must be either sum, prod, mean, amax or amin, got ", reduce);
  return Fold::Sum;
}

ScatterMode mode_of(Fold fold) {
  switch (fold) {
    case Fold::Prod: return ScatterMode::Multiply;
    case Fold::Max: return ScatterMode::Max;
    case Fold::Min: return ScatterMode::Min;
    default: return ScatterMode::Add;
  }
}

// The value that leaves what is folded with it as it is.
Scalar neutral(Fold fold, ScalarType dtype) {
  if (fold == Fold::Sum || fold == Fold::Mean) return 0;
  if (fold == Fold::Prod) return 1;
  return visit_dtype(dtype, [&](auto zero) -> Scalar {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) {
      return fold == Fold::Max ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
    } else {
      const double infinity = std::numeric_limits<double>::infinity();
      return fold == Fold::Max ? -infinity : infinity;
    }
  });
}

// How many elements meet in each of self's; one where there are none.
Tensor fold_counts(const Tensor& self, int64_t d, const Tensor& index, const Tensor& src, bool include_self) {
  NoGradGuard no_grad;
  Tensor counts = include_self ? ones_like(self) : zeros_like(self);
  counts.scatter_add_(d, index, ones_like(src));
  return counts.masked_fill_(counts.eq(0), Scalar(1));
}

// The gradients of self and src of a product. Elements of src that are the only zero of their product receive the
// product of the others.
Grads product_grads(const Tensor& grad, const Tensor& self, int64_t d, const Tensor& index, const Tensor& src,
                    const Tensor& result, bool include_self) {
  const Tensor safe_self = self.masked_fill(self.eq(0), Scalar(1));
  const Tensor grad_self = grad * safe_self.scatter_reduce(d, index, src, "prod", include_self) / safe_self;
  const Tensor is_zero = src.eq(0);
  const Tensor zero_count = zeros_like(self).scatter_add_(d, index, is_zero.to(self.dtype())).gather(d, index);
  const Tensor only_zero = is_zero & zero_count.eq(1);
  const Tensor others = self.scatter_reduce(d, index, src.masked_fill(only_zero, Scalar(1)), "prod", include_self);
  const Tensor grad_src = where(only_zero, (grad * others).gather(d, index),
                                (grad * result).gather(d, index) / src.masked_fill(is_zero, Scalar(1)));
  return {grad_self, grad_src};
}

// Elements that equal the extreme share its gradient evenly.
Grads extreme_grads(const Tensor& grad, const Tensor& self, int64_t d, const Tensor& index, const Tensor& src,
                    const Tensor& result) {
  const Tensor self_won = self.eq(result).to(grad.dtype());
  const Tensor src_won = src.eq(result.gather(d, index)).to(grad.dtype());
  const Tensor share = grad / self_won.scatter_add(d, index, src_won);
  return {self_won * share, src_won * share.gather(d, index)};
}

Grads scatter_reduce_grads(Fold fold, const Tensor& grad, const Tensor& self, int64_t d, const Tensor& index,
                           const Tensor& src, const Tensor& result, bool include_self) {
  Grads grads;
  switch (fold) {
    case Fold::Sum:
      grads = {grad, grad.gather(d, index)};
      break;
    case Fold::Mean: {
      const Tensor share = grad / fold_counts(self, d, index, src, include_self);
      grads = {share, share.gather(d, index)};
      break;
    }
    case Fold::Prod:
      grads = product_grads(grad, self, d, index, src, result, include_self);
      break;
    default:
      grads = extreme_grads(grad, self, d, index, src, result);
  }
  if (!include_self) grads[0] = grads[0].scatter(d, index, Scalar(0));
  return grads;
}

}  // namespace

Tensor gather(const Tensor& self, int64_t dim, const Tensor& index, bool /*sparse_grad*/) {
  const int64_t d = checked_scatter_dim("gather", self, dim, index);
  Tensor out = make_tensor(index.sizes(), self.dtype(), self.device(), "gather");
  if (index.numel() > 0) {
    index_kernels(self, "gather").gather(view_with_dim(out), view_with_dim(self), d, view_with_dim(index));
  }
  return record("gather", out, &self, &index, [d, sizes = self.impl()->sizes](const BackwardContext& ctx) -> Grads {
    return {zeros(sizes, ctx.grad().options()).scatter_add_(d, ctx.saved(0), ctx.grad())};
  });
}

Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
               optional<std::string_view> reduce) {
  if (!reduce) return scatter_src(Place::Copy, self, dim, index, src);
  return multiplies(*reduce) ? scatter_reduce(self, dim, index, src, "prod", true) : scatter_add(self, dim, index, src);
}
Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value,
               optional<std::string_view> reduce) {
  return scatter_value(Place::Copy, self, dim, index, value, mode_of(reduce));
}
const Tensor& scatter_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
                       optional<std::string_view> reduce) {
  if (reduce) {
    return multiplies(*reduce) ? scatter_reduce_(self, dim, index, src, "prod", true)
                               : scatter_add_(self, dim, index, src);
  }
  scatter_src(Place::Self, self, dim, index, src);
  return self;
}
const Tensor& scatter_(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value,
                       optional<std::string_view> reduce) {
  scatter_value(Place::Self, self, dim, index, value, mode_of(reduce));
  return self;
}

Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return scatter_added(Place::Copy, self, dim, index, src);
}
const Tensor& scatter_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  scatter_added(Place::Self, self, dim, index, src);
  return self;
}

Tensor scatter_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce,
                      bool include_self) {
  const Fold fold = parse_fold(reduce);
  const int64_t d = checked_scatter_dim("scatter_reduce", self, dim, index, src);
  TENON_CHECK(!self.is_complex() || (fold != Fold::Max && fold != Fold::Min),
              "scatter_reduce: amax and amin are not defined for complex tensors");
  if (index.numel() == 0) return self.clone();
  Tensor out;
  {
    NoGradGuard no_grad;
    out = self.clone();
    if (!include_self) run_scatter("scatter_reduce", out, d, index, neutral(fold, self.dtype()), ScatterMode::Assign);
    run_scatter("scatter_reduce", out, d, index, src, mode_of(fold));
    if (fold == Fold::Mean) {
      const Tensor counts = fold_counts(self, d, index, src, include_self);
      if (is_integral(self.dtype(), true)) {
        out.div_(counts, "floor");
      } else {
        out.div_(counts);
      }
    }
  }
  return record("scatter_reduce", out, {&self, &src}, {&self, &index, &src, &out},
                [fold, d, include_self](const BackwardContext& ctx) -> Grads {
                  // The formulas take as many elements of src as index has.
                  const Tensor self = ctx.saved(0), index = atleast_1d(ctx.saved(1)), src = ctx.saved(2);
                  Tensor covered = atleast_1d(src);
                  for (int64_t i = 0; i < index.dim(); ++i) covered = covered.narrow(i, 0, index.size(i));
                  Grads grads = scatter_reduce_grads(fold, atleast_1d(ctx.grad()), atleast_1d(self), d, index, covered,
                                                     atleast_1d(ctx.saved(3)), include_self);
                  grads[0] = grads[0].reshape(self.sizes());
                  if (covered.numel() == src.numel()) {
                    grads[1] = grads[1].reshape(src.sizes());
                  } else {
                    Tensor whole = zeros_like(src), part = whole;
                    for (int64_t i = 0; i < index.dim(); ++i) part = part.narrow(i, 0, index.size(i));
                    part.copy_(grads[1]);
                    grads[1] = whole;
                  }
                  return grads;
                });
}

const Tensor& scatter_reduce_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
                              std::string_view reduce, bool include_self) {
  return replace_inplace("scatter_reduce_", self,
                         [&](const Tensor& x) { return scatter_reduce(x, dim, index, src, reduce, include_self); });
}

Tensor index_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, std::string_view reduce,
                    bool include_self) {
  constexpr const char* kOp = "index_reduce";
  const int64_t d = wrap_dim(dim, self.dim(), kOp);
  TENON_CHECK(reduce == "prod" || reduce == "mean" || reduce == "amax" || reduce == "amin", kOp,
              ": expected reduce to be one of prod, mean, amax or amin but got ", reduce);
  check_index_dtype(kOp, index);
  check_same_dtype(kOp, self, source, "source");
  check_same_device(kOp, self, source, "source");
  TENON_CHECK_INDEX(index.dim() <= 1, kOp, ": Index is supposed to be a vector, got shape ", index.sizes());
  TENON_CHECK(dims_of(source) == dims_of(self), kOp, ": source must have as many dims as self, got shape ",
              source.sizes(), " for self of shape ", self.sizes());
  DimVector along(dims_of(self), 1), sizes(dims_of(self), 1);
  for (size_t k = 0; k < sizes.size(); ++k) {
    const bool indexed = static_cast<int64_t>(k) == d;
    sizes[k] = indexed ? index.numel() : size_of(self, k);
    along[k] = indexed ? index.numel() : 1;
    TENON_CHECK(size_of(source, k) == sizes[k], kOp, ": source of shape ", source.sizes(),
                " does not fit self of shape ", self.sizes(), " and ", index.numel(), " indices of dim ", d);
  }
  return scatter_reduce(self, d, index.reshape(along).expand(sizes), source.reshape(sizes), reduce, include_self);
}

const Tensor& index_reduce_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                            std::string_view reduce, bool include_self) {
  return replace_inplace("index_reduce_", self,
                         [&](const Tensor& x) { return index_reduce(x, dim, index, source, reduce, include_self); });
}

Tensor take_along_dim(const Tensor& self, const Tensor& indices, optional<int64_t> dim) {
  TENON_CHECK(indices.dtype() == kLong || indices.dtype() == kInt,
              "take_along_dim: indices must be int64 or int32, got ", indices.dtype());
  if (!dim) return take_along_dim(reshape(self, {-1}), reshape(indices, {-1}), 0);
  const auto d = static_cast<size_t>(wrap_dim(*dim, self.dim(), "take_along_dim"));
  TENON_CHECK(self.dim() == indices.dim(),
              "take_along_dim: input and indices should have the same number of dimensions, but got ", self.dim(),
              " and ", indices.dim());
  if (self.dim() == 0) return gather(self, 0, indices, false);
  DimVector own = self.impl()->sizes, wanted = indices.impl()->sizes;
  const int64_t length = own[d], count = wanted[d];
  own[d] = wanted[d] = 1;
  DimVector common = broadcast_shapes(own, wanted, "take_along_dim");
  common[d] = length;
  const Tensor source = expand(self, common, false);
  common[d] = count;
  // Negative indices count from the end; those still negative are out of range.
  const Tensor places = where(indices.lt(0), indices + length, indices);
  return gather(source, static_cast<int64_t>(d), expand(places, common, false), false);
}

}  // namespace tenon
