// Files for Python, as _C.io: archives, the restricted unpickler, atomic files, and the formats of tenon.safetensors
// and tenon.io. What the objects in a checkpoint mean is for tenon/serialization.py to say.
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arguments.h"
#include "io/atomic_file.h"
#include "io/pickle_machine.h"
#include "io/source.h"
#include "io/zip.h"
#include "stable_abi.h"
#include "tenon/io/npy.h"
#include "tenon/io/safetensors.h"

namespace tenon::python {
namespace {

// The bytes of an object that exports a buffer, for as long as this lives.
class Buffer {
 public:
  explicit Buffer(nb::handle object, int flags = PyBUF_SIMPLE) {
    check_status(PyObject_GetBuffer(object.ptr(), &view_, flags));
  }
  ~Buffer() { PyBuffer_Release(&view_); }
  Buffer(const Buffer&) = delete;
  std::string_view bytes() const { return {static_cast<const char*>(view_.buf), static_cast<size_t>(view_.len)}; }

 private:
  Py_buffer view_;
};

nb::bytes to_bytes(std::string_view bytes) { return nb::bytes(bytes.data(), bytes.size()); }

// --- archives

// A zip archive in a file or in the bytes of an object.
class Archive {
 public:
  Archive(nb::handle file, bool mapped) {
    if (PyUnicode_Check(file.ptr())) {
      source_ = io::open_file(nb::cast<std::string>(file), mapped);
    } else {
      buffer_ = std::make_unique<Buffer>(file);
      source_ = io::open_memory(buffer_->bytes());
    }
    zip_ = std::make_unique<io::ZipReader>(*source_);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& record : zip_->records()) names.push_back(record.name);
    return names;
  }
  nb::bytes read(const std::string& name) const { return to_bytes(zip_->read(need(name))); }
  // A record as a 1-d tensor of bytes, of which there are `nbytes`.
  Tensor storage(const std::string& name, uint64_t nbytes, size_t alignment) const {
    const io::ZipReader::Record& record = need(name);
    TENON_CHECK_FILE(record.size == nbytes, source_->name(), ": record '", name, "' has ", record.size,
                     " bytes, and its storage ", nbytes);
    ReleaseGil gil;
    const DimVector size{static_cast<int64_t>(nbytes)};
    return Tensor(make_intrusive<TensorImpl>(zip_->storage(record, alignment), size, DimVector{1}, 0, kByte));
  }

 private:
  const io::ZipReader::Record& need(const std::string& name) const {
    const io::ZipReader::Record* record = zip_->find(name);
    TENON_CHECK_FILE(record, source_->name(), " has no record '", name, "'");
    return *record;
  }

  std::unique_ptr<Buffer> buffer_;
  std::unique_ptr<io::Source> source_;
  std::unique_ptr<io::ZipReader> zip_;
};

io::Sink sink_of(nb::object write) {
  return [write = std::move(write)](const void* data, size_t count) {
    // Pieces keep what the receiver may copy small.
    constexpr size_t kPiece = 1 << 24;
    const char* bytes = static_cast<const char*>(data);
    for (size_t at = 0; at < count; at += kPiece) {
      const auto size = static_cast<Py_ssize_t>(std::min(kPiece, count - at));
      nb::object view = steal(PyMemoryView_FromMemory(const_cast<char*>(bytes + at), size, PyBUF_READ));
      write(view);
    }
  };
}

// Writes an archive into a file that appears whole or not at all, or through a function of bytes.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(nb::object target) {
    io::Sink sink;
    if (PyUnicode_Check(target.ptr())) {
      file_ = std::make_unique<io::AtomicFile>(nb::cast<std::string>(target));
      sink = [this](const void* data, size_t count) { file_->write(data, count); };
    } else {
      sink = sink_of(std::move(target));
    }
    zip_ = std::make_unique<io::ZipWriter>(std::move(sink));
  }
  void add(const std::string& name, nb::handle bytes) {
    const Buffer buffer(bytes);
    zip_->add(name, buffer.bytes());
  }
  // The whole storage that a tensor views.
  void add_storage(const std::string& name, const Tensor& tensor) {
    ReleaseGil gil(file_ != nullptr);
    const StoragePtr storage = io::on_cpu(tensor.storage());
    zip_->add(name, storage->data(), storage->nbytes());
  }
  void finish() {
    zip_->finish();
    if (!file_) return;
    ReleaseGil gil;
    file_->commit();
  }

 private:
  std::unique_ptr<io::AtomicFile> file_;
  std::unique_ptr<io::ZipWriter> zip_;
};

// --- the restricted unpickler

// Makes Python's objects; what must be decided is asked of `policy`: global(module, name), reduce(function, arguments),
// new_object(cls, arguments, keywords), build(object, state), persistent(id), protocol(number), old_string(bytes).
class PythonBuilder {
 public:
  using Object = nb::object;

