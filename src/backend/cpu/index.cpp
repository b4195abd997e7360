// Gather, scatter and advanced indexing. Indices are all checked before the first write. Writes that may meet happen in
// index order on one thread: work is split over lines that cannot meet, or over ranges of destinations.
#include <complex>
#include <cstring>
#include <type_traits>

#include "backend/cpu/bytes.h"
#include "backend/cpu/index_util.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/nonzero.h"

namespace tenon::cpu {
namespace {

// --- gather and scatter

// Both walk index in lines: along its last dim, for places that share the others. In the other view, the element of
// index place j of a line is at base + j * step + index * along.
struct IndexLines {
  const TensorView& index;
  const TensorView& other;
  int64_t dim;
  int64_t last;

  IndexLines(const TensorView& index, const TensorView& other, int64_t dim)
      : index(index), other(other), dim(dim), last(std::max<int64_t>(0, index.ndim() - 1)) {}
  int64_t length() const { return size_at(index, last); }
  int64_t count() const { return length() == 0 ? 0 : index.numel() / length(); }
  int64_t grain() const { return std::max<int64_t>(1, kIndexTask / length()); }
  int64_t along() const { return stride_at(other, dim); }
  int64_t step() const { return last == dim ? 0 : stride_at(other, last); }

  void check(const char* op) const {
    const int64_t size = size_at(other, dim), n = length();
    if (index.numel() == 0) return;
    parallel_for(0, count(), grain(), [&](int64_t begin, int64_t end) {
      int64_t run[kIndexRun];
      for (int64_t line = begin; line < end; ++line) {
        const int64_t base = offset_without(index, index.sizes, line, last, last);
        for (int64_t j = 0; j < n; j += kIndexRun) {
          const int64_t some = std::min(kIndexRun, n - j);
          read_indices(run, index, base + j * stride_at(index, last), stride_at(index, last), some);
          bool bad = false;
          for (int64_t i = 0; i < some; ++i) bad |= static_cast<uint64_t>(run[i]) >= static_cast<uint64_t>(size);
          if (!bad) continue;
          // PyTorch's error for these is the general one.
          const int64_t* outside = std::find_if(
              run, run + some, [&](int64_t at) { return static_cast<uint64_t>(at) >= static_cast<uint64_t>(size); });
          fail_index<TensorError>(op, *outside, dim, size);
        }
      }
    });
  }

  // piece(j, places, n) for runs of a line: places[i] is the offset in `other` of index place j + i.
  template <class Piece>
  void for_pieces(int64_t index_base, int64_t other_base, const Piece& piece) const {
    int64_t places[kIndexRun];
    const int64_t n = length(), stride = stride_at(index, last), a = along(), s = step();
    for (int64_t j = 0; j < n; j += kIndexRun) {
      const int64_t some = std::min(kIndexRun, n - j);
      read_indices(places, index, index_base + j * stride, stride, some);
      for (int64_t i = 0; i < some; ++i) places[i] = other_base + (j + i) * s + places[i] * a;
      piece(j, places, some);
    }
  }
};

void gather_unchecked(const TensorView& out, const TensorView& in, int64_t dim, const TensorView& index) {
  if (index.numel() == 0) return;
  const IndexLines lines(index, in, dim);
  visit_size(element_size(in.dtype), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, lines.count(), lines.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        const int64_t index_base = offset_without(index, index.sizes, line, lines.last, lines.last);
        // In `in` the dim itself is placed by the index.
        int64_t in_base = 0, rest = line;
        for (int64_t d = index.ndim() - 1; d-- > 0;) {
          const size_t i = static_cast<size_t>(d);
          if (d != dim) in_base += rest % index.sizes[i] * in.strides[i];
          rest /= index.sizes[i];
        }
        T* to = out.as<T>() + offset_without(out, index.sizes, line, lines.last, lines.last);
        const int64_t stride = stride_at(out, lines.last);
        lines.for_pieces(index_base, in_base, [&](int64_t j, const int64_t* places, int64_t n) {
          const T* from = in.as<const T>();
          for (int64_t i = 0; i < n; ++i) to[(j + i) * stride] = from[places[i]];
        });
      }
    });
  });
}

void gather(const TensorView& out, const TensorView& in, int64_t dim, const TensorView& index) {
  IndexLines(index, in, dim).check("gather");
  gather_unchecked(out, in, dim, index);
}

