// Small programs that tests/python/test_twin_scenes.py runs in Python too: what each leaves is printed exactly.
//   scene <name>
//   value <name> <dtype> <sizes, with commas> <elements>
#include <cstdio>
#include <string>

#include "tenon/tenon.h"

namespace {

using namespace tenon;
using namespace tenon::nn;
namespace prune = tenon::nn::utils::prune;
namespace parametrize = tenon::nn::utils::parametrize;
using Params = std::vector<Tensor>;

void value(const std::string& name, const Tensor& tensor) {
  std::string sizes;
  for (int64_t size : tensor.sizes()) sizes += std::to_string(size) + ",";
  std::printf("value %s %s %s", name.c_str(), dtype_name(tensor.dtype()), sizes.empty() ? "-" : sizes.c_str());
  const Tensor values = tensor.detach().contiguous().view(-1).to(kDouble);
  for (int64_t i = 0; i < values.numel(); ++i) std::printf(" %a", values.const_data_ptr<double>()[i]);
  std::printf("\n");
}
void value(const std::string& name, double number) { value(name, full({}, number, kDouble)); }

void state(const Module& module) {
  for (const auto& item : state_dict(module)) value(item.key(), item.value());
}
void gradients(const Module& module) {
  for (const auto& item : module.named_parameters()) {
    if (item->grad().defined()) value("gradient of " + item.key(), item->grad());
  }
}

Tensor numbers(const std::vector<int64_t>& sizes) { return rand(sizes) - 0.5; }

// Calls a module twice, with a step of descent between.
template <class Holder>
void train(Holder& module, const Tensor& x) {
  optim::SGD optimizer(module->parameters(), 0.1);
  for (int i = 0; i < 2; ++i) {
    optimizer.zero_grad();
    const Tensor out = module(x);
    value("out" + std::to_string(i), out);
    (out * out).sum().backward();
    optimizer.step();
  }
  gradients(*module);
  state(*module);
}

// --- schedules

using Schedule = std::shared_ptr<optim::LRScheduler>;

void run_schedule(optim::Optimizer& optimizer, optim::LRScheduler& schedule) {
  for (int i = 0; i < 14; ++i) {
    const auto& options = static_cast<const optim::SGDOptions&>(optimizer.param_groups()[0].options());
    value("lr" + std::to_string(i), options.lr());
    value("momentum" + std::to_string(i), options.momentum());
    optimizer.step();
    schedule.step();
  }
}

template <class Make>
void scheduled(const Make& make) {
  optim::SGD optimizer(Params{ones({1}).requires_grad_()}, optim::SGDOptions(0.3).momentum(0.9));
  const Schedule schedule = make(optimizer);
  run_schedule(optimizer, *schedule);
}

#define SCHEDULE(name, ...)                                                                                   \
  void scene_##name() {                                                                                       \
    scheduled([](optim::Optimizer& o) -> Schedule { return std::make_shared<optim::name>(o, __VA_ARGS__); }); \
  }
SCHEDULE(LambdaLR, [](int64_t e) { return 1.0 / (1 + static_cast<double>(e)); })
SCHEDULE(MultiplicativeLR, [](int64_t) { return 0.95; })
SCHEDULE(MultiStepLR, std::vector<int64_t>{2, 3, 3, 7}, 0.3)
SCHEDULE(ConstantLR, 0.3, 3)
SCHEDULE(LinearLR, 0.2, 0.9, 4)
SCHEDULE(ExponentialLR, 0.7)
SCHEDULE(PolynomialLR, 6, 1.7)
SCHEDULE(CosineAnnealingLR, 5, 0.01)
SCHEDULE(CosineAnnealingWarmRestarts, 2, 2, 0.1)
SCHEDULE(OneCycleLR, 0.5, 20)
SCHEDULE(CyclicLR, 0.1, 0.5, 2, 3, optim::CyclicLR::exp_range, 0.9)

void scene_OneCycleThreePhases() {
  scheduled([](optim::Optimizer& o) -> Schedule {
    return std::make_shared<optim::OneCycleLR>(o, 0.5, 20, 0.4, optim::OneCycleLR::linear, true, 0.85, 0.95, 25, 1e4,
                                               true);
  });
}

void scene_SequentialLR() {
  scheduled([](optim::Optimizer& o) -> Schedule {
    optim::LRSchedulers parts = {
        std::make_shared<optim::LinearLR>(o, 0.1, 1.0, 3), std::make_shared<optim::ExponentialLR>(o, 0.8),
        std::make_shared<optim::CosineAnnealingLR>(o, 4), std::make_shared<optim::StepLR>(o, 2, 0.5)};
    return std::make_shared<optim::SequentialLR>(o, std::move(parts), std::vector<int64_t>{3, 6, 10});
  });
}