  explicit PythonBuilder(nb::object policy)
      : policy_(std::move(policy)),
        ordered_dict_(nb::module_::import_("collections").attr("OrderedDict")),
        counter_(nb::module_::import_("collections").attr("Counter")) {}

  void protocol(int number) { policy_.attr("protocol")(number); }
  nb::object none() { return nb::none(); }
  nb::object boolean(bool value) { return nb::bool_(value); }
  nb::object integer(int64_t value) { return nb::int_(value); }
  nb::object big_integer(std::string_view bytes) {
    nb::object type = nb::borrow(reinterpret_cast<PyObject*>(&PyLong_Type));
    return type.attr("from_bytes")(to_bytes(bytes), "little", nb::arg("signed") = true);
  }
  nb::object real(double value) { return nb::float_(value); }
  nb::object text(std::string_view bytes) {
    return steal(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "surrogatepass"));
  }
  nb::object bytes(std::string_view bytes) { return to_bytes(bytes); }
  nb::object old_string(std::string_view bytes) { return policy_.attr("old_string")(to_bytes(bytes)); }
  nb::object byte_array(std::string_view bytes) {
    return steal(PyByteArray_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
  }
  nb::object list() { return nb::list(); }
  nb::object set() { return steal(PySet_New(nullptr)); }
  nb::object dict() { return nb::dict(); }
  nb::object tuple(std::span<nb::object> items) {
    nb::object made = steal(PyTuple_New(static_cast<Py_ssize_t>(items.size())));
    for (size_t i = 0; i < items.size(); ++i) {
      set_tuple_item(made.ptr(), static_cast<Py_ssize_t>(i), nb::object(items[i]).release().ptr());
    }
    return made;
  }
  nb::object frozen_set(std::span<nb::object> items) {
    nb::object made = steal(PyFrozenSet_New(nullptr));
    add_items(made, items);
    return made;
  }
  void append(nb::object& list, std::span<nb::object> items) {
    TENON_CHECK_AS(io::UnpicklingError, PyList_CheckExact(list.ptr()), "Can only append to lists, but got ",
                   type_text(list));
    for (const nb::object& item : items) check_status(PyList_Append(list.ptr(), item.ptr()));
  }
  void add_items(nb::object& set, std::span<nb::object> items) {
    TENON_CHECK_AS(io::UnpicklingError, PyAnySet_CheckExact(set.ptr()), "Can only add items to sets, but got ",
                   type_text(set));
    for (const nb::object& item : items) {
      check_key(item);
      check_status(PySet_Add(set.ptr(), item.ptr()));
    }
  }
  void set_items(nb::object& dict, std::span<nb::object> items) {
    const nb::handle type = dict.type();
    const bool is_dict = PyDict_CheckExact(dict.ptr());
    TENON_CHECK_AS(io::UnpicklingError, is_dict || type.is(ordered_dict_) || type.is(counter_),
                   "Can only SETITEMS for dict, collections.OrderedDict, collections.Counter, but got ",
                   type_text(dict));
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      check_key(items[i]);
      check_status(is_dict ? PyDict_SetItem(dict.ptr(), items[i].ptr(), items[i + 1].ptr())
                           : PyObject_SetItem(dict.ptr(), items[i].ptr(), items[i + 1].ptr()));
    }
  }
  std::string as_text(const nb::object& object) {
    TENON_CHECK_AS(io::UnpicklingError, PyUnicode_CheckExact(object.ptr()), "STACK_GLOBAL requires str");
    return nb::cast<std::string>(object);
  }
  nb::object global(std::string_view module, std::string_view name) {
    return policy_.attr("find_global")(text(module), text(name));
  }
  nb::object reduce(const nb::object& function, const nb::object& arguments) {
    check_arguments(arguments);
    return policy_.attr("reduce")(function, arguments);
  }
  nb::object new_object(const nb::object& cls, const nb::object& arguments, const nb::object* keywords) {
    check_arguments(arguments);
    return policy_.attr("new_object")(cls, arguments, keywords ? *keywords : nb::dict());
  }
  void build(nb::object& object, const nb::object& state) { policy_.attr("build")(object, state); }
  nb::object persistent(const nb::object& id) { return policy_.attr("persistent")(id); }

 private:
  static std::string type_text(const nb::object& object) { return nb::cast<std::string>(nb::str(object.type())); }
  static void check_arguments(const nb::object& arguments) {
    TENON_CHECK_AS(io::UnpicklingError, PyTuple_CheckExact(arguments.ptr()), "arguments must be a tuple, but got ",
                   type_text(arguments));
  }
  // Tuples of shared tuples can take longer to hash than anyone waits.
  static void check_key(const nb::object& key) {
    int budget = 10000;
    count_parts(key.ptr(), budget);
  }
  static void count_parts(PyObject* key, int& budget) {
    TENON_CHECK_AS(io::UnpicklingError, --budget > 0, "a key has more than 10000 parts");
    if (!PyTuple_Check(key)) return;
    for (Py_ssize_t i = 0; i < tuple_size(key); ++i) count_parts(tuple_item(key, i), budget);
  }

  nb::object policy_, ordered_dict_, counter_;
};

