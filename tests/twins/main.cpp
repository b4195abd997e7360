// Builds the modules of twins.inc from one seed, runs them forward and backward, and prints every tensor exactly, for
// tests/python/test_nn_twins.py to compare with what Python gives:
//   module <Python expression>
//   <in|parameter|buffer|out|gradient> <name> <dtype> <sizes, with commas> <elements>
#include <cstdio>
#include <string>
#include <tuple>

#include "tenon/tenon.h"

namespace {

using namespace tenon;
using namespace tenon::nn;
using Sizes = std::vector<int64_t>;

Tensor F(const Sizes& sizes) { return randn(sizes).requires_grad_(); }
Tensor P(const Sizes& sizes) { return (rand(sizes) + 0.1).requires_grad_(); }
Tensor U(const Sizes& sizes) { return rand(sizes); }
Tensor I(int64_t n, const Sizes& sizes) { return randint(n, sizes); }
Tensor S(const Sizes& sizes) { return randint(2, sizes).mul(2).sub(1).to(kFloat); }

Tensor integers(const Sizes& values, const Sizes& sizes) {
  const Tensor result = tenon::empty(sizes, kLong);
  std::copy(values.begin(), values.end(), result.mutable_data_ptr<int64_t>());
  return result;
}

template <class Holder>
Holder evaluated(Holder module) {
  module->eval();
  return module;
}

void print(const char* kind, const std::string& name, const Tensor& tensor) {
  std::string sizes;
  for (int64_t size : tensor.sizes()) sizes += std::to_string(size) + ",";
  std::printf("%s %s %s %s", kind, name.c_str(), dtype_name(tensor.dtype()), sizes.empty() ? "-" : sizes.c_str());
  const Tensor values = tensor.detach().contiguous().view(-1).to(kDouble);
  for (int64_t i = 0; i < values.numel(); ++i) std::printf(" %a", values.const_data_ptr<double>()[i]);
  std::printf("\n");
}

void collect(std::vector<Tensor>& all, const Tensor& tensor) {
  if (tensor.defined()) all.push_back(tensor);
}
void collect(std::vector<Tensor>& all, const ASMoutput& result) { all.push_back(result.output); }
template <class... Parts>
void collect(std::vector<Tensor>& all, const std::tuple<Parts...>& parts) {
  std::apply([&](const auto&... part) { (collect(all, part), ...); }, parts);
}

void print_input(size_t i, const Tensor& input) { print("in", std::to_string(i), input); }
void print_input(size_t i, bool flag) { print("in", std::to_string(i), full({}, Scalar(flag), kBool)); }
void print_input_gradient(size_t i, const Tensor& input) {
  if (input.requires_grad()) print("gradient", "in" + std::to_string(i), input.grad());
}
void print_input_gradient(size_t, bool) {}

template <class Make, class Inputs>
void twin(const char* python, Make make, Inputs make_inputs) {
  std::printf("module %s\n", python);
  manual_seed(7);
  auto module = make();
  for (const auto& item : module->named_parameters()) print("parameter", item.key(), item.value());
  auto inputs = make_inputs();
  size_t count = 0;
  std::apply([&](const auto&... input) { (print_input(count++, input), ...); }, inputs);
  manual_seed(11);
  std::vector<Tensor> outputs;
  collect(outputs, std::apply([&](const auto&... input) { return module->forward(input...); }, inputs));
  Tensor loss = zeros({});
  for (size_t i = 0; i < outputs.size(); ++i) {
    print("out", std::to_string(i), outputs[i]);
    loss = loss + (outputs[i] * outputs[i]).sum();
  }
  if (loss.requires_grad()) loss.backward();
  for (const auto& item : state_dict(*module)) {
    if (!module->named_parameters().contains(item.key())) print("buffer", item.key(), item.value());
  }
  for (const auto& item : module->named_parameters()) {
    if (item->grad().defined()) print("gradient", item.key(), item->grad());
  }
  count = 0;
  std::apply([&](const auto&... input) { (print_input_gradient(count++, input), ...); }, inputs);
}

}  // namespace

int main() {
#define TWIN(python, module, ...) \
  twin(                           \
      python, [] { return module; }, [] { return std::make_tuple(__VA_ARGS__); });
#include "twins/twins.inc"
}
