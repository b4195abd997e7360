// What the indexing kernels share: checked indices, and walks over the elements of views in row-major order.
// Depends on row_convert.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backend/cpu/row_convert.h"
#include "backend/tensor_view.h"
#include "tenon/base/dim_vector.h"
#include "tenon/base/error.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {

// Elements that are worth a task of their own.
inline constexpr int64_t kIndexTask = 32768;

// Elements of an index view that are handled together.
inline constexpr int64_t kIndexRun = 512;

template <class E = IndexError>
[[noreturn, gnu::cold]] void fail_index(const char* op, int64_t index, int64_t dim, int64_t size) {
  detail::fail<E>(op, ": index ", index, " is out of bounds for dimension ", dim, " with size ", size);
}

// n indices from an int32 or int64 view as int64.
inline void read_indices(int64_t* to, const TensorView& index, int64_t offset, int64_t stride, int64_t n) {
  const int64_t size = static_cast<int64_t>(element_size(index.dtype));
  RowLoader(index.dtype, Acc::I64).load(to, index.as<const char>() + offset * size, stride, n);
}

inline int64_t size_at(const TensorView& v, int64_t dim) {
  return v.ndim() == 0 ? 1 : v.sizes[static_cast<size_t>(dim)];
}
inline int64_t stride_at(const TensorView& v, int64_t dim) {
  return v.ndim() == 0 ? 1 : v.strides[static_cast<size_t>(dim)];
}

// The offset in v of the element at row-major place `index` among the dims of `sizes` other than a and b.
inline int64_t offset_without(const TensorView& v, IntArrayRef sizes, int64_t index, int64_t a, int64_t b) {
  int64_t offset = 0;
  for (int64_t d = static_cast<int64_t>(sizes.size()); d-- > 0;) {
    if (d == a || d == b) continue;
    const size_t i = static_cast<size_t>(d);
    offset += index % sizes[i] * v.strides[i];
    index /= sizes[i];
  }
  return offset;
}

// The indices of a 1-d view, each checked to be in [0, size).
inline std::vector<int64_t> checked_indices(const char* op, const TensorView& index, int64_t dim, int64_t size) {
  const int64_t n = index.numel();
  std::vector<int64_t> values(static_cast<size_t>(n));
  read_indices(values.data(), index, 0, stride_at(index, 0), n);
  for (int64_t value : values) {
    if (static_cast<uint64_t>(value) >= static_cast<uint64_t>(size)) [[unlikely]] fail_index(op, value, dim, size);
  }
  return values;
}

// The dims [first, ndim) that two views share, merged where both step through memory as one.
class InnerDims {
 public:
  InnerDims(const TensorView& a, int64_t a_first, const TensorView& b, int64_t b_first) {
    for (int64_t d = 0; a_first + d < a.ndim(); ++d) {
      const size_t i = static_cast<size_t>(a_first + d), j = static_cast<size_t>(b_first + d);
      if (a.sizes[i] == 1) continue;
      if (!dims_.empty()) {
        Dim& outer = dims_.back();
        if (outer.a == a.strides[i] * a.sizes[i] && outer.b == b.strides[j] * a.sizes[i]) {
          outer = {outer.size * a.sizes[i], a.strides[i], b.strides[j]};
          continue;
        }
      }
      dims_.push_back({a.sizes[i], a.strides[i], b.strides[j]});
    }
    if (dims_.empty()) dims_.push_back({1, 1, 1});
    for (const Dim& d : dims_) numel_ *= d.size;
    runs_ = numel_ == 0 ? 0 : numel_ / dims_.back().size;
  }
  int64_t numel() const { return numel_; }

  // run(a_offset, a_stride, b_offset, b_stride, n) for each run along the innermost dim.
  template <class Run>
  void for_runs(const Run& run) const {
    const Dim& inner = dims_.back();
    for (int64_t r = 0; r < runs_; ++r) {
      int64_t a = 0, b = 0, rest = r;
      for (size_t d = dims_.size() - 1; d-- > 0;) {
        const int64_t i = rest % dims_[d].size;
        rest /= dims_[d].size;
        a += i * dims_[d].a;
        b += i * dims_[d].b;
      }
      run(a, inner.a, b, inner.b, inner.size);
    }
  }

 private:
  struct Dim {
    int64_t size, a, b;
  };
  std::vector<Dim> dims_;
  int64_t numel_ = 1;
  int64_t runs_ = 0;
};

// Calls body(first, last) so that each piece owns the destinations [first, last) of `count`: writes to one destination
// happen in order on one thread, however many pieces there are. `work` is the number of elements to write.
template <class Body>
void for_destinations(int64_t count, int64_t work, const Body& body) {
  constexpr int64_t kPieces = 8;
  const int64_t pieces = work >= 2 * kIndexTask && get_num_threads() > 1 ? std::min(kPieces, count) : 1;
  const int64_t each = pieces > 0 ? (count + pieces - 1) / pieces : 0;
  if (each == 0) return;
  parallel_for(0, pieces, 1, [&](int64_t b, int64_t e) { body(b * each, std::min(count, e * each)); });
}

}  // namespace tenon::cpu
