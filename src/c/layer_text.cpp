// See layer_text.h.
#include "c/layer_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tenon/base/error.h"

namespace tenon::c {
namespace {

bool is_one_of(char c, std::string_view set) { return set.find(c) != set.npos; }
bool is_blank(char c) { return is_one_of(c, " \t\n\r"); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
// A star stands in signatures.
bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || is_one_of(c, "_.+-*");
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<LayerText> layers();
  std::vector<Argument> arguments(char end);

 private:
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    const std::string_view rest = text_.substr(at_, 20);
    detail::fail<ValueError>("layers: at character ", at_ + 1, ": ", parts..., ", got ",
                             rest.empty() ? "the end" : concat("'", rest, "'"));
  }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  bool sees(char c) {
    skip_blanks();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool take(char c) {
    const bool seen = sees(c);
    at_ += seen;
    return seen;
  }
  void expect(char c) {
    if (!take(c)) fail("expected '", c, "'");
  }
  std::string word(const char* what) {
    skip_blanks();
    const size_t begin = at_;
    while (at_ < text_.size() && is_word_character(text_[at_])) ++at_;
    if (at_ == begin) fail("expected ", what);
    return std::string(text_.substr(begin, at_ - begin));
  }
  double number(const std::string& word, size_t begin);
  Value value();
  LayerText layer(size_t index);

  std::string_view text_;
  size_t at_ = 0;
};

double Reader::number(const std::string& word, size_t begin) {
  double number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(number)) {
    at_ = begin;
    fail("expected a number");
  }
  return number;
}

Value Reader::value() {
  Value value;
  skip_blanks();
  for (const auto& [open, close] : {std::pair('(', ')'), std::pair('[', ']')}) {
    if (!take(open)) continue;
    value.is_list = true;
    while (!take(close)) {
      skip_blanks();
      const size_t begin = at_;
      value.numbers.push_back(number(word("a number"), begin));
      if (!sees(close)) expect(',');
    }
    return value;
  }
  for (const char quote : {'\'', '"'}) {
    if (!take(quote)) continue;
    value.word = word("a word");
    expect(quote);
    return value;
  }
  const size_t begin = at_;
  value.word = word("a value");
  if (is_digit(value.word[0]) || (value.word.size() > 1 && is_one_of(value.word[0], "+-."))) {
    value.numbers.push_back(number(value.word, begin));
    value.word.clear();
  }
  return value;
}

std::vector<Argument> Reader::arguments(char end) {
  std::vector<Argument> list;
  while (end ? !take(end) : (skip_blanks(), at_ < text_.size())) {
    Argument argument{{}, value()};
    if (!argument.value.word.empty() && take('=')) {
      argument.name = std::move(argument.value.word);
      argument.value = value();
    }
    list.push_back(std::move(argument));
    if (end ? !sees(end) : at_ < text_.size()) expect(',');
  }
  return list;
}

LayerText Reader::layer(size_t index) {
  // "(0): " as PyTorch prints it.
  if (take('(')) {
    const size_t begin = at_;
    if (word("the number of a layer") != std::to_string(index)) {
      at_ = begin;
      fail("expected ", index, ", the number of the layer");
    }
    expect(')');
    expect(':');
  }
  skip_blanks();
  const size_t begin = at_;
  LayerText layer{word("a layer"), {}, {}, begin + 1};
  expect('(');
  layer.arguments = arguments(')');
  layer.text = text_.substr(begin, at_ - begin);
  return layer;
}

std::vector<LayerText> Reader::layers() {
  constexpr std::string_view kContainer = "Sequential";
  skip_blanks();
  const bool wrapped = text_.substr(at_).starts_with(kContainer);
  if (wrapped) {
    at_ += kContainer.size();
    expect('(');
  }
  std::vector<LayerText> list;
  const auto at_end = [&] { return wrapped ? sees(')') : (skip_blanks(), at_ == text_.size()); };
  while (!at_end()) {
    list.push_back(layer(list.size()));
    const size_t end = at_;
    if (take(',') || at_end()) continue;
    const std::string_view between = text_.substr(end, at_ - end);
    if (between.find('\n') == between.npos) fail("expected ',' or a new line between layers");
  }
  if (list.empty()) fail("expected a layer");
  if (wrapped) {
    expect(')');
    skip_blanks();
    if (at_ != text_.size()) fail("expected nothing after Sequential(...)");
  }
  return list;
}

// As many as a double counts exactly.
constexpr double kMostInteger = 9007199254740992;

}  // namespace

