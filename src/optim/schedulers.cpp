// The schedules of learning rates; see the headers in tenon/optim/schedulers.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/log.h"
#include "tenon/optim/schedulers/composite_lr.h"
#include "tenon/optim/schedulers/epoch_lr.h"
#include "tenon/optim/schedulers/reduce_on_plateau_scheduler.h"
#include "tenon/optim/schedulers/step_lr.h"

namespace tenon::optim {
namespace {

constexpr double kPi = std::numbers::pi;

void set_momentum(Optimizer& optimizer, double momentum) {
  for (OptimizerParamGroup& group : optimizer.param_groups()) {
    TENON_CHECK_VALUE(group.options().set_momentum(momentum),
                      "optimizer must support momentum or beta1 with `cycle_momentum` option enabled");
  }
}

Optimizer& with_lr(Optimizer& optimizer, double lr) {
  for (OptimizerParamGroup& group : optimizer.param_groups()) group.options().set_lr(lr);
  return optimizer;
}

Optimizer& with_initial_lr(Optimizer& optimizer, double lr) {
  for (OptimizerParamGroup& group : optimizer.param_groups()) group.initial_lr() = lr;
  return optimizer;
}

const std::shared_ptr<LRScheduler>& check_schedulers(const char* name, const LRSchedulers& schedulers) {
  TENON_CHECK_VALUE(!schedulers.empty(), name, " expects at least one scheduler, but got no scheduler.");
  for (const auto& scheduler : schedulers) TENON_CHECK_VALUE(scheduler, name, ": a scheduler is null");
  return schedulers[0];
}

void check_optimizer(const char* name, const Optimizer& expected, const Optimizer& actual) {
  TENON_CHECK_VALUE(&expected == &actual, name, " expects all schedulers to belong to the same optimizer");
}

}  // namespace

// --- libtorch's

LRScheduler::LRScheduler(Optimizer& optimizer) : optimizer_(optimizer) {
  for (OptimizerParamGroup& group : optimizer.param_groups()) {
    if (!group.initial_lr()) group.initial_lr() = group.options().get_lr();
    base_lrs_.push_back(*group.initial_lr());
  }
}

void LRScheduler::set_lrs(const std::vector<double>& lrs) {
  std::vector<OptimizerParamGroup>& groups = optimizer_.param_groups();
  TENON_CHECK(lrs.size() == groups.size(), "LRScheduler: ", lrs.size(), " learning rates for ", groups.size(),
              " parameter groups");
  for (size_t i = 0; i < groups.size(); ++i) groups[i].options().set_lr(lrs[i]);
}

void LRScheduler::step() {
  set_lrs(get_lrs());
  ++step_count_;
}

void LRScheduler::begin() {
  step_count_ = 0;
  step();
}

void LRScheduler::restart() {
  step_count_ = 0;
  set_lrs(get_restart_lrs());
  step_count_ = 1;
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
  std::vector<double> lrs = get_current_lrs();
  for (size_t i = 0; i < lrs.size(); ++i) lrs[i] = next_lr(i, lrs[i], step_count_);
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

double LambdaLR::next_lr(size_t group, double, int64_t epoch) { return base_lrs_[group] * lr_lambdas_[group](epoch); }

MultiplicativeLR::MultiplicativeLR(Optimizer& optimizer, std::function<double(int64_t epoch)> lr_lambda)
    : EpochLR(optimizer), lr_lambda_(std::move(lr_lambda)) {
  step();
}

double MultiplicativeLR::next_lr(size_t, double lr, int64_t epoch) { return epoch == 0 ? lr : lr * lr_lambda_(epoch); }

std::vector<double> MultiplicativeLR::get_restart_lrs() {
  std::vector<double> lrs = get_current_lrs();
  for (double& lr : lrs) lr *= lr_lambda_(0);
  return lrs;
}

MultiStepLR::MultiStepLR(Optimizer& optimizer, std::vector<int64_t> milestones, double gamma)
    : EpochLR(optimizer), milestones_(std::move(milestones)), gamma_(gamma) {
  step();
}

double MultiStepLR::next_lr(size_t, double lr, int64_t epoch) {
  const auto here = std::count(milestones_.begin(), milestones_.end(), epoch);
  return here == 0 ? lr : lr * std::pow(gamma_, static_cast<double>(here));
}

ConstantLR::ConstantLR(Optimizer& optimizer, double factor, int64_t total_iters)
    : EpochLR(optimizer), factor_(factor), total_iters_(total_iters) {
  TENON_CHECK_VALUE(0 <= factor && factor <= 1, "Constant multiplicative factor expected to be between 0 and 1, got ",
                    factor);
  step();
}

double ConstantLR::next_lr(size_t, double lr, int64_t epoch) {
  return epoch == 0 ? lr * factor_ : epoch == total_iters_ ? lr * (1 / factor_) : lr;
}

std::vector<double> ConstantLR::get_restart_lrs() {
  std::vector<double> lrs = base_lrs_;
  for (double& lr : lrs) lr *= total_iters_ > 0 ? factor_ : factor_ + (1 - factor_);
  return lrs;
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

double LinearLR::next_lr(size_t, double lr, int64_t epoch) {
  if (epoch == 0) return lr * start_factor_;
  if (epoch > total_iters_) return lr;
  const double slope = end_factor_ - start_factor_;
  const auto total = static_cast<double>(total_iters_), before = static_cast<double>(epoch - 1);
  return lr * (1 + slope / (total * start_factor_ + before * slope));
}

std::vector<double> LinearLR::get_restart_lrs() {
  std::vector<double> lrs = base_lrs_;
  for (double& lr : lrs) lr *= start_factor_;
  return lrs;
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, double gamma) : EpochLR(optimizer), gamma_(gamma) { step(); }

double ExponentialLR::next_lr(size_t, double lr, int64_t epoch) { return epoch == 0 ? lr : lr * gamma_; }

PolynomialLR::PolynomialLR(Optimizer& optimizer, int64_t total_iters, double power)
    : EpochLR(optimizer), total_iters_(total_iters), power_(power) {
  step();
}

double PolynomialLR::next_lr(size_t, double lr, int64_t epoch) {
  if (epoch == 0 || epoch > total_iters_) return lr;
  const auto at = static_cast<double>(epoch), total = static_cast<double>(total_iters_);
  return lr * std::pow((1 - at / total) / (1 - (at - 1) / total), power_);
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, int64_t T_max, double eta_min)
    : EpochLR(optimizer), T_max_(T_max), eta_min_(eta_min) {
  TENON_CHECK_VALUE(T_max > 0, "Expected positive integer T_max, but got ", T_max);
  step();
}

double CosineAnnealingLR::next_lr(size_t group, double lr, int64_t epoch) {
  if (epoch == 0) return lr;
  const auto at = static_cast<double>(epoch), length = static_cast<double>(T_max_);
  if ((epoch - 1 - T_max_) % (2 * T_max_) == 0) {
    return lr + (base_lrs_[group] - eta_min_) * (1 - std::cos(kPi / length)) / 2;
  }
  const double ratio = (1 + std::cos(kPi * at / length)) / (1 + std::cos(kPi * (at - 1) / length));
  return ratio * (lr - eta_min_) + eta_min_;
}

std::vector<double> CosineAnnealingLR::get_restart_lrs() {
  std::vector<double> lrs = base_lrs_;
  for (double& lr : lrs) lr = eta_min_ + (lr - eta_min_);
  return lrs;
}

CosineAnnealingWarmRestarts::CosineAnnealingWarmRestarts(Optimizer& optimizer, int64_t T_0, int64_t T_mult,
                                                         double eta_min)
    : EpochLR(optimizer), T_0_(T_0), T_mult_(T_mult), eta_min_(eta_min) {
  TENON_CHECK_VALUE(T_0 > 0, "Expected positive integer T_0, but got ", T_0);
  TENON_CHECK_VALUE(T_mult >= 1, "Expected integer T_mult >= 1, but got ", T_mult);
  step();
}

double CosineAnnealingWarmRestarts::next_lr(size_t group, double, int64_t epoch) {
  int64_t length = T_0_, at = epoch;
  while (at >= length) {
    at -= length;
    length *= T_mult_;
  }
  const double height = 1 + std::cos(kPi * static_cast<double>(at) / static_cast<double>(length));
  return eta_min_ + (base_lrs_[group] - eta_min_) * height / 2;
}

OneCycleLR::OneCycleLR(Optimizer& optimizer, double max_lr, int64_t total_steps, double pct_start,
                       Strategy anneal_strategy, bool cycle_momentum, double base_momentum, double max_momentum,
                       double div_factor, double final_div_factor, bool three_phase)
    : EpochLR(with_initial_lr(optimizer, max_lr / div_factor)),
      total_steps_(total_steps),
      strategy_(anneal_strategy),
      cycle_momentum_(cycle_momentum) {
  TENON_CHECK_VALUE(total_steps > 0, "Expected positive integer total_steps, but got ", total_steps);
  TENON_CHECK_VALUE(0 <= pct_start && pct_start <= 1, "Expected float between 0 and 1 pct_start, but got ", pct_start);
  const double rise = pct_start * static_cast<double>(total_steps), end = static_cast<double>(total_steps - 1);
  const double initial = max_lr / div_factor, last = initial / final_div_factor;
  phases_.push_back({rise - 1, initial, max_lr, max_momentum, base_momentum});
  if (three_phase) {
    phases_.push_back({2 * rise - 2, max_lr, initial, base_momentum, max_momentum});
    phases_.push_back({end, initial, last, max_momentum, max_momentum});
  } else {
    phases_.push_back({end, max_lr, last, base_momentum, max_momentum});
  }
  step();
}

double OneCycleLR::next_lr(size_t, double, int64_t epoch) {
  TENON_CHECK_VALUE(epoch <= total_steps_, "Tried to step ", epoch, " times. The specified number of total steps is ",
                    total_steps_);
  const auto at = static_cast<double>(epoch);
  size_t i = 0;
  while (i + 1 < phases_.size() && at > phases_[i].end) ++i;
  const Phase& phase = phases_[i];
  const double start = i == 0 ? 0 : phases_[i - 1].end;
  const double part = (at - start) / (phase.end - start);
  auto between = [&](double from, double to) {
    return strategy_ == cos ? to + (from - to) / 2 * (std::cos(kPi * part) + 1) : (to - from) * part + from;
  };
  if (cycle_momentum_) set_momentum(optimizer(), between(phase.momentum, phase.next_momentum));
  return between(phase.lr, phase.next_lr);
}

CyclicLR::CyclicLR(Optimizer& optimizer, double base_lr, double max_lr, int64_t step_size_up, int64_t step_size_down,
                   Mode mode, double gamma, bool cycle_momentum, double base_momentum, double max_momentum)
    : EpochLR(with_lr(optimizer, base_lr)),
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

double CyclicLR::next_lr(size_t, double, int64_t epoch) {
  const double at = static_cast<double>(epoch), ratio = up_ / total_;
  const double cycle = std::floor(1 + at / total_), x = 1 + at / total_ - cycle;
  const double height = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
  const double scale = mode_ == triangular    ? 1
                       : mode_ == triangular2 ? 1 / std::pow(2, cycle - 1)
                                              : std::pow(gamma_, at);
  if (cycle_momentum_) set_momentum(optimizer(), max_momentum_ - (max_momentum_ - base_momentum_) * height * scale);
  return low_ + (high_ - low_) * height * scale;
}

// --- of others

SequentialLR::SequentialLR(Optimizer& optimizer, LRSchedulers schedulers, std::vector<int64_t> milestones)
    : LRScheduler(optimizer), schedulers_(std::move(schedulers)), milestones_(std::move(milestones)) {
  check_schedulers("SequentialLR", schedulers_);
  TENON_CHECK_VALUE(milestones_.size() + 1 == schedulers_.size(),
                    "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                    "milestone points, but got number of schedulers ",
                    schedulers_.size(), " and the number of milestones to be equal to ", milestones_.size());
  for (const auto& scheduler : schedulers_) check_optimizer("SequentialLR", optimizer, scheduler->optimizer());
  begin();
}

void SequentialLR::begin() {
  step_count_ = 1;
  set_lrs(base_lrs_);
  schedulers_[0]->begin();
}

void SequentialLR::step() {
  const auto epoch = static_cast<int64_t>(step_count_++);
  const auto next = std::upper_bound(milestones_.begin(), milestones_.end(), epoch);
  LRScheduler& scheduler = *schedulers_[static_cast<size_t>(next - milestones_.begin())];
  if (next != milestones_.begin() && next[-1] == epoch) {
    scheduler.restart();
  } else {
    scheduler.step();
  }
}

ChainedScheduler::ChainedScheduler(LRSchedulers schedulers)
    : LRScheduler(check_schedulers("ChainedScheduler", schedulers)->optimizer()), schedulers_(std::move(schedulers)) {
  for (const auto& scheduler : schedulers_) {
    check_optimizer("ChainedScheduler", optimizer(), scheduler->optimizer());
    // libtorch's schedules make their first step, which changes nothing, when they are told to.
    if (scheduler->step_count_ == 0) scheduler->step();
  }
}

void ChainedScheduler::begin() {
  for (const auto& scheduler : schedulers_) scheduler->begin();
}

void ChainedScheduler::restart() {
  for (const auto& scheduler : schedulers_) scheduler->restart();
}

void ChainedScheduler::step() {
  for (const auto& scheduler : schedulers_) scheduler->step();
}

}  // namespace tenon::optim