void scene_ChainedScheduler() {
  scheduled([](optim::Optimizer& o) -> Schedule {
    return std::make_shared<optim::ChainedScheduler>(optim::LRSchedulers{std::make_shared<optim::ConstantLR>(o, 0.1, 4),
                                                                         std::make_shared<optim::ExponentialLR>(o, 0.9),
                                                                         std::make_shared<optim::StepLR>(o, 3, 0.5)});
  });
}

void scene_SWALR() {
  scheduled([](optim::Optimizer& o) -> Schedule { return std::make_shared<optim::swa_utils::SWALR>(o, 0.05, 6); });
}

// --- optimizers

template <class Make>
void stepped(const std::vector<std::vector<int64_t>>& shapes, const Make& make) {
  Params params;
  for (const auto& shape : shapes) params.push_back(numbers(shape).requires_grad_());
  const auto optimizer = make(params);
  for (int i = 0; i < 10; ++i) {
    for (const Tensor& param : params) param.mutable_grad() = param.detach() * 0.5 + 0.25 * (i % 3) - 0.2;
    optimizer->step();
  }
  for (size_t i = 0; i < params.size(); ++i) value("param" + std::to_string(i), params[i]);
}

void scene_Adafactor() {
  stepped({{7, 33}, {65}, {2, 3, 17, 5}, {300, 400}, {}}, [](const Params& p) {
    return std::make_unique<optim::Adafactor>(p, optim::AdafactorOptions(0.05).weight_decay(0.1).d(1.5));
  });
}
void scene_Muon() {
  stepped({{6, 9}, {12, 5}, {8, 8}}, [](const Params& p) {
    return std::make_unique<optim::Muon>(p, optim::MuonOptions(0.02).adjust_lr_fn("match_rms_adamw"));
  });
}
void scene_SparseAdam() {
  const Tensor table = numbers({40, 7}).requires_grad_(), flat = numbers({50}).requires_grad_();
  optim::SparseAdam optimizer(Params{table, flat}, optim::SparseAdamOptions(0.1).betas({0.8, 0.9}));
  for (int i = 0; i < 5; ++i) {
    optimizer.zero_grad();
    const Tensor rows = randint(40, {9});
    (table.index_select(0, rows).pow(2).sum() + flat.index_select(0, rows).sin().sum()).backward();
    optimizer.step();
  }
  value("table", table);
  value("flat", flat);
}

// --- averages

void scene_AveragedModel() {
  namespace swa = optim::swa_utils;
  Sequential model(Linear(4, 3), BatchNorm1d(3));
  swa::AveragedModel equal(model),
      moving(model, swa::AveragedModelOptions().multi_avg_fn(swa::get_ema_multi_avg_fn(0.9)));
  swa::AveragedModel single(model, swa::AveragedModelOptions().avg_fn(swa::get_ema_avg_fn(0.8)).use_buffers(true));
  optim::SGD optimizer(model->parameters(), 0.1);
  std::vector<Tensor> batches;
  for (int i = 0; i < 4; ++i) {
    batches.push_back(numbers({5, 4}));
    optimizer.zero_grad();
    model->forward(batches.back()).pow(2).sum().backward();
    optimizer.step();
    equal->update_parameters(*model);
    moving->update_parameters(*model);
    single->update_parameters(*model);
  }
  swa::update_bn(batches, equal);
  value("out", equal->forward(batches[0]));
  state(*equal);
  for (const auto& item : state_dict(*moving)) value("moving " + item.key(), item.value());
  for (const auto& item : state_dict(*single)) value("single " + item.key(), item.value());
}

// --- mixed precision

void scene_autocast() {
  Linear first(8, 16), last(16, 4);
  Sequential model(first, ReLU(), last);
  optim::SGD optimizer(model->parameters(), 0.1);
  amp::GradScaler scaler(kCPU, amp::GradScalerOptions().init_scale(4).growth_interval(2));
  for (int i = 0; i < 5; ++i) {
    optimizer.zero_grad();
    Tensor out, loss;
    {
      amp::autocast region(kCPU);
      out = model->forward(numbers({5, 8}));
      loss = cross_entropy(out, randint(4, {5}));
    }
    if (i == 3) loss = loss * std::numeric_limits<double>::infinity();
    scaler.scale(loss).backward();
    if (i % 2) scaler.unscale_(optimizer);
    scaler.step(optimizer);
    scaler.update();
    value("out" + std::to_string(i), out);
    value("loss" + std::to_string(i), loss);
    value("scale" + std::to_string(i), scaler.get_scale());
  }
  gradients(*model);
  state(*model);
}

