// Pooling in one to three spatial dims. A mean is linear, so its gradient's gradient is a mean again; a maximum keeps
// where it was found, and everything else about it is gathering and scattering.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/spatial.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// How windows lie: sliding ones, or `cells` that divide each dim evenly.
struct Pooling {
  Pooling(const char* op, size_t dims) : op(op), dims(dims) {}

  const char* op;
  size_t dims;
  bool adaptive = false;
  DimVector kernel, stride, padding, dilation, cells;
  bool ceil_mode = false, count_include_pad = true;
  int64_t divisor = 0;

  // How far apart the first and last element of a window are, plus one.
  int64_t reach(size_t d) const { return checked_add(checked_mul(kernel[d] - 1, dilation[d], op), 1, op); }
};

Pooling sliding(const char* op, size_t dims, IntArrayRef kernel_size, IntArrayRef stride, IntArrayRef padding,
                IntArrayRef dilation, bool ceil_mode) {
  Pooling p(op, dims);
  p.kernel = per_dim(op, "kernel_size", kernel_size, dims, 1);
  p.stride = stride.empty() ? p.kernel : per_dim(op, "stride", stride, dims, 1);
  p.padding = per_dim(op, "padding", padding, dims, 0);
  p.dilation = per_dim(op, "dilation", dilation, dims, 1);
  p.ceil_mode = ceil_mode;
  for (size_t d = 0; d < dims; ++d) {
    TENON_CHECK(p.padding[d] <= p.reach(d) / 2, op, ": padding must be at most half of the window, got padding ",
                p.padding, " for kernel_size ", p.kernel, " with dilation ", p.dilation);
  }
  return p;
}

Pooling adaptive(const char* op, size_t dims, IntArrayRef output_size) {
  Pooling p(op, dims);
  p.adaptive = true;
  p.cells = per_dim(op, "output_size", output_size, dims, 0);
  return p;
}

// The number of windows along spatial dim d.
int64_t window_count(const Pooling& p, size_t d, int64_t in) {
  if (p.adaptive) return p.cells[d];
  const int64_t padded = checked_add(in, checked_mul(2, p.padding[d], p.op), p.op);
  int64_t room = padded - p.reach(d);
  if (p.ceil_mode) room = checked_add(room, p.stride[d] - 1, p.op);
  TENON_CHECK(room >= 0, p.op, ": a window of kernel_size ", p.kernel, " with dilation ", p.dilation,
              " does not fit a dim of size ", in, " padded by ", p.padding);
  const int64_t count = room / p.stride[d] + 1;
  // The last window must start inside the input or its left padding.
  const bool past_end = p.ceil_mode && count > 1 && (count - 1) * p.stride[d] >= in + p.padding[d];
  return past_end ? count - 1 : count;
}

void check_input(const Pooling& p, const Tensor& input, bool integers) {
  const auto dims = static_cast<int64_t>(p.dims);
  TENON_CHECK(input.dim() == dims + 1 || input.dim() == dims + 2, p.op, ": input must have ", dims + 1, " or ",
              dims + 2, " dims, got shape ", input.sizes());
  TENON_CHECK_TYPE(
      is_floating_point(input.dtype()) || (integers && !is_complex(input.dtype()) && input.dtype() != kBool), p.op,
      ": not implemented for dtype ", input.dtype());
  for (int64_t d = input.dim() - dims; d < input.dim(); ++d) {
    TENON_CHECK(input.size(d) > 0, p.op, ": spatial dims must not be empty, got shape ", input.sizes());
  }
}

void check_channels(const Pooling& p, const Tensor& input) {
  const bool may_be_empty = p.adaptive && input.dim() == static_cast<int64_t>(p.dims) + 1;
  TENON_CHECK(may_be_empty || input.size(-static_cast<int64_t>(p.dims) - 1) > 0, p.op,
              ": only the batch dim may be empty, got shape ", input.sizes());
}

DimVector output_sizes(const Pooling& p, IntArrayRef input) {
  DimVector sizes = input;
  const size_t lead = input.size() - p.dims;
  for (size_t d = 0; d < p.dims; ++d) sizes[lead + d] = window_count(p, d, input[lead + d]);
  return sizes;
}

