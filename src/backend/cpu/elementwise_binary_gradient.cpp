// Elementwise loops of the gradients of two and three inputs.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise_binary_gradient.cpp"
#include "backend/cpu/simd.h"  // comes first

#include "backend/cpu/elementwise_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {

constexpr LoopEntry entries[] = {
#define TENON_EW2(name, ...)                                                             \
  simd_entry<GradientA<name##_op>, float>(), simd_entry<GradientA<name##_op>, double>(), \
      simd_entry<GradientB<name##_op>, float>(), simd_entry<GradientB<name##_op>, double>(),
#define TENON_EW3(name, ...) \
  TENON_EW2(name)            \
  simd_entry<GradientC<name##_op>, float>(), simd_entry<GradientC<name##_op>, double>(),
#define TENON_EW2_ TENON_EW2
#define TENON_EW3_ TENON_EW3
#include "tenon/table/elementwise.inc"
};
const LoopList binary_gradient_loops = {entries, std::size(entries)};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(LoopList, binary_gradient_loops)
}  // namespace tenon::cpu
#endif
