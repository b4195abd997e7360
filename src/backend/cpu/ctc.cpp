// Connectionist temporal classification on the CPU: forward and backward recursions over the states of each sequence,
// in log space; sequences run in parallel.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

template <class T>
constexpr T kNever = -std::numeric_limits<T>::infinity();

// log(exp(a) + exp(b) + exp(c)).
template <class T>
T log_sum(T a, T b, T c = kNever<T>) {
  if (a < b) std::swap(a, b);
  if (a < c) std::swap(a, c);
  if (a == kNever<T>) return a;
  auto share = [&](T x) { return x == kNever<T> ? T(0) : std::exp(x - a); };
  return a + std::log(1 + share(b) + share(c));
}

// The states of sequence b.
class States {
 public:
  States(const CtcGeometry& g, int64_t b)
      : labels_(g.targets + g.start[b]), blank_(g.blank), count_(2 * g.labels[b] + 1) {}
  int64_t count() const { return count_; }
  int64_t class_of(int64_t s) const { return s % 2 == 0 ? blank_ : labels_[s / 2]; }
  // Whether state s may follow state s - 2: a blank between them is needed where both are one label.
  bool skips(int64_t s) const { return s % 2 == 1 && s > 1 && labels_[s / 2] != labels_[s / 2 - 1]; }

 private:
  const int64_t* labels_;
  int64_t blank_, count_;
};

template <class T>
void forward_of(T* loss, T* alpha, const T* log_probs, const CtcGeometry& g, int64_t b) {
  const States states(g, b);
  const int64_t n = states.count(), row = g.batch * g.classes, steps = g.inputs[b];
  if (steps == 0) {
    *loss = n == 1 ? T(0) : -kNever<T>;
    return;
  }
  const T* p = log_probs + b * g.classes;
  std::fill_n(alpha, g.states(), kNever<T>);
  for (int64_t s = 0; s < std::min<int64_t>(n, 2); ++s) alpha[s] = p[states.class_of(s)];
  for (int64_t t = 1; t < steps; ++t) {
    const T* before = alpha;
    alpha += g.states();
    p += row;
    std::fill_n(alpha, g.states(), kNever<T>);
    for (int64_t s = 0; s < n; ++s) {
      alpha[s] = p[states.class_of(s)] +
                 log_sum(before[s], s > 0 ? before[s - 1] : kNever<T>, states.skips(s) ? before[s - 2] : kNever<T>);
    }
  }
  *loss = -log_sum(alpha[n - 1], n > 1 ? alpha[n - 2] : kNever<T>);
}

template <class T>
void gradient_of(T* grad, T scale, T loss, const T* alpha, const T* log_probs, const CtcGeometry& g, int64_t b) {
  const States states(g, b);
  const int64_t n = states.count(), row = g.batch * g.classes, steps = g.inputs[b];
  std::vector<T> beta(static_cast<size_t>(n), kNever<T>), after(beta), expected(static_cast<size_t>(g.classes));
  for (int64_t t = g.steps; t-- > 0;) {
    T* out = grad + t * row + b * g.classes;
    if (t >= steps || scale == 0) {
      std::fill_n(out, g.classes, T(0));
      continue;
    }
    const T* p = log_probs + t * row + b * g.classes;
    std::swap(beta, after);
    std::fill(expected.begin(), expected.end(), kNever<T>);
    for (int64_t s = n; s-- > 0;) {
      const auto at = static_cast<size_t>(s);
      const int64_t label = states.class_of(s);
      if (t == steps - 1) {
        beta[at] = s + 2 >= n ? p[label] : kNever<T>;
      } else {
        beta[at] = p[label] + log_sum(after[at], s + 1 < n ? after[at + 1] : kNever<T>,
                                      s + 2 < n && states.skips(s + 2) ? after[at + 2] : kNever<T>);
      }
      T& sum = expected[static_cast<size_t>(label)];
      sum = log_sum(sum, alpha[t * g.states() + s] + beta[at]);
    }
    for (int64_t c = 0; c < g.classes; ++c) {
      out[c] = scale * (std::exp(p[c]) - std::exp(expected[static_cast<size_t>(c)] + loss - p[c]));
    }
  }
}

template <class T>
void forward_as(const TensorView& loss, const TensorView& alpha, const TensorView& log_probs, const CtcGeometry& g) {
  parallel_for(0, g.batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      forward_of(loss.as<T>() + b, alpha.as<T>() + b * g.steps * g.states(), log_probs.as<const T>(), g, b);
    }
  });
}

template <class T>
void gradient_as(const TensorView& grad, const TensorView& scale, const TensorView& loss, const TensorView& alpha,
                 const TensorView& log_probs, const CtcGeometry& g) {
  parallel_for(0, g.batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      gradient_of(grad.as<T>(), scale.as<const T>()[b], loss.as<const T>()[b],
                  alpha.as<const T>() + b * g.steps * g.states(), log_probs.as<const T>(), g, b);
    }
  });
}

void forward(const TensorView& loss, const TensorView& alpha, const TensorView& log_probs, const CtcGeometry& g) {
  if (log_probs.dtype == kDouble) return forward_as<double>(loss, alpha, log_probs, g);
  forward_as<float>(loss, alpha, log_probs, g);
}

void gradient(const TensorView& grad, const TensorView& scale, const TensorView& loss, const TensorView& alpha,
              const TensorView& log_probs, const CtcGeometry& g) {
  if (log_probs.dtype == kDouble) return gradient_as<double>(grad, scale, loss, alpha, log_probs, g);
  gradient_as<float>(grad, scale, loss, alpha, log_probs, g);
}

}  // namespace

const CtcKernels& ctc_table() {
  static constexpr CtcKernels table = {forward, gradient};
  return table;
}

}  // namespace tenon::cpu
