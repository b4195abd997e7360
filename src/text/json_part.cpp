// See json_part.h.
#include "text/json_part.h"

#include "tenon/io/error.h"

namespace tenon::text {
namespace {

const Json::Object& object_of(const Json& json) {
  static const Json::Object none;
  const auto* const object = json.as<Json::Object>();
  return object ? *object : none;
}

}  // namespace

JsonPart::JsonPart(const Json& json, const std::string& name) : key_(name), object_(object_of(json)) {
  TENON_CHECK_FILE(json.as<Json::Object>(), name + " is not an object");
}

JsonPart::JsonPart(const Json& json, const JsonPart& outer, std::string_view key)
    : outer_(&outer), key_(key), object_(object_of(json)) {
  outer.check(json.as<Json::Object>(), key, " is not an object");
}

std::string JsonPart::where() const {
  return outer_ == nullptr ? std::string(key_) : outer_->where() + "." + std::string(key_);
}

const Json* JsonPart::find(std::string_view key) const {
  const Json* found = nullptr;
  for (const auto& [name, value] : object_) {
    if (name != key) continue;
    check(found == nullptr, key, " is there twice");
    found = &value;
  }
  return found == nullptr || found->is_null() ? nullptr : found;
}

const Json& JsonPart::need(std::string_view key) const {
  const Json* const found = find(key);
  check(found, key, " is missing");
  return *found;
}

bool JsonPart::flag(std::string_view key, bool otherwise) const {
  const Json* const found = find(key);
  if (found == nullptr) return otherwise;
  check(found->as<bool>(), key, " is not true or false");
  return *found->as<bool>();
}

const std::string* JsonPart::text_or_none(std::string_view key) const {
  const Json* const found = find(key);
  return found ? &to_text(*found, key) : nullptr;
}

uint32_t JsonPart::number_or(std::string_view key, uint32_t otherwise) const {
  const Json* const found = find(key);
  return found ? to_number(*found, key) : otherwise;
}

const Json::Array& JsonPart::to_array(const Json& value, std::string_view key) const {
  check(value.as<Json::Array>(), key, " is not an array");
  return *value.as<Json::Array>();
}

const std::string& JsonPart::to_text(const Json& value, std::string_view key) const {
  check(value.as<std::string>(), key, " is not a string");
  return *value.as<std::string>();
}

uint32_t JsonPart::to_number(const Json& value, std::string_view key) const {
  const auto* const number = value.as<uint64_t>();
  check(number && *number <= UINT32_MAX, key, " is not an integer from 0 to 2^32 - 1");
  return static_cast<uint32_t>(*number);
}

void JsonPart::fail(std::string_view key, std::string_view problem, std::string_view seen) const {
  detail::fail<io::FileError>(where() + "." + std::string(key) + std::string(problem) + std::string(seen));
}

void JsonPart::unsupported(std::string_view what, std::string_view seen) const {
  detail::fail<NotImplementedError>(where() + ": " + std::string(what) + std::string(seen) +
                                    " is not supported; byte-level BPE tokenizers are");
}

}  // namespace tenon::text
