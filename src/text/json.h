// Json: the value of a JSON text, with members in their order. JsonWriter: writes such texts. Depends on base.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tenon::text {

class JsonWriter;

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;
  explicit Json(bool value) : data_(value) {}
  explicit Json(uint64_t value) : data_(value) {}
  explicit Json(double value) : data_(value) {}
  explicit Json(std::string value) : data_(std::move(value)) {}
  explicit Json(Array items) : data_(std::move(items)) {}
  explicit Json(Object members) : data_(std::move(members)) {}
  Json(Json&&) = default;
  Json& operator=(Json&&) = default;

  // What is no JSON, or nested too deep, is an io::FileError that calls it `name`.
  static Json parse(const std::string& text, const std::string& name);
  void write(JsonWriter& writer) const;

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
  std::variant<std::monostate, bool, uint64_t, double, std::string, Array, Object> data_;
};

// Writes as the serde library of Rust does: on lines of their own where it is `pretty`.
class JsonWriter {
 public:
  explicit JsonWriter(bool pretty) : pretty_(pretty) {}
  void open(char bracket);  // '{' or '['
  void close(char bracket);
  void key(std::string_view name);
  void string(std::string_view text);
  // Anything that is written as it is: a number, true, false or null.
  void word(std::string_view text);
  void flag(bool value) { word(value ? "true" : "false"); }
  void number(uint64_t value) { word(std::to_string(value)); }

  void member(std::string_view name, std::string_view text) { key(name), string(text); }
  void member_flag(std::string_view name, bool value) { key(name), flag(value); }
  void member_number(std::string_view name, uint64_t value) { key(name), number(value); }
  void member_null(std::string_view name) { key(name), word("null"); }

  std::string text;

 private:
  void begin_value();
  void line();
  void quote(std::string_view value);

  const bool pretty_;
  size_t depth_ = 0;
  bool is_first_ = true, after_key_ = true;
};

}  // namespace tenon::text
