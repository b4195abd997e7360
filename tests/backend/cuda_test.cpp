// The CUDA backend: what it says where it cannot be used, and, where it can, that it computes what the CPU computes.
#include "tenon/cuda.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/expr/line.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

TEST(Cuda, IsAvailableExactlyWhenItHasNoReasonNotToBe) {
  EXPECT_EQ(cuda::is_available(), cuda::unavailable_reason().empty());
  EXPECT_EQ(cuda::device_count(), cuda::is_available() ? 1 : 0);
}

TEST(Cuda, AMissingDeviceIsADeviceErrorThatStatesTheReason) {
  if (cuda::is_available()) GTEST_SKIP() << "this machine has a usable CUDA device";
  try {
    ones({2}).to(Device(kCUDA));
    FAIL() << "to must throw";
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find(cuda::unavailable_reason()), std::string::npos) << error.what();
  }
  EXPECT_THROW(cuda::synchronize(), DeviceError);
  EXPECT_NO_THROW(cuda::empty_cache());
}

#ifdef TENON_CUDA_PLUGIN_BUILT
TEST(Cuda, ThePluginThatWasBuiltIsLoaded) {
  EXPECT_EQ(cuda::unavailable_reason().find("could not be loaded"), std::string::npos) << cuda::unavailable_reason();
  EXPECT_EQ(cuda::unavailable_reason().find("other sources"), std::string::npos) << cuda::unavailable_reason();
}
#else
TEST(Cuda, AMissingPluginIsReportedWithWhereItWasLookedFor) {
  if (cuda::is_available()) GTEST_SKIP() << "TENON_CUDA_PLUGIN names a plug-in";
  EXPECT_NE(cuda::unavailable_reason().find("libtenon_cuda.so"), std::string::npos) << cuda::unavailable_reason();
}
#endif

// --- against the CPU

constexpr int64_t kRows = 37, kCols = 53;

class CudaDevice : public testing::Test {
 protected:
  void SetUp() override {
    if (!cuda::is_available()) GTEST_SKIP() << cuda::unavailable_reason();
    device_ = &backend_of(kCUDA);
  }
  const Backend& device() const { return *device_; }
  const Backend* device_ = nullptr;
};

// Host memory and its copy on a device.
class Mirror {
 public:
  Mirror(const Backend& device, ScalarType dtype, std::vector<int64_t> sizes, std::vector<int64_t> strides, int seed)
      : device_(device), dtype_(dtype), sizes_(std::move(sizes)), strides_(std::move(strides)), host_(bytes()) {
    visit_dtype(dtype, [&]<class T>(T) {
      T* to = reinterpret_cast<T*>(host_.data());
      for (size_t i = 0; i < elements(); ++i) {
        const int value = static_cast<int>((i * 7 + static_cast<size_t>(seed) * 11) % 17);
        if constexpr (std::is_integral_v<T>) to[i] = static_cast<T>(std::is_same_v<T, bool> ? value % 2 : value - 3);
        else to[i] = static_cast<T>(0.05f + 0.05f * static_cast<float>(value));
      }
    });
    data_ = device.memory->allocate(bytes(), -1);
    device.memory->copy_from_host(data_, host_.data(), bytes(), -1);
  }
  ~Mirror() { device_.memory->deallocate(data_, bytes(), -1); }
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  TensorView on_host() { return {host_.data(), dtype_, sizes_, strides_}; }
  TensorView on_device() const { return {data_, dtype_, sizes_, strides_}; }
  // Compares what both hold now.
  void expect_equal(double relative, const char* what) const {
    std::vector<char> fetched(bytes());
    device_.memory->copy_to_host(fetched.data(), data_, bytes(), -1);
    visit_dtype(dtype_, [&]<class T>(T) {
      if constexpr (!std::is_same_v<T, std::complex<float>> && !std::is_same_v<T, std::complex<double>>) {
        const T* expected = reinterpret_cast<const T*>(host_.data());
        const T* got = reinterpret_cast<const T*>(fetched.data());
        for (size_t i = 0; i < elements(); ++i) {
          const double a = static_cast<double>(expected[i]), b = static_cast<double>(got[i]);
          if (a == b || (std::isnan(a) && std::isnan(b))) continue;
          ASSERT_LE(std::abs(a - b), relative * (1 + std::abs(a)))
              << what << " in " << dtype_ << " at " << i << ": CPU " << a << ", device " << b;
        }
      }
    });
  }

