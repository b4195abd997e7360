// Sampling images and volumes at the places of a grid, and the grids of affine maps.
#include <array>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/maybe_view.h"
#include "ops/promotion.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

struct GridSample {
  const char* op;
  GridMode mode;
  GridPadding padding;
  bool align_corners;
};

GridGeometry geometry_of(const GridSample& p, const Tensor& x, const Tensor& grid) {
  GridGeometry g{.samples = x.size(0),
                 .channels = x.size(1),
                 .points = checked_numel(grid.sizes().slice(1, grid.sizes().size() - 2), p.op),
                 .dims = static_cast<int>(x.dim() - 2),
                 .in = {1, 1, 1},
                 .mode = p.mode,
                 .padding = p.padding,
                 .align_corners = p.align_corners};
  for (size_t d = 0; d < static_cast<size_t>(g.dims); ++d) {
    g.in[3 - static_cast<size_t>(g.dims) + d] = x.sizes()[d + 2];
  }
  return g;
}

const GridKernels& grid_kernels(const Tensor& x, const char* op) {
  return kernels_of<&Backend::grid>(x.device(), op);
}

Tensor plain(const Tensor& x) { return to_dtype(x, compute_dtype(x.dtype())).contiguous(); }

// --- the same made of differentiable ops, for gradients of gradients

// What points read along one dim, one entry per tap: elements, whether they are inside, and weights.
struct AxisTaps {
  std::vector<Tensor> at, inside, weight, slope;
};

// `x` kept within the padding's range; slope is multiplied by the derivative.
Tensor padded(Tensor x, int64_t size, const GridSample& p, Tensor& slope) {
  if (p.padding == GridPadding::Zeros) return x;
  if (p.padding == GridPadding::Reflection) {
    const double low = p.align_corners ? 0 : -0.5, span = static_cast<double>(p.align_corners ? size - 1 : size);
    if (span == 0) {
      slope = zeros_like(slope);
      return zeros_like(x);
    }
    const Tensor distance = (x - low).abs(), rest = distance.fmod(span);
    const Tensor odd = (distance / span).floor().fmod(2).ne(0);
    slope = where(x.lt(low).ne(odd), -slope, slope);
    x = where(odd, span - rest, rest) + low;
  }
  const double last = static_cast<double>(size - 1);
  slope = where(x.gt(0) & x.lt(last), slope, Scalar(0));
  return x.clamp(0, last);
}

AxisTaps axis_taps(const Tensor& place, int64_t size, const GridSample& p) {
  const auto n = static_cast<double>(size);
  Tensor slope = full_like(place, (p.align_corners ? n - 1 : n) / 2);
  Tensor x = p.align_corners ? (place + 1) / 2 * (n - 1) : ((place + 1) * n - 1) / 2;
  AxisTaps taps;
  auto add = [&](const Tensor& element, const Tensor& weight, const Tensor& by_place) {
    const Tensor inside = element.ge(0) & element.lt(n);
    taps.at.push_back(where(inside, element, Scalar(0)).to(kLong));
    taps.inside.push_back(inside);
    taps.weight.push_back(weight);
    taps.slope.push_back(by_place);
  };
  if (p.mode == GridMode::Cubic) {
    constexpr double a = -0.75;
    const Tensor first = x.detach().floor(), t = x - first;
    for (int k = 0; k < 4; ++k) {
      Tensor ignored = slope;
      const Tensor d = k < 2 ? t + (1 - k) : (k - 1) - t;
      const bool near = k == 1 || k == 2;
      add(padded(first + (k - 1), size, p, ignored),
          near ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a,
          (k < 2 ? slope : -slope) * (near ? (3 * (a + 2) * d - 2 * (a + 3)) * d : (3 * a * d - 10 * a) * d + 8 * a));
    }
    return taps;
  }
  x = padded(x, size, p, slope);
  if (p.mode == GridMode::Nearest) {
    add(x.detach().round(), ones_like(x), zeros_like(x));
  } else {
    const Tensor first = x.detach().floor(), t = x - first;
    add(first, 1 - t, -slope);
    add(first + 1, t, slope);
  }
  return taps;
}

