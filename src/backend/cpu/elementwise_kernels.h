// The loops of the elementwise kernels: what a kernel file provides and the table that the engine looks them up in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/elementwise_kernel.h"
#include "tenon/base/dtype.h"

namespace tenon::cpu {

// out[i] = formula(in[0][i], in[1][i], ..., params) over contiguous arrays of the compute dtype, for i < n. `out` may
// be exactly one of the inputs; inputs that the formula does not read may be null.
using ElementwiseLoop = void(const void* const* in, void* out, int64_t n, const double* params);

struct LoopEntry {
  ElementwiseKernel kernel;
  ScalarType compute;
  ElementwiseLoop* loop;  // null where the line does not claim the dtype
  // The same, writing past the caches to an `out` aligned to a cache line; null where that is not worth a loop.
  ElementwiseLoop* streaming;
};

// Entries of one kernel file.
struct LoopList {
  const LoopEntry* entries;
  size_t count;
};

// Contiguous conversion of n elements; in and out may be the same array when the element sizes are equal.
using ConvertLoop = void(const void* in, void* out, int64_t n);

// Conversions that every instruction set has its own copy of: between float and the other real types, and among double,
// int32 and int64.
constexpr bool is_common_conversion(ScalarType from, ScalarType to) {
  auto real = [](ScalarType t) { return t != kChar && t != kShort && !is_complex(t) && !is_wide_unsigned(t); };
  auto wide = [](ScalarType t) { return t == kDouble || t == kInt || t == kLong; };
  return from != to && ((from == kFloat && real(to)) || (real(from) && to == kFloat) || (wide(from) && wide(to)));
}

struct ConvertTable {
  ConvertLoop* const* convert[kDtypeCount];  // [from][to]; null where the conversion is not common
  // Copies bytes to memory past the caches; other threads see them for certain after finish_stream.
  void (*stream)(const void* from, void* to, int64_t bytes);
  void (*finish_stream)();
};

// Integer loops that every instruction set has its own copy of, because wider vectors pay.
constexpr bool is_common_on_integers(ElementwiseKernel kernel) {
  using enum ElementwiseKernel;
  constexpr ElementwiseKernel common[] = {add2,        sub2,        mul,         neg,        abs,         relu,
                                          maximum,     minimum,     eq,          ne,         lt,          le,
                                          gt,          ge,          bitwise_and, bitwise_or, bitwise_xor, bitwise_not,
                                          logical_not, logical_and, logical_or,  where3,     clamp3};
  for (ElementwiseKernel k : common) {
    if (k == kernel) return true;
  }
  return false;
}

// Floating loops so light that even the copy to a streamed result would show.
constexpr bool is_bound_by_memory(ElementwiseKernel kernel) {
  using enum ElementwiseKernel;
  return kernel == add2 || kernel == sub2 || kernel == mul || kernel == true_div || kernel == neg || kernel == relu ||
         kernel == relu_dx || kernel == abs || kernel == sqrt || kernel == maximum || kernel == minimum;
}

// The loop for the instruction set in force; throws NotImplementedError when the line does not claim `compute`.
ElementwiseLoop* elementwise_loop(ElementwiseKernel kernel, ScalarType compute);

// One for each kernel file, of the instruction set in force.
const LoopList& unary_loops();
const LoopList& unary_gradient_loops();
const LoopList& binary_loops();
const LoopList& binary_gradient_loops();
const LoopList& integer_loops();
const LoopList& rare_integer_loops();
const LoopList& complex_loops();
const ConvertTable& convert_table();

// The conversions that are not common; null on the diagonal.
ConvertLoop* rare_convert_loop(ScalarType from, ScalarType to);

}  // namespace tenon::cpu