template <class T>
T combined(ScatterMode mode, T old, T value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(combined<float>(mode, old, value));
  } else {
    constexpr bool real = !std::is_same_v<T, std::complex<float>> && !std::is_same_v<T, std::complex<double>>;
    switch (mode) {
      case ScatterMode::Add:
        if constexpr (std::is_same_v<T, bool>) return old || value;
        else if constexpr (std::is_integral_v<T>)
          return static_cast<T>(static_cast<uint64_t>(old) + static_cast<uint64_t>(value));
        else return old + value;
      case ScatterMode::Multiply:
        if constexpr (std::is_same_v<T, bool>) return old && value;
        else if constexpr (std::is_integral_v<T>)
          return static_cast<T>(static_cast<uint64_t>(old) * static_cast<uint64_t>(value));
        else return old * value;
      case ScatterMode::Max:
        if constexpr (real) return old > value || old != old ? old : value;
        break;
      case ScatterMode::Min:
        if constexpr (real) return old < value || old != old ? old : value;
        break;
      case ScatterMode::Assign: break;
    }
    return value;
  }
}

// out[places[i]] (mode)= src[i * stride].
using CombineFn = void (*)(ScatterMode mode, void* out, const int64_t* places, const void* src, int64_t stride,
                           int64_t n);

template <class T>
void combine_line(ScatterMode mode, void* out, const int64_t* places, const void* src, int64_t stride, int64_t n) {
  T* to = static_cast<T*>(out);
  const T* from = static_cast<const T*>(src);
  if (mode == ScatterMode::Add) {
    for (int64_t i = 0; i < n; ++i) to[places[i]] = combined(ScatterMode::Add, to[places[i]], from[i * stride]);
    return;
  }
  for (int64_t i = 0; i < n; ++i) to[places[i]] = combined(mode, to[places[i]], from[i * stride]);
}

template <class T>
void assign_line(ScatterMode, void* out, const int64_t* places, const void* src, int64_t stride, int64_t n) {
  T* to = static_cast<T*>(out);
  const T* from = static_cast<const T*>(src);
  for (int64_t i = 0; i < n; ++i) to[places[i]] = from[i * stride];
}

CombineFn combine_fn(ScatterMode mode, ScalarType dtype) {
  CombineFn fn = nullptr;
  if (mode == ScatterMode::Assign) {
    visit_size(element_size(dtype), [&](auto tag) { fn = assign_line<decltype(tag)>; });
  } else {
    visit_dtype(dtype, [&](auto tag) { fn = combine_line<decltype(tag)>; });
  }
  return fn;
}

void scatter_unchecked(const TensorView& out, int64_t dim, const TensorView& index, const TensorView& src,
                       ScatterMode mode) {
  if (index.numel() == 0) return;
  const IndexLines lines(index, out, dim);
  const CombineFn combine = combine_fn(mode, out.dtype);
  const int64_t size = static_cast<int64_t>(element_size(out.dtype));
  // Lines that differ in dim alone may meet, so one task takes all of them.
  const int64_t along = lines.last == dim ? 1 : size_at(index, dim);
  const int64_t groups = lines.count() / along;
  const int64_t grain = std::max<int64_t>(1, kIndexTask / (along * lines.length()));
  parallel_for(0, groups, grain, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      const int64_t index_base = offset_without(index, index.sizes, g, dim, lines.last);
      const int64_t src_base = offset_without(src, index.sizes, g, dim, lines.last);
      const int64_t out_base = offset_without(out, index.sizes, g, dim, lines.last);
      for (int64_t i = 0; i < along; ++i) {
        const char* from = src.as<const char>() + (src_base + (along > 1 ? i * stride_at(src, dim) : 0)) * size;
        const int64_t stride = stride_at(src, lines.last);
        lines.for_pieces(index_base + (along > 1 ? i * stride_at(index, dim) : 0), out_base,
                         [&](int64_t j, const int64_t* places, int64_t n) {
                           combine(mode, out.data, places, from + j * stride * size, stride, n);
                         });
      }
    }
  });
}

void scatter(const TensorView& out, int64_t dim, const TensorView& index, const Operand& src, ScatterMode mode) {
  TENON_CHECK(!is_complex(out.dtype) || (mode != ScatterMode::Max && mode != ScatterMode::Min),
              "scatter: amax and amin are not defined for dtype ", out.dtype, "; expected a real dtype");
  IndexLines(index, out, dim).check("scatter");
  if (!src.is_number) return scatter_unchecked(out, dim, index, src.view, mode);
  alignas(16) std::byte number[16];
  visit_dtype(out.dtype, [&](auto tag) {
    const auto value = src.number.to<decltype(tag)>();
    std::memcpy(number, &value, sizeof value);
  });
  const DimVector zeros(index.sizes.size());
  scatter_unchecked(out, dim, index, TensorView{number, out.dtype, index.sizes, zeros}, mode);
}

