// Linear maps, and modules that only change shapes: options, functions and modules.
#pragma once

#include <vector>

#include "tenon/nn/layer.h"

namespace tenon::nn {

struct LinearOptions {
  LinearOptions(int64_t in_features, int64_t out_features) : in_features_(in_features), out_features_(out_features) {}
  TENON_ARG(int64_t, in_features);
  TENON_ARG(int64_t, out_features);
  TENON_ARG(bool, bias) = true;
};
struct BilinearOptions {
  BilinearOptions(int64_t in1_features, int64_t in2_features, int64_t out_features)
      : in1_features_(in1_features), in2_features_(in2_features), out_features_(out_features) {}
  TENON_ARG(int64_t, in1_features);
  TENON_ARG(int64_t, in2_features);
  TENON_ARG(int64_t, out_features);
  TENON_ARG(bool, bias) = true;
};
struct FlattenOptions {
  TENON_ARG(int64_t, start_dim) = 1;
  TENON_ARG(int64_t, end_dim) = -1;
};
struct UnflattenOptions {
  UnflattenOptions(int64_t dim, std::vector<int64_t> sizes) : dim_(dim), sizes_(std::move(sizes)) {}
  TENON_ARG(int64_t, dim);
  TENON_ARG(std::vector<int64_t>, sizes);
};

namespace functional {

TENON_API Tensor linear(const Tensor& input, const Tensor& weight, const Tensor& bias = {});
TENON_API Tensor bilinear(const Tensor& input1, const Tensor& input2, const Tensor& weight, const Tensor& bias = {});

}  // namespace functional

// Takes any arguments and gives its input.
class TENON_API IdentityImpl : public CloneableModule {
  TENON_COPYABLE(Identity)

  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input) { return input; }
};
TENON_MODULE(Identity);

class TENON_API LinearImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(Linear)

  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);

  Tensor weight, bias;

 protected:
  void materialize(const StateDict& state, const std::string& prefix) override;
};
TENON_MODULE(Linear);
TENON_LAZY(Linear);

class TENON_API BilinearImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(Bilinear)

  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input1, const Tensor& input2);

  Tensor weight, bias;
};
TENON_MODULE(Bilinear);

TENON_SIMPLE_LAYER(Flatten, FlattenImpl() : FlattenImpl(Options()){});
TENON_SIMPLE_LAYER(Unflatten);

}  // namespace tenon::nn
