// See zip.h.
#include "io/zip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "io/bytes.h"
#include "tenon/io/error.h"

namespace tenon::io {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50, kEntrySignature = 0x02014b50, kEndSignature = 0x06054b50,
                   kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50, kDescriptorSignature = 0x08074b50;
constexpr uint64_t kLocalSize = 30, kEntrySize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
constexpr uint32_t kMax32 = std::numeric_limits<uint32_t>::max();
constexpr uint16_t kMax16 = std::numeric_limits<uint16_t>::max();
// No deflated stream unpacks to more than this times its size.
constexpr uint64_t kLargestRatio = 1032;
// What follows the data holds its sum and sizes; names are UTF-8.
constexpr uint16_t kFlags = 0x0808;
constexpr uint16_t kEncrypted = 0x0001;
constexpr uint16_t kDeflated = 8;
constexpr uint64_t kAlignment = 64;

struct Directory {
  uint64_t offset = 0, size = 0, count = 0;
};

Directory find_directory(const Source& source) {
  const uint64_t size = source.size();
  const uint64_t window = std::min<uint64_t>(size, kEndSize + kMax16);
  const std::string tail = source.read(size - window, window);
  for (uint64_t at = window < kEndSize ? 0 : window - kEndSize + 1; at-- > 0;) {
    const char* end = tail.data() + at;
    if (load_number<uint32_t>(end) != kEndSignature) continue;
    Directory found{load_number<uint32_t>(end + 16), load_number<uint32_t>(end + 12), load_number<uint16_t>(end + 10)};
    const uint64_t end_offset = size - window + at;
    const bool needs64 = found.offset == kMax32 || found.size == kMax32 || found.count == kMax16;
    if (needs64 && end_offset >= kLocator64Size) {
      const std::string locator = source.read(end_offset - kLocator64Size, kLocator64Size);
      if (load_number<uint32_t>(locator.data()) == kLocator64Signature) {
        const std::string end64 = source.read(load_number<uint64_t>(locator.data() + 8), kEnd64Size);
        TENON_CHECK_FILE(load_number<uint32_t>(end64.data()) == kEnd64Signature, source.name(),
                         " is a damaged zip archive: its zip64 end record is missing");
        found = {load_number<uint64_t>(end64.data() + 48), load_number<uint64_t>(end64.data() + 40),
                 load_number<uint64_t>(end64.data() + 32)};
      }
    }
    return found;
  }
  detail::fail<FileError>("failed finding central directory: ", source.name(), " is no zip archive, or cut short");
}

// Replaces what is too large for 32 bits by the zip64 field's numbers, which stand in this order.
void read_zip64(std::string_view extra, uint64_t& size, uint64_t& packed, uint64_t& header) {
  while (extra.size() >= 4) {
    const auto id = load_number<uint16_t>(extra.data()), length = load_number<uint16_t>(extra.data() + 2);
    extra.remove_prefix(4);
    if (length > extra.size()) return;
    if (id == 1) {
      std::string_view field = extra.substr(0, length);
      for (uint64_t* number : {&size, &packed, &header}) {
        if (*number != kMax32 || field.size() < 8) continue;
        *number = load_number<uint64_t>(field.data());
        field.remove_prefix(8);
      }
      return;
    }
    extra.remove_prefix(length);
  }
}

// Where the data begins behind its local header.
uint64_t data_offset(const Source& source, uint64_t header, const std::string& name) {
  const std::string local = source.read(header, kLocalSize);
  TENON_CHECK_FILE(load_number<uint32_t>(local.data()) == kLocalSignature, source.name(),
                   " is a damaged zip archive: record '", name, "' does not begin where the directory says");
  return header + kLocalSize + load_number<uint16_t>(local.data() + 26) + load_number<uint16_t>(local.data() + 28);
}

// Records that share bytes would let a small file unpack to a huge one.
void check_overlaps(const Source& source, std::vector<ZipReader::Record> records) {
  std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  for (size_t i = 1; i < records.size(); ++i) {
    TENON_CHECK_FILE(records[i - 1].packed <= records[i].offset - records[i - 1].offset, source.name(),
                     " is a damaged zip archive: records '", records[i - 1].name, "' and '", records[i].name,
                     "' overlap");
  }
}

std::string deflated(const void* data, uint64_t size) {
  z_stream stream{};
  TENON_CHECK_FILE(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK,
                   "cannot begin to compress");
  std::string packed;
  std::string piece(1 << 18, '\0');
  stream.next_in = const_cast<Bytef*>(static_cast<const Bytef*>(data));
  uint64_t left = size;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    if (stream.avail_in == 0 && left > 0) {
      stream.avail_in = static_cast<uInt>(std::min<uint64_t>(left, 1u << 30));
      left -= stream.avail_in;
    }
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    status = deflate(&stream, left == 0 ? Z_FINISH : Z_NO_FLUSH);
    packed.append(piece, 0, piece.size() - stream.avail_out);
  }
  deflateEnd(&stream);
  return packed;
}

}  // namespace

