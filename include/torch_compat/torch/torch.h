// libtorch's frontend as Tenon answers it: `torch`, `at` and `c10` are names for what is in `tenon`, which gets here
// what programs expect of libtorch beside it. Programs may add to these namespaces.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <memory>
#include <numeric>
#include <random>
#include <ranges>
#include <sstream>
#include <string>
#include <unordered_map>

#include "tenon/tenon.h"
#include "torch/check.h"
#include "torch/forms.h"
#include "torch/namespaces.h"
#include "torch/reduction.h"

namespace tenon {

inline constexpr ScalarType kU8 = kByte, kI8 = kChar, kI16 = kShort, kI32 = kInt, kI64 = kLong, kF16 = kHalf,
                            kF32 = kFloat, kF64 = kDouble, kU16 = kUInt16, kU32 = kUInt32, kU64 = kUInt64;
using std::make_optional;

// The parts joined to one text.
template <class... Parts>
std::string str(const Parts&... parts) {
  return concat(parts...);
}

// 0 ... end - 1, or begin ... end - 1, to be gone through.
template <class End>
auto irange(End end) {
  return std::views::iota(End{0}, std::max(End{0}, end));
}
template <class Begin, class End>
auto irange(Begin begin, End end) {
  return std::views::iota(static_cast<End>(begin), std::max(static_cast<End>(begin), end));
}

// Pointers to nodes and the like print where they point.
template <class T>
std::ostream& operator<<(std::ostream& out, const IntrusivePtr<T>& pointer) {
  return out << static_cast<const void*>(pointer.get());
}

struct CPUGeneratorImpl;
// A generator of random numbers that starts from `seed`.
template <class>
Generator make_generator(uint64_t seed = Generator::kDefaultSeed) {
  return Generator(seed);
}
namespace detail {
inline Generator createCPUGenerator(uint64_t seed = Generator::kDefaultSeed) { return Generator(seed); }
inline Generator& getDefaultCPUGenerator() { return default_generator(); }
}  // namespace detail

namespace autograd {
using tenon::AnomalyMode;
using tenon::AutoGradMode;
using tenon::GradMode;
}  // namespace autograd

namespace cuda {
inline bool cudnn_is_available() { return is_available(); }
inline void synchronize(int64_t) { synchronize(); }
inline void manual_seed(uint64_t seed) { tenon::manual_seed(seed); }
inline void manual_seed_all(uint64_t seed) { tenon::manual_seed(seed); }
}  // namespace cuda

}  // namespace tenon

namespace torch {
using namespace tenon;
}
namespace at {
using namespace tenon;
}
namespace c10 {
using namespace tenon;
}

#define TORCH_VERSION_MAJOR 2
#define TORCH_VERSION_MINOR 13
#define TORCH_VERSION_PATCH 0
#define TORCH_VERSION "2.13.0"

#define TORCH_API
#define TORCH_ARG TENON_ARG
#define TORCH_MODULE TENON_MODULE
#define TORCH_MODULE_IMPL TENON_MODULE_IMPL
#define FORWARD_HAS_DEFAULT_ARGS TENON_FORWARD_HAS_DEFAULT_ARGS