// The windows of all dims, and the memory that a geometry borrows.
class Windows {
 public:
  Windows(const Pooling& p, IntArrayRef input, IntArrayRef output) {
    const size_t lead = input.size() - p.dims;
    geometry_.planes = checked_numel(input.slice(0, lead), p.op);
    geometry_.divisor = p.divisor;
    for (size_t slot = 0; slot < 3; ++slot) {
      PoolDim& dim = geometry_.dims[slot];
      Bounds& bounds = bounds_[slot];
      if (slot + p.dims < 3) {
        bounds = {{0}, {1}, {1}};
      } else {
        const size_t d = slot + p.dims - 3;
        dim.in = input[lead + d];
        dim.out = output[lead + d];
        if (p.adaptive) {
          divide(p, dim, bounds);
        } else {
          slide(p, d, dim, bounds);
        }
      }
      dim.start = bounds.start.data();
      dim.end = bounds.end.data();
      dim.extent = bounds.extent.data();
    }
  }
  Windows(const Windows&) = delete;
  Windows& operator=(const Windows&) = delete;

  const PoolGeometry& geometry() const { return geometry_; }

 private:
  struct Bounds {
    std::vector<int64_t> start, end, extent;
    void add(int64_t first, int64_t last, int64_t length) {
      start.push_back(first);
      end.push_back(last);
      extent.push_back(length);
    }
  };

  static void divide(const Pooling& p, const PoolDim& dim, Bounds& bounds) {
    checked_mul(dim.in, checked_add(dim.out, 1, p.op), p.op);
    for (int64_t i = 0; i < dim.out; ++i) {
      const int64_t first = i * dim.in / dim.out, last = ((i + 1) * dim.in + dim.out - 1) / dim.out;
      bounds.add(first, last, last - first);
    }
  }

  static void slide(const Pooling& p, size_t d, PoolDim& dim, Bounds& bounds) {
    const int64_t reach = p.reach(d), padding = p.padding[d], dilation = p.dilation[d];
    // One step beyond the input is as good as many.
    dim.step = std::min(dilation, dim.in);
    for (int64_t i = 0; i < dim.out; ++i) {
      int64_t first = i * p.stride[d] - padding;
      const int64_t stop = checked_add(first, reach, p.op), padded = std::min(stop, dim.in + padding) - first;
      if (first < 0) first = -first % dilation == 0 ? 0 : dilation - -first % dilation;
      const int64_t last = std::min(stop, dim.in);
      TENON_CHECK(first < last, p.op, ": a window of kernel_size ", p.kernel, " with dilation ", p.dilation,
                  " and padding ", p.padding, " holds no element of a dim of size ", dim.in);
      bounds.add(first, last, p.count_include_pad ? padded : last - first);
    }
  }

  PoolGeometry geometry_{};
  std::array<Bounds, 3> bounds_;
};

// Kernels take contiguous operands of float, double or int64.
Tensor plain(const Tensor& x) {
  const ScalarType dtype = !is_floating_point(x.dtype())          ? kLong
                           : is_reduced_floating_point(x.dtype()) ? kFloat
                                                                  : x.dtype();
  return to_dtype(x, dtype).contiguous();
}

Tensor mean(const Tensor& input, const Pooling& p);

// The gradient of a mean's input.
Tensor mean_gradient(const Tensor& grad, const DimVector& input_size, const Pooling& p) {
  Tensor result;
  {
    NoGradGuard no_grad;
    const Tensor gy = plain(grad);
    Tensor gx = make_tensor(input_size, gy.dtype(), gy.device(), p.op);
    if (gy.numel() == 0) {
      gx.zero_();
    } else {
      const Windows windows(p, input_size, grad.sizes());
      kernels_of<&Backend::pool>(gx.device(), p.op).mean_gradient(view_of(gx), view_of(gy), windows.geometry());
    }
    result = to_dtype(gx, grad.dtype());
  }
  return record("pool_mean_gradient", result, {&grad}, {},
                [p](const BackwardContext& ctx) -> Grads { return {mean(ctx.grad(), p)}; });
}

Tensor mean(const Tensor& input, const Pooling& p) {
  Tensor result;
  {
    NoGradGuard no_grad;
    const Tensor x = plain(input);
    Tensor y = make_tensor(output_sizes(p, input.sizes()), x.dtype(), x.device(), p.op);
    if (y.numel() > 0) {
      const Windows windows(p, x.sizes(), y.sizes());
      kernels_of<&Backend::pool>(x.device(), p.op).mean(view_of(y), view_of(x), windows.geometry());
    }
    result = to_dtype(y, input.dtype());
  }
  return record(p.op, result, {&input}, {}, [p, sizes = DimVector(input.sizes())](const BackwardContext& ctx) -> Grads {
    return {mean_gradient(ctx.grad(), sizes, p)};
  });
}

