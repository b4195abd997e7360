// Sorts and the selections made of them: topk, kthvalue, medians, modes and quantiles.
#include <algorithm>
#include <compare>
#include <iterator>
#include <limits>
#include <utility>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/reduction.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

const SortKernels& sort_kernels(const Tensor& tensor, const char* op) {
  return kernels_of<&Backend::sort>(tensor.device(), op);
}

void check_sortable(const char* op, const Tensor& self) {
  TENON_CHECK(!self.is_complex(), op, ": Sort does not support complex dtypes, got ", self.dtype());
}

// Whether dim `a` lies within dim `b` by their strides, or the other way round, or neither is known.
std::partial_ordering compare_dims(const Tensor& self, size_t a, size_t b) {
  const int64_t stride_a = self.strides()[a], stride_b = self.strides()[b];
  if (stride_a == 0 || stride_b == 0) return std::partial_ordering::unordered;
  if (stride_a != stride_b) return stride_a <=> stride_b;
  return self.sizes()[a] > self.sizes()[b] ? std::partial_ordering::greater : std::partial_ordering::unordered;
}

// Fresh memory with self's sizes and the order of its dims, without the gaps and overlaps that it may have.
Tensor make_in_order(const Tensor& self, ScalarType dtype, const char* op) {
  if (self.is_non_overlapping_and_dense()) return make_like(self, dtype);
  SmallVec<size_t, 6> order;  // innermost first
  for (size_t d = self.sizes().size(); d-- > 0;) order.push_back(d);
  for (size_t i = 1; i < order.size(); ++i) {
    size_t moving = i;
    for (size_t j = i; j-- > 0;) {
      const std::partial_ordering found = compare_dims(self, order[j], order[moving]);
      if (found < 0) break;
      if (found > 0) std::swap(order[j], order[std::exchange(moving, j)]);
    }
  }
  DimVector strides(self.sizes().size());
  int64_t next = 1;
  for (const size_t d : order) {
    strides[d] = next;
    next *= std::max<int64_t>(self.sizes()[d], 1);
  }
  return make_tensor_strided(self.sizes(), strides, dtype, self.device(), op);
}

// What a selection of `count` elements from each row gives, `dim` in its place; not recorded. If `in_order`, the dims
// lie in memory as self's do.
struct Selected {
  template <class Run>
  Selected(const char* op, const Tensor& self, int64_t dim, int64_t count, bool in_order, const Run& run) {
    NoGradGuard no_grad;
    check_sortable(op, self);
    const Tensor rows = as_rows(self, dim);
    Tensor row_values = make_tensor({rows.size(0), count}, self.dtype(), self.device(), op);
    Tensor row_indices = make_tensor({rows.size(0), count}, kLong, self.device(), op);
    if (row_values.numel() > 0) run(view_of(row_values), view_of(row_indices), view_of(rows));
    const bool are_rows = dim + 1 >= self.dim() && (!in_order || self.is_contiguous());
    const auto placed = [&](const Tensor& found) {
      if (are_rows && rows.numel() > 0) return from_rows(found, self, dim);
      DimVector sizes = self.impl()->sizes;
      sizes[static_cast<size_t>(dim)] = count;
      const Tensor out =
          in_order ? make_in_order(self, found.dtype(), op) : make_tensor(sizes, found.dtype(), self.device(), op);
      if (out.numel() > 0) out.copy_(from_rows(found, self, dim));
      return out;
    };
    values = placed(row_values);
    indices = placed(row_indices);
  }

  Tensor values, indices;
};

// `values` recorded as self's elements at `indices` along `dim`, which both have.
Tensor record_picked(const char* op, Tensor values, const Tensor& self, int64_t dim, const Tensor& indices) {
  return record(op, std::move(values), &self, &indices,
                [dim, sizes = self.impl()->sizes](const BackwardContext& ctx) -> Grads {
                  return {scatter_picked(ctx.grad(), dim, ctx.saved(0), sizes)};
                });
}

