// See value.h.
#include "tenon/io/value.h"

namespace tenon::io {
namespace {

constexpr const char* kKindNames[] = {"None",  "bool",   "int",   "float",  "complex", "str",  "bytes",
                                      "Tensor", "dtype", "device", "list", "tuple",   "dict"};

}  // namespace

template <class T>
const T& Value::get(const char* wanted) const {
  const T* found = std::get_if<T>(&data_);
  TENON_CHECK_TYPE(found, "this value is a ", kKindNames[data_.index()], ", not a ", wanted);
  return *found;
}

bool Value::to_bool() const { return get<bool>("bool"); }
int64_t Value::to_int() const { return get<int64_t>("int"); }
double Value::to_double() const {
  return kind() == Kind::Int ? static_cast<double>(to_int()) : get<double>("float");
}
std::complex<double> Value::to_complex() const {
  return kind() == Kind::Complex ? get<std::complex<double>>("complex") : to_double();
}
const std::string& Value::to_string() const {
  return kind() == Kind::Bytes ? get<BytesData>("bytes").value : get<std::string>("str");
}
const Tensor& Value::to_tensor() const { return get<Tensor>("Tensor"); }
ScalarType Value::to_dtype() const { return get<ScalarType>("dtype"); }
tenon::Device Value::to_device() const { return get<tenon::Device>("device"); }
const Value::List& Value::to_list() const {
  return kind() == Kind::Tuple ? *get<TupleData>("tuple").items : *get<ListData>("list").items;
}
const Value::Dict& Value::to_dict() const { return *get<DictData>("dict").items; }

const Value* Value::find(std::string_view key) const {
  for (const auto& [name, value] : to_dict()) {
    if (name.kind() == Kind::String && name.to_string() == key) return &value;
  }
  return nullptr;
}

const Value& Value::at(std::string_view key) const {
  const Value* found = find(key);
  TENON_CHECK_INDEX(found, "there is no '", key, "' in this dict");
  return *found;
}

}  // namespace tenon::io