Grads formula_grads(const GridSample& p, const BackwardContext& ctx) {
  const Tensor x = ctx.saved(0), grid = ctx.saved(1), gy = ctx.grad();
  const auto dims = static_cast<size_t>(x.dim() - 2);
  const Tensor image = x.flatten(2), grad = gy.flatten(2), places = grid.flatten(1, -2);
  const int64_t samples = x.size(0), channels = x.size(1), points = places.size(1);
  std::vector<AxisTaps> axes;
  int64_t count = 1;
  for (size_t d = 0; d < dims; ++d) {
    axes.push_back(axis_taps(places.select(-1, static_cast<int64_t>(dims - 1 - d)), x.sizes()[d + 2], p));
    count *= static_cast<int64_t>(axes[d].at.size());
  }
  Tensor grad_image = zeros_like(image);
  std::vector<Tensor> grad_place(dims, zeros({samples, points}, grid.options()));
  for (int64_t tap = 0; tap < count; ++tap) {
    std::array<size_t, 3> k{};
    int64_t rest = tap;
    Tensor index = zeros({samples, points}, TensorOptions(kLong).device(x.device())), inside = index.eq(0);
    for (size_t d = 0; d < dims; ++d) {
      const auto taps = static_cast<int64_t>(axes[d].at.size());
      k[d] = static_cast<size_t>(rest % taps);
      rest /= taps;
      index = index * x.sizes()[d + 2] + axes[d].at[k[d]];
      inside = inside & axes[d].inside[k[d]];
    }
    // The product of the weights, with the slope in the place of dim `special`'s.
    auto product = [&](size_t special) {
      Tensor result = inside.to(grid.dtype());
      for (size_t d = 0; d < dims; ++d) result = result * (d == special ? axes[d].slope : axes[d].weight)[k[d]];
      return result;
    };
    const Tensor everywhere = index.unsqueeze(1).expand({samples, channels, points});
    if (ctx.needs(0)) {
      const Tensor weight = to_dtype(product(dims), grad.dtype()).unsqueeze(1);
      grad_image = grad_image.scatter_add(2, everywhere, grad * weight);
    }
    if (ctx.needs(1)) {
      const Tensor received = to_dtype((grad * image.gather(2, everywhere)).sum({1}), grid.dtype());
      for (size_t d = 0; d < dims; ++d) grad_place[d] = grad_place[d] + product(d) * received;
    }
  }
  Grads grads(2);
  if (ctx.needs(0)) grads[0] = grad_image.reshape(x.sizes());
  if (ctx.needs(1)) {
    std::vector<Tensor> last_first(grad_place.rbegin(), grad_place.rend());
    grads[1] = stack(last_first, -1).reshape(grid.sizes());
  }
  return grads;
}

Grads fused_grads(const GridSample& p, const BackwardContext& ctx) {
  const Tensor input = ctx.saved(0), grid = ctx.saved(1);
  const Tensor x = plain(input), places = plain(grid), gy = plain(ctx.grad());
  Tensor gx, ggrid;
  if (ctx.needs(0)) gx = zeros(x.sizes(), x.options());
  if (ctx.needs(1)) ggrid = zeros(places.sizes(), places.options());
  if (gy.numel() > 0) {
    grid_kernels(x, p.op).gradient(MaybeView(gx), MaybeView(ggrid), view_of(gy), view_of(x), view_of(places),
                                 geometry_of(p, x, places));
  }
  return {ctx.needs(0) ? to_dtype(gx, input.dtype()) : gx, ctx.needs(1) ? to_dtype(ggrid, grid.dtype()) : ggrid};
}

Tensor sample(const GridSample& p, int64_t dims, const Tensor& input, const Tensor& grid) {
  TENON_CHECK(input.dim() == dims + 2 && grid.dim() == dims + 2, p.op, ": expected input and grid of ", dims + 2,
              " dims, got shapes ", input.sizes(), " and ", grid.sizes());
  TENON_CHECK(input.device() == grid.device(), p.op, ": expected input and grid to be on same device, but input is on ",
              input.device(), " and grid is on ", grid.device());
  TENON_CHECK(input.size(0) == grid.size(0), p.op, ": expected grid and input to have same batch size, but got input ",
              "with sizes ", input.sizes(), " and grid with sizes ", grid.sizes());
  TENON_CHECK(grid.size(-1) == dims, p.op, ": expected grid to have size ", dims, " in last dimension, but got grid ",
              "with sizes ", grid.sizes());
  TENON_CHECK_AS(NotImplementedError, input.is_floating_point(), p.op, ": not implemented for ", input.dtype(),
                 " tensors; it takes floating-point ones");
  TENON_CHECK(input.dtype() == grid.dtype(), p.op, ": expected input and grid to have same dtype, but input has ",
              input.dtype(), " and grid has ", grid.dtype());
  int64_t plane = 1;
  for (int64_t size : input.sizes().slice(2)) {
    TENON_CHECK(size > 0, p.op, ": expected input to have non-empty spatial dimensions, but input has sizes ",
                input.sizes());
    plane = checked_mul(plane, size, p.op);
  }
  TENON_CHECK(plane < int64_t{1} << 31, p.op, ": a plane of input of shape ", input.sizes(), " has too many elements");
  TENON_CHECK(p.mode != GridMode::Cubic || dims == 2, p.op, ": bicubic interpolation only supports 4D input");
  Tensor result;
  {
    NoGradGuard no_grad;
    const Tensor x = plain(input), places = plain(grid);
    DimVector sizes = input.sizes();
    for (size_t d = 0; d < static_cast<size_t>(dims); ++d) sizes[d + 2] = grid.sizes()[d + 1];
    result = make_tensor(sizes, x.dtype(), x.device(), p.op);
    if (result.numel() > 0) {
      grid_kernels(x, p.op).sample(view_of(result), view_of(x), view_of(places), geometry_of(p, x, places));
    }
    result = to_dtype(result, input.dtype());
  }
  return record(p.op, result, {&input, &grid}, {&input, &grid}, [p](const BackwardContext& ctx) -> Grads {
    return GradMode::is_enabled() ? formula_grads(p, ctx) : fused_grads(p, ctx);
  });
}

