// Values of images and volumes at the places of a grid, on the CPU. The taps of some points are found once and serve
// all channels: which elements each point reads, their weights, and how the weights change with the place.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/grid_sample.cpp"
#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/cpu/kernels.h"
#include "backend/cpu/simd.h"
#include "backend/cpu/taps-inl.h"
#include "tenon/base/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

// Points whose taps are found at a time, and channels that a piece of a gradient covers.
constexpr int64_t kPoints = 256, kChannels = 16;

// What a run of points reads along one dim, by tap: elements (-1 where outside), weights, and their derivatives by the
// place.
template <class T>
struct Axis {
  int64_t count = 1;
  IndexOf<T> at[4][kPoints];
  T weight[4][kPoints], slope[4][kPoints];
};

// `x` kept within the padding's range; `slope` becomes the derivative.
template <class T>
T padded(T x, int64_t size, const GridGeometry& g, T& slope) {
  if (g.padding == GridPadding::Zeros) return x;
  if (g.padding == GridPadding::Reflection) {
    const T low = g.align_corners ? T(0) : T(-0.5);
    const T span = static_cast<T>(g.align_corners ? size - 1 : size);
    if (span == 0) {
      slope = 0;
      return 0;
    }
    const T distance = std::abs(x - low), rest = std::fmod(distance, span);
    const bool odd = std::fmod(std::floor(distance / span), T(2)) != 0;
    if ((x < low) != odd) slope = -slope;
    x = odd ? span - rest + low : rest + low;
  }
  const T last = static_cast<T>(size - 1);
  if (!(x > 0 && x < last)) slope = 0;
  return std::clamp(x, T(0), last);
}

template <class T>
IndexOf<T> inside(T x, T size) {
  return x >= 0 && x < size ? static_cast<IndexOf<T>>(x) : IndexOf<T>{-1};
}

// Taps first - 1 to first + 2 of the places x, weighted by Keys' cubic.
template <class T>
void find_cubic(Axis<T>& axis, const T* x, T slope, int64_t size, int64_t points, const GridGeometry& g) {
  constexpr T a = -0.75;
  axis.count = 4;
  for (int k = 0; k < 4; ++k) {
    const T sign = k < 2 ? T(1) : T(-1);
    const bool near = k == 1 || k == 2;
    for (int64_t p = 0; p < points; ++p) {
      const T first = std::floor(x[p]), t = x[p] - first;
      T ignored = 0;
      axis.at[k][p] = inside(padded(first + static_cast<T>(k - 1), size, g, ignored), static_cast<T>(size));
      // The distance of the tap, which grows with t where `sign` is one.
      const T d = k < 2 ? t + static_cast<T>(1 - k) : static_cast<T>(k - 1) - t;
      axis.weight[k][p] = near ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
      axis.slope[k][p] = sign * slope * (near ? (3 * (a + 2) * d - 2 * (a + 3)) * d : (3 * a * d - 10 * a) * d + 8 * a);
    }
  }
}

// The taps of points along the dim of `size` elements, whose places are `stride` numbers apart.
template <class T>
void find_axis(Axis<T>& axis, const T* places, int64_t stride, int64_t size, int64_t points, const GridGeometry& g) {
  const auto n = static_cast<T>(size);
  const T slope = (g.align_corners ? n - 1 : n) / 2;
  T x[kPoints], slopes[kPoints];
  for (int64_t p = 0; p < points; ++p) {
    const T place = places[p * stride] + 1;
    x[p] = g.align_corners ? place / 2 * (n - 1) : (place * n - 1) / 2;
    slopes[p] = slope;
  }
  if (g.mode == GridMode::Cubic) return find_cubic(axis, x, slope, size, points, g);
  if (g.padding != GridPadding::Zeros) {
    for (int64_t p = 0; p < points; ++p) x[p] = padded(x[p], size, g, slopes[p]);
  }
  if (g.mode == GridMode::Nearest) {
    axis.count = 1;
    for (int64_t p = 0; p < points; ++p) {
      axis.at[0][p] = inside(std::nearbyint(x[p]), n);
      axis.weight[0][p] = 1;
      axis.slope[0][p] = 0;
    }
    return;
  }
  axis.count = 2;
  for (int64_t p = 0; p < points; ++p) {
    const T first = std::floor(x[p]), t = x[p] - first;
    axis.at[0][p] = inside(first, n);
    axis.at[1][p] = inside(first + 1, n);
    axis.weight[0][p] = 1 - t;
    axis.weight[1][p] = t;
    axis.slope[0][p] = -slopes[p];
    axis.slope[1][p] = slopes[p];
  }
}

