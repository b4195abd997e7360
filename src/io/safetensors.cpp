// See tenon/io/safetensors.h.
#include "tenon/io/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "io/atomic_file.h"
#include "io/bytes.h"
#include "io/source.h"

namespace tenon::io {
namespace {

// What the format's own reader allows a header.
constexpr uint64_t kGreatestHeader = 100'000'000;

struct NamedDtype {
  const char* name;
  ScalarType dtype;
};
// From the first to the last in the order by which files sort their tensors, which is by alignment.
constexpr NamedDtype kDtypes[] = {{"BOOL", kBool},    {"U8", kByte},       {"I8", kChar},  {"I16", kShort},
                                  {"U16", kUInt16},   {"F16", kHalf},      {"BF16", kBFloat16}, {"I32", kInt},
                                  {"U32", kUInt32},   {"F32", kFloat},     {"C64", kComplexFloat}, {"F64", kDouble},
                                  {"I64", kLong},     {"U64", kUInt64}};

const NamedDtype& named(ScalarType dtype, const std::string& tensor) {
  const auto* found = std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](auto& it) { return it.dtype == dtype; });
  TENON_CHECK_TYPE(found != std::end(kDtypes), "save_safetensors: tensor '", tensor, "' is of ", dtype,
                   ", for which the format has no name");
  return *found;
}

ScalarType dtype_of(const std::string& name, const std::string& tensor) {
  for (const NamedDtype& known : kDtypes) {
    if (name == known.name) return known.dtype;
  }
  detail::fail<NotImplementedError>("load_safetensors: tensor '", tensor, "' is of dtype ", name,
                                    ", which Tenon does not have");
}

// Hears the header's JSON word by word: three levels, no key twice, nothing that does not belong.
class Header final : public nlohmann::json_sax<nlohmann::json> {
 public:
  struct Info {
    std::optional<std::string> dtype;
    std::optional<std::vector<uint64_t>> shape, offsets;
  };
  std::map<std::string, Info> tensors;
  std::map<std::string, std::string> metadata;

  explicit Header(const std::string& file) : file_(file) {}

  bool null() override { reject("null"); }
  bool boolean(bool) override { reject("a bool"); }
  bool number_integer(number_integer_t) override { reject("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { reject("a fraction"); }
  bool binary(binary_t&) override { reject("binary data"); }
  bool number_unsigned(number_unsigned_t value) override {
    if (!numbers_) reject("a number");
    numbers_->push_back(value);
    return true;
  }
  bool string(string_t& value) override {
    if (depth_ == 2 && in_metadata_) {
      check(metadata.emplace(field_, std::move(value)).second, "the key '" + field_ + "' twice");
    } else if (depth_ == 2 && field_ == "dtype" && !numbers_) {
      set(current_->dtype, std::move(value));
    } else {
      reject("the string '" + value + "'");
    }
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ == 2 || numbers_) reject("an object");
    ++depth_;
    return true;
  }
  bool end_object() override {
    if (depth_-- == 2 && !in_metadata_) {
      check(current_->dtype && current_->shape && current_->offsets, "tensor '" + name_ + "' without all its fields");
    }
    return true;
  }
  bool key(string_t& value) override {
    if (depth_ == 2) {
      field_ = std::move(value);
      if (!in_metadata_ && field_ != "dtype" && field_ != "shape" && field_ != "data_offsets") {
        reject("the field '" + field_ + "'");
      }
      return true;
    }
    name_ = std::move(value);
    in_metadata_ = name_ == "__metadata__";
    if (in_metadata_) {
      check(!std::exchange(has_metadata_, true), "the key '__metadata__' twice");
    } else {
      const auto [place, is_new] = tensors.emplace(name_, Info());
      check(is_new, "the key '" + name_ + "' twice");
      current_ = &place->second;
    }
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_metadata_ || numbers_ || field_ == "dtype") reject("an array");
    auto& target = field_ == "shape" ? current_->shape : current_->offsets;
    set(target, std::vector<uint64_t>());
    numbers_ = &*target;
    return true;
  }
  bool end_array() override {
    numbers_ = nullptr;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    detail::fail<FileError>("the header of ", file_, " is no JSON: ", error.what());
  }

