// Windows of convolutions: where the pieces are, and how they are filled.
#include "backend/cpu/conv_window.h"

#include <algorithm>

namespace tenon::cpu {
namespace {

// Whether any tap of any position meets element i of the dim's extent.
bool is_met(const ConvDim& dim, int64_t i) {
  if (dim.taps * dim.step >= dim.stride && dim.step == 1) return true;
  for (int64_t tap = 0; tap < dim.taps; ++tap) {
    if ((i - tap * dim.step) % dim.stride == 0) return true;
  }
  return false;
}

}  // namespace

Span positions_inside(int64_t offset, int64_t stride, int64_t size, int64_t count) {
  const int64_t begin = offset >= 0 ? 0 : (-offset - 1) / stride + 1;
  const int64_t end = offset >= size ? 0 : (size - 1 - offset) / stride + 1;
  return {std::min(begin, count), std::clamp(end, std::min(begin, count), count)};
}

ConvWindow::ConvWindow(const ConvDims& dims, Span positions, bool by_plane)
    : dims_(dims),
      by_plane_(by_plane),
      first_(positions.begin),
      line_(dims[2].out),
      plane_(dims[1].out * line_),
      sample_(dims[0].out * plane_) {
  auto& [outer, middle, inner] = dims_;
  const auto narrow = [](ConvDim& dim, int64_t first, int64_t last) {
    dim.first += first * dim.stride;
    dim.out = last - first + 1;
    return first;
  };
  const int64_t last = positions.end - 1;
  if (positions.begin / plane_ == last / plane_) {
    first_row_ = narrow(middle, positions.begin % plane_ / line_, last % plane_ / line_);
    if (middle.out == 1) first_place_ = narrow(inner, positions.begin % line_, last % line_);
  }
  phase_size_ = (inner.extent() - 1) / inner.stride + 1;
  row_size_ = phase_size_ * inner.stride;
  plane_size_ = middle.extent() * row_size_;
  first_sample_ = positions.begin / sample_;
  for (int64_t begin = positions.begin; begin < positions.end;) {
    const int64_t sample_begin = begin / sample_ * sample_, end = std::min(positions.end, sample_begin + sample_);
    const int64_t first = (begin - sample_begin) / plane_;
    const int64_t steps = (end - 1 - sample_begin) / plane_ - first;
    const int64_t planes = steps * outer.stride + (outer.taps - 1) * outer.step + 1;
    segments_.push_back({channel_size_, outer.first + first * outer.stride, planes, first});
    channel_size_ += planes * plane_size_;
    begin = end;
  }
}

std::vector<int64_t> ConvWindow::tap_places(int64_t channels) const {
  const auto& [outer, middle, inner] = dims_;
  std::vector<int64_t> places;
  places.reserve(static_cast<size_t>(channels * outer.taps * middle.taps * inner.taps));
  for (int64_t t0 = 0; t0 < outer.taps; ++t0) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t t1 = 0; t1 < middle.taps; ++t1) {
        const int64_t row = c * channel_size_ + t0 * outer.step * plane_size_ + t1 * middle.step * row_size_;
        for (int64_t t2 = 0; t2 < inner.taps; ++t2) {
          const int64_t at = t2 * inner.step;
          places.push_back(row + at % inner.stride * phase_size_ + at / inner.stride);
        }
      }
    }
  }
  return places;
}

void ConvWindow::add_pieces(Span places, std::vector<ConvPiece>& pieces) const {
  const auto& [outer, middle, inner] = dims_;
  const size_t first_piece = pieces.size();
  for_each_part(places, [&](int64_t at, int64_t count, int64_t i) {
    const Segment& segment = segments_[static_cast<size_t>(at / sample_ - first_sample_)];
    const int64_t plane = at % sample_ / plane_ - segment.first_position, row = at % plane_ / line_ - first_row_;
    const int64_t from = segment.at + plane * outer.stride * plane_size_ + row * middle.stride * row_size_ +
                         (at % line_ - first_place_);
    if (pieces.size() > first_piece && pieces.back().from + pieces.back().count == from) {
      pieces.back().count += count;
    } else {
      pieces.push_back({from, i - places.begin, count});
    }
  });
}

Span ConvWindow::outer_taps(Span places) const {
  const ConvDim& outer = dims_[0];
  Span taps{outer.taps, 0};
  for_each_part(places, [&](int64_t at, int64_t, int64_t) {
    const Span met = positions_inside(outer.first + at % sample_ / plane_ * outer.stride, outer.step, outer.in,
                                      outer.taps);
    taps = {std::min(taps.begin, met.begin), std::max(taps.end, met.end)};
  });
  return taps;
}

template <class T>
void ConvWindow::fill(T* to, const T* x, int64_t sample_size, int64_t channels) const {
  const auto& [outer, middle, inner] = dims_;
  const auto [copy_rows, copy_padded, copy_strided] = conv_copies(T{});
  const Span along_row = positions_inside(inner.first, 1, inner.in, row_size_);
  const Span rows = positions_inside(middle.first, 1, middle.in, middle.extent());
  const bool in_order = inner.stride == 1;
  if (!in_order) std::fill_n(to, channels * channel_size_, T());
  for (int64_t c = 0; c < channels; ++c) {
    for (size_t s = 0; s < segments_.size(); ++s) {
      const Segment& segment = segments_[s];
      const T* const channel = x + (first_sample_ + static_cast<int64_t>(s)) * sample_size +
                               c * outer.in * middle.in * inner.in;
      const Span planes = positions_inside(segment.first_plane, 1, outer.in, segment.planes);
      T* plane = to + c * channel_size_ + segment.at;
      for (int64_t p = 0; p < segment.planes; ++p, plane += plane_size_) {
        const bool is_padding = p < planes.begin || p >= planes.end || rows.size() <= 0 || along_row.size() <= 0;
        if (is_padding || !is_met(outer, p)) {
          if (in_order) std::fill_n(plane, plane_size_, T());
          continue;
        }
        T* const row = plane + rows.begin * row_size_;
        // Of what may be outside of the input: added up before it becomes a place.
        const int64_t at = ((segment.first_plane + p) * middle.in + middle.first + rows.begin) * inner.in + inner.first;
        if (in_order) {
          std::fill_n(plane, rows.begin * row_size_, T());
          copy_padded(row, row_size_, along_row.begin, along_row.size(), channel + (at + along_row.begin),
                      inner.in, rows.size());
          std::fill(plane + rows.end * row_size_, plane + plane_size_, T());
          continue;
        }
        for (int64_t r = 0; r < rows.size(); ++r) {
          if (!is_met(middle, rows.begin + r)) continue;
          for (int64_t phase = 0; phase < inner.stride; ++phase) {
            if (!is_met(inner, phase)) continue;
            const Span part = positions_inside(inner.first + phase, inner.stride, inner.in, phase_size_);
            if (part.size() <= 0) continue;
            copy_strided(row + r * row_size_ + phase * phase_size_ + part.begin,
                         channel + (at + r * inner.in + phase + part.begin * inner.stride), part.size(), inner.stride);
          }
        }
      }
    }
  }
}

template void ConvWindow::fill(float*, const float*, int64_t, int64_t) const;
template void ConvWindow::fill(double*, const double*, int64_t, int64_t) const;

}  // namespace tenon::cpu