template <class Holder, class Last>
void recurrent(Holder module, const Last& last) {
  const Tensor x = numbers({5, 3, 4}).requires_grad_();
  Tensor out, hidden;
  {
    amp::autocast region(kCPU);
    std::tie(out, hidden) = last(module->forward(x));
  }
  value("out", out);
  value("hidden", hidden);
  (out.to(kFloat).sum() + hidden.to(kFloat).pow(2).sum()).backward();
  value("gradient of x", x.grad());
  gradients(*module);
}

void scene_autocast_RNN() {
  recurrent(RNN(RNNOptions(4, 6).num_layers(2)), [](const auto& result) { return result; });
}
void scene_autocast_GRU() {
  recurrent(GRU(GRUOptions(4, 6).num_layers(2).bidirectional(true)), [](const auto& result) { return result; });
}
void scene_autocast_LSTM() {
  recurrent(LSTM(LSTMOptions(4, 6)),
            [](const auto& result) { return std::make_tuple(std::get<0>(result), std::get<1>(std::get<1>(result))); });
}

void scene_autocast_dtypes() {
  const Tensor a = numbers({4, 4}), b = numbers({4, 4}), half = a.to(kBFloat16), wide = a.to(kDouble);
  amp::autocast region(kCPU);
  value("mm", a.mm(b));
  value("matmul", matmul(half, b));
  value("double", wide.mm(wide));
  value("linear", linear(a, b, a[0]));
  value("conv2d", conv2d(a.view({1, 1, 4, 4}), b.view({1, 1, 4, 4})));
  value("in place", a.clone().addmm_(a, b));
  value("softmax", a.softmax(1));
  value("exp", half.exp());
  value("prod", half.prod());
  value("mse_loss", mse_loss(half, b));
  value("cat", cat({half, b}));
  value("rfft", view_as_real(fft_rfft(half)));
  value("avg_pool3d", avg_pool3d(half.view({1, 1, 1, 4, 4}), {1, 2, 2}));
  {
    amp::autocast off(kCPU, nullopt, false);
    value("off", a.mm(b));
    amp::autocast other(kCPU, kHalf);
    value("half", a.mm(b));
  }
  value("again", a.mm(b));
}

// --- modules

void scene_lazy_modules() {
  Sequential model(LazyConv2d(4, 3), LazyBatchNorm2d(), ReLU(), LazyConvTranspose2d(2, 2), LazyInstanceNorm2d(),
                   Flatten(), LazyLinear(5));
  const Tensor x = numbers({2, 3, 6, 5});
  for (int i = 0; i < 2; ++i) {
    const Tensor out = model->forward(x);
    optim::SGD optimizer(model->parameters(), 0.1);
    optimizer.zero_grad();
    value("out" + std::to_string(i), out);
    (out * out).sum().backward();
    optimizer.step();
  }
  gradients(*model);
  state(*model);
}
template <class Model>
void show_lazy(Model model, const Tensor& x) {
  const Tensor out = model->forward(x);
  value("out", out);
  out.exp().mean().backward();
  gradients(*model);
  state(*model);
}
void scene_lazy_modules_of_other_dims() {
  show_lazy(Sequential(LazyConv1d(4, 3), LazyBatchNorm1d(), LazyConvTranspose1d(2, 2), LazyInstanceNorm1d()),
            numbers({2, 3, 7}));
  show_lazy(Sequential(LazyConv3d(2, 2), LazyBatchNorm3d(), LazyConvTranspose3d(2, 2), LazyInstanceNorm3d()),
            numbers({2, 1, 3, 4, 3}));
}
void scene_containers() {
  Linear a(3, 2), b(2, 3);
  ModuleList list(a, b);
  list->push_back(Linear(3, 1));
  value("of the list", list[2]->as<Linear>()->forward(b(a(numbers({2, 3})))));
  state(*list);
  ModuleDict dict(OrderedDict<std::string, std::shared_ptr<Module>>({{"one", a.ptr()}, {"two", b.ptr()}}));
  state(*dict);
  ParameterList parameters(numbers({2}));
  parameters->append(numbers({1, 2}));
  parameters->append(numbers({}));
  state(*parameters);
  ParameterDict named;
  named->insert("p", numbers({2}));
  named->insert("q", numbers({3}));
  value("q", named->get("q"));
  state(*named);
}

