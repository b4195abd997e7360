// Distances: options, functions and modules.
#pragma once

#include "tenon/nn/layer.h"

namespace tenon::nn {

struct CosineSimilarityOptions {
  TENON_ARG(int64_t, dim) = 1;
  TENON_ARG(double, eps) = 1e-8;
};
struct PairwiseDistanceOptions {
  TENON_ARG(double, p) = 2;
  TENON_ARG(double, eps) = 1e-6;
  TENON_ARG(bool, keepdim) = false;
};

namespace functional {

using CosineSimilarityFuncOptions = CosineSimilarityOptions;
using PairwiseDistanceFuncOptions = PairwiseDistanceOptions;

TENON_API Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, const CosineSimilarityFuncOptions& options = {});
TENON_API Tensor pairwise_distance(const Tensor& x1, const Tensor& x2, const PairwiseDistanceFuncOptions& options = {});
// The distances between all pairs of rows.
TENON_API Tensor pdist(const Tensor& input, double p = 2);

}  // namespace functional

#define TENON_DISTANCE(Name)                                    \
  class TENON_API Name##Impl : public CloneableModule {         \
    TENON_LAYER_MEMBERS(Name)                                   \
    Name##Impl() : Name##Impl(Options()) {}                     \
    void pretty_print(std::ostream& stream) const override;     \
    Tensor forward(const Tensor& input1, const Tensor& input2); \
  };                                                            \
  TENON_MODULE(Name)
TENON_DISTANCE(CosineSimilarity);
TENON_DISTANCE(PairwiseDistance);
#undef TENON_DISTANCE

}  // namespace tenon::nn
