// Layer, RMS and batch normalisation and their gradients. Rows and channels run in parallel; gradients of weights and
// biases add up over fixed blocks in a fixed order.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/norm.cpp"
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "backend/cpu/kernels.h"
#include "backend/cpu/row_buffers.h"
#include "backend/cpu/simd.h"
#include "backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

// Rows whose weight gradients add up one after the other; the blocks' sums add up after them.
constexpr int64_t kRowBlock = 64;
// The longest piece of a batch-normalised view that is read at once.
constexpr int64_t kMaxPiece = 1024;

template <class T>
HWY_INLINE VecOf<T> load_some(const T* p, size_t count) {
  return load_tail(p, count, hn::Zero(hn::ScalableTag<T>()));
}

// sum(map(i)) over i in [0, n), where map(load) reads its operands through load(pointer).
template <class T, class Map>
HWY_INLINE T sum_of(int64_t n, const Map& map) {
  const hn::ScalableTag<T> d;
  return reduce_vectors<T>(
      n, AddOp(), [&](int64_t i) HWY_ATTR { return map([&](const T* p) HWY_ATTR { return hn::LoadU(d, p + i); }); },
      [&](int64_t i, size_t count) HWY_ATTR {
        return hn::IfThenElseZero(hn::FirstN(d, count),
                                  map([&](const T* p) HWY_ATTR { return load_some(p + i, count); }));
      });
}

// y[i] = map(i) over i in [0, n), read in the same way.
template <class T, class Map>
HWY_INLINE void write_row(T* y, int64_t n, const Map& map) {
  const hn::ScalableTag<T> d;
  for_vectors<T>(
      n,
      [&](int64_t i) HWY_ATTR {
        hn::StoreU(map([&](const T* p) HWY_ATTR { return hn::LoadU(d, p + i); }), d, y + i);
      },
      [&](int64_t i, size_t count) HWY_ATTR {
        store_tail(map([&](const T* p) HWY_ATTR { return load_some(p + i, count); }), y + i, count);
      });
}

// y = (x - center) * scale, then times weight and plus bias where there are any. The difference comes first: where
// scale is large, x * scale and center * scale would cancel badly.
template <class T>
HWY_INLINE void affine_row(const T* x, T* y, int64_t n, T center, T scale, const T* weight, const T* bias) {
  const hn::ScalableTag<T> d;
  const auto c = hn::Set(d, center), s = hn::Set(d, scale);
  if (weight && bias) {
    write_row(y, n, [&](auto load) HWY_ATTR {
      return hn::MulAdd(hn::Mul(hn::Sub(load(x), c), s), load(weight), load(bias));
    });
  } else if (weight) {
    write_row(y, n, [&](auto load) HWY_ATTR { return hn::Mul(hn::Mul(hn::Sub(load(x), c), s), load(weight)); });
  } else if (bias) {
    write_row(y, n, [&](auto load) HWY_ATTR { return hn::MulAdd(hn::Sub(load(x), c), s, load(bias)); });
  } else {
    write_row(y, n, [&](auto load) HWY_ATTR { return hn::Mul(hn::Sub(load(x), c), s); });
  }
}

// Layer and RMS normalisation differ in whether the mean is taken off.
template <class T, bool kCenter>
void normalize_rows(const TensorView& out, const TensorView* mean, const TensorView& rstd, const TensorView& in,
                    const TensorView* weight, const TensorView* bias, double eps) {
  const int64_t rows = in.sizes[0], n = in.sizes[1];
  const VectorReader<T> w(weight), b(bias);
  const hn::ScalableTag<T> d;
  for_rows(rows, n, [&](int64_t begin, int64_t end) {
    RowReader<T> reader(in);
    RowWriter<T> writer(out);
    for (int64_t r = begin; r < end; ++r) {
      const T* x = reader.row(r);
      T center = 0;
      if constexpr (kCenter) {
        center = reduce_row(x, n, AddOp()) / static_cast<T>(n);
        mean->as<T>()[r * mean->strides[0]] = center;
      }
      const auto mid = hn::Set(d, center);
      const T squares = sum_of<T>(n, [&](auto load) HWY_ATTR {
        const auto v = hn::Sub(load(x), mid);
        return hn::Mul(v, v);
      });
      const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(squares) / static_cast<double>(n) + eps));
      rstd.as<T>()[r * rstd.strides[0]] = scale;
      affine_row(x, writer.row(r), n, center, scale, w.data(), b.data());
      writer.commit(r);
    }
  });
}

