// See autocast.h.
#include "autocast.h"

#include <nanobind/stl/string.h>

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "arguments.h"
#include "tenon/base/grad_mode.h"
#include "tenon/ops/ops.h"

namespace tenon::python {

std::atomic<int> autocast_regions{0};

namespace {

enum class Policy : uint8_t { Keep, Shorten, Lengthen, Promote };

constexpr int kDevices = 2;  // CPU and CUDA

// Ops of the linalg and fft modules have these as prefixes.
constexpr std::string_view kShortened =
    "addbmm addmm baddbmm bmm chain_matmul conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d "
    "conv_transpose3d convolution corrcoef cov einsum inner linalg_multi_dot linalg_vecdot linear lstm matmul "
    "linalg_matmul matrix_power linalg_matrix_power mm prelu rnn_relu rnn_tanh scaled_dot_product_attention";
constexpr std::string_view kLengthened[kDevices] = {
    "adaptive_avg_pool3d adaptive_max_pool3d adaptive_max_pool3d_with_indices avg_pool3d binary_cross_entropy "
    "binary_cross_entropy_with_logits cdist cholesky cholesky_inverse cholesky_solve cosine_embedding_loss "
    "cross_entropy ctc_loss fft_fft fft_fft2 fft_fftn fft_hfft fft_ifft fft_ifft2 fft_ifftn fft_ihfft fft_irfft "
    "fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn fractional_max_pool2d_with_indices "
    "fractional_max_pool3d_with_indices geqrf grid_sampler grid_sampler_2d grid_sampler_3d hinge_embedding_loss "
    "huber_loss inverse kl_div l1_loss linalg_cholesky linalg_cholesky_ex linalg_cond linalg_eig linalg_eigh "
    "linalg_eigvals linalg_eigvalsh linalg_householder_product linalg_inv linalg_inv_ex linalg_lstsq "
    "linalg_matrix_rank linalg_qr linalg_solve linalg_svd linalg_svdvals linalg_tensorinv linalg_tensorsolve lu_solve "
    "margin_ranking_loss max_pool3d max_pool3d_with_indices max_unpool2d max_unpool3d mse_loss multi_margin_loss "
    "multilabel_margin_loss nanquantile nll_loss orgqr ormqr pinverse poisson_nll_loss polar prod qr quantile "
    "smooth_l1_loss soft_margin_loss stft svd trace triangular_solve triplet_margin_loss view_as_complex",
    "acos asin binary_cross_entropy_with_logits cdist cosh cosine_embedding_loss cosine_similarity cross_entropy "
    "cumprod cumsum dist erfinv exp expm1 group_norm hinge_embedding_loss huber_loss kl_div l1_loss layer_norm "
    "linalg_matrix_norm linalg_norm linalg_vector_norm log log10 log1p log2 log_softmax logsumexp margin_ranking_loss "
    "mse_loss multi_margin_loss multilabel_margin_loss nll_loss norm pdist poisson_nll_loss pow prod reciprocal "
    "renorm rms_norm rsqrt sinh smooth_l1_loss soft_margin_loss softmax softplus sum tan triplet_margin_loss"};
constexpr std::string_view kPromoted = "cat stack index_copy";

using Policies = std::unordered_map<std::string_view, Policy>;

void add_words(Policies& policies, std::string_view words, Policy policy) {
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    policies[words.substr(0, end)] = policy;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

const Policies& policies_of(int device) {
  static const std::array<Policies, kDevices> all = [] {
    std::array<Policies, kDevices> made;
    for (int d = 0; d < kDevices; ++d) {
      add_words(made[static_cast<size_t>(d)], kShortened, Policy::Shorten);
      add_words(made[static_cast<size_t>(d)], kLengthened[d], Policy::Lengthen);
      add_words(made[static_cast<size_t>(d)], kPromoted, Policy::Promote);
    }
    return made;
  }();
  return all[static_cast<size_t>(device)];
}

// A weight that was converted, and what it was converted from, which stays alive so that its address stays its own.
struct Converted {
  Tensor from, to;
  uint32_t version;
};

struct State {
  std::array<bool, kDevices> enabled = {false, false};
  std::array<ScalarType, kDevices> dtype = {kBFloat16, kHalf};
  bool cache_enabled = true;
  int nesting = 0;
  std::unordered_map<const TensorImpl*, Converted> cache;
};

State& state() {
  thread_local State own;
  return own;
}

int device_of(const Tensor& tensor) { return tensor.is_cuda() ? 1 : 0; }

bool is_eligible(const Tensor& tensor, int device) {
  return tensor.defined() && tensor.is_floating_point() && tensor.dtype() != kDouble && device_of(tensor) == device;
}

Tensor converted(const Tensor& tensor, ScalarType dtype, int device) {
  if (!is_eligible(tensor, device) || tensor.dtype() == dtype) return tensor;
  State& own = state();
  const bool keep = own.cache_enabled && dtype == own.dtype[static_cast<size_t>(device)] && tensor.dtype() == kFloat &&
                    tensor.requires_grad() && tensor.is_leaf() && !tensor.is_view() && GradMode::is_enabled();
  if (!keep) return tensor.to(dtype);
  Converted& entry = own.cache[tensor.impl()];
  if (!entry.to.defined() || entry.version != tensor._version() || entry.to.dtype() != dtype) {
    entry = {tensor, tensor.to(dtype), tensor._version()};
  }
  return entry.to;
}

template <class Visit>
void for_each_tensor(ValueBuffer& values, const Visit& visit) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (auto* tensor = std::get_if<Tensor>(&values[i])) {
      visit(*tensor);
    } else if (auto* tensors = std::get_if<std::vector<Tensor>>(&values[i])) {
      for (Tensor& item : *tensors) visit(item);
    }
  }
}

// The widest of the eligible dtypes; two halves of different kind meet in float.
ScalarType widest(ValueBuffer& values, int device) {
  ScalarType widest = state().dtype[static_cast<size_t>(device)];
  for_each_tensor(values, [&](const Tensor& tensor) {
    if (is_eligible(tensor, device) && tensor.dtype() != widest) widest = promote_types(widest, tensor.dtype());
  });
  return widest;
}

void set_enabled(int device, bool enabled) {
  bool& own = state().enabled[static_cast<size_t>(device)];
  autocast_regions += static_cast<int>(enabled) - static_cast<int>(own);
  own = enabled;
}

int device_named(const std::string& name) {
  if (name == "cpu") return 0;
  TENON_CHECK(name == "cuda", "autocast: unknown device type '", name, "': 'cpu' and 'cuda' are known");
  return 1;
}

}  // namespace