std::vector<LayerText> parse_layers(std::string_view text) { return Reader(text).layers(); }

Arguments::Arguments(std::string_view signature, const std::vector<Argument>& given) {
  size_t by_place = SIZE_MAX;
  std::vector<std::string> missing;
  for (Argument& parameter : Reader(signature).arguments(0)) {
    const bool is_required = parameter.name.empty();
    if (is_required) parameter.name = std::exchange(parameter.value.word, {});
    if (parameter.name == "*") {
      by_place = values_.size();
      continue;
    }
    values_.push_back(std::move(parameter));
    missing.push_back(is_required ? values_.back().name : "");
  }
  by_place = std::min(by_place, values_.size());
  std::vector<bool> is_given(values_.size());
  size_t place = 0;
  for (const Argument& argument : given) {
    size_t index = place;
    if (argument.name.empty()) {
      TENON_CHECK_VALUE(place < by_place, "takes at most ", by_place, " arguments by their places (", signature, ")");
      ++place;
    } else {
      index = std::find_if(values_.begin(), values_.end(), [&](const Argument& v) { return v.name == argument.name; }) -
              values_.begin();
      TENON_CHECK_VALUE(index < values_.size(), "has no parameter '", argument.name, "' (", signature, ")");
    }
    TENON_CHECK_VALUE(!is_given[index], "is given ", values_[index].name, " twice");
    is_given[index] = true;
    missing[index].clear();
    values_[index].value = argument.value;
  }
  for (const std::string& name : missing) {
    TENON_CHECK_VALUE(name.empty(), "lacks ", name, " (", signature, ")");
  }
}

const Value& Arguments::value(std::string_view name) const {
  return std::find_if(values_.begin(), values_.end(), [&](const Argument& v) { return v.name == name; })->value;
}

bool Arguments::flag(std::string_view name) const { return word(name, {"True", "False"}) == "True"; }

double Arguments::number(std::string_view name) const {
  const Value& found = value(name);
  TENON_CHECK_VALUE(found.numbers.size() == 1 && !found.is_list, name, " must be a number");
  return found.numbers[0];
}

int64_t Arguments::integer(std::string_view name) const {
  const double found = number(name);
  TENON_CHECK_VALUE(std::trunc(found) == found && std::abs(found) <= kMostInteger, name, " must be an integer, got ",
                    found);
  return static_cast<int64_t>(found);
}

int64_t Arguments::size(std::string_view name) const {
  const int64_t found = integer(name);
  TENON_CHECK_VALUE(found >= 1, name, " must be at least 1, got ", found);
  return found;
}

std::vector<int64_t> Arguments::sizes(std::string_view name, int64_t least) const {
  std::vector<int64_t> result;
  for (const double found : value(name).numbers) {
    TENON_CHECK_VALUE(std::trunc(found) == found && found >= static_cast<double>(least) && found <= kMostInteger, name,
                      " must be integers of at least ", least, ", got ", found);
    result.push_back(static_cast<int64_t>(found));
  }
  TENON_CHECK_VALUE(!result.empty(), name, " must be numbers");
  return result;
}

std::vector<int64_t> Arguments::pair(std::string_view name, int64_t least) const {
  std::vector<int64_t> result = sizes(name, least);
  if (result.size() == 1) result.push_back(result[0]);
  TENON_CHECK_VALUE(result.size() == 2, name, " must be one number or two, got ", result.size());
  return result;
}

std::string_view Arguments::word(std::string_view name, std::initializer_list<std::string_view> words) const {
  const Value& found = value(name);
  const auto match = std::find(words.begin(), words.end(), std::string_view(found.word));
  if (match == words.end()) {
    std::string list;
    for (const std::string_view allowed : words) list += concat(list.empty() ? "" : ", ", allowed);
    detail::fail<ValueError>(name, " must be one of ", list);
  }
  return *match;
}

}  // namespace tenon::c