bool ZipReader::is_zip(const Source& source) {
  return source.size() >= 4 && load_number<uint32_t>(source.read(0, 4).data()) == kLocalSignature;
}

ZipReader::ZipReader(const Source& source) : source_(source) {
  const Directory directory = find_directory(source);
  const std::string bytes = source.read(directory.offset, directory.size);
  const auto need = [&](size_t at, uint64_t count) {
    TENON_CHECK_FILE(at <= bytes.size() && count <= bytes.size() - at, source.name(),
                     " is a damaged zip archive: its directory ends too early");
  };
  size_t at = 0;
  for (uint64_t i = 0; i < directory.count; ++i) {
    need(at, kEntrySize);
    const char* entry = bytes.data() + at;
    TENON_CHECK_FILE(load_number<uint32_t>(entry) == kEntrySignature, source.name(),
                     " is a damaged zip archive: entry ", i, " of its directory is none");
    const auto flags = load_number<uint16_t>(entry + 8), method = load_number<uint16_t>(entry + 10);
    const uint64_t name_size = load_number<uint16_t>(entry + 28), extra_size = load_number<uint16_t>(entry + 30),
                   comment_size = load_number<uint16_t>(entry + 32);
    need(at, kEntrySize + name_size + extra_size + comment_size);
    Record record;
    record.name.assign(entry + kEntrySize, name_size);
    record.crc = load_number<uint32_t>(entry + 16);
    record.packed = load_number<uint32_t>(entry + 20);
    record.size = load_number<uint32_t>(entry + 24);
    record.deflated = method == kDeflated;
    uint64_t header = load_number<uint32_t>(entry + 42);
    read_zip64({entry + kEntrySize + name_size, extra_size}, record.size, record.packed, header);
    at += kEntrySize + name_size + extra_size + comment_size;

    TENON_CHECK_FILE((flags & kEncrypted) == 0, source.name(), ": record '", record.name, "' is encrypted");
    TENON_CHECK_FILE(method == 0 || method == kDeflated, source.name(), ": record '", record.name,
                     "' is packed by method ", method, "; only stored (0) and deflated (8) ones are read");
    record.offset = data_offset(source, header, record.name);
    TENON_CHECK_FILE(record.offset <= source.size() && record.packed <= source.size() - record.offset, source.name(),
                     " is cut short or damaged: record '", record.name, "' of ", record.packed, " bytes at ",
                     record.offset, " reaches past its ", source.size(), " bytes");
    TENON_CHECK_FILE(record.deflated ? record.size / kLargestRatio <= record.packed : record.size == record.packed,
                     source.name(), " is a damaged zip archive: record '", record.name, "' of ", record.packed,
                     " bytes cannot hold ", record.size);
    TENON_CHECK_FILE(by_name_.emplace(record.name, records_.size()).second, source.name(),
                     " is a damaged zip archive: it has two records '", record.name, "'");
    records_.push_back(std::move(record));
  }
  check_overlaps(source, records_);
}

