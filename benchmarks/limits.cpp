// The machine's own limits, fused multiply-adds and memory traffic per second, and the loop that one would write by
// hand to add 16M floats. Depends on nothing of Tenon's but parallel_for, which the loop by hand uses.
#include <sys/mman.h>

#include <cstdlib>
#include <thread>

#include "figures.h"
#include "tenon/base/parallel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bench {
namespace {

constexpr int64_t kCount = int64_t{16} << 20;

int limit_threads = 1;

// Calls part(i) on as many threads as were asked for.
template <class Part>
void on_threads(Part part) {
  std::vector<std::thread> others;
  for (int i = 1; i < limit_threads; ++i) others.emplace_back(part, i);
  part(0);
  for (std::thread& other : others) other.join();
}

// Three arrays of 16M floats, made once, on huge pages where the system gives them.
struct Buffers {
  static const Buffers& instance() {
    static const Buffers buffers;
    return buffers;
  }
  static float* make() {
    constexpr size_t kHugePage = size_t{2} << 20, kBytes = kCount * sizeof(float);
    auto* data = static_cast<float*>(std::aligned_alloc(kHugePage, kBytes));
#ifdef MADV_HUGEPAGE
    madvise(data, kBytes, MADV_HUGEPAGE);
#endif
    for (int64_t i = 0; i < kCount; ++i) data[i] = static_cast<float>(i % 100) * 0.1f - 5;
    return data;
  }
  float *a = make(), *b = make(), *out = make();
};

void add_plain(const float* a, const float* b, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

template <class Loop>
Figure add_by_hand(Loop loop) {
  return {"add_16M", {0, 12 * double{kCount}}, 1, [loop] {
            return Body([loop, &buffers = Buffers::instance()] {
              tenon::parallel_for(0, kCount, 65536, [&](int64_t begin, int64_t end) {
                loop(buffers.a + begin, buffers.b + begin, buffers.out + begin, end - begin);
              });
            });
          }};
}

#if defined(__x86_64__)
// Chains of independent multiply-adds, as many as hide the latency, and so many steps that starting a thread is nothing
// beside them.
constexpr int64_t kFmaSteps = 2000000, kChains = 12;

[[gnu::target("avx512f")]] void fma_avx512(int) {
  const __m512 c = _mm512_set1_ps(0.5f);
  __m512 v[kChains];
  for (auto& x : v) x = c;
  for (int64_t i = 0; i < kFmaSteps; ++i) {
#pragma GCC unroll 12
    for (auto& x : v) x = _mm512_fmadd_ps(x, c, c);
  }
  for (auto& x : v) asm volatile("" ::"v"(x));
}
[[gnu::target("avx2,fma")]] void fma_avx2(int) {
  const __m256 c = _mm256_set1_ps(0.5f);
  __m256 v[kChains];
  for (auto& x : v) x = c;
  for (int64_t i = 0; i < kFmaSteps; ++i) {
#pragma GCC unroll 12
    for (auto& x : v) x = _mm256_fmadd_ps(x, c, c);
  }
  for (auto& x : v) asm volatile("" ::"x"(x));
}

[[gnu::target("avx2")]] void read(const float* data, int64_t n) {
  __m256 sums[8] = {};
  for (int64_t i = 0; i < n; i += 64) {
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) sums[k] = _mm256_add_ps(sums[k], _mm256_load_ps(data + i + 8 * k));
  }
  for (auto& sum : sums) asm volatile("" ::"x"(sum));
}
// Stores that go past the caches, since the result is not read again.
[[gnu::target("avx512f")]] void add_streaming_avx512(const float* a, const float* b, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 16)
    _mm512_stream_ps(out + i, _mm512_add_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
  _mm_sfence();
}
[[gnu::target("avx")]] void add_streaming_avx(const float* a, const float* b, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 8)
    _mm256_stream_ps(out + i, _mm256_add_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
  _mm_sfence();
}
auto add_streaming() { return __builtin_cpu_supports("avx512f") ? &add_streaming_avx512 : &add_streaming_avx; }

Figure fma_limit(void (*fma)(int), int64_t values) {
  const double flops = 2.0 * static_cast<double>(limit_threads * values * kFmaSteps);
  return {"limit_fma", {flops, 0}, 1, [fma] { return Body([fma] { on_threads(fma); }); }};
}

// `pass(buffers, begin, end)` over each thread's part of the buffers.
template <class Pass>
Figure bandwidth_limit(const char* name, double bytes_per_element, Pass pass) {
  return {name, {0, bytes_per_element * kCount}, 1, [pass] {
            return Body([pass, &buffers = Buffers::instance()] {
              on_threads([&](int i) {
                pass(buffers, kCount * i / limit_threads / 64 * 64, kCount * (i + 1) / limit_threads / 64 * 64);
              });
            });
          }};
}
#endif

}  // namespace

std::vector<Figure> plain_loop_figures(int) { return {add_by_hand(&add_plain)}; }

#if defined(__x86_64__)
std::vector<Figure> streaming_loop_figures(int) {
  if (!__builtin_cpu_supports("avx")) return {};
  return {add_by_hand(add_streaming())};
}

std::vector<Figure> machine_figures(int threads) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return {};
  limit_threads = threads;
  return {__builtin_cpu_supports("avx512f") ? fma_limit(&fma_avx512, 16 * kChains) : fma_limit(&fma_avx2, 8 * kChains),
          bandwidth_limit("limit_read", 4, [](const Buffers& x, int64_t i, int64_t end) { read(x.a + i, end - i); }),
          bandwidth_limit("limit_add", 12, [add = add_streaming()](const Buffers& x, int64_t i, int64_t end) {
            add(x.a + i, x.b + i, x.out + i, end - i);
          })};
}
#else
std::vector<Figure> streaming_loop_figures(int) { return {}; }
std::vector<Figure> machine_figures(int) { return {}; }
#endif

}  // namespace bench
