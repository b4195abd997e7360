// Roots of the secular equation by rational interpolation between the two nearest poles, after R.-C. Li ("Solving
// secular equations stably and efficiently", 1993), kept inside a bracket. Roots are offsets from their nearest pole,
// so that differences with poles are exact to the last bits; M. Gu and S. Eisenstat (1995) showed that to be all that
// orthogonal vectors need, given the z that belongs to the roots found.
#include "backend/cpu/linalg_secular.h"

#include <cmath>
#include <limits>

namespace tenon::cpu {
namespace {

constexpr double kRounding = std::numeric_limits<double>::epsilon();
constexpr int kMaxSteps = 100;
// Elements of differences for one piece of work.
constexpr int64_t kGrain = 1 << 14;

struct Sums {
  double value = 0, slope = 0;

  void add(double z, double difference) {
    const double ratio = z / difference;
    value += z * ratio;
    slope += ratio * ratio;
  }
};

// Of the terms [begin, end), in strands that may be vectors.
Sums sum_terms(const double* z, const double* differences, int64_t begin, int64_t end) {
  constexpr int kStrands = 4;
  Sums sums[kStrands];
  int64_t i = begin;
  for (; i + kStrands <= end; i += kStrands) {
    for (int strand = 0; strand < kStrands; ++strand) sums[strand].add(z[i + strand], differences[i + strand]);
  }
  for (; i < end; ++i) sums[0].add(z[i], differences[i]);
  return {(sums[0].value + sums[1].value) + (sums[2].value + sums[3].value),
          (sums[0].slope + sums[1].slope) + (sums[2].slope + sums[3].slope)};
}

// The root of c x^2 - a x + b that lies between `low` and `high`, or NaN.
double root_between(double c, double a, double b, double low, double high) {
  const double root = std::sqrt(std::max(0.0, a * a - 4 * b * c));
  const double q = 0.5 * (a > 0 ? a + root : a - root);
  for (double x : {b / q, q / c}) {
    if (x > low && x < high) return x;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

template <bool kSquares>
class Solver {
 public:
  explicit Solver(const Secular& equation)
      : n_(static_cast<int64_t>(equation.d.size())),
        d_(equation.d.data()),
        z_(equation.z.data()),
        constant_(1 / equation.weight) {
    for (double z : equation.z) room_ += z * z;
    room_ *= equation.weight;
  }

  double gap(int64_t i, int64_t j) const { return kSquares ? (d_[i] - d_[j]) * (d_[i] + d_[j]) : d_[i] - d_[j]; }

  // Root j, and its differences.
  double solve(int64_t j, double* differences) const {
    if (n_ == 1) {
      differences[0] = -room_;
      return value(0, room_);
    }
    return Search(*this, j, differences).run();
  }

  // Element i of the z that belongs to the roots of these differences: z_i^2 is, but for a factor that all have, the
  // product over j of (x_j - p_i), divided by those of (p_j - p_i).
  void restore(const Matrix<double>& differences, int64_t begin, int64_t end, double* z) const {
    for (int64_t i = begin; i < end; ++i) z[i] = -differences(i, i);
    for (int64_t j = 0; j < n_; ++j) {
      const double* const column = &differences(0, j);
      for (int64_t i = begin; i < std::min(j, end); ++i) z[i] *= column[i] / gap(i, j);
      for (int64_t i = std::max(begin, j + 1); i < end; ++i) z[i] *= column[i] / gap(i, j);
    }
    for (int64_t i = begin; i < end; ++i) z[i] = std::copysign(std::sqrt(std::abs(z[i])), z_[i]);
  }

 private:
  // The search for one root, between the poles left and left + 1 or, if it is the last one, beyond them.
  class Search {
   public:
    Search(const Solver& solver, int64_t j, double* differences)
        : s_(solver), differences_(differences), last_(j == s_.n_ - 1), left_(last_ ? j - 1 : j), origin_(j) {}

    double run() {
      start();
      bool fixed = true;
      double before = 0;
      for (int step = 0; step < kMaxSteps; ++step) {
        evaluate();
        if (std::abs(sum_) <= kRounding * bound_) break;
        (sum_ < 0 ? low_ : high_) = x_;
        // Where one scheme gains little the other one does better.
        if (step > 0 && (sum_ > 0) == (before > 0) && std::abs(sum_) > std::abs(before) / 10) fixed = !fixed;
        before = sum_;
        double next = x_ + step_from_here(fixed);
        if (!(next > low_ && next < high_)) next = low_ + (high_ - low_) / 2;
        if (next == x_ || next <= low_ || next >= high_) break;
        x_ = next;
      }
      return s_.value(origin_, x_);
    }

   private:
    // Chooses the nearer pole as the origin, by the sign in the middle, and the first x by the two poles' terms alone,
    // with what the others add up to there.
    void start() {
      const double width = last_ ? s_.room_ : s_.gap(left_ + 1, left_);
      low_ = 0;
      high_ = width;
      x_ = width / 2;
      evaluate();
      const double rest = sum_ - term(left_) - term(left_ + 1);
      if (last_) {
        (sum_ < 0 ? low_ : high_) = x_;
      } else if (sum_ < 0) {
        origin_ = left_ + 1;
        low_ = -width / 2;
        high_ = 0;
      } else {
        high_ = width / 2;
      }
      const double first = s_.gap(left_, origin_), second = s_.gap(left_ + 1, origin_);
      const double z1 = square(left_), z2 = square(left_ + 1);
      x_ = root_between(rest, rest * (first + second) + z1 + z2, z1 * second + z2 * first, low_, high_);
      if (std::isnan(x_)) x_ = low_ + (high_ - low_) / 2;
    }

    void evaluate() {
      for (int64_t i = 0; i < s_.n_; ++i) differences_[i] = s_.gap(i, origin_) - x_;
      const Sums below = sum_terms(s_.z_, differences_, 0, left_ + 1);
      const Sums above = sum_terms(s_.z_, differences_, left_ + 1, s_.n_);
      sum_ = s_.constant_ + below.value + above.value;
      below_ = below.slope;
      above_ = above.slope;
      bound_ = 8 * (std::abs(below.value) + std::abs(above.value)) + s_.constant_ + std::abs(x_) * (below_ + above_);
    }

    // To the root of c + s / (first - x) + S / (second - x), which has the value and the slope here. Of its numbers s
    // and S one is the nearer pole's own, or each has the slope of the poles on its side.
    double step_from_here(bool fixed) const {
      const double first = differences_[left_], second = differences_[left_ + 1], slope = below_ + above_;
      double c;
      if (!fixed) {
        c = sum_ - first * below_ - second * above_;
      } else if (origin_ == left_) {
        c = sum_ - second * slope - s_.gap(left_, left_ + 1) * square(left_) / (first * first);
      } else {
        c = sum_ - first * slope - s_.gap(left_ + 1, left_) * square(left_ + 1) / (second * second);
      }
      return root_between(c, (first + second) * sum_ - first * second * slope, first * second * sum_, low_ - x_,
                          high_ - x_);
    }

    double square(int64_t i) const { return s_.z_[i] * s_.z_[i]; }
    double term(int64_t i) const { return square(i) / differences_[i]; }

    const Solver& s_;
    double* const differences_;
    const bool last_;
    const int64_t left_;
    int64_t origin_;
    double low_ = 0, high_ = 0, x_ = 0;
    double sum_ = 0, below_ = 0, above_ = 0, bound_ = 0;
  };

  // d of the root at this distance from a pole.
  double value(int64_t origin, double x) const {
    const double d = d_[origin];
    return kSquares ? d + x / (d + std::sqrt(d * d + x)) : d + x;
  }

  const int64_t n_;
  const double *const d_, *const z_;
  const double constant_;
  double room_ = 0;  // from the last pole to the last root at most
};

template <bool kSquares>
SecularRoots solve_all(const Secular& equation) {
  const Solver<kSquares> solver(equation);
  const int64_t n = static_cast<int64_t>(equation.d.size()),
                grain = std::max<int64_t>(8, kGrain / std::max<int64_t>(n, 1));
  SecularRoots roots{std::vector<double>(n), Matrix<double>(n, n), std::vector<double>(n)};
  parallel_for(0, n, grain, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) roots.values[j] = solver.solve(j, &roots.differences(0, j));
  });
  parallel_for(0, n, grain,
               [&](int64_t begin, int64_t end) { solver.restore(roots.differences, begin, end, roots.z.data()); });
  return roots;
}

}  // namespace

SecularRoots solve_secular(const Secular& equation) {
  return equation.squares ? solve_all<true>(equation) : solve_all<false>(equation);
}

}  // namespace tenon::cpu