// The elements of self at `indices`, which have `dim` kept; without it unless keepdim.
ValuesIndices pick(const char* op, const Tensor& self, int64_t dim, const Tensor& indices, bool keepdim) {
  Tensor values;
  {
    NoGradGuard no_grad;
    values = self.gather(dim, indices);
  }
  values = record_picked(op, values, self, dim, indices);
  if (keepdim || self.dim() == 0) return {values, indices};
  return {values.squeeze(dim), indices.squeeze(dim)};
}

Selected sorted_rows(const char* op, const Tensor& self, int64_t dim, bool descending) {
  return Selected(op, self, dim, self.dim() == 0 ? 1 : self.size(dim), true,
                  [&](const TensorView& values, const TensorView& indices, const TensorView& in) {
                    sort_kernels(self, op).sort(values, indices, in, descending);
                  });
}

Tensor kth_indices(const char* op, const Tensor& self, int64_t dim, int64_t k) {
  return Selected(op, self, dim, 1, false,
                  [&](const TensorView& values, const TensorView& indices, const TensorView& in) {
                    sort_kernels(self, op).kthvalue(values, indices, in, k);
                  })
      .indices;
}

// The place of the lower median along `dim`, which is kept. A NaN is the median of what holds one, unless ignored.
Tensor median_indices(const char* op, const Tensor& self, int64_t dim, bool ignores_nan) {
  NoGradGuard no_grad;
  const int64_t n = self.dim() == 0 ? 1 : self.size(dim);
  if (!self.is_floating_point()) return kth_indices(op, self, dim, (n + 1) / 2);
  // NaN sorts last, so the numbers of a row are the first ones.
  const Selected sorted = sorted_rows(op, self, dim, false);
  const Tensor numbers = sum(logical_not(isnan(self)), dim, true);
  Tensor place = floor_divide(numbers - 1, 2).clamp_min(0);
  if (!ignores_nan) place = where(numbers.eq(n), place, numbers);
  return sorted.indices.gather(dim, place);
}

ValuesIndices median_along(const char* op, const Tensor& self, int64_t dim, bool keepdim, bool ignores_nan) {
  const int64_t d = wrap_dim(dim, self.dim(), op);
  check_sortable(op, self);
  check_not_empty(op, self, d);
  return pick(op, self, d, median_indices(op, self, d, ignores_nan), keepdim);
}

Tensor median_of_all(const char* op, const Tensor& self, bool ignores_nan) {
  check_sortable(op, self);
  if (self.numel() == 0) return full({}, std::numeric_limits<double>::quiet_NaN(), self.options());
  Tensor out;
  {
    NoGradGuard no_grad;
    const Tensor flat = self.reshape({-1});
    out = flat.gather(0, median_indices(op, flat, 0, ignores_nan)).reshape({});
  }
  return record(op, out, &self, {&self, &out}, [op](const BackwardContext& ctx) -> Grads {
    const Tensor self = ctx.saved(0);
    return {share_among_equals(ctx.grad(), self, ctx.saved(1), ReducedDims(self, nullopt, op))};
  });
}

enum class Interpolation { Linear, Lower, Higher, Midpoint, Nearest };

Interpolation parse_interpolation(const char* op, std::string_view name) {
  constexpr std::string_view kNames[] = {"linear", "lower", "higher", "midpoint", "nearest"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Interpolation>(i);
  }
  detail::fail<TensorError>(op, "() interpolation must be one of linear, lower, higher, midpoint or nearest, but got ",
                            name);
}

