// Where values fall among sorted boundaries, and how many fall where.
#include <algorithm>
#include <cmath>

#include "ops/reduction.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// The number of elements of each row of `sorted` [..., n] that come before each of `values` [..., m]: a binary search
// of all of them at once.
Tensor lower_places(const Tensor& sorted, const Tensor& values, bool right) {
  NoGradGuard no_grad;
  const int64_t n = sorted.size(-1);
  Tensor low = zeros(values.sizes(), TensorOptions(kLong).device(values.device()));
  if (n == 0 || values.numel() == 0) return low;
  Tensor high = full_like(low, n);
  for (int64_t width = n; width > 0; width /= 2) {
    const Tensor middle = floor_divide(low + high, 2);
    const Tensor at = sorted.gather(-1, middle.clamp_max(n - 1));
    // NaN comes after every number.
    Tensor before = right ? logical_not(at.gt(values)) : at.lt(values);
    if (is_floating_point(sorted.dtype())) {
      before =
          right ? before & (logical_not(isnan(at)) | isnan(values)) : before | (isnan(values) & logical_not(isnan(at)));
    }
    const Tensor open = low.lt(high);
    low = where(open & before, middle + 1, low);
    high = where(open & logical_not(before), middle, high);
  }
  return low;
}

bool searches_right(bool right, optional<std::string_view> side) {
  TENON_CHECK(!side || *side == "left" || *side == "right", "searchsorted: side can only be 'left' or 'right' but got ",
              *side);
  TENON_CHECK(!side || !right || *side == "right",
              "searchsorted: side and right can't be set to opposites, got side of ", *side, " while right was True");
  return right || (side && *side == "right");
}

Tensor search(const char* op, const Tensor& sequence, const Tensor& values, bool out_int32, bool right) {
  check_real(op, sequence);
  check_real(op, values);
  TENON_CHECK(sequence.dim() > 0, op, ": the boundaries must have at least one dim");
  const ScalarType common = promote_types(sequence.dtype(), values.dtype());
  const Tensor sorted = sequence.to(common), wanted = values.to(common);
  Tensor out;
  if (sorted.dim() == 1) {
    out = lower_places(sorted, wanted.reshape({-1}), right).reshape(values.sizes());
  } else {
    TENON_CHECK(sorted.sizes().slice(0, sorted.sizes().size() - 1) ==
                        values.sizes().slice(0, values.dim() > 0 ? values.sizes().size() - 1 : 0) &&
                    sorted.dim() == values.dim(),
                op,
                ": boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input "
                "value tensor must match, got ",
                sequence.sizes(), " and ", values.sizes());
    out = lower_places(sorted, wanted, right);
  }
  return out_int32 ? out.to(kInt) : out;
}

}  // namespace

Tensor searchsorted(const Tensor& sorted_sequence, const Tensor& self, bool out_int32, bool right,
                    optional<std::string_view> side, const optional<Tensor>& sorter) {
  const bool is_right = searches_right(right, side);
  if (!sorter) return search("searchsorted", sorted_sequence, self, out_int32, is_right);
  TENON_CHECK(sorter->sizes() == sorted_sequence.sizes() && sorter->dtype() == kLong,
              "searchsorted: sorter must be an int64 "
              "tensor of the boundaries' shape ",
              sorted_sequence.sizes(), ", got ", sorter->dtype(), " of shape ", sorter->sizes());
  return search("searchsorted", sorted_sequence.gather(-1, *sorter), self, out_int32, is_right);
}

Tensor searchsorted(const Tensor& sorted_sequence, const Scalar& self, bool out_int32, bool right,
                    optional<std::string_view> side, const optional<Tensor>& sorter) {
  TENON_CHECK(sorted_sequence.dim() == 1,
              "searchsorted: input value can be a scalar only when boundaries tensor dimension is 1, got shape ",
              sorted_sequence.sizes());
  return searchsorted(sorted_sequence, scalar_tensor(self, TensorOptions().device(sorted_sequence.device())), out_int32,
                      right, side, sorter);
}

Tensor bucketize(const Tensor& self, const Tensor& boundaries, bool out_int32, bool right) {
  TENON_CHECK(boundaries.dim() == 1, "bucketize: boundaries tensor must be 1 dimension, but got dim(", boundaries.dim(),
              ")");
  return search("bucketize", boundaries, self, out_int32, right);
}

Tensor bincount(const Tensor& self, const optional<Tensor>& weights, int64_t minlength) {
  TENON_CHECK_AS(NotImplementedError, is_integral(self.dtype(), false), "bincount: not implemented for ", self.dtype(),
                 " tensors; it takes integers");
  TENON_CHECK(minlength >= 0, "bincount: minlength should be >= 0, got ", minlength);
  NoGradGuard no_grad;
  TENON_CHECK(self.dim() == 1 && (self.numel() == 0 || min(self).item<int64_t>() >= 0),
              "bincount only supports 1-d non-negative integral inputs.");
  TENON_CHECK(!weights || weights->sizes() == self.sizes(),
              "bincount: weights should be 1-d and have the same length as input, got ", weights->sizes(), " and ",
              self.sizes());
  const Tensor index = self.to(kLong);
  const int64_t largest = self.numel() == 0 ? -1 : max(self).item<int64_t>();
  const int64_t length = std::max(minlength, checked_add(largest, 1, "bincount"));
  const ScalarType dtype = !weights ? kLong : weights->dtype() == kFloat ? kFloat : kDouble;
  const Tensor values = weights ? weights->to(dtype) : ones_like(index);
  return zeros({length}, TensorOptions(dtype).device(self.device())).index_add_(0, index, values);
}

Tensor histc(const Tensor& self, int64_t bins, const Scalar& min, const Scalar& max) {
  TENON_CHECK_AS(NotImplementedError, self.is_floating_point(), "histc: not implemented for ", self.dtype(),
                 " tensors; it takes floating-point ones");
  TENON_CHECK(bins > 0, "histc: bins must be > 0, but got ", bins);
  NoGradGuard no_grad;
  double low = min.to_double(), high = max.to_double();
  if (low == high && self.numel() > 0) {
    low = tenon::min(self).item<double>();
    high = tenon::max(self).item<double>();
  }
  if (low == high) {
    low -= 1;
    high += 1;
  }
  TENON_CHECK(std::isfinite(low) && std::isfinite(high), "histc: range of [", low, ", ", high, "] is not finite");
  TENON_CHECK(low < high, "histc: max must be larger than min, got ", low, " and ", high);
  const Tensor inside = self.masked_select(self.ge(low) & self.le(high));
  const Tensor bin =
      ((inside - low) * Scalar(static_cast<double>(bins)) / Scalar(high - low)).to(kLong).clamp_max(bins - 1);
  return zeros({bins}, self.options()).index_add_(0, bin, ones_like(inside));
}

}  // namespace tenon