// The taps of a run of points: tap k of point p is number k * kPoints + p.
template <class T>
class Taps {
 public:
  explicit Taps(const GridGeometry& g) : g_(g), axes_(3) {
    const int64_t each = g.mode == GridMode::Linear ? 2 : g.mode == GridMode::Nearest ? 1 : 4;
    for (int d = 0; d < g.dims; ++d) count_ *= each;
    const auto size = static_cast<size_t>(count_ * kPoints);
    index_.resize(size);
    weight_.resize(size);
    for (int d = 0; d < g.dims; ++d) slope_[d].resize(size);
    // A missing dim has one element.
    std::fill_n(axes_[0].at[0], kPoints, IndexOf<T>{0});
    std::fill_n(axes_[0].weight[0], kPoints, T(1));
  }

  int64_t count() const { return count_; }
  const IndexOf<T>* index(int64_t k = 0) const { return index_.data() + k * kPoints; }
  const T* weight(int64_t k = 0) const { return weight_.data() + k * kPoints; }
  const T* slope(int d, int64_t k) const { return slope_[d].data() + k * kPoints; }

  void find(const T* grid, int64_t points, bool slopes) {
    for (int d = 0; d < g_.dims; ++d) {
      const auto from_last = static_cast<size_t>(2 - d);
      find_axis(axes_[from_last], grid + d, g_.dims, g_.in[from_last], points, g_);
    }
    int64_t tap = 0;
    for (int64_t i = 0; i < axes_[0].count; ++i) {
      for (int64_t j = 0; j < axes_[1].count; ++j) {
        for (int64_t k = 0; k < axes_[2].count; ++k, ++tap) combine(tap, i, j, k, points, slopes);
      }
    }
  }

 private:
  void combine(int64_t tap, int64_t i, int64_t j, int64_t k, int64_t points, bool slopes) {
    const auto &a = axes_[0], &b = axes_[1], &c = axes_[2];
    const auto height = static_cast<IndexOf<T>>(g_.in[1]), width = static_cast<IndexOf<T>>(g_.in[2]);
    const int64_t start = tap * kPoints;
    IndexOf<T>* index = index_.data() + start;
    T* weight = weight_.data() + start;
    for (int64_t p = 0; p < points; ++p) {
      const bool outside = (a.at[i][p] | b.at[j][p] | c.at[k][p]) < 0;
      const IndexOf<T> place = (a.at[i][p] * height + b.at[j][p]) * width + c.at[k][p];
      index[p] = outside ? IndexOf<T>{-1} : place;
      weight[p] = a.weight[i][p] * b.weight[j][p] * c.weight[k][p];
    }
    if (!slopes) return;
    for (int64_t p = 0; p < points; ++p) {
      const auto at = static_cast<size_t>(start + p);
      slope_[0][at] = a.weight[i][p] * b.weight[j][p] * c.slope[k][p];
      slope_[1][at] = a.weight[i][p] * b.slope[j][p] * c.weight[k][p];
      if (g_.dims == 3) slope_[2][at] = a.slope[i][p] * b.weight[j][p] * c.weight[k][p];
    }
  }

  const GridGeometry& g_;
  int64_t count_ = 1;
  std::vector<Axis<T>> axes_;
  std::vector<IndexOf<T>> index_;
  std::vector<T> weight_, slope_[3];
};

template <class T>
void sample_as(const TensorView& y, const TensorView& x, const TensorView& grid, const GridGeometry& g) {
  const int64_t runs = (g.points + kPoints - 1) / kPoints;
  parallel_for(0, g.samples * runs, 1, [&](int64_t from, int64_t to) {
    Taps<T> taps(g);
    for (int64_t piece = from; piece < to; ++piece) {
      const int64_t n = piece / runs, first = piece % runs * kPoints, count = std::min(kPoints, g.points - first);
      taps.find(grid.as<const T>() + (n * g.points + first) * g.dims, count, false);
      for (int64_t c = n * g.channels; c < (n + 1) * g.channels; ++c) {
        sum_taps(y.as<T>() + c * g.points + first, x.as<const T>() + c * g.in_plane(), taps.index(), taps.weight(),
                 taps.count(), kPoints, count);
      }
    }
  });
}

