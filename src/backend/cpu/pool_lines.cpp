// The largest elements of windows, a vector of windows at a time. Depends on pool_lines.h and Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/pool_lines.cpp"
#include "backend/cpu/simd.h"

#include "backend/cpu/pool_lines.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Windows [i, end) of a line in vectors of D; gives the first that is left.
template <class D>
int64_t max_windows(D d, const PoolGeometry& g, const EvenWindows& windows, int64_t i0, int64_t i1, int64_t i,
                    const float* in, float* out, int64_t* found) {
  using V = hn::Vec<D>;
  const hn::Rebind<int32_t, D> places;
  const auto& [d0, d1, d2] = g.dims;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), count = d2.end[windows.begin] - d2.start[windows.begin];
  const auto apart = hn::Mul(hn::Iota(places, 0), hn::Set(places, static_cast<int32_t>(windows.stride)));
  for (; i + lanes <= windows.end; i += lanes) {
    V largest = hn::Zero(d);
    auto where = hn::Zero(places);
    bool is_first = true;
    const auto take = [&](V v, int64_t at) HWY_ATTR {
      const auto larger = hn::Or(hn::Gt(v, largest), hn::IsNaN(v));
      const auto place = hn::Add(apart, hn::Set(places, static_cast<int32_t>(at)));
      largest = is_first ? v : hn::IfThenElse(larger, v, largest);
      where = is_first ? place : hn::IfThenElse(hn::RebindMask(places, larger), place, where);
      is_first = false;
    };
    for (int64_t a = d0.start[i0]; a < d0.end[i0]; a += d0.step) {
      for (int64_t b = d1.start[i1]; b < d1.end[i1]; b += d1.step) {
        const int64_t row = (a * d1.in + b) * d2.in + d2.start[i];
        if (windows.stride == 1) {
          for (int64_t c = 0; c < count; ++c) take(hn::LoadU(d, in + row + c), row + c);
          continue;
        }
        for (int64_t c = 0; c < count; c += 2) {
          // The last of an odd number comes with the one before it: nothing is read beyond the windows.
          const bool is_pair = c + 1 < count;
          const int64_t at = row + (is_pair ? c : c - 1);
          V even, odd;
          hn::LoadInterleaved2(d, in + at, even, odd);
          if (is_pair) take(even, at);
          take(odd, at + 1);
        }
      }
    }
    hn::StoreU(largest, d, out + i);
    HWY_ALIGN int32_t each[hn::MaxLanes(places)];
    hn::Store(where, places, each);
    for (int64_t lane = 0; lane < lanes; ++lane) found[i + lane] = each[lane];
  }
  return i;
}

int64_t max(const PoolGeometry& g, const EvenWindows& windows, int64_t i0, int64_t i1, const float* in, float* out,
            int64_t* found) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 4> few;
  int64_t i = windows.begin;
  i = max_windows(d, g, windows, i0, i1, i, in, out, found);
  return max_windows(few, g, windows, i0, i1, i, in, out, found);
}

}  // namespace

extern const PoolLineTable pool_lines;
const PoolLineTable pool_lines = {&max};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(PoolLineTable, pool_lines)
}  // namespace tenon::cpu
#endif