// With xhat = (x - mean) * rstd and h = g * weight:
//   grad_in = rstd * (h - mean(h) - xhat * mean(h * xhat)), without the middle term when not centered
//   grad_weight = sum over rows of g * xhat, grad_bias = sum over rows of g
template <class T, bool kCenter>
void normalize_rows_backward(const TensorView* grad_in, const TensorView* grad_weight, const TensorView* grad_bias,
                             const TensorView& grad_out, const TensorView& in, const TensorView* mean,
                             const TensorView& rstd, const TensorView* weight) {
  const int64_t rows = in.sizes[0], n = in.sizes[1];
  const VectorReader<T> w(weight);
  const hn::ScalableTag<T> d;
  const size_t width = static_cast<size_t>(n);
  const int64_t blocks = (rows + kRowBlock - 1) / kRowBlock;
  std::vector<T> weight_sums(grad_weight ? static_cast<size_t>(blocks) * width : 0);
  std::vector<T> bias_sums(grad_bias ? static_cast<size_t>(blocks) * width : 0);
  const int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, n * kRowBlock));
  parallel_for(0, n > 0 ? blocks : 0, grain, [&](int64_t begin, int64_t end) {
    RowReader<T> x_reader(in), g_reader(grad_out);
    std::optional<RowWriter<T>> writer;
    if (grad_in) writer.emplace(*grad_in);
    for (int64_t r = begin * kRowBlock; r < std::min(rows, end * kRowBlock); ++r) {
      const T* x = x_reader.row(r);
      const T* g = g_reader.row(r);
      const T scale = rstd.as<T>()[r * rstd.strides[0]];
      T center = 0;
      if constexpr (kCenter) center = mean->as<T>()[r * mean->strides[0]];
      const auto vscale = hn::Set(d, scale), vmean = hn::Set(d, center);
      if (grad_in) {
        const T* factor = w.data();
        auto scaled = [&](auto load) HWY_ATTR { return factor ? hn::Mul(load(g), load(factor)) : load(g); };
        T sum = 0;
        if constexpr (kCenter) sum = sum_of<T>(n, scaled);
        const T dot = sum_of<T>(
            n, [&](auto load) HWY_ATTR { return hn::Mul(scaled(load), hn::Sub(load(x), vmean)); });
        const T along = scale * scale * scale * dot / static_cast<T>(n);
        const auto valong = hn::Set(d, along), vsum = hn::Set(d, scale * sum / static_cast<T>(n));
        write_row(writer->row(r), n, [&](auto load) HWY_ATTR {
          return hn::Sub(hn::MulSub(scaled(load), vscale, vsum), hn::Mul(hn::Sub(load(x), vmean), valong));
        });
        writer->commit(r);
      }
      const size_t base = static_cast<size_t>(r / kRowBlock) * width;
      if (grad_weight) {
        T* sums = weight_sums.data() + base;
        write_row(sums, n, [&](auto load) HWY_ATTR {
          return hn::MulAdd(hn::Mul(hn::Sub(load(x), vmean), vscale), load(g), load(sums));
        });
      }
      if (grad_bias) {
        T* sums = bias_sums.data() + base;
        write_row(sums, n, [&](auto load) HWY_ATTR { return hn::Add(load(sums), load(g)); });
      }
    }
  });
  auto finish = [&](const TensorView* grad, std::vector<T>& sums) {
    if (!grad) return;
    // Pairs of blocks first, so that rounding errors grow with the logarithm of the count.
    for (int64_t step = 1; step < blocks; step *= 2) {
      for (int64_t b = 0; b + step < blocks; b += 2 * step) {
        T* left = sums.data() + static_cast<size_t>(b) * width;
        const T* right = sums.data() + static_cast<size_t>(b + step) * width;
        for (int64_t i = 0; i < n; ++i) left[i] += right[i];
      }
    }
    if (blocks == 0) sums.assign(width, T(0));
    store_vector(*grad, sums.data(), n);
  };
  finish(grad_weight, weight_sums);
  finish(grad_bias, bias_sums);
}

void layer_norm(const TensorView& out, const TensorView& mean, const TensorView& rstd, const TensorView& in,
                const TensorView* weight, const TensorView* bias, double eps) {
  auto* run = in.dtype == kDouble ? normalize_rows<double, true> : normalize_rows<float, true>;
  run(out, &mean, rstd, in, weight, bias, eps);
}

void layer_norm_backward(const TensorView* grad_in, const TensorView* grad_weight, const TensorView* grad_bias,
                         const TensorView& grad_out, const TensorView& in, const TensorView& mean,
                         const TensorView& rstd, const TensorView* weight) {
  auto* run = in.dtype == kDouble ? normalize_rows_backward<double, true> : normalize_rows_backward<float, true>;
  run(grad_in, grad_weight, grad_bias, grad_out, in, &mean, rstd, weight);
}