// [planes, elements of a plane].
DimVector by_plane(IntArrayRef sizes, size_t dims, const char* op) {
  const size_t lead = sizes.size() - dims;
  return {checked_numel(sizes.slice(0, lead), op), checked_numel(sizes.slice(lead), op)};
}

TwoTensors max(const Tensor& input, const Pooling& p) {
  check_input(p, input, true);
  check_channels(p, input);
  Tensor values, indices;
  {
    NoGradGuard no_grad;
    const Tensor x = plain(input);
    const DimVector sizes = output_sizes(p, input.sizes());
    Tensor y = make_tensor(sizes, x.dtype(), x.device(), p.op);
    indices = make_tensor(sizes, kLong, x.device(), p.op);
    if (y.numel() > 0) {
      const Windows windows(p, x.sizes(), sizes);
      kernels_of<&Backend::pool>(x.device(), p.op).max(view_of(y), view_of(indices), view_of(x), windows.geometry());
    }
    values = to_dtype(y, input.dtype());
  }
  record_all(p.op, {&values, &indices}, {&input}, {&indices},
             [op = p.op, dims = p.dims, sizes = DimVector(input.sizes())](const BackwardContext& ctx) -> Grads {
               const Tensor& grad = ctx.grad();
               const DimVector shape = by_plane(grad.sizes(), dims, op);
               Tensor planes = zeros(by_plane(sizes, dims, op), grad.options());
               return {planes.scatter_add(1, ctx.saved(0).reshape(shape), grad.reshape(shape)).reshape(sizes)};
             });
  return {values, indices};
}

Tensor average(const Tensor& input, Pooling p, bool count_include_pad, optional<int64_t> divisor_override) {
  check_input(p, input, !p.adaptive);
  // As PyTorch, whose means in fewer dims may have no channels.
  if (p.adaptive && p.dims == 3) check_channels(p, input);
  p.count_include_pad = count_include_pad;
  if (divisor_override) {
    TENON_CHECK(*divisor_override != 0, p.op, ": divisor_override must not be zero");
    p.divisor = *divisor_override;
  }
  int64_t elements = 1;
  for (int64_t length : p.kernel) elements = checked_mul(elements, length, p.op);
  return mean(input, p);
}

// The root of what the means of powers give, times the window's size.
Tensor power_mean(const Tensor& input, double norm_type, Pooling p) {
  double elements = 1;
  for (int64_t length : p.kernel) elements *= static_cast<double>(length);
  const Tensor means = average(pow(input, Scalar(norm_type)), std::move(p), true, nullopt);
  return pow(mul(mul(sign(means), relu(abs(means))), Scalar(elements)), Scalar(1 / norm_type));
}

Tensor unpool(const Tensor& input, const Tensor& indices, const Pooling& p, IntArrayRef output_size) {
  check_input(p, input, true);
  TENON_CHECK(indices.dtype() == kLong, p.op, ": indices must be int64, got ", indices.dtype());
  TENON_CHECK(indices.sizes() == input.sizes(), p.op, ": indices must have input's shape ", input.sizes(), ", got ",
              indices.sizes());
  TENON_CHECK(
      output_size.empty() || output_size.size() == p.dims || output_size.size() == static_cast<size_t>(input.dim()),
      p.op, ": output_size must have ", p.dims, " or ", input.dim(), " entries, got ", output_size);
  DimVector sizes = input.sizes();
  const size_t lead = sizes.size() - p.dims;
  for (size_t d = 0; d < p.dims; ++d) {
    const int64_t covered =
        checked_add(checked_mul(sizes[lead + d] - 1, p.stride[d], p.op), p.kernel[d], p.op) - 2 * p.padding[d];
    sizes[lead + d] = output_size.empty() ? covered : output_size[output_size.size() - p.dims + d];
    TENON_CHECK(
        sizes[lead + d] >= 0 && sizes[lead + d] > covered - p.stride[d] && sizes[lead + d] - p.stride[d] < covered,
        p.op, ": output_size ", output_size, " is not within one stride of the ", covered,
        " elements that the windows cover in dim ", lead + d);
  }
  const DimVector shape = by_plane(input.sizes(), p.dims, p.op);
  const Tensor planes = zeros(by_plane(sizes, p.dims, p.op), input.options());
  return planes.scatter(1, indices.reshape(shape), input.reshape(shape)).reshape(sizes);
}

}  // namespace

