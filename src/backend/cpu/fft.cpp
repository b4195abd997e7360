// Fourier transforms by plans of Stockham passes on SIMD vectors. Own code, since Eigen's kissfft took 1.8, 3, 6, 6 and
// 160 times as long for 64, 1000, 4096, 2^20 and 1009 numbers.
#include <algorithm>
#include <complex>
#include <cstdint>

#include "backend/cpu/fft_loops.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/scratch.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

template <class T>
const FftLoops<T>& loops() {
  if constexpr (sizeof(T) == 4) return fft_loops().single;
  else return fft_loops().precise;
}

template <class T>
std::shared_ptr<const LinePlan<T>> plan_of(int64_t n, bool real = false) {
  return fft_plan<T>(n, loops<T>().lanes, real);
}

// How many items of a size make a piece of work for a thread.
int64_t grain_of(int64_t size) { return std::max<int64_t>(1, 16384 / size); }
// Lines from here on are transformed by all threads together.
constexpr int64_t kLongLine = 65536;
// Up to this length several lines together fill vectors better than one does.
constexpr int64_t kShortLine = 96;

template <class T>
void transform(const LinePlan<T>& plan, const T* in, T* out, bool inverse, T scale);

// The transform as a convolution: with c[j] = e^(-pi i j^2 / n), out[k] = c[k] times the sum of in[j] c[j] / c[k - j].
template <class T>
void convolve(const LinePlan<T>& plan, const T* in, T* out, bool inverse, T scale) {
  const FftLoops<T>& table = loops<T>();
  const int64_t m = plan.convolution->n;
  const Scratch scratch(static_cast<size_t>(2 * m) * sizeof(T));
  T* line = scratch.as<T>();
  table.multiply(in, plan.chirp.data(), line, plan.n, inverse, false, T(1));
  std::fill(line + 2 * plan.n, line + 2 * m, T(0));
  transform(*plan.convolution, line, line, false, T(1));
  table.multiply(line, plan.chirp_spectrum.data(), line, m, false, false, T(1));
  transform(*plan.convolution, line, line, true, T(1));
  table.multiply(line, plan.chirp.data(), out, plan.n, false, inverse, scale);
}

// One line; `out` may be `in`.
template <class T>
void transform(const LinePlan<T>& plan, const T* in, T* out, bool inverse, T scale) {
  if (plan.convolution) return convolve(plan, in, out, inverse, scale);
  const FftLoops<T>& table = loops<T>();
  const int64_t rows = plan.rows, columns = plan.columns, lanes = plan.lanes;
  if (columns == 1) {
    const Scratch work(static_cast<size_t>(4 * rows * lanes) * sizeof(T));
    return table.columns(*plan.over_rows, in, out, 1, 1, inverse, scale, work.as<T>());
  }
  const int64_t plane = plan.n + lanes;
  const Scratch scratch(static_cast<size_t>(2 * plane) * sizeof(T));
  T* matrix = scratch.as<T>();
  parallel_for(0, (columns + lanes - 1) / lanes, grain_of(rows * lanes), [&](int64_t begin, int64_t end) {
    const Scratch work(static_cast<size_t>(4 * rows * lanes) * sizeof(T));
    for (int64_t i = begin; i < end; ++i) table.over_rows(plan, i, in, matrix, plane, inverse, work.as<T>());
  });
  parallel_for(0, (rows + lanes - 1) / lanes, grain_of(columns * lanes), [&](int64_t begin, int64_t end) {
    const Scratch work(static_cast<size_t>(4 * columns * lanes) * sizeof(T));
    for (int64_t i = begin; i < end; ++i) {
      table.over_columns(plan, i, matrix, plane, out, inverse, scale, work.as<T>());
    }
  });
}

