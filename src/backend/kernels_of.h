// The kernels of one family on a device. What asks for them so brings no other family along into a static program.
#pragma once

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/memory.h"
#include "backend/cpu/random.h"

namespace tenon {

template <auto Family>
struct CpuFamily;
#define TENON_CPU_FAMILY(name, kernels)              \
  template <>                                        \
  struct CpuFamily<&Backend::name> {                 \
    static const auto& table() { return (kernels); } \
  };
TENON_CPU_FAMILY(memory, cpu_memory)
TENON_CPU_FAMILY(elementwise, cpu::elementwise_table())
TENON_CPU_FAMILY(reduction, cpu::reduction_table())
TENON_CPU_FAMILY(scan, cpu::scan_table())
TENON_CPU_FAMILY(matmul, cpu::matmul_table())
TENON_CPU_FAMILY(softmax, cpu::softmax_table())
TENON_CPU_FAMILY(conv, cpu::conv_table())
TENON_CPU_FAMILY(sort, cpu::sort_table())
TENON_CPU_FAMILY(index, cpu::index_table())
TENON_CPU_FAMILY(norm, cpu::norm_table())
TENON_CPU_FAMILY(random, cpu_random)
TENON_CPU_FAMILY(pool, cpu::pool_table())
TENON_CPU_FAMILY(linalg, cpu::linalg_table())
TENON_CPU_FAMILY(fft, cpu::fft_table())
TENON_CPU_FAMILY(resample, cpu::resample_table())
TENON_CPU_FAMILY(grid, cpu::grid_table())
TENON_CPU_FAMILY(ctc, cpu::ctc_table())
TENON_CPU_FAMILY(optim, cpu::optim_table())
TENON_CPU_FAMILY(recurrent, cpu::recurrent_table())
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
