// The number of every elementwise kernel: one per table line, and one per gradient formula of a line.
#pragma once

#include <cstdint>

namespace tenon {

enum class ElementwiseKernel : uint16_t {
#define TENON_EW1(name, ...) name, name##_dx,
#define TENON_EW2(name, ...) name, name##_da, name##_db,
#define TENON_EW3(name, ...) name, name##_da, name##_db, name##_dc,
#define TENON_EW1_ TENON_EW1
#define TENON_EW2_ TENON_EW2
#define TENON_EW3_ TENON_EW3
#include "tenon/table/elementwise.inc"
  count
};

}  // namespace tenon
