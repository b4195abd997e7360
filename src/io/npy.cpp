// See tenon/io/npy.h.
#include "tenon/io/npy.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "io/atomic_file.h"
#include "io/bytes.h"
#include "io/source.h"
#include "io/zip.h"

namespace tenon::io {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
// What NumPy's reader allows unless it is told to trust the file.
constexpr uint64_t kGreatestHeader = 10000;
constexpr size_t kAlignment = 64;

struct NamedDtype {
  std::string_view code;  // without the byte order
  ScalarType dtype;
};
constexpr NamedDtype kDtypes[] = {{"b1", kBool},  {"u1", kByte},   {"i1", kChar},   {"i2", kShort},
                                  {"i4", kInt},   {"i8", kLong},   {"u2", kUInt16}, {"u4", kUInt32},
                                  {"u8", kUInt64}, {"f2", kHalf},  {"f4", kFloat},  {"f8", kDouble},
                                  {"c8", kComplexFloat}, {"c16", kComplexDouble}};

struct Header {
  ScalarType dtype = kFloat;
  bool swapped = false;
  bool fortran = false;
  std::vector<int64_t> shape;
};

// Reads the header's dict, which is Python source: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  Header parse() {
    Header header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      bool* const seen = key == "descr" ? &descr : key == "fortran_order" ? &order : key == "shape" ? &shape : nullptr;
      if (!seen || std::exchange(*seen, true)) fail();
      if (seen == &descr) {
        set_dtype(header);
      } else if (seen == &order) {
        header.fortran = boolean();
      } else {
        header.shape = numbers();
      }
      if (accept(',')) continue;
      expect('}');
      break;
    }
    blanks();
    if (!descr || !order || !shape || at_ != text_.size()) fail();
    return header;
  }

 private:
  [[noreturn]] void fail() const {
    detail::fail<FileError>("Cannot parse header of ", file_, ": '", text_.substr(0, 200), "'");
  }
  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char wanted) {
    blanks();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) fail();
  }
  std::string_view quoted() {
    blanks();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) fail();
    const char quote = text_[at_++];
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail();
    const std::string_view found = text_.substr(at_, end - at_);
    at_ = end + 1;
    return found;
  }
  bool boolean() {
    blanks();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return word == "True";
      }
    }
    fail();
  }
  std::vector<int64_t> numbers() {
    std::vector<int64_t> found;
    expect('(');
    while (!accept(')')) {
      blanks();
      int64_t value = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (error != std::errc() || value < 0) fail();
      found.push_back(value);
      at_ = static_cast<size_t>(end - text_.data());
      accept('L');  // Python 2 wrote its long integers so
      if (accept(',')) continue;
      expect(')');
      break;
    }
    return found;
  }
  void set_dtype(Header& header) {
    blanks();
    TENON_CHECK_VALUE(at_ == text_.size() || text_[at_] != '[', "load_npy: ", file_,
                      " holds records of several fields; only plain numbers are read");
    const std::string_view descr = quoted();
    TENON_CHECK_VALUE(descr.find('O') == std::string_view::npos, "load_npy: ", file_,
                      " holds Python objects, which are never loaded: their pickles could run code");
    if (descr.empty()) fail();
    const bool has_order = std::string_view("<>|=").find(descr[0]) != std::string_view::npos;
    const std::string_view code = descr.substr(has_order);
    for (const NamedDtype& known : kDtypes) {
      if (code != known.code) continue;
      header.dtype = known.dtype;
      header.swapped = descr[0] == '>' && element_size(known.dtype) > 1;
      return;
    }
    detail::fail<TypeError>("load_npy: ", file_, " is of dtype '", descr, "', which Tenon does not have");
  }

  std::string_view text_;
  const std::string& file_;
  size_t at_ = 0;
};