void autocast_arguments(const OpInfo& op, ValueBuffer& values) {
  const State& own = state();
  if (op.place == OpPlace::Inplace) return;
  int device = -1;
  for_each_tensor(values, [&](const Tensor& tensor) {
    if (device < 0 && tensor.defined()) device = device_of(tensor);
  });
  if (device < 0 || !own.enabled[static_cast<size_t>(device)]) return;
  const Policies& policies = policies_of(device);
  const char* prefix = op.place == OpPlace::Linalg ? "linalg_" : op.place == OpPlace::Fft ? "fft_" : "";
  const auto found = policies.find(prefix + op.name);
  if (found == policies.end()) return;
  ScalarType dtype = own.dtype[static_cast<size_t>(device)];
  if (found->second == Policy::Lengthen) dtype = kFloat;
  if (found->second == Policy::Promote) dtype = widest(values, device);
  for_each_tensor(values, [&](Tensor& tensor) { tensor = converted(tensor, dtype, device); });
}

std::pair<Tensor, Tensor> autocast_operands(const Tensor& a, const Tensor& b) {
  const int device = device_of(a);
  const State& own = state();
  if (!own.enabled[static_cast<size_t>(device)]) return {a, b};
  const ScalarType dtype = own.dtype[static_cast<size_t>(device)];
  return {converted(a, dtype, device), converted(b, dtype, device)};
}

void init_autocast(nb::module_& module) {
  module.def(
      "is_autocast_enabled",
      [](const std::string& device_type) { return state().enabled[static_cast<size_t>(device_named(device_type))]; },
      nb::arg("device_type") = "cuda", "Whether ops on this kind of device convert their arguments.");
  module.def(
      "set_autocast_enabled",
      [](const std::string& device_type, bool enabled) { set_enabled(device_named(device_type), enabled); },
      nb::arg("device_type"), nb::arg("enabled"), "Switches autocast on this kind of device.");
  module.def(
      "get_autocast_dtype",
      [](const std::string& device_type) { return state().dtype[static_cast<size_t>(device_named(device_type))]; },
      nb::arg("device_type"), "The shorter dtype of autocast.");
  module.def(
      "set_autocast_dtype",
      [](const std::string& device_type, ScalarType dtype) {
        state().dtype[static_cast<size_t>(device_named(device_type))] = dtype;
      },
      nb::arg("device_type"), nb::arg("dtype"), "Sets the shorter dtype of autocast.");
  module.def(
      "is_autocast_cache_enabled", [] { return state().cache_enabled; }, "Whether autocast keeps converted weights.");
  module.def(
      "set_autocast_cache_enabled", [](bool enabled) { state().cache_enabled = enabled; }, nb::arg("enabled"),
      "Sets whether autocast keeps converted weights.");
  module.def(
      "autocast_increment_nesting", [] { return ++state().nesting; }, "Enters a region.");
  module.def(
      "autocast_decrement_nesting", [] { return --state().nesting; }, "Leaves a region.");
  module.def(
      "clear_autocast_cache", [] { state().cache.clear(); }, "Drops converted weights.");
}

}  // namespace tenon::python
