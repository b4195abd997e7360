// The steps of the optimizers over any value type V: from a parameter p, its gradient g and its states s, the new p and
// s. There is no include guard: it is included inside the namespace that holds V's primitives, once for each SIMD
// target, after TENON_FORMULA is defined; see vocabulary-inl.h.

// a + w (b - a), exact at both ends.
template <class V>
TENON_FORMULA V mixed(const V& a, const V& b, double w) {
  return w < 0.5 ? a + w * (b - a) : b - (1 - w) * (b - a);
}

// What a step descends.
template <class V, class Numbers>
TENON_FORMULA V descent(const Numbers& n, const V& p, const V& g) {
  const V d = n.maximize ? -g : g;
  return n.decay != 0 ? d + n.decay * p : d;
}

template <class V>
TENON_FORMULA V squares(const V& average, const V& g, double beta) {
  return beta * average + (1 - beta) * (g * g);
}

template <class V>
TENON_FORMULA void step(const SgdNumbers& n, V& p, const V& g, V* s) {
  V d = descent(n, p, g);
  if (n.momentum != 0) {
    s[0] = n.first ? d : n.momentum * s[0] + (1 - n.dampening) * d;
    d = n.nesterov ? d + n.momentum * s[0] : s[0];
  }
  p = p - n.lr * d;
}

template <class V>
TENON_FORMULA void step(const AdamNumbers& n, V& p, const V& g, V* s) {
  if (n.shrink != 1) p = n.shrink * p;
  const V d = descent(n, p, g);
  s[0] = mixed(s[0], d, 1 - n.beta1);
  s[1] = squares(s[1], d, n.beta2);
  if (n.amsgrad) s[2] = maximum(s[2], s[1]);
  const V deviation = sqrt(n.amsgrad ? s[2] : s[1]);
  p = p - n.step_size * s[0] / (n.correction2_rsqrt * deviation + n.eps);
}

template <class V>
TENON_FORMULA void step(const AdamaxNumbers& n, V& p, const V& g, V* s) {
  const V d = descent(n, p, g);
  s[0] = mixed(s[0], d, 1 - n.beta1);
  s[1] = maximum(n.beta2 * s[1], abs(d) + n.eps);
  p = p - n.step_size * s[0] / s[1];
}

template <class V>
TENON_FORMULA void step(const NadamNumbers& n, V& p, const V& g, V* s) {
  if (n.shrink != 1) p = n.shrink * p;
  const V d = descent(n, p, g);
  s[0] = mixed(s[0], d, 1 - n.beta1);
  s[1] = squares(s[1], d, n.beta2);
  const V scale = sqrt(s[1] / n.correction2) + n.eps;
  p = p - n.grad_size * d / scale - n.average_size * s[0] / scale;
}

template <class V>
TENON_FORMULA void step(const RadamNumbers& n, V& p, const V& g, V* s) {
  if (n.shrink != 1) p = n.shrink * p;
  const V d = descent(n, p, g);
  s[0] = mixed(s[0], d, 1 - n.beta1);
  s[1] = squares(s[1], d, n.beta2);
  const V move = n.step_size * s[0];
  p = p - (n.rectifier != 0 ? n.rectifier * move / (sqrt(s[1]) + n.eps) : move);
}

template <class V>
TENON_FORMULA void step(const AdagradNumbers& n, V& p, const V& g, V* s) {
  const V d = descent(n, p, g);
  s[0] = s[0] + d * d;
  p = p - n.step_size * d / (sqrt(s[0]) + n.eps);
}

template <class V>
TENON_FORMULA void step(const AdadeltaNumbers& n, V& p, const V& g, V* s) {
  const V d = descent(n, p, g);
  s[0] = squares(s[0], d, n.rho);
  const V delta = sqrt(s[1] + n.eps) / sqrt(s[0] + n.eps) * d;
  s[1] = squares(s[1], delta, n.rho);
  p = p - n.lr * delta;
}

template <class V>
TENON_FORMULA void step(const RmspropNumbers& n, V& p, const V& g, V* s) {
  const V d = descent(n, p, g);
  s[0] = squares(s[0], d, n.alpha);
  if (n.centered) s[1] = mixed(s[1], d, 1 - n.alpha);
  const V scale = sqrt(n.centered ? s[0] - s[1] * s[1] : s[0]) + n.eps;
  if (n.momentum > 0) {
    s[2] = n.momentum * s[2] + d / scale;
    p = p - n.lr * s[2];
  } else {
    p = p - n.lr * d / scale;
  }
}

template <class V>
TENON_FORMULA void step(const RpropNumbers& n, V& p, const V& g, V* s) {
  const V d = n.maximize ? -g : g;
  const V agreement = d * s[0];
  const V zero = zeros_like(d);
  const V grown = s[1] * where(agreement > 0, zero + n.eta_plus, where(agreement < 0, zero + n.eta_minus, zero + 1));
  s[1] = minimum(maximum(grown, zero + n.step_min), zero + n.step_max);
  // Where the gradient turned, it waits for the next step.
  s[0] = where(agreement < 0, zero, d);
  p = p - sign(s[0]) * s[1];
}

template <class V>
TENON_FORMULA void step(const AsgdNumbers& n, V& p, const V& g, V* s) {
  const V d = descent(n, p, g);
  p = n.shrink * p - n.eta * d;
  s[0] = n.mu == 1 ? p : s[0] + n.mu * (p - s[0]);
}

template <class V>
TENON_FORMULA void step(const SparseAdamNumbers& n, V& p, const V& g, V* s) {
  const V d = n.maximize ? -g : g;
  s[0] = s[0] + (1 - n.beta1) * (d - s[0]);
  s[1] = s[1] + (1 - n.beta2) * (d * d - s[1]);
  p = p - n.step_size * s[0] / (sqrt(s[1]) + n.eps);
}
