// Words of the elementwise formulas that are the same over every value type V: SIMD vectors, scalars, tensors.
// There is no include guard: it is included inside the namespace that holds V's primitives, once for each SIMD target.
// Before it, TENON_FORMULA names the attributes of a formula function (HWY_INLINE, __host__ __device__, inline).

// max(x, 0) + log(1 + exp(-|x|)): softplus without overflow.
template <class V>
TENON_FORMULA auto log1p_exp(const V& x) {
  return maximum(x, zeros_like(x)) + log1p(exp(-abs(x)));
}

// a * log(b), 0 where a is 0 unless b is NaN.
template <class V>
TENON_FORMULA auto xlogy(const V& a, const V& b) {
  return where(isnan(b), b, where(a == 0, zeros_like(a), a * log(b)));
}

// a * log(1 + b), 0 where a is 0 unless b is NaN.
template <class V>
TENON_FORMULA auto xlog1py(const V& a, const V& b) {
  return where(isnan(b), b, where(a == 0, zeros_like(a), a * log1p(b)));
}

// -x log(x), 0 at 0 and -infinity below.
template <class V>
TENON_FORMULA auto entr(const V& x) {
  return where(x > 0, -x * log(x), where(x == 0, zeros_like(x), where(isnan(x), x, zeros_like(x) - HUGE_VAL)));
}

// The logarithm of the normal distribution function; far to the left the function itself would vanish.
template <class V>
TENON_FORMULA auto log_ndtr(const V& x) {
  return where(x < -1, log(erfcx(-0.7071067811865476 * x) * 0.5) - 0.5 * x * x,
               log1p(-0.5 * erfc(0.7071067811865476 * x)));
}

template <class V>
TENON_FORMULA auto logaddexp(const V& a, const V& b) {
  const auto larger = where(real(a) >= real(b), a, b), smaller = where(real(a) >= real(b), b, a);
  // Equal infinities have no difference.
  return where(a == b, a + 0.6931471805599453, larger + log1p(exp(smaller - larger)));
}

// Exact at both ends: c == 0 gives a, c == 1 gives b.
template <class V>
TENON_FORMULA auto lerp(const V& a, const V& b, const V& c) {
  return where(abs(c) < 0.5, a + c * (b - a), b - (b - a) * (1 - c));
}

template <class V>
TENON_FORMULA auto abs_grad(const V& g, const V& x) {
  return g * sgn(x);
}

// y / x where y is I_1(x), or that scaled; one half at zero.
template <class V>
TENON_FORMULA auto i1_ratio(const V& x, const V& y) {
  return where(x == 0, zeros_like(x) + 0.5, y / where(x == 0, zeros_like(x) + 1, x));
}

// The derivative of P(a, b) by b.
template <class V>
TENON_FORMULA auto gamma_density(const V& a, const V& b) {
  return exp((a - 1) * log(b) - b - lgamma(a));
}

template <class V>
TENON_FORMULA auto mish_grad(const V& g, const V& x) {
  auto t = tanh(log1p_exp(x));
  return g * (t + x * sigmoid(x) * (1 - t * t));
}

template <class V>
TENON_FORMULA auto gelu_tanh_grad(const V& g, const V& x) {
  auto t = tanh(0.7978845608028654 * (x + 0.044715 * x * x * x));
  auto slope = 0.7978845608028654 * (1 + 0.134145 * x * x);
  return 0.5 * g * (1 + t + x * (1 - t * t) * slope);
}

template <class V>
TENON_FORMULA auto pow_grad_base(const V& g, const V& a, const V& b) {
  return where(b == 0, zeros_like(g), g * conj(b * pow(a, b - 1)));
}

template <class V>
TENON_FORMULA auto pow_grad_exponent(const V& g, const V& a, const V& b, const V& y) {
  return where((a == 0) & (real(b) >= 0), zeros_like(g), g * conj(y * log(a)));
}

// Zero for real values, whose sign is piecewise constant; a complex sign turns with x. y is sgn(x).
template <class V>
TENON_FORMULA auto sgn_grad(const V& g, const V& x, const V& y) {
  return where(x == 0, zeros_like(g), (g - real(g * conj(y)) * y) / abs(x));
}
