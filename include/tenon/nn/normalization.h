// Normalisations: options, functions and modules.
#pragma once

#include <vector>

#include "tenon/nn/layer.h"

namespace tenon::nn {

struct BatchNormOptions {
  BatchNormOptions(int64_t num_features) : num_features_(num_features) {}
  TENON_ARG(int64_t, num_features);
  TENON_ARG(double, eps) = 1e-5;
  // Without one, the running statistics are means over all batches.
  TENON_ARG(optional<double>, momentum) = 0.1;
  TENON_ARG(bool, affine) = true;
  TENON_ARG(bool, track_running_stats) = true;
};
using BatchNorm1dOptions = BatchNormOptions;
using BatchNorm2dOptions = BatchNormOptions;
using BatchNorm3dOptions = BatchNormOptions;
struct InstanceNormOptions {
  InstanceNormOptions(int64_t num_features) : num_features_(num_features) {}
  TENON_ARG(int64_t, num_features);
  TENON_ARG(double, eps) = 1e-5;
  TENON_ARG(double, momentum) = 0.1;
  TENON_ARG(bool, affine) = false;
  TENON_ARG(bool, track_running_stats) = false;
};
using InstanceNorm1dOptions = InstanceNormOptions;
using InstanceNorm2dOptions = InstanceNormOptions;
using InstanceNorm3dOptions = InstanceNormOptions;
struct LayerNormOptions {
  LayerNormOptions(std::vector<int64_t> normalized_shape) : normalized_shape_(std::move(normalized_shape)) {}
  TENON_ARG(std::vector<int64_t>, normalized_shape);
  TENON_ARG(double, eps) = 1e-5;
  TENON_ARG(bool, elementwise_affine) = true;
};
struct RMSNormOptions {
  RMSNormOptions(std::vector<int64_t> normalized_shape) : normalized_shape_(std::move(normalized_shape)) {}
  TENON_ARG(std::vector<int64_t>, normalized_shape);
  // Without one, the smallest difference from 1 that the dtype can tell.
  TENON_ARG(optional<double>, eps);
  TENON_ARG(bool, elementwise_affine) = true;
};
struct GroupNormOptions {
  GroupNormOptions(int64_t num_groups, int64_t num_channels) : num_groups_(num_groups), num_channels_(num_channels) {}
  TENON_ARG(int64_t, num_groups);
  TENON_ARG(int64_t, num_channels);
  TENON_ARG(double, eps) = 1e-5;
  TENON_ARG(bool, affine) = true;
};
struct LocalResponseNormOptions {
  LocalResponseNormOptions(int64_t size) : size_(size) {}
  TENON_ARG(int64_t, size);
  TENON_ARG(double, alpha) = 1e-4;
  TENON_ARG(double, beta) = 0.75;
  TENON_ARG(double, k) = 1;
};
struct CrossMapLRN2dOptions {
  CrossMapLRN2dOptions(int64_t size) : size_(size) {}
  CrossMapLRN2dOptions(int64_t size, double alpha, double beta, int64_t k)
      : size_(size), alpha_(alpha), beta_(beta), k_(k) {}
  TENON_ARG(int64_t, size);
  TENON_ARG(double, alpha) = 1e-4;
  TENON_ARG(double, beta) = 0.75;
  TENON_ARG(int64_t, k) = 1;
};

namespace functional {

struct BatchNormFuncOptions {
  TENON_ARG(Tensor, weight);
  TENON_ARG(Tensor, bias);
  TENON_ARG(bool, training) = false;
  TENON_ARG(double, momentum) = 0.1;
  TENON_ARG(double, eps) = 1e-5;
};
struct InstanceNormFuncOptions {
  TENON_ARG(Tensor, running_mean);
  TENON_ARG(Tensor, running_var);
  TENON_ARG(Tensor, weight);
  TENON_ARG(Tensor, bias);
  TENON_ARG(bool, use_input_stats) = true;
  TENON_ARG(double, momentum) = 0.1;
  TENON_ARG(double, eps) = 1e-5;
};
struct LayerNormFuncOptions {
  LayerNormFuncOptions(std::vector<int64_t> normalized_shape) : normalized_shape_(std::move(normalized_shape)) {}
  TENON_ARG(std::vector<int64_t>, normalized_shape);
  TENON_ARG(Tensor, weight);
  TENON_ARG(Tensor, bias);
  TENON_ARG(double, eps) = 1e-5;
};
struct RMSNormFuncOptions {
  RMSNormFuncOptions(std::vector<int64_t> normalized_shape) : normalized_shape_(std::move(normalized_shape)) {}
  TENON_ARG(std::vector<int64_t>, normalized_shape);
  TENON_ARG(Tensor, weight);
  TENON_ARG(optional<double>, eps);
};
struct GroupNormFuncOptions {
  GroupNormFuncOptions(int64_t num_groups) : num_groups_(num_groups) {}
  TENON_ARG(int64_t, num_groups);
  TENON_ARG(Tensor, weight);
  TENON_ARG(Tensor, bias);
  TENON_ARG(double, eps) = 1e-5;
};
using LocalResponseNormFuncOptions = LocalResponseNormOptions;
struct NormalizeFuncOptions {
  TENON_ARG(double, p) = 2;
  TENON_ARG(int64_t, dim) = 1;
  TENON_ARG(double, eps) = 1e-12;
  TENON_ARG(optional<Tensor>, out);
};

TENON_API Tensor batch_norm(const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                            const BatchNormFuncOptions& options = {});
TENON_API Tensor instance_norm(const Tensor& input, const InstanceNormFuncOptions& options = {});
TENON_API Tensor layer_norm(const Tensor& input, const LayerNormFuncOptions& options);
TENON_API Tensor rms_norm(const Tensor& input, const RMSNormFuncOptions& options);
TENON_API Tensor group_norm(const Tensor& input, const GroupNormFuncOptions& options);
TENON_API Tensor local_response_norm(const Tensor& input, const LocalResponseNormFuncOptions& options);
TENON_API Tensor normalize(const Tensor& input, const NormalizeFuncOptions& options = {});

}  // namespace functional

// The parameters and running statistics of batch and instance norm.
struct NormMembers {
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;
};

#define TENON_NORM(Name, OptionsName)                                             \
  class TENON_API Name##Impl : public CloneableModule, public NormMembers {       \
    TENON_LAYER_MEMBERS(Name)                                                     \
    void reset() override;                                                        \
    void reset_parameters();                                                      \
    void reset_running_stats();                                                   \
    void pretty_print(std::ostream& stream) const override;                       \
    Tensor forward(const Tensor& input);                                          \
                                                                                  \
   protected:                                                                     \
    void materialize(const StateDict& state, const std::string& prefix) override; \
  };                                                                              \
  TENON_MODULE(Name);                                                             \
  TENON_LAZY(Name)
TENON_NORM(BatchNorm1d, BatchNormOptions);
TENON_NORM(BatchNorm2d, BatchNormOptions);
TENON_NORM(BatchNorm3d, BatchNormOptions);
TENON_NORM(InstanceNorm1d, InstanceNormOptions);
TENON_NORM(InstanceNorm2d, InstanceNormOptions);
TENON_NORM(InstanceNorm3d, InstanceNormOptions);
#undef TENON_NORM

class TENON_API LayerNormImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(LayerNorm)

  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);

  Tensor weight, bias;
};
TENON_MODULE(LayerNorm);

class TENON_API RMSNormImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(RMSNorm)

  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);

  Tensor weight;
};
TENON_MODULE(RMSNorm);

class TENON_API GroupNormImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(GroupNorm)

  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);

  Tensor weight, bias;
};
TENON_MODULE(GroupNorm);

TENON_SIMPLE_LAYER(LocalResponseNorm);
TENON_SIMPLE_LAYER(CrossMapLRN2d);

}  // namespace tenon::nn
