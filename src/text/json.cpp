// See json.h.
#include "text/json.h"

#include <charconv>
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

  bool null() override { return put(Json()); }
  bool boolean(bool value) override { return put(Json(value)); }
  bool number_integer(number_integer_t value) override { return put(Json(static_cast<double>(value))); }
  bool number_unsigned(number_unsigned_t value) override { return put(Json(uint64_t{value})); }
  bool number_float(number_float_t value, const string_t&) override { return put(Json(value)); }
  bool string(string_t& value) override { return put(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json(Json::Object())); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json(Json::Array())); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    open_.back().as<Json::Object>()->emplace_back(std::move(value), Json());
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    detail::fail<io::FileError>(name_ + " is no JSON: " + error.what());
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
    TENON_CHECK_FILE(open_.size() < kDeepest, name_ + " is nested too deep");
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

}  // namespace

Json Json::parse(const std::string& text, const std::string& name) {
  Builder builder(name);
  nlohmann::json::sax_parse(text, &builder);
  return std::move(builder.result);
}

void Json::write(JsonWriter& writer) const {
  if (const auto* truth = as<bool>()) {
    writer.flag(*truth);
  } else if (const auto* number = as<uint64_t>()) {
    writer.number(*number);
  } else if (const auto* real = as<double>()) {
    char digits[32];
    writer.word({digits, std::to_chars(digits, std::end(digits), *real).ptr});
  } else if (const auto* string = as<std::string>()) {
    writer.string(*string);
  } else if (const auto* items = as<Array>()) {
    writer.open('[');
    for (const Json& item : *items) item.write(writer);
    writer.close(']');
  } else if (const auto* members = as<Object>()) {
    writer.open('{');
    for (const auto& [name, value] : *members) {
      writer.key(name);
      value.write(writer);
    }
    writer.close('}');
  } else {
    writer.word("null");
  }
}

// --- JsonWriter

void JsonWriter::line() {
  if (pretty_) text.append(1, '\n').append(2 * depth_, ' ');
}

void JsonWriter::begin_value() {
  if (!std::exchange(after_key_, false)) {
    if (!is_first_) text += ',';
    line();
  }
  is_first_ = false;
}

void JsonWriter::open(char bracket) {
  begin_value();
  text += bracket;
  ++depth_;
  is_first_ = true;
}

void JsonWriter::close(char bracket) {
  --depth_;
  if (!is_first_) line();
  is_first_ = false;
  text += bracket;
}

void JsonWriter::key(std::string_view name) {
  begin_value();
  quote(name);
  text += pretty_ ? ": " : ":";
  after_key_ = true;
}

void JsonWriter::string(std::string_view value) {
  begin_value();
  quote(value);
}

void JsonWriter::word(std::string_view value) {
  begin_value();
  text += value;
}

void JsonWriter::quote(std::string_view value) {
  constexpr char kDigits[] = "0123456789abcdef";
  constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t", kNames = "\"\\bfnrt";
  text += '"';
  for (const char next : value) {
    if (const size_t found = kEscaped.find(next); found != std::string_view::npos) {
      text += '\\';
      text += kNames[found];
    } else if (static_cast<unsigned char>(next) < 0x20) {
      text += "\\u00";
      text += kDigits[next >> 4];
      text += kDigits[next & 15];
    } else {
      text += next;
    }
  }
  text += '"';
}

}  // namespace tenon::text
