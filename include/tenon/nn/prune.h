// Parameters of which parts are masked out: name_orig is trained, the buffer name_mask says what of it is there.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tenon/nn/named_tensor.h"

namespace tenon::nn::utils::prune {

// How much to mask out: a fraction, or a count.
class TENON_API Amount {
 public:
  Amount(double fraction);
  Amount(int count) : Amount(static_cast<int64_t>(count)) {}
  Amount(int64_t count);
  // Of `size`.
  int64_t of(int64_t size) const;

 private:
  double fraction_ = 0;
  int64_t count_ = -1;
};

// Each masks elements, or channels along a dim, of the parameter `name`, which is weight or bias; where there is a mask
// already, among what it has left.
TENON_API void identity(const KnownModule& module, const std::string& name);
TENON_API void random_unstructured(const KnownModule& module, const std::string& name, Amount amount);
// Those nearest to zero, or of the least importance.
TENON_API void l1_unstructured(const KnownModule& module, const std::string& name, Amount amount,
                               const Tensor& importance_scores = {});
TENON_API void random_structured(const KnownModule& module, const std::string& name, Amount amount, int64_t dim);
// Those of the smallest n-norm.
TENON_API void ln_structured(const KnownModule& module, const std::string& name, Amount amount, double n, int64_t dim,
                             const Tensor& importance_scores = {});
TENON_API void custom_from_mask(const KnownModule& module, const std::string& name, const Tensor& mask);

// What global_unstructured() chooses elements by.
enum class Unstructured : uint8_t { L1, Random };
// Masks elements of several parameters as if they were one.
TENON_API void global_unstructured(const std::vector<std::pair<KnownModule, std::string>>& parameters,
                                   Unstructured method, Amount amount);

// Makes the masked parameter a plain one.
TENON_API void remove(const KnownModule& module, const std::string& name);
// Whether a parameter of the module, or of one below it, is masked.
TENON_API bool is_pruned(const Module& module);

}  // namespace tenon::nn::utils::prune
