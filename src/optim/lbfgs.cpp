// See lbfgs.h. Numbers are doubles here, where Python's twin keeps tensors of one element.
#include "tenon/optim/lbfgs.h"

#include <algorithm>
#include <cmath>

#include "optim/groups.h"

namespace tenon::optim {
namespace {

// Where a line search has been: the length of the step, the loss, the gradient, and its slope along the line.
struct Point {
  double t, loss;
  Tensor grad;
  double slope;
};

double inner_product(const Tensor& a, const Tensor& b) { return a.dot(b).item<double>(); }
double largest(const Tensor& x) { return x.abs().max().item<double>(); }

// Where the cubic through two losses and slopes is least, within bounds.
double cubic_interpolate(const Point& a, const Point& b, double low, double high) {
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const double d2 = std::sqrt(square);
  const double least = a.t <= b.t ? b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
                                  : a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2));
  return std::min(std::max(least, low), high);
}

// Finds a step along a line that lowers the loss and its slope enough.
struct LineSearch {
  std::function<std::pair<double, Tensor>(double t)> evaluate;
  const Tensor& direction;
  Point start;
  double tolerance_change;
  int64_t max_evaluations;
  int64_t evaluations = 0;

  Point probe(double t) {
    ++evaluations;
    auto [loss, grad] = evaluate(t);
    const double slope = inner_product(grad, direction);
    return {t, loss, std::move(grad), slope};
  }
  bool too_high(const Point& point) const { return point.loss > start.loss + 1e-4 * point.t * start.slope; }
  bool flat(const Point& point) const { return std::abs(point.slope) <= -0.9 * start.slope; }

  // Steps that grow until one brackets the least loss; a bracket of one point is that point found.
  std::vector<Point> bracket(double t, int64_t& iteration) {
    Point previous = start, point = probe(t);
    for (; iteration < max_evaluations; ++iteration) {
      if (too_high(point) || (iteration > 1 && point.loss >= previous.loss)) return {previous, point};
      if (flat(point)) return {point};
      if (point.slope >= 0) return {previous, point};
      const double low = point.t + 0.01 * (point.t - previous.t), high = point.t * 10;
      const double next = cubic_interpolate(previous, point, low, high);
      previous = std::move(point);
      point = probe(next);
    }
    return {start, point};
  }

  Point run(double t) {
    int64_t iteration = 0;
    std::vector<Point> ends = bracket(t, iteration);
    if (ends.size() == 1) return ends[0];
    const double longest = largest(direction);
    bool stuck = false;
    size_t low = ends[0].loss <= ends[1].loss ? 0 : 1;
    while (iteration < max_evaluations) {
      const double left = std::min(ends[0].t, ends[1].t), right = std::max(ends[0].t, ends[1].t);
      if ((right - left) * longest < tolerance_change) break;
      double next = cubic_interpolate(ends[0], ends[1], left, right);
      const double margin = 0.1 * (right - left);
      const bool near = std::min(right - next, next - left) < margin;
      if (near && (stuck || next >= right || next <= left)) {
        // Close to an end twice, or beyond it: a tenth off that end instead.
        next = std::abs(next - right) < std::abs(next - left) ? right - margin : left + margin;
        stuck = false;
      } else {
        stuck = near;
      }
      Point point = probe(next);
      ++iteration;
      if (too_high(point) || point.loss >= ends[low].loss) {
        ends[1 - low] = std::move(point);
        low = ends[0].loss <= ends[1].loss ? 0 : 1;
        continue;
      }
      const bool found = flat(point);
      if (!found && point.slope * (ends[1 - low].t - ends[low].t) >= 0) ends[1 - low] = ends[low];
      ends[low] = std::move(point);
      if (found) break;
    }
    return ends[low];
  }
};

// The gradient times the estimated inverse Hessian, which takes in the last step.
Tensor next_direction(LBFGSParamState& state, const Tensor& grad, int64_t history_size) {
  const Tensor change = grad - state.prev_flat_grad(), move = state.d() * state.t();
  std::deque<Tensor>&dirs = state.old_dirs(), &steps = state.old_stps(), &ro = state.ro();
  const Tensor curvature = change.dot(move);
  if (curvature.item<double>() > 1e-10) {
    if (static_cast<int64_t>(dirs.size()) == history_size) {
      dirs.pop_front();
      steps.pop_front();
      ro.pop_front();
    }
    dirs.push_back(change);
    steps.push_back(move);
    ro.push_back(curvature.reciprocal());
    state.H_diag(curvature / change.dot(change));
  }
  std::vector<Tensor> al(dirs.size());
  const Tensor q = -grad;
  for (size_t i = dirs.size(); i-- > 0;) {
    al[i] = steps[i].dot(q) * ro[i];
    q.add_(dirs[i], -al[i].item<double>());
  }
  const Tensor r = q * state.H_diag();
  for (size_t i = 0; i < dirs.size(); ++i) r.add_(steps[i], (al[i] - dirs[i].dot(r) * ro[i]).item<double>());
  return r;
}

}  // namespace