 private:
  size_t elements() const {
    int64_t last = 0;
    for (size_t d = 0; d < sizes_.size(); ++d) last += (sizes_[d] - 1) * strides_[d];
    return static_cast<size_t>(last + 1);
  }
  size_t bytes() const { return elements() * element_size(dtype_); }

  const Backend& device_;
  ScalarType dtype_;
  std::vector<int64_t> sizes_, strides_;
  std::vector<char> host_;
  void* data_;
};

double tolerance(ScalarType dtype) {
  return dtype == kDouble ? 1e-10 : dtype == kHalf ? 2e-3 : dtype == kBFloat16 ? 2e-2 : dtype == kFloat ? 1e-4 : 0;
}

// Every kernel of the table on both backends, into `out`; the CPU computes half types in float.
void compare_kernels(const Backend& device, ScalarType dtype, const std::vector<int64_t>& in_strides) {
  const double params[] = {1, 2, 3};
  const ScalarType compute = is_reduced_floating_point(dtype) ? kFloat : dtype;
  for (int k = 0; k < static_cast<int>(ElementwiseKernel::count); ++k) {
    const auto kernel = static_cast<ElementwiseKernel>(k);
    const expr::KernelInfo& info = expr::info(kernel);
    const ScalarType out_dtype = info.rule == expr::Rule::BOOL ? kBool : dtype;
    Mirror out(device, out_dtype, {kRows, kCols}, {kCols, 1}, 0);
    std::vector<std::unique_ptr<Mirror>> mirrors;
    std::vector<Operand> host_inputs, device_inputs;
    for (int i = 0; i < info.inputs; ++i) {
      mirrors.push_back(std::make_unique<Mirror>(device, dtype, std::vector<int64_t>{kRows, kCols}, in_strides, i));
      host_inputs.push_back(mirrors.back()->on_host());
      device_inputs.push_back(mirrors.back()->on_device());
    }
    bool claimed = true;
    try {
      backend_of(kCPU).elementwise->run(kernel, compute, out.on_host(), host_inputs.data(), info.inputs, params);
    } catch (const NotImplementedError&) {
      claimed = false;
    }
    const auto run = [&] {
      device.elementwise->run(kernel, compute, out.on_device(), device_inputs.data(), info.inputs, params);
    };
    if (!claimed) {
      EXPECT_THROW(run(), NotImplementedError) << info.name << " in " << dtype;
      continue;
    }
    run();
    out.expect_equal(out_dtype == kBool ? 0 : tolerance(dtype), info.name);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST_F(CudaDevice, EveryElementwiseKernelComputesWhatTheCpuComputes) {
  for (ScalarType dtype : {kFloat, kDouble, kHalf, kBFloat16, kLong, kInt, kChar, kByte, kBool}) {
    compare_kernels(device(), dtype, {kCols, 1});
  }
}

TEST_F(CudaDevice, ElementwiseInputsMayBeTransposedOrBroadcast) {
  compare_kernels(device(), kFloat, {1, kRows});
  compare_kernels(device(), kFloat, {0, 1});
  compare_kernels(device(), kInt, {1, 0});
}

TEST_F(CudaDevice, CopiesConvertBetweenAllRealDtypes) {
  const ScalarType dtypes[] = {kFloat, kDouble, kHalf, kBFloat16, kLong, kInt, kShort, kChar, kByte, kBool};
  for (ScalarType from : dtypes) {
    for (ScalarType to : dtypes) {
      Mirror in(device(), from, {kRows, kCols}, {1, kRows}, 1), out(device(), to, {kRows, kCols}, {kCols, 1}, 2);
      backend_of(kCPU).elementwise->copy(out.on_host(), in.on_host());
      device().elementwise->copy(out.on_device(), in.on_device());
      out.expect_equal(0, "copy");
    }
  }
}

TEST_F(CudaDevice, ReductionsOverAnyDimsComputeWhatTheCpuComputes) {
  const std::vector<int64_t> sizes = {19, 301, 41};
  for (ScalarType dtype : {kFloat, kDouble, kLong, kInt, kBool}) {
    for (Reduction op : {Reduction::Sum, Reduction::Max, Reduction::Min, Reduction::Any, Reduction::All,
                         Reduction::SumAbs, Reduction::SumSquares, Reduction::CountNonzero}) {
      const bool flag = op == Reduction::Any || op == Reduction::All;
      for (int mask = 1; mask < 8; ++mask) {
        std::vector<int64_t> kept = sizes;
        for (size_t d = 0; d < 3; ++d) {
          if (mask >> d & 1) kept[d] = 1;
        }
        const ScalarType result = flag ? kBool : op == Reduction::CountNonzero ? kLong : dtype;
        Mirror in(device(), dtype, sizes, {301 * 41, 41, 1}, 1);
        Mirror out(device(), result, kept, {kept[1] * kept[2], kept[2], 1}, 2);
        backend_of(kCPU).reduction->reduce(op, dtype, out.on_host(), in.on_host());
        device().reduction->reduce(op, dtype, out.on_device(), in.on_device());
        out.expect_equal(result == kBool ? 0 : tolerance(dtype), "reduce");
      }
    }
  }
}

TEST_F(CudaDevice, MatrixProductsComputeWhatTheCpuComputes) {
  const int64_t b = 3, m = 33, n = 47, k = 29;
  for (ScalarType dtype : {kFloat, kDouble, kHalf, kBFloat16}) {
    for (const bool transposed : {false, true}) {
      for (const double beta : {0.0, 0.5}) {
        const std::vector<int64_t> lhs_strides = {m * k, transposed ? 1 : k, transposed ? m : 1};
        Mirror lhs(device(), dtype, {b, m, k}, lhs_strides, 1), rhs(device(), dtype, {b, k, n}, {0, n, 1}, 2);
        Mirror out(device(), dtype, {b, m, n}, {m * n, n, 1}, 3), bias(device(), dtype, {n}, {1}, 4);
        const TensorView host_bias = bias.on_host(), device_bias = bias.on_device();
        try {
          device().matmul->matmul(out.on_device(), lhs.on_device(), rhs.on_device(), 1.5, beta, &device_bias);
        } catch (const DeviceError& error) {
          GTEST_SKIP() << error.what();
        }
        backend_of(kCPU).matmul->matmul(out.on_host(), lhs.on_host(), rhs.on_host(), 1.5, beta, &host_bias);
        out.expect_equal(tolerance(dtype), "matmul");
      }
    }
  }
}

TEST_F(CudaDevice, TensorsGoThereAndBack) {
  const Tensor x = arange(12).to(kFloat).reshape({3, 4});
  const Tensor there = x.t().to(Device(kCUDA));
  EXPECT_TRUE(there.is_cuda());
  const Tensor back = (there * 2 + 1).to(Device(kCPU));
  EXPECT_TRUE(equal(back, x.t() * 2 + 1));
  EXPECT_THROW(there.to("cuda:1"), DeviceError);
}

TEST_F(CudaDevice, AMissingFamilyIsNamed) {
  EXPECT_THROW(softmax(ones({2, 3}).to(Device(kCUDA)), 1), DeviceError);
}

}  // namespace
}  // namespace tenon
