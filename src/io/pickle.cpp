// See pickle_values.h; this file writes.
#include <limits>
#include <unordered_map>

#include "io/bytes.h"
#include "io/dtype_names.h"
#include "io/pickle_values.h"

namespace tenon::io {
namespace {

class Pickler {
 public:
  explicit Pickler(std::vector<StoragePtr>& storages) : storages_(storages) {}

  std::string run(const Value& value) {
    out_ = "\x80\x02";
    save(value);
    return out_ + '.';
  }

 private:
  void save(const Value& value) {
    switch (value.kind()) {
      case Value::Kind::None: out_ += 'N'; return;
      case Value::Kind::Bool: out_ += value.to_bool() ? '\x88' : '\x89'; return;
      case Value::Kind::Int: return save_integer(value.to_int());
      case Value::Kind::Double: return save_real(value.to_double());
      case Value::Kind::Complex: {
        const std::complex<double> number = value.to_complex();
        global("__builtin__", "complex");
        save_real(number.real());
        save_real(number.imag());
        out_ += "\x86R";
        return;
      }
      case Value::Kind::String: return save_text(value.to_string());
      case Value::Kind::Bytes: return save_bytes(value.to_string());
      case Value::Kind::Tensor: return save_tensor(value.to_tensor());
      case Value::Kind::Dtype: return global("torch", dtype_name(value.to_dtype()));
      case Value::Kind::Device: {
        const Device device = value.to_device();
        global("torch", "device");
        save_text(device_type_name(device.type()));
        if (device.has_index()) save_integer(device.index());
        out_ += device.has_index() ? "\x86R" : "\x85R";
        return;
      }
      case Value::Kind::List:
        return save_once(&value.to_list(), [&] {
          out_ += "](";
          for (const Value& item : value.to_list()) save(item);
          out_ += 'e';
        });
      case Value::Kind::Tuple:
        return save_once(&value.to_list(), [&] {
          out_ += '(';
          for (const Value& item : value.to_list()) save(item);
          out_ += 't';
        });
      case Value::Kind::Dict:
        return save_once(&value.to_dict(), [&] {
          out_ += "}(";
          for (const auto& [key, item] : value.to_dict()) {
            save(key);
            save(item);
          }
          out_ += 'u';
        });
    }
  }

  // A container that was there before is named, not repeated.
  template <class Write>
  void save_once(const void* container, Write&& write) {
    const auto [known, is_new] = memo_.emplace(container, static_cast<uint32_t>(memo_.size()));
    const uint32_t index = known->second;
    if (is_new) write();
    out_ += is_new ? 'r' : 'j';
    append_number(out_, index);
  }

  void global(std::string_view module, std::string_view name) {
    out_.append("c").append(module).append("\n").append(name).append("\n");
  }
  void save_integer(int64_t value) {
    if (value == static_cast<int32_t>(value)) {
      out_ += 'J';
      append_number(out_, static_cast<int32_t>(value));
    } else {
      out_ += "\x8a\x08";
      append_number(out_, value);
    }
  }
  void save_real(double value) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    out_ += 'G';
    append_number(out_, __builtin_bswap64(bits));
  }
  void save_text(std::string_view text) {
    TENON_CHECK_VALUE(text.size() <= std::numeric_limits<uint32_t>::max(), "a string of ", text.size(), " bytes");
    out_ += 'X';
    append_number(out_, static_cast<uint32_t>(text.size()));
    out_ += text;
  }
  // Protocol 2 has no bytes, so Python writes them as text that it encodes again.
  void save_bytes(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
      const auto code = static_cast<uint8_t>(byte);
      if (code < 0x80) {
        text += byte;
      } else {
        text += static_cast<char>(0xc0 | code >> 6);
        text += static_cast<char>(0x80 | (code & 0x3f));
      }
    }
    global("_codecs", "encode");
    save_text(text);
    save_text("latin1");
    out_ += "\x86R";
  }
  void save_integers(IntArrayRef values) {
    out_ += '(';
    for (const int64_t value : values) save_integer(value);
    out_ += 't';
  }

  void save_tensor(const Tensor& tensor) {
    TENON_CHECK_VALUE(tensor.defined(), "an undefined tensor cannot be saved");
    const StoragePtr& storage = tensor.storage();
    const ScalarType dtype = tensor.dtype();
    const auto [known, is_new] =
        keys_.emplace(storage.get(), std::make_pair(static_cast<int64_t>(storages_.size()), dtype));
    if (is_new) storages_.push_back(storage);
    TENON_CHECK(known->second.second == dtype,
                "Cannot save multiple tensors or storages that view the same data as different types");
    const bool untyped = is_wide_unsigned(dtype);
    global("torch._utils", untyped ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    out_ += "((";
    save_text("storage");
    if (untyped) {
      global("torch.storage", "UntypedStorage");
    } else {
      global("torch", storage_name(dtype));
    }
    save_text(std::to_string(known->second.first));
    save_text(storage->device().str());
    save_integer(static_cast<int64_t>(storage->nbytes() / (untyped ? 1 : element_size(dtype))));
    out_ += "tQ";
    save_integer(tensor.storage_offset());
    save_integers(tensor.sizes());
    save_integers(tensor.strides());
    out_ += tensor.requires_grad() && tensor.is_leaf() ? '\x88' : '\x89';
    global("collections", "OrderedDict");
    out_ += ")R";
    if (untyped) global("torch", dtype_name(dtype));
    out_ += "tR";
  }

  std::string out_;
  std::vector<StoragePtr>& storages_;
  std::unordered_map<const Storage*, std::pair<int64_t, ScalarType>> keys_;
  std::unordered_map<const void*, uint32_t> memo_;
};

}  // namespace

std::string pickle(const Value& value, std::vector<StoragePtr>& storages) { return Pickler(storages).run(value); }

}  // namespace tenon::io
