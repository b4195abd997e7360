// Ops under the names of PyTorch's own building blocks; all made of other ops, which bring the gradients.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "ops/edit.h"
#include "ops/elementwise.h"
#include "ops/promotion.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// The mean and the reciprocal deviation of each row; of half types in float.
std::pair<Tensor, Tensor> row_statistics(const Tensor& rows, double eps) {
  const Tensor x = to_dtype(rows, compute_dtype(rows.dtype()));
  const Tensor average = x.mean(-1, true);
  return {average, rsqrt((x - average).square().mean(-1, true) + eps)};
}

// What PyTorch returns statistics in: the input's dtype, or the weight's where that is wider.
ScalarType statistics_dtype(const Tensor& input, const optional<Tensor>& weight) {
  return weight ? promote_types(input.dtype(), weight->dtype()) : input.dtype();
}

// Statistics that PyTorch gives no gradient.
Tensor plain_statistics(const Tensor& statistics, IntArrayRef sizes, ScalarType dtype) {
  return to_dtype(statistics.detach(), dtype).reshape(sizes);
}

ThreeTensors batch_norm_with_statistics(const Tensor& input, const optional<Tensor>& weight,
                                        const optional<Tensor>& bias, const optional<Tensor>& running_mean,
                                        const optional<Tensor>& running_var, bool training, double momentum,
                                        double eps) {
  const Tensor out = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps);
  const ScalarType dtype = statistics_dtype(input, weight);
  const TensorOptions options = input.options().dtype(dtype);
  if (!training) return {out, empty({0}, options), empty({0}, options)};
  const auto [average, rstd] = row_statistics(input.detach().transpose(0, 1).flatten(1), eps);
  return {out, plain_statistics(average, {-1}, dtype), plain_statistics(rstd, {-1}, dtype)};
}

}  // namespace

ThreeTensors native_layer_norm(const Tensor& input, IntArrayRef normalized_shape, const optional<Tensor>& weight,
                               const optional<Tensor>& bias, double eps) {
  const Tensor out = layer_norm(input, normalized_shape, weight, bias, eps);
  const size_t lead = input.sizes().size() - normalized_shape.size();
  DimVector sizes(input.sizes().size(), 1);
  for (size_t d = 0; d < lead; ++d) sizes[d] = input.sizes()[d];
  const auto [average, rstd] = row_statistics(input.detach().flatten(static_cast<int64_t>(lead)), eps);
  const ScalarType dtype = statistics_dtype(input, weight);
  return {out, plain_statistics(average, sizes, dtype), plain_statistics(rstd, sizes, dtype)};
}

ThreeTensors native_group_norm(const Tensor& input, const optional<Tensor>& weight, const optional<Tensor>& bias,
                               int64_t N, int64_t C, int64_t HxW, int64_t group, double eps) {
  TENON_CHECK(input.dim() >= 2 && input.size(0) == N && input.size(1) == C &&
                  input.numel() == checked_mul(N * C, HxW, "native_group_norm"),
              "native_group_norm: input of shape ", input.sizes(), " does not have N=", N, ", C=", C, " and HxW=", HxW);
  const Tensor out = group_norm(input, group, weight, bias, eps);
  const auto [average, rstd] = row_statistics(input.reshape({N * group, C / group * HxW}), eps);
  const ScalarType dtype = statistics_dtype(input, weight);
  return {out, to_dtype(average, dtype).reshape({N, group}), to_dtype(rstd, dtype).reshape({N, group})};
}

ThreeTensors native_batch_norm(const Tensor& input, const optional<Tensor>& weight, const optional<Tensor>& bias,
                               const optional<Tensor>& running_mean, const optional<Tensor>& running_var, bool training,
                               double momentum, double eps) {
  return batch_norm_with_statistics(input, weight, bias, running_mean, running_var, training, momentum, eps);
}

ThreeTensors _native_batch_norm_legit(const Tensor& input, const optional<Tensor>& weight, const optional<Tensor>& bias,
                                      const Tensor& running_mean, const Tensor& running_var, bool training,
                                      double momentum, double eps) {
  return batch_norm_with_statistics(input, weight, bias, running_mean, running_var, training, momentum, eps);
}

ThreeTensors _native_batch_norm_legit(const Tensor& input, const optional<Tensor>& weight, const optional<Tensor>& bias,
                                      bool training, double momentum, double eps) {
  return batch_norm_with_statistics(input, weight, bias, nullopt, nullopt, training, momentum, eps);
}

FourTensors _batch_norm_with_update(const Tensor& input, const optional<Tensor>& weight, const optional<Tensor>& bias,
                                    const Tensor& running_mean, const Tensor& running_var, double momentum,
                                    double eps) {
  const auto [out, average, rstd] =
      batch_norm_with_statistics(input, weight, bias, running_mean, running_var, true, momentum, eps);
  return {out, average, rstd, empty({0}, TensorOptions(kByte).device(input.device()))};
}