// --- rows chosen by a list

// index, a list along `dim`, as a view of `like`'s shape.
TensorView expanded(const std::vector<int64_t>& indices, const TensorView& like, int64_t dim, DimVector& strides) {
  strides = DimVector(like.sizes.size());
  if (like.ndim() > 0) strides[static_cast<size_t>(dim)] = 1;
  return {const_cast<int64_t*>(indices.data()), kLong, like.sizes, strides};
}

void index_select(const TensorView& out, const TensorView& in, int64_t dim, const TensorView& index) {
  const std::vector<int64_t> indices = checked_indices("index_select", index, dim, size_at(in, dim));
  if (out.numel() == 0) return;
  const InnerDims inner(out, dim + 1, in, dim + 1);
  const size_t size = element_size(in.dtype);
  if (inner.numel() * static_cast<int64_t>(size) < 32) {
    DimVector strides;
    const TensorView index_view = expanded(indices, out, dim, strides);
    return gather_unchecked(out, in, dim, index_view);
  }
  const int64_t n = static_cast<int64_t>(indices.size()), rows = out.numel() / inner.numel();
  const IntArrayRef outer = out.sizes.slice(0, static_cast<size_t>(dim));
  parallel_for(0, rows, std::max<int64_t>(1, kIndexTask / inner.numel()), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t i = r % n;
      const int64_t to = offset_without(out, outer, r / n, -1, -1) + i * stride_at(out, dim);
      const int64_t from =
          offset_without(in, outer, r / n, -1, -1) + indices[static_cast<size_t>(i)] * stride_at(in, dim);
      inner.for_runs([&](int64_t a, int64_t a_stride, int64_t b, int64_t b_stride, int64_t count) {
        copy_strided(out.as<char>() + (to + a) * static_cast<int64_t>(size), a_stride,
                     in.as<const char>() + (from + b) * static_cast<int64_t>(size), b_stride, count, size);
      });
    }
  });
}

// out[i] += alpha * src[i], computed in float for the half types.
template <class T>
void add_scaled(T* out, int64_t out_stride, const T* src, int64_t src_stride, int64_t n, const Scalar& alpha) {
  using C = std::conditional_t<std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>, float, T>;
  const C scale = alpha.to<C>();
  auto sum = [scale](T old, T value) -> T {
    if constexpr (std::is_same_v<T, bool>) {
      return old || (scale && value);
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(old) + static_cast<uint64_t>(scale) * static_cast<uint64_t>(value));
    } else {
      return T(C(old) + scale * C(value));
    }
  };
  if (out_stride == 1 && src_stride == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = sum(out[i], src[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * out_stride] = sum(out[i * out_stride], src[i * src_stride]);
  }
}

void index_add(const TensorView& out, int64_t dim, const TensorView& index, const TensorView& src,
               const Scalar& alpha) {
  const int64_t size = size_at(out, dim);
  const std::vector<int64_t> indices = checked_indices("index_add", index, dim, size);
  const InnerDims inner(src, dim + 1, out, dim + 1);
  if (src.numel() == 0) return;
  const IntArrayRef outer = src.sizes.slice(0, static_cast<size_t>(std::min<int64_t>(dim, src.ndim())));
  int64_t groups = 1;
  for (int64_t s : outer) groups *= s;
  visit_dtype(out.dtype, [&](auto tag) {
    using T = decltype(tag);
    auto add_rows = [&](int64_t group, int64_t first, int64_t last) {
      const int64_t to = offset_without(out, outer, group, -1, -1), from = offset_without(src, outer, group, -1, -1);
      for (size_t i = 0; i < indices.size(); ++i) {
        if (indices[i] < first || indices[i] >= last) continue;
        T* y = out.as<T>() + to + indices[i] * stride_at(out, dim);
        const T* x = src.as<const T>() + from + static_cast<int64_t>(i) * stride_at(src, dim);
        inner.for_runs([&](int64_t a, int64_t a_stride, int64_t b, int64_t b_stride, int64_t n) {
          add_scaled(y + b, b_stride, x + a, a_stride, n, alpha);
        });
      }
    };
    if (groups >= 8 || inner.numel() < 8) {
      const int64_t each = static_cast<int64_t>(indices.size()) * inner.numel();
      parallel_for(0, groups, std::max<int64_t>(1, kIndexTask / each), [&](int64_t begin, int64_t end) {
        for (int64_t g = begin; g < end; ++g) add_rows(g, 0, size);
      });
    } else {
      for_destinations(size, src.numel(), [&](int64_t first, int64_t last) {
        for (int64_t g = 0; g < groups; ++g) add_rows(g, first, last);
      });
    }
  });
}

