// The CPU backend: every kernel family, of the instruction set in force.
#include <array>
#include <atomic>
#include <mutex>

#include "backend/cpu/isa.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/memory.h"
#include "backend/cpu/random.h"

namespace tenon {
namespace {

Backend make_backend() {
  return {.name = "cpu",
          .memory = &cpu_memory,
          .elementwise = &cpu::elementwise_table(),
          .reduction = &cpu::reduction_table(),
          .scan = &cpu::scan_table(),
          .matmul = &cpu::matmul_table(),
          .softmax = &cpu::softmax_table(),
          .conv = &cpu::conv_table(),
          .sort = &cpu::sort_table(),
          .index = &cpu::index_table(),
          .norm = &cpu::norm_table(),
          .random = &cpu_random,
          .pool = &cpu::pool_table(),
          .linalg = &cpu::linalg_table(),
          .fft = &cpu::fft_table(),
          .resample = &cpu::resample_table(),
          .grid = &cpu::grid_table(),
          .ctc = &cpu::ctc_table(),
          .optim = &cpu::optim_table(),
          .recurrent = &cpu::recurrent_table()};
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