TwoTensors native_dropout(const Tensor& input, double p, optional<bool> train) {
  TENON_CHECK(p >= 0 && p <= 1, "native_dropout: dropout probability has to be between 0 and 1, but got ", p);
  if (!train.value_or(true) || input.numel() == 0) return {input.clone(), ones_like(input, TensorOptions(kBool))};
  if (p == 1) return {input * 0, zeros_like(input, TensorOptions(kBool))};
  const Tensor mask = empty_like(input, TensorOptions(kBool)).bernoulli_(1 - p);
  return {input * mask * (1 / (1 - p)), mask};
}

Tensor native_dropout_backward(const Tensor& grad_output, const Tensor& mask, double scale) {
  return grad_output * mask * scale;
}

Tensor _softmax_backward_data(const Tensor& grad_output, const Tensor& output, int64_t dim, ScalarType input_dtype) {
  const Tensor y = to_dtype(output, compute_dtype(output.dtype()));
  const Tensor weighted = to_dtype(grad_output, y.dtype()) * y;
  return to_dtype(weighted - y * weighted.sum({dim}, true), input_dtype);
}

namespace {

// The indices brought into self's dims.
std::vector<Tensor> bounded(const char* op, const Tensor& self, TensorList indices) {
  TENON_CHECK(static_cast<int64_t>(indices.size()) <= self.dim(), op, ": too many indices, ", indices.size(),
              ", for a tensor of shape ", self.sizes());
  std::vector<Tensor> result;
  for (size_t d = 0; d < indices.size(); ++d) {
    check_index_dtype(op, indices[d]);
    const int64_t size = self.sizes()[d];
    result.push_back(indices[d].clamp(-size, size - 1));
  }
  return result;
}

}  // namespace

Tensor _unsafe_masked_index(const Tensor& self, const Tensor& mask, TensorList indices, const Scalar& fill) {
  constexpr const char* kOp = "_unsafe_masked_index";
  TENON_CHECK(mask.dtype() == kBool, kOp, ": mask must be bool, got ", mask.dtype());
  if (self.numel() == 0) {
    const std::vector<Tensor> places = broadcast_tensors(indices);
    DimVector sizes = places.empty() ? DimVector() : DimVector(places[0].sizes());
    for (size_t d = indices.size(); d < self.sizes().size(); ++d) sizes.push_back(self.sizes()[d]);
    return full(sizes, fill, self.options());
  }
  const std::vector<Tensor> places = bounded(kOp, self, indices);
  return index_get(self, places).masked_fill(mask.logical_not(), fill);
}

Tensor _unsafe_masked_index_put_accumulate(const Tensor& self, const Tensor& mask, TensorList indices,
                                           const Tensor& values) {
  constexpr const char* kOp = "_unsafe_masked_index_put_accumulate";
  TENON_CHECK(mask.dtype() == kBool, kOp, ": mask must be bool, got ", mask.dtype());
  if (self.numel() == 0) return self.clone();
  const std::vector<Tensor> places = bounded(kOp, self, indices);
  return index_put(self, places, values.masked_fill(mask.logical_not(), Scalar(0)), true);
}

Tensor _chunk_cat(TensorList tensors, int64_t dim, int64_t num_chunks) {
  constexpr const char* kOp = "_chunk_cat";
  TENON_CHECK(!tensors.empty(), kOp, ": expects a non-empty input tensor list");
  TENON_CHECK(num_chunks >= 1, kOp, ": expects positive num_chunks, got ", num_chunks);
  const int64_t d = wrap_dim(dim, tensors[0].dim(), kOp);
  std::vector<Tensor> rows;
  for (const Tensor& tensor : tensors) {
    TENON_CHECK(tensor.dim() > d && tensor.numel() > 0, kOp, ": expects non-empty tensors of more than ", d,
                " dims, got shape ", tensor.sizes());
    TENON_CHECK(tensor.sizes().slice(0, static_cast<size_t>(d)) == tensors[0].sizes().slice(0, static_cast<size_t>(d)),
                kOp, ": expects same sizes of 0,...,dim-1 dimensions for all tensors, got shapes ", tensors[0].sizes(),
                " and ", tensor.sizes());
    const int64_t length = tensor.size(d), chunk = (length - 1) / num_chunks + 1;
    DimVector missing = tensor.impl()->sizes;
    missing[static_cast<size_t>(d)] = checked_mul(chunk, num_chunks, kOp) - length;
    const Tensor whole = cat({tensor, zeros(missing, tensor.options())}, d);
    DimVector sizes = tensor.sizes().slice(0, static_cast<size_t>(d));
    sizes.push_back(num_chunks);
    sizes.push_back(-1);
    rows.push_back(whole.reshape(sizes));
  }
  return cat(rows, d + 1);
}

// --- segments

