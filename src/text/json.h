// Json: the value of a JSON text, with members in their order, and its text again. Depends on base.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tenon::text {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : data_(value) {}
  Json(uint64_t value) : data_(value) {}
  Json(uint32_t value) : data_(uint64_t{value}) {}
  Json(double value) : data_(value) {}
  Json(std::string value) : data_(std::move(value)) {}
  Json(const char* value) : data_(std::string(value)) {}
  Json(Array items) : data_(std::move(items)) {}
  Json(Object members) : data_(std::move(members)) {}

  // What is no JSON, or nested too deep, is an io::FileError that calls it `name`.
  static Json parse(std::string_view text, const std::string& name);
  // As the serde library of Rust writes it.
  std::string dump(bool pretty) const;

  bool is_null() const { return data_.index() == 0; }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&data_);
  }
  template <class T>
  T* as() {
    return std::get_if<T>(&data_);
  }

 private:
  void dump(std::string& text, bool pretty, size_t depth) const;
  std::variant<std::monostate, bool, uint64_t, double, std::string, Array, Object> data_;
};

}  // namespace tenon::text
