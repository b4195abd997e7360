// See step.h.
#include "optim/step.h"

#include <cmath>
#include <type_traits>
#include <unordered_set>

#include "backend/kernels_of.h"
#include "tenon/base/grad_mode.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon::optim {

namespace tensor_steps {
#define TENON_FORMULA inline
#include "backend/expr/steps-inl.h"
#undef TENON_FORMULA
}  // namespace tensor_steps

namespace {

constexpr ScalarType kStepDtypes[] = {kFloat, kDouble, kHalf, kBFloat16};
constexpr size_t kStepDtypeCount = std::size(kStepDtypes);

size_t slot_of(ScalarType dtype) {
  size_t slot = 0;
  while (slot < kStepDtypeCount && kStepDtypes[slot] != dtype) ++slot;
  return slot;
}

// Whether element i of both is at the same distance from the first, for all i.
bool lies_as(const Tensor& tensor, const Tensor& param) {
  return tensor.dtype() == param.dtype() && tensor.device() == param.device() && tensor.sizes() == param.sizes() &&
         (tensor.strides() == param.strides() || (tensor.is_contiguous() && param.is_contiguous()));
}

bool fits_kernel(const StepItem& item, size_t slot) {
  if (slot == kStepDtypeCount || kernels_or_null<&Backend::optim>(item.param.device()) == nullptr) return false;
  if (!item.param.is_contiguous() && !item.param.is_non_overlapping_and_dense()) return false;
  for (const Tensor& state : item.states) {
    if (state.defined() && !lies_as(state, item.param)) return false;
  }
  return item.grad.dtype() == item.param.dtype() && item.grad.sizes() == item.param.sizes() &&
         item.grad.device() == item.param.device();
}

// Rows lie one after the other only in a contiguous parameter.
template <class Numbers>
bool fits_kernel(const StepItem& item, size_t slot, const Numbers&) {
  return fits_kernel(item, slot) && (!std::is_same_v<Numbers, SparseAdamNumbers> || item.param.is_contiguous());
}

void bump(const Tensor& tensor) { tensor.impl()->version().bump("step"); }

// Complex numbers step as pairs of real ones.
StepItem as_real(const StepItem& item) {
  StepItem real = {view_as_real(item.param), view_as_real(item.grad), {}};
  for (size_t k = 0; k < item.states.size(); ++k) {
    if (item.states[k].defined()) real.states[k] = view_as_real(item.states[k]);
  }
  return real;
}

template <class Numbers>
void step_by_formula(const StepItem& item, const Numbers& numbers) {
  const bool half = item.param.dtype() == kHalf || item.param.dtype() == kBFloat16;
  const ScalarType dtype = half ? kFloat : item.param.dtype();
  // What the graph saves must not be what is written in the end.
  const bool copy = GradMode::is_enabled();
  Tensor param = item.param.to(dtype, false, copy);
  std::array<Tensor, kMaxStepStates> states;
  for (size_t k = 0; k < states.size(); ++k) {
    if (item.states[k].defined()) states[k] = item.states[k].to(dtype, false, copy);
  }
  tensor_steps::step(numbers, param, item.grad.to(dtype), states.data());
  if constexpr (std::is_same_v<Numbers, SparseAdamNumbers>) {
    const Tensor grad = item.grad.dim() > 1 ? item.grad.flatten(1) : item.grad.unsqueeze(-1);
    std::vector<int64_t> rows(static_cast<size_t>(std::max<int64_t>(1, item.grad.dim())), 1);
    rows[0] = -1;
    const Tensor touched = grad.ne(0).any(-1).view(rows);
    param = where(touched, param, item.param.to(dtype));
    for (size_t k = 0; k < states.size(); ++k) {
      if (states[k].defined()) states[k] = where(touched, states[k], item.states[k].to(dtype));
    }
  }
  item.param.copy_(param);
  for (size_t k = 0; k < states.size(); ++k) {
    if (states[k].defined()) item.states[k].copy_(states[k]);
  }
}

#define TENON_KERNEL(name, Numbers, states) \
  auto kernel_of(const Numbers&) { return kernels_of<&Backend::optim>(kCPU, #name).name; }
TENON_FORALL_STEPS(TENON_KERNEL)
#undef TENON_KERNEL
auto kernel_of(const SparseAdamNumbers&) { return cpu::matrix_step_table().sparse_adam; }

}  // namespace

template <class Numbers>
void run_step(const std::vector<StepItem>& items, const std::vector<Numbers>& numbers, bool differentiable) {
  struct Bucket {
    std::vector<StepTensor> tensors;
    std::vector<Numbers> numbers;
  };
  std::array<Bucket, kStepDtypeCount> buckets;
  const auto run_buckets = [&] {
    for (size_t slot = 0; slot < kStepDtypeCount; ++slot) {
      Bucket& bucket = buckets[slot];
      if (bucket.tensors.empty()) continue;
      kernel_of(Numbers())(kStepDtypes[slot], bucket.tensors.data(), bucket.numbers.data(),
                           static_cast<int64_t>(bucket.tensors.size()));
      bucket = {};
    }
  };
  // A parameter that is there twice is stepped twice, one step after the other.
  std::unordered_set<const void*> seen;
  std::vector<Tensor> reordered;
  for (size_t i = 0; i < items.size(); ++i) {
    const StepItem item = items[i].param.is_complex() ? as_real(items[i]) : items[i];
    const size_t slot = slot_of(item.param.dtype());
    if (!seen.insert(item.param.data_ptr()).second) {
      run_buckets();
      seen = {item.param.data_ptr()};
    }
    if (differentiable || !fits_kernel(item, slot, numbers[i])) {
      step_by_formula(item, numbers[i]);
      continue;
    }
    Tensor grad = item.grad;
    if (!lies_as(grad, item.param)) {
      grad = reordered.emplace_back(make_like(item.param, item.param.dtype()));
      grad.copy_(item.grad);
    }
    StepTensor tensor = {item.param.data_ptr(), grad.data_ptr(), {}, item.param.numel()};
    for (size_t k = 0; k < item.states.size(); ++k) {
      if (!item.states[k].defined()) continue;
      tensor.states[k] = item.states[k].data_ptr();
      bump(item.states[k]);
    }
    bump(item.param);
    buckets[slot].tensors.push_back(tensor);
    buckets[slot].numbers.push_back(numbers[i]);
  }
  run_buckets();
}

#define TENON_KERNEL(name, Numbers, states) \
  template TENON_API void run_step(const std::vector<StepItem>&, const std::vector<Numbers>&, bool);
TENON_FORALL_STEPS(TENON_KERNEL)
TENON_KERNEL(sparse_adam, SparseAdamNumbers, )
#undef TENON_KERNEL

}  // namespace tenon::optim
