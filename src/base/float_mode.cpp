// See float_mode.h and denormals.h.
#include "base/float_mode.h"

#include "tenon/base/denormals.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tenon {

#if defined(__x86_64__)

namespace {
// Results that are denormal become zero, and operands that are count as zero.
constexpr unsigned kFlushBits = 0x8000 | 0x0040;
}  // namespace

uint64_t float_mode() { return _mm_getcsr() & kFlushBits; }
void set_float_mode(uint64_t mode) { _mm_setcsr((_mm_getcsr() & ~kFlushBits) | static_cast<unsigned>(mode)); }

#elif defined(__aarch64__)

namespace {
constexpr uint64_t kFlushBits = uint64_t{1} << 24;

uint64_t control_register() {
  uint64_t value;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
}  // namespace

uint64_t float_mode() { return control_register() & kFlushBits; }
void set_float_mode(uint64_t mode) {
  const uint64_t value = (control_register() & ~kFlushBits) | mode;
  asm volatile("msr fpcr, %0" : : "r"(value));
}

#else

namespace {
constexpr uint64_t kFlushBits = 0;
}  // namespace

uint64_t float_mode() { return 0; }
void set_float_mode(uint64_t) {}

#endif

bool set_flush_denormal(bool flush) {
  set_float_mode(flush ? kFlushBits : 0);
  return kFlushBits != 0;
}

}  // namespace tenon
