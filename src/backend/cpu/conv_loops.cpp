// Copies of a convolution's input in whole vectors, and sums straight from them. Depends on conv_window.h and Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/conv_loops.cpp"
#include "backend/cpu/simd.h"

#include <algorithm>

#include "backend/cpu/conv_window.h"
#include "backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

template <class T>
void copy_rows(T* to, int64_t row_size, const T* window, const int64_t* tap_places, int64_t rows,
               const ConvPiece* pieces, int64_t count) {
  const hn::ScalableTag<T> d;
  constexpr int64_t kLanes = hn::MaxLanes(d);
  for (int64_t r = 0; r < rows; ++r, to += row_size) {
    const T* const from = window + tap_places[r];
    for (const ConvPiece* piece = pieces; piece != pieces + count; ++piece) {
      int64_t i = 0;
      do {
        hn::StoreU(hn::LoadU(d, from + piece->from + i), d, to + piece->to + i);
        i += kLanes;
      } while (i < piece->count);
    }
  }
}

template <class T>
void copy_padded(T* to, int64_t row_size, int64_t before, int64_t count, const T* from, int64_t from_row,
                 int64_t rows) {
  const hn::ScalableTag<T> d;
  constexpr int64_t kLanes = hn::MaxLanes(d);
  const auto zero = hn::Zero(d);
  const int64_t whole = count / kLanes * kLanes, rest = count - whole;
  for (int64_t r = 0; r < rows; ++r, to += row_size, from += from_row) {
    for (int64_t i = 0; i < before; i += kLanes) hn::StoreU(zero, d, to + i);
    T* const row = to + before;
    for (int64_t i = 0; i < whole; i += kLanes) hn::StoreU(hn::LoadU(d, from + i), d, row + i);
    int64_t end = whole;
    if (rest > 0) {
      hn::StoreU(load_tail(from + whole, static_cast<size_t>(rest), zero), d, row + whole);
      end += kLanes;
    }
    for (; before + end < row_size; end += kLanes) hn::StoreU(zero, d, row + end);
  }
}

template <class T>
void copy_strided(T* to, const T* from, int64_t count, int64_t stride) {
  const hn::ScalableTag<T> d;
  constexpr int64_t kLanes = hn::MaxLanes(d);
  int64_t i = 0;
  if (stride == 2) {
    for (; i + kLanes < count; i += kLanes) {  // the pair of the last element may end beyond the input
      hn::Vec<decltype(d)> even, odd;
      hn::LoadInterleaved2(d, from + 2 * i, even, odd);
      hn::StoreU(even, d, to + i);
    }
  }
  for (; i < count; ++i) to[i] = from[i * stride];
}

template <class T>
constexpr ConvCopies<T> copies = {&copy_rows<T>, &copy_padded<T>, &copy_strided<T>};

// kVectors vectors of a piece, of which the last has `last` elements.
template <class T, int kRows, int kVectors>
void sum_vectors(const ConvSums<T>& sums, const T* from, T* to, size_t last) {
  const hn::ScalableTag<T> d;
  constexpr int64_t kLanes = hn::MaxLanes(d);
  VecOf<T> total[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) total[r][v] = hn::Zero(d);
  }
  const T* weight = sums.weights;
  for (int64_t k = 0; k < sums.terms; ++k, weight += kRows) {
    const T* const met = from + sums.tap_places[k];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const auto value = hn::LoadU(d, met + v * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) total[r][v] = hn::MulAdd(hn::Set(d, weight[r]), value, total[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      T* const place = to + r * sums.out_stride + v * kLanes;
      if (v + 1 == kVectors && last < kLanes) {
        if (sums.accumulate) total[r][v] = hn::Add(total[r][v], load_tail(place, last, hn::Zero(d)));
        store_tail(total[r][v], place, last);
      } else {
        if (sums.accumulate) total[r][v] = hn::Add(total[r][v], hn::LoadU(d, place));
        hn::StoreU(total[r][v], d, place);
      }
    }
  }
}

template <class T, int kRows>
void sum_rows(const ConvSums<T>& sums) {
  constexpr int64_t kLanes = hn::MaxLanes(hn::ScalableTag<T>());
  constexpr int64_t kMost = 4 * kLanes;
  for (const ConvPiece* piece = sums.pieces; piece != sums.pieces + sums.count; ++piece) {
    for (int64_t i = 0; i < piece->count; i += kMost) {
      const int64_t count = std::min(kMost, piece->count - i), vectors = (count + kLanes - 1) / kLanes;
      const size_t last = static_cast<size_t>(count - (vectors - 1) * kLanes);
      const T* const from = sums.window + piece->from + i;
      T* const to = sums.out + piece->to + i;
      switch (vectors) {
        case 1:
          sum_vectors<T, kRows, 1>(sums, from, to, last);
          break;
        case 2:
          sum_vectors<T, kRows, 2>(sums, from, to, last);
          break;
        case 3:
          sum_vectors<T, kRows, 3>(sums, from, to, last);
          break;
        default:
          sum_vectors<T, kRows, 4>(sums, from, to, last);
      }
    }
  }
}

template <class T>
void sum(const ConvSums<T>& sums) {
  static_assert(kMostSumRows == 4);
  switch (sums.rows) {
    case 1:
      return sum_rows<T, 1>(sums);
    case 2:
      return sum_rows<T, 2>(sums);
    case 3:
      return sum_rows<T, 3>(sums);
    default:
      return sum_rows<T, 4>(sums);
  }
}

}  // namespace

extern const ConvSumTable conv_sums;
const ConvSumTable conv_sums = {&sum<float>, &sum<double>};
extern const ConvCopyTable conv_copies;
const ConvCopyTable conv_copies = {copies<float>, copies<double>};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(ConvCopyTable, conv_copies)
TENON_ISA_TABLE(ConvSumTable, conv_sums)
}  // namespace tenon::cpu
#endif
