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
