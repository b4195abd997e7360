// See json.h.
#include "text/json.h"

#include <nlohmann/json.hpp>

#include "tenon/io/error.h"

namespace tenon::text {
namespace {

constexpr size_t kDeepest = 100;

// Builds a Json from what nlohmann's parser finds.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(const std::string& name) : name_(name) {}
  Json result;

  bool null() override { return put({}); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(static_cast<double>(value)); }
  bool number_unsigned(number_unsigned_t value) override { return put(uint64_t{value}); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::Object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::Array()); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    open_.back().as<Json::Object>()->emplace_back(std::move(value), Json());
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    detail::fail<io::FileError>(name_, " is no JSON: ", error.what());
  }

 private:
  bool put(Json value) {
    if (open_.empty()) {
      result = std::move(value);
    } else if (auto* const items = open_.back().as<Json::Array>()) {
      items->push_back(std::move(value));
    } else {
      open_.back().as<Json::Object>()->back().second = std::move(value);
    }
    return true;
  }
  bool open(Json container) {
    TENON_CHECK_FILE(open_.size() < kDeepest, name_, " is nested deeper than ", kDeepest, " levels");
    open_.push_back(std::move(container));
    return true;
  }
  bool close() {
    Json closed = std::move(open_.back());
    open_.pop_back();
    return put(std::move(closed));
  }

  const std::string& name_;
  std::vector<Json> open_;
};

void quote(std::string& text, std::string_view value) {
  constexpr char kDigits[] = "0123456789abcdef";
  text += '"';
  for (const char next : value) {
    switch (next) {
      case '"': text += "\\\""; break;
      case '\\': text += "\\\\"; break;
      case '\b': text += "\\b"; break;
      case '\f': text += "\\f"; break;
      case '\n': text += "\\n"; break;
      case '\r': text += "\\r"; break;
      case '\t': text += "\\t"; break;
      default:
        if (static_cast<unsigned char>(next) < 0x20) {
          text += "\\u00";
          text += kDigits[next >> 4];
          text += kDigits[next & 15];
        } else {
          text += next;
        }
    }
  }
  text += '"';
}

}  // namespace

Json Json::parse(std::string_view text, const std::string& name) {
  Builder builder(name);
  nlohmann::json::sax_parse(text, &builder);
  return std::move(builder.result);
}

std::string Json::dump(bool pretty) const {
  std::string text;
  dump(text, pretty, 0);
  return text;
}

void Json::dump(std::string& text, bool pretty, size_t depth) const {
  const auto line = [&](size_t indent) {
    if (pretty) text.append(1, '\n').append(2 * indent, ' ');
  };
  if (is_null()) {
    text += "null";
  } else if (const auto* truth = as<bool>()) {
    text += *truth ? "true" : "false";
  } else if (const auto* number = as<uint64_t>()) {
    text += std::to_string(*number);
  } else if (const auto* real = as<double>()) {
    text += nlohmann::json(*real).dump();
  } else if (const auto* string = as<std::string>()) {
    quote(text, *string);
  } else if (const auto* items = as<Array>()) {
    text += '[';
    for (const Json& item : *items) {
      if (&item != &items->front()) text += ',';
      line(depth + 1);
      item.dump(text, pretty, depth + 1);
    }
    if (!items->empty()) line(depth);
    text += ']';
  } else {
    const Object& members = *as<Object>();
    text += '{';
    for (const auto& member : members) {
      if (&member != &members.front()) text += ',';
      line(depth + 1);
      quote(text, member.first);
      text += pretty ? ": " : ":";
      member.second.dump(text, pretty, depth + 1);
    }
    if (!members.empty()) line(depth);
    text += '}';
  }
}

}  // namespace tenon::text
