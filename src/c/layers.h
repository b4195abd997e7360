// Makes networks of the layers that a text lists.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "tenon/nn/container.h"

namespace tenon::c {

struct Network {
  nn::Sequential layers;
  int64_t input_size, output_size;  // the numbers of a row
};

// Throws ValueError, which names the layer and its position, where the layers do not fit together or would hold more
// than `most_elements` in their tensors.
Network build_network(std::string_view text, int64_t most_elements = std::numeric_limits<int64_t>::max());

}  // namespace tenon::c