// The object of the first pickle in `data` from `start` on, and where that pickle ends.
std::pair<nb::object, size_t> unpickle(nb::handle data, nb::object policy, size_t start) {
  const Buffer buffer(data);
  PythonBuilder builder(std::move(policy));
  io::PickleMachine machine(buffer.bytes().substr(std::min(start, buffer.bytes().size())), builder);
  nb::object result = machine.run();
  return {std::move(result), start + machine.position()};
}

// --- the globals of a pickle

// Makes nothing: it hears which globals a pickle names. Of all objects only texts are known, as places in the pickle.
class GlobalsReader {
 public:
  using Object = std::string_view;
  using Items = std::span<Object>;
  std::vector<std::pair<std::string_view, std::string_view>> found;

  void protocol(int) {}
  Object none() { return {}; }
  Object boolean(bool) { return {}; }
  Object integer(int64_t) { return {}; }
  Object big_integer(std::string_view) { return {}; }
  Object real(double) { return {}; }
  Object text(std::string_view bytes) { return bytes; }
  Object bytes(std::string_view) { return {}; }
  Object byte_array(std::string_view) { return {}; }
  Object old_string(std::string_view bytes) { return bytes; }
  Object list() { return {}; }
  Object dict() { return {}; }
  Object set() { return {}; }
  Object frozen_set(Items) { return {}; }
  Object tuple(Items) { return {}; }
  void append(Object, Items) {}
  void set_items(Object, Items) {}
  void add_items(Object, Items) {}
  Object as_text(Object text) { return text; }
  Object global(std::string_view module, std::string_view name) {
    found.emplace_back(module, name);
    return {};
  }
  Object reduce(Object, Object) { return {}; }
  Object new_object(Object, Object, const Object*) { return {}; }
  void build(Object, Object) {}
  Object persistent(Object) { return {}; }
};

std::vector<std::pair<std::string_view, std::string_view>> globals_in(std::string_view bytes) {
  GlobalsReader reader;
  io::PickleMachine(bytes, reader).run();
  return std::move(reader.found);
}

nb::list pickle_globals(nb::handle data) {
  const Buffer buffer(data);
  nb::list found;
  for (const auto& [module, name] : globals_in(buffer.bytes())) {
    found.append(nb::make_tuple(nb::str(module.data(), module.size()), nb::str(name.data(), name.size())));
  }
  return found;
}

// Lets a pickle name the globals of package `from` as those of `to`, in place: both names are equally long.
void rename_globals(nb::handle data, const std::string& from, const std::string& to) {
  TENON_CHECK_VALUE(from.size() == to.size(), "rename_globals: '", from, "' and '", to, "' are not equally long");
  const Buffer buffer(data, PyBUF_WRITABLE);
  for (const auto& [module, name] : globals_in(buffer.bytes())) {
    if (module == from || (module.starts_with(from) && module[from.size()] == '.')) {
      std::memcpy(const_cast<char*>(module.data()), to.data(), to.size());
    }
  }
}

// --- errors

// Failures of the system become the OSError of their number, with the file's name.
void translate_errors() {
  nb::register_exception_translator(
      [](const std::exception_ptr& exception, void*) {
        try {
          std::rethrow_exception(exception);
        } catch (const io::UnpicklingError& error) {
          const nb::object type = nb::module_::import_("pickle").attr("UnpicklingError");
          set_error(type.ptr(), error.what());
        } catch (const io::FileError& error) {
          if (error.code() == 0) {
            set_error(PyExc_RuntimeError, error.what());
          } else {
            nb::object path = nb::steal(PyUnicode_DecodeFSDefault(error.path().c_str()));
            errno = error.code();
            PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path.ptr());
          }
        }
      });
}

// --- the formats of others

// The tensors of a dict with names, which `function` speaks of.
io::TensorDict tensors_of(nb::dict dict, const char* function) {
  io::TensorDict tensors;
  for (auto [key, value] : dict) {
    TENON_CHECK_TYPE(PyUnicode_Check(key.ptr()) && is_tensor(value.ptr()), function,
                     ": names must be str and values tensors, got ", type_name(key.ptr()), " and ",
                     type_name(value.ptr()));
    tensors.emplace(nb::cast<std::string>(key), unwrap(value.ptr()));
  }
  return tensors;
}

