// Copies of a convolution's input, in whole vectors. Depends on conv_window.h and Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/conv_copies.cpp"
#include "backend/cpu/simd.h"

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

}  // namespace

extern const ConvCopyTable conv_copies;
const ConvCopyTable conv_copies = {copies<float>, copies<double>};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(ConvCopyTable, conv_copies)
}  // namespace tenon::cpu
#endif