LBFGS::LBFGS(const std::vector<OptimizerParamGroup>& param_groups, LBFGSOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_lr(defaults.lr());
  TENON_CHECK_VALUE(param_groups_.size() == 1, "LBFGS doesn't support per-parameter options (parameter groups), got ",
                    param_groups_.size());
  auto& options = static_cast<LBFGSOptions&>(param_groups_[0].options());
  if (!options.max_eval()) options.max_eval(options.max_iter() * 5 / 4);
}

Tensor LBFGS::flat_grad() const {
  std::vector<Tensor> flat;
  for (const Tensor& param : parameters()) {
    const Tensor grad = param.grad().defined() ? param.grad() : zeros_like(param.detach());
    flat.push_back((grad.is_complex() ? view_as_real(grad) : grad).reshape({-1}));
  }
  return cat(flat, 0);
}

void LBFGS::move_by(double t, const Tensor& direction) {
  int64_t begin = 0;
  for (const Tensor& param : parameters()) {
    const Tensor real = param.is_complex() ? view_as_real(param) : param;
    const int64_t count = real.numel();
    real.add_(direction.narrow(0, begin, count).view_as(real), t);
    begin += count;
  }
}

Tensor LBFGS::step(LossClosure closure) {
  TENON_CHECK(closure != nullptr, "LBFGS: step needs a closure that computes the gradients and returns the loss");
  NoGradGuard no_grad;
  const auto& options = static_cast<const LBFGSOptions&>(param_groups_[0].options());
  const bool searches = options.line_search_fn().has_value();
  TENON_CHECK(!searches || *options.line_search_fn() == "strong_wolfe", "LBFGS: only 'strong_wolfe' is supported, got ",
              *options.line_search_fn());
  const int64_t max_eval = *options.max_eval();
  // One state for all parameters, under the first.
  auto& state = state_of<LBFGSParamState>(parameters().at(0), [](LBFGSParamState&) {});

  const Tensor first_loss = evaluated(closure);
  double loss = first_loss.item<double>();
  int64_t evaluations = 1;
  ++state.func_evals();
  Tensor grad = flat_grad();
  if (largest(grad) <= options.tolerance_grad()) return first_loss;

  for (int64_t iteration = 1; iteration <= options.max_iter(); ++iteration) {
    double t = options.lr();
    if (++state.n_iter() == 1) {
      state.d(-grad).H_diag(scalar_tensor(1, grad.options()));
      state.old_dirs({}).old_stps({}).ro({});
      t *= std::min(1.0, 1 / grad.abs().sum().item<double>());
    } else {
      state.d(next_direction(state, grad, options.history_size()));
    }
    const Tensor direction = state.d();
    const double loss_before = loss, slope = inner_product(grad, direction);
    state.prev_flat_grad(grad.clone()).prev_loss(loss).t(t);
    if (slope > -options.tolerance_change()) break;

    int64_t used = 0;
    bool small = false;
    if (searches) {
      std::vector<Tensor> before;
      for (const Tensor& param : parameters()) before.push_back(param.clone());
      LineSearch search{[&](double length) {
                          move_by(length, direction);
                          const double there = evaluated(closure).item<double>();
                          Tensor gradient = flat_grad();
                          for (size_t i = 0; i < before.size(); ++i) parameters()[i].copy_(before[i]);
                          return std::make_pair(there, std::move(gradient));
                        },
                        direction,
                        {0, loss, grad, slope},
                        1e-9,
                        max_eval - evaluations};
      const Point found = search.run(t);
      loss = found.loss;
      grad = found.grad;
      t = found.t;
      used = search.evaluations;
      state.t(t);
      move_by(t, direction);
      small = largest(grad) <= options.tolerance_grad();
    } else {
      move_by(t, direction);
      // After the last step nobody needs the gradient.
      if (iteration != options.max_iter()) {
        loss = evaluated(closure).item<double>();
        grad = flat_grad();
        small = largest(grad) <= options.tolerance_grad();
        used = 1;
      }
    }
    evaluations += used;
    state.func_evals() += used;
    if (evaluations >= max_eval || small) break;
    if (largest(direction) * std::abs(t) <= options.tolerance_change()) break;
    if (std::abs(loss - loss_before) < options.tolerance_change()) break;
  }
  return first_loss;
}

}  // namespace tenon::optim
