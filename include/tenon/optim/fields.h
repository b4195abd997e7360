// The fields of an optimizer's options or states as values under names, for archives.
#pragma once

#include <deque>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tenon/tensor/ivalue.h"

namespace tenon::optim {

using NamedValues = std::vector<std::pair<std::string, IValue>>;

namespace detail {

// Null where there is none of that name.
TENON_API const IValue* find_value(const NamedValues& values, const std::string& name);
// "lr_, betas_" as {"lr", "betas"}.
TENON_API std::vector<std::string> split_names(const char* fields);

// Each part of a tuple has a name of its own: betas.0, betas.1.
template <class T>
void write_field(NamedValues& values, const std::string& name, const T& field) {
  if constexpr (requires { std::tuple_size<T>::value; }) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      (write_field(values, name + '.' + std::to_string(I), std::get<I>(field)), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (std::is_same_v<T, std::deque<Tensor>>) {
    values.emplace_back(name, std::vector<Tensor>(field.begin(), field.end()));
  } else {
    values.emplace_back(name, IValue(field));
  }
}

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<optional<T>> = true;

// A field whose name is missing stays as it is.
template <class T>
void read_field(const NamedValues& values, const std::string& name, T& field) {
  if constexpr (requires { std::tuple_size<T>::value; }) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      (read_field(values, name + '.' + std::to_string(I), std::get<I>(field)), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<T>>());
  } else if (const IValue* value = find_value(values, name)) {
    if constexpr (std::is_same_v<T, std::deque<Tensor>>) {
      const auto items = value->to<std::vector<Tensor>>();
      field.assign(items.begin(), items.end());
    } else if constexpr (is_optional<T>) {
      field = value->isNone() ? T() : T(value->to<typename T::value_type>());
    } else if constexpr (std::is_same_v<T, Tensor>) {
      field = value->isNone() ? Tensor() : value->toTensor();
    } else {
      field = value->to<T>();
    }
  }
}

// Of a struct with TENON_OPTIM_FIELDS.
template <class Fields>
NamedValues values_of(const Fields& object) {
  NamedValues values;
  const auto names = split_names(Fields::field_names);
  std::apply([&, i = names.begin()](const auto&... field) mutable { (write_field(values, *i++, field), ...); },
             object.fields());
  return values;
}
template <class Fields>
void set_values_of(Fields& object, const NamedValues& values) {
  const auto names = split_names(Fields::field_names);
  std::apply([&, i = names.begin()](auto&... field) mutable { (read_field(values, *i++, field), ...); },
             object.fields());
}

}  // namespace detail
}  // namespace tenon::optim
