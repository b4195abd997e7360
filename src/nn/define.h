// How modules without parameters are defined, and how modules print what their options are.
#pragma once

#include <cctype>
#include <ostream>
#include <string>
#include <string_view>

#include "tenon/tensor/tensor.h"

namespace tenon::nn {

// An argument of an op that may be left out: modules and options leave it undefined.
inline optional<Tensor> given(const Tensor& tensor) { return tensor.defined() ? optional<Tensor>(tensor) : nullopt; }

// The constant whose value is `word`, of those that are one word: kMean for mean.
inline std::string constant_name(std::string_view word) {
  if (word == "relu") return "kReLU";
  if (word == "batchmean") return "kBatchMean";
  if (word == "nearest-exact") return "kNearestExact";
  std::string name = "k" + std::string(word);
  name[1] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[1])));
  return name;
}

// What ends an activation's line: whether it edits its input.
inline const char* inplace_ending(bool inplace, bool first) {
  return !inplace ? ")" : first ? "inplace=true)" : ", inplace=true)";
}

}  // namespace tenon::nn

// Of a module with options: its constructor, what it computes, and how it prints.
#define TENON_LAYER(Name, result, printed)                                 \
  Name##Impl::Name##Impl(Options options) : options(std::move(options)) {} \
  Tensor Name##Impl::forward(const Tensor& input) { return result; }       \
  void Name##Impl::pretty_print(std::ostream& stream) const { stream << "torch::nn::" #Name "(" << printed; }
#define TENON_PLAIN_LAYER(Name, result)                              \
  Tensor Name##Impl::forward(const Tensor& input) { return result; } \
  void Name##Impl::pretty_print(std::ostream& stream) const { stream << "torch::nn::" #Name "()"; }
