// Visits every op of the registry: it runs, and its first and second gradients are those of finite differences.
#include <cmath>
#include <set>

#include "helpers.h"
#include "samples.h"

namespace tenon::testing {
namespace {

// Ops, by name or signature, whose float results have no gradient although float inputs go in.
const std::set<std::string> kNoGradient = {
    // Results that do not depend on the values of the input.
    "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "randint_like",
    "new_empty", "new_empty_strided", "new_zeros", "new_ones", "new_full",
    // The same bytes read as another type.
    "view(self, dtype)", "view_copy(self, dtype)",
    // Counts, which do not depend on small changes of the values.
    "histc",
};

// Ops of which zeros flow back, whatever they draw.
const std::set<std::string> kZeroGradient = {"bernoulli", "normal", "poisson"};

// Ops whose first result alone has a gradient, as in PyTorch: the others are statistics.
const std::set<std::string> kFirstHasGradient = {"native_layer_norm", "native_batch_norm", "_native_batch_norm_legit",
                                                 "_batch_norm_with_update"};

// Ops that are part of the graph and raise in backward, as in PyTorch, whose formulas say so.
const std::set<std::string> kGradientRaises = {
    "heaviside", "heaviside_", "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0",
    "bessel_y1", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1",
    "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0", "chebyshev_polynomial_t",
    "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w", "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w",
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p", "binomial",
    "_standard_gamma_grad", "_dirichlet_grad", "_unique2", "unique_dim", "_unique_consecutive", "bincount", "histogram",
    "_histogramdd_from_bin_tensors", "_histogramdd_bin_edges", "geqrf", "ldl_factor", "ldl_factor_ex", "ldl_solve",
};

// Ops of which some float results do not depend on the input: permutations, and those that were not asked for.
const std::set<std::string> kConstantResults = {"lu", "lu_unpack", "lstsq"};

// A call of an op as a function of real double leaves; complex arguments and results are pairs of numbers.
class Differentiated {
 public:
  Differentiated(const OpInfo& op, const Sample& sample) : op_(op), sample_(sample) {
    map_tensors(sample.args, [&](size_t arg, const Tensor& tensor) {
      if (takes_gradient(arg, tensor)) {
        const Tensor leaf = tensor.is_complex() ? view_as_real(tensor).clone() : tensor.clone();
        leaves_.push_back(leaf.requires_grad_());
      }
      return tensor;
    });
  }

  const std::vector<Tensor>& leaves() const { return leaves_; }

  // The float results; `detached` tells whether one of them is outside the graph.
  std::vector<Tensor> results(bool* detached = nullptr) const {
    size_t next = 0;
    const std::vector<Value> args = map_tensors(sample_.args, [&](size_t arg, const Tensor& tensor) {
      if (!takes_gradient(arg, tensor)) return tensor.defined() ? tensor.clone() : tensor;
      // In-place forms edit a copy, as a leaf may not be edited.
      const Tensor copy = leaves_[next++].clone();
      return tensor.is_complex() ? view_as_complex(copy) : copy;
    });
    std::vector<Tensor> kept;
    for (const Tensor& result : tensors_of(call(op_, args))) {
      if (!result.defined() || !is_differentiable(result.dtype())) continue;
      if (detached && !result.requires_grad()) *detached = true;
      kept.push_back(result.is_complex() ? view_as_real(result) : result);
      if (kFirstHasGradient.contains(op_.name)) break;
    }
    return kept;
  }

  // The results times fixed weights, summed.
  Tensor loss() const { return weighted_sum(results(), 1); }

  std::vector<Tensor> gradients() const { return gradients_of(loss()); }

  // The first gradients times fixed weights, summed.
  Tensor gradient_loss() const { return weighted_sum(gradients(), 2); }

  std::vector<Tensor> gradients_of(const Tensor& loss) const {
    std::vector<Tensor> grads(leaves_.size());
    if (loss.requires_grad()) grads = autograd::grad({loss}, leaves_, {}, true, true, true);
    for (size_t i = 0; i < grads.size(); ++i) {
      if (!grads[i].defined()) grads[i] = zeros_like(leaves_[i]);
    }
    return grads;
  }

 private:
  bool takes_gradient(size_t arg, const Tensor& tensor) const {
    return sample_.differentiable[arg] && tensor.defined() && is_differentiable(tensor.dtype());
  }

  static Tensor weighted_sum(const std::vector<Tensor>& tensors, uint64_t seed) {
    Tensor sum = zeros({}, kDouble);
    for (const Tensor& tensor : tensors) {
      sum = sum + (tensor * generic_values(tensor.sizes().vec(), seed++ << 40)).sum();
    }
    return sum;
  }

  const OpInfo& op_;
  const Sample& sample_;
  std::vector<Tensor> leaves_;
};

// The largest difference between `grads` and central differences of `loss`, relative to the size of the gradient.
template <class Loss>
double gradient_error(const std::vector<Tensor>& leaves, const std::vector<Tensor>& grads, Loss loss) {
  constexpr double kStep = 1e-5;
  double worst = 0;
  for (size_t i = 0; i < leaves.size(); ++i) {
    const std::vector<double> actual = list<double>(grads[i]);
    double* data = leaves[i].data().data_ptr<double>();
    for (size_t j = 0; j < actual.size(); ++j) {
      const double before = data[j];
      data[j] = before + kStep;
      const double above = loss().template item<double>();
      data[j] = before - kStep;
      const double below = loss().template item<double>();
      data[j] = before;
      const double expected = (above - below) / (2 * kStep);
      const double error = std::abs(actual[j] - expected) / (1 + std::abs(expected));
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
}

void check_gradients(const OpInfo& op, const Sample& sample) {
  const Differentiated f(op, sample);
  bool detached = false;
  const std::vector<Tensor> results = f.results(&detached);
  if (f.leaves().empty() || results.empty()) return;
  if (kGradientRaises.contains(op.name)) {
    EXPECT_THROW(f.gradients(), NotImplementedError);
    return;
  }
  if (kNoGradient.contains(op.name) || kNoGradient.contains(op.signature())) {
    EXPECT_TRUE(detached) << "it has a gradient: take it off the list of ops without one";
    return;
  }
  ASSERT_EQ(detached, kConstantResults.contains(op.name))
      << "whether a float result does not require grad although a float input does";
  if (kZeroGradient.contains(op.name)) {
    for (const Tensor& grad : f.gradients()) EXPECT_TRUE(equal(grad, zeros_like(grad)));
    return;
  }
  EXPECT_LT(gradient_error(f.leaves(), f.gradients(), [&] { return f.loss(); }), 1e-6);
  EXPECT_LT(gradient_error(f.leaves(), f.gradients_of(f.gradient_loss()), [&] { return f.gradient_loss(); }), 1e-5)
      << "second gradient";
}

TEST(EveryOp, HasASampleThatRuns) {
  for (const OpInfo& op : op_registry()) {
    for (const Sample& sample : samples(op)) {
      EXPECT_NO_THROW(call(op, sample.args)) << describe(op, sample);
    }
  }
  for (const std::string& hint : unused_hints()) ADD_FAILURE() << "a hint that no op takes: " << hint;
}

TEST(EveryOp, HasTheGradientsOfFiniteDifferences) {
  for (const OpInfo& op : op_registry()) {
    for (const Sample& sample : samples(op)) {
      SCOPED_TRACE(describe(op, sample));
      EXPECT_NO_THROW(check_gradients(op, sample));
    }
  }
}

}  // namespace
}  // namespace tenon::testing
