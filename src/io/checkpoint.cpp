// See tenon/io/checkpoint.h.
#include "tenon/io/checkpoint.h"

#include <algorithm>
#include <map>

#include "io/atomic_file.h"
#include "io/bytes.h"
#include "io/pickle_values.h"
#include "io/source.h"
#include "io/zip.h"

namespace tenon::io {
namespace {

// The pickled number with which the older format begins, after the header of its pickle, and what follows it.
constexpr std::string_view kLegacyMagic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 13);
constexpr uint64_t kLegacyHeader = 32;
constexpr int64_t kLegacyProtocol = 1001;

// The folder that all records of an archive lie in.
std::string folder_of(const ZipReader& zip, const Source& source) {
  TENON_CHECK_FILE(!zip.records().empty(), source.name(), " is an empty zip archive");
  const std::string& first = zip.records()[0].name;
  const size_t slash = first.find('/');
  TENON_CHECK_FILE(slash != std::string::npos, "file in archive is not in a subdirectory: ", first);
  return first.substr(0, slash + 1);
}

const ZipReader::Record& need(const ZipReader& zip, const std::string& name, const Source& source) {
  const ZipReader::Record* record = zip.find(name);
  TENON_CHECK_FILE(record, source.name(), " has no record '", name, "', so it is no checkpoint");
  return *record;
}

// `storage`, which is the CPU's, where it belongs: the options say, or else the file.
StoragePtr placed(StoragePtr storage, const StorageId& id, const LoadOptions& options) {
  const Device device = options.device ? *options.device : Device(id.location);
  if (device.is_cpu()) return storage;
  const auto count = static_cast<int64_t>(storage->nbytes());
  const Tensor bytes(make_intrusive<TensorImpl>(std::move(storage), DimVector{count}, DimVector{1}, 0, kByte));
  return bytes.to(device).storage();
}

size_t swapped_item(ScalarType dtype) { return element_size(dtype) / (is_complex(dtype) ? 2 : 1); }

Value load_zip(const Source& source, const LoadOptions& options) {
  const ZipReader zip(source);
  const std::string folder = folder_of(zip, source);
  const ZipReader::Record* order = zip.find(folder + "byteorder");
  const std::string byte_order = order ? zip.read(*order) : "little";
  TENON_CHECK_VALUE(byte_order == "little" || byte_order == "big", "Unknown endianness type: ", byte_order);
  std::map<std::string, StoragePtr> loaded;
  const StorageLoader load = [&](const StorageId& id) {
    const auto known = loaded.find(id.key);
    if (known != loaded.end()) {
      TENON_CHECK_FILE(id.nbytes <= known->second->nbytes(), source.name(), ": storage ", id.key,
                       " is said to have ", id.nbytes, " bytes and has ", known->second->nbytes());
      return known->second;
    }
    const ZipReader::Record& record = need(zip, folder + "data/" + id.key, source);
    TENON_CHECK_FILE(record.size == id.nbytes, source.name(), ": record '", record.name, "' has ", record.size,
                     " bytes, and its storage ", id.nbytes);
    StoragePtr storage = zip.storage(record, element_size(id.dtype));
    if (byte_order == "big") swap_bytes(storage->data(), storage->nbytes(), swapped_item(id.dtype));
    return loaded[id.key] = placed(std::move(storage), id, options);
  };
  const std::string bytes = zip.read(need(zip, folder + "data.pkl", source));
  std::string_view rest = bytes;
  return unpickle(rest, load);
}

void fill(const StoragePtr& storage, const std::string& data) {
  if (data.empty()) return;
  const DimVector size{static_cast<int64_t>(data.size())};
  const auto bytes = [&](const StoragePtr& of) {
    return Tensor(make_intrusive<TensorImpl>(of, size, DimVector{1}, 0, kByte));
  };
  auto source = make_intrusive<Storage>(data.size(), Device(kCPU));
  std::memcpy(source->data(), data.data(), data.size());
  bytes(storage).copy_(bytes(source));
}

Value load_legacy(const Source& source, const LoadOptions& options) {
  const size_t magic = source.read(0, std::min(source.size(), kLegacyHeader)).find(kLegacyMagic);
  TENON_CHECK_FILE(magic != std::string::npos, source.name(), " is no checkpoint: it is neither a zip archive nor has ",
                   "it the magic number of the older format");
  const std::string bytes = source.read(0, source.size());
  std::string_view rest = std::string_view(bytes).substr(magic + kLegacyMagic.size());
  const StorageLoader none = [](const StorageId&) -> StoragePtr {
    detail::fail<UnpicklingError>("a storage where none belongs");
  };
  const Value protocol = unpickle(rest, none);
  TENON_CHECK_FILE(protocol.kind() == Value::Kind::Int && protocol.to_int() == kLegacyProtocol,
                   "Invalid protocol version: the file's is not ", kLegacyProtocol);
  const Value system = unpickle(rest, none);
  const bool little = system.at("little_endian").to_bool();

  // Storages follow the objects that view them.
  std::map<std::string, std::pair<StorageId, StoragePtr>> storages;
  uint64_t promised = 0;
  const Value value = unpickle(rest, [&](const StorageId& id) {
    const auto known = storages.find(id.key);
    if (known != storages.end()) return known->second.second;
    TENON_CHECK_FILE(id.nbytes <= bytes.size() - promised, source.name(), " is cut short: it has ", bytes.size(),
                     " bytes and promises storages of more");
    promised += id.nbytes;
    const Device device = options.device ? *options.device : Device(id.location);
    StoragePtr storage = make_intrusive<Storage>(id.nbytes, device);
    storages.emplace(id.key, std::make_pair(id, storage));
    return storage;
  });
  for (const Value& key : unpickle(rest, none).to_list()) {
    const auto found = storages.find(key.to_string());
    TENON_CHECK_FILE(found != storages.end(), source.name(), " has a storage ", key.to_string(), " that nothing uses");
    auto& [id, storage] = found->second;
    TENON_CHECK_FILE(rest.size() >= 8, source.name(), " is cut short");
    const auto count = load_number<uint64_t>(rest.data());
    rest.remove_prefix(8);
    TENON_CHECK_FILE(count == id.nbytes / element_size(id.dtype) && id.nbytes <= rest.size(), source.name(),
                     " is cut short or damaged: storage ", id.key, " of ", id.nbytes, " bytes has ", count,
                     " elements and ", rest.size(), " bytes follow");
    std::string data(rest.substr(0, id.nbytes));
    if (!little) swap_bytes(data.data(), data.size(), swapped_item(id.dtype));
    fill(storage, data);
    rest.remove_prefix(id.nbytes);
    storages.erase(found);
  }
  TENON_CHECK_FILE(storages.empty(), source.name(), " is cut short: storages are missing");
  return value;
}

Value load(const Source& source, const LoadOptions& options) {
  if (ZipReader::is_zip(source)) return load_zip(source, options);
  return load_legacy(source, options);
}

// Gives `sink` the archive that holds `value`; all its records lie in `folder`.
void write(const Value& value, const std::string& folder, Sink sink) {
  std::vector<StoragePtr> storages;
  const std::string data = pickle(value, storages);
  ZipWriter zip(std::move(sink));
  zip.add(folder + "data.pkl", data);
  zip.add(folder + ".format_version", "1");
  zip.add(folder + ".storage_alignment", "64");
  zip.add(folder + "byteorder", "little");
  for (size_t i = 0; i < storages.size(); ++i) {
    const StoragePtr bytes = on_cpu(storages[i]);
    zip.add(folder + "data/" + std::to_string(i), bytes->data(), bytes->nbytes());
  }
  zip.add(folder + "version", "3\n");
  zip.finish();
}

// The name of the file without folders and ending, by which PyTorch names the folder within.
std::string stem_of(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string stem = name.substr(0, name.rfind('.'));
  return stem.empty() ? "archive" : stem;
}

}  // namespace

Value load_checkpoint(const std::string& path, const LoadOptions& options) {
  return load(*open_file(path, options.mapped), options);
}

Value load_checkpoint_bytes(std::string_view bytes, const LoadOptions& options) {
  return load(*open_memory(bytes), options);
}

void save_checkpoint(const std::string& path, const Value& value) {
  save_file(path, [&](Sink sink) { write(value, stem_of(path) + "/", std::move(sink)); });
}

std::string save_checkpoint_bytes(const Value& value) {
  return save_bytes([&](Sink sink) { write(value, "archive/", std::move(sink)); });
}

}  // namespace tenon::io
