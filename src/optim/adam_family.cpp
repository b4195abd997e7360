// Adam and its kin: steps by a mean of gradients over a mean of their size.
#include "optim/groups.h"
#include "optim/rules.h"
#include "tenon/optim/adam.h"
#include "tenon/optim/adamax.h"
#include "tenon/optim/adamw.h"
#include "tenon/optim/nadam.h"
#include "tenon/optim/radam.h"
#include "tenon/optim/sparse_adam.h"

namespace tenon::optim {
namespace {

template <class Options>
void check_options(const Options& options) {
  check_lr(options.lr());
  TENON_CHECK_VALUE(options.eps() >= 0, "Invalid epsilon value: ", options.eps());
  check_betas(options.betas());
  check_not_negative("weight_decay", options.weight_decay());
}

template <class State>
void begin_means(State& state, const Tensor& param) {
  state.exp_avg(zero_state(param)).exp_avg_sq(zero_state(param));
}

template <class State, class Options>
AdamNumbers adam_visit(State& state, const Options& options, const Tensor& param, StepStates& states, bool decoupled) {
  if (options.amsgrad() && !state.max_exp_avg_sq().defined()) state.max_exp_avg_sq(zero_state(param));
  states = {state.exp_avg(), state.exp_avg_sq(), options.amsgrad() ? state.max_exp_avg_sq() : Tensor()};
  const auto [beta1, beta2] = options.betas();
  return adam_numbers(static_cast<double>(++state.step()), options.lr(), beta1, beta2, options.eps(),
                      options.weight_decay(), options.amsgrad(), options.maximize(), decoupled);
}

}  // namespace

Adam::Adam(const std::vector<OptimizerParamGroup>& param_groups, AdamOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_options(defaults);
}

Tensor Adam::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<AdamOptions, AdamNumbers>(
      param_groups_, [&](const AdamOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<AdamParamState>(param, [&](AdamParamState& made) { begin_means(made, param); });
        return adam_visit(state, options, param, states, false);
      });
  return loss;
}

AdamW::AdamW(const std::vector<OptimizerParamGroup>& param_groups, AdamWOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_options(defaults);
}

Tensor AdamW::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<AdamWOptions, AdamNumbers>(
      param_groups_, [&](const AdamWOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<AdamWParamState>(param, [&](AdamWParamState& made) { begin_means(made, param); });
        return adam_visit(state, options, param, states, true);
      });
  return loss;
}

Adamax::Adamax(const std::vector<OptimizerParamGroup>& param_groups, AdamaxOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_options(defaults);
}

Tensor Adamax::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<AdamaxOptions, AdamaxNumbers>(
      param_groups_, [&](const AdamaxOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<AdamaxParamState>(
            param, [&](AdamaxParamState& made) { made.exp_avg(zero_state(param)).exp_inf(zero_state(param)); });
        states[0] = state.exp_avg();
        states[1] = state.exp_inf();
        const auto [beta1, beta2] = options.betas();
        return adamax_numbers(static_cast<double>(++state.step()), options.lr(), beta1, beta2, options.eps(),
                              options.weight_decay(), options.maximize());
      });
  return loss;
}

NAdam::NAdam(const std::vector<OptimizerParamGroup>& param_groups, NAdamOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_options(defaults);
  check_not_negative("momentum_decay", defaults.momentum_decay());
}

Tensor NAdam::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<NAdamOptions, NadamNumbers>(
      param_groups_, [&](const NAdamOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<NAdamParamState>(param, [&](NAdamParamState& made) {
          begin_means(made, param);
          made.mu_product(number_state(1));
        });
        states[0] = state.exp_avg();
        states[1] = state.exp_avg_sq();
        const auto [beta1, beta2] = options.betas();
        return nadam_numbers(static_cast<double>(++state.step()), state.mu_product(), options.lr(), beta1, beta2,
                             options.eps(), options.weight_decay(), options.momentum_decay(),
                             options.decoupled_weight_decay(), options.maximize());
      });
  return loss;
}

RAdam::RAdam(const std::vector<OptimizerParamGroup>& param_groups, RAdamOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  check_options(defaults);
}

Tensor RAdam::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<RAdamOptions, RadamNumbers>(
      param_groups_, [&](const RAdamOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<RAdamParamState>(param, [&](RAdamParamState& made) { begin_means(made, param); });
        states[0] = state.exp_avg();
        states[1] = state.exp_avg_sq();
        const auto [beta1, beta2] = options.betas();
        return radam_numbers(static_cast<double>(++state.step()), options.lr(), beta1, beta2, options.eps(),
                             options.weight_decay(), options.decoupled_weight_decay(), options.maximize());
      });
  return loss;
}

SparseAdam::SparseAdam(const std::vector<OptimizerParamGroup>& param_groups, SparseAdamOptions defaults)
    : Optimizer(param_groups, defaults.clone()) {
  TENON_CHECK_VALUE(defaults.lr() > 0, "Invalid learning rate: ", defaults.lr());
  TENON_CHECK_VALUE(defaults.eps() > 0, "Invalid epsilon value: ", defaults.eps());
  check_betas(defaults.betas());
  for (const OptimizerParamGroup& group : param_groups_) {
    for (const Tensor& param : group.params()) {
      TENON_CHECK_VALUE(!param.is_complex(), "SparseAdam does not support complex parameters");
    }
  }
}

Tensor SparseAdam::step(LossClosure closure) {
  const Tensor loss = evaluated(closure);
  NoGradGuard no_grad;
  step_groups<SparseAdamOptions, SparseAdamNumbers>(
      param_groups_, [&](const SparseAdamOptions& options, const Tensor& param, StepStates& states) {
        auto& state = state_of<SparseAdamParamState>(
            param, [&](SparseAdamParamState& made) { made.exp_avg(zero_state(param)).exp_avg_sq(zero_state(param)); });
        states[0] = state.exp_avg();
        states[1] = state.exp_avg_sq();
        const auto [beta1, beta2] = options.betas();
        return sparse_adam_numbers(static_cast<double>(++state.step()), param, options.lr(), beta1, beta2,
                                   options.eps(), options.maximize());
      });
  return loss;
}

}  // namespace tenon::optim