GridSample checked(const char* op, int64_t interpolation_mode, int64_t padding_mode, bool align_corners) {
  TENON_CHECK(interpolation_mode >= 0 && interpolation_mode <= 2, op, ": interpolation_mode must be 0 (bilinear), 1 ",
              "(nearest) or 2 (bicubic), got ", interpolation_mode);
  TENON_CHECK(padding_mode >= 0 && padding_mode <= 2, op, ": padding_mode must be 0 (zeros), 1 (border) or 2 ",
              "(reflection), got ", padding_mode);
  return {op, static_cast<GridMode>(interpolation_mode), static_cast<GridPadding>(padding_mode), align_corners};
}

// size points from -1 to 1, or, unless corners are aligned, the centres of as many cells between.
Tensor centres(int64_t size, bool align_corners, const TensorOptions& options) {
  if (size <= 1) return zeros({size}, options);
  const Tensor line = linspace(-1, 1, size, options);
  return align_corners ? line : line * Scalar(static_cast<double>(size - 1) / static_cast<double>(size));
}

}  // namespace

Tensor grid_sampler_2d(const Tensor& input, const Tensor& grid, int64_t interpolation_mode, int64_t padding_mode,
                       bool align_corners) {
  TENON_AUTOCAST(grid_sampler_2d, input, grid, interpolation_mode, padding_mode, align_corners)
  return sample(checked("grid_sampler_2d", interpolation_mode, padding_mode, align_corners), 2, input, grid);
}

Tensor grid_sampler_3d(const Tensor& input, const Tensor& grid, int64_t interpolation_mode, int64_t padding_mode,
                       bool align_corners) {
  TENON_AUTOCAST(grid_sampler_3d, input, grid, interpolation_mode, padding_mode, align_corners)
  return sample(checked("grid_sampler_3d", interpolation_mode, padding_mode, align_corners), 3, input, grid);
}

Tensor grid_sampler(const Tensor& input, const Tensor& grid, int64_t interpolation_mode, int64_t padding_mode,
                    bool align_corners) {
  TENON_AUTOCAST(grid_sampler, input, grid, interpolation_mode, padding_mode, align_corners)
  TENON_CHECK(input.dim() == 4 || input.dim() == 5, "grid_sampler: expected a 4-d or 5-d input, got shape ",
              input.sizes());
  const GridSample how = checked("grid_sampler", interpolation_mode, padding_mode, align_corners);
  return input.dim() == 4 ? shown_as("GridSampler2DBackward0", sample(how, 2, input, grid))
                          : shown_as("GridSampler3DBackward0", sample(how, 3, input, grid));
}

Tensor affine_grid_generator(const Tensor& theta, IntArrayRef size, bool align_corners) {
  constexpr const char* kOp = "affine_grid_generator";
  TENON_CHECK(size.size() == 4 || size.size() == 5, kOp,
              ": AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs, got size ", size);
  const auto dims = static_cast<int64_t>(size.size()) - 2;
  TENON_CHECK(theta.dim() == 3 && theta.size(0) == size[0] && theta.size(1) == dims && theta.size(2) == dims + 1, kOp,
              ": expected theta of shape [", size[0], ", ", dims, ", ", dims + 1, "], got ", theta.sizes());
  DimVector shape;
  for (int64_t d = 0; d < dims; ++d) {
    TENON_CHECK(size[static_cast<size_t>(d) + 2] > 0, kOp, ": expected non-zero, positive output size, got ", size);
    shape.push_back(size[static_cast<size_t>(d) + 2]);
  }
  // The columns x, y (, z), 1 of every point.
  std::vector<Tensor> columns;
  for (int64_t d = dims; d-- > 0;) {
    DimVector along(static_cast<size_t>(dims), 1);
    along[static_cast<size_t>(d)] = shape[static_cast<size_t>(d)];
    columns.push_back(
        centres(shape[static_cast<size_t>(d)], align_corners, theta.options()).reshape(along).expand(shape));
  }
  columns.push_back(ones(shape, theta.options()));
  const Tensor points = stack(columns, -1).reshape({-1, dims + 1});
  DimVector sizes{size[0]};
  for (int64_t length : shape) sizes.push_back(length);
  sizes.push_back(dims);
  return matmul(points, theta.transpose(1, 2)).reshape(sizes);
}

}  // namespace tenon