Tensor segment_reduce(const Tensor& data, std::string_view reduce, const optional<Tensor>& lengths,
                      const optional<Tensor>& indices, const optional<Tensor>& offsets, int64_t axis, bool unsafe,
                      const optional<Scalar>& initial) {
  constexpr const char* kOp = "segment_reduce";
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  struct Reduction {
    std::string_view name, scattered;
    double identity;
  };
  constexpr Reduction kReductions[] = {{"sum", "sum", 0},
                                       {"mean", "sum", 0},
                                       {"max", "amax", -kInfinity},
                                       {"min", "amin", kInfinity},
                                       {"prod", "prod", 1}};
  const auto* found = std::find_if(std::begin(kReductions), std::end(kReductions),
                                   [&](const Reduction& r) { return r.name == reduce; });
  TENON_CHECK(found != std::end(kReductions), kOp, ": reduce must be sum, mean, max, min or prod, got ", reduce);
  TENON_CHECK(!indices, kOp, ": currently only supports lengths or offsets as segment descriptors, got indices");
  TENON_CHECK(lengths.has_value() != offsets.has_value(), kOp, ": expects one of lengths and offsets");
  TENON_CHECK(data.is_floating_point(), kOp, ": not implemented for ", data.dtype(), " tensors");
  const int64_t d = wrap_dim(axis, data.dim(), kOp);
  const Tensor cut = (lengths ? *lengths : *offsets).to(kLong);
  TENON_CHECK(cut.dim() == d + 1 &&
                  cut.sizes().slice(0, static_cast<size_t>(d)) == data.sizes().slice(0, static_cast<size_t>(d)),
              kOp, ": lengths or offsets of data of shape ", data.sizes(), " along axis ", d,
              " must have its dims up to the axis, got shape ", cut.sizes());
  Tensor each = lengths ? cut : diff(cut, 1, -1, nullopt, nullopt);
  TENON_CHECK(!each.lt(0).any().item<bool>(), kOp, ": lengths contains negative value");
  const Tensor ends = each.cumsum(-1);
  TENON_CHECK(unsafe || each.numel() == 0 || !ends.select(-1, -1).ne(data.size(d)).any().item<bool>(), kOp,
              ": Expected all rows of lengths along axis to sum to data.size(axis), ", data.size(d));
  // The segment of each element along the axis: how many segments end at or before it.
  const int64_t segments = each.size(-1), length = data.size(d);
  DimVector place_sizes = data.sizes().slice(0, static_cast<size_t>(d));
  place_sizes.push_back(length);
  const Tensor position = arange(length, cut.options()).expand(place_sizes).contiguous();
  Tensor segment = segments == 0 || length == 0 ? zeros(place_sizes, cut.options())
                                                : searchsorted(ends.contiguous(), position, false, true);
  DimVector sizes = data.impl()->sizes;
  sizes[static_cast<size_t>(d)] = segments;
  // Elements after the last segment, which `unsafe` lets be, go to one more segment that is dropped.
  DimVector more = sizes;
  more[static_cast<size_t>(d)] = segments + 1;
  for (int64_t k = d + 1; k < data.dim(); ++k) segment = segment.unsqueeze(-1);
  const Scalar start = initial ? *initial : Scalar(found->identity);
  Tensor result = full(more, start, data.options())
                      .scatter_reduce(d, segment.expand(data.sizes()), data, found->scattered, true)
                      .narrow(d, 0, segments);
  if (reduce != "mean") return result;
  for (int64_t k = d + 1; k < data.dim(); ++k) each = each.unsqueeze(-1);
  // The mean of nothing is what it starts from, or no number.
  const Tensor means = result / each.clamp_min(1).to(data.dtype());
  return initial ? means : means.masked_fill(each.eq(0), Scalar(std::numeric_limits<double>::quiet_NaN()));
}

// --- rrelu

Tensor rrelu(const Tensor& self, double lower, double upper, bool training, const optional<Generator>& generator) {
  TENON_CHECK_AS(NotImplementedError, self.is_floating_point(), "rrelu: not implemented for ", self.dtype(),
                 " tensors");
  TENON_CHECK(lower <= upper && std::isfinite(lower) && std::isfinite(upper), "rrelu: lower ", lower, " and upper ",
              upper, " must be finite, and lower not larger");
  if (!training) return leaky_relu(self, (lower + upper) / 2);
  Tensor slope;
  {
    // One number is drawn for each element that is not positive, in their order.
    NoGradGuard no_grad;
    const Tensor below = self.le(0);
    const Tensor drawn =
        empty({below.sum().item<int64_t>()}, self.options().dtype(kDouble)).uniform_(lower, upper, generator);
    slope = ones(self.sizes(), self.options()).masked_scatter_(below, drawn.to(self.dtype()));
  }
  return self * slope;
}

const Tensor& rrelu_(const Tensor& self, double lower, double upper, bool training,
                     const optional<Generator>& generator) {
  return replace_inplace("rrelu_", self, [&](const Tensor& x) { return rrelu(x, lower, upper, training, generator); });
}

}  // namespace tenon
