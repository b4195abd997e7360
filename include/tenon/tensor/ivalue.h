// IValue: a tensor, a number, a text or a list of these, for what is kept without knowing its type.
#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tenon/tensor/tensor.h"

namespace tenon {

class IValue {
 public:
  IValue() = default;
  IValue(std::nullopt_t) {}
  IValue(Tensor value) : value_(std::move(value)) {}
  IValue(bool value) : value_(value) {}
  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) IValue(T value) : value_(static_cast<int64_t>(value)) {}
  template <class T>
  requires std::is_floating_point_v<T> IValue(T value) : value_(static_cast<double>(value)) {}
  IValue(std::string value) : value_(std::move(value)) {}
  IValue(const char* value) : value_(std::string(value)) {}
  IValue(std::vector<int64_t> values) : value_(std::move(values)) {}
  IValue(IntArrayRef values) : value_(values.vec()) {}
  IValue(std::vector<double> values) : value_(std::move(values)) {}
  IValue(std::vector<Tensor> values) : value_(std::move(values)) {}
  template <class T>
  IValue(optional<T> value) {
    if (value) *this = IValue(std::move(*value));
  }

  bool isNone() const { return is<std::monostate>(); }
  // Each is<Kind>() tells whether to<Kind>() gives a value; TensorError otherwise.
#define TENON_IVALUE(Kind, T)               \
  bool is##Kind() const { return is<T>(); } \
  const T& to##Kind() const { return get<T>(#Kind); }
  TENON_IVALUE(Tensor, Tensor)
  TENON_IVALUE(Bool, bool)
  TENON_IVALUE(Int, int64_t)
  TENON_IVALUE(Double, double)
  TENON_IVALUE(StringRef, std::string)
  TENON_IVALUE(IntVector, std::vector<int64_t>)
  TENON_IVALUE(DoubleVector, std::vector<double>)
  TENON_IVALUE(TensorVector, std::vector<Tensor>)
#undef TENON_IVALUE
  bool isString() const { return isStringRef(); }
  bool isScalar() const { return isBool() || isInt() || isDouble(); }
  Scalar toScalar() const { return isDouble() ? Scalar(toDouble()) : isBool() ? Scalar(toBool()) : Scalar(toInt()); }
  // Of the types above, or an arithmetic one.
  template <class T>
  T to() const {
    if constexpr (std::is_same_v<T, bool> || !std::is_arithmetic_v<T>) {
      return get<T>("the type asked for");
    } else {
      return toScalar().to<T>();
    }
  }
  // What it holds, in a word.
  TENON_API const char* tagKind() const;

 private:
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(value_);
  }
  template <class T>
  const T& get(const char* wanted) const {
    if (const T* value = std::get_if<T>(&value_)) return *value;
    fail_kind(wanted);
  }
  [[noreturn]] TENON_API void fail_kind(const char* wanted) const;

  std::variant<std::monostate, Tensor, bool, int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
               std::vector<Tensor>>
      value_;
};

}  // namespace tenon
