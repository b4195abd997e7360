// Factories of ranges and of the identity.
#include <cmath>

#include "ops/promotion.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// A 1-d tensor of value(i), made on the CPU and moved to the wanted device.
template <class Value>
Tensor generate(int64_t count, ScalarType dtype, const TensorOptions& options, Value value) {
  Tensor out = empty({count}, TensorOptions(dtype).device(Device(kCPU)));
  visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    T* data = out.data_ptr<T>();
    for (int64_t i = 0; i < count; ++i) data[i] = Scalar(value(i)).template to<T>();
  });
  NoGradGuard no_grad;
  out = out.to(options.device());
  if (options.requires_grad()) out.requires_grad_();
  return out;
}

ScalarType range_dtype(ArrayRef<Scalar> bounds, const TensorOptions& options) {
  if (options.dtype_opt()) return *options.dtype_opt();
  for (const Scalar& bound : bounds) {
    if (!bound.is_integral()) return get_default_dtype();
  }
  return kLong;
}

// How many steps lie between start and end.
int64_t step_count(const char* op, double start, double end, double step, bool includes_end) {
  TENON_CHECK(step != 0, op, ": step must not be zero");
  TENON_CHECK(std::isfinite(start) && std::isfinite(end), op, ": start ", start, " and end ", end, " must be finite");
  TENON_CHECK(step > 0 ? end >= start : end <= start, op, ": step ", step, " leads away from end ", end, " at start ",
              start);
  const double count = includes_end ? std::floor((end - start) / step) + 1 : std::ceil((end - start) / step);
  TENON_CHECK(count < 9.2e18, op, ": a range from ", start, " to ", end, " by ", step, " has too many elements");
  return static_cast<int64_t>(count);
}

Tensor make_range(const char* op, const Scalar& start, const Scalar& end, const Scalar& step, bool includes_end,
                  const TensorOptions& options) {
  const ScalarType dtype = range_dtype({start, end, step}, options);
  TENON_CHECK(!is_complex(dtype) && dtype != kBool, op, ": not implemented for ", dtype);
  for (const Scalar& bound : {start, end, step}) check_holds(op, bound, dtype == kLong ? kLong : kDouble);
  int64_t count;
  if (dtype == kLong && !includes_end) {
    // Exact for all of int64, where doubles are not.
    const int64_t a = start.to_int64(), b = end.to_int64(), by = step.to_int64();
    TENON_CHECK_VALUE(by != 0 || step.equal(0), op, ": step must be nonzero, but ", step, " is zero as int64");
    step_count(op, static_cast<double>(a), static_cast<double>(b), static_cast<double>(by), false);
    const uint64_t span = by > 0 ? static_cast<uint64_t>(b) - static_cast<uint64_t>(a)
                                 : static_cast<uint64_t>(a) - static_cast<uint64_t>(b);
    const uint64_t stride = by > 0 ? static_cast<uint64_t>(by) : -static_cast<uint64_t>(by);
    count = static_cast<int64_t>(span / stride + (span % stride != 0));
  } else {
    count = step_count(op, start.to_double(), end.to_double(), step.to_double(), includes_end);
  }
  if (is_integral(dtype, false)) {
    const auto a = static_cast<uint64_t>(start.to_int64()), by = static_cast<uint64_t>(step.to_int64());
    return generate(count, dtype, options,
                    [=](int64_t i) { return static_cast<int64_t>(a + by * static_cast<uint64_t>(i)); });
  }
  const double a = start.to_double(), by = step.to_double();
  return generate(count, dtype, options, [=](int64_t i) { return a + by * static_cast<double>(i); });
}

}  // namespace

Tensor arange(const Scalar& end, const TensorOptions& options) { return arange(0, end, 1, options); }
Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, const TensorOptions& options) {
  return make_range("arange", start, end, step, false, options);
}
Tensor range(const Scalar& start, const Scalar& end, const Scalar& step, const TensorOptions& options) {
  return make_range("range", start, end, step, true, options.dtype(options.dtype()));
}

namespace {

// Numbers from start to end in `steps` even steps, each mapped by finish().
template <class T, class Finish>
Tensor space_evenly(T start, T end, int64_t steps, const TensorOptions& options, Finish finish) {
  const T by = steps > 1 ? (end - start) / static_cast<T>(static_cast<double>(steps - 1)) : T(0);
  // Counted from the nearer end, so that both ends are exact.
  return generate(steps, options.dtype(), options, [=](int64_t i) {
    auto times = [&](int64_t n) { return by * static_cast<T>(static_cast<double>(n)); };
    return finish(i < steps / 2 || steps == 1 ? start + times(i) : end - times(steps - 1 - i));
  });
}

// Checks the arguments and calls space(start, end, options), with numbers as the dtype has them.
template <class Space>
Tensor evenly_spaced(const char* op, const Scalar& start, const Scalar& end, int64_t steps, TensorOptions options,
                     Space space) {
  TENON_CHECK(steps >= 0, op, ": steps must not be negative, got ", steps);
  if (start.is_complex() || end.is_complex()) {
    options = options.dtype(options.dtype_opt().value_or(to_complex(get_default_dtype())));
  }
  const ScalarType dtype = options.dtype();
  TENON_CHECK(dtype != kBool, op, ": not implemented for bool");
  check_holds(op, start, dtype);
  check_holds(op, end, dtype);
  if (is_complex(dtype)) return space(start.to<std::complex<double>>(), end.to<std::complex<double>>(), options);
  const bool integral = is_integral(dtype, false);
  return integral ? space(static_cast<double>(start.to_int64()), static_cast<double>(end.to_int64()), options)
                  : space(start.to_double(), end.to_double(), options);
}

void check_bounds(const char* op, const Tensor& start, const Tensor& end) {
  TENON_CHECK(start.dim() == 0 && end.dim() == 0, op, ": start and end must be numbers or 0-d tensors, got shapes ",
              start.sizes(), " and ", end.sizes());
}

}  // namespace

Tensor linspace(const Tensor& start, const Tensor& end, int64_t steps, const TensorOptions& options) {
  check_bounds("linspace", start, end);
  return linspace(start.item(), end.item(), steps, options);
}

Tensor logspace(const Tensor& start, const Tensor& end, int64_t steps, double base, const TensorOptions& options) {
  check_bounds("logspace", start, end);
  return logspace(start.item(), end.item(), steps, base, options);
}

Tensor linspace(const Scalar& start, const Scalar& end, int64_t steps, const TensorOptions& options) {
  return evenly_spaced("linspace", start, end, steps, options, [&](auto a, auto b, const TensorOptions& full) {
    return space_evenly(a, b, steps, full, [](auto value) { return value; });
  });
}

Tensor logspace(const Scalar& start, const Scalar& end, int64_t steps, double base, const TensorOptions& options) {
  return evenly_spaced("logspace", start, end, steps, options, [&](auto a, auto b, const TensorOptions& full) {
    return space_evenly(a, b, steps, full, [=](auto value) { return std::pow(base, value); });
  });
}

Tensor eye(int64_t n, const TensorOptions& options) { return eye(n, n, options); }
Tensor eye(int64_t n, int64_t m, const TensorOptions& options) {
  TENON_CHECK(n >= 0 && m >= 0, "eye: sizes must not be negative, got ", n, " and ", m);
  Tensor out = zeros({n, m}, options);
  if (const int64_t k = std::min(n, m); k > 0) {
    NoGradGuard no_grad;
    out.as_strided({k}, {m + 1}).fill_(1);
  }
  return out;
}

}  // namespace tenon
