// Highway, set up so that a kernel file is compiled for exactly the sets of `Isa`. A kernel file reads:
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "backend/cpu/softmax.cpp"   // the file itself
//   #include "backend/cpu/simd.h"
//   HWY_BEFORE_NAMESPACE();
//   namespace tenon::cpu::HWY_NAMESPACE { ... const SoftmaxKernels softmax_table = {...}; }
//   HWY_AFTER_NAMESPACE();
//   #if HWY_ONCE
//   namespace tenon::cpu { TENON_ISA_TABLE(SoftmaxKernels, softmax_table) }
//   #endif
//
// which defines `const SoftmaxKernels& softmax_table()`: the table of the instruction set in force. Nothing in the
// target namespaces may be a template or inline function of an outside namespace that holds vectors.
#if defined(TENON_SIMD_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_SIMD_H_
#undef TENON_SIMD_H_
#else
#define TENON_SIMD_H_
#endif

#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#endif

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

#ifndef TENON_ISA_TABLE
#include "backend/cpu/isa.h"
#define TENON_ISA_TABLE(Type, name)                                         \
  const Type& name() {                                                      \
    static const Type* const tables[kIsaCount] = {&N_SSE2::name, &N_AVX2::name, &N_AVX3::name}; \
    return *tables[static_cast<int>(isa())];                                \
  }
#endif

#endif
