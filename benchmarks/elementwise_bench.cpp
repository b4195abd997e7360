// Elementwise kernels beside the best loop written by hand for add, in turns in one run. Prints milliseconds, the least
// of several rounds, and the ratio to the hand-written loop where there is one.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>

#include "backend/cpu/kernels.h"
#include "tenon/base/parallel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using namespace tenon;

constexpr int64_t kCount = int64_t{16} << 20;
constexpr int kRounds = 12;

struct Free {
  void operator()(float* p) const { std::free(p); }
};
using Buffer = std::unique_ptr<float, Free>;

Buffer make_buffer() {
  Buffer buffer(static_cast<float*>(std::aligned_alloc(64, kCount * sizeof(float))));
  for (int64_t i = 0; i < kCount; ++i) buffer.get()[i] = static_cast<float>(i % 100) * 0.1f - 5;
  return buffer;
}

template <class F>
double milliseconds(F run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

#if defined(__x86_64__)
__attribute__((target("avx"))) void add_streaming(const float* a, const float* b, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 8)
    _mm256_stream_ps(out + i, _mm256_add_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
  _mm_sfence();
}
#endif
void add_plain(const float* a, const float* b, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

}  // namespace

int main() {
  const Buffer a = make_buffer(), b = make_buffer(), out = make_buffer();
  const int64_t strides[] = {1}, sizes[] = {kCount};
  auto view = [&](const Buffer& buffer) {
    return TensorView{buffer.get(), kFloat, IntArrayRef(sizes, 1), IntArrayRef(strides, 1)};
  };
  const ElementwiseKernels& kernels = cpu::elementwise_table();
  auto by_hand = [&](auto loop) {
    parallel_for(0, kCount, 65536, [&](int64_t begin, int64_t end) {
      loop(a.get() + begin, b.get() + begin, out.get() + begin, end - begin);
    });
  };

  double hand = std::numeric_limits<double>::infinity(), ours = hand;
  for (int round = 0; round < kRounds; ++round) {
    hand = std::min(hand, milliseconds([&] { by_hand(add_plain); }));
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx")) hand = std::min(hand, milliseconds([&] { by_hand(add_streaming); }));
#endif
    const Operand inputs[] = {view(a), view(b)};
    ours = std::min(ours,
                    milliseconds([&] { kernels.run(ElementwiseKernel::add2, kFloat, view(out), inputs, 2, nullptr); }));
  }
  std::printf("%-12s %8.2f ms, by hand %.2f ms, ratio %.2f\n", "add", ours, hand, hand / ours);

  const std::pair<const char*, ElementwiseKernel> unary[] = {{"exp", ElementwiseKernel::exp},
                                                             {"log", ElementwiseKernel::log},
                                                             {"sin", ElementwiseKernel::sin},
                                                             {"tanh", ElementwiseKernel::tanh},
                                                             {"sigmoid", ElementwiseKernel::sigmoid},
                                                             {"gelu", ElementwiseKernel::gelu_erf},
                                                             {"gelu_tanh", ElementwiseKernel::gelu_tanh}};
  for (const auto& [name, kernel] : unary) {
    double best = std::numeric_limits<double>::infinity();
    const Operand inputs[] = {view(a)};
    for (int round = 0; round < kRounds; ++round) {
      best = std::min(best, milliseconds([&] { kernels.run(kernel, kFloat, view(out), inputs, 1, nullptr); }));
    }
    std::printf("%-12s %8.2f ms\n", name, best);
  }
}
