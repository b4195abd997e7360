// What is known of a line of the elementwise table when the program is compiled: its dtypes, its result rule and
// which inputs each formula reads. Depends on the table alone.
#pragma once

#include <cstdint>
#include <string_view>

#include "backend/elementwise_kernel.h"

namespace tenon::expr {

// The dtype sets of the table.
inline constexpr unsigned BITS = 1, INTS = 2, FLOATS = 4, COMPLEX = 8;

enum class Rule : uint8_t { KEEP, FLOAT, BOOL, REAL };

// What a NONE formula returns.
struct NoGradient {};

// Bit i is set when the one-letter name letters[i] occurs in `formula`.
constexpr unsigned letters_in(std::string_view formula, std::string_view letters) {
  auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  unsigned found = 0;
  for (size_t i = 0; i < formula.size(); ++i) {
    bool starts = i == 0 || !is_word(formula[i - 1]);
    bool ends = i + 1 == formula.size() || !is_word(formula[i + 1]);
    size_t letter = letters.find(formula[i]);
    if (starts && ends && letter != std::string_view::npos) found |= 1u << letter;
  }
  return found;
}

// One kernel: a forward formula, or the gradient formula of one input, which takes g, the inputs and the result.
struct KernelInfo {
  const char* name;
  uint8_t inputs;
  // Bit i is set when the formula reads input i.
  uint8_t reads;
  Rule rule;
};

constexpr KernelInfo gradient_info(const char* name, std::string_view formula, std::string_view letters) {
  return {name, static_cast<uint8_t>(letters.size()), static_cast<uint8_t>(letters_in(formula, letters)), Rule::KEEP};
}

// By ElementwiseKernel.
inline constexpr KernelInfo kKernelInfo[] = {
#define TENON_EW1(name, rule, dtypes, params, args, forward, dx, doc) \
  {#name, 1, 1, Rule::rule}, gradient_info(#name "_dx", #dx, "gxy"),
#define TENON_EW2(name, rule, dtypes, params, args, forward, da, db, doc) \
  {#name, 2, 3, Rule::rule}, gradient_info(#name "_da", #da, "gaby"), gradient_info(#name "_db", #db, "gaby"),
#define TENON_EW3(name, rule, dtypes, params, args, forward, da, db, dc, doc)                                    \
  {#name, 3, 7, Rule::rule}, gradient_info(#name "_da", #da, "gabcy"), gradient_info(#name "_db", #db, "gabcy"), \
      gradient_info(#name "_dc", #dc, "gabcy"),
#define TENON_EW1_ TENON_EW1
#define TENON_EW2_ TENON_EW2
#define TENON_EW3_ TENON_EW3
#include "tenon/table/elementwise.inc"
};

constexpr const KernelInfo& info(ElementwiseKernel kernel) { return kKernelInfo[static_cast<int>(kernel)]; }

}  // namespace tenon::expr
