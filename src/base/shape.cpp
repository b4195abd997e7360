// Arithmetic on sizes and dims with every overflow and range checked.
#include "tenon/base/shape.h"

#include <algorithm>

namespace tenon {

int64_t checked_mul(int64_t a, int64_t b, const char* what) {
  int64_t product;
  TENON_CHECK(!__builtin_mul_overflow(a, b, &product), what, ": ", a, " * ", b, " does not fit in 64 bits");
  return product;
}

int64_t checked_add(int64_t a, int64_t b, const char* what) {
  int64_t sum;
  TENON_CHECK(!__builtin_add_overflow(a, b, &sum), what, ": ", a, " + ", b, " does not fit in 64 bits");
  return sum;
}

int64_t checked_numel(IntArrayRef sizes, const char* op) {
  int64_t extent = 1;  // the product with zeros counted as ones: strides must fit even where nothing is stored
  bool empty = false;
  for (int64_t size : sizes) {
    TENON_CHECK(size >= 0, op, ": sizes must be non-negative, got ", sizes);
    empty |= size == 0;
    TENON_CHECK(!__builtin_mul_overflow(extent, std::max<int64_t>(size, 1), &extent), op,
                ": the number of elements of ", sizes, " does not fit in 64 bits");
  }
  return empty ? 0 : extent;
}

int64_t wrap_dim(int64_t dim, int64_t ndim, const char* op) {
  const int64_t range = std::max<int64_t>(ndim, 1);
  TENON_CHECK_INDEX(-range <= dim && dim < range, op, ": Dimension out of range (expected to be in range of [", -range,
                    ", ", range - 1, "], but got ", dim, ")");
  return dim < 0 ? dim + range : dim;
}

DimVector wrap_dims(IntArrayRef dims, int64_t ndim, const char* op) {
  DimVector result(dims);
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = wrap_dim(dims[i], ndim, op);
    TENON_CHECK(std::find(result.begin(), result.begin() + i, result[i]) == result.begin() + i, op, ": dim ", result[i],
                " appears multiple times in the list of dims ", dims);
  }
  return result;
}

DimVector contiguous_strides(IntArrayRef sizes) {
  DimVector strides(sizes.size());
  int64_t stride = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    strides[d] = stride;
    if (d > 0) stride = checked_mul(stride, std::max<int64_t>(sizes[d], 1), "strides");
  }
  return strides;
}

DimVector broadcast_shapes(IntArrayRef a, IntArrayRef b, const char* op) {
  const size_t ndim = std::max(a.size(), b.size());
  DimVector result(ndim);
  for (size_t i = 0; i < ndim; ++i) {
    const int64_t size_a = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t size_b = i < b.size() ? b[b.size() - 1 - i] : 1;
    TENON_CHECK(size_a == size_b || size_a == 1 || size_b == 1, op, ": The size of tensor a (", size_a,
                ") must match the size of tensor b (", size_b, ") at non-singleton dimension ", ndim - 1 - i,
                "; the shapes are ", a, " and ", b);
    result[ndim - 1 - i] = size_a == 1 ? size_b : size_a;
  }
  return result;
}

bool is_expandable_to(IntArrayRef from, IntArrayRef to) {
  if (from.size() > to.size()) return false;
  const size_t offset = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] != to[offset + i] && from[i] != 1) return false;
  }
  return true;
}

DimVector infer_size(IntArrayRef sizes, int64_t numel, const char* op) {
  constexpr size_t kNone = SIZE_MAX;
  size_t unknown = kNone;
  int64_t known = 1;
  bool overflow = false, zero = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      TENON_CHECK(unknown == kNone, op, ": only one dimension can be inferred, got ", sizes);
      unknown = i;
    } else {
      TENON_CHECK(sizes[i] >= 0, op, ": invalid shape dimension ", sizes[i], " at index ", i, " of shape ", sizes);
      zero |= sizes[i] == 0;
      overflow |= __builtin_mul_overflow(known, sizes[i], &known);
    }
  }
  if (zero) known = 0;
  const bool fits = !overflow || zero;
  DimVector result(sizes);
  if (unknown == kNone) {
    TENON_CHECK(fits && known == numel, op, ": shape '", sizes, "' is invalid for input of size ", numel);
    return result;
  }
  TENON_CHECK(known != 0 || numel != 0, op, ": cannot reshape tensor of 0 elements into shape ", sizes,
              " because the unspecified dimension size -1 can be any value and is ambiguous");
  TENON_CHECK(fits && known != 0 && numel % known == 0, op, ": shape '", sizes, "' is invalid for input of size ",
              numel);
  result[unknown] = numel / known;
  return result;
}

}  // namespace tenon