// --- advanced indexing

// For each i, the place of the indexed row: its offset in the view and its number among all rows.
struct IndexedRows {
  std::vector<int64_t> offsets;
  std::vector<int64_t> numbers;
  int64_t total = 1;

  IndexedRows(const char* op, const TensorView& view, const TensorView* indices, int count) {
    const int64_t n = indices[0].sizes[0];
    offsets.resize(static_cast<size_t>(n));
    numbers.resize(static_cast<size_t>(n));
    for (int k = 0; k < count; ++k) {
      const size_t dim = static_cast<size_t>(k);
      const int64_t size = view.sizes[dim], stride = view.strides[dim];
      const int64_t* index = indices[k].as<const int64_t>();
      total *= size;
      for (int64_t i = 0; i < n; ++i) {
        const int64_t at = index[i] < 0 ? index[i] + size : index[i];
        if (static_cast<uint64_t>(at) >= static_cast<uint64_t>(size)) [[unlikely]] fail_index(op, index[i], k, size);
        offsets[static_cast<size_t>(i)] += at * stride;
        numbers[static_cast<size_t>(i)] = numbers[static_cast<size_t>(i)] * size + at;
      }
    }
  }
  int64_t count() const { return static_cast<int64_t>(offsets.size()); }
};

void index_get(const TensorView& out, const TensorView& in, const TensorView* indices, int count) {
  const IndexedRows rows("index", in, indices, count);
  const InnerDims inner(out, 1, in, count);
  if (out.numel() == 0) return;
  visit_size(element_size(in.dtype), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, rows.count(), std::max<int64_t>(1, kIndexTask / inner.numel()), [&](int64_t begin, int64_t end) {
      const T* from = in.as<const T>();
      T* to = out.as<T>();
      const int64_t step = out.strides[0];
      if (inner.numel() == 1) {
        for (int64_t i = begin; i < end; ++i) to[i * step] = from[rows.offsets[static_cast<size_t>(i)]];
        return;
      }
      for (int64_t i = begin; i < end; ++i) {
        const T* x = from + rows.offsets[static_cast<size_t>(i)];
        T* y = to + i * step;
        inner.for_runs([&](int64_t a, int64_t a_stride, int64_t b, int64_t b_stride, int64_t n) {
          copy_strided(y + a, a_stride, x + b, b_stride, n, sizeof(T));
        });
      }
    });
  });
}

void index_put(const TensorView& out, const TensorView* indices, int count, const TensorView& values, bool accumulate) {
  const IndexedRows rows("index_put", out, indices, count);
  const InnerDims inner(values, 1, out, count);
  if (values.numel() == 0) return;
  const int64_t step = values.strides[0];
  // Searching the list for one's own destinations pays only where rows are long.
  const int64_t work = inner.numel() >= 16 ? values.numel() : 0;
  auto put = [&](auto tag, const auto& row) {
    using T = decltype(tag);
    for_destinations(rows.total, work, [&](int64_t first, int64_t last) {
      for (int64_t i = 0; i < rows.count(); ++i) {
        const int64_t number = rows.numbers[static_cast<size_t>(i)];
        if (number < first || number >= last) continue;
        T* y = out.as<T>() + rows.offsets[static_cast<size_t>(i)];
        const T* x = values.as<const T>() + i * step;
        inner.for_runs([&](int64_t a, int64_t a_stride, int64_t b, int64_t b_stride, int64_t n) {
          row(y + b, b_stride, x + a, a_stride, n);
        });
      }
    });
  };
  if (accumulate) {
    visit_dtype(out.dtype, [&](auto tag) {
      put(tag, [](auto* y, int64_t ys, const auto* x, int64_t xs, int64_t n) { add_scaled(y, ys, x, xs, n, 1); });
    });
  } else {
    visit_size(element_size(out.dtype), [&](auto tag) {
      put(tag, [](auto* y, int64_t ys, const auto* x, int64_t xs, int64_t n) {
        if (n == 1) *y = *x;
        else copy_strided(y, ys, x, xs, n, sizeof *y);
      });
    });
  }
}

}  // namespace

const IndexKernels& index_table() {
  static constexpr IndexKernels table = {gather,    scatter,       index_select, index_add,    index_get,
                                         index_put, count_nonzero, nonzero,      masked_select};
  return table;
}

}  // namespace tenon::cpu