// q's dim, if any, comes first in the result.
Tensor quantiles(const char* op, const Tensor& self, const Tensor& q, optional<int64_t> dim, bool keepdim,
                 std::string_view interpolation, bool ignores_nan) {
  const Interpolation way = parse_interpolation(op, interpolation);
  TENON_CHECK(self.numel() > 0, op, "() input tensor must be non-empty");
  TENON_CHECK(self.dtype() == kFloat || self.dtype() == kDouble, op,
              "() input tensor must be either float or double dtype, got ", self.dtype());
  TENON_CHECK(q.dim() <= 1, op, "() q must be a scalar or 1D tensor, got shape ", q.sizes());
  TENON_CHECK(q.dtype() == self.dtype(), op, "() q tensor must be same dtype as the input tensor, got ", q.dtype(),
              " and ", self.dtype());
  TENON_CHECK(all(q.ge(0) & q.le(1)).item<bool>(), op, "() q values must be in the range [0, 1]");
  const Tensor x = dim ? self : self.reshape({-1});
  const int64_t d = dim ? wrap_dim(*dim, self.dim(), op) : 0;
  const Tensor rows = x.dim() == 0 ? x.reshape({1}) : x.movedim(d, -1);
  const Tensor sorted = std::get<0>(rows.sort(-1));
  const Tensor numbers = sum(logical_not(isnan(rows)), -1, true).to(self.dtype());
  Tensor places = q.reshape({-1}) * (numbers - 1).clamp_min(0);
  // NaN sorts last: the last element of a row tells whether it holds one.
  if (!ignores_nan) places = where(numbers.lt(rows.size(-1)), Scalar(rows.size(-1) - 1), places);
  if (way == Interpolation::Lower) places = floor(places);
  if (way == Interpolation::Higher) places = ceil(places);
  if (way == Interpolation::Nearest) places = round(places);
  Tensor out = sorted.gather(-1, places.floor().to(kLong));
  if (way == Interpolation::Linear || way == Interpolation::Midpoint) {
    const Tensor weight = way == Interpolation::Midpoint ? full_like(places, 0.5) : places - places.floor();
    out = lerp(out, sorted.gather(-1, places.ceil().to(kLong)), weight);
  }
  out = q.dim() == 0 ? out.squeeze(-1) : out.movedim(-1, 0);
  if (!keepdim || self.dim() == 0) return out;
  const int64_t lead = q.dim();
  if (dim) return out.unsqueeze(d + lead);
  DimVector sizes(out.sizes());
  sizes.resize(sizes.size() + self.sizes().size(), 1);
  return out.reshape(sizes);
}

Tensor as_quantile(const Tensor& self, double q, const char* op) {
  TENON_CHECK(q >= 0 && q <= 1, op, "() q must be in the range [0, 1] but got ", q);
  return scalar_tensor(q, self.options());
}

}  // namespace

ValuesIndices sort(const Tensor& self, int64_t dim, bool descending) {
  const int64_t d = wrap_dim(dim, self.dim(), "sort");
  const Selected sorted = sorted_rows("sort", self, d, descending);
  return {record_picked("sort", sorted.values, self, d, sorted.indices), sorted.indices};
}
ValuesIndices sort(const Tensor& self, optional<bool>, int64_t dim, bool descending) {
  return sort(self, dim, descending);
}
Tensor argsort(const Tensor& self, int64_t dim, bool descending) {
  return sorted_rows("argsort", self, wrap_dim(dim, self.dim(), "argsort"), descending).indices;
}
Tensor argsort(const Tensor& self, bool, int64_t dim, bool descending) { return argsort(self, dim, descending); }
Tensor msort(const Tensor& self) { return std::get<0>(sort(self, int64_t{0}, false)); }

ValuesIndices topk(const Tensor& self, int64_t k, int64_t dim, bool largest, bool sorted) {
  const int64_t d = wrap_dim(dim, self.dim(), "topk");
  const int64_t n = self.dim() == 0 ? 1 : self.size(d);
  TENON_CHECK(k >= 0 && k <= n, "topk: selected index k out of range: k is ", k, ", dim ", d, " has size ", n);
  if (self.dim() == 0 && k == 0) return {empty({0}, self.options()), empty({0}, TensorOptions(kLong))};
  const Selected top("topk", self, d, k, false,
                     [&](const TensorView& values, const TensorView& indices, const TensorView& in) {
                       sort_kernels(self, "topk").topk(values, indices, in, largest, sorted);
                     });
  return {record_picked("topk", top.values, self, d, top.indices), top.indices};
}

