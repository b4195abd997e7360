// Elementwise loops of the gradients of one input.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise_unary_gradient.cpp"
#include "backend/cpu/simd.h"  // comes first

#include "backend/cpu/elementwise_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {

constexpr LoopEntry entries[] = {
#define TENON_EW1(name, ...) simd_entry<GradientX<name##_op>, float>(), simd_entry<GradientX<name##_op>, double>(),
#define TENON_EW1_ TENON_EW1
#include "tenon/table/elementwise.inc"
};
const LoopList unary_gradient_loops = {entries, std::size(entries)};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(LoopList, unary_gradient_loops)
}  // namespace tenon::cpu
#endif
