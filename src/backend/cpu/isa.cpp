// Finds what instruction sets the machine has and which is in force. Depends on base alone.
#include "backend/cpu/isa.h"

#include <atomic>

#include "base/config.h"
#include "tenon/base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tenon::cpu {
namespace {

#if defined(__x86_64__)
// The features that Highway's AVX2 and AVX3 targets are compiled with; a CPU that lacks one of them must not run these.
Isa detect() {
  __builtin_cpu_init();
  // Not every supported compiler knows the name "f16c"; "avx" below covers what the operating system must save.
  unsigned eax, ebx, ecx = 0, edx;
  const bool f16c = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
  const bool avx2 = f16c && __builtin_cpu_supports("avx") && __builtin_cpu_supports("avx2") &&
                    __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (!avx2) return Isa::Baseline;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  return avx512 ? Isa::Avx512 : Isa::Avx2;
}
#else
Isa detect() { return Isa::Baseline; }
#endif

void check_available(Isa isa, const char* who) {
  TENON_CHECK_VALUE(isa <= best_isa(), who, ": this machine does not have ", isa_name(isa), "; the best it has is ",
                    isa_name(best_isa()));
}

constexpr uint8_t kUnset = 0xff;
std::atomic<uint8_t> in_force{kUnset};

[[gnu::noinline]] Isa resolve() {
  const auto requested = config::cpu_isa();
  const Isa found = requested ? static_cast<Isa>(*requested) : best_isa();
  check_available(found, "TENON_CPU_ISA");
  uint8_t expected = kUnset;
  // Keeps what set_isa set meanwhile.
  if (in_force.compare_exchange_strong(expected, static_cast<uint8_t>(found))) return found;
  return static_cast<Isa>(expected);
}

}  // namespace

Isa isa() {
  const uint8_t value = in_force.load(std::memory_order_relaxed);
  if (value == kUnset) [[unlikely]]
    return resolve();
  return static_cast<Isa>(value);
}

Isa best_isa() {
  static const Isa best = detect();
  return best;
}

void set_isa(Isa isa) {
  check_available(isa, "set_isa");
  in_force.store(static_cast<uint8_t>(isa));
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::Baseline:
      return "baseline";
    case Isa::Avx2:
      return "avx2";
    case Isa::Avx512:
      return "avx512";
  }
  return "unknown";
}

}  // namespace tenon::cpu
