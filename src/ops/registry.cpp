// Builds the registry from the table: kinds come from the C++ types, names and defaults from the text of the line.
#include "tenon/ops/registry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "ops/name_error.h"
#include "ops/shown_names.h"

namespace tenon {
namespace {

// --- from C++ types to kinds, and from values to arguments

template <class T>
struct Unboxed;

#define TENON_UNBOXED(type, kind_, expression)                        \
  template <>                                                         \
  struct Unboxed<type> {                                              \
    static constexpr ParamKind kind = ParamKind::kind_;               \
    static constexpr bool nullable = false;                           \
    static type from(const Value& value) { return expression; }       \
  };
TENON_UNBOXED(Tensor, Tensor, std::get<Tensor>(value))
TENON_UNBOXED(Scalar, Scalar, std::get<Scalar>(value))
TENON_UNBOXED(int64_t, Int, std::get<Scalar>(value).to_int64())
TENON_UNBOXED(double, Float, std::get<Scalar>(value).to_double())
TENON_UNBOXED(bool, Bool, std::get<Scalar>(value).to<bool>())
TENON_UNBOXED(IntArrayRef, IntList, IntArrayRef(std::get<std::vector<int64_t>>(value)))
TENON_UNBOXED(FloatArrayRef, FloatList, FloatArrayRef(std::get<std::vector<double>>(value)))
TENON_UNBOXED(TensorList, TensorList, TensorList(std::get<std::vector<Tensor>>(value)))
TENON_UNBOXED(std::string_view, String, std::string_view(std::get<std::string>(value)))
TENON_UNBOXED(ScalarType, Dtype, std::get<ScalarType>(value))
TENON_UNBOXED(Device, Device, std::get<Device>(value))
TENON_UNBOXED(MemoryFormat, MemoryFormat, std::get<MemoryFormat>(value))
TENON_UNBOXED(TensorOptions, Options, std::get<TensorOptions>(value))
TENON_UNBOXED(Generator, Generator, std::get<Generator>(value))
#undef TENON_UNBOXED

template <class T>
struct Unboxed<optional<T>> {
  static constexpr ParamKind kind = Unboxed<T>::kind;
  static constexpr bool nullable = true;
  static optional<T> from(const Value& value) {
    if (std::holds_alternative<std::monostate>(value)) return nullopt;
    return Unboxed<T>::from(value);
  }
};

template <>
struct Unboxed<OptionalIntArrayRef> {
  static constexpr ParamKind kind = ParamKind::IntList;
  static constexpr bool nullable = true;
  static OptionalIntArrayRef from(const Value& value) {
    if (std::holds_alternative<std::monostate>(value)) return nullopt;
    return Unboxed<IntArrayRef>::from(value);
  }
};

Value box(const Tensor& result) { return result; }
Value box(std::vector<Tensor> result) { return result; }
template <class T>
  requires std::is_arithmetic_v<T>
Value box(T result) {
  return Scalar(result);
}
template <class... T>
Value box(const std::tuple<T...>& result) {
  return std::apply([](const auto&... tensors) { return std::vector<Tensor>{tensors...}; }, result);
}

struct ParamType {
  ParamKind kind;
  bool nullable;
};

template <class Signature, Signature* Function>
struct Boxed;
template <class R, class... Args, R (*Function)(Args...)>
struct Boxed<R(Args...), Function> {
  static constexpr std::array<ParamType, sizeof...(Args)> types = {
      ParamType{Unboxed<std::decay_t<Args>>::kind, Unboxed<std::decay_t<Args>>::nullable}...};
  static Value call(const Value* args) { return call(args, std::index_sequence_for<Args...>()); }

 private:
  template <size_t... I>
  static Value call([[maybe_unused]] const Value* args, std::index_sequence<I...>) {
    return box(Function(Unboxed<std::decay_t<Args>>::from(args[I])...));
  }
};

// --- from the text of a line to names and defaults

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \n") - first + 1);
}

// The pieces of a parameter list, cut at the commas that no bracket encloses.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> pieces;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const bool cut = i == text.size() || (text[i] == ',' && depth == 0);
    if (!cut) {
      depth += text[i] == '(' || text[i] == '<' || text[i] == '{';
      depth -= text[i] == ')' || text[i] == '>' || text[i] == '}';
      continue;
    }
    if (!trim(text.substr(start, i - start)).empty()) pieces.push_back(trim(text.substr(start, i - start)));
    start = i + 1;
  }
  return pieces;
}