void rms_norm(const TensorView& out, const TensorView& rstd, const TensorView& in, const TensorView* weight,
              double eps) {
  auto* run = in.dtype == kDouble ? normalize_rows<double, false> : normalize_rows<float, false>;
  run(out, nullptr, rstd, in, weight, nullptr, eps);
}

void rms_norm_backward(const TensorView* grad_in, const TensorView* grad_weight, const TensorView& grad_out,
                       const TensorView& in, const TensorView& rstd, const TensorView* weight) {
  auto* run = in.dtype == kDouble ? normalize_rows_backward<double, false> : normalize_rows_backward<float, false>;
  run(grad_in, grad_weight, nullptr, grad_out, in, nullptr, rstd, weight);
}

// --- batch normalisation

// Reads and writes pieces of a 3-d view [N, C, spatial] as rows of T. Where channels are innermost the pieces run
// across channels (per-channel factors vary along the piece), else along space.
template <class T>
class Piece {
 public:
  explicit Piece(const TensorView& view)
      : view_(view), loader_(view.dtype, acc_of(dtype_v<T>)), storer_(acc_of(dtype_v<T>), view.dtype),
        size_(static_cast<int64_t>(element_size(view.dtype))) {}
  const T* read(int64_t offset, int64_t stride, int64_t n) {
    char* at = view_.as<char>() + offset * size_;
    if (loader_.direct() && stride == 1) return reinterpret_cast<const T*>(at);
    loader_.load(buffer_, at, stride, n);
    return buffer_;
  }
  T* target(int64_t offset, int64_t stride) {
    if (loader_.direct() && stride == 1) return view_.as<T>() + offset;
    return buffer_;
  }
  void commit(int64_t offset, int64_t stride, int64_t n) {
    if (!(loader_.direct() && stride == 1)) storer_.store(view_.as<char>() + offset * size_, stride, buffer_, n);
  }
  int64_t stride(int dim) const { return view_.strides[static_cast<size_t>(dim)]; }

 private:
  const TensorView& view_;
  RowLoader loader_;
  RowStorer storer_;
  int64_t size_;
  T buffer_[kMaxPiece];
};

// Whether the loops of a [N, C, spatial] view should run across channels.
bool channels_innermost(const TensorView& in) {
  return in.sizes[1] > 1 && (in.sizes[2] == 1 || std::abs(in.strides[1]) < std::abs(in.strides[2]));
}

// The pieces of a [N, C, spatial] view, numbered in a fixed order.
struct PieceLoop {
  bool across;
  int64_t outer, inner, pieces, channels, spatial;

  explicit PieceLoop(const TensorView& in)
      : across(channels_innermost(in)), channels(in.sizes[1]), spatial(in.sizes[2]) {
    outer = in.sizes[0] * (across ? spatial : channels);
    inner = across ? channels : spatial;
    pieces = (inner + kMaxPiece - 1) / kMaxPiece;
  }
  int64_t count() const { return outer * pieces; }
  int64_t grain() const { return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, std::min(inner, kMaxPiece))); }

  struct At {
    int64_t batch, channel, space, n;
    template <class T>
    int64_t offset(const Piece<T>& p) const {
      return batch * p.stride(0) + channel * p.stride(1) + space * p.stride(2);
    }
  };
  At at(int64_t i) const {
    const int64_t first = i % pieces * kMaxPiece, row = i / pieces, second = across ? spatial : channels;
    const int64_t n = std::min(kMaxPiece, inner - first);
    return across ? At{row / second, first, row % second, n} : At{row / second, row % second, first, n};
  }
  int dim() const { return across ? 1 : 2; }
};

