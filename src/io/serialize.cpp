// See tenon/io/serialize.h.
#include "tenon/io/serialize.h"

#include <istream>
#include <iterator>
#include <ostream>

#include "tenon/autograd/grad_mode.h"

namespace tenon {
namespace serialize {

void OutputArchive::write(const std::string& key, const io::Value& value) {
  for (auto& [name, old] : items_) {
    if (name.to_string() != key) continue;
    old = value;
    return;
  }
  items_.emplace_back(key, value);
}

namespace {

template <class Items>
io::Value list_of(const Items& items) {
  return io::Value::list(io::Value::List(items.begin(), items.end()));
}

io::Value to_value(const IValue& value) {
  if (value.isTensor() && value.toTensor().defined()) return value.toTensor();
  if (value.isBool()) return value.toBool();
  if (value.isInt()) return value.toInt();
  if (value.isDouble()) return value.toDouble();
  if (value.isString()) return value.toStringRef();
  if (value.isIntVector()) return list_of(value.toIntVector());
  if (value.isDoubleVector()) return list_of(value.toDoubleVector());
  if (value.isTensorVector()) return list_of(value.toTensorVector());
  return {};
}

// A list without items counts as one of tensors.
IValue from_value(const std::string& key, const io::Value& value) {
  using Kind = io::Value::Kind;
  switch (value.kind()) {
    case Kind::None: return {};
    case Kind::Bool: return value.to_bool();
    case Kind::Int: return value.to_int();
    case Kind::Double: return value.to_double();
    case Kind::String: return value.to_string();
    case Kind::Tensor: return value.to_tensor();
    case Kind::List:
    case Kind::Tuple: {
      const io::Value::List& items = value.to_list();
      const auto read_all = [&]<class T>(T (*read)(const io::Value&)) {
        std::vector<T> all;
        for (const io::Value& item : items) all.push_back(read(item));
        return IValue(std::move(all));
      };
      const Kind kind = items.empty() ? Kind::Tensor : items[0].kind();
      if (kind == Kind::Int) return read_all(+[](const io::Value& item) { return item.to_int(); });
      if (kind == Kind::Double) return read_all(+[](const io::Value& item) { return item.to_double(); });
      return read_all(+[](const io::Value& item) { return item.to_tensor(); });
    }
    default: break;
  }
  tenon::detail::fail<TypeError>("InputArchive: what is saved as '", key, "' is no IValue");
}

}  // namespace

void OutputArchive::write_value(const std::string& key, const IValue& value) { write(key, to_value(value)); }

void OutputArchive::write(const std::string& key, const Tensor& tensor, bool) { write(key, io::Value(tensor)); }

void OutputArchive::write(const std::string& key, OutputArchive& nested) {
  write(key, io::Value::dict(nested.items_));
}

void OutputArchive::save_to(const std::string& path) { io::save_checkpoint(path, io::Value::dict(items_)); }

void OutputArchive::save_to(std::ostream& stream) {
  const std::string bytes = io::save_checkpoint_bytes(io::Value::dict(items_));
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  TENON_CHECK_FILE(stream.good(), "OutputArchive: the stream did not take ", bytes.size(), " bytes");
}

void OutputArchive::save_to(const std::function<size_t(const void*, size_t)>& write) {
  const std::string bytes = io::save_checkpoint_bytes(io::Value::dict(items_));
  const size_t written = write(bytes.data(), bytes.size());
  TENON_CHECK_FILE(written == bytes.size(), "OutputArchive: ", written, " of ", bytes.size(), " bytes were written");
}

const io::Value* InputArchive::find(const std::string& key) const { return items_.find(key); }

bool InputArchive::try_read(const std::string& key, io::Value& value) {
  const io::Value* found = find(key);
  if (found) value = *found;
  return found;
}

bool InputArchive::try_read(const std::string& key, IValue& value) {
  const io::Value* found = find(key);
  if (found) value = from_value(key, *found);
  return found;
}

bool InputArchive::try_read(const std::string& key, Tensor& tensor, bool) {
  const io::Value* found = find(key);
  if (!found || !found->is_tensor()) return false;
  const Tensor& saved = found->to_tensor();
  if (!tensor.defined()) {
    tensor = saved;
    return true;
  }
  NoGradGuard no_grad;
  if (tensor.sizes() != saved.sizes()) tensor.set_data(saved.to(tensor.device(), tensor.dtype()));
  tensor.copy_(saved);
  return true;
}

bool InputArchive::try_read(const std::string& key, InputArchive& nested) {
  const io::Value* found = find(key);
  if (!found || !found->is_dict()) return false;
  nested.items_ = *found;
  nested.prefix_ = prefix_ + key + ".";
  return true;
}

void InputArchive::read(const std::string& key, io::Value& value) {
  TENON_CHECK(try_read(key, value), "No such serialized value: '", prefix_, key, "'");
}
void InputArchive::read(const std::string& key, IValue& value) {
  TENON_CHECK(try_read(key, value), "No such serialized IValue: '", prefix_, key, "'");
}
void InputArchive::read(const std::string& key, Tensor& tensor, bool is_buffer) {
  TENON_CHECK(try_read(key, tensor, is_buffer), "No such serialized tensor '", prefix_, key, "'");
}
void InputArchive::read(const std::string& key, InputArchive& nested) {
  TENON_CHECK(try_read(key, nested), "No such serialized submodule: '", prefix_, key, "'");
}

std::vector<std::string> InputArchive::keys() const {
  std::vector<std::string> keys;
  for (const auto& [name, value] : items_.to_dict()) {
    if (name.kind() == io::Value::Kind::String) keys.push_back(name.to_string());
  }
  return keys;
}

void InputArchive::load_from(const std::string& path, std::optional<Device> device) {
  items_ = io::load_checkpoint(path, {.mapped = false, .device = device});
  TENON_CHECK_FILE(items_.is_dict(), path, " holds no dict, so it is no archive");
}

void InputArchive::load_from(const char* data, size_t size, std::optional<Device> device) {
  items_ = io::load_checkpoint_bytes({data, size}, {.mapped = false, .device = device});
  TENON_CHECK_FILE(items_.is_dict(), "the data holds no dict, so it is no archive");
}

void InputArchive::load_from(std::istream& stream, std::optional<Device> device) {
  const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  load_from(bytes.data(), bytes.size(), device);
}

OutputArchive& operator<<(OutputArchive& archive, const Tensor& tensor) {
  archive.write("0", tensor);
  return archive;
}

InputArchive& operator>>(InputArchive& archive, Tensor& tensor) {
  archive.read("0", tensor);
  return archive;
}

OutputArchive& operator<<(OutputArchive& archive, const nn::Module& module) {
  for (const auto& item : module.named_parameters(false)) archive.write(item.key(), item.value());
  for (const auto& item : module.named_buffers(false)) archive.write(item.key(), item.value(), true);
  for (const auto& item : module.named_children()) {
    if (!item.value()->is_serializable()) continue;
    OutputArchive nested;
    nested << *item.value();
    archive.write(item.key(), nested);
  }
  return archive;
}

InputArchive& operator>>(InputArchive& archive, nn::Module& module) {
  for (auto& item : module.named_parameters(false)) archive.read(item.key(), item.value());
  for (auto& item : module.named_buffers(false)) archive.read(item.key(), item.value(), true);
  for (const auto& item : module.named_children()) {
    if (!item.value()->is_serializable()) continue;
    InputArchive nested;
    archive.read(item.key(), nested);
    nested >> *item.value();
  }
  return archive;
}

}  // namespace serialize

std::vector<char> pickle_save(const io::Value& value) {
  const std::string bytes = io::save_checkpoint_bytes(value);
  return {bytes.begin(), bytes.end()};
}

io::Value pickle_load(const std::vector<char>& data) { return io::load_checkpoint_bytes({data.data(), data.size()}); }

}  // namespace tenon
