// Training; see model.h.
#include <cmath>

#include "base/generator_guard.h"
#include "c/model.h"
#include "c/rows.h"
#include "tenon/base/grad_mode.h"
#include "tenon/ops/autocast.h"
#include "tenon/ops/ops.h"
#include "tenon/optim.h"

namespace tenon::c {
namespace {

template <class Optimizer, class Options>
std::unique_ptr<optim::Optimizer> make_optimizer(const nn::Sequential& layers, const tenon_training& training) {
  Options options;
  if (training.learning_rate != 0) options.lr(training.learning_rate);
  if (training.weight_decay != 0) options.weight_decay(training.weight_decay);
  if constexpr (requires { options.momentum(0.0); }) {
    options.momentum(training.momentum);
  } else {
    TENON_CHECK_VALUE(training.momentum == 0, "momentum is for SGD and RMSprop, but is ", training.momentum);
  }
  return std::make_unique<Optimizer>(layers->parameters(), std::move(options));
}

std::unique_ptr<optim::Optimizer> make_optimizer(const nn::Sequential& layers, const tenon_training& training) {
  switch (training.optimizer) {
    case TENON_ADAM:
      return make_optimizer<optim::Adam, optim::AdamOptions>(layers, training);
    case TENON_ADAMW:
      return make_optimizer<optim::AdamW, optim::AdamWOptions>(layers, training);
    case TENON_SGD:
      return make_optimizer<optim::SGD, optim::SGDOptions>(layers, training);
    case TENON_RMSPROP:
      return make_optimizer<optim::RMSprop, optim::RMSpropOptions>(layers, training);
  }
  detail::fail<ValueError>("optimizer must be one of enum tenon_optimizer, got ", training.optimizer);
}

// The numbers of classes that floats stand for.
Tensor classes_of(const Tensor& targets, int64_t count) {
  const Tensor wrong = (targets != targets.floor()) | (targets < 0) | (targets >= count);
  TENON_CHECK_VALUE(!wrong.any().item<bool>(), "targets must be classes from 0 to ", count - 1, ", got ",
                    targets.masked_select(wrong)[0].item<float>());
  return targets.to(kLong);
}

Tensor targets_of(const float* targets, size_t rows, int64_t size, int loss) {
  switch (loss) {
    case TENON_CROSS_ENTROPY:
      return classes_of(rows_of(targets, rows, 1).squeeze(1), size);
    case TENON_MSE:
    case TENON_BCE_WITH_LOGITS:
      return rows_of(targets, rows, static_cast<size_t>(size));
  }
  detail::fail<ValueError>("loss must be one of enum tenon_loss, got ", loss);
}

Tensor loss_of(int loss, const Tensor& outputs, const Tensor& targets) {
  return loss == TENON_MSE             ? mse_loss(outputs, targets)
         : loss == TENON_CROSS_ENTROPY ? cross_entropy(outputs, targets)
                                       : binary_cross_entropy_with_logits(outputs, targets);
}

int64_t given_or(int64_t value, int64_t otherwise, const char* name) {
  TENON_CHECK_VALUE(value >= 0, name, " must not be negative, got ", value);
  return value == 0 ? otherwise : value;
}

class Flag {
 public:
  explicit Flag(bool& flag) : flag_(flag) { flag_ = true; }
  ~Flag() { flag_ = false; }
  Flag(const Flag&) = delete;

 private:
  bool& flag_;
};

}  // namespace

double Model::fit(const float* inputs, size_t rows, const float* targets, const tenon_training& training) {
  std::lock_guard lock(mutex_);
  TENON_CHECK_VALUE(!is_training_, "the model is being trained");
  TENON_CHECK_VALUE(rows > 0, "there must be at least one row");
  const Flag flag(is_training_);
  const int64_t epochs = given_or(training.epochs, 10, "epochs");
  const int64_t batch_size = given_or(training.batch_size, 32, "batch_size");
  const Tensor all_inputs = rows_of(inputs, rows, input_size());
  const Tensor all_targets = targets_of(targets, rows, network_.output_size, training.loss);
  const auto optimizer = make_optimizer(network_.layers, training);
  Generator generator(training.seed);

  const auto run_epoch = [&] {
    GeneratorGuard draws(generator);
    InferenceMode ordinary(false);
    AutoGradMode grad(true);
    const autocast::Pause pause;
    network_.layers->train();
    double sum = 0;
    for (const Tensor& batch :
         randperm(static_cast<int64_t>(rows), TensorOptions(kLong).device(kCPU)).split(batch_size)) {
      optimizer->zero_grad();
      const Tensor loss =
          loss_of(training.loss, outputs_of(all_inputs.index_select(0, batch)), all_targets.index_select(0, batch));
      loss.backward();
      optimizer->step();
      sum += loss.item<double>() * static_cast<double>(batch.size(0));
    }
    return sum / static_cast<double>(rows);
  };
  const auto rest = [&] {
    network_.layers->eval();
    optimizer->zero_grad();
  };

  double loss = NAN;
  for (int64_t epoch = 1; epoch <= epochs; ++epoch) {
    try {
      loss = run_epoch();
    } catch (...) {
      rest();
      throw;
    }
    rest();
    if (training.progress && training.progress(training.user, epoch, epochs, loss) != 0) break;
  }
  return loss;
}

}  // namespace tenon::c