const ZipReader::Record* ZipReader::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &records_[found->second];
}

void ZipReader::check_sum(const Record& record, const void* data) const {
  const uint32_t sum = crc32_of(data, record.size);
  TENON_CHECK_FILE(sum == record.crc, source_.name(), " is damaged: the CRC-32 of record '", record.name, "' is ", sum,
                   " and should be ", record.crc);
}

void ZipReader::unpack(const Record& record, void* target) const {
  z_stream stream{};
  TENON_CHECK_FILE(inflateInit2(&stream, -MAX_WBITS) == Z_OK, "cannot begin to unpack");
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&stream, &inflateEnd);
  Bytef nothing;
  stream.next_out = target ? static_cast<Bytef*>(target) : &nothing;
  std::string piece;
  uint64_t read = 0, made = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    if (stream.avail_in == 0) {
      piece = source_.read(record.offset + read, std::min<uint64_t>(record.packed - read, 1 << 18));
      read += piece.size();
      stream.next_in = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_in = static_cast<uInt>(piece.size());
    }
    const auto room = static_cast<uInt>(std::min<uint64_t>(record.size - made, 1u << 30));
    stream.avail_out = room;
    status = inflate(&stream, Z_NO_FLUSH);
    made += room - stream.avail_out;
  }
  TENON_CHECK_FILE(status == Z_STREAM_END && made == record.size, source_.name(), " is damaged: record '", record.name,
                   "' does not unpack to ", record.size, " bytes");
}

std::string ZipReader::read(const Record& record) const {
  std::string bytes;
  if (record.deflated) {
    bytes.resize(record.size);
    unpack(record, bytes.data());
  } else {
    bytes = source_.read(record.offset, record.size);
  }
  check_sum(record, bytes.data());
  return bytes;
}

StoragePtr ZipReader::storage(const Record& record, size_t alignment) const {
  if (!record.deflated) {
    StoragePtr storage = source_.storage(record.offset, record.size, alignment);
    // A view of the file is not read before it is used.
    if (!source_.is_view(*storage)) check_sum(record, storage->data());
    return storage;
  }
  auto storage = make_intrusive<Storage>(record.size, Device(kCPU));
  unpack(record, storage->data());
  check_sum(record, storage->data());
  return storage;
}

void ZipWriter::put(std::string_view bytes) {
  sink_(bytes.data(), bytes.size());
  position_ += bytes.size();
}

void ZipWriter::add(const std::string& name, const void* data, uint64_t size, bool deflate) {
  TENON_CHECK_VALUE(name.size() <= 1024, "the name of a record has ", name.size(), " bytes; at most 1024 are allowed");
  Entry entry{name, position_, size, size, crc32_of(data, size), deflate};
  const std::string packed = deflate ? deflated(data, size) : std::string();
  if (deflate) entry.packed = packed.size();

  // Padding in an extra field brings the data to a multiple of the alignment.
  const bool large = size >= kMax32 || entry.packed >= kMax32 || position_ >= kMax32;
  std::string extra;
  if (large) {
    append_number<uint16_t>(extra, 1);
    append_number<uint16_t>(extra, 16);
    append_number<uint64_t>(extra, 0);
    append_number<uint64_t>(extra, 0);
  }
  const uint64_t start = position_ + kLocalSize + name.size() + extra.size() + 4;
  const auto padding = static_cast<uint16_t>((kAlignment - start % kAlignment) % kAlignment);
  extra += "FB";
  append_number<uint16_t>(extra, padding);
  extra.append(padding, 'Z');

  std::string header;
  append_number(header, kLocalSignature);
  append_number<uint16_t>(header, large ? 45 : 0);
  append_number(header, kFlags);
  append_number<uint16_t>(header, deflate ? kDeflated : 0);
  append_number<uint32_t>(header, 0);  // time and date: the same numbers make the same file
  append_number<uint32_t>(header, 0);  // the sum and the sizes follow the data
  append_number<uint32_t>(header, large ? kMax32 : 0);
  append_number<uint32_t>(header, large ? kMax32 : 0);
  append_number<uint16_t>(header, static_cast<uint16_t>(name.size()));
  append_number<uint16_t>(header, static_cast<uint16_t>(extra.size()));
  put(header + name + extra);
  if (deflate) {
    put(packed);
  } else if (size > 0) {
    put({static_cast<const char*>(data), size});
  }

  std::string descriptor;
  append_number(descriptor, kDescriptorSignature);
  append_number(descriptor, entry.crc);
  if (large) {
    append_number<uint64_t>(descriptor, entry.packed);
    append_number<uint64_t>(descriptor, entry.size);
  } else {
    append_number<uint32_t>(descriptor, static_cast<uint32_t>(entry.packed));
    append_number<uint32_t>(descriptor, static_cast<uint32_t>(entry.size));
  }
  put(descriptor);
  entries_.push_back(std::move(entry));
}

