// Averages of a model's parameters over its training, as torch.optim.swa_utils has them.
#pragma once

#include <functional>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "tenon/base/grad_mode.h"
#include "tenon/nn/arg.h"
#include "tenon/nn/module.h"
#include "tenon/optim/schedulers/epoch_lr.h"

namespace tenon::optim::swa_utils {

// The new average, of the old one, the parameter's value, and how many values are in it.
using AvgFn = std::function<Tensor(const Tensor& average, const Tensor& value, const Tensor& num_averaged)>;
// Updates averages of one device and dtype.
using MultiAvgFn = std::function<void(const std::vector<Tensor>& averages, const std::vector<Tensor>& values,
                                      const Tensor& num_averaged)>;

// Averages that move to the value by 1 - decay; or that weigh all values alike.
TENON_API AvgFn get_ema_avg_fn(double decay = 0.999);
TENON_API AvgFn get_swa_avg_fn();
TENON_API MultiAvgFn get_ema_multi_avg_fn(double decay = 0.999);
TENON_API MultiAvgFn get_swa_multi_avg_fn();

struct AveragedModelOptions {
  TENON_ARG(optional<Device>, device);
  // At most one of these; with neither, all values weigh alike.
  TENON_ARG(AvgFn, avg_fn);
  TENON_ARG(MultiAvgFn, multi_avg_fn);
  // Whether buffers are averaged too, and not copied.
  TENON_ARG(bool, use_buffers) = false;
};

// What averages of every model do alike.
class TENON_API AveragedModelBase : public nn::Module {
 public:
  // Takes the parameters of `model` into the averages.
  void update_parameters(const nn::Module& model);

  Tensor n_averaged;

 protected:
  AveragedModelBase(std::shared_ptr<nn::Module> module, AveragedModelOptions options);

 private:
  AveragedModelOptions options_;
};

template <class Model>
class AveragedModelImpl : public AveragedModelBase {
 public:
  explicit AveragedModelImpl(const Model& model, AveragedModelOptions options = {})
      : AveragedModelImpl(
            Model(std::static_pointer_cast<typename Model::ContainedType>(model->clone(options.device()))), options,
            true) {}

  // What the averaged model makes of its inputs.
  template <class... Args>
  auto forward(Args&&... args) {
    return module(std::forward<Args>(args)...);
  }

  Model module;

 private:
  AveragedModelImpl(Model copy, AveragedModelOptions options, bool)
      : AveragedModelBase(copy.ptr(), std::move(options)), module(std::move(copy)) {}
};

// A copy of a model, which must be Cloneable, whose parameters are averages of the model's.
template <class Model>
class AveragedModel : public nn::ModuleHolder<AveragedModelImpl<Model>> {
 public:
  explicit AveragedModel(const Model& model, AveragedModelOptions options = {})
      : nn::ModuleHolder<AveragedModelImpl<Model>>(
            std::make_shared<AveragedModelImpl<Model>>(model, std::move(options))) {}
};

// Learning rates that change to those of averaging over some epochs, and stay there.
class TENON_API SWALR : public EpochLR {
 public:
  enum Strategy { cos, linear };
  SWALR(Optimizer& optimizer, double swa_lr, int64_t anneal_epochs = 10, Strategy anneal_strategy = cos);

 private:
  double next_lr(size_t group, double lr, int64_t epoch) override;
  std::vector<double> get_restart_lrs() override { return get_lrs(); }
  double annealed(double part) const;
  double swa_lr_;
  int64_t anneal_epochs_;
  Strategy strategy_;
};

namespace detail {
// While it lives, the batch normalisations of a model compute their statistics anew, as equal averages.
class TENON_API FreshStatistics {
 public:
  explicit FreshStatistics(nn::Module& model);
  ~FreshStatistics();
  FreshStatistics(const FreshStatistics&) = delete;
  bool any() const { return !momenta_.empty(); }

 private:
  nn::Module& model_;
  bool was_training_;
  std::vector<std::pair<optional<double>*, optional<double>>> momenta_;
};

inline const Tensor& input_of(const Tensor& batch) { return batch; }
template <class Batch>
requires requires(const Batch& batch) { batch.data; }
const Tensor& input_of(const Batch& batch) { return batch.data; }
}  // namespace detail

// Computes the statistics of batch normalisation anew, from all batches of `loader`: tensors, or examples with `data`.
template <class Loader, class Model>
void update_bn(Loader&& loader, Model& model, optional<Device> device = nullopt) {
  NoGradGuard no_grad;
  detail::FreshStatistics fresh(*model);
  if (!fresh.any()) return;
  for (auto&& batch : loader) {
    const Tensor& input = detail::input_of(batch);
    model->forward(device ? input.to(*device) : input);
  }
}

}  // namespace tenon::optim::swa_utils
