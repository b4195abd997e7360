// Distinct elements and slices, made of sorts and comparisons of neighbours.
#include "autograd/record.h"
#include "ops/reduction.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

TensorOptions longs(const Tensor& like) { return TensorOptions(kLong).device(like.device()); }

// Whether a run begins, for each of `n` slices, where `differs[i]` says whether slice i + 1 is not equal to slice i.
Tensor beginnings(int64_t n, const Tensor& differs) {
  if (n == 0) return differs;
  return cat({ones({1}, TensorOptions(kBool).device(differs.device())), differs});
}

// Of slices along dim 0 of which equal ones are neighbours.
struct Runs {
  Runs(int64_t n, const Tensor& differs)
      : begins(beginnings(n, differs)),
        first(begins.nonzero().reshape({-1})),
        count(n) {}

  // The number of its run, for each slice.
  Tensor numbers() const { return begins.cumsum(0) - 1; }
  Tensor lengths() const { return diff(cat({first, full({1}, count, longs(first))})); }

  Tensor begins;  // whether a run begins, for each slice
  Tensor first;   // where each begins
  int64_t count;
};

Tensor neighbours_differ(const Tensor& slices) {
  const int64_t n = slices.size(0);
  if (n == 0) return empty({0}, TensorOptions(kBool).device(slices.device()));
  const Tensor differs = slices.narrow(0, 1, n - 1).ne(slices.narrow(0, 0, n - 1));
  return differs.dim() == 1 ? differs : any(differs.flatten(1), 1);
}

// The order that sorts the rows of a matrix lexicographically.
Tensor lexicographic_order(const Tensor& rows) {
  Tensor order = arange(rows.size(0), longs(rows));
  for (int64_t c = rows.size(1); c-- > 0;) {
    order = order.index_select(0, argsort(rows.select(1, c).index_select(0, order), 0, false));
  }
  return order;
}

Tensor none_of(const Tensor& like) { return empty({0}, longs(like)); }

// The parts of the result that slices `order` of `slices`, equal ones being neighbours, have.
ThreeTensors distinct(const Tensor& slices, const Tensor& order, bool return_inverse, bool return_counts) {
  const Tensor ordered = order.defined() ? slices.index_select(0, order) : slices;
  const Runs runs(slices.size(0), neighbours_differ(ordered));
  Tensor inverse = none_of(slices);
  if (return_inverse) {
    inverse = runs.numbers();
    if (order.defined()) inverse = empty_like(order).scatter_(0, order, inverse);
  }
  return {ordered.index_select(0, runs.first), inverse, return_counts ? runs.lengths() : none_of(slices)};
}

void check_dim_not_empty(const char* op, const Tensor& slices) {
  TENON_CHECK(slices.size(0) == 0 || slices.numel() > 0, op,
              ": There are 0 sized dimensions, and they are not selected, so unique "
              "cannot be applied, got shape ",
              slices.sizes());
}

// What `compute` gives, outside the graph but for the distinct values, whose derivative raises.
template <class Compute>
ThreeTensors record_distinct(const char* op, const Tensor& self, Compute compute) {
  ThreeTensors parts;
  {
    NoGradGuard no_grad;
    parts = compute();
  }
  record_without_derivative(op, &std::get<0>(parts), &self);
  return parts;
}

}  // namespace

ThreeTensors _unique2(const Tensor& self, bool, bool return_inverse, bool return_counts) {
  check_real("unique", self);
  return record_distinct("unique", self, [&]() -> ThreeTensors {
    const Tensor flat = self.reshape({-1});
    auto [values, inverse, counts] = distinct(flat, argsort(flat, 0, false), return_inverse, return_counts);
    return {values, return_inverse ? inverse.reshape(self.sizes()) : inverse, counts};
  });
}

ThreeTensors unique_dim(const Tensor& self, int64_t dim, bool, bool return_inverse, bool return_counts) {
  check_real("unique", self);
  const int64_t d = wrap_dim(dim, self.dim(), "unique");
  return record_distinct("unique", self, [&]() -> ThreeTensors {
    const Tensor slices = self.dim() == 0 ? self.reshape({1}) : self.movedim(d, 0);
    check_dim_not_empty("unique", slices);
    const Tensor order = slices.size(0) == 0
                             ? Tensor()
                             : lexicographic_order(slices.dim() == 1 ? slices.unsqueeze(1) : slices.flatten(1));
    auto [values, inverse, counts] = distinct(slices, order, return_inverse, return_counts);
    return {values.movedim(0, d).contiguous(), inverse, counts};
  });
}

ThreeTensors _unique_consecutive(const Tensor& self, bool return_inverse, bool return_counts, optional<int64_t> dim) {
  const int64_t d = dim ? wrap_dim(*dim, self.dim(), "unique_consecutive") : 0;
  return record_distinct("unique_consecutive", self, [&]() -> ThreeTensors {
    const Tensor slices = dim && self.dim() > 0 ? self.movedim(d, 0) : self.reshape({-1});
    check_dim_not_empty("unique_consecutive", slices);
    auto [values, inverse, counts] = distinct(slices, Tensor(), return_inverse, return_counts);
    if (!dim && return_inverse) inverse = inverse.reshape(self.sizes());
    return {values.movedim(0, d).contiguous(), inverse, counts};
  });
}

}  // namespace tenon
