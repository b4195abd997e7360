// Learning rates that shrink by gamma every `step_size` epochs. As in libtorch the first step() changes nothing.
#pragma once

#include "tenon/optim/schedulers/lr_scheduler.h"

namespace tenon::optim {

class TENON_API StepLR : public LRScheduler {
 public:
  StepLR(Optimizer& optimizer, unsigned step_size, double gamma = 0.1);

 private:
  std::vector<double> get_lrs() override;

  unsigned step_size_;
  double gamma_;
};

}  // namespace tenon::optim