void ZipWriter::finish() {
  const uint64_t offset = position_;
  const auto short_form = [](uint64_t number) { return static_cast<uint32_t>(std::min<uint64_t>(number, kMax32)); };
  for (const Entry& entry : entries_) {
    std::string extra;
    for (const uint64_t number : {entry.size, entry.packed, entry.header}) {
      if (number >= kMax32) append_number(extra, number);
    }
    if (!extra.empty()) {
      std::string field;
      append_number<uint16_t>(field, 1);
      append_number<uint16_t>(field, static_cast<uint16_t>(extra.size()));
      extra = field + extra;
    }
    std::string bytes;
    append_number(bytes, kEntrySignature);
    append_number<uint16_t>(bytes, 0);
    append_number<uint16_t>(bytes, extra.empty() ? 0 : 45);
    append_number(bytes, kFlags);
    append_number<uint16_t>(bytes, entry.deflated ? kDeflated : 0);
    append_number<uint32_t>(bytes, 0);
    append_number(bytes, entry.crc);
    append_number(bytes, short_form(entry.packed));
    append_number(bytes, short_form(entry.size));
    append_number<uint16_t>(bytes, static_cast<uint16_t>(entry.name.size()));
    append_number<uint16_t>(bytes, static_cast<uint16_t>(extra.size()));
    append_number<uint16_t>(bytes, 0);  // comment
    append_number<uint16_t>(bytes, 0);  // disk
    append_number<uint16_t>(bytes, 0);  // internal attributes
    append_number<uint32_t>(bytes, 0);  // external attributes
    append_number(bytes, short_form(entry.header));
    put(bytes + entry.name + extra);
  }
  const uint64_t size = position_ - offset, count = entries_.size();
  std::string end;
  if (offset >= kMax32 || size >= kMax32 || count >= kMax16) {
    const uint64_t end64 = position_;
    append_number(end, kEnd64Signature);
    append_number<uint64_t>(end, kEnd64Size - 12);
    append_number<uint16_t>(end, 45);
    append_number<uint16_t>(end, 45);
    append_number<uint32_t>(end, 0);
    append_number<uint32_t>(end, 0);
    append_number(end, count);
    append_number(end, count);
    append_number(end, size);
    append_number(end, offset);
    append_number(end, kLocator64Signature);
    append_number<uint32_t>(end, 0);
    append_number(end, end64);
    append_number<uint32_t>(end, 1);
  }
  append_number(end, kEndSignature);
  append_number<uint32_t>(end, 0);
  append_number<uint16_t>(end, static_cast<uint16_t>(std::min<uint64_t>(count, kMax16)));
  append_number<uint16_t>(end, static_cast<uint16_t>(std::min<uint64_t>(count, kMax16)));
  append_number(end, short_form(size));
  append_number(end, short_form(offset));
  append_number<uint16_t>(end, 0);
  put(end);
}

}  // namespace tenon::io
