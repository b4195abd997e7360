// The schedules of learning rates; see the headers in tenon/optim/schedulers.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/log.h"
#include "tenon/optim/schedulers/epoch_lr.h"
#include "tenon/optim/schedulers/reduce_on_plateau_scheduler.h"
#include "tenon/optim/schedulers/step_lr.h"

namespace tenon::optim {
namespace {

double cosine(double part) { return (1 + std::cos(std::numbers::pi * part)) / 2; }

void set_momentum(Optimizer& optimizer, double momentum) {
  for (OptimizerParamGroup& group : optimizer.param_groups()) {
    TENON_CHECK_VALUE(group.options().set_momentum(momentum),
                      "optimizer must support momentum or beta1 with `cycle_momentum` option enabled");
  }
}

}  // namespace

// --- libtorch's

void LRScheduler::step() {
  const std::vector<double> lrs = get_lrs();
  std::vector<OptimizerParamGroup>& groups = optimizer_.param_groups();
  TENON_CHECK(lrs.size() == groups.size(), "LRScheduler: ", lrs.size(), " learning rates for ", groups.size(),
              " parameter groups");
  for (size_t i = 0; i < groups.size(); ++i) groups[i].options().set_lr(lrs[i]);
  ++step_count_;
}

std::vector<double> LRScheduler::get_current_lrs() const {
  std::vector<double> lrs;
  for (const OptimizerParamGroup& group : optimizer_.param_groups()) lrs.push_back(group.options().get_lr());
  return lrs;
}

StepLR::StepLR(Optimizer& optimizer, unsigned step_size, double gamma)
    : LRScheduler(optimizer), step_size_(step_size), gamma_(gamma) {
  TENON_CHECK_VALUE(step_size > 0, "StepLR: step_size must be positive");
}

std::vector<double> StepLR::get_lrs() {
  std::vector<double> lrs = get_current_lrs();
  if (step_count_ == 0 || step_count_ % step_size_ != 0) return lrs;
  for (double& lr : lrs) lr *= gamma_;
  return lrs;
}

ReduceLROnPlateauScheduler::ReduceLROnPlateauScheduler(Optimizer& optimizer, SchedulerMode mode, float factor,
                                                       int patience, double threshold, ThresholdMode threshold_mode,
                                                       int cooldown, const std::vector<float>& min_lr, double eps,
                                                       bool verbose)
    : optimizer_(optimizer),
      mode_(mode),
      factor_(factor),
      patience_(patience),
      threshold_(threshold),
      threshold_mode_(threshold_mode),
      cooldown_(cooldown),
      min_lrs_(min_lr),
      eps_(eps),
      verbose_(verbose),
      best_(mode == min ? std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::infinity()) {
  TENON_CHECK_VALUE(factor < 1, "ReduceLROnPlateauScheduler: factor should be < 1.0, got ", factor);
  const size_t groups = optimizer.param_groups().size();
  if (min_lrs_.size() < 2) min_lrs_.assign(groups, min_lr.empty() ? 0 : min_lr[0]);
  TENON_CHECK_VALUE(min_lrs_.size() == groups, "ReduceLROnPlateauScheduler: expected ", groups, " min_lrs, got ",
                    min_lrs_.size());
}

void ReduceLROnPlateauScheduler::step(float metric) {
  ++last_epoch_;
  if (is_better(metric)) {
    best_ = metric;
    num_bad_epochs_ = 0;
  } else {
    ++num_bad_epochs_;
  }
  if (cooldown_counter_ > 0) {
    --cooldown_counter_;
    num_bad_epochs_ = 0;
  }
  if (num_bad_epochs_ > patience_) {
    reduce_lr();
    cooldown_counter_ = cooldown_;
    num_bad_epochs_ = 0;
  }
}

bool ReduceLROnPlateauScheduler::is_better(float metric) const {
  const double sign = mode_ == min ? -1 : 1;
  const double bound = threshold_mode_ == rel ? best_ * (1 + sign * threshold_) : best_ + sign * threshold_;
  return mode_ == min ? metric < bound : metric > bound;
}

void ReduceLROnPlateauScheduler::reduce_lr() {
  std::vector<OptimizerParamGroup>& groups = optimizer_.param_groups();
  for (size_t i = 0; i < groups.size(); ++i) {
    const double old_lr = groups[i].options().get_lr();
    const double new_lr = std::max(old_lr * factor_, static_cast<double>(min_lrs_.at(i)));
    if (old_lr - new_lr <= eps_) continue;
    groups[i].options().set_lr(new_lr);
    if (verbose_) log(LogLevel::Info, "epoch ", last_epoch_, ": learning rate of group ", i, " reduced to ", new_lr);
  }
}

// --- Python's

std::vector<double> EpochLR::get_lrs() {
  std::vector<double> lrs;
  for (size_t i = 0; i < base_lrs_.size(); ++i) lrs.push_back(lr_at(i, base_lrs_[i], step_count_));
  return lrs;
}

LambdaLR::LambdaLR(Optimizer& optimizer, Factor lr_lambda)
    : LambdaLR(optimizer, std::vector<Factor>(optimizer.param_groups().size(), std::move(lr_lambda))) {}

LambdaLR::LambdaLR(Optimizer& optimizer, std::vector<Factor> lr_lambdas)
    : EpochLR(optimizer), lr_lambdas_(std::move(lr_lambdas)) {
  TENON_CHECK_VALUE(lr_lambdas_.size() == base_lrs_.size(), "Expected ", base_lrs_.size(), " lr_lambdas, but got ",
                    lr_lambdas_.size());
  step();
}

double LambdaLR::lr_at(size_t group, double base_lr, int64_t epoch) { return base_lr * lr_lambdas_[group](epoch); }

MultiplicativeLR::MultiplicativeLR(Optimizer& optimizer, std::function<double(int64_t epoch)> lr_lambda)
    : LRScheduler(optimizer), lr_lambda_(std::move(lr_lambda)) {
  step();
}

std::vector<double> MultiplicativeLR::get_lrs() {
  std::vector<double> lrs = get_current_lrs();
  if (step_count_ == 0) return lrs;
  for (double& lr : lrs) lr *= lr_lambda_(step_count_);
  return lrs;
}

MultiStepLR::MultiStepLR(Optimizer& optimizer, std::vector<int64_t> milestones, double gamma)
    : EpochLR(optimizer), milestones_(std::move(milestones)), gamma_(gamma) {
  std::sort(milestones_.begin(), milestones_.end());
  step();
}

double MultiStepLR::lr_at(size_t, double base_lr, int64_t epoch) {
  const auto passed = std::upper_bound(milestones_.begin(), milestones_.end(), epoch) - milestones_.begin();
  return base_lr * std::pow(gamma_, static_cast<double>(passed));
}

ConstantLR::ConstantLR(Optimizer& optimizer, double factor, int64_t total_iters)
    : EpochLR(optimizer), factor_(factor), total_iters_(total_iters) {
  TENON_CHECK_VALUE(0 <= factor && factor <= 1, "Constant multiplicative factor expected to be between 0 and 1, got ",
                    factor);
  step();
}

double ConstantLR::lr_at(size_t, double base_lr, int64_t epoch) {
  return epoch < total_iters_ ? base_lr * factor_ : base_lr;
}

LinearLR::LinearLR(Optimizer& optimizer, double start_factor, double end_factor, int64_t total_iters)
    : EpochLR(optimizer), start_factor_(start_factor), end_factor_(end_factor), total_iters_(total_iters) {
  TENON_CHECK_VALUE(0 < start_factor && start_factor <= 1,
                    "Starting multiplicative factor expected to be greater than 0 and less or equal to 1, got ",
                    start_factor);
  TENON_CHECK_VALUE(0 <= end_factor && end_factor <= 1,
                    "Ending multiplicative factor expected to be between 0 and 1, got ", end_factor);
  step();
}

double LinearLR::lr_at(size_t, double base_lr, int64_t epoch) {
  const double part = static_cast<double>(std::min(total_iters_, epoch)) / static_cast<double>(total_iters_);
  return base_lr * (start_factor_ + (end_factor_ - start_factor_) * part);
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, double gamma) : EpochLR(optimizer), gamma_(gamma) { step(); }

double ExponentialLR::lr_at(size_t, double base_lr, int64_t epoch) {
  return base_lr * std::pow(gamma_, static_cast<double>(epoch));
}

PolynomialLR::PolynomialLR(Optimizer& optimizer, int64_t total_iters, double power)
    : EpochLR(optimizer), total_iters_(total_iters), power_(power) {
  step();
}

double PolynomialLR::lr_at(size_t, double base_lr, int64_t epoch) {
  const double part = static_cast<double>(std::min(total_iters_, epoch)) / static_cast<double>(total_iters_);
  return base_lr * std::pow(1 - part, power_);
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, int64_t T_max, double eta_min)
    : EpochLR(optimizer), T_max_(T_max), eta_min_(eta_min) {
  step();
}

double CosineAnnealingLR::lr_at(size_t, double base_lr, int64_t epoch) {
  return eta_min_ + (base_lr - eta_min_) * cosine(static_cast<double>(epoch) / static_cast<double>(T_max_));
}

CosineAnnealingWarmRestarts::CosineAnnealingWarmRestarts(Optimizer& optimizer, int64_t T_0, int64_t T_mult,
                                                         double eta_min)
    : EpochLR(optimizer), T_0_(T_0), T_mult_(T_mult), eta_min_(eta_min) {
  TENON_CHECK_VALUE(T_0 > 0, "Expected positive integer T_0, but got ", T_0);
  TENON_CHECK_VALUE(T_mult >= 1, "Expected integer T_mult >= 1, but got ", T_mult);
  step();
}

double CosineAnnealingWarmRestarts::lr_at(size_t, double base_lr, int64_t epoch) {
  int64_t length = T_0_, at = epoch;
  while (at >= length) {
    at -= length;
    length *= T_mult_;
  }
  return eta_min_ + (base_lr - eta_min_) * cosine(static_cast<double>(at) / static_cast<double>(length));
}

OneCycleLR::OneCycleLR(Optimizer& optimizer, double max_lr, int64_t total_steps, double pct_start,
                       Strategy anneal_strategy, bool cycle_momentum, double base_momentum, double max_momentum,
                       double div_factor, double final_div_factor)
    : EpochLR(optimizer),
      max_lr_(max_lr),
      total_steps_(total_steps),
      pct_start_(pct_start),
      strategy_(anneal_strategy),
      cycle_momentum_(cycle_momentum),
      base_momentum_(base_momentum),
      max_momentum_(max_momentum),
      div_factor_(div_factor),
      final_div_factor_(final_div_factor) {
  TENON_CHECK_VALUE(total_steps > 0, "Expected positive integer total_steps, but got ", total_steps);
  TENON_CHECK_VALUE(0 <= pct_start && pct_start <= 1, "Expected float between 0 and 1 pct_start, but got ", pct_start);
  step();
}

double OneCycleLR::lr_at(size_t, double, int64_t epoch) {
  TENON_CHECK_VALUE(epoch <= total_steps_, "Tried to step ", epoch, " times. The specified number of total steps is ",
                    total_steps_);
  const double top = pct_start_ * static_cast<double>(total_steps_) - 1, end = static_cast<double>(total_steps_ - 1);
  const double initial = max_lr_ / div_factor_, at = static_cast<double>(epoch);
  const bool rises = at <= top;
  const double part = rises ? at / top : (at - top) / (end - top);
  auto between = [&](double from, double to) {
    return strategy_ == cos ? to + (from - to) * cosine(part) : (to - from) * part + from;
  };
  if (cycle_momentum_) {
    set_momentum(optimizer(), rises ? between(max_momentum_, base_momentum_) : between(base_momentum_, max_momentum_));
  }
  return rises ? between(initial, max_lr_) : between(max_lr_, initial / final_div_factor_);
}

CyclicLR::CyclicLR(Optimizer& optimizer, double base_lr, double max_lr, int64_t step_size_up, int64_t step_size_down,
                   Mode mode, double gamma, bool cycle_momentum, double base_momentum, double max_momentum)
    : EpochLR(optimizer),
      low_(base_lr),
      high_(max_lr),
      up_(static_cast<double>(step_size_up)),
      total_(static_cast<double>(step_size_up + (step_size_down > 0 ? step_size_down : step_size_up))),
      mode_(mode),
      gamma_(gamma),
      cycle_momentum_(cycle_momentum),
      base_momentum_(base_momentum),
      max_momentum_(max_momentum) {
  TENON_CHECK_VALUE(step_size_up > 0, "CyclicLR: step_size_up must be positive, got ", step_size_up);
  step();
}

double CyclicLR::lr_at(size_t, double, int64_t epoch) {
  const double at = static_cast<double>(epoch), ratio = up_ / total_;
  const double cycle = std::floor(1 + at / total_), x = 1 + at / total_ - cycle;
  const double height = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
  const double scale = mode_ == triangular    ? 1
                       : mode_ == triangular2 ? 1 / std::pow(2, cycle - 1)
                                              : std::pow(gamma_, at);
  if (cycle_momentum_) set_momentum(optimizer(), max_momentum_ - (max_momentum_ - base_momentum_) * height * scale);
  return low_ + (high_ - low_) * height * scale;
}

}  // namespace tenon::optim
