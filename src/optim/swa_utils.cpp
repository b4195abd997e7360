// Averages of a model's parameters; see swa_utils.h.
#include "tenon/optim/swa_utils.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tenon/nn/normalization.h"
#include "tenon/ops/ops.h"

namespace tenon::optim::swa_utils {
namespace {

void check_decay(double decay) {
  TENON_CHECK_VALUE(0 <= decay && decay <= 1, "Invalid decay value ", decay,
                    " provided. Please provide a value in [0,1] range.");
}

// Calls visit(members) for the batch normalisations of a model.
template <class Visit>
void for_each_norm(nn::Module& model, const Visit& visit) {
  model.apply(nn::Module::ModuleApplyFunction([&](nn::Module& module) {
    if (auto* norm = module.as<nn::BatchNorm1d>()) visit(*norm);
    if (auto* norm = module.as<nn::BatchNorm2d>()) visit(*norm);
    if (auto* norm = module.as<nn::BatchNorm3d>()) visit(*norm);
  }));
}

std::vector<Tensor> values_of(const nn::Module& model, bool with_buffers) {
  std::vector<Tensor> values = model.parameters();
  if (with_buffers) {
    const std::vector<Tensor> buffers = model.buffers();
    values.insert(values.end(), buffers.begin(), buffers.end());
  }
  for (Tensor& value : values) value = value.detach();
  return values;
}

}  // namespace

AvgFn get_ema_avg_fn(double decay) {
  check_decay(decay);
  return [decay](const Tensor& average, const Tensor& value, const Tensor&) {
    return decay * average + (1 - decay) * value;
  };
}

AvgFn get_swa_avg_fn() {
  return [](const Tensor& average, const Tensor& value, const Tensor& num_averaged) {
    return average + (value - average) / (num_averaged + 1);
  };
}

MultiAvgFn get_ema_multi_avg_fn(double decay) {
  check_decay(decay);
  return [decay](const std::vector<Tensor>& averages, const std::vector<Tensor>& values, const Tensor&) {
    for (size_t i = 0; i < averages.size(); ++i) {
      if (is_differentiable(averages[i].dtype())) {
        averages[i].lerp_(values[i], 1 - decay);
      } else {
        averages[i].copy_(averages[i] * decay + values[i] * (1 - decay));
      }
    }
  };
}

MultiAvgFn get_swa_multi_avg_fn() {
  return [](const std::vector<Tensor>& averages, const std::vector<Tensor>& values, const Tensor& num_averaged) {
    const Tensor weight = 1 / (num_averaged + 1);
    for (size_t i = 0; i < averages.size(); ++i) {
      if (is_differentiable(averages[i].dtype())) {
        averages[i].lerp_(values[i], weight.item<double>());
      } else {
        averages[i].add_(values[i] - averages[i], weight.item<double>());
      }
    }
  };
}

AveragedModelBase::AveragedModelBase(std::shared_ptr<nn::Module> module, AveragedModelOptions options)
    : nn::Module("AveragedModel"), options_(std::move(options)) {
  TENON_CHECK(!options_.avg_fn() || !options_.multi_avg_fn(), "Only one of avg_fn and multi_avg_fn should be provided");
  n_averaged = register_buffer("n_averaged", zeros({}, TensorOptions(kLong).device(options_.device().value_or(kCPU))));
  register_module("module", std::move(module));
}

void AveragedModelBase::update_parameters(const nn::Module& model) {
  NoGradGuard no_grad;
  nn::Module& own = *children()[0];
  const std::vector<Tensor> averages = values_of(own, options_.use_buffers());
  std::vector<Tensor> values = values_of(model, options_.use_buffers());
  TENON_CHECK(averages.size() == values.size(), "update_parameters: the averaged model has ", averages.size(),
              " parameters and buffers, the other ", values.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = values[i].to(averages[i].device());
  if (n_averaged.item<int64_t>() == 0) {
    for (size_t i = 0; i < values.size(); ++i) averages[i].copy_(values[i]);
  } else if (options_.avg_fn()) {
    for (size_t i = 0; i < values.size(); ++i) {
      averages[i].copy_(options_.avg_fn()(averages[i], values[i], n_averaged.to(averages[i].device())));
    }
  } else {
    const MultiAvgFn update = options_.multi_avg_fn() ? options_.multi_avg_fn() : get_swa_multi_avg_fn();
    std::vector<bool> done(averages.size());
    for (size_t i = 0; i < averages.size(); ++i) {
      if (done[i]) continue;
      std::vector<Tensor> alike, others;
      for (size_t k = i; k < averages.size(); ++k) {
        if (averages[k].dtype() != averages[i].dtype() || averages[k].device() != averages[i].device()) continue;
        alike.push_back(averages[k]);
        others.push_back(values[k]);
        done[k] = true;
      }
      update(alike, others, n_averaged.to(averages[i].device()));
    }
  }
  if (!options_.use_buffers()) {
    const std::vector<Tensor> kept = own.buffers(), current = model.buffers();
    for (size_t i = 0; i < std::min(kept.size(), current.size()); ++i) kept[i].copy_(current[i]);
  }
  n_averaged.add_(1);
}

SWALR::SWALR(Optimizer& optimizer, double swa_lr, int64_t anneal_epochs, Strategy anneal_strategy)
    : EpochLR(optimizer), swa_lr_(swa_lr), anneal_epochs_(anneal_epochs), strategy_(anneal_strategy) {
  TENON_CHECK_VALUE(anneal_epochs >= 0, "anneal_epochs must be equal or greater than 0, got ", anneal_epochs);
  step();
}

double SWALR::annealed(double part) const {
  part = std::clamp(part, 0.0, 1.0);
  return strategy_ == cos ? (1 - std::cos(std::numbers::pi * part)) / 2 : part;
}

double SWALR::next_lr(size_t, double lr, int64_t epoch) {
  const auto length = static_cast<double>(std::max<int64_t>(1, anneal_epochs_));
  const auto at = static_cast<double>(anneal_epochs_ == 0 ? std::max<int64_t>(1, epoch) : epoch);
  const double before = annealed((at - 1) / length), now = annealed(at / length);
  const double initial = before == 1 ? swa_lr_ : (lr - before * swa_lr_) / (1 - before);
  return swa_lr_ * now + initial * (1 - now);
}

detail::FreshStatistics::FreshStatistics(nn::Module& model) : model_(model), was_training_(model.is_training()) {
  for_each_norm(model, [&](auto& norm) {
    norm.reset_running_stats();
    momenta_.emplace_back(&norm.options.momentum(), norm.options.momentum());
  });
  if (momenta_.empty()) return;
  model.train();
  for (auto& [place, momentum] : momenta_) place->reset();
}

detail::FreshStatistics::~FreshStatistics() {
  if (momenta_.empty()) return;
  for (auto& [place, momentum] : momenta_) *place = momentum;
  model_.train(was_training_);
}

}  // namespace tenon::optim::swa_utils