namespace {

// Where the windows of a dim begin, [N, C, cells]: evenly spread, shifted by a random number for each plane.
Tensor fractional_starts(const Tensor& samples, int64_t in, int64_t kernel, int64_t cells) {
  const Tensor last = full({samples.size(0), samples.size(1), 1}, Scalar(in - kernel), samples.options());
  if (cells == 1) return last.to(kLong);
  const Tensor spread = full({}, Scalar(in - kernel), samples.options()) / (cells - 1);
  const Tensor shift = samples.unsqueeze(-1);
  const Tensor cell = arange(cells - 1, samples.options());
  const Tensor first = ((cell + shift) * spread).to(kLong) - (shift * spread).to(kLong);
  return cat({first, last.to(kLong)}, -1);
}

TwoTensors fractional_max(const char* op, size_t dims, const Tensor& input, IntArrayRef kernel_size,
                          IntArrayRef output_size, const Tensor& random_samples) {
  const Pooling p = adaptive(op, dims, output_size);
  check_input(p, input, false);
  const DimVector kernel = per_dim(op, "kernel_size", kernel_size, dims, 1);
  const bool batched = input.dim() == static_cast<int64_t>(dims) + 2;
  const Tensor x = batched ? input : input.unsqueeze(0);
  const auto rank = static_cast<int64_t>(dims);
  TENON_CHECK(random_samples.dim() == 3 && random_samples.size(0) >= x.size(0) && random_samples.size(1) == x.size(1) &&
                  random_samples.size(2) == rank,
              op, ": expected _random_samples of shape [", x.size(0), " or more, ", x.size(1), ", ", rank, "], got ",
              random_samples.sizes());
  TENON_CHECK(random_samples.dtype() == input.dtype(), op, ": expected _random_samples of dtype ", input.dtype(),
              ", got ", random_samples.dtype());
  const Tensor drawn = random_samples.detach().narrow(0, 0, x.size(0));
  // Positions in a plane, [N, C, cells..., window...].
  Tensor places = zeros({x.size(0), x.size(1)}, TensorOptions(kLong).device(x.device()));
  for (size_t d = 0; d < 2 * dims; ++d) places = places.unsqueeze(-1);
  DimVector shape = x.sizes().slice(0, 2);
  int64_t window = 1;
  for (size_t d = 0; d < dims; ++d) {
    const int64_t in = x.sizes()[d + 2], k = kernel[d];
    TENON_CHECK(k <= in && p.cells[d] > 0 && p.cells[d] <= in - k + 1, op, ": a pool of kernel_size ", kernel,
                " and output_size ", p.cells, " does not fit an input of shape ", input.sizes());
    // Of an image the first sample is the width's; of a volume it is the depth's.
    const auto at = static_cast<int64_t>(dims == 2 ? 1 - d : d);
    const Tensor starts = fractional_starts(drawn.select(2, at), in, k, p.cells[d]);
    const Tensor within = starts.unsqueeze(-1) + arange(k, starts.options());
    DimVector along(2 + 2 * dims, 1);
    along[0] = x.size(0);
    along[1] = x.size(1);
    along[2 + d] = p.cells[d];
    along[2 + dims + d] = k;
    places = places * in + within.reshape(along);
    shape.push_back(p.cells[d]);
    window = checked_mul(window, k, op);
  }
  const Tensor flat = x.flatten(2);
  const int64_t cells = checked_numel(IntArrayRef(shape).slice(2), op);
  const Tensor candidates = places.reshape({x.size(0), x.size(1), cells, window});
  Tensor best;
  {
    NoGradGuard no_grad;
    const Tensor values = flat.gather(2, candidates.flatten(2)).reshape(candidates.sizes());
    best = candidates.gather(-1, values.argmax(-1, true)).squeeze(-1);
  }
  const Tensor values = flat.gather(2, best).reshape(shape), indices = best.reshape(shape);
  return batched ? TwoTensors{values, indices} : TwoTensors{values.squeeze(0), indices.squeeze(0)};
}

}  // namespace

TwoTensors fractional_max_pool2d_with_indices(const Tensor& input, IntArrayRef kernel_size, IntArrayRef output_size,
                                              const Tensor& random_samples) {
  TENON_AUTOCAST(fractional_max_pool2d_with_indices, input, kernel_size, output_size, random_samples)
  return fractional_max("fractional_max_pool2d", 2, input, kernel_size, output_size, random_samples);
}

