// Differences and integrals of samples, membership, and the parts of numbers.
#include <algorithm>
#include <cmath>

#include "ops/edit.h"
#include "ops/elementwise.h"
#include "ops/reduction.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// --- gradient

DimVector gradient_dims(const Tensor& self, OptionalIntArrayRef dim, int64_t edge_order) {
  TENON_CHECK(self.dtype() != kByte, "gradient: is not implemented for uint8 input");
  TENON_CHECK(edge_order == 1 || edge_order == 2, "gradient: edge_order must be 1 or 2, got ", edge_order);
  DimVector dims;
  if (dim) {
    dims = wrap_dims(*dim, self.dim(), "gradient");
  } else {
    for (int64_t d = 0; d < self.dim(); ++d) dims.push_back(d);
  }
  for (int64_t d : dims) {
    TENON_CHECK(self.size(d) > edge_order, "gradient: expected each dimension size to be at least edge_order + 1, got ",
                "size ", self.size(d), " of dim ", d, " for edge_order ", edge_order);
  }
  return dims;
}

void check_count(size_t spacings, size_t dims) {
  TENON_CHECK(spacings == dims, "gradient: expected spacing to be unspecified, a number, or a list with one entry for ",
              "each of the ", dims, " dims, got ", spacings, " entries");
}

// Slices of a dim as many places from its start, or from its end where negative.
struct Along {
  const Tensor& x;
  int64_t dim;
  Tensor at(int64_t i) const { return i < 0 ? x.narrow(dim, x.size(dim) + i, 1) : x.narrow(dim, i, 1); }
  // All but `cut` elements, of which `first` are at the start.
  Tensor but(int64_t cut, int64_t first) const { return x.narrow(dim, first, x.size(dim) - cut); }
};

Tensor even_gradient(const Tensor& self, int64_t dim, const Scalar& spacing, int64_t edge_order) {
  const Along f{self, dim};
  const Tensor inner = (f.but(2, 2) - f.but(2, 0)) / spacing / 2;
  Tensor before = (f.at(1) - f.at(0)) / spacing, after = (f.at(-1) - f.at(-2)) / spacing;
  if (edge_order == 2) {
    before = (-1.5 * f.at(0) + 2 * f.at(1) - 0.5 * f.at(2)) / spacing;
    after = (0.5 * f.at(-3) - 2 * f.at(-2) + 1.5 * f.at(-1)) / spacing;
  }
  return cat({before, inner, after}, dim);
}

// The derivative of the parabola through three samples, at the one that is `at` of them; a and b are their distances.
Tensor parabola(const Tensor& f0, const Tensor& f1, const Tensor& f2, const Tensor& a, const Tensor& b, int at) {
  const Tensor first = (f1 - f0) / a, second = (f2 - f1) / b, bend = (second - first) / (a + b);
  if (at == 0) return first - a * bend;
  return at == 1 ? first + a * bend : second + b * bend;
}

Tensor uneven_gradient(const Tensor& self, int64_t dim, const Tensor& coordinates, int64_t edge_order) {
  TENON_CHECK(coordinates.dim() == 1, "gradient: expected each tensor in spacing to have one dimension, got shape ",
              coordinates.sizes());
  TENON_CHECK(coordinates.numel() == self.size(dim), "gradient: expected spacing to have ", self.size(dim),
              " elements for dim ", dim, ", got ", coordinates.numel());
  DimVector shape(self.sizes().size(), 1);
  shape[static_cast<size_t>(dim)] = -1;
  const Tensor steps = diff(coordinates, 1, 0, nullopt, nullopt).reshape(shape);
  const Along f{self, dim}, h{steps, dim};
  const Tensor inner = parabola(f.but(2, 0), f.but(2, 1), f.but(2, 2), h.but(1, 0), h.but(1, 1), 1);
  Tensor before = (f.at(1) - f.at(0)) / h.at(0), after = (f.at(-1) - f.at(-2)) / h.at(-1);
  if (edge_order == 2) {
    before = parabola(f.at(0), f.at(1), f.at(2), h.at(0), h.at(1), 0);
    after = parabola(f.at(-3), f.at(-2), f.at(-1), h.at(-2), h.at(-1), 2);
  }
  return cat({before, inner, after}, dim);
}

// --- trapezoid

