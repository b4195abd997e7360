// Optimizers that divide the gradient by what it has been: Adagrad, Adadelta, RMSprop, Adafactor; and Muon.
#include <algorithm>
#include <cmath>

#include "optim/groups.h"
#include "optim/matrix_step.h"
#include "optim/rules.h"
#include "tenon/optim/adadelta.h"
#include "tenon/optim/adafactor.h"
#include "tenon/optim/adagrad.h"
#include "tenon/optim/muon.h"
#include "tenon/optim/rmsprop.h"

namespace tenon::optim {

Adagrad::Adagrad(const std::vector<OptimizerParamGroup>& param_groups, AdagradOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_lr(defaults.lr());
  check_not_negative("lr_decay", defaults.lr_decay());
  check_not_negative("weight_decay", defaults.weight_decay());
  check_not_negative("initial_accumulator_value", defaults.initial_accumulator_value());
  TENON_CHECK_VALUE(defaults.eps() >= 0, "Invalid epsilon value: ", defaults.eps());
  for (const OptimizerParamGroup& group : param_groups_) {
    const double begin = static_cast<const AdagradOptions&>(group.options()).initial_accumulator_value();
    for (const Tensor& param : group.params()) {
      state_of<AdagradParamState>(param, [&](AdagradParamState& made) { made.sum(full_like(param.detach(), begin)); });
    }
  }
}

Tensor Adagrad::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<AdagradOptions, AdagradNumbers>(
      param_groups_, [&](const AdagradOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<AdagradParamState>(param, [&](AdagradParamState& made) {
          made.sum(full_like(param.detach(), options.initial_accumulator_value()));
        });
        states[0] = state.sum();
        return adagrad_numbers(static_cast<double>(++state.step()), options.lr(), options.lr_decay(), options.eps(),
                               options.weight_decay(), options.maximize());
      });
  return loss;
}

Adadelta::Adadelta(const std::vector<OptimizerParamGroup>& param_groups, AdadeltaOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_lr(defaults.lr());
  TENON_CHECK_VALUE(0 <= defaults.rho() && defaults.rho() <= 1, "Invalid rho value: ", defaults.rho());
  TENON_CHECK_VALUE(defaults.eps() >= 0, "Invalid epsilon value: ", defaults.eps());
  check_not_negative("weight_decay", defaults.weight_decay());
}

Tensor Adadelta::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<AdadeltaOptions, AdadeltaNumbers>(
      param_groups_, [&](const AdadeltaOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<AdadeltaParamState>(
            param, [&](AdadeltaParamState& made) { made.square_avg(zero_state(param)).acc_delta(zero_state(param)); });
        ++state.step();
        states[0] = state.square_avg();
        states[1] = state.acc_delta();
        return AdadeltaNumbers{options.lr(), options.rho(), options.eps(), options.weight_decay(), options.maximize()};
      });
  return loss;
}

RMSprop::RMSprop(const std::vector<OptimizerParamGroup>& param_groups, RMSpropOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_lr(defaults.lr());
  TENON_CHECK_VALUE(defaults.eps() >= 0, "Invalid epsilon value: ", defaults.eps());
  check_not_negative("momentum", defaults.momentum());
  check_not_negative("weight_decay", defaults.weight_decay());
  check_not_negative("alpha", defaults.alpha());
}

Tensor RMSprop::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<RMSpropOptions, RmspropNumbers>(
      param_groups_, [&](const RMSpropOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<RMSpropParamState>(param, [&](RMSpropParamState& made) {
          made.square_avg(zero_state(param));
          if (options.centered()) made.grad_avg(zero_state(param));
          if (options.momentum() > 0) made.momentum_buffer(zero_state(param));
        });
        ++state.step();
        states = {state.square_avg(), state.grad_avg(), state.momentum_buffer()};
        return RmspropNumbers{options.lr(),           options.alpha(),    options.eps(),     options.momentum(),
                              options.weight_decay(), options.centered(), options.maximize()};
      });
  return loss;
}