std::vector<int64_t> parse_ints(std::string_view braced) {
  std::vector<int64_t> values;
  for (std::string_view piece : split(braced.substr(1, braced.size() - 2))) {
    int64_t value = 0;
    std::from_chars(piece.data(), piece.data() + piece.size(), value);
    values.push_back(value);
  }
  return values;
}

Value parse_default(std::string_view text, const Param& param) {
  if (text == "nullopt" || (text == "{}" && param.nullable)) return std::monostate();
  if (param.kind == ParamKind::Options) return TensorOptions();
  if (param.kind == ParamKind::IntList) {
    return text.front() == '{' ? parse_ints(text) : std::vector<int64_t>{std::stoll(std::string(text))};
  }
  if (param.kind == ParamKind::TensorList) return std::vector<Tensor>();
  if (param.kind == ParamKind::String) return std::string(text.substr(1, text.size() - 2));
  if (text == "true" || text == "false") return Scalar(text == "true");
  if (text == "MemoryFormat::Contiguous") return MemoryFormat::Contiguous;
  if (text == "MemoryFormat::Preserve") return MemoryFormat::Preserve;
  if (param.kind == ParamKind::Float || text.find_first_of(".e") != std::string_view::npos) {
    return Scalar(std::stod(std::string(text)));
  }
  return Scalar(static_cast<int64_t>(std::stoll(std::string(text))));
}

// `text` is the parenthesised parameter list as the line has it.
void read_params(std::string_view text, std::vector<Param>& params, size_t first) {
  constexpr std::string_view kKeyword = "TENON_KW", kDefault = "TENON_DEF(";
  bool keyword_only = false;
  for (std::string_view piece : split(text.substr(1, text.size() - 2))) {
    Param& param = params.at(first++);
    if (piece.starts_with(kKeyword)) {
      keyword_only = true;
      piece = trim(piece.substr(kKeyword.size()));
    }
    param.keyword_only = keyword_only;
    if (const size_t at = piece.find(kDefault); at != std::string_view::npos) {
      param.has_default = true;
      const std::string_view value = piece.substr(at + kDefault.size());
      param.default_value = parse_default(trim(value.substr(0, value.size() - 1)), param);
      piece = trim(piece.substr(0, at));
    }
    param.name = piece.substr(piece.find_last_of(" &") + 1);
  }
}

class Builder {
 public:
  // `names` are those of the parameters that `text` does not list: self and the other inputs of an elementwise line.
  template <class Boxed>
  void add(const char* name, OpPlace place, bool elementwise, std::initializer_list<const char*> names,
           std::string_view text, const char* result, const char* doc) {
    add(Boxed::types, &Boxed::call, name, place, elementwise, names, text, result, doc);
  }

  std::vector<OpInfo> ops;

 private:
  // Compiled once for all ops, not once for each: that halves what this file compiles to.
  [[gnu::noinline]] void add(std::span<const ParamType> types, Value (*function)(const Value*), const char* name,
                             OpPlace place, bool elementwise, std::initializer_list<const char*> names,
                             std::string_view text, const char* result, const char* doc) {
    OpInfo op{name, place, elementwise, {}, result, doc, "", function};
    const char* shown = shown_name((place == OpPlace::NN ? "nn." : "") + op.qualified_name(), text);
    op.shown = shown ? shown : "";
    for (const auto& [kind, nullable] : types) op.params.push_back({"", kind, nullable, false, false, {}});
    size_t i = 0;
    for (const char* given : names) op.params[i++].name = given;
    read_params(text, op.params, i);
    ops.push_back(std::move(op));
  }
};

// Adapters that give in-place forms of elementwise lines, which are methods, a function's shape.
#define TENON_AND(...) __VA_OPT__(, ) __VA_ARGS__
#define TENON_DEF(...)
#define TENON_EW1(name, rule, dtypes, params, args, ...) \
  const Tensor& name##_inplace(const Tensor& self TENON_AND params) { return self.name##_ args; }
#define TENON_EW2(name, ...)                                                                                      \
  const Tensor& name##_inplace(const Tensor& self, const Tensor& other) { return self.name##_(other); }           \
  const Tensor& name##_inplace_number(const Tensor& self, const Scalar& other) { return self.name##_(other); }
#include "tenon/table/elementwise.inc"

