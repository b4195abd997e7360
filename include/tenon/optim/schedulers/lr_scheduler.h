// The base of the schedules of learning rates. The optimizer must outlive its schedule.
#pragma once

#include <vector>

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

class TENON_API LRScheduler {
 public:
  explicit LRScheduler(Optimizer& optimizer) : optimizer_(optimizer) {}
  virtual ~LRScheduler() = default;
  // Sets the learning rates of the groups, and goes on to the next epoch.
  void step();

 protected:
  // The learning rate of each group for epoch step_count_.
  virtual std::vector<double> get_lrs() = 0;
  std::vector<double> get_current_lrs() const;
  Optimizer& optimizer() { return optimizer_; }

  unsigned step_count_ = 0;

 private:
  Optimizer& optimizer_;
};

}  // namespace tenon::optim
