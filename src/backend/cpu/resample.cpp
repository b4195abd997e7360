// Resampling on the CPU, one dim after the other from the last to the first. Lines of several numbers are summed as
// rows, a dim of single numbers by gathering. A piece of work is some of a plane's results along its first dim.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/resample.cpp"
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "backend/cpu/kernels.h"
#include "backend/cpu/simd.h"
#include "backend/cpu/taps-inl.h"
#include "tenon/base/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

// Numbers that a piece should compute at least: enough that what neighbours compute twice does not matter.
constexpr int64_t kPieceNumbers = 32768;
// Below this many numbers in a row its dim is gathered.
constexpr int64_t kLeastRow = 8;
constexpr int64_t kBytesAtOnce = 256;

// Weights of bytes are integers that share a scale of 2^precision, the largest that keeps them within 16 bits.
int precision_of(const ResampleDim& dim) {
  double largest = 0;
  for (int64_t k = 0; k < dim.offset[dim.out]; ++k) largest = std::max(largest, dim.weights[k]);
  int precision = 0;
  while (precision < 22 && static_cast<int64_t>(0.5 + largest * (1 << (precision + 1))) < (1 << 15)) ++precision;
  return precision;
}

// sum_taps of bytes that were widened, by weights of 2^precision.
void sum_byte_taps(uint8_t* out, const int32_t* in, const int32_t* index, const int32_t* weight, int64_t taps,
                   int64_t stride, int64_t n, int precision) {
  const hn::ScalableTag<int32_t> d;
  const auto half = hn::Set(d, precision > 0 ? 1 << (precision - 1) : 0), none = hn::Set(d, -1), zero = hn::Zero(d);
  auto store = [&](VecOf<int32_t> sum, int64_t i, size_t count) HWY_ATTR {
    HWY_ALIGN int32_t lanes[hn::MaxLanes(d)];
    hn::Store(hn::Min(hn::Max(hn::ShiftRightSame(sum, precision), zero), hn::Set(d, 255)), d, lanes);
    for (size_t l = 0; l < count; ++l) out[i + static_cast<int64_t>(l)] = static_cast<uint8_t>(lanes[l]);
  };
  for_vectors<int32_t>(
      n,
      [&](int64_t i) HWY_ATTR {
        auto sum = half;
        for (int64_t k = 0; k < taps; ++k) {
          const auto x = gather_or_zero<int32_t>(in, hn::LoadU(d, index + k * stride + i));
          sum = hn::Add(sum, hn::Mul(hn::LoadU(d, weight + k * stride + i), x));
        }
        store(sum, i, hn::Lanes(d));
      },
      [&](int64_t i, size_t count) HWY_ATTR {
        auto sum = half;
        for (int64_t k = 0; k < taps; ++k) {
          const auto x = gather_or_zero<int32_t>(in, load_tail(index + k * stride + i, count, none));
          sum = hn::Add(sum, hn::Mul(load_tail(weight + k * stride + i, count, zero), x));
        }
        store(sum, i, count);
      });
}

// One dim with its weights as T needs them.
template <class T>
class Dim {
 public:
  static constexpr bool kBytes = std::is_same_v<T, uint8_t>;
  using Weight = std::conditional_t<kBytes, int32_t, T>;
  using Index = IndexOf<Weight>;

  Dim(const ResampleDim& dim, int64_t inner) : dim_(dim), inner_(inner) {
    if (!active()) return;
    const int64_t total = dim.offset[dim.out];
    weights_.resize(static_cast<size_t>(total));
    if constexpr (kBytes) precision_ = precision_of(dim);
    for (int64_t k = 0; k < total; ++k) {
      double weight = dim.weights[k];
      if constexpr (kBytes) weight = std::trunc(weight * (1 << precision_) + std::copysign(0.5, weight));
      weights_[static_cast<size_t>(k)] = static_cast<Weight>(weight);
    }
    make_columns();
  }

  bool active() const { return dim_.start != nullptr; }
  bool gathers() const { return !index_.empty(); }

  // Results [begin, end) of one line, of elements whose first is number `origin` of the line.
  void line(T* out, const T* in, int64_t begin, int64_t end, int64_t origin) const {
    if (gathers()) {
      const int64_t stride = dim_.out * inner_, n = (end - begin) * inner_;
      const Index* index = index_.data() + begin * inner_;
      const Weight* weight = columns_.data() + begin * inner_;
      if constexpr (kBytes) {
        const std::vector<int32_t> wide(in, in + dim_.in * inner_);
        return sum_byte_taps(out, wide.data(), index, weight, taps_, stride, n, precision_);
      } else {
        return sum_taps(out, in, index, weight, taps_, stride, n);
      }
    }
    for (int64_t i = begin; i < end; ++i, out += inner_) {
      const int64_t first = dim_.offset[i], count = dim_.offset[i + 1] - first;
      row(out, in + (dim_.start[i] - origin) * inner_, weights_.data() + first, count);
    }
  }

 private:
  // The weights of sum_taps: tap k of all results side by side. Not where few results have most of the taps.
  void make_columns() {
    const int64_t total = dim_.offset[dim_.out], n = dim_.out * inner_;
    for (int64_t i = 0; i < dim_.out; ++i) taps_ = std::max(taps_, dim_.offset[i + 1] - dim_.offset[i]);
    if (inner_ >= kLeastRow || taps_ * dim_.out > 4 * total + 64) return;
    index_.assign(static_cast<size_t>(taps_ * n), -1);
    columns_.assign(index_.size(), Weight(0));
    for (int64_t i = 0; i < dim_.out; ++i) {
      for (int64_t k = 0; k < dim_.offset[i + 1] - dim_.offset[i]; ++k) {
        for (int64_t c = 0; c < inner_; ++c) {
          const auto at = static_cast<size_t>(k * n + i * inner_ + c);
          index_[at] = static_cast<Index>((dim_.start[i] + k) * inner_ + c);
          columns_[at] = weights_[static_cast<size_t>(dim_.offset[i] + k)];
        }
      }
    }
  }

