// All figures of all contenders as Google Benchmarks named figure/contender; report.py runs them and compares.
//
//   tenon_bench [--threads=N] [Google Benchmark's own flags; --benchmark_enable_random_interleaving takes turns]
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

#include "figures.h"

namespace {

struct Contender {
  const char* name;
  std::vector<bench::Figure> (*figures)(int threads);
};

constexpr Contender kContenders[] = {
    {"machine", &bench::machine_figures},       {"tenon", &bench::tenon_figures},
    {"plain_loop", &bench::plain_loop_figures}, {"streaming_loop", &bench::streaming_loop_figures},
#ifdef TENON_BENCH_TORCH
    {"torch", &bench::torch_figures},
#endif
    {"OpenBLAS", &bench::openblas_figures},
#ifdef TENON_BENCH_EIGEN
    {"Eigen", &bench::eigen_figures},
#endif
};

void run(benchmark::State& state, const bench::Figure& figure, int threads) {
  using Clock = std::chrono::steady_clock;
  const bench::Body body = figure.prepare();
  // Warms the caches, and outlasts the time that threads of the contender before spin on the cores.
  const auto settled = Clock::now() + std::chrono::milliseconds(threads > 1 ? 40 : 2);
  do {
    body();
  } while (Clock::now() < settled);
  for (auto _ : state) body();
  state.counters["calls"] = static_cast<double>(figure.calls);
  state.counters["flops"] = figure.work.flops;
  state.counters["bytes"] = figure.work.bytes;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  int threads = 1;
  constexpr const char* kThreads = "--threads=";
  if (argc > 1 && std::strncmp(argv[1], kThreads, std::strlen(kThreads)) == 0) {
    threads = std::atoi(argv[1] + std::strlen(kThreads));
    argv[1] = argv[0];
    --argc, ++argv;
  }
  if (threads < 1 || benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  for (const Contender& contender : kContenders) {
    for (const bench::Figure& figure : contender.figures(threads)) {
      const std::string name = std::string(figure.name) + "/" + contender.name;
      benchmark::RegisterBenchmark(name.c_str(), [figure, threads](benchmark::State& state) {
        run(state, figure, threads);
      })->UseRealTime();
    }
  }
  benchmark::RunSpecifiedBenchmarks();
}
