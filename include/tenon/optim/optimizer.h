// The base of the optimizers, under libtorch's names: groups of parameters with options, and a state per parameter.
#pragma once

#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tenon/nn/arg.h"
#include "tenon/tensor/tensor.h"

// The fields of options or of a state, by which they are compared and inherited.
#define TENON_OPTIM_FIELDS(...)                         \
 public:                                                \
  auto fields() { return std::tie(__VA_ARGS__); }       \
  auto fields() const { return std::tie(__VA_ARGS__); } \
  static constexpr const char* field_names = #__VA_ARGS__;

namespace tenon::optim {

class TENON_API OptimizerParamState {
 public:
  virtual ~OptimizerParamState() = default;
  virtual std::unique_ptr<OptimizerParamState> clone() const = 0;
};

template <class Derived>
class OptimizerCloneableParamState : public OptimizerParamState {
 public:
  std::unique_ptr<OptimizerParamState> clone() const override {
    return std::make_unique<Derived>(static_cast<const Derived&>(*this));
  }
};

class TENON_API OptimizerOptions {
 public:
  virtual ~OptimizerOptions() = default;
  virtual std::unique_ptr<OptimizerOptions> clone() const = 0;
  virtual double get_lr() const = 0;
  virtual void set_lr(double lr) = 0;
  // Sets the momentum, or the first of the betas; false where there is neither.
  virtual bool set_momentum(double momentum) = 0;
  // Takes from `defaults` each option that is as a constructor leaves it.
  virtual void inherit(const OptimizerOptions& defaults) = 0;
};

template <class Derived>
class OptimizerCloneableOptions : public OptimizerOptions {
 public:
  std::unique_ptr<OptimizerOptions> clone() const override { return std::make_unique<Derived>(own()); }
  double get_lr() const override { return own().lr(); }
  void set_lr(double lr) override { own().lr(lr); }
  bool set_momentum(double momentum) override {
    if constexpr (requires { own().momentum(momentum); }) {
      own().momentum(momentum);
      return true;
    } else if constexpr (requires { own().betas(); }) {
      std::get<0>(own().betas()) = momentum;
      return true;
    } else {
      return false;
    }
  }
  void inherit(const OptimizerOptions& defaults) override {
    const Derived fresh;
    auto values = own().fields();
    const auto untouched = fresh.fields();
    const auto inherited = static_cast<const Derived&>(defaults).fields();
    [&]<size_t... I>(std::index_sequence<I...>) {
      ((std::get<I>(values) == std::get<I>(untouched) ? void(std::get<I>(values) = std::get<I>(inherited)) : void()),
       ...);
    }
    (std::make_index_sequence<std::tuple_size_v<decltype(values)>>());
  }

  friend bool operator==(const Derived& a, const Derived& b) { return a.fields() == b.fields(); }

 private:
  Derived& own() { return static_cast<Derived&>(*this); }
  const Derived& own() const { return static_cast<const Derived&>(*this); }
};

class TENON_API OptimizerParamGroup {
 public:
  OptimizerParamGroup(std::vector<Tensor> params) : params_(std::move(params)) {}
  OptimizerParamGroup(std::vector<Tensor> params, std::unique_ptr<OptimizerOptions> options)
      : params_(std::move(params)), options_(std::move(options)) {}
  OptimizerParamGroup(const OptimizerParamGroup& other)
      : params_(other.params_),
        options_(other.options_ ? other.options_->clone() : nullptr),
        initial_lr_(other.initial_lr_) {}
  OptimizerParamGroup(OptimizerParamGroup&&) = default;
  OptimizerParamGroup& operator=(const OptimizerParamGroup&) = delete;
  OptimizerParamGroup& operator=(OptimizerParamGroup&&) = default;

  bool has_options() const { return options_ != nullptr; }
  OptimizerOptions& options();
  const OptimizerOptions& options() const;
  void set_options(std::unique_ptr<OptimizerOptions> options) { options_ = std::move(options); }
  std::vector<Tensor>& params() { return params_; }
  const std::vector<Tensor>& params() const { return params_; }
  // The learning rate before the first schedule, which schedules set.
  optional<double>& initial_lr() { return initial_lr_; }

 private:
  std::vector<Tensor> params_;
  std::unique_ptr<OptimizerOptions> options_;
  optional<double> initial_lr_;
};

class TENON_API Optimizer {
 public:
  using LossClosure = std::function<Tensor()>;
  // By the address of a parameter's TensorImpl.
  using States = std::unordered_map<void*, std::unique_ptr<OptimizerParamState>>;

  Optimizer(const std::vector<OptimizerParamGroup>& param_groups, std::unique_ptr<OptimizerOptions> defaults);
  Optimizer(std::vector<Tensor> parameters, std::unique_ptr<OptimizerOptions> defaults)
      : Optimizer({OptimizerParamGroup(std::move(parameters))}, std::move(defaults)) {}
  Optimizer(const Optimizer&) = delete;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(const Optimizer&) = delete;
  Optimizer& operator=(Optimizer&&) = default;
  virtual ~Optimizer() = default;

  // Updates the parameters by their gradients; a closure computes these and the loss again.
  virtual Tensor step(LossClosure closure = nullptr) = 0;
  void zero_grad(bool set_to_none = true);

  void add_param_group(const OptimizerParamGroup& param_group);
  // To the first group.
  void add_parameters(const std::vector<Tensor>& parameters);
  std::vector<Tensor>& parameters() noexcept { return param_groups_.at(0).params(); }
  const std::vector<Tensor>& parameters() const noexcept { return param_groups_.at(0).params(); }
  size_t size() const noexcept;
  OptimizerOptions& defaults() noexcept { return *defaults_; }
  const OptimizerOptions& defaults() const noexcept { return *defaults_; }
  std::vector<OptimizerParamGroup>& param_groups() noexcept { return param_groups_; }
  const std::vector<OptimizerParamGroup>& param_groups() const noexcept { return param_groups_; }
  States& state() noexcept { return state_; }
  const States& state() const noexcept { return state_; }

 protected:
  // The loss of a closure, which is recorded; undefined without one.
  static Tensor evaluated(const LossClosure& closure);
  // The state of a parameter, which `begin(state)` fills before its first step.
  template <class State, class Begin>
  State& state_of(const Tensor& param, Begin&& begin) {
    std::unique_ptr<OptimizerParamState>& slot = state_[param.impl()];
    if (!slot) {
      auto made = std::make_unique<State>();
      begin(*made);
      slot = std::move(made);
    }
    return static_cast<State&>(*slot);
  }

  std::vector<OptimizerParamGroup> param_groups_;
  States state_;
  std::unique_ptr<OptimizerOptions> defaults_;
};

// An optimizer over such groups, or over one group of parameters.
#define TENON_OPTIMIZER(Name, Options)                                                                           \
  class TENON_API Name : public Optimizer {                                                                      \
   public:                                                                                                       \
    explicit Name(const std::vector<OptimizerParamGroup>& param_groups, Options defaults = {});                  \
    explicit Name(std::vector<Tensor> params, Options defaults = {})                                             \
        : Name(std::vector<OptimizerParamGroup>{OptimizerParamGroup(std::move(params))}, std::move(defaults)) {} \
    Tensor step(LossClosure closure = nullptr) override;                                                         \
  };

}  // namespace tenon::optim
