// Makes and keeps the plans of the Fourier transforms; see fft_plan.h.
#include "backend/cpu/fft_plan.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <map>
#include <mutex>
#include <numbers>
#include <tuple>
#include <utility>

#include "base/fork.h"

namespace tenon::cpu {
namespace {

using Complex = std::complex<double>;

// e^(-2 pi i k / n), exact at the quarters: the angle is first brought into an eighth of the circle.
Complex root_of_unity(int64_t k, int64_t n) {
  const auto eighth = [](int64_t part, int64_t whole) {
    const double angle = 2 * std::numbers::pi * (static_cast<double>(part) / static_cast<double>(whole));
    return Complex(std::cos(angle), std::sin(angle));
  };
  k %= n;
  const int64_t octant = static_cast<int64_t>(static_cast<__int128>(k) * 8 / n);
  Complex root;
  switch (octant) {
    case 0: root = eighth(k, n); break;
    case 1: root = {0, 1}; root *= std::conj(eighth(n - 4 * k, 4 * n)); break;
    case 2: root = {0, 1}; root *= eighth(4 * k - n, 4 * n); break;
    case 3: root = -std::conj(eighth(n - 2 * k, 2 * n)); break;
    case 4: root = -eighth(2 * k - n, 2 * n); break;
    case 5: root = {0, -1}; root *= std::conj(eighth(3 * n - 4 * k, 4 * n)); break;
    case 6: root = {0, -1}; root *= eighth(4 * k - 3 * n, 4 * n); break;
    default: root = std::conj(eighth(n - k, n)); break;
  }
  return std::conj(root);
}

// The radices of n in the order of their passes; empty where a prime factor has none.
std::vector<int> radices_of(int64_t n) {
  std::vector<int> radices;
  int twos = 0;
  for (; n % 2 == 0; n /= 2) ++twos;
  for (int prime = 3; prime <= kMostRadix && n > 1; prime += 2) {
    for (; n % prime == 0; n /= prime) radices.push_back(prime);
  }
  if (n > 1) return {};
  // Eights, and a four or two fours where eights leave a remainder; the last pass has no twiddles to multiply by.
  if (twos % 3 == 1 && twos > 1) {
    radices.insert(radices.end(), {4, 4});
    twos -= 4;
  }
  if (twos % 3 == 2) radices.push_back(4);
  if (twos % 3 == 1) radices.push_back(2);
  radices.insert(radices.end(), static_cast<size_t>(twos / 3), 8);
  if (radices.empty()) radices.push_back(1);
  return radices;
}

// What a pass costs for each vector of numbers, in arbitrary units.
double cost_of(int radix) {
  switch (radix) {
    case 1: case 2: case 3: case 4: return 1;
    case 5: return 1.4;
    case 7: return 1.9;
    case 8: return 1.3;
    default: return 0.4 * radix;
  }
}

// Of all columns of a rows-by-columns matrix.
double cost_of(int64_t rows, int64_t columns, int lanes) {
  double passes = 1.5;  // loads, stores and the twist
  for (int radix : radices_of(rows)) passes += cost_of(radix);
  return passes * static_cast<double>(rows * ((columns + lanes - 1) / lanes));
}

int64_t best_rows(int64_t n, int lanes) {
  int64_t best = n;
  double least = cost_of(n, 1, lanes);
  for (int64_t d = 2; d * d <= n; ++d) {
    if (n % d != 0) continue;
    for (const int64_t rows : {n / d, d}) {
      const double cost = cost_of(rows, n / rows, lanes) + cost_of(n / rows, rows, lanes);
      if (cost < least) {
        least = cost;
        best = rows;
      }
    }
  }
  return best;
}

// The least length from `least` on that is 1, 3, 5, 9 or 15 times a power of two.
int64_t smooth_length(int64_t least) {
  int64_t best = INT64_MAX;
  for (int64_t length : {1, 3, 5, 9, 15}) {
    while (length < least) length *= 2;
    best = std::min(best, length);
  }
  return best;
}

// Transforms of columns longer than this would not stay in the caches.
constexpr int64_t kLongestColumn = 8192;

void push(std::vector<double>& into, Complex value) {
  into.push_back(value.real());
  into.push_back(value.imag());
}

template <class T>
std::vector<T> rounded(const std::vector<double>& values) {
  return std::vector<T>(values.begin(), values.end());
}

}  // namespace

template <class T>
ColumnPlan<T>::ColumnPlan(int64_t length) : n(length) {
  std::vector<double> twiddle_values, root_values;
  int64_t stride = 1;
  for (int radix : radices_of(n)) {
    const int64_t groups = n / (radix * stride);
    passes.push_back({radix, groups, stride, twiddle_values.size(), root_values.size()});
    for (int64_t group = 0; group < groups && groups > 1; ++group) {
      for (int k = 1; k < radix; ++k) push(twiddle_values, root_of_unity(group * k, radix * groups));
    }
    if (radix % 2 == 1) {
      for (int j = 0; j < radix; ++j) push(root_values, std::conj(root_of_unity(j, radix)));
    }
    stride *= radix;
  }
  twiddles = rounded<T>(twiddle_values);
  roots = rounded<T>(root_values);
}

template <class T>
LinePlan<T>::LinePlan(int64_t length, int lane_count, bool real)
    : n(length), lanes(lane_count), rows(length), columns(1) {
  for (int64_t k = 0; k <= n / 2 && real; ++k) {
    const Complex root = root_of_unity(k, 2 * n);
    half_cosines.push_back(static_cast<T>(root.real()));
    half_sines.push_back(static_cast<T>(-root.imag()));
  }
  if (radices_of(n).empty()) {
    const int64_t m = smooth_length(2 * n - 1);
    convolution = std::make_unique<LinePlan<T>>(m, lanes, false);
    std::vector<double> chirp_values;
    std::vector<double> kernel(static_cast<size_t>(2 * m)), spectrum(kernel.size());
    for (int64_t j = 0; j < n; ++j) {
      const auto square = static_cast<int64_t>(static_cast<unsigned __int128>(j) * j % (2 * n));
      const Complex value = root_of_unity(square, 2 * n);
      push(chirp_values, value);
      for (const int64_t place : {j, (m - j) % m}) {
        kernel[static_cast<size_t>(2 * place)] = value.real() / static_cast<double>(m);
        kernel[static_cast<size_t>(2 * place + 1)] = -value.imag() / static_cast<double>(m);
      }
    }
    transform_line(kernel.data(), spectrum.data(), m);
    chirp = rounded<T>(chirp_values);
    chirp_spectrum = rounded<T>(spectrum);
    return;
  }
  rows = best_rows(n, lanes);
  columns = n / rows;
  over_rows = std::make_unique<ColumnPlan<T>>(rows);
  if (n <= kLongestColumn) whole = std::make_unique<ColumnPlan<T>>(n);
  if (columns == 1) return;
  over_columns = std::make_unique<ColumnPlan<T>>(columns);
  for (const bool imaginary : {false, true}) {
    const auto part = [&](Complex z) { return static_cast<T>(imaginary ? z.imag() : z.real()); };
    for (int64_t k = 0; k < rows; ++k) {
      for (int lane = 0; lane < lanes; ++lane) lane_twist.push_back(part(root_of_unity(k * lane, n)));
    }
    for (int64_t q = 0; q < columns; q += lanes) {
      for (int64_t k = 0; k < rows; ++k) block_twist.push_back(part(root_of_unity(q * k, n)));
    }
  }
}

template <class T>
std::shared_ptr<const LinePlan<T>> fft_plan(int64_t n, int lanes, bool real) {
  using Key = std::tuple<int64_t, int, bool>;
  constexpr size_t kMostPlans = 64;
  static std::mutex mutex;
  // Never destroyed: a transform may outlive static destructors.
  static auto& plans = *new std::map<Key, std::shared_ptr<const LinePlan<T>>>;
  [[maybe_unused]] static const bool survives_forks = [] {
    const auto unlock = [] { mutex.unlock(); };
    on_fork(ForkRank::Plans, [] { mutex.lock(); }, unlock, unlock);
    return true;
  }();
  {
    std::lock_guard lock(mutex);
    if (const auto found = plans.find({n, lanes, real}); found != plans.end()) return found->second;
  }
  auto plan = std::make_shared<const LinePlan<T>>(n, lanes, real);
  std::lock_guard lock(mutex);
  if (plans.size() >= kMostPlans) plans.clear();
  return plans[{n, lanes, real}] = std::move(plan);
}

template struct ColumnPlan<float>;
template struct ColumnPlan<double>;
template struct LinePlan<float>;
template struct LinePlan<double>;
template std::shared_ptr<const LinePlan<float>> fft_plan(int64_t n, int lanes, bool real);
template std::shared_ptr<const LinePlan<double>> fft_plan(int64_t n, int lanes, bool real);

}  // namespace tenon::cpu
