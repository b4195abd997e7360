// The CPU backend: every kernel family, of the instruction set in force.
#include <array>
#include <atomic>
#include <mutex>

#include "backend/cpu/isa.h"
#include "backend/kernels_of.h"

namespace tenon {
namespace {

Backend make_backend() {
#define TENON_FAMILY(name, kernels) .name = &(kernels),
  return {.name = "cpu", TENON_FORALL_CPU_FAMILIES(TENON_FAMILY)};
#undef TENON_FAMILY
}

// Tables differ by instruction set, so there is a backend for each; it is made when first asked for.
using Slot = std::atomic<const Backend*>;
constinit std::array<Slot, cpu::kIsaCount> made{};

[[gnu::noinline, gnu::cold]] const Backend& make_backend_of(Slot& slot) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  // Never destroyed: tensors may outlive static destructors.
  if (!slot.load(std::memory_order_relaxed)) slot.store(new Backend(make_backend()), std::memory_order_release);
  return *slot.load(std::memory_order_relaxed);
}

}  // namespace

// Every op asks several times, so it is one load and no call_once.
const Backend& cpu_backend() {
  Slot& slot = made[static_cast<size_t>(cpu::isa())];
  const Backend* backend = slot.load(std::memory_order_acquire);
  return backend ? *backend : make_backend_of(slot);
}

}  // namespace tenon
