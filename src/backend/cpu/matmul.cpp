// The matrix product of the CPU: batches, dtypes and strides, on top of the products of real matrices and of integers.
#include <algorithm>
#include <complex>
#include <type_traits>

#include "backend/cpu/gemm_integer.h"
#include "backend/cpu/gemm_product.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/scratch.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

// Products up to this many multiplications are spread over threads by batch, larger ones one by one.
constexpr double kBatchedProduct = 1 << 22;
// Sides of the part of a staged result.
constexpr int64_t kStageRows = 1024, kStageCols = 4096;
// Elements of an epilogue per piece.
constexpr int64_t kEpiloguePiece = 1 << 15;

// Strided memory of one matrix, in elements.
struct Matrix {
  char* data;
  int64_t row_stride;
  int64_t col_stride;
};

// One product of the batch.
struct Call {
  int64_t m, n, k;
  ScalarType dtype;
  Matrix out, lhs, rhs;
  const Scalar& alpha;
  const Scalar& beta;
  const char* bias;  // or null
  int64_t bias_stride;
};

// out = value(row, column) + beta * out + bias over a part of the result that starts at (row0, col0). Computed in C.
template <class T, class C, class Value>
void write(const Call& call, int64_t row0, int64_t rows, int64_t col0, int64_t cols, const Value& value) {
  const C beta = call.beta.template to<C>();
  T* const out = reinterpret_cast<T*>(call.out.data) + row0 * call.out.row_stride + col0 * call.out.col_stride;
  const T* const bias = call.bias ? reinterpret_cast<const T*>(call.bias) + col0 * call.bias_stride : nullptr;
  parallel_for(0, rows, std::max<int64_t>(1, kEpiloguePiece / cols), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < cols; ++j) {
        T& to = out[i * call.out.row_stride + j * call.out.col_stride];
        C result = value(i, j);
        if (beta != C{}) result += beta * static_cast<C>(to);
        if (bias) result += static_cast<C>(bias[j * call.bias_stride]);
        to = static_cast<T>(result);
      }
    }
  });
}

// Calls body(row0, rows, col0, cols) for parts of the result that fit a stage.
template <class Body>
void for_stages(const Call& call, const Body& body) {
  for (int64_t col = 0; col < call.n; col += kStageCols) {
    for (int64_t row = 0; row < call.m; row += kStageRows) {
      body(row, std::min(kStageRows, call.m - row), col, std::min(kStageCols, call.n - col));
    }
  }
}

size_t stage_elements(const Call& call) {
  return static_cast<size_t>(std::min(kStageRows, call.m) * std::min(kStageCols, call.n));
}

// Real, in place.
template <class T>
inline void run_real(const Call& call) {
  multiply(Product<T>{call.m, call.n, call.k, call.dtype,
                      call.lhs.data, call.lhs.row_stride, call.lhs.col_stride,
                      call.rhs.data, call.rhs.col_stride, call.rhs.row_stride,
                      reinterpret_cast<T*>(call.out.data), call.out.row_stride, call.out.col_stride,
                      call.alpha.to<T>(), call.beta.to<T>(),
                      reinterpret_cast<const T*>(call.bias), 0, call.bias_stride});
}

// A real part of the product, into `stage` (unit column stride). `part` elements of size `size` make an element.
template <class R>
void run_stage(const Call& call, ScalarType source, int64_t per_element, int64_t lhs_part, int64_t rhs_part,
               int64_t row0, int64_t rows, int64_t col0, int64_t cols, R* stage, R alpha, R beta) {
  const int64_t size = static_cast<int64_t>(element_size(source));
  const Matrix& a = call.lhs;
  const Matrix& b = call.rhs;
  multiply(Product<R>{rows, cols, call.k, source,
                      a.data + (row0 * a.row_stride * per_element + lhs_part) * size, a.row_stride * per_element,
                      a.col_stride * per_element,
                      b.data + (col0 * b.col_stride * per_element + rhs_part) * size, b.col_stride * per_element,
                      b.row_stride * per_element,
                      stage, cols, 1, alpha, beta, nullptr, 0, 0});
}

// Half types, and real results of no unit stride: through a stage of R.
template <class T, class R>
void run_staged(const Call& call) {
  const Scratch scratch(stage_elements(call) * sizeof(R));
  R* const stage = scratch.as<R>();
  const R alpha = call.alpha.to<R>();
  for_stages(call, [&](int64_t row0, int64_t rows, int64_t col0, int64_t cols) {
    run_stage<R>(call, call.dtype, 1, 0, 0, row0, rows, col0, cols, stage, alpha, R{0});
    write<T, R>(call, row0, rows, col0, cols, [&](int64_t i, int64_t j) { return stage[i * cols + j]; });
  });
}

// Complex: four real products of the parts.
template <class R>
void run_complex(const Call& call) {
  using C = std::complex<R>;
  const size_t elements = stage_elements(call);
  const Scratch scratch(2 * elements * sizeof(R));
  R* const re = scratch.as<R>();
  R* const im = re + elements;
  const C alpha = call.alpha.to<C>();
  for_stages(call, [&](int64_t row0, int64_t rows, int64_t col0, int64_t cols) {
    const auto add = [&](int64_t lhs_part, int64_t rhs_part, R* stage, R scale, R beta) {
      run_stage<R>(call, dtype_v<R>, 2, lhs_part, rhs_part, row0, rows, col0, cols, stage, scale, beta);
    };
    add(0, 0, re, R{1}, R{0});
    add(1, 1, re, R{-1}, R{1});
    add(0, 1, im, R{1}, R{0});
    add(1, 0, im, R{1}, R{1});
    write<C, C>(call, row0, rows, col0, cols,
                [&](int64_t i, int64_t j) { return alpha * C(re[i * cols + j], im[i * cols + j]); });
  });
}

