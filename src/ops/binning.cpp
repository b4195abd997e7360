// Where values fall among sorted boundaries, and how many fall where.
#include <algorithm>
#include <cmath>

#include "autograd/record.h"
#include "ops/reduction.h"
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

// --- histograms

void check_floats(const char* op, const Tensor& self) {
  TENON_CHECK_AS(NotImplementedError, self.dtype() == kFloat || self.dtype() == kDouble, op, ": not implemented for ",
                 self.dtype(), " tensors; it takes float32 and float64");
}

std::vector<const Tensor*> pointers_to(TensorList tensors) {
  std::vector<const Tensor*> pointers;
  for (const Tensor& tensor : tensors) pointers.push_back(&tensor);
  return pointers;
}

// The least and the greatest element, or what is given; never equal.
std::pair<double, double> histogram_range(const char* op, const Tensor& column, optional<FloatArrayRef> range,
                                          size_t d) {
  double low = 0, high = 1;
  if (range) {
    low = (*range)[2 * d];
    high = (*range)[2 * d + 1];
  } else if (column.numel() > 0) {
    low = min(column).item<double>();
    high = max(column).item<double>();
  }
  TENON_CHECK(std::isfinite(low) && std::isfinite(high), op, ": dimension ", d, "'s range [", low, ", ", high,
              "] is not finite");
  TENON_CHECK(low <= high, op, ": min should not exceed max, but got min ", low, " max ", high, " for dimension ", d);
  return low == high ? std::pair(low - 0.5, high + 0.5) : std::pair(low, high);
}

// The bin of each value between edges, or -1; the last bin holds its upper edge.
Tensor bins_of(const Tensor& values, const Tensor& edges) {
  const int64_t bins = edges.numel() - 1;
  const Tensor place = searchsorted(edges, values, false, true) - 1;
  const Tensor inside = values.ge(edges.select(0, 0)) & values.le(edges.select(0, -1));
  return where(inside, place.clamp_max(bins - 1), Scalar(-1));
}

// The histogram of rows of coordinates over a grid of edges.
Tensor histogram_of(const char* op, const Tensor& rows, TensorList edges, const optional<Tensor>& weight,
                    bool density) {
  NoGradGuard no_grad;
  DimVector sizes;
  int64_t cells = 1;
  Tensor cell = zeros({rows.size(0)}, TensorOptions(kLong).device(rows.device())), inside = cell.eq(0);
  for (size_t d = 0; d < edges.size(); ++d) {
    TENON_CHECK(edges[d].dim() == 1 && edges[d].numel() > 1, op,
                ": bins must be 1-d tensors of at least two edges, got ", "shape ", edges[d].sizes());
    TENON_CHECK(edges[d].dtype() == rows.dtype(), op,
                ": input tensor and bins tensors should have the same dtype, got ", rows.dtype(), " and ",
                edges[d].dtype());
    sizes.push_back(edges[d].numel() - 1);
    cells = checked_mul(cells, sizes[d], op);
    const Tensor bin = bins_of(rows.select(1, static_cast<int64_t>(d)).contiguous(), edges[d].contiguous());
    inside = inside & bin.ge(0);
    cell = cell * sizes[d] + bin;
  }
  const Tensor values = weight ? weight->reshape({-1}) : ones({rows.size(0)}, rows.options());
  Tensor counts = zeros({cells}, rows.options());
  counts.index_add_(0, cell.masked_select(inside), values.masked_select(inside));
  counts = counts.reshape(sizes);
  if (!density) return counts;
  counts = counts / counts.sum();
  for (size_t d = 0; d < edges.size(); ++d) {
    DimVector along(edges.size(), 1);
    along[d] = -1;
    counts = counts / diff(edges[d], 1, 0, nullopt, nullopt).reshape(along);
  }
  return counts;
}

void check_weight(const char* op, const optional<Tensor>& weight, const Tensor& self, IntArrayRef sizes) {
  if (!weight) return;
  TENON_CHECK(weight->sizes() == sizes, op, ": if weight tensor is provided it should have the shape ", sizes,
              " of what is counted, got ", weight->sizes());
  TENON_CHECK(weight->dtype() == self.dtype(), op, ": if weight tensor is provided, input tensor and weight tensor ",
              "should have the same dtype, got ", self.dtype(), " and ", weight->dtype());
}

}  // namespace