// The distances of neighbours of x along a dim, in a shape that broadcasts to y's.
Tensor distances(const char* op, const Tensor& y, const Tensor& x, int64_t dim) {
  if (x.dim() == 1) {
    TENON_CHECK(x.numel() == y.size(dim), op, ": There must be one `x` value for each sample point, got ", x.numel(),
                " for ", y.size(dim));
    DimVector shape(y.sizes().size(), 1);
    shape[static_cast<size_t>(dim)] = -1;
    return diff(x.reshape(shape), 1, dim, nullopt, nullopt);
  }
  DimVector shape(y.sizes().size() > x.sizes().size() ? y.sizes().size() - x.sizes().size() : 0, 1);
  for (int64_t size : x.sizes()) shape.push_back(size);
  const int64_t d = dim - y.dim() + static_cast<int64_t>(shape.size());
  TENON_CHECK(shape[static_cast<size_t>(d)] == y.size(dim), op,
              ": There must be one `x` value for each sample point, got ", "x of shape ", x.sizes(), " for y of shape ",
              y.sizes());
  return diff(x.reshape(shape), 1, d, nullopt, nullopt);
}

void check_samples(const char* op, const Tensor& y) {
  TENON_CHECK(y.dtype() != kBool, op, ": received a bool input for `y`, but bool is not supported");
}

// y[i] + y[i + 1].
Tensor neighbour_sums(const Tensor& y, int64_t dim) {
  const Along f{y, dim};
  return f.but(1, 1) + f.but(1, 0);
}

// y without samples integrates to zeros.
Tensor no_integral(const Tensor& y, int64_t dim) {
  DimVector sizes = y.impl()->sizes;
  sizes.erase(static_cast<size_t>(dim));
  return zeros(sizes, y.options());
}

}  // namespace

std::vector<Tensor> gradient(const Tensor& self, const optional<Scalar>& spacing, OptionalIntArrayRef dim,
                             int64_t edge_order) {
  std::vector<Tensor> results;
  for (int64_t d : gradient_dims(self, dim, edge_order)) {
    results.push_back(even_gradient(self, d, spacing.value_or(Scalar(1)), edge_order));
  }
  return results;
}

std::vector<Tensor> gradient(const Tensor& self, FloatArrayRef spacing, OptionalIntArrayRef dim, int64_t edge_order) {
  const DimVector dims = gradient_dims(self, dim, edge_order);
  check_count(spacing.size(), dims.size());
  std::vector<Tensor> results;
  for (size_t i = 0; i < dims.size(); ++i) results.push_back(even_gradient(self, dims[i], spacing[i], edge_order));
  return results;
}

std::vector<Tensor> gradient(const Tensor& self, TensorList spacing, OptionalIntArrayRef dim, int64_t edge_order) {
  const DimVector dims = gradient_dims(self, dim, edge_order);
  check_count(spacing.size(), dims.size());
  std::vector<Tensor> results;
  for (size_t i = 0; i < dims.size(); ++i) results.push_back(uneven_gradient(self, dims[i], spacing[i], edge_order));
  return results;
}

Tensor trapezoid(const Tensor& y, const Tensor& x, int64_t dim) {
  const int64_t d = wrap_dim(dim, y.dim(), "trapezoid");
  check_samples("trapezoid", y);
  check_samples("trapezoid", x);
  if (y.size(d) == 0) return no_integral(y, d);
  return (neighbour_sums(y, d) * distances("trapezoid", y, x, d)).sum({d - y.dim()}) / 2;
}

Tensor trapezoid(const Tensor& y, const Scalar& dx, int64_t dim) {
  const int64_t d = wrap_dim(dim, y.dim(), "trapezoid");
  check_samples("trapezoid", y);
  if (y.size(d) == 0) return no_integral(y, d);
  return (y.sum({d}) - (y.select(d, 0) + y.select(d, -1)) * 0.5) * dx;
}

Tensor cumulative_trapezoid(const Tensor& y, const Tensor& x, int64_t dim) {
  const int64_t d = wrap_dim(dim, y.dim(), "cumulative_trapezoid");
  check_samples("cumulative_trapezoid", y);
  check_samples("cumulative_trapezoid", x);
  if (y.size(d) == 0) return zeros(y.sizes(), y.options());
  return (neighbour_sums(y, d) * distances("cumulative_trapezoid", y, x, d)).cumsum(d - y.dim()) / 2;
}

Tensor cumulative_trapezoid(const Tensor& y, const Scalar& dx, int64_t dim) {
  const int64_t d = wrap_dim(dim, y.dim(), "cumulative_trapezoid");
  check_samples("cumulative_trapezoid", y);
  if (y.size(d) == 0) return zeros(y.sizes(), y.options());
  const Scalar half = dx.is_complex() ? Scalar(dx.to<std::complex<double>>() / 2.0) : Scalar(dx.to_double() / 2);
  return (neighbour_sums(y, d) * half).cumsum(d);
}

// --- membership and places

