// Which elements of a convolution's kernel its positions use, and where their weights are.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "backend/conv_kernels.h"
#include "backend/cpu/conv_window.h"
#include "backend/cpu/gemm.h"

namespace tenon::cpu {

// The taps of a dim in terms of the kernel's elements: tap t is element first + t * step.
struct Elements {
  int64_t first, step;
};

// The dims of a product over positions, and which elements of the kernel their taps are.
struct Taps {
  ConvDims dims;
  std::array<Elements, 3> elements;

  int64_t count() const { return dims[0].taps * dims[1].taps * dims[2].taps; }
  int64_t plane() const { return dims[0].out * dims[1].out * dims[2].out; }
  // Leaves out the first and last taps that meet nothing but padding.
  void trim();
  // Whether a window of them and its panels are worth their room.
  bool fits() const;
};

// For the outputs; and for the gradient at the inputs phase + i * stride along each dim: what it takes of the output's.
Taps forward_taps(const ConvGeometry& geometry);
Taps backward_taps(const ConvGeometry& geometry, const std::array<int64_t, 3>& phase);

// The geometry with the first of its dims that are no single points in front and the last at the end, which moves no
// element.
ConvGeometry with_outer_dims(ConvGeometry geometry);
// Whether the kernel has one element, which meets each input once.
bool is_plain(const ConvGeometry& geometry);
// Whether samples are better multiplied one by one: where that needs no unfolding, or there is but a small one.
bool is_better_by_sample(const ConvGeometry& geometry, int64_t plane);

// Where the weights of taps are within a whole weight. The matrix of a group has a row for each output channel, or for
// each input channel if it is `by_input`, and the terms of each row are ordered as the taps of a window.
class TapWeights {
 public:
  TapWeights(const ConvGeometry& geometry, const Taps& taps, bool by_input);

  // Calls visit(element) for the terms of a row in their order.
  template <class Visit>
  void for_each_term(int64_t group, int64_t row, Span channels, const Visit& visit) const {
    const int64_t first = group * group_stride_ + row * row_stride_;
    for (size_t tap = 0; tap < elements_.size(); tap += static_cast<size_t>(step_)) {
      for (int64_t channel = channels.begin; channel < channels.end; ++channel) {
        const int64_t at = first + channel * channel_stride_;
        for (int64_t t = 0; t < step_; ++t) visit(at + elements_[tap + static_cast<size_t>(t)]);
      }
    }
  }

  int64_t row_stride() const { return row_stride_; }

  // Packs the terms of some rows into panels as PackKernels make them.
  template <class T>
  void pack(T* to, const T* w, int64_t group, Span rows, Span channels, int64_t max_rows) const {
    const Panels panels(rows.size(), max_rows);
    for (int64_t p = 0; p < panels.count; ++p) {
      const int64_t row = rows.begin + panels.start(p), count = panels.start(p + 1) - panels.start(p);
      const auto pack_rows = [&](auto rows_of_panel) {
        const int64_t stride = row_stride_;
        for_each_term(group, row, channels, [&, stride](int64_t element) {
          for (int64_t i = 0; i < rows_of_panel; ++i) to[i] = w[element + i * stride];
          to += rows_of_panel;
        });
      };
      if (count == tile_rows(true)) {  // known sizes are unrolled
        pack_rows(std::integral_constant<int64_t, tile_rows(true)>());
      } else if (count == tile_rows(false)) {
        pack_rows(std::integral_constant<int64_t, tile_rows(false)>());
      } else {
        pack_rows(count);
      }
    }
  }

 private:
  int64_t group_stride_, row_stride_, channel_stride_, step_;
  std::vector<int64_t> elements_;
};

}  // namespace tenon::cpu