 private:
  template <class T>
  void set(std::optional<T>& field, T value) {
    check(!field, "the field '" + field_ + "' twice");
    field = std::move(value);
  }
  void check(bool condition, const std::string& what) const {
    TENON_CHECK_FILE(condition, "the header of ", file_, " has ", what);
  }
  [[noreturn]] void reject(const std::string& what) const {
    detail::fail<FileError>("the header of ", file_, " has ", what, " where none belongs",
                            name_.empty() ? "" : ", at '" + name_ + "'");
  }

  const std::string& file_;
  int depth_ = 0;
  bool in_metadata_ = false, has_metadata_ = false;
  std::string name_, field_;
  Info* current_ = nullptr;
  std::vector<uint64_t>* numbers_ = nullptr;
};

std::string quoted(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    detail::fail<ValueError>("save_safetensors: a name or a text is no valid UTF-8");
  }
}

// Gives `sink` the file; tensors come in the order of their alignment, so that each is aligned.
void write(const TensorDict& tensors, const Metadata& metadata, const Sink& sink) {
  std::vector<const TensorDict::value_type*> order;
  for (const auto& item : tensors) {
    TENON_CHECK_VALUE(item.second.defined(), "save_safetensors: tensor '", item.first, "' is undefined");
    TENON_CHECK_VALUE(item.first != "__metadata__", "save_safetensors: no tensor may be named '__metadata__'");
    named(item.second.dtype(), item.first);
    order.push_back(&item);
  }
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) {
    return &named(a->second.dtype(), a->first) > &named(b->second.dtype(), b->first);
  });
  std::string header = "{";
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, text] : metadata) header += quoted(key) + ":" + quoted(text) + ",";
    header.back() = '}';
    header += ",";
  }
  uint64_t offset = 0;
  for (const auto* item : order) {
    const Tensor& tensor = item->second;
    header += quoted(item->first) + ":{\"dtype\":\"" + named(tensor.dtype(), item->first).name + "\",\"shape\":[";
    for (const int64_t size : tensor.sizes()) header += std::to_string(size) + ",";
    if (tensor.dim() > 0) header.pop_back();
    header += concat("],\"data_offsets\":[", offset, ",", offset + tensor.nbytes(), "]},");
    offset += tensor.nbytes();
  }
  if (header.back() == ',') header.pop_back();
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  TENON_CHECK_VALUE(header.size() <= kGreatestHeader, "save_safetensors: the header has ", header.size(),
                    " bytes; ", kGreatestHeader, " are allowed");
  std::string length;
  append_number<uint64_t>(length, header.size());
  sink(length.data(), length.size());
  sink(header.data(), header.size());
  for (const auto* item : order) {
    const Tensor packed = item->second.detach().cpu().contiguous();
    if (packed.nbytes() > 0) sink(packed.data_ptr(), packed.nbytes());
  }
}

TensorDict all_tensors(const SafetensorsFile& file, Device device) {
  TensorDict tensors;
  for (const std::string& name : file.keys()) tensors.emplace(name, file.tensor(name, device));
  return tensors;
}

}  // namespace

class SafetensorsFile::Inside {
 public:
  explicit Inside(std::unique_ptr<Source> source) : source(std::move(source)) {}
  std::unique_ptr<Source> source;
};

SafetensorsFile::SafetensorsFile(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) { read_header(); }
SafetensorsFile::SafetensorsFile(const std::string& path)
    : SafetensorsFile(std::make_unique<Inside>(open_file(path, true))) {}
SafetensorsFile SafetensorsFile::of_bytes(std::string_view bytes) {
  return SafetensorsFile(std::make_unique<Inside>(open_memory(bytes)));
}
SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;