// out = x * scale[c] + shift[c].
template <class T>
void batch_norm_as(const TensorView& out, const TensorView& in, const TensorView& mean, const TensorView& rstd,
                   const TensorView* weight, const TensorView* bias) {
  const VectorReader<T> m(&mean), s(&rstd), w(weight), b(bias);
  const int64_t channels = in.sizes[1];
  std::vector<T> scale(static_cast<size_t>(channels)), shift(static_cast<size_t>(channels));
  for (int64_t c = 0; c < channels; ++c) {
    const size_t i = static_cast<size_t>(c);
    scale[i] = s.data()[c] * (w.data() ? w.data()[c] : T(1));
    shift[i] = (b.data() ? b.data()[c] : T(0)) - m.data()[c] * scale[i];
  }
  const PieceLoop loop(in);
  const hn::ScalableTag<T> d;
  parallel_for(0, loop.count(), loop.grain(), [&](int64_t begin, int64_t end) {
    Piece<T> x(in), y(out);
    for (int64_t i = begin; i < end; ++i) {
      const auto at = loop.at(i);
      const T* from = x.read(at.offset(x), x.stride(loop.dim()), at.n);
      T* to = y.target(at.offset(y), y.stride(loop.dim()));
      const T *sc = scale.data() + at.channel, *sh = shift.data() + at.channel;
      if (loop.across) {
        write_row(to, at.n, [&](auto load) HWY_ATTR { return hn::MulAdd(load(from), load(sc), load(sh)); });
      } else {
        const auto vs = hn::Set(d, *sc), vt = hn::Set(d, *sh);
        write_row(to, at.n, [&](auto load) HWY_ATTR { return hn::MulAdd(load(from), vs, vt); });
      }
      y.commit(at.offset(y), y.stride(loop.dim()), at.n);
    }
  });
}

// The sums over a channel of g and of g * (x - mean), in blocks of pieces that are combined in order.
template <class T>
void channel_sums(const TensorView& grad_out, const TensorView& in, const T* mean, std::vector<double>& sum,
                  std::vector<double>& dot) {
  const PieceLoop loop(in);
  const size_t channels = static_cast<size_t>(in.sizes[1]);
  const int64_t block = std::max<int64_t>(loop.grain(), (loop.count() + 63) / 64);
  const int64_t blocks = (loop.count() + block - 1) / block;
  std::vector<double> sums(static_cast<size_t>(blocks) * 2 * channels);
  const hn::ScalableTag<T> d;
  parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    Piece<T> gp(grad_out), xp(in);
    // Single precision for a while, then added to the doubles.
    std::vector<T> near(loop.across ? 2 * channels : 0);
    for (int64_t b = first; b < last; ++b) {
      double* total = sums.data() + static_cast<size_t>(b) * 2 * channels;
      const int64_t end = std::min(loop.count(), (b + 1) * block);
      auto flush = [&] {
        for (size_t c = 0; c < near.size(); ++c) total[c] += near[c], near[c] = 0;
      };
      for (int64_t i = b * block; i < end; ++i) {
        const auto at = loop.at(i);
        const T* g = gp.read(at.offset(gp), gp.stride(loop.dim()), at.n);
        const T* x = xp.read(at.offset(xp), xp.stride(loop.dim()), at.n);
        const T* m = mean + at.channel;
        if (loop.across) {
          T *s = near.data() + at.channel, *p = s + channels;
          write_row(s, at.n, [&](auto load) HWY_ATTR { return hn::Add(load(s), load(g)); });
          write_row(p, at.n,
                    [&](auto load) HWY_ATTR { return hn::MulAdd(load(g), hn::Sub(load(x), load(m)), load(p)); });
          if (i % 64 == 63) flush();
        } else {
          const auto center = hn::Set(d, *m);
          total[at.channel] += sum_of<T>(at.n, [&](auto load) HWY_ATTR { return load(g); });
          total[static_cast<size_t>(at.channel) + channels] +=
              sum_of<T>(at.n, [&](auto load) HWY_ATTR { return hn::Mul(load(g), hn::Sub(load(x), center)); });
        }
      }
      flush();
    }
  });
  sum.assign(channels, 0);
  dot.assign(channels, 0);
  for (size_t b = 0; b < static_cast<size_t>(blocks); ++b) {
    for (size_t c = 0; c < channels; ++c) {
      sum[c] += sums[b * 2 * channels + c];
      dot[c] += sums[(b * 2 + 1) * channels + c];
    }
  }
}

