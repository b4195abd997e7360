// The table of ops as data: each op's name, parameters, defaults and doc, and a call that takes boxed arguments.
// The bindings, the generated docs and the tests that visit every op read it.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "tenon/base/generator.h"
#include "tenon/ops/ops.h"

namespace tenon {

// A boxed argument or result; std::monostate is None.
using Value = std::variant<std::monostate, Tensor, Scalar, std::vector<int64_t>, std::vector<double>,
                           std::vector<Tensor>, std::string, ScalarType, Device, MemoryFormat, TensorOptions,
                           Generator>;

enum class ParamKind : uint8_t {
  Tensor, Scalar, Int, Float, Bool, IntList, FloatList, TensorList, String, Dtype, Device, MemoryFormat, Options,
  Generator
};

struct Param {
  std::string name;
  ParamKind kind;
  bool nullable = false;      // None is a value
  bool keyword_only = false;
  bool has_default = false;
  Value default_value;
};

enum class OpPlace : uint8_t { Function, Method, MethodOnly, Inplace, NN, Linalg, Fft, Special, Hidden };

struct OpInfo {
  std::string name;
  OpPlace place;
  bool elementwise;
  std::vector<Param> params;
  // The C++ result type: "Tensor", "ValuesIndices", "std::vector<Tensor>", ...
  std::string result;
  std::string doc;
  // What the nodes of its results are shown as; "" where they say it themselves.
  std::string shown;
  // The call without its checks.
  Value (*function)(const Value* args);

  // `args` holds one value per param, of its kind. Several tensors come back as a std::vector<Tensor>. Errors begin
  // with the op's name.
  TENON_API Value call(const Value* args) const;

  // The name under which errors speak of it: that of an op of a submodule with the submodule, "linalg.qr".
  TENON_API std::string qualified_name() const;

  // "softmax(self, dim, *, dtype=None)"
  TENON_API std::string signature() const;
};

// Every line of the table, in its order; the forms of an op with several follow each other.
TENON_API const std::vector<OpInfo>& op_registry();

// A further name of an op and of its in-place form; or, of one of nn.functional, its own name as a top-level function.
struct OpAlias {
  std::string name;
  std::string op;
};
TENON_API const std::vector<OpAlias>& op_aliases();

}  // namespace tenon
