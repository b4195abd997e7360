// The base of the schedules of learning rates. The optimizer must outlive its schedule.
#pragma once

#include <vector>

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

class TENON_API LRScheduler {
 public:
  explicit LRScheduler(Optimizer& optimizer);
  virtual ~LRScheduler() = default;
  // Sets the learning rates of the groups, and goes on to the next epoch.
  virtual void step();
  // The learning rates that the groups have.
  std::vector<double> get_last_lr() const { return get_current_lrs(); }

 protected:
  // The learning rate of each group for epoch step_count_.
  virtual std::vector<double> get_lrs() = 0;
  // Those of epoch 0, if other schedules had their time before.
  virtual std::vector<double> get_restart_lrs() { return base_lrs_; }
  std::vector<double> get_current_lrs() const;
  Optimizer& optimizer() { return optimizer_; }

  unsigned step_count_ = 0;
  // Those before all schedules of the optimizer.
  std::vector<double> base_lrs_;

 private:
  friend class SequentialLR;
  friend class ChainedScheduler;

  void set_lrs(const std::vector<double>& lrs);
  // Set those of epoch 0 again: as the first schedule, or after others.
  virtual void begin();
  virtual void restart();

  Optimizer& optimizer_;
};

}  // namespace tenon::optim
