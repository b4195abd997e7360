// One form of an op, and how a Python call is matched against its parameters.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "python.h"
#include "stable_abi.h"
#include "tenon/ops/registry.h"

namespace tenon::python {

// The arguments of a call, as vectorcall passes them: keyword values follow the positional ones.
struct CallArguments {
  PyObject* const* values;
  size_t positional;
  PyObject* keywords;  // a tuple of names, or null

  size_t keyword_count() const { return keywords ? static_cast<size_t>(tuple_size(keywords)) : 0; }
  PyObject* keyword_name(size_t i) const { return tuple_item(keywords, static_cast<Py_ssize_t>(i)); }
  PyObject* keyword_value(size_t i) const { return values[positional + i]; }
};

// Boxed arguments on the stack: of the many that fit, only those that an op has are ever constructed.
class ValueBuffer {
 public:
  static constexpr size_t kCapacity = 24;
  explicit ValueBuffer(size_t size) : size_(size) {
    for (size_t i = 0; i < size; ++i) new (&get(i)) Value();
  }
  ~ValueBuffer() {
    for (size_t i = 0; i < size_; ++i) get(i).~Value();
  }
  ValueBuffer(const ValueBuffer&) = delete;
  Value& operator[](size_t i) { return get(i); }
  const Value* data() { return &get(0); }
  size_t size() const { return size_; }

 private:
  Value& get(size_t i) { return *std::launder(reinterpret_cast<Value*>(bytes_) + i); }
  size_t size_;
  alignas(Value) char bytes_[kCapacity * sizeof(Value)];
};

class Overload {
 public:
  // `method`: the first parameter is the object that the method is called on.
  Overload(const OpInfo& info, bool method);

  const OpInfo& info() const { return *info_; }
  // Takes over defaults of `earlier`, a form of the same op, for equal parameters at the same place: C++ forms leave
  // them out where calls would be ambiguous.
  void inherit_defaults(const Overload& earlier);
  bool takes_out() const { return takes_out_; }

  // Fills `values` from the call, and `out` with the out= argument (borrowed, null when absent).
  // Returns false when the call does not fit; `why`, if given, then says why.
  bool bind(const CallArguments& call, bool loose, ValueBuffer& values, PyObject*& out,
            std::string* why = nullptr) const;

  // "(Tensor self, Tensor other, *, Number alpha)"
  std::string signature() const;

  // What a stub says of this form: {"params": [(name, kind, nullable, keyword_only, optional, default), ...],
  // "variadic": index of the parameter that takes all remaining arguments or None, "result": the C++ type, "takes_out":
  // bool}.
  nb::dict description() const;

 private:
  struct Name {
    PyObject* own = nullptr;      // interned
    PyObject* aliases[2] = {};    // what NumPy calls it
  };

  nb::object default_of(size_t i) const;
  bool matches(const Name& name, PyObject* keyword) const;
  PyObject* find_keyword(const CallArguments& call, size_t i) const;
  bool bind_options(const CallArguments& call, Value& value, size_t& used, std::string* why) const;
  bool bind_one(PyObject* given, size_t i, bool loose, Value& value) const;
  void adopt_out(const Tensor& out, ValueBuffer& values) const;
  // Takes the positional arguments from `next` on as one list, as in x.view(2, 3).
  bool bind_variadic(const CallArguments& call, size_t next, size_t i, Value& value) const;

  const OpInfo* info_;
  bool method_;
  bool takes_out_;
  // The parameter that takes all remaining positional arguments, if there is one.
  size_t variadic_ = SIZE_MAX;
  std::vector<Name> names_;
  // The value of each parameter that may be left out, else null.
  std::vector<const Value*> defaults_;
};

}  // namespace tenon::python
