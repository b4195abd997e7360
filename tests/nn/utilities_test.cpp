// Hooks, lazy modules and nn::utils beyond what the scenes of tests/twins compare with Python: order, errors, copies.
#include <gtest/gtest.h>

#include <string>

#include "tenon/tenon.h"

namespace tenon {
namespace {

using Params = std::vector<Tensor>;
namespace prune = nn::utils::prune;
namespace parametrize = nn::utils::parametrize;

template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no error";
}

struct FailingImpl : nn::Module {
  Tensor forward(const Tensor&) { throw ValueError("forward failed"); }
};
TENON_MODULE(Failing);

TEST(Hooks, AreCalledInOrderAndThoseOfAllModulesFirst) {
  nn::Linear module(2, 2);
  std::string calls;
  auto note = [&](const char* what) { return [&calls, what](nn::Module&, Params&) { calls += what; }; };
  module->register_forward_pre_hook(note("b"));
  module->register_forward_pre_hook(note("a"), true);
  nn::RemovableHandle all = nn::register_module_forward_pre_hook(note("*"));
  module(ones({1, 2}));
  EXPECT_EQ(calls, "*ab");
  all.remove();
  module(ones({1, 2}));
  EXPECT_EQ(calls, "*abab");
  module->forward(ones({1, 2}));
  EXPECT_EQ(calls, "*abab");
  nn::Sequential(module)->forward(ones({1, 2}));
  EXPECT_EQ(calls, "*ababab");
}

TEST(Hooks, ThatAreAlwaysCalledSeeAFailure) {
  Failing module;
  int always = 0, others = 0;
  module->register_forward_hook([&](nn::Module&, const Params&, Params&) { ++always; }, false, true);
  module->register_forward_hook([&](nn::Module&, const Params&, Params&) { ++others; });
  EXPECT_EQ(error_of([&] { module(ones({1})); }), "forward failed");
  EXPECT_EQ(always, 1);
  EXPECT_EQ(others, 0);
}

TEST(Hooks, OfACopyAreItsOwn) {
  nn::Linear module(2, 2);
  int calls = 0;
  auto handle = module->register_forward_pre_hook([&](nn::Module&, Params&) { ++calls; });
  nn::Linear copy(std::static_pointer_cast<nn::LinearImpl>(module->clone()));
  handle.remove();
  module(ones({1, 2}));
  EXPECT_EQ(calls, 0);
  copy(ones({1, 2}));
  EXPECT_EQ(calls, 1);
}

TEST(Hooks, MustLeaveAsManyTensorsAsThereWere) {
  nn::Linear module(2, 2);
  module->register_forward_pre_hook([](nn::Module&, Params& inputs) { inputs.clear(); });
  EXPECT_NE(error_of([&] { module(ones({1, 2})); }).find("there are 1 tensors, but it left 0"), std::string::npos);
}

TEST(Hooks, OfBackwardAreCalledWhereNoInputWantsAGradient) {
  nn::Linear module(2, 2);
  int calls = 0;
  module->register_full_backward_hook([&](nn::Module&, Params& grad_inputs, const Params& grad_outputs) {
    ++calls;
    EXPECT_EQ(grad_inputs.size(), 1u);
    EXPECT_FALSE(grad_inputs[0].defined());
    EXPECT_TRUE(grad_outputs[0].equal(ones({3, 2})));
  });
  module(ones({3, 2})).sum().backward();
  EXPECT_EQ(calls, 1);
  NoGradGuard no_grad;
  module(ones({3, 2}));
  EXPECT_EQ(calls, 1);
}

TEST(StateDict, SaysAllThatDoesNotFitAndChangesNothing) {
  nn::Linear module(2, 2);
  const Tensor before = module->weight.detach().clone();
  nn::StateDict state;
  state.insert("weight", ones({3, 2}));
  state.insert("other", ones({1}));
  const std::string error = error_of([&] { load_state_dict(*module, state); });
  EXPECT_NE(error.find("Unexpected key(s) in state_dict: \"other\""), std::string::npos);
  EXPECT_NE(error.find("Missing key(s) in state_dict: \"bias\""), std::string::npos);
  EXPECT_NE(error.find("size mismatch for weight: copying a param with shape [3, 2]"), std::string::npos);
  EXPECT_TRUE(module->weight.equal(before));
  state["weight"] = zeros({2, 2});
  const nn::LoadReport report = load_state_dict(*module, state, false);
  EXPECT_EQ(report.missing_keys, std::vector<std::string>{"bias"});
  EXPECT_EQ(report.unexpected_keys, std::vector<std::string>{"other"});
  EXPECT_TRUE(module->weight.equal(zeros({2, 2})));
}

TEST(Lazy, ModulesHaveNoParametersBeforeTheirFirstCallAndCanBeCopied) {
  nn::LazyLinear module(3);
  EXPECT_TRUE(module->parameters().empty());
  nn::Linear early(std::static_pointer_cast<nn::LinearImpl>(module->clone()));
  EXPECT_EQ(module(ones({2, 5})).sizes(), IntArrayRef({2, 3}));
  EXPECT_EQ(module->weight.sizes(), IntArrayRef({3, 5}));
  EXPECT_EQ(early(ones({2, 4})).sizes(), IntArrayRef({2, 3}));
  EXPECT_EQ(early->weight.sizes(), IntArrayRef({3, 4}));
  EXPECT_NE(error_of([&] { module(ones({2, 4})); }), "no error");
  nn::LazyConv2d conv(4, 3);
  EXPECT_NE(error_of([&] { conv(ones({5, 5})); }).find("LazyConv2d"), std::string::npos);
}

TEST(Lazy, ModulesThatAreLoadedOrFailToBeDrawNoNumbers) {
  nn::Sequential lazy(nn::LazyLinear(2), nn::LazyLinear(3));
  nn::StateDict damaged = state_dict(*nn::Sequential(nn::Linear(4, 2), nn::Linear(2, 3)));
  damaged["1.weight"] = scalar_tensor(1);
  const std::vector<uint8_t> before = default_generator().get_state();
  EXPECT_NE(error_of([&] { load_state_dict(*lazy, damaged); }), "no error");
  EXPECT_EQ(default_generator().get_state(), before);
  damaged["1.weight"] = ones({3, 2});
  load_state_dict(*lazy, damaged);
  EXPECT_EQ(default_generator().get_state(), before);
}

TEST(Utils, ReplacedParametersAreSavedLoadedAndCopied) {
  nn::Linear module(3, 2), other(3, 2);
  nn::utils::weight_norm(module);
  nn::utils::weight_norm(other);
  load_state_dict(*other, state_dict(*module));
  const Tensor x = rand({4, 3});
  const Tensor expected = module(x);
  EXPECT_TRUE(other(x).equal(expected));
  nn::Linear copy(std::static_pointer_cast<nn::LinearImpl>(module->clone()));
  EXPECT_EQ(copy->named_parameters().keys(), module->named_parameters().keys());
  EXPECT_TRUE(copy(x).equal(expected));
  copy->named_parameters()["weight_g"].data().mul_(2);
  EXPECT_FALSE(copy(x).equal(expected));
  EXPECT_TRUE(module(x).equal(expected));
}

TEST(Utils, OldStatesOfWeightNormLoadIntoTheParametrization) {
  nn::Linear old(3, 2), now(3, 2);
  nn::utils::weight_norm(old);
  nn::utils::parametrizations::weight_norm(now);
  load_state_dict(*now, state_dict(*old));
  const Tensor x = rand({4, 3});
  EXPECT_TRUE(now(x).equal(old(x)));
}

TEST(Utils, TellWhatIsMissingOrThereTwice) {
  nn::Linear module(3, 2);
  EXPECT_NE(error_of([&] { nn::utils::remove_weight_norm(module); }).find("weight_norm of 'weight' not found"),
            std::string::npos);
  EXPECT_NE(error_of([&] { nn::utils::spectral_norm(module, "gain"); }).find("'gain'"), std::string::npos);
  nn::utils::spectral_norm(module);
  EXPECT_NE(error_of([&] { nn::utils::spectral_norm(module); }).find("two spectral_norm hooks"), std::string::npos);
  EXPECT_NE(error_of([&] { parametrize::remove_parametrizations(module, "weight"); }).find("parametrization"),
            std::string::npos);
  EXPECT_NE(error_of([&] { prune::remove(module, "bias"); }).find("has to be pruned"), std::string::npos);
  EXPECT_NE(error_of([&] { prune::l1_unstructured(module, "bias", 1.5); }).find("amount=1.5"), std::string::npos);
  EXPECT_NE(error_of([&] { prune::l1_unstructured(module, "bias", 3); }).find("parameters to prune=2"),
            std::string::npos);
  EXPECT_FALSE(prune::is_pruned(*module));
  prune::identity(module, "bias");
  EXPECT_TRUE(prune::is_pruned(*nn::Sequential(module)));
}

TEST(Utils, ARecurrentLayerIsClonedWithTheWeightsThatAreComputed) {
  nn::LSTM lstm(nn::LSTMOptions(3, 4).num_layers(2).proj_size(2));
  nn::utils::parametrizations::weight_norm(lstm, "weight_hr_l1");
  nn::utils::weight_norm(lstm, "bias_ih_l0");
  prune::l1_unstructured(lstm, "weight_hh_l0", 0.5);
  const Tensor x = rand({5, 2, 3});
  const Tensor out = std::get<0>(lstm(x));
  nn::LSTM copy(std::static_pointer_cast<nn::LSTMImpl>(lstm->clone()));
  EXPECT_TRUE(std::get<0>(copy(x)).equal(out));
  {
    NoGradGuard no_grad;
    copy->named_parameters()["bias_ih_l0_g"].mul_(3);
  }
  EXPECT_FALSE(std::get<0>(copy(x)).equal(out));
  EXPECT_TRUE(std::get<0>(lstm(x)).equal(out));
  EXPECT_NE(error_of([&] { nn::utils::parametrizations::weight_norm(lstm, "weight_hh_l2"); }).find("weight_hh_l2"),
            std::string::npos);
}

struct WiderImpl : parametrize::Parametrization {
  TENON_COPYABLE(Wider)
  Tensor forward(const Params& originals) override { return cat({originals[0], originals[0]}); }
};

TEST(Utils, ARefusedParametrizationLeavesTheModuleAsItWas) {
  nn::Linear module(3, 2);
  const Tensor weight = module->weight;
  EXPECT_NE(error_of([&] {
              parametrize::register_parametrization(module, "weight", std::make_shared<WiderImpl>());
            }).find("may not change"),
            std::string::npos);
  EXPECT_FALSE(parametrize::is_parametrized(*module));
  EXPECT_TRUE(module->named_parameters()["weight"].is_same(weight));
  EXPECT_EQ(module(ones({1, 3})).sizes(), IntArrayRef({1, 2}));
}

TEST(Utils, FusionIsForEvaluation) {
  nn::Conv2d conv(2, 3, 2);
  nn::BatchNorm2d norm(3);
  EXPECT_EQ(error_of([&] { nn::utils::fuse_conv_bn_eval(conv, norm); }), "Fusion only for eval!");
}

}  // namespace
}  // namespace tenon