// The tensor of an array that begins where the source does.
Tensor load(const Source& source) {
  TENON_CHECK_FILE(source.size() >= 10 && source.read(0, 6) == kMagic, source.name(), " is no .npy file");
  const std::string version = source.read(6, 2);
  const int major = version[0];
  TENON_CHECK_FILE(major >= 1 && major <= 3, source.name(), " is of version ", major,
                   " of the .npy format; 1, 2 and 3 are read");
  const size_t length_size = major == 1 ? 2 : 4;
  const std::string length_bytes = source.read(8, length_size);
  const uint64_t length =
      major == 1 ? load_number<uint16_t>(length_bytes.data()) : load_number<uint32_t>(length_bytes.data());
  TENON_CHECK_FILE(length <= kGreatestHeader, "the header of ", source.name(), " has ", length, " bytes; ",
                   kGreatestHeader, " are allowed");
  const std::string text = source.read(8 + length_size, length);
  const Header header = HeaderParser(text, source.name()).parse();

  const uint64_t start = 8 + length_size + length;
  uint64_t nbytes = 0;
  const auto numel = static_cast<uint64_t>(checked_numel(header.shape, source.name()));
  TENON_CHECK_FILE(!__builtin_mul_overflow(numel, element_size(header.dtype), &nbytes) &&
                       nbytes <= source.size() - start,
                   source.name(), " is cut short: ", numel, " elements of ", header.dtype, " are promised, and ",
                   source.size() - start, " bytes follow");
  const size_t item = element_size(header.dtype) / (is_complex(header.dtype) ? 2 : 1);
  StoragePtr storage = source.storage(start, nbytes, item);
  if (header.swapped) swap_bytes(storage->data(), nbytes, item);
  if (header.dtype == kBool) {
    // Any byte but 0 is true, and Tenon's bools are 0 or 1.
    auto* bytes = static_cast<uint8_t*>(storage->data());
    for (uint64_t i = 0; i < nbytes; ++i) {
      if (bytes[i] > 1) bytes[i] = 1;
    }
  }
  std::vector<int64_t> shape = header.shape, strides;
  if (header.fortran) std::reverse(shape.begin(), shape.end());
  strides = dense_strides(shape, source.name());
  if (header.fortran) std::reverse(strides.begin(), strides.end());
  return tensor_over(std::move(storage), header.dtype, header.shape, strides, 0, source.name());
}

void write(const Tensor& tensor, const Sink& sink) {
  const auto* found = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                   [&](const NamedDtype& known) { return known.dtype == tensor.dtype(); });
  TENON_CHECK_TYPE(found != std::end(kDtypes), "save_npy: NumPy has no dtype for ", tensor.dtype(),
                   "; convert the tensor first");
  // As NumPy does: what is dense with its dims reversed is written as it lies.
  const Tensor plain = tensor.detach().cpu();
  std::vector<int64_t> reversed(plain.strides().rbegin(), plain.strides().rend());
  std::vector<int64_t> reversed_sizes(plain.sizes().rbegin(), plain.sizes().rend());
  const bool fortran =
      !plain.is_contiguous() && plain.numel() > 0 && reversed == dense_strides(reversed_sizes, "the tensor");
  const Tensor packed = fortran ? plain : plain.contiguous();
  std::string header = concat("{'descr': '", element_size(found->dtype) == 1 ? "|" : "<", found->code,
                              "', 'fortran_order': ", fortran ? "True" : "False", ", 'shape': (");
  for (int64_t d = 0; d < tensor.dim(); ++d) {
    header += std::to_string(tensor.size(d)) + (d + 1 < tensor.dim() ? ", " : tensor.dim() == 1 ? "," : "");
  }
  header += "), }";
  header.append(kAlignment - (kMagic.size() + 4 + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string start(kMagic);
  start += std::string("\x01\x00", 2);
  append_number(start, static_cast<uint16_t>(header.size()));
  start += header;
  sink(start.data(), start.size());
  if (packed.nbytes() > 0) sink(packed.data_ptr(), packed.nbytes());
}

constexpr std::string_view kEnding = ".npy";

TensorDict load_all(const Source& source) {
  const ZipReader zip(source);
  TensorDict tensors;
  for (const ZipReader::Record& record : zip.records()) {
    const std::string bytes = zip.read(record);
    std::string name = record.name;
    if (name.ends_with(kEnding)) name.resize(name.size() - kEnding.size());
    tensors.emplace(name, load(*open_memory(bytes, source.name() + "[" + name + "]")));
  }
  return tensors;
}

void write_all(const TensorDict& tensors, bool compressed, Sink sink) {
  ZipWriter zip(std::move(sink));
  for (const auto& [name, tensor] : tensors) {
    const std::string bytes = save_npy_bytes(tensor);
    zip.add(name + std::string(kEnding), bytes.data(), bytes.size(), compressed);
  }
  zip.finish();
}

}  // namespace

Tensor load_npy(const std::string& path, bool mapped) { return load(*open_file(path, mapped)); }
Tensor load_npy_bytes(std::string_view bytes) { return load(*open_memory(bytes)); }
void save_npy(const std::string& path, const Tensor& tensor) {
  save_file(path, [&](const Sink& sink) { write(tensor, sink); });
}
std::string save_npy_bytes(const Tensor& tensor) {
  return save_bytes([&](const Sink& sink) { write(tensor, sink); });
}

TensorDict load_npz(const std::string& path) { return load_all(*open_file(path, false)); }
TensorDict load_npz_bytes(std::string_view bytes) { return load_all(*open_memory(bytes)); }
void save_npz(const std::string& path, const TensorDict& tensors, bool compressed) {
  save_file(path, [&](Sink sink) { write_all(tensors, compressed, std::move(sink)); });
}
std::string save_npz_bytes(const TensorDict& tensors, bool compressed) {
  return save_bytes([&](Sink sink) { write_all(tensors, compressed, std::move(sink)); });
}

}  // namespace tenon::io
