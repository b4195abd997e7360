// Which instruction set the CPU kernels use: the best that the machine has, or a lower one on request.
#pragma once

#include <cstdint>

#include "tenon/base/export.h"

namespace tenon::cpu {

enum class Isa : uint8_t { Baseline, Avx2, Avx512 };
inline constexpr int kIsaCount = 3;

// The one in force: TENON_CPU_ISA (baseline, avx2, avx512), else the best of the machine.
TENON_API Isa isa();
// The best that this machine has.
TENON_API Isa best_isa();
// Forces one; throws ValueError when the machine lacks it.
TENON_API void set_isa(Isa isa);
TENON_API const char* isa_name(Isa isa);

}  // namespace tenon::cpu
