// Elementwise loops of the rarer ops on integers and bools, and of all ops on the rarer integers, for the baseline
// alone.
#define HWY_COMPILE_ONLY_STATIC
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise_rare_integer.cpp"
#include "backend/cpu/simd.h"  // comes first

#include "backend/cpu/elementwise_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {

template <class Op, class T>
constexpr LoopEntry entry() {
  if constexpr (!is_common_on_integers(Op::kernel) || is_wide_unsigned(dtype_v<T>)) return lane_entry<Forward<Op>, T>();
  return {Op::kernel, dtype_v<T>, nullptr, nullptr};
}

constexpr LoopEntry entries[] = {
#define TENON_EW1(name, ...)                                                                                         \
  entry<name##_op, uint8_t>(), entry<name##_op, int8_t>(), entry<name##_op, int16_t>(), entry<name##_op, int32_t>(), \
      entry<name##_op, int64_t>(), entry<name##_op, bool>(), entry<name##_op, uint16_t>(),                           \
      entry<name##_op, uint32_t>(), entry<name##_op, uint64_t>(),
#define TENON_EW2 TENON_EW1
#define TENON_EW3 TENON_EW1
#define TENON_EW1_ TENON_EW1
#define TENON_EW2_ TENON_EW1
#define TENON_EW3_ TENON_EW1
#include "tenon/table/elementwise.inc"
};
const LoopList rare_integer_loops = {entries, std::size(entries)};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(LoopList, rare_integer_loops)
}  // namespace tenon::cpu
#endif
