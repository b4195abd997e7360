// Functions that libtorch has in namespaces of their own: torch::linalg::norm, torch::fft::rfft, torch::special::erfc.
#pragma once

#include "tenon/ops/ops.h"

#define TENON_LINALG(name, ret, params, args, doc)      \
  namespace tenon::linalg {                             \
  inline ret name params { return linalg_##name args; } \
  }
#define TENON_FFT(name, ret, params, args, doc)      \
  namespace tenon::fft {                             \
  inline ret name params { return fft_##name args; } \
  }
#include "tenon/table/structured.inc"

#define TENON_SPECIAL1(name, ...)                                         \
  namespace tenon::special {                                              \
  inline Tensor name(const Tensor& self) { return special_##name(self); } \
  }
#define TENON_SPECIAL2(name, ...)                                                                     \
  namespace tenon::special {                                                                          \
  inline Tensor name(const Tensor& self, const Tensor& other) { return special_##name(self, other); } \
  inline Tensor name(const Tensor& self, const Scalar& other) { return special_##name(self, other); } \
  inline Tensor name(const Scalar& self, const Tensor& other) { return special_##name(self, other); } \
  }
#include "tenon/table/elementwise.inc"
