// JsonPart: an object of a JSON file whose errors say where it is. Depends on json.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/json.h"

namespace tenon::text {

class JsonPart {
 public:
  // The whole file.
  JsonPart(const Json& json, const std::string& name);
  // The object `json` that is, or is an item of, what `outer` has under `key`. All that are given must outlive this.
  JsonPart(const Json& json, const JsonPart& outer, std::string_view key);

  std::string where() const;
  const Json::Object& members() const { return object_; }
  // Null where there is none, or where it is null.
  const Json* find(std::string_view key) const;
  const Json& need(std::string_view key) const;
  JsonPart part(std::string_view key) const { return {need(key), *this, key}; }
  const Json::Array& array(std::string_view key) const { return to_array(need(key), key); }
  const std::string& text(std::string_view key) const { return to_text(need(key), key); }
  uint32_t number(std::string_view key) const { return to_number(need(key), key); }
  bool flag(std::string_view key, bool otherwise) const;
  const std::string* text_or_none(std::string_view key) const;
  uint32_t number_or(std::string_view key, uint32_t otherwise) const;

  // `value` is, or is an item of, what is under `key`.
  const Json::Array& to_array(const Json& value, std::string_view key) const;
  const std::string& to_text(const Json& value, std::string_view key) const;
  uint32_t to_number(const Json& value, std::string_view key) const;

  // A FileError: what is wrong with what is under `key`, unless `holds`.
  void check(bool holds, std::string_view key, std::string_view problem, std::string_view seen = {}) const {
    if (!holds) [[unlikely]]
      fail(key, problem, seen);
  }
  [[noreturn]] void fail(std::string_view key, std::string_view problem, std::string_view seen = {}) const;
  // The NotImplementedError of a part that this library does not have.
  [[noreturn]] void unsupported(std::string_view what, std::string_view seen = {}) const;

 private:
  const JsonPart* outer_ = nullptr;
  std::string_view key_;
  const Json::Object& object_;
};

}  // namespace tenon::text
