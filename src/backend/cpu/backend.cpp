// The CPU backend: every kernel family, of the instruction set in force.
#include <array>
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
          .pool = &cpu::pool_table()};
}

}  // namespace

const Backend& cpu_backend() {
  // Tables differ by instruction set, so there is a backend for each; it is made when first asked for.
  static std::array<Backend, cpu::kIsaCount> backends;
  static std::array<std::once_flag, cpu::kIsaCount> made;
  const auto isa = static_cast<size_t>(cpu::isa());
  std::call_once(made[isa], [isa] { backends[isa] = make_backend(); });
  return backends[isa];
}

}  // namespace tenon
