// Autocast: within its regions ops convert their arguments first, products to a shorter dtype and what needs range to a
// longer one, as PyTorch's lists say. Outside of all regions a call pays one relaxed load.
#pragma once

#include <atomic>

#include "overload.h"
#include "python.h"
#include "tenon/ops/registry.h"

namespace tenon::python {

// How many devices all threads together have switched on.
extern std::atomic<int> autocast_regions;
inline bool any_autocast() { return autocast_regions.load(std::memory_order_relaxed) != 0; }

// Converts the arguments of a call as the region of this thread asks.
[[gnu::cold]] void autocast_arguments(const OpInfo& op, ValueBuffer& values);
// The same for the operands of the operator @.
[[gnu::cold]] std::pair<Tensor, Tensor> autocast_operands(const Tensor& a, const Tensor& b);

}  // namespace tenon::python
