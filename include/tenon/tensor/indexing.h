// TensorIndex: one item between the brackets of x[...]: None, ..., an integer, a slice, a bool or a tensor.
#pragma once

#include <climits>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "tenon/base/error.h"
#include "tenon/base/export.h"
#include "tenon/tensor/options.h"

namespace tenon {

class Tensor;

namespace indexing {

struct NoneType {};
struct EllipsisType {
  constexpr EllipsisType() = default;
  // "..." as in Python.
  EllipsisType(const char* text) {
    TENON_CHECK_VALUE(std::string_view(text) == "...", "index: the only text is \"...\", got \"", text, '"');
  }
};
inline constexpr NoneType None{};
inline constexpr EllipsisType Ellipsis{};

// start:stop:step, each optional, as in Python.
struct Slice {
  optional<int64_t> start, stop, step;
  Slice() = default;
  template <class A>
  explicit Slice(A start) : start(bound(start)) {}
  template <class A, class B>
  Slice(A start, B stop) : start(bound(start)), stop(bound(stop)) {}
  template <class A, class B, class C>
  Slice(A start, B stop, C step) : start(bound(start)), stop(bound(stop)), step(bound(step)) {}

 private:
  static optional<int64_t> bound(NoneType) { return nullopt; }
  static optional<int64_t> bound(std::nullopt_t) { return nullopt; }
  static optional<int64_t> bound(int64_t value) { return value; }
  static optional<int64_t> bound(optional<int64_t> value) { return value; }
};

}  // namespace indexing
}  // namespace tenon