  void row(T* out, const T* in, const Weight* weight, int64_t count) const {
    if constexpr (kBytes) {
      const int32_t half = precision_ > 0 ? 1 << (precision_ - 1) : 0;
      int32_t sums[kBytesAtOnce];
      for (int64_t first = 0; first < inner_; first += kBytesAtOnce) {
        const int64_t n = std::min(kBytesAtOnce, inner_ - first);
        std::fill_n(sums, n, half);
        for (int64_t k = 0; k < count; ++k) {
          const uint8_t* source = in + k * inner_ + first;
          for (int64_t j = 0; j < n; ++j) sums[j] += weight[k] * source[j];
        }
        for (int64_t j = 0; j < n; ++j) {
          out[first + j] = static_cast<uint8_t>(std::clamp(sums[j] >> precision_, 0, 255));
        }
      }
    } else {
      sum_rows(out, in, weight, count, inner_, inner_);
    }
  }

  const ResampleDim& dim_;
  int64_t inner_, taps_ = 0;
  int precision_ = 0;
  std::vector<Weight> weights_, columns_;
  std::vector<Index> index_;
};

template <class T>
void resample_as(const TensorView& y, const TensorView& x, const ResampleGeometry& g) {
  const auto& [d0, d1, d2] = g.dims;
  const int64_t row = d1.out * d2.out * g.inner, in_row = d1.in * d2.in * g.inner;
  // Where the first dim shrinks, it goes first and leaves fewer lines. Bytes, which are rounded each time, keep to the
  // order.
  const bool early = !Dim<T>::kBytes && d0.start && d0.out < d0.in && (d1.start || d2.start);
  const Dim<T> first(d0, early ? in_row : row), second(d1, d2.out * g.inner), third(d2, g.inner);
  const bool twice = second.active() || third.active();
  // Gathered results come from whole lines.
  const int64_t block = first.gathers() && twice ? d0.out : std::clamp<int64_t>(kPieceNumbers / row, 1, d0.out);
  const int64_t blocks = (d0.out + block - 1) / block;
  const int64_t grain = std::max<int64_t>(1, kPieceNumbers / (block * row));
  parallel_for(0, g.planes * blocks, grain, [&](int64_t from, int64_t to) {
    std::vector<T> buffers[3];
    for (int64_t piece = from; piece < to; ++piece) {
      const int64_t plane = piece / blocks, begin = piece % blocks * block, end = std::min(d0.out, begin + block);
      const T* in = x.as<const T>() + plane * d0.in * in_row;
      T* out = y.as<T>() + (plane * d0.out + begin) * row;
      // The lines of the first dim that these results need.
      int64_t low = begin, high = end;
      if (early) {
        low = 0;
        high = end - begin;
      } else if (first.active()) {
        low = d0.in;
        high = 0;
        for (int64_t i = begin; i < end; ++i) {
          if (d0.offset[i] == d0.offset[i + 1]) continue;
          low = std::min(low, d0.start[i]);
          high = std::max(high, d0.start[i] + d0.offset[i + 1] - d0.offset[i]);
        }
        low = std::min(low, high);
        // What is gathered is a whole line.
        if (first.gathers()) {
          low = 0;
          high = d0.in;
        }
      }
      const int64_t lines = high - low;
      const T* source = in + low * in_row;
      const bool more = first.active() && !early;
      auto target = [&](bool last, size_t slot, int64_t numbers) {
        if (last) return out;
        buffers[slot].resize(static_cast<size_t>(numbers));
        return buffers[slot].data();
      };
      if (early) {
        T* to_here = target(false, 2, lines * in_row);
        first.line(to_here, source, begin, end, 0);
        source = to_here;
      }
      if (third.active()) {
        T* to_here = target(!second.active() && !more, 0, lines * d1.in * d2.out * g.inner);
        for (int64_t l = 0; l < lines * d1.in; ++l) {
          third.line(to_here + l * d2.out * g.inner, source + l * d2.in * g.inner, 0, d2.out, 0);
        }
        source = to_here;
      }
      if (second.active()) {
        T* to_here = target(!more, 1, lines * row);
        for (int64_t l = 0; l < lines; ++l) {
          second.line(to_here + l * row, source + l * d1.in * d2.out * g.inner, 0, d1.out, 0);
        }
        source = to_here;
      }
      if (more) {
        first.line(out, source, begin, end, low);
      } else if (!twice) {
        std::copy_n(source, lines * row, out);
      }
    }
  });
}

void resample(const TensorView& y, const TensorView& x, const ResampleGeometry& g) {
  if (x.dtype == kFloat) {
    resample_as<float>(y, x, g);
  } else if (x.dtype == kDouble) {
    resample_as<double>(y, x, g);
  } else {
    resample_as<uint8_t>(y, x, g);
  }
}

}  // namespace

extern const ResampleKernels resample_table;
constinit const ResampleKernels resample_table = {resample};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(ResampleKernels, resample_table)
}  // namespace tenon::cpu
#endif
