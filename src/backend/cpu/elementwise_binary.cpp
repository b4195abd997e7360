// Elementwise loops of two and three floating inputs.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise_binary.cpp"
#include "backend/cpu/simd.h"  // comes first

#include "backend/cpu/elementwise_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {

constexpr LoopEntry entries[] = {
#define TENON_EW2(name, ...) simd_entry<Forward<name##_op>, float>(), simd_entry<Forward<name##_op>, double>(),
#define TENON_EW3 TENON_EW2
#define TENON_EW2_ TENON_EW2
#define TENON_EW3_ TENON_EW2
#include "tenon/table/elementwise.inc"
};
const LoopList binary_loops = {entries, std::size(entries)};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(LoopList, binary_loops)
}  // namespace tenon::cpu
#endif
