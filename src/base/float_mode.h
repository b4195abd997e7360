// How this thread treats denormal numbers. A parallel loop's workers adopt their caller's mode, so that results do not
// depend on who computes them.
#pragma once

#include <cstdint>

namespace tenon {

// The bits of the control register that say it; zero where this CPU has none.
uint64_t float_mode();
void set_float_mode(uint64_t mode);

}  // namespace tenon