void scene_lazy_modules_loaded() {
  Linear full(3, 4);
  LazyLinear lazy(4);
  load_state_dict(*lazy, state_dict(*full));
  train(lazy, numbers({2, 3}));
}

struct KeepImpl : Module {
  KeepImpl() {
    kept = register_buffer("kept", ones({2}));
    scratch = register_buffer("scratch", zeros({2}), false);
    fc = register_module("fc", Linear(2, 2));
  }
  Tensor forward(const Tensor& x) { return fc(x) * kept + scratch; }
  Tensor kept, scratch;
  Linear fc{nullptr};
};
TENON_MODULE(Keep);

void scene_buffers_that_are_not_persistent() {
  Keep module;
  module->fc->requires_grad_(false);
  module->fc->weight.requires_grad_();
  train(module, numbers({3, 2}));
}

void scene_hooks() {
  Linear module(3, 2);
  module->register_forward_pre_hook([](Module&, Params& inputs) { inputs[0] = inputs[0] * 2; });
  module->register_forward_hook([](Module&, const Params& inputs, Params& outputs) {
    value("seen input", inputs[0]);
    outputs[0] = outputs[0] + 1;
  });
  module->register_full_backward_pre_hook([](Module&, Params& grads) { grads[0] = grads[0] * 3; });
  module->register_full_backward_hook([](Module&, Params& grads, const Params& grad_outputs) {
    value("seen gradient of input", grads[0]);
    value("seen gradient of output", grad_outputs[0]);
    grads[0] = grads[0] * 0.5;
  });
  auto once = module->register_forward_pre_hook([](Module&, Params& inputs) { inputs[0] = inputs[0] - 1; }, true);
  const Tensor x = numbers({4, 3}).requires_grad_();
  const Tensor first = module(x);
  once.remove();
  const Tensor second = module(x);
  (first * second).sum().backward();
  value("first", first);
  value("second", second);
  value("gradient of x", x.grad());
  gradients(*module);
}

void scene_state_dict_hooks() {
  Sequential model(Linear(2, 2));
  model[0]->register_state_dict_post_hook(
      [](const Module&, StateDict& state, const std::string& prefix) { state.insert(prefix + "extra", ones({1})); });
  const StateDict saved = state_dict(*model);
  for (const auto& item : saved) value(item.key(), item.value());
  Sequential other(Linear(2, 2));
  other[0]->register_load_state_dict_post_hook([](Module&, LoadReport& report) { report.unexpected_keys.clear(); });
  load_state_dict(*other, saved);
  value("loaded", other->forward(ones({1, 2})));
}

void scene_load_state_dict_assign() {
  Linear module(2, 2);
  StateDict given;
  given.insert("weight", numbers({2, 2}).to(kDouble));
  given.insert("bias", numbers({2}).to(kDouble));
  load_state_dict(*module, given, true, true);
  given["weight"].fill_(0.25);
  state(*module);
  value("out", module(ones({1, 2}, kDouble)));
}

// --- utilities

void scene_weight_norm() {
  Linear module(3, 4);
  utils::weight_norm(module);
  train(module, numbers({2, 3}));
  utils::remove_weight_norm(module);
  value("removed", module(numbers({2, 3})));
  state(*module);
}
void scene_weight_norm_of_all() {
  Conv1d module(2, 3, 2);
  utils::weight_norm(module, "weight", nullopt);
  train(module, numbers({2, 2, 4}));
}
void scene_parametrized_weight_norm() {
  Linear module(3, 4);
  utils::parametrizations::weight_norm(module, "weight", 1);
  train(module, numbers({2, 3}));
  parametrize::remove_parametrizations(module, "weight");
  state(*module);
}
void scene_spectral_norm() {
  Conv2d module(2, 3, 2);
  utils::spectral_norm(module, "weight", 2);
  train(module, numbers({1, 2, 4, 4}));
  utils::remove_spectral_norm(module);
  state(*module);
}
void scene_parametrized_spectral_norm() {
  ConvTranspose2d module(2, 3, 2);
  utils::parametrizations::spectral_norm(module);
  train(module, numbers({1, 2, 4, 4}));
  module->eval();
  value("evaluated", module(numbers({1, 2, 4, 4})));
}

void scene_orthogonal() {
  Linear square(4, 4), wide(5, 3), tall(3, 5), plain(3, 5);
  utils::parametrizations::orthogonal(square);
  utils::parametrizations::orthogonal(wide, "weight", "cayley");
  utils::parametrizations::orthogonal(tall);
  utils::parametrizations::orthogonal(plain, "weight", "householder", false);
  train(square, numbers({2, 4}));
  train(wide, numbers({2, 5}));
  train(tall, numbers({2, 3}));
  train(plain, numbers({2, 3}));
}

