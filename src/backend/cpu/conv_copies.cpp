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
void copy_line(T* to, const T* from, int64_t count) {
  const hn::ScalableTag<T> d;
  for_vectors<T>(
      count, [&](int64_t i) HWY_ATTR { hn::StoreU(hn::LoadU(d, from + i), d, to + i); },
      [&](int64_t i, size_t rest) HWY_ATTR { hn::StoreU(load_tail(from + i, rest, hn::Zero(d)), d, to + i); });
}

}  // namespace

extern const ConvCopyTable conv_copies;
const ConvCopyTable conv_copies = {{&copy_rows<float>, &copy_line<float>}, {&copy_rows<double>, &copy_line<double>}};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(ConvCopyTable, conv_copies)
}  // namespace tenon::cpu
#endif
