// The kernels of one family on a device. What asks for them so brings no other family along into a static program.
#pragma once

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/memory.h"
#include "backend/cpu/random.h"

namespace tenon {

// X(family, its kernels of the instruction set in force), for each member of Backend, in its order.
#define TENON_FORALL_CPU_FAMILIES(X)       \
  X(memory, cpu_memory)                    \
  X(elementwise, cpu::elementwise_table()) \
  X(reduction, cpu::reduction_table())     \
  X(scan, cpu::scan_table())               \
  X(matmul, cpu::matmul_table())           \
  X(softmax, cpu::softmax_table())         \
  X(conv, cpu::conv_table())               \
  X(sort, cpu::sort_table())               \
  X(index, cpu::index_table())             \
  X(norm, cpu::norm_table())               \
  X(random, cpu_random)                    \
  X(pool, cpu::pool_table())               \
  X(linalg, cpu::linalg_table())           \
  X(fft, cpu::fft_table())                 \
  X(resample, cpu::resample_table())       \
  X(grid, cpu::grid_table())               \
  X(ctc, cpu::ctc_table())                 \
  X(optim, cpu::optim_table())             \
  X(recurrent, cpu::recurrent_table())

template <auto Family>
struct CpuFamily;
#define TENON_CPU_FAMILY(name, kernels)              \
  template <>                                        \
  struct CpuFamily<&Backend::name> {                 \
    static const auto& table() { return (kernels); } \
  };
TENON_FORALL_CPU_FAMILIES(TENON_CPU_FAMILY)
#undef TENON_CPU_FAMILY

// The backend of a device other than the CPU; throws DeviceError saying why it is unavailable.
const Backend& plugged_backend(Device device);

// kernels_of<&Backend::linalg>(device, op), or DeviceError saying that `op` does not run there.
template <auto Family>
const auto& kernels_of(Device device, const char* op) {
  if (device.is_cpu()) [[likely]] return CpuFamily<Family>::table();
  const Backend& backend = plugged_backend(device);
  return require(backend.*Family, backend, op);
}

// The same, or null where the device lacks the family.
template <auto Family>
auto kernels_or_null(Device device) {
  return device.is_cpu() ? &CpuFamily<Family>::table() : plugged_backend(device).*Family;
}

}  // namespace tenon