Tensor isin(const Tensor& elements, const Tensor& test_elements, bool /*assume_unique*/, bool invert) {
  for (const Tensor* tensor : {&elements, &test_elements}) {
    TENON_CHECK(!tensor->is_complex() && tensor->dtype() != kBool, "isin: Unsupported input type encountered for ",
                tensor->dtype());
  }
  NoGradGuard no_grad;
  const ScalarType common = result_type({elements, test_elements});
  if (test_elements.numel() == 0) return full(elements.sizes(), Scalar(invert), elements.options().dtype(kBool));
  const Tensor wanted = elements.to(common);
  const Tensor sorted = std::get<0>(test_elements.to(common).reshape({-1}).sort());
  const Tensor at = searchsorted(sorted, wanted).clamp_max(sorted.numel() - 1);
  const Tensor found = sorted.take(at).eq(wanted);
  return invert ? found.logical_not() : found;
}

Tensor isin(const Tensor& elements, const Scalar& test_element, bool assume_unique, bool invert) {
  return isin(elements, scalar_tensor(test_element, elements.options().dtype(test_element.dtype(kDouble))),
              assume_unique, invert);
}

Tensor isin(const Scalar& element, const Tensor& test_elements, bool assume_unique, bool invert) {
  return isin(scalar_tensor(element, test_elements.options().dtype(element.dtype(kDouble))), test_elements,
              assume_unique, invert);
}

std::vector<Tensor> unravel_index(const Tensor& indices, IntArrayRef shape) {
  TENON_CHECK_TYPE(is_integral(indices.dtype(), false), "unravel_index: expected 'indices' to be integer dtype, got ",
                   indices.dtype());
  std::vector<Tensor> coordinates(shape.size());
  int64_t below = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    TENON_CHECK_VALUE(shape[d] >= 0, "unravel_index: 'shape' cannot have negative values, got ", shape);
    if (shape[d] == 0) {
      TENON_CHECK_VALUE(indices.numel() == 0, "unravel_index: no index is within shape ", shape);
      coordinates[d] = to_dtype(indices, kLong);
      continue;
    }
    coordinates[d] = to_dtype(indices, kLong).floor_divide(Scalar(below)).remainder(Scalar(shape[d]));
    below = checked_mul(below, shape[d], "unravel_index");
  }
  return coordinates;
}

// --- parts of numbers

Tensor conj_physical(const Tensor& self) { return conj(self); }
const Tensor& conj_physical_(const Tensor& self) {
  if (!self.is_complex()) return self;
  return replace_inplace("conj_physical_", self, [](const Tensor& x) { return conj(x); });
}

Tensor resolve_conj(const Tensor& self) {
  // Throws where self is undefined.
  self.impl("resolve_conj");
  return self;
}

Tensor resolve_neg(const Tensor& self) {
  self.impl("resolve_neg");
  return self;
}

bool is_nonzero(const Tensor& self) {
  TENON_CHECK(self.numel() == 1, "is_nonzero: Boolean value of Tensor with ",
              self.numel() == 0 ? "no values" : "more than one value", " is ambiguous");
  return self.reshape({}).ne(0).item<bool>();
}

Tensor hash_tensor(const Tensor& self, IntArrayRef dim, bool keepdim, int64_t mode) {
  TENON_CHECK(mode == 0, "hash_tensor: Unknown hash_tensor mode: ", mode, ", expected 0");
  check_real("hash_tensor", self);
  TENON_CHECK(self.numel() > 0 || !dim.empty(), "hash_tensor: a tensor without elements needs a dim to reduce");
  const ReducedDims dims(self, dim, "hash_tensor");
  for (int64_t d : dims.dims) check_not_empty("hash_tensor", self, d);
  DimVector order;
  for (int64_t d = 0; d < self.dim(); ++d) {
    if (std::ranges::find(dims.dims, d) == dims.dims.end()) order.push_back(d);
  }
  for (int64_t d : dims.dims) order.push_back(d);
  const Tensor wide = self.detach().to(self.is_floating_point() ? kDouble : kLong);
  Tensor bits = wide.permute(order).reshape({-1, dims.count}).view(kLong);
  // Halves are folded onto each other until one element is left of each row.
  while (bits.size(1) > 1) {
    const int64_t half = bits.size(1) / 2, rest = bits.size(1) - half;
    const Tensor folded = bits.narrow(1, 0, rest).clone();
    folded.narrow(1, 0, half).bitwise_xor_(bits.narrow(1, rest, half));
    bits = folded;
  }
  return bits.view(kUInt64).reshape(keepdim ? dims.kept : dims.dropped);
}

bool is_same_size(const Tensor& self, const Tensor& other) { return self.sizes() == other.sizes(); }

}  // namespace tenon
