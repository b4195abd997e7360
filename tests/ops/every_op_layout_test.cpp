// Visits every op of the registry: its results do not depend on how inputs lie in memory, on the instruction set, on
// the number of threads, or on the device.
#include <cmath>
#include <cstring>
#include <set>

#include "backend/cpu/isa.h"
#include "helpers.h"
#include "samples.h"
#include "tenon/backend/cuda.h"
#include "tenon/base/parallel.h"

namespace tenon::testing {
namespace {

// Ops by name whose results are not initialised.
const std::set<std::string> kUninitialised = {"empty",     "empty_like",        "empty_strided", "empty_permuted",
                                              "new_empty", "new_empty_strided"};

// Ops by name that are about strides: they rightly see or refuse another layout.
const std::set<std::string> kAboutLayout = {
    "view",      "as_strided",      "as_strided_",     "as_strided_scatter",   "view_as_complex",
    "view_copy", "as_strided_copy", "resize_as_", "view_as_complex_copy", "resize_"};

// Ops by name that write into an argument besides self, which therefore may not be an expanded tensor.
const std::set<std::string> kWritesArguments = {"batch_norm", "instance_norm", "native_batch_norm",
                                                "_native_batch_norm_legit", "_batch_norm_with_update"};

// Draws fill a tensor in the order of its memory, as PyTorch's do.
bool draws(const OpInfo& op) {
  for (const Param& param : op.params) {
    if (param.kind == ParamKind::Generator) return true;
  }
  return op.name == "randint_like" || op.name == "dropout" || op.name == "alpha_dropout" ||
         op.name == "native_dropout";
}

bool ignores_layout(const OpInfo& op) {
  return !kUninitialised.contains(op.name) && !kAboutLayout.contains(op.name) && !draws(op);
}

struct Outcome {
  std::string error;
  std::vector<Tensor> results;
};

Outcome run(const OpInfo& op, const std::vector<Value>& args) {
  NoGradGuard no_grad;
  try {
    return {"", tensors_of(call(op, args))};
  } catch (const Error& error) {
    return {error.what(), {}};
  }
}

// The results of a call and then the gradients of its float inputs.
Outcome run_with_gradients(const OpInfo& op, const Sample& sample) {
  try {
    std::vector<Tensor> leaves;
    const std::vector<Value> args = map_tensors(sample.args, [&](size_t arg, const Tensor& tensor) {
      if (!tensor.defined()) return tensor;
      Tensor copy = tensor.clone();
      if (!sample.differentiable[arg] || !is_differentiable(copy.dtype())) return copy;
      leaves.push_back(copy.requires_grad_());
      return op.place == OpPlace::Inplace ? copy.clone() : copy;
    });
    Outcome outcome{"", tensors_of(call(op, args))};
    std::vector<Tensor> roots, grads;
    for (const Tensor& result : outcome.results) {
      if (!result.defined() || !result.requires_grad()) continue;
      roots.push_back(result);
      const Tensor grad = generic_values(result.sizes().vec(), roots.size() << 40);
      grads.push_back(grad.to(result.dtype()).to(result.device()));
    }
    if (roots.empty() || leaves.empty()) return outcome;
    for (const Tensor& grad : autograd::grad(roots, leaves, grads, nullopt, false, true))
      outcome.results.push_back(grad);
    return outcome;
  } catch (const NotImplementedError& error) {
    return {error.what(), {}};
  }
}

std::vector<std::complex<double>> numbers(const Tensor& tensor) {
  NoGradGuard no_grad;
  return list<std::complex<double>>(tensor.to(Device(kCPU)).to(kComplexDouble));
}

bool near(std::complex<double> a, std::complex<double> b, double tolerance) {
  const auto part_near = [&](double x, double y) {
    return x == y || (std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= tolerance * (1 + std::abs(y));
  };
  return part_near(a.real(), b.real()) && part_near(a.imag(), b.imag());
}

void expect_same(const Outcome& actual, const Outcome& expected, double tolerance) {
  ASSERT_EQ(actual.error.empty(), expected.error.empty()) << actual.error << " | " << expected.error;
  ASSERT_EQ(actual.results.size(), expected.results.size());
  for (size_t i = 0; i < actual.results.size(); ++i) {
    const Tensor &a = actual.results[i], &b = expected.results[i];
    ASSERT_EQ(a.defined(), b.defined()) << "result " << i;
    if (!a.defined()) continue;
    ASSERT_EQ(a.dtype(), b.dtype()) << "result " << i;
    ASSERT_EQ(a.sizes(), b.sizes()) << "result " << i;
    if (tolerance == 0) {
      NoGradGuard no_grad;
      const Tensor x = a.detach().contiguous(), y = b.detach().contiguous();
      ASSERT_TRUE(x.numel() == 0 || std::memcmp(x.data_ptr(), y.data_ptr(), x.nbytes()) == 0) << "result " << i;
      continue;
    }
    const auto x = numbers(a), y = numbers(b);
    // Factories make floats whatever the dtype of the sample.
    const double allowed = to_real(a.dtype()) == kFloat ? std::max(tolerance, 1e-4) : tolerance;
    for (size_t j = 0; j < x.size(); ++j) {
      ASSERT_TRUE(near(x[j], y[j], allowed)) << "result " << i << " at " << j << ": " << x[j] << " and " << y[j];
    }
  }
}

// --- layouts

Tensor transposed(const Tensor& tensor) {
  if (tensor.dim() < 2) return tensor.clone();
  return tensor.transpose(0, -1).clone(MemoryFormat::Contiguous).transpose(0, -1);
}

// Every second element of a larger tensor, from the second on.
Tensor sliced(const Tensor& tensor) {
  std::vector<int64_t> sizes = tensor.sizes().vec();
  sizes.push_back(2);
  const Tensor view = full(sizes, Scalar(1), tensor.dtype()).select(-1, 1);
  view.copy_(tensor);
  return view;
}

Tensor first_repeated(const Tensor& tensor) {
  if (tensor.dim() == 0 || tensor.numel() == 0) return tensor.clone();
  return tensor.narrow(0, 0, 1).expand(tensor.sizes());
}

// Without any row, if it has as many as the small samples' N.
Tensor emptied(const Tensor& tensor) {
  return tensor.dim() > 0 && tensor.size(0) == 3 ? tensor.narrow(0, 0, 0).clone() : tensor.clone();
}

Tensor compact(const Tensor& tensor) { return tensor.clone(MemoryFormat::Contiguous); }

// The arguments with `change` applied to those that `arg` names, all if negative, then `layout`; the rest are copies.
std::vector<Value> changed(const Sample& sample, int arg, Tensor (*change)(const Tensor&),
                           Tensor (*layout)(const Tensor&)) {
  NoGradGuard no_grad;
  return map_tensors(sample.args, [&](size_t i, const Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    return arg < 0 || static_cast<size_t>(arg) == i ? layout(change(tensor)) : tensor.clone();
  });
}

bool has_tensors(const Value& value) {
  return std::holds_alternative<Tensor>(value) || std::holds_alternative<std::vector<Tensor>>(value);
}

TEST(EveryOp, IgnoresTheLayoutOfItsInputs) {
  const auto unchanged = [](const Tensor& tensor) { return tensor; };
  for (const OpInfo& op : op_registry()) {
    if (!ignores_layout(op)) continue;
    for (const Sample& sample : samples(op)) {
      for (size_t i = 0; i < sample.args.size(); ++i) {
        if (!has_tensors(sample.args[i])) continue;
        SCOPED_TRACE(describe(op, sample) + ", argument " + op.params[i].name);
        const int arg = static_cast<int>(i);
        const Outcome expected = run(op, changed(sample, arg, unchanged, compact));
        expect_same(run(op, changed(sample, arg, unchanged, transposed)), expected, 1e-10);
        expect_same(run(op, changed(sample, arg, unchanged, sliced)), expected, 1e-10);
        if ((op.place == OpPlace::Inplace && i == 0) || kWritesArguments.contains(op.name)) continue;
        expect_same(run(op, changed(sample, arg, first_repeated, unchanged)),
                    run(op, changed(sample, arg, first_repeated, compact)), 1e-10);
      }
    }
  }
}

TEST(EveryOp, TakesEmptyInputsOfAnyLayout) {
  for (const OpInfo& op : op_registry()) {
    if (!ignores_layout(op)) continue;
    for (const Sample& sample : samples(op)) {
      SCOPED_TRACE(describe(op, sample));
      const Outcome compact_outcome = run(op, changed(sample, -1, emptied, compact));
      expect_same(run(op, changed(sample, -1, emptied, transposed)), compact_outcome, 1e-10);
      expect_same(run(op, changed(sample, -1, emptied, sliced)), compact_outcome, 1e-10);
      if (!op.elementwise) continue;
      ASSERT_EQ(compact_outcome.error, "");
      EXPECT_EQ(compact_outcome.results.at(0).numel(), 0);
    }
  }
}

// --- machines

class Threads {
 public:
  explicit Threads(int count) : before_(get_num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before_); }
  Threads(const Threads&) = delete;

 private:
  int before_;
};

class OnIsa {
 public:
  explicit OnIsa(cpu::Isa isa) : before_(cpu::isa()) { cpu::set_isa(isa); }
  ~OnIsa() { cpu::set_isa(before_); }
  OnIsa(const OnIsa&) = delete;

