// Where a tensor's memory lives.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

#include "tenon/base/error.h"
#include "tenon/base/export.h"

namespace tenon {

enum class DeviceType : int8_t { CPU, CUDA, Metal };
inline constexpr DeviceType kCPU = DeviceType::CPU;
inline constexpr DeviceType kCUDA = DeviceType::CUDA;

// A device type and, for accelerators, which one; index -1 names none: see resolved().
class Device {
 public:
  static constexpr int kGreatestIndex = 127;

  constexpr Device(DeviceType type = kCPU, int index = -1) : type_(type), index_(static_cast<int8_t>(index)) {
    TENON_CHECK_AS(Error, index >= -1 && index <= kGreatestIndex, "Device: the index must be from 0 to ",
                   kGreatestIndex, ", or -1 for none, got ", index);
  }
  // Parses "cpu", "cuda", "cuda:1", "metal:0"; throws Error on anything else.
  TENON_API Device(std::string_view text);
  Device(const char* text) : Device(std::string_view(text)) {}

  constexpr DeviceType type() const { return type_; }
  constexpr int index() const { return index_; }
  constexpr bool has_index() const { return index_ >= 0; }
  constexpr bool is_cpu() const { return type_ == kCPU; }
  constexpr bool is_cuda() const { return type_ == kCUDA; }
  // As memory has it: the CPU without an index, an accelerator with one, 0 where none is given.
  constexpr Device resolved() const { return is_cpu() ? Device() : Device(type_, has_index() ? index_ : 0); }
  TENON_API std::string str() const;
  friend constexpr bool operator==(const Device&, const Device&) = default;

 private:
  DeviceType type_;
  int8_t index_;
};

// "cpu", "cuda", "metal".
TENON_API const char* device_type_name(DeviceType type);
TENON_API std::ostream& operator<<(std::ostream& out, const Device& device);

}  // namespace tenon
