// float32 matrix products beside PyTorch, OpenBLAS and Eigen: GFLOP/s, the ratio to each rival (above 1, ours is
// faster) and to the peak of the machine's fused multiply-add, all from interleaved turns of one run.
//
//   gemm_bench [threads = 1] [only cases whose name contains this]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "backend/cpu/isa.h"
#include "backend/cpu/kernels.h"
#include "gemm_rivals.h"
#include "tenon/base/parallel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

double seconds(const std::function<void()>& body, int64_t times) {
  const auto start = Clock::now();
  for (int64_t i = 0; i < times; ++i) body();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Operations of one thread's chains of independent fused multiply-adds.
constexpr int64_t kPeakSteps = 200000, kChains = 16;
#if defined(__x86_64__)
[[gnu::target("avx512f")]] double flops_avx512() {
  const __m512 c = _mm512_set1_ps(0.5f);
  __m512 v[kChains];
  for (auto& x : v) x = c;
  for (int64_t i = 0; i < kPeakSteps; ++i) {
#pragma GCC unroll 16
    for (auto& x : v) x = _mm512_fmadd_ps(x, c, c);
  }
  for (auto& x : v) asm volatile("" ::"v"(x));
  return 2.0 * 16 * kPeakSteps * kChains;
}
[[gnu::target("avx2,fma")]] double flops_avx2() {
  const __m256 c = _mm256_set1_ps(0.5f);
  __m256 v[kChains - 4];
  for (auto& x : v) x = c;
  for (int64_t i = 0; i < kPeakSteps; ++i) {
#pragma GCC unroll 16
    for (auto& x : v) x = _mm256_fmadd_ps(x, c, c);
  }
  for (auto& x : v) asm volatile("" ::"x"(x));
  return 2.0 * 8 * kPeakSteps * (kChains - 4);
}
double run_peak() {
  switch (tenon::cpu::isa()) {
    case tenon::cpu::Isa::Avx512: return flops_avx512();
    case tenon::cpu::Isa::Avx2: return flops_avx2();
    default: return 0;
  }
}
#else
double run_peak() { return 0; }
#endif

struct NamedCase {
  const char* name;
  GemmCase problem;
};

const NamedCase kCases[] = {
    {"square 16", {1, 16, 16, 16, false}},       {"square 24", {1, 24, 24, 24, false}},
    {"square 32", {1, 32, 32, 32, false}},       {"square 48", {1, 48, 48, 48, false}},
    {"square 64", {1, 64, 64, 64, false}},       {"square 96", {1, 96, 96, 96, false}},
    {"square 128", {1, 128, 128, 128, false}},   {"square 256", {1, 256, 256, 256, false}},
    {"square 384", {1, 384, 384, 384, false}},   {"square 512", {1, 512, 512, 512, false}},
    {"square 768", {1, 768, 768, 768, false}},   {"square 1024", {1, 1024, 1024, 1024, false}},
    {"square 2048", {1, 2048, 2048, 2048, false}},
    {"128x784x32", {1, 32, 784, 128, false}},    {"128x784x32 weight.T", {1, 32, 784, 128, true}},
    {"256x784x512 weight.T", {1, 512, 784, 256, true}},
    {"batch 64 of 64", {64, 64, 64, 64, false}}, {"batch 64 of 64 rhs.T", {64, 64, 64, 64, true}},
    {"row vector 1024", {1, 1, 1024, 1024, false}}, {"row vector 1024 weight.T", {1, 1, 1024, 1024, true}},
    {"column vector 1024", {1, 1024, 1024, 1, false}}, {"4 rows 1024", {1, 4, 1024, 1024, false}},
    {"4 rows 1024 weight.T", {1, 4, 1024, 1024, true}}, {"8 rows 1024", {1, 8, 1024, 1024, false}},
};

struct Contender {
  const char* name;
  std::function<void()> run;
  double best = 1e30;
};

void run_case(const NamedCase& named, int threads, const std::vector<const GemmRival*>& rivals) {
  const GemmCase& p = named.problem;
  const auto filled = [](int64_t size, int seed) {
    float* data = static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>((size * 4 + 63) / 64 * 64)));
    for (int64_t i = 0; i < size; ++i) data[i] = static_cast<float>((i * 7 + seed) % 17 - 8) / 8;
    return data;
  };
  float* a = filled(p.batch * p.m * p.k, 1);
  float* b = filled(p.batch * p.k * p.n, 2);
  float* c = filled(p.batch * p.m * p.n, 3);
  const int64_t out_sizes[] = {p.batch, p.m, p.n}, out_strides[] = {p.m * p.n, p.n, 1};
  const int64_t lhs_sizes[] = {p.batch, p.m, p.k}, lhs_strides[] = {p.m * p.k, p.k, 1};
  const int64_t rhs_sizes[] = {p.batch, p.k, p.n};
  const int64_t rhs_strides[] = {p.k * p.n, p.transposed_rhs ? 1 : p.n, p.transposed_rhs ? p.k : 1};
  const tenon::TensorView out{c, tenon::kFloat, {out_sizes, 3}, {out_strides, 3}};
  const tenon::TensorView lhs{a, tenon::kFloat, {lhs_sizes, 3}, {lhs_strides, 3}};
  const tenon::TensorView rhs{b, tenon::kFloat, {rhs_sizes, 3}, {rhs_strides, 3}};

  std::vector<Contender> contenders;
  contenders.push_back({"tenon", [&] { tenon::cpu::matmul_table().matmul(out, lhs, rhs, 1.0, 0.0, nullptr); }});
  std::vector<void*> prepared;
  for (const GemmRival* rival : rivals) {
    void* state = rival->prepare(p, a, b, c);
    prepared.push_back(state);
    contenders.push_back({rival->name, [rival, state] { rival->run(state); }});
  }
  double peak_flops = 0;
  double peak_time = 1e30;
  const double flops = 2.0 * static_cast<double>(p.batch * p.m) * static_cast<double>(p.k * p.n);
  for (Contender& contender : contenders) contender.run();
  const int64_t times = std::clamp<int64_t>(static_cast<int64_t>(2e8 / flops), 1, 20000);
  const int turns = threads > 1 || flops > 4e9 ? 8 : 25;
  for (int turn = 0; turn < turns; ++turn) {
    peak_time = std::min(peak_time, seconds([&] { peak_flops = run_peak(); }, 1));
    for (Contender& contender : contenders) {
      // Warms the caches, and outlasts the time that threads of the contender before spin on the cores.
      const double settle = threads > 1 ? 0.04 : 0.001;
      for (double spent = 0; spent < settle;) spent += seconds(contender.run, 1);
      contender.best = std::min(contender.best, seconds(contender.run, times) / static_cast<double>(times));
    }
  }
  const double ours = contenders[0].best;
  double best_rival = 1e30;
  std::printf("%-26s %8.1f GFLOP/s  peak %5.1f %%", named.name, flops / ours * 1e-9,
              peak_flops > 0 ? 100 * (flops / ours) / (threads * peak_flops / peak_time) : 0.0);
  for (size_t i = 1; i < contenders.size(); ++i) {
    std::printf("  %s %5.2f", contenders[i].name, contenders[i].best / ours);
    best_rival = std::min(best_rival, contenders[i].best);
  }
  if (contenders.size() > 1) std::printf("  best %5.2f", best_rival / ours);
  std::printf("\n");
  std::fflush(stdout);
  for (size_t i = 0; i < rivals.size(); ++i) rivals[i]->release(prepared[i]);
  std::free(a);
  std::free(b);
  std::free(c);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  std::vector<const GemmRival*> rivals;
  for (const GemmRival* rival : {torch_rival(), openblas_rival(), eigen_rival()}) {
    if (rival) rivals.push_back(rival);
  }
  tenon::set_num_threads(threads);
  for (const GemmRival* rival : rivals) rival->set_threads(threads);
  std::printf("%d thread(s), %s\n", threads, tenon::cpu::isa_name(tenon::cpu::isa()));
  for (const NamedCase& named : kCases) {
    if (argc < 3 || std::strstr(named.name, argv[2])) run_case(named, threads, rivals);
  }
}