// With m elements per channel: grad_in = weight * rstd * (g - sum(g) / m - (x - mean) * rstd^2 * dot / m) in training,
// else weight * rstd * g; grad_weight = rstd * dot, grad_bias = sum(g), where dot = sum(g * (x - mean)).
template <class T>
void batch_norm_backward_as(const TensorView* grad_in, const TensorView* grad_weight, const TensorView* grad_bias,
                            const TensorView& grad_out, const TensorView& in, const TensorView& mean,
                            const TensorView& rstd, const TensorView* weight, bool training) {
  const VectorReader<T> m(&mean), s(&rstd), w(weight);
  const size_t channels = static_cast<size_t>(in.sizes[1]);
  std::vector<double> sum(channels), dot(channels);
  if (training || grad_weight || grad_bias) channel_sums<T>(grad_out, in, m.data(), sum, dot);
  if (grad_bias) store_vector(*grad_bias, sum.data(), in.sizes[1]);
  if (grad_weight) {
    std::vector<double> scaled(channels);
    for (size_t c = 0; c < channels; ++c) scaled[c] = dot[c] * static_cast<double>(s.data()[c]);
    store_vector(*grad_weight, scaled.data(), in.sizes[1]);
  }
  if (!grad_in) return;
  // grad_in = g * a[c] + x * b[c] + k[c]; the second term only in training.
  std::vector<T> a(channels), b(channels), k(channels);
  const double count = static_cast<double>(in.sizes[0]) * static_cast<double>(in.sizes[2]);
  for (size_t c = 0; c < channels; ++c) {
    const double r = static_cast<double>(s.data()[c]);
    const double factor = r * (w.data() ? static_cast<double>(w.data()[c]) : 1.0);
    a[c] = static_cast<T>(factor);
    if (!training) continue;
    b[c] = static_cast<T>(-factor * r * r * dot[c] / count);
    k[c] = static_cast<T>(-factor * sum[c] / count);
  }
  const PieceLoop loop(in);
  const hn::ScalableTag<T> d;
  parallel_for(0, loop.count(), loop.grain(), [&](int64_t begin, int64_t end) {
    Piece<T> xp(in), gp(grad_out), op(*grad_in);
    for (int64_t i = begin; i < end; ++i) {
      const auto at = loop.at(i);
      const T* g = gp.read(at.offset(gp), gp.stride(loop.dim()), at.n);
      const T* x = training ? xp.read(at.offset(xp), xp.stride(loop.dim()), at.n) : g;
      T* to = op.target(at.offset(op), op.stride(loop.dim()));
      const T *pa = a.data() + at.channel, *pb = b.data() + at.channel, *pk = k.data() + at.channel;
      const T* pm = m.data() + at.channel;
      if (loop.across) {
        write_row(to, at.n, [&](auto load) HWY_ATTR {
          if (!training) return hn::Mul(load(g), load(pa));
          return hn::MulAdd(load(g), load(pa), hn::MulAdd(hn::Sub(load(x), load(pm)), load(pb), load(pk)));
        });
      } else {
        const auto va = hn::Set(d, *pa), vb = hn::Set(d, *pb), vk = hn::Set(d, *pk), vm = hn::Set(d, *pm);
        write_row(to, at.n, [&](auto load) HWY_ATTR {
          if (!training) return hn::Mul(load(g), va);
          return hn::MulAdd(load(g), va, hn::MulAdd(hn::Sub(load(x), vm), vb, vk));
        });
      }
      op.commit(at.offset(op), op.stride(loop.dim()), at.n);
    }
  });
}

void batch_norm_statistics(const TensorView& mean, const TensorView& var, const TensorView& in) {
  const int64_t sizes[3] = {1, in.sizes[1], 1};
  const int64_t mean_strides[3] = {0, mean.strides[0], 0}, var_strides[3] = {0, var.strides[0], 0};
  const TensorView mean3{mean.data, mean.dtype, {sizes, 3}, {mean_strides, 3}};
  const TensorView var3{var.data, var.dtype, {sizes, 3}, {var_strides, 3}};
  reduction_table().mean_m2(mean3, var3, in);
  const double count = static_cast<double>(in.sizes[0]) * static_cast<double>(in.sizes[2]);
  for (int64_t c = 0; c < in.sizes[1]; ++c) {
    if (var.dtype == kDouble) var.as<double>()[c * var.strides[0]] /= count;
    else var.as<float>()[c * var.strides[0]] /= static_cast<float>(count);
  }
}

void batch_norm(const TensorView& out, const TensorView& in, const TensorView& mean, const TensorView& rstd,
                const TensorView* weight, const TensorView* bias) {
  auto* run = in.dtype == kDouble ? batch_norm_as<double> : batch_norm_as<float>;
  run(out, in, mean, rstd, weight, bias);
}

void batch_norm_backward(const TensorView* grad_in, const TensorView* grad_weight, const TensorView* grad_bias,
                         const TensorView& grad_out, const TensorView& in, const TensorView& mean,
                         const TensorView& rstd, const TensorView* weight, bool training) {
  auto* run = in.dtype == kDouble ? batch_norm_backward_as<double> : batch_norm_backward_as<float>;
  run(grad_in, grad_weight, grad_bias, grad_out, in, mean, rstd, weight, training);
}

}  // namespace

extern const NormKernels norm_table;
constinit const NormKernels norm_table = {layer_norm,         layer_norm_backward,   rms_norm,
                                          rms_norm_backward,  batch_norm_statistics, batch_norm,
                                          batch_norm_backward};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(NormKernels, norm_table)
}  // namespace tenon::cpu
#endif