ValuesIndices kthvalue(const Tensor& self, int64_t k, int64_t dim, bool keepdim) {
  const int64_t d = wrap_dim(dim, self.dim(), "kthvalue");
  check_not_empty("kthvalue", self, d);
  const int64_t n = self.dim() == 0 ? 1 : self.size(d);
  TENON_CHECK(k >= 1 && k <= n, "kthvalue(): selected number k out of range for dimension ", d, ": k is ", k,
              ", the dim has size ", n);
  return pick("kthvalue", self, d, kth_indices("kthvalue", self, d, k), keepdim);
}

Tensor median(const Tensor& self) { return median_of_all("median", self, false); }
Tensor nanmedian(const Tensor& self) { return median_of_all("nanmedian", self, true); }
ValuesIndices median(const Tensor& self, int64_t dim, bool keepdim) {
  return median_along("median", self, dim, keepdim, false);
}
ValuesIndices nanmedian(const Tensor& self, int64_t dim, bool keepdim) {
  return median_along("nanmedian", self, dim, keepdim, true);
}

ValuesIndices mode(const Tensor& self, int64_t dim, bool keepdim) {
  const int64_t d = wrap_dim(dim, self.dim(), "mode");
  check_sortable("mode", self);
  check_not_empty("mode", self, d);
  Tensor indices;
  {
    NoGradGuard no_grad;
    // In sorted order an element's run is as long as its distance from where the run began.
    const Selected sorted = sorted_rows("mode", self, d, false);
    if (self.dim() == 0) {
      indices = sorted.indices;
    } else {
      const int64_t n = self.size(d);
      DimVector along(self.sizes().size(), 1);
      along[static_cast<size_t>(d)] = n;
      const Tensor place = arange(n, TensorOptions(kLong).device(self.device())).reshape(along).expand(self.sizes());
      const Tensor same = sorted.values.narrow(d, 1, n - 1).eq(sorted.values.narrow(d, 0, n - 1));
      const Tensor starts = cat({zeros_like(place.narrow(d, 0, 1)), place.narrow(d, 1, n - 1).masked_fill(same, 0)}, d);
      const Tensor run = place - std::get<0>(starts.cummax(d));
      indices = sorted.indices.gather(d, run.argmax(d, true));
    }
  }
  return pick("mode", self, d, indices, keepdim);
}

Tensor quantile(const Tensor& self, const Tensor& q, optional<int64_t> dim, bool keepdim,
                std::string_view interpolation) {
  TENON_AUTOCAST(quantile, self, q, dim, keepdim, interpolation)
  return quantiles("quantile", self, q, dim, keepdim, interpolation, false);
}
Tensor quantile(const Tensor& self, double q, optional<int64_t> dim, bool keepdim, std::string_view interpolation) {
  TENON_AUTOCAST(quantile, self, q, dim, keepdim, interpolation)
  return quantiles("quantile", self, as_quantile(self, q, "quantile"), dim, keepdim, interpolation, false);
}
Tensor nanquantile(const Tensor& self, const Tensor& q, optional<int64_t> dim, bool keepdim,
                   std::string_view interpolation) {
  TENON_AUTOCAST(nanquantile, self, q, dim, keepdim, interpolation)
  return quantiles("nanquantile", self, q, dim, keepdim, interpolation, true);
}
Tensor nanquantile(const Tensor& self, double q, optional<int64_t> dim, bool keepdim, std::string_view interpolation) {
  TENON_AUTOCAST(nanquantile, self, q, dim, keepdim, interpolation)
  return quantiles("nanquantile", self, as_quantile(self, q, "nanquantile"), dim, keepdim, interpolation, true);
}

}  // namespace tenon
