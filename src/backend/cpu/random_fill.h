// How random values reach a view: in chunks, drawn and transformed in a buffer (or in place) and stored in memory
// order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backend/cpu/memory_order.h"
#include "tenon/base/generator.h"

namespace tenon::cpu {

inline constexpr int64_t kRandomChunk = 1024;

// Fills `out`, of element type T, with what make(values, count) writes for each next `count` elements.
template <class T, class Make>
void fill_by_chunks(const TensorView& out, Make&& make) {
  MemoryOrder order(out, nullptr);
  T* const data = out.as<T>();
  T buffer[kRandomChunk];
  for (int64_t done = 0; done < order.numel();) {
    const int64_t count = std::min(kRandomChunk, order.numel() - done);
    if (order.dense()) {
      make(data + done, count);
    } else {
      make(buffer, count);
      const T* value = buffer;
      order.next(count, [&](int64_t at, int64_t) { data[at] = *value++; });
    }
    done += count;
  }
}

// The same where each element takes `kWords` draws: value(words) is the element of kWords words.
template <class T, int kWords, class Value>
void fill_from_words(const TensorView& out, Generator& generator, Value&& value) {
  uint32_t words[kRandomChunk * kWords];
  fill_by_chunks<T>(out, [&](T* values, int64_t count) {
    generator.random(words, count * kWords);
    for (int64_t i = 0; i < count; ++i) values[i] = value(words + i * kWords);
  });
}

inline uint64_t bits64(const uint32_t* words) { return static_cast<uint64_t>(words[0]) << 32 | words[1]; }
inline uint64_t bits53(const uint32_t* words) { return bits64(words) & ((uint64_t{1} << 53) - 1); }
// In [0, 1), of 53 and 24 bits.
inline double unit_double(const uint32_t* words) { return static_cast<double>(bits53(words)) * 0x1p-53; }
inline float unit_float(const uint32_t* words) { return static_cast<float>(words[0] & 0xffffffu) * 0x1p-24f; }

template <class Visit>
void visit_floating(ScalarType dtype, Visit&& visit) {
  switch (dtype) {
    case kFloat:
      return visit(float{});
    case kDouble:
      return visit(double{});
    case kHalf:
      return visit(Half{});
    case kBFloat16:
      return visit(BFloat16{});
    default:
      detail::fail<TypeError>("random: expected a floating dtype, got ", dtype);
  }
}

template <class Visit>
void visit_real(ScalarType dtype, Visit&& visit) {
  switch (dtype) {
    case kByte:
      return visit(uint8_t{});
    case kChar:
      return visit(int8_t{});
    case kShort:
      return visit(int16_t{});
    case kInt:
      return visit(int32_t{});
    case kLong:
      return visit(int64_t{});
    case kUInt16:
      return visit(uint16_t{});
    case kUInt32:
      return visit(uint32_t{});
    case kUInt64:
      return visit(uint64_t{});
    case kBool:
      return visit(bool{});
    default:
      return visit_floating(dtype, visit);
  }
}

}  // namespace tenon::cpu
