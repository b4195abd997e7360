// Parameters that are computed from others, before each call of their module:
//
//   struct SymmetricImpl : nn::utils::parametrize::Parametrization {
//     TENON_COPYABLE(Symmetric)
//     Tensor forward(const std::vector<Tensor>& originals) override { return originals[0].triu() + ...; }
//   };
//   nn::utils::parametrize::register_parametrization(linear, "weight", std::make_shared<SymmetricImpl>());
//
// The keys of a state_dict() are Python's: parametrizations.weight.original, parametrizations.weight.0 and so on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tenon/nn/layer.h"
#include "tenon/nn/named_tensor.h"

namespace tenon::nn::utils {

namespace parametrize {

class TENON_API Parametrization : public CloneableModule {
 public:
  // The tensor, of those that are kept for it; a parametrization after others gets what they made.
  virtual Tensor forward(const std::vector<Tensor>& originals) = 0;
  // What to keep for a value, one tensor or several.
  virtual std::vector<Tensor> right_inverse(const Tensor& value) { return {value}; }
};

// Makes the parameter `name` of a layer, as weight or weight_hh_l0, what `parametrization` computes from it. It may
// change neither shape nor dtype, unless `unsafe`.
TENON_API void register_parametrization(const KnownModule& module, const std::string& name,
                                        std::shared_ptr<Parametrization> parametrization, bool unsafe = false);
// Of the tensor of this name, or of any.
TENON_API bool is_parametrized(const Module& module, const std::string& name = "");
// Makes the tensor a parameter again: with the value that was computed, or with the original one.
TENON_API void remove_parametrizations(const KnownModule& module, const std::string& name,
                                       bool leave_parametrized = true);

}  // namespace parametrize

namespace parametrizations {
// A weight as the product of its length and its direction; without a dim, of the length of all of it.
TENON_API void weight_norm(const KnownModule& module, const std::string& name = "weight", optional<int64_t> dim = 0);
// A weight divided by its largest singular value. Without a dim, its outputs lie along dim 0, or along dim 1 of a
// transposed convolution.
TENON_API void spectral_norm(const KnownModule& module, const std::string& name = "weight",
                             int64_t n_power_iterations = 1, double eps = 1e-12, optional<int64_t> dim = nullopt);
// Keeps a matrix orthogonal: by matrix_exp, cayley or householder; if it is not said, by the first where the matrix is
// square and by the last where it is not.
TENON_API void orthogonal(const KnownModule& module, const std::string& name = "weight",
                          const std::string& orthogonal_map = "", bool use_trivialization = true);
}  // namespace parametrizations

// The older forms, with the parameters weight_g and weight_v, and weight_orig and the buffers weight_u and weight_v.
TENON_API void weight_norm(const KnownModule& module, const std::string& name = "weight", optional<int64_t> dim = 0);
TENON_API void remove_weight_norm(const KnownModule& module, const std::string& name = "weight");
TENON_API void spectral_norm(const KnownModule& module, const std::string& name = "weight",
                             int64_t n_power_iterations = 1, double eps = 1e-12, optional<int64_t> dim = nullopt);
TENON_API void remove_spectral_norm(const KnownModule& module, const std::string& name = "weight");

}  // namespace tenon::nn::utils
