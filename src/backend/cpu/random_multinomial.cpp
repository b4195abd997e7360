// Sampling of indices by weight. Depends on the generator and the exponential distribution.
#include "backend/cpu/random_multinomial.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "backend/cpu/random_continuous.h"
#include "backend/cpu/random_fill.h"

namespace tenon::cpu {
namespace {

// Weights as rows, whether the view is 1-d or 2-d.
template <class T>
struct Rows {
  const T* data;
  int64_t rows, columns, row_stride, column_stride;

  explicit Rows(const TensorView& view)
      : data(view.as<T>()),
        rows(view.ndim() == 2 ? view.sizes[0] : 1),
        columns(view.sizes.back()),
        row_stride(view.ndim() == 2 ? view.strides[0] : 0),
        column_stride(view.strides.back()) {}
  T operator()(int64_t row, int64_t column) const { return data[row * row_stride + column * column_stride]; }
};

template <class T>
using Accumulator = std::conditional_t<std::is_same_v<T, double>, double, float>;

// Throws, in the words that PyTorch has for each way of sampling, unless every row is a distribution.
template <class T>
void check_weights(const Rows<T>& weights, bool race) {
  for (int64_t row = 0; row < weights.rows; ++row) {
    bool positive = false;
    for (int64_t j = 0; j < weights.columns; ++j) {
      const auto weight = static_cast<Accumulator<T>>(weights(row, j));
      TENON_CHECK(!race || (weight >= 0 && std::isfinite(weight)),
                  "multinomial: probability tensor contains either `inf`, `nan` or element < 0");
      TENON_CHECK(weight >= 0, "multinomial: invalid multinomial distribution (encountering probability entry < 0)");
      TENON_CHECK(std::isfinite(weight),
                  "multinomial: invalid multinomial distribution (encountering probability entry = infinity or NaN)");
      positive |= weight > 0;
    }
    TENON_CHECK(positive, "multinomial: invalid multinomial distribution (sum of probabilities <= 0)");
  }
}

// The running sums of a row, divided by the last.
template <class T>
void cumulate(const Rows<T>& weights, int64_t row, std::vector<Accumulator<T>>& sums) {
  Accumulator<T> sum = 0;
  for (int64_t j = 0; j < weights.columns; ++j) sums[j] = sum += static_cast<Accumulator<T>>(weights(row, j));
  for (auto& value : sums) value /= sum;
  sums.back() = 1;
}

template <class T>
void with_replacement(int64_t* out, int64_t samples, const Rows<T>& weights, Generator& generator) {
  std::vector<Accumulator<T>> sums(weights.columns);
  uint32_t words[2];
  for (int64_t row = 0; row < weights.rows; ++row) {
    cumulate(weights, row, sums);
    for (int64_t i = 0; i < samples; ++i) {
      generator.random(words, 2);
      const double point = unit_double(words);
      *out++ = std::lower_bound(sums.begin(), sums.end(), point) - sums.begin();
    }
  }
}

// Strides of a dense view that lies in the same order as `view`: exponentials are drawn in the order of the weights'
// memory.
DimVector dense_strides_like(const TensorView& view) {
  if (view.ndim() == 1) return {1};
  const bool by_columns = std::abs(view.strides[0]) < std::abs(view.strides[1]) && view.strides[0] != 0;
  return by_columns ? DimVector{1, view.sizes[0]} : DimVector{view.sizes[1], 1};
}

// The indices of the largest w / q, where q is exponential: a race that each index wins in proportion to its weight.
template <class T>
void by_race(int64_t* out, int64_t samples, const TensorView& view, const Rows<T>& weights, Generator& generator) {
  std::vector<T> times(static_cast<size_t>(weights.rows * weights.columns));
  const DimVector strides = dense_strides_like(view);
  exponential_unlocked({times.data(), view.dtype, view.sizes, strides}, 1, generator);
  Rows<T> race({times.data(), view.dtype, view.sizes, strides});
  std::vector<Accumulator<T>> scores(weights.columns);
  std::vector<int64_t> order(weights.columns);
  auto before = [&](int64_t a, int64_t b) {
    const auto x = scores[a], y = scores[b];
    if (std::isnan(x) || std::isnan(y)) return std::isnan(x) != std::isnan(y) ? std::isnan(x) : a < b;
    return x != y ? x > y : a < b;
  };
  for (int64_t row = 0; row < weights.rows; ++row) {
    for (int64_t j = 0; j < weights.columns; ++j) {
      // Rounded to the dtype, as the quotient of two tensors is.
      scores[j] =
          static_cast<T>(static_cast<Accumulator<T>>(weights(row, j)) / static_cast<Accumulator<T>>(race(row, j)));
    }
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + samples, order.end(), before);
    out = std::copy_n(order.begin(), samples, out);
  }
}

}  // namespace

void multinomial(const TensorView& out, const TensorView& weights, bool replacement, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  const int64_t samples = out.sizes.back();
  if (out.numel() == 0) return;
  visit_floating(weights.dtype, [&]<class T>(T) {
    const Rows<T> rows(weights);
    const bool race = !replacement || samples == 1;
    check_weights(rows, race);
    if (!race) {
      with_replacement(out.as<int64_t>(), samples, rows, generator);
    } else {
      by_race(out.as<int64_t>(), samples, weights, rows, generator);
    }
  });
}

}  // namespace tenon::cpu