// body(line number) for each line of n numbers; long ones one after the other, as each runs on all threads.
template <class Body>
void for_lines(int64_t lines, int64_t n, const Body& body) {
  if (lines == 1 || n >= kLongLine) {
    for (int64_t i = 0; i < lines; ++i) body(i);
    return;
  }
  parallel_for(0, lines, grain_of(n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

// Lines of n numbers that follow each other.
template <class T>
void transform_lines(const LinePlan<T>& plan, const T* in, T* out, int64_t lines, bool inverse, T scale) {
  const int64_t n = plan.n, lanes = plan.lanes;
  if (!plan.whole || n > kShortLine || 4 * lines < lanes) {
    for_lines(lines, n, [&](int64_t i) { transform(plan, in + 2 * i * n, out + 2 * i * n, inverse, scale); });
    return;
  }
  parallel_for(0, (lines + lanes - 1) / lanes, grain_of(n * lanes), [&](int64_t begin, int64_t end) {
    const Scratch work(static_cast<size_t>(4 * n * lanes) * sizeof(T));
    for (int64_t i = begin; i < end; ++i) {
      const int count = static_cast<int>(std::min(lanes, lines - i * lanes));
      const int64_t place = 2 * i * lanes * n;
      loops<T>().lines(*plan.whole, in + place, out + place, count, inverse, scale, work.as<T>());
    }
  });
}

// Along the middle dim of [outer, n, inner].
template <class T>
void transform_columns(const LinePlan<T>& plan, const T* in, T* out, int64_t outer, int64_t inner, bool inverse,
                       T scale) {
  const int64_t n = plan.n, lanes = plan.lanes;
  if (plan.whole && 4 * inner >= lanes) {
    const int64_t blocks = (inner + lanes - 1) / lanes;
    parallel_for(0, outer * blocks, grain_of(n * lanes), [&](int64_t begin, int64_t end) {
      const Scratch work(static_cast<size_t>(4 * n * lanes) * sizeof(T));
      for (int64_t i = begin; i < end; ++i) {
        const int64_t column = i % blocks * lanes, place = 2 * (i / blocks * n * inner + column);
        const int count = static_cast<int>(std::min(lanes, inner - column));
        loops<T>().columns(*plan.whole, in + place, out + place, inner, count, inverse, scale, work.as<T>());
      }
    });
    return;
  }
  using Complex = std::complex<T>;
  for_lines(outer * inner, n, [&](int64_t i) {
    const int64_t place = i / inner * n * inner + i % inner;
    const Complex* from = reinterpret_cast<const Complex*>(in) + place;
    Complex* to = reinterpret_cast<Complex*>(out) + place;
    const Scratch scratch(static_cast<size_t>(n) * sizeof(Complex));
    Complex* line = scratch.as<Complex>();
    for (int64_t j = 0; j < n; ++j) line[j] = from[j * inner];
    transform(plan, reinterpret_cast<T*>(line), reinterpret_cast<T*>(line), inverse, scale);
    for (int64_t j = 0; j < n; ++j) to[j * inner] = line[j];
  });
}

template <class T>
void complex_to_complex_as(const TensorView& out, const TensorView& in, bool forward, double scale) {
  const int64_t outer = in.sizes[0], n = in.sizes[1], inner = in.sizes[2];
  const auto plan = plan_of<T>(n);
  const T *from = static_cast<const T*>(in.data), factor = static_cast<T>(scale);
  T* to = static_cast<T*>(out.data);
  if (inner == 1) {
    transform_lines(*plan, from, to, outer, !forward, factor);
  } else {
    transform_columns(*plan, from, to, outer, inner, !forward, factor);
  }
}

template <class T>
void real_to_complex_as(const TensorView& out, const TensorView& in, double scale) {
  const int64_t lines = in.sizes[0], n = in.sizes[1], half = out.sizes[1];
  const T *from = static_cast<const T*>(in.data), factor = static_cast<T>(scale);
  T* to = static_cast<T*>(out.data);
  if (n % 2 == 0) {
    // Pairs of real numbers are complex ones.
    const auto plan = plan_of<T>(n / 2, true);
    for_lines(lines, n, [&](int64_t i) {
      transform(*plan, from + i * n, to + 2 * i * half, false, T(1));
      loops<T>().split_real(*plan, to + 2 * i * half, factor);
    });
    return;
  }
  const auto plan = plan_of<T>(n);
  for_lines(lines, n, [&](int64_t i) {
    const Scratch scratch(static_cast<size_t>(2 * n) * sizeof(T));
    T* line = scratch.as<T>();
    for (int64_t j = 0; j < n; ++j) {
      line[2 * j] = from[i * n + j];
      line[2 * j + 1] = 0;
    }
    transform(*plan, line, line, false, factor);
    std::copy_n(line, 2 * half, to + 2 * i * half);
    to[2 * i * half + 1] = 0;
  });
}

template <class T>
void complex_to_real_as(const TensorView& out, const TensorView& in, double scale) {
  const int64_t lines = out.sizes[0], n = out.sizes[1], half = in.sizes[1];
  const T *from = static_cast<const T*>(in.data), factor = static_cast<T>(scale);
  T* to = static_cast<T*>(out.data);
  if (n % 2 == 0) {
    const auto plan = plan_of<T>(n / 2, true);
    for_lines(lines, n, [&](int64_t i) {
      loops<T>().join_real(*plan, from + 2 * i * half, to + i * n);
      transform(*plan, to + i * n, to + i * n, true, factor);
    });
    return;
  }
  const auto plan = plan_of<T>(n);
  for_lines(lines, n, [&](int64_t i) {
    const Scratch scratch(static_cast<size_t>(2 * n) * sizeof(T));
    T* line = scratch.as<T>();
    const T* source = from + 2 * i * half;
    line[0] = source[0];
    line[1] = 0;
    for (int64_t k = 1; k < half; ++k) {
      line[2 * k] = line[2 * (n - k)] = source[2 * k];
      line[2 * k + 1] = source[2 * k + 1];
      line[2 * (n - k) + 1] = -source[2 * k + 1];
    }
    transform(*plan, line, line, true, factor);
    for (int64_t j = 0; j < n; ++j) to[i * n + j] = line[2 * j];
  });
}

bool is_double(const TensorView& view) { return view.dtype == kDouble || view.dtype == kComplexDouble; }

void complex_to_complex(const TensorView& out, const TensorView& in, bool forward, double scale) {
  (is_double(in) ? complex_to_complex_as<double> : complex_to_complex_as<float>)(out, in, forward, scale);
}
void real_to_complex(const TensorView& out, const TensorView& in, double scale) {
  (is_double(in) ? real_to_complex_as<double> : real_to_complex_as<float>)(out, in, scale);
}
void complex_to_real(const TensorView& out, const TensorView& in, double scale) {
  (is_double(in) ? complex_to_real_as<double> : complex_to_real_as<float>)(out, in, scale);
}

}  // namespace

void transform_line(const double* in, double* out, int64_t n) {
  transform(*plan_of<double>(n), in, out, false, 1.0);
}

const FftKernels& fft_table() {
  static constexpr FftKernels table = {complex_to_complex, real_to_complex, complex_to_real};
  return table;
}

}  // namespace tenon::cpu