template <class T>
void image_gradient(T* gx, const T* gy, const T* grid, const GridGeometry& g) {
  const int64_t groups = (g.channels + kChannels - 1) / kChannels;
  parallel_for(0, g.samples * groups, 1, [&](int64_t from, int64_t to) {
    Taps<T> taps(g);
    for (int64_t piece = from; piece < to; ++piece) {
      const int64_t n = piece / groups, begin = piece % groups * kChannels;
      const int64_t end = std::min(g.channels, begin + kChannels);
      for (int64_t first = 0; first < g.points; first += kPoints) {
        const int64_t count = std::min(kPoints, g.points - first);
        taps.find(grid + (n * g.points + first) * g.dims, count, false);
        for (int64_t c = n * g.channels + begin; c < n * g.channels + end; ++c) {
          T* image = gx + c * g.in_plane();
          const T* grad = gy + c * g.points + first;
          for (int64_t k = 0; k < taps.count(); ++k) {
            const IndexOf<T>* index = taps.index(k);
            const T* weight = taps.weight(k);
            for (int64_t p = 0; p < count; ++p) {
              if (index[p] >= 0) image[index[p]] += weight[p] * grad[p];
            }
          }
        }
      }
    }
  });
}

// sums[p] += grad[p] * image[index[p]].
template <class T>
void add_products(T* sums, const T* grad, const T* image, const IndexOf<T>* index, int64_t n) {
  const hn::ScalableTag<T> d;
  const hn::ScalableTag<IndexOf<T>> di;
  for_vectors<T>(
      n,
      [&](int64_t p) HWY_ATTR {
        const auto x = gather_or_zero<T>(image, hn::LoadU(di, index + p));
        hn::StoreU(hn::MulAdd(hn::LoadU(d, grad + p), x, hn::LoadU(d, sums + p)), d, sums + p);
      },
      [&](int64_t p, size_t count) HWY_ATTR {
        const auto x = gather_or_zero<T>(image, load_tail(index + p, count, hn::Set(di, IndexOf<T>{-1})));
        const auto zero = hn::Zero(d);
        store_tail(hn::MulAdd(load_tail(grad + p, count, zero), x, load_tail(sums + p, count, zero)), sums + p, count);
      });
}

template <class T>
void place_gradient(T* ggrid, const T* gy, const T* x, const T* grid, const GridGeometry& g) {
  const int64_t runs = (g.points + kPoints - 1) / kPoints;
  parallel_for(0, g.samples * runs, 1, [&](int64_t from, int64_t to) {
    Taps<T> taps(g);
    // What each tap's weight receives.
    std::vector<T> sums(static_cast<size_t>(taps.count() * kPoints));
    for (int64_t piece = from; piece < to; ++piece) {
      const int64_t n = piece / runs, first = piece % runs * kPoints, count = std::min(kPoints, g.points - first);
      taps.find(grid + (n * g.points + first) * g.dims, count, true);
      std::fill(sums.begin(), sums.end(), T(0));
      for (int64_t c = n * g.channels; c < (n + 1) * g.channels; ++c) {
        for (int64_t k = 0; k < taps.count(); ++k) {
          add_products(sums.data() + k * kPoints, gy + c * g.points + first, x + c * g.in_plane(), taps.index(k),
                       count);
        }
      }
      T* out = ggrid + (n * g.points + first) * g.dims;
      for (int64_t p = 0; p < count; ++p) {
        for (int d = 0; d < g.dims; ++d) {
          T sum = 0;
          for (int64_t k = 0; k < taps.count(); ++k)
            sum += taps.slope(d, k)[p] * sums[static_cast<size_t>(k * kPoints + p)];
          *out++ = sum;
        }
      }
    }
  });
}

template <class T>
void gradient_as(const TensorView* gx, const TensorView* ggrid, const TensorView& gy, const TensorView& x,
                 const TensorView& grid, const GridGeometry& g) {
  if (gx) image_gradient(gx->as<T>(), gy.as<const T>(), grid.as<const T>(), g);
  if (ggrid) place_gradient(ggrid->as<T>(), gy.as<const T>(), x.as<const T>(), grid.as<const T>(), g);
}

void sample(const TensorView& y, const TensorView& x, const TensorView& grid, const GridGeometry& g) {
  if (x.dtype == kDouble) return sample_as<double>(y, x, grid, g);
  sample_as<float>(y, x, grid, g);
}

void gradient(const TensorView* gx, const TensorView* ggrid, const TensorView& gy, const TensorView& x,
              const TensorView& grid, const GridGeometry& g) {
  if (x.dtype == kDouble) return gradient_as<double>(gx, ggrid, gy, x, grid, g);
  gradient_as<float>(gx, ggrid, gy, x, grid, g);
}

}  // namespace

extern const GridKernels grid_table;
constinit const GridKernels grid_table = {sample, gradient};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(GridKernels, grid_table)
}  // namespace tenon::cpu
#endif
