// Optimizers that step by the gradient itself or by its sign: SGD, ASGD, Rprop.
#include "optim/groups.h"
#include "optim/rules.h"
#include "tenon/optim/asgd.h"
#include "tenon/optim/rprop.h"
#include "tenon/optim/sgd.h"

namespace tenon::optim {

SGD::SGD(const std::vector<OptimizerParamGroup>& param_groups, SGDOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_lr(defaults.lr());
  check_not_negative("momentum", defaults.momentum());
  check_not_negative("weight_decay", defaults.weight_decay());
  TENON_CHECK_VALUE(!defaults.nesterov() || (defaults.momentum() > 0 && defaults.dampening() == 0),
                    "Nesterov momentum requires a momentum and zero dampening");
}

Tensor SGD::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<SGDOptions, SgdNumbers>(param_groups_,
                                      [&](const SGDOptions& options, const Tensor& param, StepStates& states) {
                                        bool first = false;
                                        if (options.momentum() != 0) {
                                          auto& state = state_of<SGDParamState>(param, [](SGDParamState&) {});
                                          first = !state.momentum_buffer().defined();
                                          if (first) state.momentum_buffer(param.detach().clone());
                                          states[0] = state.momentum_buffer();
                                        }
                                        return SgdNumbers{options.lr(),
                                                          options.momentum(),
                                                          options.dampening(),
                                                          options.weight_decay(),
                                                          options.nesterov(),
                                                          options.maximize(),
                                                          first};
                                      });
  return loss;
}

ASGD::ASGD(const std::vector<OptimizerParamGroup>& param_groups, ASGDOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_lr(defaults.lr());
  check_not_negative("weight_decay", defaults.weight_decay());
}

Tensor ASGD::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<ASGDOptions, AsgdNumbers>(
      param_groups_, [&](const ASGDOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<ASGDParamState>(param, [&](ASGDParamState& made) {
          made.eta(number_state(options.lr())).mu(number_state(1)).ax(zero_state(param));
        });
        states[0] = state.ax();
        const auto count = static_cast<double>(++state.step());
        return asgd_numbers(count, state.eta(), state.mu(), options.lr(), options.lambd(), options.alpha(),
                            options.t0(), options.weight_decay(), options.maximize());
      });
  return loss;
}

Rprop::Rprop(const std::vector<OptimizerParamGroup>& param_groups, RpropOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_lr(defaults.lr());
  const auto [minus, plus] = defaults.etas();
  TENON_CHECK_VALUE(0 < minus && minus < 1 && 1 < plus, "Invalid eta values: ", minus, ", ", plus);
}

Tensor Rprop::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<RpropOptions, RpropNumbers>(
      param_groups_, [&](const RpropOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<RpropParamState>(param, [&](RpropParamState& made) {
          made.prev(zero_state(param)).step_size(full_like(param.detach(), options.lr()));
        });
        ++state.step();
        states[0] = state.prev();
        states[1] = state.step_size();
        const auto [minus, plus] = options.etas();
        const auto [least, most] = options.step_sizes();
        return RpropNumbers{minus, plus, least, most, options.maximize()};
      });
  return loss;
}

}  // namespace tenon::optim
