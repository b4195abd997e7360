// What the library and its CUDA plug-in agree on. The plug-in exports one C function, `tenon_cuda_backend`.
#pragma once

#include <string_view>

#include "backend/backend.h"

namespace tenon {
namespace detail {

// FNV-1a over texts and numbers.
struct LayoutHash {
  uint64_t value = 14695981039346656037u;

  constexpr void add(uint64_t byte) { value = (value ^ byte) * 1099511628211u; }
  constexpr void add_text(std::string_view text) {
    for (char c : text) add(static_cast<unsigned char>(c));
    add(0);
  }
  template <class... Families>
  constexpr void add_sizes() {
    (add(sizeof(Families)), ...);
  }
};

// The lines of the elementwise table, of which kernels are made and numbered, and the form of what is passed.
constexpr uint64_t plugin_layout() {
  LayoutHash hash;
  hash.add_text(TENON_VERSION);
#define TENON_EW1(name, ...) hash.add_text(#name #__VA_ARGS__);
#define TENON_EW2 TENON_EW1
#define TENON_EW3 TENON_EW1
#define TENON_EW1_ TENON_EW1
#define TENON_EW2_ TENON_EW1
#define TENON_EW3_ TENON_EW1
#include "tenon/table/elementwise.inc"
  hash.add_sizes<TensorView, Operand, Scalar, Backend, MemoryKernels, ElementwiseKernels, ReductionKernels, ScanKernels,
                 MatmulKernels, SoftmaxKernels, ConvKernels, SortKernels, IndexKernels, NormKernels, RandomKernels,
                 PoolKernels, LinalgKernels, FftKernels, ResampleKernels, GridKernels, CtcKernels, OptimKernels,
                 RecurrentKernels>();
  return hash.value;
}

}  // namespace detail

// Differs where the two were built from different sources: then the plug-in is refused.
inline constexpr uint64_t kCudaPluginLayout = detail::plugin_layout();

// The backend, or null with the reason why there is none, a string that stays valid.
using CudaBackendFunction = const Backend*(uint64_t layout, const char** reason);

}  // namespace tenon