TwoTensors fractional_max_pool3d_with_indices(const Tensor& input, IntArrayRef kernel_size, IntArrayRef output_size,
                                              const Tensor& random_samples) {
  TENON_AUTOCAST(fractional_max_pool3d_with_indices, input, kernel_size, output_size, random_samples)
  return fractional_max("fractional_max_pool3d", 3, input, kernel_size, output_size, random_samples);
}

#define TENON_POOL(dims)                                                                                               \
  TwoTensors max_pool##dims##d_with_indices(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride,          \
                                            IntArrayRef padding, IntArrayRef dilation, bool ceil_mode) {               \
    TENON_AUTOCAST_AS("max_pool" #dims "d_with_indices", max_pool##dims##d_with_indices, input, kernel_size, stride,   \
                      padding, dilation, ceil_mode)                                                                    \
    return max(input, sliding("max_pool" #dims "d", dims, kernel_size, stride, padding, dilation, ceil_mode));         \
  }                                                                                                                    \
  Tensor max_pool##dims##d(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride, IntArrayRef padding,      \
                           IntArrayRef dilation, bool ceil_mode) {                                                     \
    return std::get<0>(max_pool##dims##d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode));      \
  }                                                                                                                    \
  TwoTensors adaptive_max_pool##dims##d_with_indices(const Tensor& input, IntArrayRef output_size) {                   \
    TENON_AUTOCAST_AS("adaptive_max_pool" #dims "d_with_indices", adaptive_max_pool##dims##d_with_indices, input,      \
                      output_size)                                                                                     \
    return max(input, adaptive("adaptive_max_pool" #dims "d", dims, output_size));                                     \
  }                                                                                                                    \
  Tensor adaptive_max_pool##dims##d(const Tensor& input, IntArrayRef output_size) {                                    \
    return std::get<0>(adaptive_max_pool##dims##d_with_indices(input, output_size));                                   \
  }                                                                                                                    \
  Tensor adaptive_avg_pool##dims##d(const Tensor& input, IntArrayRef output_size) {                                    \
    TENON_AUTOCAST_AS("adaptive_avg_pool" #dims "d", adaptive_avg_pool##dims##d, input, output_size)                   \
    return average(input, adaptive("adaptive_avg_pool" #dims "d", dims, output_size), true, nullopt);                  \
  }                                                                                                                    \
  Tensor lp_pool##dims##d(const Tensor& input, double norm_type, IntArrayRef kernel_size, IntArrayRef stride,          \
                          bool ceil_mode) {                                                                            \
    return power_mean(input, norm_type, sliding("lp_pool" #dims "d", dims, kernel_size, stride, {0}, {1}, ceil_mode)); \
  }                                                                                                                    \
  Tensor max_unpool##dims##d(const Tensor& input, const Tensor& indices, IntArrayRef kernel_size, IntArrayRef stride,  \
                             IntArrayRef padding, IntArrayRef output_size) {                                           \
    TENON_AUTOCAST_AS("max_unpool" #dims "d", max_unpool##dims##d, input, indices, kernel_size, stride, padding,       \
                      output_size)                                                                                     \
    return unpool(input, indices, sliding("max_unpool" #dims "d", dims, kernel_size, stride, padding, {1}, false),     \
                  output_size);                                                                                        \
  }
TENON_POOL(1)
TENON_POOL(2)
TENON_POOL(3)
#undef TENON_POOL

Tensor avg_pool1d(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride, IntArrayRef padding, bool ceil_mode,
                  bool count_include_pad) {
  return average(input, sliding("avg_pool1d", 1, kernel_size, stride, padding, {1}, ceil_mode), count_include_pad,
                 nullopt);
}

Tensor avg_pool2d(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride, IntArrayRef padding, bool ceil_mode,
                  bool count_include_pad, optional<int64_t> divisor_override) {
  return average(input, sliding("avg_pool2d", 2, kernel_size, stride, padding, {1}, ceil_mode), count_include_pad,
                 divisor_override);
}

Tensor avg_pool3d(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride, IntArrayRef padding, bool ceil_mode,
                  bool count_include_pad, optional<int64_t> divisor_override) {
  TENON_AUTOCAST(avg_pool3d, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
  return average(input, sliding("avg_pool3d", 3, kernel_size, stride, padding, {1}, ceil_mode), count_include_pad,
                 divisor_override);
}

}  // namespace tenon
