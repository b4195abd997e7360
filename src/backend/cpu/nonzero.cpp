// The kernels of nonzero.h.
#include "backend/cpu/nonzero.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "backend/cpu/row_convert.h"
#include "tenon/base/dim_vector.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

constexpr int64_t kBlock = 65536;
constexpr int64_t kRun = 1024;

// Reads a view's elements as flags in row-major order.
class FlagReader {
 public:
  explicit FlagReader(const TensorView& view)
      : view_(view), loader_(view.dtype, Acc::Flag), contiguous_(view.is_contiguous()) {}

  // run(place, flags, n) for the elements [begin, end), in runs along the last dim (of a contiguous view, any runs).
  template <class Run>
  void read(int64_t begin, int64_t end, const Run& run) const {
    uint8_t flags[kRun];
    const int64_t size = static_cast<int64_t>(element_size(view_.dtype));
    const int64_t row = contiguous_ ? view_.numel() : view_.sizes.back();
    const int64_t stride = contiguous_ ? 1 : view_.strides.back();
    for (int64_t i = begin; i < end;) {
      const int64_t n = std::min({kRun, end - i, row - i % row});
      loader_.load(flags, view_.as<const char>() + offset(view_, i) * size, stride, n);
      run(i, flags, n);
      i += n;
    }
  }
  static int64_t offset(const TensorView& view, int64_t place) {
    int64_t offset = 0;
    for (size_t d = view.sizes.size(); d-- > 0;) {
      offset += place % view.sizes[d] * view.strides[d];
      place /= view.sizes[d];
    }
    return offset;
  }

 private:
  const TensorView& view_;
  RowLoader loader_;
  bool contiguous_;
};

// The number of flags in each block.
std::vector<int64_t> block_counts(const TensorView& in) {
  const int64_t numel = in.numel();
  std::vector<int64_t> counts(static_cast<size_t>((numel + kBlock - 1) / kBlock));
  const FlagReader reader(in);
  parallel_for(0, numel, kBlock, [&](int64_t begin, int64_t end) {
    int64_t total = 0;
    reader.read(begin, end, [&](int64_t, const uint8_t* flags, int64_t n) {
      uint32_t some = 0;
      for (int64_t i = 0; i < n; ++i) some += flags[i] != 0;
      total += some;
    });
    counts[static_cast<size_t>(begin / kBlock)] = total;
  });
  return counts;
}

// found(places, n, rank) for runs of flags: their row-major places and how many flags come before them.
template <class Found>
void for_flags(const TensorView& in, const Found& found) {
  std::vector<int64_t> starts = block_counts(in);
  std::exclusive_scan(starts.begin(), starts.end(), starts.begin(), int64_t{0});
  const FlagReader reader(in);
  parallel_for(0, in.numel(), kBlock, [&](int64_t begin, int64_t end) {
    int64_t rank = starts[static_cast<size_t>(begin / kBlock)];
    reader.read(begin, end, [&](int64_t place, const uint8_t* flags, int64_t n) {
      int64_t places[kRun];
      int64_t count = 0;
      for (int64_t i = 0; i < n; ++i) {
        places[count] = place + i;
        count += flags[i] != 0;
      }
      found(places, count, rank);
      rank += count;
    });
  });
}

}  // namespace

int64_t count_nonzero(const TensorView& in) {
  const std::vector<int64_t> counts = block_counts(in);
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

void nonzero(const TensorView& out, const TensorView& in) {
  const size_t ndim = in.sizes.size();
  int64_t* to = out.as<int64_t>();
  for_flags(in, [&](const int64_t* places, int64_t count, int64_t rank) {
    for (int64_t i = 0; i < count; ++i) {
      int64_t* row = to + (rank + i) * static_cast<int64_t>(ndim);
      int64_t place = places[i];
      for (size_t d = ndim; d-- > 1;) {
        row[d] = place % in.sizes[d];
        place /= in.sizes[d];
      }
      if (ndim > 0) row[0] = place;
    }
  });
}

void masked_select(const TensorView& out, const TensorView& in, const TensorView& mask) {
  const size_t size = element_size(in.dtype);
  const bool contiguous = in.is_contiguous();
  for_flags(mask, [&](const int64_t* places, int64_t count, int64_t rank) {
    int64_t offsets[kRun];
    for (int64_t i = 0; i < count; ++i) offsets[i] = contiguous ? places[i] : FlagReader::offset(in, places[i]);
    gather_elements(out.as<char>() + rank * static_cast<int64_t>(size), in.data, offsets, count, size);
  });
}

}  // namespace tenon::cpu
