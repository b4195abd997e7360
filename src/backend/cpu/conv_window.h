// What the positions of a convolution read of its input, laid out so that every tap of the kernel meets neighbouring
// positions of a line in neighbouring places: padding is there as zeros, and where positions are several elements apart
// along the last dim, the elements of each remainder lie together.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace tenon::cpu {

// Elements in [begin, end).
struct Span {
  int64_t begin, end;

  int64_t size() const { return end - begin; }
};

// Positions o of [0, count) for which o * stride + offset falls inside [0, size).
Span positions_inside(int64_t offset, int64_t stride, int64_t size, int64_t count);

// One spatial dim: position o in [0, out) meets the inputs first + o * stride + t * step for the taps t in [0, taps).
// Inputs outside [0, in) are padding.
struct ConvDim {
  int64_t in, out, stride, first, taps, step;

  // From the first element that position 0 meets to the last that the last position meets.
  int64_t extent() const { return (out - 1) * stride + (taps - 1) * step + 1; }
};
using ConvDims = std::array<ConvDim, 3>;

// `count` elements at `from` in a window that belong to the row of a tap at `to`.
struct ConvPiece {
  int64_t from, to, count;
};

// The window of one block of positions. Positions count through the lines and planes of a sample and on into the next.
// The window may be a few elements longer than it says: rows are written and read in whole vectors.
//
// The block's own order is that of its positions or, if it is `by_plane`, has the first planes of all its (whole)
// samples first, then the second ones, and so on: neighbours then mostly meet padding with the same taps.
class ConvWindow {
 public:
  ConvWindow(const ConvDims& dims, Span positions, bool by_plane);

  // Elements of one channel; the channels follow each other.
  int64_t channel_size() const { return channel_size_; }
  // Where each tap of each channel finds position 0 of a piece: for each tap of the first dim the channels, for each of
  // them the taps of the other dims.
  std::vector<int64_t> tap_places(int64_t channels) const;
  // Calls visit(position, count, i) for the parts of lines that the places [begin, end) of the block's order hold.
  template <class Visit>
  void for_each_part(Span places, const Visit& visit) const {
    for (int64_t i = places.begin; i < places.end;) {
      const int64_t at = position(i), count = std::min(line_ - at % line_, places.end - i);
      visit(at, count, i);
      i += count;
    }
  }
  // Adds the pieces of places of the block's order, the first of which is place 0 of a row.
  void add_pieces(Span places, std::vector<ConvPiece>& pieces) const;
  // Those taps of the first dim that meet more than padding at any of these places.
  Span outer_taps(Span places) const;
  // Copies channels of the input, `x` being the first of them in sample 0.
  template <class T>
  void fill(T* to, const T* x, int64_t sample_size, int64_t channels) const;

 private:
  // The planes that the block needs of one sample.
  struct Segment {
    int64_t at, first_plane, planes, first_position;
  };

  int64_t position(int64_t i) const {
    if (!by_plane_) return first_ + i;
    const int64_t planes = i / plane_, samples = static_cast<int64_t>(segments_.size());
    return first_ + planes % samples * sample_ + planes / samples * plane_ + i % plane_;
  }

  ConvDims dims_;                   // of a block within one plane or line: of that part of it alone
  bool by_plane_;
  int64_t first_;
  int64_t line_, plane_, sample_;   // positions of each
  int64_t first_sample_, first_row_ = 0, first_place_ = 0;
  int64_t phase_size_, row_size_, plane_size_, channel_size_ = 0;  // elements of the window
  std::vector<Segment> segments_;
};

// Per instruction set; T is float or double.
template <class T>
struct ConvCopies {
  // Row r of `to`, which begins at r * row_size, gets the pieces at tap_places[r]. What follows a row may be
  // overwritten by less than a vector.
  void (*rows)(T* to, int64_t row_size, const T* window, const int64_t* tap_places, int64_t rows,
               const ConvPiece* pieces, int64_t count);
  // Row r of `to`, which begins at r * row_size, becomes `before` zeros, `count` elements from r * from_row on, and
  // zeros up to its end. What follows the last row may be overwritten by less than a vector.
  void (*padded)(T* to, int64_t row_size, int64_t before, int64_t count, const T* from, int64_t from_row, int64_t rows);
  // to[i] = from[i * stride].
  void (*strided)(T* to, const T* from, int64_t count, int64_t stride);
};
struct ConvCopyTable {
  ConvCopies<float> of_float;
  ConvCopies<double> of_double;
};
const ConvCopyTable& conv_copies();
inline const ConvCopies<float>& conv_copies(float) { return conv_copies().of_float; }
inline const ConvCopies<double>& conv_copies(double) { return conv_copies().of_double; }

// For at most kMostSumRows rows of weights: sums straight from a window. Row r of `out`, which begins at
// r * out_stride, gets at each piece's places the sum over k of weights[k * rows + r] * window[tap_places[k] + ...],
// added to what is there if `accumulate`.
inline constexpr int64_t kMostSumRows = 4;
template <class T>
struct ConvSums {
  T* out;
  int64_t out_stride, rows;
  const T* weights;
  const T* window;
  const int64_t* tap_places;
  int64_t terms;
  const ConvPiece* pieces;
  int64_t count;
  bool accumulate;
};
struct ConvSumTable {
  void (*of_float)(const ConvSums<float>& sums);
  void (*of_double)(const ConvSums<double>& sums);
};
const ConvSumTable& conv_sums();
inline void sum(const ConvSums<float>& sums) { conv_sums().of_float(sums); }
inline void sum(const ConvSums<double>& sums) { conv_sums().of_double(sums); }

}  // namespace tenon::cpu
