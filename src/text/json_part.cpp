// See json_part.h.
#include "text/json_part.h"

namespace tenon::text {
namespace {

const Json::Object& object_of(const Json& json, const std::string& where) {
  const auto* const object = json.as<Json::Object>();
  TENON_CHECK_FILE(object, where, " is not an object");
  return *object;
}

}  // namespace

JsonPart::JsonPart(const Json& json, std::string where) : object_(object_of(json, where)), where_(std::move(where)) {}

const Json* JsonPart::find(std::string_view key) const {
  const Json* found = nullptr;
  for (const auto& [name, value] : object_) {
    if (name != key) continue;
    TENON_CHECK_FILE(found == nullptr, path(key), " is there twice");
    found = &value;
  }
  return found == nullptr || found->is_null() ? nullptr : found;
}

const Json& JsonPart::need(std::string_view key) const {
  const Json* const found = find(key);
  TENON_CHECK_FILE(found, path(key), " is missing");
  return *found;
}

bool JsonPart::flag(std::string_view key, bool otherwise) const {
  const Json* const found = find(key);
  return found ? typed<bool>(*found, key, "true or false") : otherwise;
}

std::optional<std::string> JsonPart::text_or_none(std::string_view key) const {
  const Json* const found = find(key);
  return found ? std::optional(typed<std::string>(*found, key, "a string")) : std::nullopt;
}

uint32_t JsonPart::number_or(std::string_view key, uint32_t otherwise) const {
  const Json* const found = find(key);
  return found ? to_number(*found, key) : otherwise;
}

uint32_t JsonPart::to_number(const Json& value, std::string_view key) const {
  const auto number = typed<uint64_t>(value, key, "an integer from 0 on");
  TENON_CHECK_FILE(number <= UINT32_MAX, path(key), " is ", number, ", which does not fit in 32 bits");
  return static_cast<uint32_t>(number);
}

void JsonPart::unsupported(std::string_view what) const {
  detail::fail<NotImplementedError>(where_, ": ", what, " is not supported; byte-level BPE tokenizers are");
}

}  // namespace tenon::text
