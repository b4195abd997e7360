// nn::Module and its containers: what is registered, how it is visited, copied, converted, called and printed.
#include <gtest/gtest.h>

#include <sstream>

#include "tenon/tenon.h"

namespace tenon {
namespace {

using Keys = std::vector<std::string>;

template <class M>
std::string printed(const M& module) {
  std::ostringstream out;
  out << module;
  return out.str();
}

template <class F>
std::string error_of(F call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

struct ScaleImpl : nn::Cloneable<ScaleImpl> {
  explicit ScaleImpl(int64_t size) : size(size) { reset(); }
  void reset() override {
    factor = register_parameter("factor", rand({size}));
    calls = register_buffer("calls", zeros({}, kLong));
  }
  Tensor forward(const Tensor& x) { return x * factor; }
  int64_t size;
  Tensor factor, calls;
};
TENON_MODULE(Scale);

struct ShiftImpl : nn::Module {
  Tensor forward(Tensor x, Tensor by, double times) { return x + times * by; }

 protected:
  TENON_FORWARD_HAS_DEFAULT_ARGS({1, nn::AnyValue(tenon::ones({}))}, {2, nn::AnyValue(2.0)})
};
TENON_MODULE(Shift);

struct NetImpl : nn::Cloneable<NetImpl> {
  NetImpl() { reset(); }
  void reset() override {
    bias = register_parameter("bias", zeros({2}));
    first = register_module("first", Scale(3));
    inner = register_module("inner", nn::Sequential(Scale(2), Scale(2)));
  }
  Tensor forward(Tensor x) { return inner->forward(first(x).narrow(-1, 0, 2)) + bias; }
  Tensor bias;
  Scale first{nullptr};
  nn::Sequential inner{nullptr};
};
TENON_MODULE(Net);

TEST(Module, TellsWhatIsBelowItByDottedNames) {
  Net net;
  const Keys parameters = {"bias", "first.factor", "inner.0.factor", "inner.1.factor"};
  EXPECT_EQ(net->named_parameters().keys(), parameters);
  EXPECT_EQ(net->named_parameters(false).keys(), Keys{"bias"});
  EXPECT_EQ(net->named_buffers().keys(), (Keys{"first.calls", "inner.0.calls", "inner.1.calls"}));
  EXPECT_EQ(net->named_children().keys(), (Keys{"first", "inner"}));
  EXPECT_EQ(net->named_modules("net").keys(), (Keys{"net", "net.first", "net.inner", "net.inner.0", "net.inner.1"}));
  EXPECT_EQ(net->modules(false).size(), 4u);
  EXPECT_TRUE(net->parameters()[1].is_same(net->first->factor));
  Keys visited;
  net->apply([&](const std::string& name, nn::Module& module) { visited.push_back(name + ":" + module.name()); }, "n");
  EXPECT_EQ(visited[1].substr(0, 8), "n.first:");
  EXPECT_NE(visited[1].find("ScaleImpl"), std::string::npos);
  int scales = 0;
  net->apply([&](nn::Module& module) { scales += module.as<Scale>() != nullptr; });
  EXPECT_EQ(scales, 3);
}

TEST(Module, RefusesNamesThatAStateDictCouldNotHold) {
  nn::Module module("net");
  EXPECT_EQ(error_of([&] { module.register_parameter("", ones({1})); }), "Parameter name must not be empty");
  EXPECT_EQ(error_of([&] { module.register_buffer("a.b", ones({1})); }),
            "Buffer name must not contain a dot (got 'a.b')");
  module.register_parameter("w", ones({1}));
  EXPECT_EQ(error_of([&] { module.register_parameter("w", ones({1})); }), "Parameter 'w' already defined");
  EXPECT_EQ(error_of([&] { module.unregister_module("x"); }), "No Module with name `x` is registered");
  EXPECT_NE(error_of([&] { module.register_module("x", std::shared_ptr<nn::Module>()); }).find("null"),
            std::string::npos);
  EXPECT_NE(error_of([&] { module.modules(); }).find("shared_ptr"), std::string::npos);
  EXPECT_EQ(error_of([&] { Scale(nullptr)->forward(ones({1})); }), "Accessing empty ModuleHolder");
}

TEST(Module, TrainingAndGradientsReachAllBelow) {
  Net net;
  net->eval();
  EXPECT_FALSE(net->inner[1]->is_training());
  net->train();
  EXPECT_TRUE(net->first->is_training());
  net(ones({3})).sum().backward();
  EXPECT_TRUE(net->bias.grad().defined());
  net->zero_grad(false);
  EXPECT_TRUE(net->bias.grad().equal(zeros({2})));
  net->zero_grad();
  for (const Tensor& parameter : net->parameters()) EXPECT_FALSE(parameter.grad().defined());
}

TEST(Module, ConvertsWhatIsFloatingPoint) {
  Net net;
  net(ones({3})).sum().backward();
  const Tensor factor = net->first->factor;
  net->to(kDouble);
  EXPECT_EQ(factor.dtype(), kDouble);
  EXPECT_EQ(factor.grad().dtype(), kDouble);
  EXPECT_TRUE(factor.is_leaf() && factor.requires_grad());
  EXPECT_EQ(net->first->calls.dtype(), kLong);
  net->to(kCPU, kFloat);
  EXPECT_EQ(factor.dtype(), kFloat);
}

TEST(Module, ACopyHasItsOwnParametersAndDrawsNoNumbers) {
  Net net;
  net->bias.requires_grad_(false);
  manual_seed(3);
  const auto copy = std::dynamic_pointer_cast<NetImpl>(net->clone());
  const Tensor drawn = rand({4});
  manual_seed(3);
  EXPECT_TRUE(rand({4}).equal(drawn));
  ASSERT_TRUE(copy);
  EXPECT_TRUE(copy->forward(ones({3})).equal(net(ones({3}))));
  EXPECT_FALSE(copy->bias.requires_grad());
  EXPECT_FALSE(copy->inner->at<ScaleImpl>(0).factor.is_same(net->inner->at<ScaleImpl>(0).factor));
  copy->inner->at<ScaleImpl>(0).factor.detach().fill_(7);
  EXPECT_EQ(copy->named_parameters()["inner.0.factor"][1].item<float>(), 7);
  EXPECT_FALSE(copy->forward(ones({3})).equal(net(ones({3}))));
  EXPECT_NE(error_of([] { ShiftImpl().clone(); }).find("Cloneable"), std::string::npos);
}

TEST(StateDict, HoldsParametersThenBuffersOfEachModule) {
  Net net, other;
  const nn::StateDict state = nn::state_dict(*net);
  EXPECT_EQ(state.keys(), (Keys{"bias", "first.factor", "first.calls", "inner.0.factor", "inner.0.calls",
                                "inner.1.factor", "inner.1.calls"}));
  EXPECT_FALSE(state["bias"].requires_grad());
  EXPECT_TRUE(nn::load_state_dict(*other, state).ok());
  EXPECT_TRUE(other(ones({3})).equal(net(ones({3}))));
}

TEST(StateDict, ReportsAllThatDoesNotFit) {
  Net net;
  nn::StateDict state = nn::state_dict(*net);
  state.erase("bias");
  state.insert("extra", ones({1}));
  const nn::LoadReport report = nn::load_state_dict(*net, state, false);
  EXPECT_EQ(report.missing_keys, Keys{"bias"});
  EXPECT_EQ(report.unexpected_keys, Keys{"extra"});
  state["first.factor"] = ones({4});
  const Tensor before = net->inner->at<ScaleImpl>(1).factor.detach().clone();
  state["inner.1.factor"] = zeros({2});
  const std::string text = error_of([&] { nn::load_state_dict(*net, state); });
  EXPECT_NE(text.find("Missing key(s) in state_dict: \"bias\""), std::string::npos) << text;
  EXPECT_NE(text.find("Unexpected key(s) in state_dict: \"extra\""), std::string::npos) << text;
  EXPECT_NE(text.find("size mismatch for first.factor: copying a param with shape [4]"), std::string::npos) << text;
  EXPECT_TRUE(net->inner->at<ScaleImpl>(1).factor.equal(before));
}

TEST(AnyModule, CallsWithoutKnowingTheClass) {
  nn::AnyModule any(Shift{});
  EXPECT_EQ(any.forward(zeros({}), ones({}), 5.0).item<double>(), 5);
  EXPECT_EQ(any.forward(zeros({})).item<double>(), 2);
  EXPECT_EQ(error_of([&] { any.forward(3, ones({}), 1.0); }),
            "Expected argument #0 to be of type tenon::Tensor, but received value of type int");
  EXPECT_NE(error_of([&] { any.forward(); }).find("expects at least 1 argument(s) and at most 3 argument(s), but"),
            std::string::npos);
  EXPECT_NE(error_of([&] { nn::AnyModule(Scale(2)).forward(); }).find("expects 1 argument(s), but received 0"),
            std::string::npos);
  EXPECT_NE(error_of([&] { any.get<ScaleImpl>(); }).find("Attempted to cast module"), std::string::npos);
  EXPECT_EQ(any.get<Shift>()->forward(ones({}), ones({}), 1).item<double>(), 2);
  EXPECT_EQ(error_of([] { nn::AnyModule().forward(1); }), "Cannot call forward() on an empty AnyModule");
}

TEST(Sequential, NamesItsModulesByPlaceOrAsTold) {
  nn::Sequential numbered(Scale(2), std::make_shared<ScaleImpl>(2), ScaleImpl(2), nn::Functional(relu));
  EXPECT_EQ(numbered->named_children().keys(), (Keys{"0", "1", "2", "3"}));
  nn::Sequential named({{"a", Scale(2)}, {"b", Scale(2)}});
  EXPECT_EQ(named->named_parameters().keys(), (Keys{"a.factor", "b.factor"}));
  numbered->extend(*named);
  EXPECT_EQ(numbered->size(), 6u);
  const auto copy = std::dynamic_pointer_cast<nn::SequentialImpl>(named->clone());
  EXPECT_TRUE(copy->forward(ones({2})).equal(named->forward(ones({2}))));
  EXPECT_EQ(copy->named_children().keys(), (Keys{"a", "b"}));
  EXPECT_EQ(error_of([] { nn::Sequential()->forward(ones({1})); }), "Cannot call forward() on an empty Sequential");
  EXPECT_EQ(error_of([&] { named->forward<int>(ones({2})); }),
            "The type of the return value is tenon::Tensor, but you asked for type int");
  EXPECT_NE(error_of([&] { named->ptr(2); }).find("out of range"), std::string::npos);
}

TEST(Containers, ListsAndDictsRegisterWhatTheyHold) {
  nn::ModuleList list(Scale(1), Scale(2));
  list->insert(1, Scale(5));
  EXPECT_EQ(list->at<ScaleImpl>(1).size, 5);
  EXPECT_EQ(list->named_parameters()["2.factor"].size(0), 2);
  EXPECT_NE(error_of([&] { list->at<ShiftImpl>(0); }).find("cast module"), std::string::npos);

  nn::ModuleDict dict;
  dict->update({{"a", Scale(1).ptr()}, {"b", Scale(2).ptr()}});
  EXPECT_EQ(dict->pop("a")->parameters().size(), 1u);
  EXPECT_EQ(dict->named_parameters().keys(), Keys{"b.factor"});

  nn::ParameterList parameters(ones({2}), zeros({3}));
  EXPECT_EQ(parameters->named_parameters().keys(), (Keys{"0", "1"}));
  EXPECT_EQ(printed(parameters),
            "torch::nn::ParameterList(\n(0): Parameter containing: [Float of size [2]]\n"
            "(1): Parameter containing: [Float of size [3]]\n)");
  nn::ParameterDict named;
  named->insert("w", ones({2}));
  EXPECT_TRUE(named->contains("w") && named->pop("w").equal(ones({2})) && named->empty());
}

TEST(OrderedDict, KeepsTheOrderOfInsertion) {
  OrderedDict<std::string, int> dict = {{"b", 1}, {"a", 2}, {"c", 3}};
  dict.erase("a");
  dict.insert("a", 4);
  EXPECT_EQ(dict.keys(), (Keys{"b", "c", "a"}));
  EXPECT_EQ(dict["c"], 3);
  EXPECT_EQ(dict[2].value(), 4);
  EXPECT_EQ(error_of([&] { dict["x"]; }), "Key 'x' is not defined");
  EXPECT_NE(error_of([&] { dict[3]; }).find("out of range"), std::string::npos);
}

}  // namespace
}  // namespace tenon
