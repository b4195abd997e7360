// Schedules that are made of others of one optimizer.
#pragma once

#include <memory>
#include <vector>

#include "tenon/optim/schedulers/lr_scheduler.h"

namespace tenon::optim {

using LRSchedulers = std::vector<std::shared_ptr<LRScheduler>>;

// One schedule after another, each from its milestone on, where it begins anew.
class TENON_API SequentialLR : public LRScheduler {
 public:
  SequentialLR(Optimizer& optimizer, LRSchedulers schedulers, std::vector<int64_t> milestones);
  void step() override;

 private:
  std::vector<double> get_lrs() override { return get_current_lrs(); }
  void begin() override;
  void restart() override { begin(); }
  LRSchedulers schedulers_;
  std::vector<int64_t> milestones_;
};

// Several schedules at once.
class TENON_API ChainedScheduler : public LRScheduler {
 public:
  explicit ChainedScheduler(LRSchedulers schedulers);
  void step() override;

 private:
  std::vector<double> get_lrs() override { return get_current_lrs(); }
  void begin() override;
  void restart() override;
  LRSchedulers schedulers_;
};

}  // namespace tenon::optim
