// What kernel tests share: arrays with strided views, sweeps over dtypes, instruction sets and thread counts.
#pragma once

#include <gtest/gtest.h>

#include <complex>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "backend/cpu/isa.h"
#include "backend/cpu/kernels.h"
#include "tenon/base/dim_vector.h"
#include "tenon/base/parallel.h"
#include "tenon/base/shape.h"

namespace tenon::test {

// Owns elements and shows them through sizes and strides.
template <class T>
struct Array {
  std::shared_ptr<T[]> storage;
  T* data;
  DimVector sizes;
  DimVector strides;

  Array(IntArrayRef shape, T value) : sizes(shape), strides(contiguous_strides(shape)) {
    storage.reset(new T[static_cast<size_t>(numel()) + 1]);
    data = storage.get();
    for (int64_t i = 0; i < numel(); ++i) data[i] = value;
  }
  Array(std::initializer_list<int64_t> shape) : Array(IntArrayRef(shape.begin(), shape.size()), T(0)) {}
  Array(IntArrayRef shape, const std::vector<T>& values) : Array(shape, T(0)) {
    for (size_t i = 0; i < values.size(); ++i) data[i] = values[i];
  }
  int64_t numel() const { return checked_numel(sizes, "test"); }
  TensorView view() const { return {data, dtype_v<T>, sizes, strides}; }
  // The row-major element i.
  T& operator[](int64_t i) const {
    T* at = data;
    for (size_t d = sizes.size(); d-- > 0;) {
      at += i % sizes[d] * strides[d];
      i /= sizes[d];
    }
    return *at;
  }
  std::vector<T> values() const {
    std::vector<T> all;
    for (int64_t i = 0; i < numel(); ++i) all.push_back((*this)[i]);
    return all;
  }
  Array permuted(std::initializer_list<size_t> dims) const {
    Array result = *this;
    size_t to = 0;
    for (size_t d : dims) {
      result.sizes[to] = sizes[d];
      result.strides[to++] = strides[d];
    }
    return result;
  }
  // Every second element of a dim, backwards.
  Array backwards(size_t dim) const {
    Array result = *this;
    result.data += (sizes[dim] - 1) * strides[dim];
    result.sizes[dim] = (sizes[dim] + 1) / 2;
    result.strides[dim] = -2 * strides[dim];
    return result;
  }
};

template <class T>
inline constexpr bool is_complex_v = false;
template <class T>
inline constexpr bool is_complex_v<std::complex<T>> = true;

template <class T>
double number(T x) {
  if constexpr (is_complex_v<T>) return x.real();
  else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) return static_cast<float>(x);
  else return static_cast<double>(x);
}

template <class T>
T element(double x) {
  if constexpr (std::is_same_v<T, bool>) return x > 0.5;
  else if constexpr (std::is_unsigned_v<T>) return static_cast<T>(std::abs(x));
  else return T(static_cast<float>(x));
}

// Values from -4 to 4 (of unsigned types from 0), the same for a seed.
template <class T>
Array<T> random_array(IntArrayRef sizes, unsigned seed = 1) {
  Array<T> result(sizes, T(0));
  std::mt19937 generator(seed);
  for (int64_t i = 0; i < result.numel(); ++i) {
    result.data[i] = element<T>(static_cast<double>(generator() % 8000u) / 1000.0 - 4.0);
  }
  return result;
}

// Runs body once for each instruction set of this machine.
inline void for_each_isa(const std::function<void()>& body) {
  const cpu::Isa before = cpu::isa();
  for (int i = 0; i <= static_cast<int>(cpu::best_isa()); ++i) {
    cpu::set_isa(static_cast<cpu::Isa>(i));
    SCOPED_TRACE(cpu::isa_name(cpu::isa()));
    body();
  }
  cpu::set_isa(before);
}

// Checks that body() leaves the same bytes in `out` on 1, 2, 3 and 7 threads, on each instruction set.
template <class T>
void expect_same_on_any_threads(const Array<T>& out, const std::function<void()>& body) {
  const int before = get_num_threads();
  const std::vector<T> start = out.values();
  for_each_isa([&] {
    std::vector<T> first;
    for (int threads : {1, 2, 3, 7}) {
      set_num_threads(threads);
      for (size_t i = 0; i < start.size(); ++i) out.data[i] = start[i];
      body();
      const std::vector<T> now(out.data, out.data + out.numel());
      if (threads == 1) first = now;
      EXPECT_EQ(std::memcmp(first.data(), now.data(), now.size() * sizeof(T)), 0) << threads << " threads";
    }
  });
  set_num_threads(before);
}

}  // namespace tenon::test