// A safetensors file and, where it is bytes in memory, what holds these.
class Safetensors {
 public:
  explicit Safetensors(nb::handle file)
      : buffer_(PyUnicode_Check(file.ptr()) ? nullptr : std::make_unique<Buffer>(file)),
        file_(buffer_ ? io::SafetensorsFile::of_bytes(buffer_->bytes())
                      : io::SafetensorsFile(nb::cast<std::string>(file))) {}
  const io::SafetensorsFile& file() const { return file_; }

 private:
  std::unique_ptr<Buffer> buffer_;
  io::SafetensorsFile file_;
};

void add_safetensors(nb::module_& files) {
  nb::class_<Safetensors>(files, "Safetensors")
      .def(nb::init<nb::handle>(), nb::arg("file"))
      .def("keys", [](const Safetensors& self) { return self.file().keys(); })
      .def("metadata", [](const Safetensors& self) { return self.file().metadata(); })
      .def("shape", [](const Safetensors& self, const std::string& name) { return self.file().entry(name).shape; })
      .def("dtype",
           [](const Safetensors& self, const std::string& name) {
             return nb::borrow(dtype_object(self.file().entry(name).dtype));
           })
      .def("tensor", [](const Safetensors& self, const std::string& name) { return self.file().tensor(name); });
  files.def("save_safetensors", [](const std::string& path, nb::dict tensors, const io::Metadata& metadata) {
    const io::TensorDict given = tensors_of(std::move(tensors), "save_file()");
    ReleaseGil gil;
    io::save_safetensors(path, given, metadata);
  });
  files.def("safetensors_bytes", [](nb::dict tensors, const io::Metadata& metadata) {
    return to_bytes(io::save_safetensors_bytes(tensors_of(std::move(tensors), "save()"), metadata));
  });
}

void add_npy(nb::module_& files) {
  files.def("load_npy", [](nb::handle file, bool mapped) {
    if (PyUnicode_Check(file.ptr())) return io::load_npy(nb::cast<std::string>(file), mapped);
    return io::load_npy_bytes(Buffer(file).bytes());
  });
  files.def("load_npz", [](nb::handle file) {
    if (PyUnicode_Check(file.ptr())) return io::load_npz(nb::cast<std::string>(file));
    return io::load_npz_bytes(Buffer(file).bytes());
  });
  files.def("save_npy", [](const std::string& path, const Tensor& tensor) { io::save_npy(path, tensor); });
  files.def("npy_bytes", [](const Tensor& tensor) { return to_bytes(io::save_npy_bytes(tensor)); });
  files.def("save_npz", [](const std::string& path, nb::dict tensors, bool compressed) {
    io::save_npz(path, tensors_of(std::move(tensors), "save_npz()"), compressed);
  });
  files.def("npz_bytes", [](nb::dict tensors, bool compressed) {
    return to_bytes(io::save_npz_bytes(tensors_of(std::move(tensors), "save_npz()"), compressed));
  });
}

}  // namespace

void init_io(nb::module_& module) {
  nb::module_ files = module.def_submodule("io");
  translate_errors();
  nb::class_<Archive>(files, "Archive")
      .def(nb::init<nb::handle, bool>(), nb::arg("file"), nb::arg("mapped") = false)
      .def("names", &Archive::names)
      .def("read", &Archive::read, nb::arg("name"))
      .def("storage", &Archive::storage, nb::arg("name"), nb::arg("nbytes"), nb::arg("alignment"));
  nb::class_<ArchiveWriter>(files, "ArchiveWriter")
      .def(nb::init<nb::object>(), nb::arg("target"))
      .def("add", &ArchiveWriter::add, nb::arg("name"), nb::arg("bytes"))
      .def("add_storage", &ArchiveWriter::add_storage, nb::arg("name"), nb::arg("tensor"))
      .def("finish", &ArchiveWriter::finish);
  nb::class_<io::AtomicFile>(files, "AtomicFile")
      .def(nb::init<const std::string&>(), nb::arg("path"))
      .def("write",
           [](io::AtomicFile& self, nb::handle bytes) {
             const Buffer buffer(bytes);
             self.write(buffer.bytes().data(), buffer.bytes().size());
             return buffer.bytes().size();
           })
      .def("commit", &io::AtomicFile::commit, nb::call_guard<nb::gil_scoped_release>());
  files.def("pickle_globals", pickle_globals, nb::arg("data"));
  files.def("rename_globals", rename_globals, nb::arg("data"), nb::arg("old"), nb::arg("new"));
  files.def("unpickle", unpickle, nb::arg("data"), nb::arg("policy"), nb::arg("start") = 0);
  add_safetensors(files);
  add_npy(files);
}

}  // namespace tenon::python
