// JsonPart: an object of a JSON file whose errors say where it is. Depends on json.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tenon/io/error.h"
#include "text/json.h"

namespace tenon::text {

class JsonPart {
 public:
  // `where` is what errors call it: the file and the path in it.
  JsonPart(const Json& json, std::string where);

  const std::string& where() const { return where_; }
  const Json::Object& members() const { return object_; }
  // Null where there is none, or where it is null.
  const Json* find(std::string_view key) const;
  const Json& need(std::string_view key) const;
  JsonPart part(std::string_view key) const { return {need(key), path(key)}; }
  const Json::Array& array(std::string_view key) const { return typed<Json::Array>(need(key), key, "an array"); }
  const std::string& text(std::string_view key) const { return typed<std::string>(need(key), key, "a string"); }
  uint32_t number(std::string_view key) const { return to_number(need(key), key); }
  bool flag(std::string_view key, bool otherwise) const;
  std::optional<std::string> text_or_none(std::string_view key) const;
  uint32_t number_or(std::string_view key, uint32_t otherwise) const;

  uint32_t to_number(const Json& value, std::string_view key) const;
  std::string path(std::string_view key) const { return where_ + "." + std::string(key); }
  template <class T>
  const T& typed(const Json& value, std::string_view key, const char* what) const {
    const T* const found = value.as<T>();
    TENON_CHECK_FILE(found, path(key), " is not ", what);
    return *found;
  }
  // The error of a part that this library does not have.
  [[noreturn]] void unsupported(std::string_view what) const;

 private:
  const Json::Object& object_;
  std::string where_;
};

}  // namespace tenon::text
