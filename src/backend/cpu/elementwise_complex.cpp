// Elementwise loops on complex numbers, for the baseline alone.
#define HWY_COMPILE_ONLY_STATIC
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise_complex.cpp"
#include "backend/cpu/simd.h"  // comes first

#include "backend/cpu/elementwise_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {

constexpr LoopEntry entries[] = {
#define TENON_EW1(name, ...) \
  lane_entry<Forward<name##_op>, std::complex<float>>(), lane_entry<Forward<name##_op>, std::complex<double>>(),
#define TENON_EW2 TENON_EW1
#define TENON_EW3 TENON_EW1
#define TENON_EW1_ TENON_EW1
#define TENON_EW2_ TENON_EW1
#define TENON_EW3_ TENON_EW1
#include "tenon/table/elementwise.inc"
};
const LoopList complex_loops = {entries, std::size(entries)};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(LoopList, complex_loops)
}  // namespace tenon::cpu
#endif
