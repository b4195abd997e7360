// Parameters of ops that slide windows over the trailing dims of an input.
#pragma once

#include "tenon/base/dim_vector.h"
#include "tenon/base/error.h"

namespace tenon {

// A list with one entry per spatial dim; a single entry serves all.
inline DimVector per_dim(const char* op, const char* name, IntArrayRef values, size_t dims, int64_t least) {
  TENON_CHECK(values.size() == dims || values.size() == 1, op, ": ", name, " must have 1 or ", dims, " entries, got ",
              values);
  DimVector result(dims);
  for (size_t d = 0; d < dims; ++d) {
    result[d] = values[values.size() == 1 ? 0 : d];
    TENON_CHECK(result[d] >= least, op, ": ", name, " must be at least ", least, ", got ", values);
  }
  return result;
}

}  // namespace tenon
