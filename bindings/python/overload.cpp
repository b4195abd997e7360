// See overload.h.
#include "overload.h"

#include <algorithm>

#include "arguments.h"
#include "results.h"

namespace tenon::python {
namespace {

PyObject* interned(const char* text) { return checked(PyUnicode_InternFromString(text)); }

// The keywords that stand for a parameter of tensor options.
struct OptionNames {
  PyObject* dtype = interned("dtype");
  PyObject* layout = interned("layout");
  PyObject* device = interned("device");
  PyObject* requires_grad = interned("requires_grad");
  PyObject* pin_memory = interned("pin_memory");
  PyObject* memory_format = interned("memory_format");
};

const OptionNames& option_names() {
  static const OptionNames names;
  return names;
}

PyObject* out_name() {
  static PyObject* const name = interned("out");
  return name;
}

bool same_name(PyObject* a, PyObject* b) { return a == b || PyUnicode_Compare(a, b) == 0; }

// The names that NumPy users write, and the degree of an orthogonal polynomial.
void add_aliases(const std::string& op, const std::string& name, PyObject* (&aliases)[2]) {
  if (name == "self") {
    aliases[0] = interned("input");
    aliases[1] = interned("x");
  } else if (name == "dim") {
    aliases[0] = interned("axis");
  } else if (name == "keepdim") {
    aliases[0] = interned("keepdims");
  } else if (name == "other") {
    aliases[0] = interned("x2");
    if (op.find("_polynomial_") != std::string::npos) aliases[1] = interned("n");
  }
}

std::string describe_mismatch(const OpInfo& op, const Param& param, size_t position, PyObject* given) {
  return concat(op.name, "(): argument '", param.name, "'",
                position != SIZE_MAX ? concat(" (position ", position + 1, ")") : "", " must be ",
                kind_name(param.kind), ", not ", type_name(given));
}

}  // namespace

Overload::Overload(const OpInfo& info, bool method)
    : info_(&info),
      method_(method),
      takes_out_(!method && info.place != OpPlace::Inplace && info.place != OpPlace::MethodOnly &&
                 (info.result.find("Tensor") != std::string::npos || info.result == "ValuesIndices")),
      names_(info.params.size()) {
  const size_t first = method ? 1 : 0;
  size_t positional = 0;
  for (size_t i = 0; i < info.params.size(); ++i) {
    names_[i].own = interned(info.params[i].name.c_str());
    add_aliases(info.name, info.params[i].name, names_[i].aliases);
    defaults_.push_back(info.params[i].has_default ? &info.params[i].default_value : nullptr);
    if (!info.params[i].keyword_only && info.params[i].kind != ParamKind::Options) positional = i + 1;
  }
  if (positional == 0) return;
  const ParamKind last = info.params[positional - 1].kind;
  if (last == ParamKind::TensorList || (last == ParamKind::IntList && positional == first + 1))
    variadic_ = positional - 1;
}

void Overload::inherit_defaults(const Overload& earlier) {
  const std::vector<Param>&own = info_->params, &theirs = earlier.info_->params;
  for (size_t i = 0; i < std::min(own.size(), theirs.size()); ++i) {
    const bool same =
        own[i].name == theirs[i].name && own[i].kind == theirs[i].kind && own[i].nullable == theirs[i].nullable;
    // None fits every parameter that may be None.
    const bool none = own[i].name == theirs[i].name && own[i].nullable && earlier.defaults_[i] &&
                      std::holds_alternative<std::monostate>(*earlier.defaults_[i]);
    if (!defaults_[i] && (same || none)) defaults_[i] = earlier.defaults_[i];
  }
}

bool Overload::matches(const Name& name, PyObject* keyword) const {
  if (same_name(name.own, keyword)) return true;
  for (PyObject* alias : name.aliases) {
    if (alias && same_name(alias, keyword)) return true;
  }
  return false;
}

PyObject* Overload::find_keyword(const CallArguments& call, size_t i) const {
  for (size_t k = 0; k < call.keyword_count(); ++k) {
    if (matches(names_[i], call.keyword_name(k))) return call.keyword_value(k);
  }
  return nullptr;
}

bool Overload::bind_options(const CallArguments& call, Value& value, size_t& used, std::string* why) const {
  const OptionNames& names = option_names();
  TensorOptions options;
  for (size_t k = 0; k < call.keyword_count(); ++k) {
    PyObject *name = call.keyword_name(k), *given = call.keyword_value(k);
    bool fits = true;
    if (same_name(name, names.dtype)) {
      ScalarType dtype;
      if (given != Py_None && (fits = to_dtype(given, dtype))) options = options.dtype(dtype);
    } else if (same_name(name, names.device)) {
      Device device;
      if (given != Py_None && (fits = to_device(given, device))) options = options.device(device);
    } else if (same_name(name, names.requires_grad)) {
      bool requires_grad = false;
      if (given != Py_None && (fits = to_bool(given, requires_grad))) options = options.requires_grad(requires_grad);
    } else if (same_name(name, names.memory_format)) {
      fits = given == Py_None || Py_TYPE(given) == memory_format_type;
      if (fits && given != Py_None) options = options.memory_format(memory_format_of_object(given));
    } else if (same_name(name, names.layout)) {
      fits = given == Py_None || given == strided_layout();
    } else if (same_name(name, names.pin_memory)) {
      bool pin = false;
      fits = given == Py_None || to_bool(given, pin);
    } else {
      continue;
    }
    ++used;
    if (!fits) {
      if (why) *why = concat(info_->name, "(): argument '", utf8(name), "' must not be ", type_name(given));
      return false;
    }
  }
  value = options;
  return true;
}

bool Overload::bind_one(PyObject* given, size_t i, bool loose, Value& value) const {
  const Param& param = info_->params[i];
  if (given == Py_None) {
    // A default of its own is what None asks for where the parameter names a type, a format or a generator.
    if (param.nullable) {
      value = std::monostate();
      return true;
    }
    // A list that may be left empty may be None.
    const auto* list = defaults_[i] ? std::get_if<std::vector<int64_t>>(defaults_[i]) : nullptr;
    if (param.kind != ParamKind::IntList || !list || !list->empty()) return false;
    value = *defaults_[i];
    return true;
  }
  return to_value(given, param.kind, loose, value);
}

bool Overload::bind_variadic(const CallArguments& call, size_t next, size_t i, Value& value) const {
  if (info_->params[i].kind == ParamKind::TensorList) {
    std::vector<Tensor> list;
    for (; next < call.positional; ++next) {
      if (!is_tensor(call.values[next])) return false;
      list.push_back(unwrap(call.values[next]));
    }
    value = std::move(list);
    return true;
  }
  std::vector<int64_t> list;
  for (; next < call.positional; ++next) {
    int64_t one = 0;
    Scalar number;
    if (to_int(call.values[next], one)) {
      list.push_back(one);
    } else if (zero_dim_tensor_to_number(call.values[next], true, number)) {
      list.push_back(number.to_int64());
    } else {
      return false;
    }
  }
  value = std::move(list);
  return true;
}

// A factory makes what `out` can hold as it is.
void Overload::adopt_out(const Tensor& out, ValueBuffer& values) const {
  for (size_t i = 0; i < values.size(); ++i) {
    auto* options = std::get_if<TensorOptions>(&values[i]);
    if (options && !options->dtype_opt()) *options = options->dtype(out.dtype()).device(out.device());
  }
}

bool Overload::bind(const CallArguments& call, bool loose, ValueBuffer& values, PyObject*& out,
                    std::string* why) const {
  const std::vector<Param>& params = info_->params;
  size_t next = 0, used = 0;
  for (size_t i = 0; i < params.size(); ++i) {
    const Param& param = params[i];
    if (param.kind == ParamKind::Options) {
      if (!bind_options(call, values[i], used, why)) return false;
      continue;
    }
    PyObject* given = nullptr;
    size_t position = SIZE_MAX;
    if (next < call.positional && !param.keyword_only) {
      if (i == variadic_ && !PyTuple_Check(call.values[next]) && !PyList_Check(call.values[next]) &&
          call.values[next] != Py_None && bind_variadic(call, next, i, values[i])) {
        next = call.positional;
        continue;
      }
      position = next;
      given = call.values[next++];
    } else if (call.keywords) {
      given = find_keyword(call, i);
      used += given != nullptr;
    }
    if (given) {
      if (!bind_one(given, i, loose, values[i])) {
        if (why) *why = describe_mismatch(*info_, param, position, given);
        return false;
      }
    } else if (defaults_[i]) {
      values[i] = *defaults_[i];
    } else if (i == variadic_ && call.positional == (method_ ? 1u : 0u) && !call.keywords) {
      values[i] = std::vector<int64_t>();
      if (param.kind != ParamKind::IntList) return false;
    } else {
      if (why) *why = concat(info_->name, "() missing 1 required argument: '", param.name, "'");
      return false;
    }
  }
  if (next < call.positional) {
    if (why)
      *why = concat(info_->name, "() takes ", next, " positional arguments but ", call.positional, " were given");
    return false;
  }
  out = nullptr;
  for (size_t k = 0; used < call.keyword_count() && k < call.keyword_count(); ++k) {
    if (takes_out_ && same_name(call.keyword_name(k), out_name())) {
      out = call.keyword_value(k) == Py_None ? nullptr : call.keyword_value(k);
      ++used;
    }
  }
  if (used == call.keyword_count()) {
    if (out && is_tensor(out)) adopt_out(unwrap(out), values);
    return true;
  }
  if (why) {
    for (size_t k = 0; k < call.keyword_count(); ++k) {
      bool known = takes_out_ && same_name(call.keyword_name(k), out_name());
      for (const Name& name : names_) known = known || matches(name, call.keyword_name(k));
      if (!known) {
        *why = concat(info_->name, "() got an unexpected keyword argument '", utf8(call.keyword_name(k)), "'");
        return false;
      }
    }
    *why = concat(info_->name, "() got multiple values for an argument");
  }
  return false;
}

std::string Overload::signature() const {
  std::string text = "(";
  bool keyword_only = false;
  for (size_t i = method_ ? 1 : 0; i < info_->params.size(); ++i) {
    const Param& param = info_->params[i];
    if (text.size() > 1) text += ", ";
    if (param.keyword_only && !keyword_only) text += "*, ";
    keyword_only = param.keyword_only;
    if (param.kind == ParamKind::Options) {
      text += "dtype dtype, layout layout, device device, bool requires_grad, bool pin_memory";
    } else {
      text += concat(kind_name(param.kind), " ", param.name == "self" ? "input" : param.name,
                     param.nullable ? " = None" : "");
    }
  }
  if (takes_out_) text += concat(keyword_only ? "" : text.size() > 1 ? ", *" : "*", ", Tensor out");
  return text + ")";
}

nb::object Overload::default_of(size_t i) const {
  return defaults_[i] ? steal(to_python(*defaults_[i], *info_)) : nb::none();
}

nb::dict Overload::description() const {
  nb::list params;
  for (size_t i = 0; i < info_->params.size(); ++i) {
    const Param& param = info_->params[i];
    params.append(nb::make_tuple(param.name.c_str(), kind_name(param.kind), param.nullable, param.keyword_only,
                                 defaults_[i] != nullptr, default_of(i)));
  }
  nb::dict result;
  result["params"] = params;
  result["variadic"] = variadic_ == SIZE_MAX ? nb::object(nb::none()) : nb::object(nb::int_(variadic_));
  result["result"] = info_->result.c_str();
  result["takes_out"] = takes_out_;
  return result;
}

}  // namespace tenon::python
