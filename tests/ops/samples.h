// Sample calls of every op of the registry: arguments from the kinds of its parameters, and from hints where kinds do
// not tell enough. Depends on the library and the standard library only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tenon/ops/registry.h"

namespace tenon::testing {

struct Sample {
  // The hint that it comes from, or "" where the kinds were enough.
  std::string text;
  std::vector<Value> args;
  // Per argument: whether a gradient is expected for its float tensors.
  std::vector<bool> differentiable;
};

// Small samples are for finite differences; large ones reach every block of a kernel and several threads.
enum class SampleSize { Small, Large };

// The samples of one form of an op, with float tensors of `dtype`. Equal calls give equal samples.
std::vector<Sample> samples(const OpInfo& op, SampleSize size = SampleSize::Small, ScalarType dtype = kDouble);

// The hints that fit no form of an op.
std::vector<std::string> unused_hints();

// Uniform numbers in +-[0.1, 1.9), none near a multiple of one half, where many ops have a kink.
Tensor generic_values(std::vector<int64_t> sizes, uint64_t seed, ScalarType dtype = kDouble);

// Calls `visit` for every tensor of the arguments, also those in lists; what it returns replaces the tensor.
std::vector<Value> map_tensors(const std::vector<Value>& args,
                               const std::function<Tensor(size_t arg, const Tensor&)>& visit);

// The tensors that an op returned; numbers become 0-d tensors.
std::vector<Tensor> tensors_of(const Value& result);

// Calls the op with the random generator in a fixed state.
Value call(const OpInfo& op, const std::vector<Value>& args);

// "add_(self, other, *, alpha=1) with f[N,M] f[N,M]", to name a call in messages.
std::string describe(const OpInfo& op, const Sample& sample);

}  // namespace tenon::testing