void SafetensorsFile::read_header() {
  const Source& source = *inside_->source;
  TENON_CHECK_FILE(source.size() >= 8, source.name(), " is no safetensors file: it has ", source.size(), " bytes");
  const auto length = load_number<uint64_t>(source.read(0, 8).data());
  TENON_CHECK_FILE(length <= kGreatestHeader, source.name(), " is no safetensors file: its header would have ", length,
                   " bytes; ", kGreatestHeader, " are allowed");
  const std::string text = source.read(8, length);
  TENON_CHECK_FILE(text.starts_with('{'), "the header of ", source.name(), " does not begin with '{'");
  Header header(source.name());
  nlohmann::json::sax_parse(text, &header);
  metadata_ = std::move(header.metadata);

  const uint64_t start = 8 + length, end = source.size();
  for (auto& [name, info] : header.tensors) {
    const std::vector<uint64_t>& offsets = *info.offsets;
    TENON_CHECK_FILE(offsets.size() == 2 && offsets[0] <= offsets[1] && offsets[1] <= end - start, source.name(),
                     ": tensor '", name, "' lies outside of the ", end - start, " bytes of data");
    Entry entry{dtype_of(*info.dtype, name), {}, start + offsets[0], offsets[1] - offsets[0]};
    for (const uint64_t size : *info.shape) {
      TENON_CHECK_FILE(size <= static_cast<uint64_t>(INT64_MAX), source.name(), ": tensor '", name, "' has a size of ",
                       size);
      entry.shape.push_back(static_cast<int64_t>(size));
    }
    const int64_t numel = checked_numel(entry.shape, "tensor '" + name + "'");
    uint64_t nbytes = 0;
    TENON_CHECK_FILE(!__builtin_mul_overflow(static_cast<uint64_t>(numel), element_size(entry.dtype), &nbytes) &&
                         nbytes == entry.nbytes,
                     source.name(), ": tensor '", name, "' of ", entry.dtype, " and shape ", IntArrayRef(entry.shape),
                     " does not fit its ", entry.nbytes, " bytes");
    keys_.push_back(name);
    entries_.emplace(name, std::move(entry));
  }
  std::stable_sort(keys_.begin(), keys_.end(), [&](const auto& a, const auto& b) {
    const Entry &left = entries_.at(a), &right = entries_.at(b);
    return std::pair(left.offset, left.nbytes) < std::pair(right.offset, right.nbytes);
  });
  uint64_t reached = start;
  for (const std::string& name : keys_) {
    const Entry& entry = entries_.at(name);
    TENON_CHECK_FILE(entry.offset == reached, source.name(), ": tensor '", name, "' begins at byte ",
                     entry.offset - start, " of the data, and the one before it ends at ", reached - start);
    reached += entry.nbytes;
  }
  TENON_CHECK_FILE(reached == end, source.name(), " has ", end - reached, " bytes that belong to no tensor");
}

const SafetensorsFile::Entry& SafetensorsFile::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  TENON_CHECK_INDEX(found != entries_.end(), "File does not contain tensor ", name);
  return found->second;
}

Tensor SafetensorsFile::tensor(const std::string& name, Device device) const {
  const Entry& found = entry(name);
  const size_t alignment = element_size(found.dtype) / (is_complex(found.dtype) ? 2 : 1);
  const Tensor tensor = tensor_over(inside_->source->storage(found.offset, found.nbytes, alignment), found.dtype,
                                    found.shape, dense_strides(found.shape, name), 0, name);
  return device.is_cpu() ? tensor : tensor.to(device);
}

TensorDict load_safetensors(const std::string& path, Device device) {
  return all_tensors(SafetensorsFile(path), device);
}

TensorDict load_safetensors_bytes(std::string_view bytes, Device device) {
  return all_tensors(SafetensorsFile::of_bytes(bytes), device);
}

void save_safetensors(const std::string& path, const TensorDict& tensors, const Metadata& metadata) {
  save_file(path, [&](const Sink& sink) { write(tensors, metadata, sink); });
}

std::string save_safetensors_bytes(const TensorDict& tensors, const Metadata& metadata) {
  return save_bytes([&](const Sink& sink) { write(tensors, metadata, sink); });
}

}  // namespace tenon::io
