// L-BFGS, with a line search that satisfies the strong Wolfe conditions.
#pragma once

#include <deque>
#include <string>

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API LBFGSOptions : public OptimizerCloneableOptions<LBFGSOptions> {
  LBFGSOptions(double lr = 1) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(int64_t, max_iter) = 20;
  // Five quarters of max_iter where it is not given.
  TENON_ARG(optional<int64_t>, max_eval) = nullopt;
  TENON_ARG(double, tolerance_grad) = 1e-7;
  TENON_ARG(double, tolerance_change) = 1e-9;
  TENON_ARG(int64_t, history_size) = 100;
  // "strong_wolfe", or none.
  TENON_ARG(optional<std::string>, line_search_fn) = nullopt;
  TENON_OPTIM_FIELDS(lr_, max_iter_, max_eval_, tolerance_grad_, tolerance_change_, history_size_, line_search_fn_)
};

struct TENON_API LBFGSParamState : public OptimizerCloneableParamState<LBFGSParamState> {
  TENON_ARG(int64_t, func_evals) = 0;
  TENON_ARG(int64_t, n_iter) = 0;
  TENON_ARG(double, t) = 0;
  TENON_ARG(double, prev_loss) = 0;
  TENON_ARG(Tensor, d);
  TENON_ARG(Tensor, H_diag);
  TENON_ARG(Tensor, prev_flat_grad);
  TENON_ARG(std::deque<Tensor>, old_dirs);
  TENON_ARG(std::deque<Tensor>, old_stps);
  TENON_ARG(std::deque<Tensor>, ro);
  TENON_OPTIM_FIELDS(func_evals_, n_iter_, t_, prev_loss_, d_, H_diag_, prev_flat_grad_, old_dirs_, old_stps_, ro_)
};

class TENON_API LBFGS : public Optimizer {
 public:
  explicit LBFGS(const std::vector<OptimizerParamGroup>& param_groups, LBFGSOptions defaults = {});
  explicit LBFGS(std::vector<Tensor> params, LBFGSOptions defaults = {})
      : LBFGS(std::vector<OptimizerParamGroup>{OptimizerParamGroup(std::move(params))}, std::move(defaults)) {}
  // The closure, called several times, computes the gradients and returns the loss.
  Tensor step(LossClosure closure) override;

 protected:
  std::unique_ptr<OptimizerParamState> make_state() const override { return std::make_unique<LBFGSParamState>(); }

 private:
  Tensor flat_grad() const;
  void move_by(double t, const Tensor& direction);
};

}  // namespace tenon::optim
