// save() and load() as libtorch's frontend has them: tensors, vectors of tensors, and whatever saves itself into an
// archive. Files are PyTorch's checkpoints of nested dicts, which torch.load() reads in Python with weights_only=True.
#pragma once

#include <concepts>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tenon/io/checkpoint.h"
#include "tenon/nn/module.h"
#include "tenon/tensor/ivalue.h"

namespace tenon {
namespace serialize {

// Named tensors, values and archives.
class OutputArchive {
 public:
  OutputArchive() = default;
  OutputArchive(OutputArchive&&) = default;
  OutputArchive& operator=(OutputArchive&&) = default;
  OutputArchive(const OutputArchive&) = delete;

  TENON_API void write(const std::string& key, const io::Value& value);
  TENON_API void write(const std::string& key, const Tensor& tensor, bool is_buffer = false);
  // Of this type alone, not what converts to it.
  template <std::same_as<IValue> T>
  void write(const std::string& key, const T& value) {
    write_value(key, value);
  }
  TENON_API void write(const std::string& key, OutputArchive& nested);
  template <class... Args>
  void operator()(Args&&... args) {
    write(std::forward<Args>(args)...);
  }

  // The file appears whole or not at all.
  TENON_API void save_to(const std::string& path);
  TENON_API void save_to(std::ostream& stream);
  TENON_API void save_to(const std::function<size_t(const void*, size_t)>& write);

 private:
  TENON_API void write_value(const std::string& key, const IValue& value);

  io::Value::Dict items_;
};

class InputArchive {
 public:
  InputArchive() = default;
  InputArchive(InputArchive&&) = default;
  InputArchive& operator=(InputArchive&&) = default;
  InputArchive(const InputArchive&) = delete;

  // Each is false, or throws, where the archive has nothing of this name and kind. A tensor that is defined is copied
  // into, so that it keeps its device and whoever shares its memory sees it; one that is not becomes the file's.
  TENON_API bool try_read(const std::string& key, io::Value& value);
  TENON_API bool try_read(const std::string& key, IValue& value);
  TENON_API bool try_read(const std::string& key, Tensor& tensor, bool is_buffer = false);
  TENON_API bool try_read(const std::string& key, InputArchive& nested);
  TENON_API void read(const std::string& key, io::Value& value);
  TENON_API void read(const std::string& key, IValue& value);
  TENON_API void read(const std::string& key, Tensor& tensor, bool is_buffer = false);
  TENON_API void read(const std::string& key, InputArchive& nested);
  template <class... Args>
  void operator()(Args&&... args) {
    read(std::forward<Args>(args)...);
  }
  TENON_API std::vector<std::string> keys() const;

  // Tenon's files, PyTorch's, and those that libtorch's save() wrote.
  TENON_API void load_from(const std::string& path, std::optional<Device> device = nullopt);
  TENON_API void load_from(std::istream& stream, std::optional<Device> device = nullopt);
  TENON_API void load_from(const char* data, size_t size, std::optional<Device> device = nullopt);

 private:
  const io::Value* find(const std::string& key) const;

  io::Value items_ = io::Value::dict({});
  std::string prefix_;  // what errors put before a key
};

TENON_API OutputArchive& operator<<(OutputArchive& archive, const Tensor& tensor);
TENON_API InputArchive& operator>>(InputArchive& archive, Tensor& tensor);

// A module's parameters and buffers by name, and its submodules as archives of their own, if they are serializable.
TENON_API OutputArchive& operator<<(OutputArchive& archive, const nn::Module& module);
TENON_API InputArchive& operator>>(InputArchive& archive, nn::Module& module);

// Holders of modules, and pointers to them.
template <class T>
concept HoldsModule = requires(const T& holder) {
  { *holder } -> std::convertible_to<const nn::Module&>;
};
template <HoldsModule T>
OutputArchive& operator<<(OutputArchive& archive, const T& holder) {
  const nn::Module& module = *holder;
  return archive << module;
}
template <HoldsModule T>
InputArchive& operator>>(InputArchive& archive, T& holder) {
  nn::Module& module = *holder;
  return archive >> module;
}

// What has functions of its own for it.
template <class T>
  requires requires(const T& value, OutputArchive& archive) { value.save(archive); }
OutputArchive& operator<<(OutputArchive& archive, const T& value) {
  value.save(archive);
  return archive;
}
template <class T>
  requires requires(T& value, InputArchive& archive) { value.load(archive); }
InputArchive& operator>>(InputArchive& archive, T& value) {
  value.load(archive);
  return archive;
}

}  // namespace serialize

// `target` is what OutputArchive::save_to() takes.
template <class Value, class... Target>
void save(const Value& value, Target&&... target) {
  serialize::OutputArchive archive;
  archive << value;
  archive.save_to(std::forward<Target>(target)...);
}
template <class... Target>
void save(const std::vector<Tensor>& tensors, Target&&... target) {
  serialize::OutputArchive archive;
  for (size_t i = 0; i < tensors.size(); ++i) archive.write(std::to_string(i), tensors[i]);
  archive.save_to(std::forward<Target>(target)...);
}

// `source` is what InputArchive::load_from() takes.
template <class Value, class... Source>
void load(Value& value, Source&&... source) {
  serialize::InputArchive archive;
  archive.load_from(std::forward<Source>(source)...);
  archive >> value;
}
// Adds the tensors to those that are in the vector.
template <class... Source>
void load(std::vector<Tensor>& tensors, Source&&... source) {
  serialize::InputArchive archive;
  archive.load_from(std::forward<Source>(source)...);
  Tensor tensor;
  for (size_t i = 0; archive.try_read(std::to_string(i), tensor); ++i) tensors.push_back(std::exchange(tensor, {}));
}

// The bytes of a checkpoint of any value, and back: what torch.save() and torch.load() write and read in Python.
TENON_API std::vector<char> pickle_save(const io::Value& value);
TENON_API io::Value pickle_load(const std::vector<char>& data);

}  // namespace tenon
