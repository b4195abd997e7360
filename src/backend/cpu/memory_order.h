// Walks the elements of a view, or of two views of equal sizes, in PyTorch's order: by falling strides, so that a dense
// tensor of any layout is walked as it lies in memory. Random numbers go to elements in this order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backend/tensor_view.h"
#include "tenon/base/dim_vector.h"

namespace tenon::cpu {

class MemoryOrder {
 public:
  // `second` may be null.
  MemoryOrder(const TensorView& first, const TensorView* second) : numel_(first.numel()) {
    std::vector<size_t> dims;
    for (size_t d = first.sizes.size(); d-- > 0;) {
      if (first.sizes[d] != 1) dims.push_back(d);
    }
    sort_innermost_first(dims, first, second);
    for (size_t d : dims) append(first.sizes[d], first.strides[d], second != nullptr ? second->strides[d] : 0);
    if (sizes_.empty()) append(1, 1, 1);
    index_.resize(sizes_.size());
  }

  int64_t numel() const { return numel_; }
  // Whether the first view's elements lie side by side.
  bool dense() const { return sizes_.size() == 1 && first_[0] == 1; }

  // Calls visit(offset into first, offset into second) for the next `count` elements.
  template <class Visit>
  void next(int64_t count, Visit&& visit) {
    while (count > 0) {
      const int64_t run = std::min(count, sizes_[0] - index_[0]);
      for (int64_t i = 0; i < run; ++i) visit(at_first_ + i * first_[0], at_second_ + i * second_[0]);
      count -= run;
      step(run);
    }
  }

 private:
  // PyTorch's ordering of dims: insertion by stride, ambiguous (zero) strides left where they are, the larger size
  // outside where strides are equal.
  static void sort_innermost_first(std::vector<size_t>& dims, const TensorView& first, const TensorView* second) {
    auto outside = [&](size_t a, size_t b) {
      for (const TensorView* view : {&first, second}) {
        if (view == nullptr) continue;
        const int64_t stride_a = std::abs(view->strides[a]), stride_b = std::abs(view->strides[b]);
        if (stride_a == 0 || stride_b == 0) continue;
        if (stride_a != stride_b) return stride_a < stride_b ? -1 : 1;
        if (first.sizes[a] > first.sizes[b]) return 1;
      }
      return 0;
    };
    for (size_t i = 1; i < dims.size(); ++i) {
      size_t moving = i;
      for (size_t j = i; j-- > 0;) {
        const int order = outside(dims[j], dims[moving]);
        if (order < 0) break;
        if (order > 0) {
          std::swap(dims[j], dims[moving]);
          moving = j;
        }
      }
    }
  }

  // Adds the next outer dim, as one with the one before where memory goes on evenly.
  void append(int64_t size, int64_t first, int64_t second) {
    if (!sizes_.empty() && first_.back() * sizes_.back() == first && second_.back() * sizes_.back() == second) {
      sizes_.back() *= size;
      return;
    }
    sizes_.push_back(size);
    first_.push_back(first);
    second_.push_back(second);
  }

  void step(int64_t run) {
    index_[0] += run;
    at_first_ += run * first_[0];
    at_second_ += run * second_[0];
    for (size_t d = 0; index_[d] == sizes_[d] && d + 1 < sizes_.size(); ++d) {
      at_first_ += first_[d + 1] - sizes_[d] * first_[d];
      at_second_ += second_[d + 1] - sizes_[d] * second_[d];
      index_[d] = 0;
      ++index_[d + 1];
    }
  }

  int64_t numel_;
  DimVector sizes_, first_, second_, index_;  // innermost dim first
  int64_t at_first_ = 0, at_second_ = 0;
};

}  // namespace tenon::cpu
