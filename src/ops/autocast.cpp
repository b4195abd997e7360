// See autocast.h.
#include "ops/autocast.h"

#include <array>
#include <unordered_map>

#include "tenon/base/grad_mode.h"
#include "tenon/ops/ops.h"

namespace tenon {

std::atomic<int> autocast_regions{0};

namespace {

enum class Policy : uint8_t { Shorten, Lengthen, Promote };

constexpr int kDevices = 2;  // CPU and CUDA

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
  int nesting = 0, paused = 0;
  std::unordered_map<const TensorImpl*, Converted> cache;

  ~State() {
    for (const bool on : enabled) autocast_regions -= static_cast<int>(on);
  }
};

State& state() {
  thread_local State own;
  return own;
}

size_t slot(int device) { return static_cast<size_t>(device); }
size_t slot(DeviceType device) { return device == kCUDA ? 1 : 0; }
int device_of(const Tensor& tensor) { return tensor.is_cuda() ? 1 : 0; }

bool is_eligible(const Tensor& tensor, int device) {
  return tensor.defined() && tensor.is_floating_point() && tensor.dtype() != kDouble && device_of(tensor) == device;
}

Tensor converted(const Tensor& tensor, ScalarType dtype, int device) {
  if (!is_eligible(tensor, device) || tensor.dtype() == dtype) return tensor;
  State& own = state();
  const bool keep = own.cache_enabled && dtype == own.dtype[slot(device)] && tensor.dtype() == kFloat &&
                    tensor.requires_grad() && tensor.is_leaf() && !tensor.is_view() && GradMode::is_enabled();
  if (!keep) return tensor.to(dtype);
  Converted& entry = own.cache[tensor.impl()];
  if (!entry.to.defined() || entry.version != tensor._version() || entry.to.dtype() != dtype) {
    entry = {tensor, tensor.to(dtype), tensor._version()};
  }
  return entry.to;
}

}  // namespace

AutocastCall::~AutocastCall() {
  if (paused_) --state().paused;
}

void AutocastCall::see(const Tensor& tensor) {
  if (!tensor.defined()) return;
  if (device_ < 0) {
    device_ = device_of(tensor);
    widest_ = state().dtype[slot(device_)];
  }
  if (is_eligible(tensor, device_) && tensor.dtype() != widest_) widest_ = promote_types(widest_, tensor.dtype());
}

bool AutocastCall::converts() {
  State& own = state();
  if (device_ < 0 || own.paused > 0 || !own.enabled[slot(device_)]) return false;
  const Policies& policies = policies_of(device_);
  const auto found = policies.find(op_);
  if (found == policies.end()) return false;
  switch (found->second) {
    case Policy::Shorten:
      dtype_ = own.dtype[slot(device_)];
      break;
    case Policy::Lengthen:
      dtype_ = kFloat;
      break;
    case Policy::Promote:
      dtype_ = widest_;
      break;
  }
  ++own.paused;
  paused_ = true;
  return true;
}

Tensor AutocastCall::operator()(const Tensor& tensor) const { return converted(tensor, dtype_, device_); }

std::vector<Tensor> AutocastCall::operator()(TensorList tensors) const {
  std::vector<Tensor> all;
  for (const Tensor& tensor : tensors) all.push_back((*this)(tensor));
  return all;
}

namespace autocast {

bool is_autocast_enabled(DeviceType device) { return state().enabled[slot(device)]; }

void set_autocast_enabled(DeviceType device, bool enabled) {
  bool& own = state().enabled[slot(device)];
  autocast_regions += static_cast<int>(enabled) - static_cast<int>(own);
  own = enabled;
}

ScalarType get_autocast_dtype(DeviceType device) { return state().dtype[slot(device)]; }
void set_autocast_dtype(DeviceType device, ScalarType dtype) { state().dtype[slot(device)] = dtype; }
bool is_autocast_cache_enabled() { return state().cache_enabled; }
void set_autocast_cache_enabled(bool enabled) { state().cache_enabled = enabled; }
int increment_nesting() { return ++state().nesting; }
int decrement_nesting() { return --state().nesting; }
void clear_cache() { state().cache.clear(); }

Pause::Pause(bool paused) : paused_(paused) {
  if (paused_) ++state().paused;
}
Pause::~Pause() {
  if (paused_) --state().paused;
}

}  // namespace autocast

amp::autocast::autocast(DeviceType device, optional<ScalarType> dtype, bool enabled, optional<bool> cache_enabled)
    : device_(device),
      was_enabled_(tenon::autocast::is_autocast_enabled(device)),
      cache_was_enabled_(tenon::autocast::is_autocast_cache_enabled()),
      dtype_before_(tenon::autocast::get_autocast_dtype(device)) {
  const ScalarType shorter = dtype.value_or(dtype_before_);
  TENON_CHECK_VALUE(!enabled || shorter == kBFloat16 || shorter == kHalf,
                    "autocast: the dtype must be BFloat16 or Half, got ", shorter);
  tenon::autocast::set_autocast_enabled(device, enabled);
  tenon::autocast::set_autocast_dtype(device, shorter);
  tenon::autocast::increment_nesting();
  tenon::autocast::set_autocast_cache_enabled(cache_enabled.value_or(cache_was_enabled_));
}

amp::autocast::~autocast() {
  if (tenon::autocast::decrement_nesting() == 0) tenon::autocast::clear_cache();
  tenon::autocast::set_autocast_enabled(device_, was_enabled_);
  tenon::autocast::set_autocast_dtype(device_, dtype_before_);
  tenon::autocast::set_autocast_cache_enabled(cache_was_enabled_);
}

}  // namespace tenon
