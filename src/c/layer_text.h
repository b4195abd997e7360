// Reads lists of layers as PyTorch prints them: "Linear(4, 16), Tanh()", or all of print(Sequential(...)).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::c {

// What stands for a parameter: a number, several in parentheses, or a word such as True or same.
struct Value {
  std::string word;  // empty where there are numbers
  std::vector<double> numbers;
  bool is_list = false;
};

struct Argument {
  std::string name;  // empty where the place says it
  Value value;
};

struct LayerText {
  std::string name;
  std::vector<Argument> arguments;
  std::string text;
  size_t position;  // of its first character; that of the text is 1
};

// Throws ValueError, which names the position, where the text is no list of layers.
std::vector<LayerText> parse_layers(std::string_view text);

// The arguments of a layer by the names of its parameters.
class Arguments {
 public:
  // `signature` is what Python's would be: "in_features, out_features, *, bias=True".
  Arguments(std::string_view signature, const std::vector<Argument>& given);

  bool is_none(std::string_view name) const { return value(name).word == "None"; }
  bool flag(std::string_view name) const;
  double number(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  // Numbers of at least 1 or 0, as those of kernels and paddings are.
  int64_t size(std::string_view name) const;
  std::vector<int64_t> sizes(std::string_view name, int64_t least = 1) const;
  // Two of them, or one for both.
  std::vector<int64_t> pair(std::string_view name, int64_t least = 1) const;
  bool is_word(std::string_view name) const { return !value(name).word.empty(); }
  // That of `words` which it is.
  std::string_view word(std::string_view name, std::initializer_list<std::string_view> words) const;

 private:
  const Value& value(std::string_view name) const;

  std::vector<Argument> values_;
};

}  // namespace tenon::c