struct Symmetric : parametrize::Parametrization {
  TENON_COPYABLE(Symmetric)
  Tensor forward(const Params& originals) override { return originals[0].triu() + originals[0].triu(1).t(); }
};
struct Doubled : parametrize::Parametrization {
  TENON_COPYABLE(Doubled)
  Tensor forward(const Params& originals) override { return originals[0] * 2; }
  Params right_inverse(const Tensor& value) override { return {value / 2}; }
};

void scene_parametrizations_in_a_row() {
  Linear module(3, 3);
  parametrize::register_parametrization(module, "weight", std::make_shared<Doubled>());
  parametrize::register_parametrization(module, "weight", std::make_shared<Symmetric>());
  train(module, numbers({2, 3}));
  Linear copy(std::static_pointer_cast<LinearImpl>(module->clone()));
  value("of the copy", copy(numbers({2, 3})));
  parametrize::remove_parametrizations(module, "weight", false);
  state(*module);
}

void scene_recurrent_weights_replaced() {
  GRU gru(GRUOptions(3, 4).num_layers(2));
  const auto show = [&](const std::string& name) {
    value(name, std::get<0>(gru(numbers({2, 5, 3}))));
    state(*gru);
  };
  utils::parametrizations::weight_norm(gru, "weight_hh_l0");
  {
    NoGradGuard no_grad;
    gru->named_parameters()["parametrizations.weight_hh_l0.original0"].mul_(2);
  }
  show("parametrized");
  parametrize::remove_parametrizations(gru, "weight_hh_l0");
  utils::weight_norm(gru, "weight_ih_l1");
  utils::spectral_norm(gru, "weight_hh_l1");
  show("normalized");
  utils::remove_weight_norm(gru, "weight_ih_l1");
  prune::l1_unstructured(gru, "weight_ih_l1", 0.5);
  prune::l1_unstructured(gru, "bias_hh_l0", 3);
  show("pruned");
  prune::remove(gru, "weight_ih_l1");
  utils::remove_spectral_norm(gru, "weight_hh_l1");
  show("removed");

  LSTMCell cell(3, 4);
  utils::parametrizations::spectral_norm(cell, "weight_hh");
  const auto [h, c] = cell(numbers({2, 3}));
  value("of the cell", h + c);
  state(*cell);
}

void scene_prune() {
  Linear a(6, 5), b(5, 4);
  prune::l1_unstructured(a, "weight", 0.3);
  prune::random_unstructured(a, "weight", 4);
  prune::random_unstructured(a, "bias", 0.4);
  prune::ln_structured(b, "weight", 0.5, 2, 0);
  prune::random_structured(b, "weight", 1, 1);
  Sequential model(a, b);
  train(model, numbers({2, 6}));
  prune::remove(a, "weight");
  state(*model);
}
void scene_global_prune() {
  Linear a(6, 5), b(5, 4);
  prune::custom_from_mask(a, "bias", rand({5}).gt(0.4));
  prune::global_unstructured({{a, "weight"}, {b, "weight"}}, prune::Unstructured::L1, 20);
  prune::global_unstructured({{a, "weight"}, {b, "weight"}}, prune::Unstructured::Random, 0.25);
  state(*Sequential(a, b));
}

void scene_fusion() {
  Conv2d conv(Conv2dOptions(2, 3, 2).bias(false));
  BatchNorm2d norm(3);
  Linear linear(4, 3);
  BatchNorm1d flat(3);
  norm->forward(numbers({2, 3, 4, 4}));
  flat->forward(numbers({5, 3}));
  for (Module* module : {static_cast<Module*>(conv.get()), static_cast<Module*>(norm.get()),
                         static_cast<Module*>(linear.get()), static_cast<Module*>(flat.get())}) {
    module->eval();
  }
  Conv2d fused = utils::fuse_conv_bn_eval(conv, norm);
  value("conv", fused(numbers({2, 2, 4, 4})));
  state(*fused);
  Linear fused_linear = utils::fuse_linear_bn_eval(linear, flat);
  value("linear", fused_linear(numbers({2, 4})));
}

}  // namespace

int main() {
#define SCENE(name)                 \
  std::printf("scene " #name "\n"); \
  manual_seed(5);                   \
  scene_##name();
#include "twins/scenes.inc"
}
