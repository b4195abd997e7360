// Value: what a checkpoint holds: numbers, text, tensors, and lists and dicts of these, as Python has them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tenon/io/error.h"
#include "tenon/tensor/tensor.h"

namespace tenon::io {

class Value {
 public:
  enum class Kind { None, Bool, Int, Double, Complex, String, Bytes, Tensor, Dtype, Device, List, Tuple, Dict };
  using List = std::vector<Value>;
  // In the order in which the keys came.
  using Dict = std::vector<std::pair<Value, Value>>;

  Value() = default;
  Value(bool value) : data_(value) {}
  Value(int value) : data_(static_cast<int64_t>(value)) {}
  Value(int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(std::complex<double> value) : data_(value) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(Tensor value) : data_(std::move(value)) {}
  Value(ScalarType value) : data_(value) {}
  Value(tenon::Device value) : data_(value) {}
  static Value bytes(std::string value) { return Value(Data(BytesData{std::move(value)})); }
  static Value list(List items) { return Value(Data(ListData{std::make_shared<const List>(std::move(items))})); }
  static Value tuple(List items) { return Value(Data(TupleData{std::make_shared<const List>(std::move(items))})); }
  static Value dict(Dict items) { return Value(Data(DictData{std::make_shared<const Dict>(std::move(items))})); }

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is_none() const { return kind() == Kind::None; }
  bool is_tensor() const { return kind() == Kind::Tensor; }
  bool is_dict() const { return kind() == Kind::Dict; }

  // Each throws TypeError where the value is of another kind.
  TENON_API bool to_bool() const;
  TENON_API int64_t to_int() const;
  TENON_API double to_double() const;  // of an integer too
  TENON_API std::complex<double> to_complex() const;
  TENON_API const std::string& to_string() const;  // of bytes too
  TENON_API const Tensor& to_tensor() const;
  TENON_API ScalarType to_dtype() const;
  TENON_API tenon::Device to_device() const;
  TENON_API const List& to_list() const;  // of a tuple too
  TENON_API const Dict& to_dict() const;

  // Of a dict with string keys: the value, or null where there is none.
  TENON_API const Value* find(std::string_view key) const;
  // The same; an IndexError that names the key where there is none.
  TENON_API const Value& at(std::string_view key) const;

 private:
  // Kinds that hold the same C++ type are told apart by these.
  struct BytesData {
    std::string value;
  };
  struct ListData {
    std::shared_ptr<const List> items;
  };
  struct TupleData {
    std::shared_ptr<const List> items;
  };
  struct DictData {
    std::shared_ptr<const Dict> items;
  };
  using Data = std::variant<std::monostate, bool, int64_t, double, std::complex<double>, std::string, BytesData, Tensor,
                            ScalarType, tenon::Device, ListData, TupleData, DictData>;
  explicit Value(Data data) : data_(std::move(data)) {}
  template <class T>
  const T& get(const char* wanted) const;

  Data data_;
};

}  // namespace tenon::io
