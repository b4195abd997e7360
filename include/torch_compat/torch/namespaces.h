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

#define TENON_SPECIAL1(name, ...)                                                                        \
  namespace tenon::special {                                                                             \
  inline Tensor name(const Tensor& self) { return special_##name(self); }                                \
  inline Tensor& name##_out(Tensor& out, const Tensor& self) { return special_##name##_out(out, self); } \
  }
#define TENON_SPECIAL2(name, ...)                                                                     \
  namespace tenon::special {                                                                          \
  inline Tensor name(const Tensor& self, const Tensor& other) { return special_##name(self, other); } \
  inline Tensor name(const Tensor& self, const Scalar& other) { return special_##name(self, other); } \
  inline Tensor name(const Scalar& self, const Tensor& other) { return special_##name(self, other); } \
  inline Tensor& name##_out(Tensor& out, const Tensor& self, const Tensor& other) {                   \
    return special_##name##_out(out, self, other);                                                    \
  }                                                                                                   \
  }
#include "tenon/table/elementwise.inc"

// Functions that are special under another name, or under their own.
namespace tenon::special {
using tenon::digamma, tenon::erf, tenon::erfc, tenon::erfinv, tenon::exp2, tenon::expm1, tenon::i0, tenon::log1p;
using tenon::digamma_out, tenon::erf_out, tenon::erfc_out, tenon::erfinv_out, tenon::exp2_out, tenon::expm1_out;
using tenon::i0_out, tenon::log1p_out, tenon::sinc_out, tenon::xlogy_out;
using tenon::log_softmax, tenon::logit, tenon::logsumexp, tenon::polygamma, tenon::round, tenon::sinc, tenon::softmax,
    tenon::xlogy;

#define TENON_RENAMED(name, own)                                             \
  template <class... Args>                                                   \
  Tensor name(const Tensor& self, const Args&... args) {                     \
    return tenon::own(self, args...);                                        \
  }                                                                          \
  template <class... Args>                                                   \
  Tensor& name##_out(Tensor& out, const Tensor& self, const Args&... args) { \
    return tenon::own##_out(out, self, args...);                             \
  }
TENON_RENAMED(expit, sigmoid)
TENON_RENAMED(gammainc, igamma)
TENON_RENAMED(gammaincc, igammac)
TENON_RENAMED(gammaln, lgamma)
TENON_RENAMED(psi, digamma)
#undef TENON_RENAMED
inline Tensor multigammaln(const Tensor& self, int64_t p) { return mvlgamma(self, p); }
}  // namespace tenon::special