Adafactor::Adafactor(const std::vector<OptimizerParamGroup>& param_groups, AdafactorOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  const auto [eps1, eps2] = defaults.eps();
  TENON_CHECK_VALUE(defaults.lr() >= 0, "Learning rate should be >= 0 but is: ", defaults.lr());
  TENON_CHECK_VALUE(defaults.beta2_decay() <= 0, "beta2_decay should be <= 0 but is: ", defaults.beta2_decay());
  TENON_CHECK_VALUE(eps1.value_or(0) >= 0, "epsilon1 should be >= 0 but is: ", eps1.value_or(0));
  TENON_CHECK_VALUE(eps2 >= 0, "epsilon2 should be >= 0 but is: ", eps2);
  TENON_CHECK_VALUE(defaults.d() >= 1, "Clipping threshold d should be >= 1 but is: ", defaults.d());
  TENON_CHECK_VALUE(defaults.weight_decay() >= 0, "weight_decay should be >= 0 but is: ", defaults.weight_decay());
}

Tensor Adafactor::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  for (OptimizerParamGroup& group : param_groups_) {
    std::vector<AdafactorItem> items;
    for_each_gradient(group, [&](const Tensor& param, const Tensor& grad) {
      auto& state = state_of<AdafactorParamState>(param, [&](AdafactorParamState& made) {
        if (grad.dim() < 2) {
          made.variance(zero_state(grad));
          return;
        }
        made.row_var(zero_state(grad.narrow(-1, 0, 1)).contiguous());
        made.col_var(zero_state(grad.narrow(-2, 0, 1)).contiguous());
      });
      items.push_back(
          {param, grad, state.row_var(), state.col_var(), state.variance(), static_cast<double>(++state.step())});
    });
    const auto& options = static_cast<const AdafactorOptions&>(group.options());
    const auto [eps1, eps2] = options.eps();
    adafactor_steps(items, {options.lr(), options.beta2_decay(), eps1, eps2, options.d(), options.weight_decay(),
                            options.maximize()});
  }
  return loss;
}

Muon::Muon(const std::vector<OptimizerParamGroup>& param_groups, MuonOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  TENON_CHECK_VALUE(defaults.lr() >= 0, "Learning rate should be >= 0 but is: ", defaults.lr());
  TENON_CHECK_VALUE(defaults.momentum() >= 0, "momentum should be >= 0 but is: ", defaults.momentum());
  TENON_CHECK_VALUE(defaults.weight_decay() >= 0, "weight decay should be >= 0 but is: ", defaults.weight_decay());
  TENON_CHECK_VALUE(defaults.adjust_lr_fn() == "original" || defaults.adjust_lr_fn() == "match_rms_adamw",
                    "Adjust learning rate function ", defaults.adjust_lr_fn(), " is not supported");
  for (const OptimizerParamGroup& group : param_groups_) {
    for (const Tensor& param : group.params()) {
      TENON_CHECK_VALUE(param.dim() == 2,
                        "Muon only supports 2D parameters whereas we found a parameter with size: ", param.sizes());
    }
  }
}

Tensor Muon::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  for (OptimizerParamGroup& group : param_groups_) {
    std::vector<MuonItem> items;
    for_each_gradient(group, [&](const Tensor& param, const Tensor& grad) {
      auto& state =
          state_of<MuonParamState>(param, [&](MuonParamState& made) { made.momentum_buffer(zero_state(grad)); });
      items.push_back({param, grad, state.momentum_buffer()});
    });
    const auto& options = static_cast<const MuonOptions&>(group.options());
    const auto [a, b, c] = options.ns_coefficients();
    muon_steps(items, {options.lr(),
                       options.weight_decay(),
                       options.momentum(),
                       options.nesterov(),
                       {a, b, c},
                       options.eps(),
                       options.ns_steps(),
                       options.adjust_lr_fn() == "match_rms_adamw"});
  }
  return loss;
}

}  // namespace tenon::optim