 private:
  cpu::Isa before_;
};

Outcome run_on(int threads, const OpInfo& op, const Sample& sample) {
  Threads count(threads);
  return run_with_gradients(op, sample);
}

TEST(EveryOp, GivesTheSameBitsForAnyNumberOfThreads) {
  for (const OpInfo& op : op_registry()) {
    if (kUninitialised.contains(op.name)) continue;
    for (const Sample& sample : samples(op, SampleSize::Large, kFloat)) {
      SCOPED_TRACE(describe(op, sample));
      const Outcome one = run_on(1, op, sample);
      expect_same(run_on(2, op, sample), one, 0);
      expect_same(run_on(3, op, sample), one, 0);
    }
  }
}

void expect_isas_agree(SampleSize size, ScalarType dtype, double tolerance) {
  const cpu::Isa best = cpu::isa();
  for (const OpInfo& op : op_registry()) {
    if (kUninitialised.contains(op.name)) continue;
    for (const Sample& sample : samples(op, size, dtype)) {
      const Outcome expected = run_with_gradients(op, sample);
      for (int i = 0; i < static_cast<int>(best); ++i) {
        SCOPED_TRACE(describe(op, sample) + " on " + cpu::isa_name(static_cast<cpu::Isa>(i)));
        OnIsa isa(static_cast<cpu::Isa>(i));
        expect_same(run_with_gradients(op, sample), expected, tolerance);
      }
    }
  }
}

TEST(EveryOp, AgreesOnEveryInstructionSet) {
  expect_isas_agree(SampleSize::Small, kDouble, 1e-11);
  expect_isas_agree(SampleSize::Small, kFloat, 1e-4);
  expect_isas_agree(SampleSize::Large, kDouble, 1e-8);
}

// --- devices

// Parameters that say how to cut and are read by the host, so that their tensors are on the CPU.
const std::set<std::string> kOnHost = {"batch_sizes", "tensor_indices_or_sections"};

std::vector<Value> moved(const OpInfo& op, const Sample& sample, Device device) {
  NoGradGuard no_grad;
  std::vector<Value> args = map_tensors(sample.args, [&](size_t arg, const Tensor& tensor) {
    return tensor.defined() && !kOnHost.contains(op.params[arg].name) ? tensor.to(device) : tensor;
  });
  for (Value& arg : args) {
    if (std::holds_alternative<Device>(arg)) arg = device;
    if (auto* options = std::get_if<TensorOptions>(&arg)) arg = options->device(device);
  }
  return args;
}

// Whether the error says that the op, or its gradient, does not run on this kind of device at all.
bool says_unavailable(const Error& error) {
  const std::string text = error.what();
  return has_part(text, "not available on cuda") || (has_part(text, "not implemented") && has_part(text, "on cuda"));
}

// False where the device does not have the op.
bool agrees_on(Device device, const OpInfo& op, const Sample& sample, double tolerance) {
  SCOPED_TRACE(describe(op, sample));
  Outcome actual;
  try {
    actual = run_with_gradients(op, {sample.text, moved(op, sample, device), sample.differentiable});
  } catch (const Error& error) {
    if (says_unavailable(error)) return false;
    throw;
  }
  if (!actual.error.empty() && has_part(actual.error, "on cuda")) return false;
  Outcome expected = run_with_gradients(op, sample);
  if (kUninitialised.contains(op.name) || draws(op)) {
    // Every device draws its own numbers.
    for (Tensor& result : actual.results) result = zeros_like(result);
    for (Tensor& result : expected.results) result = zeros_like(result);
  }
  expect_same(actual, expected, tolerance);
  return true;
}

TEST(EveryOp, ComputesOnCudaWhatItComputesOnTheCpu) {
  if (!cuda::is_available()) GTEST_SKIP() << cuda::unavailable_reason();
  int offered = 0, lacking = 0;
  for (const OpInfo& op : op_registry()) {
    for (const ScalarType dtype : {kFloat, kDouble}) {
      for (const Sample& sample : samples(op, SampleSize::Small, dtype)) {
        EXPECT_NO_THROW(++(agrees_on(kCUDA, op, sample, dtype == kDouble ? 1e-10 : 1e-4) ? offered : lacking))
            << describe(op, sample);
      }
    }
  }
  std::printf("on CUDA: %d calls agree with the CPU, %d are of ops that the plug-in lacks\n", offered, lacking);
  EXPECT_GT(offered, 0);
}

}  // namespace
}  // namespace tenon::testing
