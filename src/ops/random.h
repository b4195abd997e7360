// What the files of random ops share.
#pragma once

#include "autograd/record.h"
#include "tenon/base/generator.h"
#include "tenon/ops/ops.h"

namespace tenon {

using MaybeGenerator = optional<Generator>;

inline Generator& source(const MaybeGenerator& generator) {
  return generator ? const_cast<Generator&>(*generator) : default_generator();
}

// A draw is part of the graph of what it was drawn with, to which zeros flow.
Tensor drawn(const char* op, Tensor out, TensorPointers parameters);

}  // namespace tenon