TwoTensors histogram(const Tensor& self, const Tensor& bins, const optional<Tensor>& weight, bool density) {
  check_floats("histogram", self);
  check_weight("histogram", weight, self, self.sizes());
  const Tensor counts = histogram_of("histogram", self.reshape({-1, 1}), bins, weight, density);
  const Tensor edges = bins.detach().clone();
  const Tensor* outputs[] = {&counts, &edges};
  record_without_derivative("histogram", TensorPointers(outputs, 2), {&self, &bins, weight ? &*weight : nullptr});
  return {counts, edges};
}

TwoTensors histogram(const Tensor& self, int64_t bins, optional<FloatArrayRef> range, const optional<Tensor>& weight,
                     bool density) {
  check_floats("histogram", self);
  TENON_CHECK(!range || range->size() == 2, "histogram: range must have two entries, got ", range->size());
  const std::vector<Tensor> edges = _histogramdd_bin_edges(self.reshape({-1, 1}), bins, range);
  return histogram(self, edges[0], weight, density);
}

std::vector<Tensor> _histogramdd_bin_edges(const Tensor& self, IntArrayRef bins, optional<FloatArrayRef> range) {
  constexpr const char* kOp = "histogramdd";
  check_floats(kOp, self);
  TENON_CHECK(self.dim() >= 2, kOp, ": input tensor should have at least 2 dimensions, but got ", self.dim());
  const Tensor rows = self.reshape({-1, self.size(-1)});
  TENON_CHECK(static_cast<int64_t>(bins.size()) == rows.size(1), kOp, ": The size of bins must be equal to the ",
              "innermost dimension of the input ", rows.size(1), ", got ", bins.size());
  TENON_CHECK(!range || range->size() == 2 * bins.size(), kOp, ": range should have ", 2 * bins.size(),
              " elements if specified, got ", range->size());
  std::vector<Tensor> edges;
  for (size_t d = 0; d < bins.size(); ++d) {
    TENON_CHECK(bins[d] > 0, kOp, ": bins must be > 0, but got ", bins[d], " for dimension ", d);
    const auto [low, high] = histogram_range(kOp, rows.select(1, static_cast<int64_t>(d)), range, d);
    edges.push_back(linspace(low, high, checked_add(bins[d], 1, kOp), self.options()));
  }
  record_without_derivative(kOp, pointers_to(edges), &self);
  return edges;
}

Tensor _histogramdd_from_bin_tensors(const Tensor& self, TensorList bins, const optional<Tensor>& weight,
                                     bool density) {
  constexpr const char* kOp = "histogramdd";
  check_floats(kOp, self);
  TENON_CHECK(self.dim() >= 2, kOp, ": input tensor should have at least 2 dimensions, but got ", self.dim());
  TENON_CHECK(static_cast<int64_t>(bins.size()) == self.size(-1), kOp, ": The size of bins must be equal to the ",
              "innermost dimension of the input ", self.size(-1), ", got ", bins.size());
  check_weight(kOp, weight, self, self.sizes().slice(0, self.sizes().size() - 1));
  std::vector<const Tensor*> inputs = pointers_to(bins);
  inputs.push_back(&self);
  if (weight) inputs.push_back(&*weight);
  return without_derivative(kOp, histogram_of(kOp, self.reshape({-1, self.size(-1)}), bins, weight, density), inputs);
}

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
  TENON_CHECK(self.dim() == 1 && (self.numel() == 0 || min(self).item<int64_t>() >= 0),
              "bincount only supports 1-d non-negative integral inputs.");
  TENON_CHECK(!weights || weights->sizes() == self.sizes(),
              "bincount: weights should be 1-d and have the same length as input, got ", weights->sizes(), " and ",
              self.sizes());
  const Tensor index = self.to(kLong);
  const int64_t largest = self.numel() == 0 ? -1 : max(self).item<int64_t>();
  const int64_t length = std::max(minlength, checked_add(largest, 1, "bincount"));
  const ScalarType dtype = !weights ? kLong : weights->dtype() == kFloat ? kFloat : kDouble;
  Tensor counts = zeros({length}, TensorOptions(dtype).device(self.device()));
  counts.index_add_(0, index, weights ? weights->detach().to(dtype) : ones_like(index));
  return without_derivative("bincount", counts, weights ? &*weights : nullptr);
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