// Integers wrap around: computed in the unsigned type U.
template <class T, class U>
void run_integer(const Call& call) {
  const Scratch scratch(stage_elements(call) * sizeof(U));
  U* const stage = scratch.as<U>();
  const U alpha = static_cast<U>(call.alpha.to_int64());
  const auto part = [](const Matrix& matrix, int64_t elements) { return matrix.data + elements * sizeof(T); };
  for_stages(call, [&](int64_t row0, int64_t rows, int64_t col0, int64_t cols) {
    multiply_integer({rows, cols, call.k, call.dtype,
                      part(call.lhs, row0 * call.lhs.row_stride), call.lhs.row_stride, call.lhs.col_stride,
                      part(call.rhs, col0 * call.rhs.col_stride), call.rhs.col_stride, call.rhs.row_stride, stage});
    write<T, U>(call, row0, rows, col0, cols, [&](int64_t i, int64_t j) { return alpha * stage[i * cols + j]; });
  });
}

// No terms to sum.
template <class T, class C>
void run_empty(const Call& call) {
  write<T, C>(call, 0, call.m, 0, call.n, [](int64_t, int64_t) { return C{}; });
}

void run(const Call& call) {
  visit_dtype(call.dtype, [&]<class T>(T) {
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
      const bool unit_stride = call.out.col_stride == 1 || call.n == 1 || call.out.row_stride == 1 || call.m == 1;
      if (call.k == 0) return run_empty<T, T>(call);
      return unit_stride ? run_real<T>(call) : run_staged<T, T>(call);
    } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      return call.k == 0 ? run_empty<T, float>(call) : run_staged<T, float>(call);
    } else if constexpr (!std::is_integral_v<T>) {
      return call.k == 0 ? run_empty<T, T>(call) : run_complex<typename T::value_type>(call);
    } else {
      using U = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
      return call.k == 0 ? run_empty<T, U>(call) : run_integer<T, U>(call);
    }
  });
}

// The first product of a batch.
inline Call first_of(const TensorView& out, const TensorView& lhs, const TensorView& rhs, const Scalar& alpha,
                     const Scalar& beta, const TensorView* bias) {
  const auto matrix = [](const TensorView& view) {
    return Matrix{static_cast<char*>(view.data), view.strides[1], view.strides[2]};
  };
  return {out.sizes[1], out.sizes[2], lhs.sizes[2], out.dtype, matrix(out), matrix(lhs), matrix(rhs), alpha, beta,
          bias ? static_cast<const char*>(bias->data) : nullptr, bias ? bias->strides[0] : 0};
}

void matmul_batch(const TensorView& out, const TensorView& lhs, const TensorView& rhs, const Scalar& alpha,
                  const Scalar& beta, const TensorView* bias) {
  const int64_t size = static_cast<int64_t>(element_size(out.dtype));
  int64_t batch = out.sizes[0];
  Call call = first_of(out, lhs, rhs, alpha, beta, bias);
  if (batch == 0 || call.m == 0 || call.n == 0) return;

  if (batch > 1 && rhs.strides[0] == 0) {
    // One rhs for all: the batch is more rows, if the rows go on from one product to the next.
    if (call.m == 1) {
      call.lhs.row_stride = lhs.strides[0];
      call.out.row_stride = out.strides[0];
    }
    if (call.m == 1 || (lhs.strides[0] == call.m * lhs.strides[1] && out.strides[0] == call.m * out.strides[1])) {
      call.m *= batch;
      batch = 1;
    }
  }
  if (batch == 1) return run(call);

  const auto run_some = [&](int64_t begin, int64_t end) {
    Call one = call;
    for (int64_t b = begin; b < end; ++b) {
      one.out.data = call.out.data + b * out.strides[0] * size;
      one.lhs.data = call.lhs.data + b * lhs.strides[0] * size;
      one.rhs.data = call.rhs.data + b * rhs.strides[0] * size;
      run(one);
    }
  };
  const double work = static_cast<double>(call.m) * static_cast<double>(call.n) * static_cast<double>(call.k);
  if (work > kBatchedProduct || work * static_cast<double>(batch) <= kSerialProduct) return run_some(0, batch);
  parallel_for(0, batch, std::max<int64_t>(1, static_cast<int64_t>(kSerialProduct / (work + 1))), run_some);
}

void matmul(const TensorView& out, const TensorView& lhs, const TensorView& rhs, const Scalar& alpha,
            const Scalar& beta, const TensorView* bias) {
  // One small float product costs little more than its calls: its description stays in registers.
  if (out.dtype == kFloat && out.sizes[0] == 1 && out.strides[2] == 1 && out.sizes[1] > 0 && out.sizes[2] > 0 &&
      lhs.sizes[2] > 0) {
    return run_real<float>(first_of(out, lhs, rhs, alpha, beta, bias));
  }
  matmul_batch(out, lhs, rhs, alpha, beta, bias);
}

}  // namespace

const MatmulKernels& matmul_table() {
  static constexpr MatmulKernels kTable = {&matmul};
  return kTable;
}

}  // namespace tenon::cpu
