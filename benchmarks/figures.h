// What is measured: figures, each with one body per library, which the program runs in turns and the report compares.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace bench {

// What one call does, to be set against the machine's limits; zero where a limit means nothing.
struct Work {
  double flops = 0;
  double bytes = 0;
};

using Body = std::function<void()>;

// No std::string: libraries with either ABI of it hand these over.
struct Figure {
  const char* name;
  Work work;
  // How many calls one run of the body makes.
  int64_t calls;
  // Makes ready what a program would keep between calls; the body owns it.
  std::function<Body()> prepare;
};

// Each contender's bodies, from now on with this many threads. None where the machine or its library is lacking.
std::vector<Figure> tenon_figures(int threads);
std::vector<Figure> openblas_figures(int threads);
[[gnu::visibility("default")]] std::vector<Figure> eigen_figures(int threads);
[[gnu::visibility("default")]] std::vector<Figure> torch_figures(int threads);
std::vector<Figure> plain_loop_figures(int threads);
std::vector<Figure> streaming_loop_figures(int threads);
// What the machine can do at most: limit_fma, and memory traffic as limit_read and limit_add.
std::vector<Figure> machine_figures(int threads);

template <class Call>
Body repeated(Call call, int64_t calls) {
  return [call = std::move(call), calls]() mutable {
    for (int64_t i = 0; i < calls; ++i) call();
  };
}

}  // namespace bench
