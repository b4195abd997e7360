// Parsing and printing of devices.
#include "tenon/base/device.h"

#include <charconv>
#include <ostream>

#include "tenon/base/error.h"

namespace tenon {
namespace {

DeviceType parse_type(std::string_view name, std::string_view text) {
  if (name == "cpu") return DeviceType::CPU;
  if (name == "cuda") return DeviceType::CUDA;
  if (name == "metal") return DeviceType::Metal;
  detail::fail<Error>("Invalid device string: '", text, "': expected cpu, cuda or metal, with an index as in cuda:0");
}

int8_t parse_index(std::string_view digits, std::string_view text) {
  int8_t index = -1;
  const char* end = digits.data() + digits.size();
  auto [stop, status] = std::from_chars(digits.data(), end, index);
  const bool padded = digits.size() > 1 && digits.front() == '0';
  TENON_CHECK_AS(Error, status == std::errc() && stop == end && index >= 0 && !padded, "Invalid device string: '", text,
                 "': the index must be an integer from 0 to ", Device::kGreatestIndex);
  return index;
}

}  // namespace

Device::Device(std::string_view text) : type_(kCPU), index_(-1) {
  TENON_CHECK_AS(Error, !text.empty(), "Device string must not be empty");
  const size_t colon = text.find(':');
  type_ = parse_type(text.substr(0, colon), text);
  if (colon != std::string_view::npos) index_ = parse_index(text.substr(colon + 1), text);
}

std::string Device::str() const {
  std::string result = device_type_name(type_);
  if (has_index()) result.append(":").append(std::to_string(index()));
  return result;
}

const char* device_type_name(DeviceType type) {
  switch (type) {
    case DeviceType::CPU:
      return "cpu";
    case DeviceType::CUDA:
      return "cuda";
    case DeviceType::Metal:
      return "metal";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, const Device& device) { return out << device.str(); }

}  // namespace tenon
