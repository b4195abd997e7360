// Schedules that libtorch lacks, as Python has them: made, they set the learning rates of epoch 0, and each step()
// those of the next.
#pragma once

#include <functional>
#include <vector>

#include "tenon/optim/schedulers/lr_scheduler.h"

namespace tenon::optim {

// Learning rates by a formula of those of the epoch before, so that schedules can be chained.
class TENON_API EpochLR : public LRScheduler {
 protected:
  using LRScheduler::LRScheduler;
  // `lr` is that of the epoch before, at epoch 0 that before this schedule.
  virtual double next_lr(size_t group, double lr, int64_t epoch) = 0;
  std::vector<double> get_lrs() final;
};

// The initial learning rate times a function of the epoch.
class TENON_API LambdaLR : public EpochLR {
 public:
  using Factor = std::function<double(int64_t epoch)>;
  LambdaLR(Optimizer& optimizer, Factor lr_lambda);
  // One function for each group.
  LambdaLR(Optimizer& optimizer, std::vector<Factor> lr_lambdas);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  std::vector<double> get_restart_lrs() override { return get_lrs(); }
  std::vector<Factor> lr_lambdas_;
};

// The last learning rate times a function of the epoch.
class TENON_API MultiplicativeLR : public EpochLR {
 public:
  MultiplicativeLR(Optimizer& optimizer, std::function<double(int64_t epoch)> lr_lambda);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  std::vector<double> get_restart_lrs() override;
  std::function<double(int64_t epoch)> lr_lambda_;
};

// Shrinks by gamma at each of the milestones.
class TENON_API MultiStepLR : public EpochLR {
 public:
  MultiStepLR(Optimizer& optimizer, std::vector<int64_t> milestones, double gamma = 0.1);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  std::vector<int64_t> milestones_;
  double gamma_;
};

// Times a factor, until `total_iters` epochs are over.
class TENON_API ConstantLR : public EpochLR {
 public:
  explicit ConstantLR(Optimizer& optimizer, double factor = 1.0 / 3, int64_t total_iters = 5);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  std::vector<double> get_restart_lrs() override;
  double factor_;
  int64_t total_iters_;
};

// Times a factor that changes linearly over `total_iters` epochs.
class TENON_API LinearLR : public EpochLR {
 public:
  explicit LinearLR(Optimizer& optimizer, double start_factor = 1.0 / 3, double end_factor = 1,
                    int64_t total_iters = 5);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  std::vector<double> get_restart_lrs() override;
  double start_factor_, end_factor_;
  int64_t total_iters_;
};

// Shrinks by gamma every epoch.
class TENON_API ExponentialLR : public EpochLR {
 public:
  ExponentialLR(Optimizer& optimizer, double gamma);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  double gamma_;
};

// Falls to zero as a power of the epochs left.
class TENON_API PolynomialLR : public EpochLR {
 public:
  explicit PolynomialLR(Optimizer& optimizer, int64_t total_iters = 5, double power = 1);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  int64_t total_iters_;
  double power_;
};

// Down to `eta_min` along half a cosine of T_max epochs, and up again.
class TENON_API CosineAnnealingLR : public EpochLR {
 public:
  CosineAnnealingLR(Optimizer& optimizer, int64_t T_max, double eta_min = 0);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  std::vector<double> get_restart_lrs() override;
  int64_t T_max_;
  double eta_min_;
};

// Along half a cosine, over and over, each T_mult times as long as the one before.
class TENON_API CosineAnnealingWarmRestarts : public EpochLR {
 public:
  CosineAnnealingWarmRestarts(Optimizer& optimizer, int64_t T_0, int64_t T_mult = 1, double eta_min = 0);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  std::vector<double> get_restart_lrs() override { return get_lrs(); }
  int64_t T_0_, T_mult_;
  double eta_min_;
};

// Up once and then far down, with the momentum going the other way; after Smith. With three phases it goes down as it
// went up, and then far down.
class TENON_API OneCycleLR : public EpochLR {
 public:
  enum Strategy { cos, linear };
  OneCycleLR(Optimizer& optimizer, double max_lr, int64_t total_steps, double pct_start = 0.3,
             Strategy anneal_strategy = cos, bool cycle_momentum = true, double base_momentum = 0.85,
             double max_momentum = 0.95, double div_factor = 25, double final_div_factor = 1e4,
             bool three_phase = false);

 private:
  // Until epoch `end`, from one learning rate and momentum to others.
  struct Phase {
    double end, lr, next_lr, momentum, next_momentum;
  };
  double next_lr(size_t group, double lr, int64_t epoch) override;
  std::vector<double> get_restart_lrs() override { return get_lrs(); }
  int64_t total_steps_;
  Strategy strategy_;
  bool cycle_momentum_;
  std::vector<Phase> phases_;
};

// Up and down between two bounds, with the momentum going the other way; after Smith.
class TENON_API CyclicLR : public EpochLR {
 public:
  enum Mode { triangular, triangular2, exp_range };
  // A step_size_down of zero is step_size_up.
  CyclicLR(Optimizer& optimizer, double base_lr, double max_lr, int64_t step_size_up = 2000, int64_t step_size_down = 0,
           Mode mode = triangular, double gamma = 1, bool cycle_momentum = true, double base_momentum = 0.8,
           double max_momentum = 0.9);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  std::vector<double> get_restart_lrs() override { return get_lrs(); }
  double low_, high_;
  double up_, total_;
  Mode mode_;
  double gamma_;
  bool cycle_momentum_;
  double base_momentum_, max_momentum_;
};

}  // namespace tenon::optim
