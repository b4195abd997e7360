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
// target namespaces may be a template or inline function of an outside namespace that holds vectors. There is no
// include guard: the kernel file is read once for each set. The baseline is what the whole library is compiled for:
// x86-64-v2 on x86 (which to Highway is SSE4 without AES).
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#endif

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

#ifndef TENON_ISA_TABLE
#include "backend/cpu/isa.h"
#if HWY_TARGETS & HWY_AVX2
#define TENON_AVX2(name) N_AVX2::name
#else
#define TENON_AVX2(name) HWY_STATIC_DISPATCH(name)
#endif
#if HWY_TARGETS & HWY_AVX3
#define TENON_AVX512(name) N_AVX3::name
#else
#define TENON_AVX512(name) HWY_STATIC_DISPATCH(name)
#endif
#define TENON_ISA_TABLE(Type, name)                                                                         \
  const Type& name() {                                                                                      \
    static const Type* const tables[kIsaCount] = {&HWY_STATIC_DISPATCH(name), &TENON_AVX2(name), &TENON_AVX512(name)}; \
    return *tables[static_cast<int>(isa())];                                                                \
  }
#endif
