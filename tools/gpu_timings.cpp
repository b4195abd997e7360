// How fast the CUDA device copies, computes, reduces and multiplies; built and run by gpu-check.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "tenon/tenon.h"

using namespace tenon;

// The least of some repetitions, in seconds.
template <class Body>
double best(Body body) {
  double least = 1e9;
  for (int i = 0; i < 20; ++i) {
    cuda::synchronize();
    const auto start = std::chrono::steady_clock::now();
    body();
    cuda::synchronize();
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return least;
}

int main() {
  if (!cuda::is_available()) {
    std::printf("no timings: %s\n", cuda::unavailable_reason().c_str());
    return 0;
  }
  NoGradGuard no_grad;
  const int64_t n = int64_t{1} << 26;
  const Tensor x = rand({n}), a = x.to(Device(kCUDA)), b = a * 0.5;
  const Tensor grid = a.reshape({8192, 8192});
  const auto bandwidth = [](const char* name, double bytes, double seconds) {
    std::printf("%-24s %8.1f us  %8.1f GB/s\n", name, seconds * 1e6, bytes / seconds * 1e-9);
  };
  bandwidth("to the device", 4.0 * n, best([&] { x.to(Device(kCUDA)); }));
  bandwidth("add", 12.0 * n, best([&] { a + b; }));
  bandwidth("tanh", 8.0 * n, best([&] { tanh(a); }));
  bandwidth("transposed copy", 8.0 * n, best([&] { grid.t().contiguous(); }));
  bandwidth("sum", 4.0 * n, best([&] { a.sum(); }));
  bandwidth("sum over rows", 4.0 * n, best([&] { grid.sum(0); }));
  try {
    const Tensor m = rand({4096, 4096}).to(Device(kCUDA));
    const double seconds = best([&] { matmul(m, m); });
    const double flops = 2.0 * 4096 * 4096 * 4096;
    std::printf("%-24s %8.1f us  %8.1f TFLOP/s\n", "matmul of 4096", seconds * 1e6, flops / seconds * 1e-12);
  } catch (const DeviceError& error) {
    std::printf("no matmul: %s\n", error.what());
  }
}