// Whether an elementwise op of two inputs takes a number for one of them: these do not in PyTorch. The others that do
// not there are functions of the array API, which asks for it.
bool takes_numbers(std::string_view op) {
  constexpr std::string_view kTensorsOnly[] = {"fmax", "fmin", "gcd", "heaviside", "igamma", "igammac", "lcm"};
  return std::ranges::find(kTensorsOnly, op) == std::end(kTensorsOnly);
}

// What a copy shows, by the name and parameters of the view.
std::string shown_copy(const char* name, std::string_view params) {
  const char* shown = shown_name(name, params);
  return (shown ? shown : display_name(name)) + "_copy";
}

std::vector<OpInfo> build() {
  Builder build;
#define TENON_DEF(...)
#define TENON_EW1(name, rule, dtypes, params, args, forward, dx, doc)                                              \
  build.add<Boxed<Tensor(const Tensor& self TENON_AND params), &tenon::name>>(#name, OpPlace::Method, true, {"self"}, \
                                                                              #params, "Tensor", doc);             \
  build.add<Boxed<const Tensor&(const Tensor& self TENON_AND params), &name##_inplace>>(                           \
      #name "_", OpPlace::Inplace, true, {"self"}, #params, "Tensor", doc);
#define TENON_EW2(name, rule, dtypes, params, args, forward, da, db, doc)                                           \
  build.add<Boxed<Tensor(const Tensor&, const Tensor&), &tenon::name>>(#name, OpPlace::Method, true,                \
                                                                       {"self", "other"}, #params, "Tensor", doc);  \
  if (takes_numbers(#name))                                                                                         \
    build.add<Boxed<Tensor(const Tensor&, const Scalar&), &tenon::name>>(#name, OpPlace::Method, true,              \
                                                                         {"self", "other"}, #params, "Tensor",      \
                                                                         doc);                                      \
  if (takes_numbers(#name) && std::string_view(#name) != "fmod")                                                    \
    build.add<Boxed<Tensor(const Scalar&, const Tensor&), &tenon::name>>(#name, OpPlace::Function, true,            \
                                                                         {"self", "other"}, #params, "Tensor",      \
                                                                         doc);                                      \
  build.add<Boxed<const Tensor&(const Tensor&, const Tensor&), &name##_inplace>>(                                   \
      #name "_", OpPlace::Inplace, true, {"self", "other"}, #params, "Tensor", doc);                                \
  if (takes_numbers(#name))                                                                                         \
    build.add<Boxed<const Tensor&(const Tensor&, const Scalar&), &name##_inplace_number>>(                          \
        #name "_", OpPlace::Inplace, true, {"self", "other"}, #params, "Tensor", doc);
#define TENON_SPECIAL1(name, rule, dtypes, params, args, forward, dx, doc)                                         \
  build.add<Boxed<Tensor(const Tensor&), &tenon::special_##name>>(#name, OpPlace::Special, true, {"self"}, #params, \
                                                                  "Tensor", doc);
#define TENON_SPECIAL2(name, rule, dtypes, params, args, forward, da, db, doc)                                     \
  build.add<Boxed<Tensor(const Tensor&, const Tensor&), &tenon::special_##name>>(                                  \
      #name, OpPlace::Special, true, {"self", "other"}, #params, "Tensor", doc);                                   \
  build.add<Boxed<Tensor(const Tensor&, const Scalar&), &tenon::special_##name>>(                                  \
      #name, OpPlace::Special, true, {"self", "other"}, #params, "Tensor", doc);                                   \
  build.add<Boxed<Tensor(const Scalar&, const Tensor&), &tenon::special_##name>>(                                  \
      #name, OpPlace::Special, true, {"self", "other"}, #params, "Tensor", doc);
#include "tenon/table/elementwise.inc"

#define TENON_DEF(...)
#define TENON_METHOD(name, ret, params, args, doc)                                                             \
  build.add<Boxed<ret(const Tensor& self TENON_AND params), &tenon::name>>(#name, OpPlace::Method, false,      \
                                                                           {"self"}, #params, #ret, doc);
#define TENON_METHOD_ONLY(name, ret, params, args, doc)                                                        \
  build.add<Boxed<ret(const Tensor& self TENON_AND params), &tenon::name>>(#name, OpPlace::MethodOnly, false,  \
                                                                           {"self"}, #params, #ret, doc);
#define TENON_INPLACE(name, params, args, doc)                                                                 \
  build.add<Boxed<const Tensor&(const Tensor& self TENON_AND params), &tenon::name>>(#name, OpPlace::Inplace,  \
                                                                                     false, {"self"}, #params, \
                                                                                     "Tensor", doc);
#define TENON_FUNCTION(name, ret, params, args, doc) \
  build.add<Boxed<ret params, &tenon::name>>(#name, OpPlace::Function, false, {}, #params, #ret, doc);
#define TENON_NN(name, ret, params, args, doc) \
  build.add<Boxed<ret params, &tenon::name>>(#name, OpPlace::NN, false, {}, #params, #ret, doc);
#define TENON_LINALG(name, ret, params, args, doc) \
  build.add<Boxed<ret params, &tenon::linalg_##name>>(#name, OpPlace::Linalg, false, {}, #params, #ret, doc);
#define TENON_FFT(name, ret, params, args, doc) \
  build.add<Boxed<ret params, &tenon::fft_##name>>(#name, OpPlace::Fft, false, {}, #params, #ret, doc);
#define TENON_HIDDEN(name, ret, params, args, doc) \
  build.add<Boxed<ret params, &tenon::name>>(#name, OpPlace::Hidden, false, {}, #params, #ret, doc);
#define TENON_VIEW_COPY(name, ret, params, args)                                                                 \
  build.add<Boxed<ret(const Tensor& self TENON_AND params), &tenon::name##_copy>>(                               \
      #name "_copy", OpPlace::Function, false, {"self"}, #params, #ret, "A copy of what " #name " shows.");        \
  build.ops.back().shown = shown_copy(#name, #params);
#include "tenon/table/structured.inc"
  return std::move(build.ops);
}

void check_defined(const OpInfo& op, const Value* args) {
  // To these an undefined index is a whole dim.
  const bool lists_have_holes = op.name.starts_with("index_");
  for (size_t i = 0; i < op.params.size(); ++i) {
    if (const Tensor* tensor = std::get_if<Tensor>(&args[i])) {
      TENON_CHECK(tensor->defined(), op.name, ": argument '", op.params[i].name, "' is an undefined tensor");
    } else if (const auto* list = std::get_if<std::vector<Tensor>>(&args[i]); list && !lists_have_holes) {
      for (size_t k = 0; k < list->size(); ++k) {
        TENON_CHECK((*list)[k].defined(), op.name, ": argument '", op.params[i].name, "' holds an undefined tensor at ",
                    k);
      }
    }
  }
}

std::string default_text(const Param& param) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, Scalar>) {
          return value.is_bool() ? (value.template to<bool>() ? "True" : "False") : concat(value);
        } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
          return value.size() == 1 ? concat(value[0]) : concat(IntArrayRef(value));
        } else if constexpr (std::is_same_v<T, std::string>) {
          return "'" + value + "'";
        } else if constexpr (std::is_same_v<T, MemoryFormat>) {
          return value == MemoryFormat::Contiguous ? "contiguous_format" : "preserve_format";
        } else {
          return "None";
        }
      },
      param.default_value);
}

}  // namespace

Value OpInfo::call(const Value* args) const try {
  check_defined(*this, args);
  if (shown.empty()) return function(args);
  const uint64_t first = Node::next_sequence_nr();
  Value result = function(args);
  std::visit(
      [&](const auto& value) {
        if constexpr (requires { show_as(shown.c_str(), first, value); }) show_as(shown.c_str(), first, value);
      },
      result);
  return result;
} catch (...) {
  rethrow_naming(qualified_name());
}

std::string OpInfo::qualified_name() const {
  switch (place) {
    case OpPlace::Linalg: return "linalg." + name;
    case OpPlace::Fft: return "fft." + name;
    case OpPlace::Special: return "special." + name;
    default: return name;
  }
}

std::string OpInfo::signature() const {
  std::string text = name + "(";
  bool keyword_only = false;
  for (size_t i = 0; i < params.size(); ++i) {
    const Param& param = params[i];
    if (i > 0) text += ", ";
    if (param.keyword_only && !keyword_only) text += "*, ";
    keyword_only = param.keyword_only;
    if (param.kind == ParamKind::Options) {
      text += "dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False";
      continue;
    }
    text += param.name;
    if (param.has_default) text += "=" + default_text(param);
  }
  return text + ")";
}

const std::vector<OpInfo>& op_registry() {
  static const std::vector<OpInfo> ops = build();
  return ops;
}

const std::vector<OpAlias>& op_aliases() {
  static const std::vector<OpAlias> aliases = {
#define TENON_ALIAS(alias, name) {#alias, #name},
#define TENON_TOP_LEVEL(name) {#name, #name},
#include "tenon/table/structured.inc"
  };
  return aliases;
}

}  // namespace tenon
