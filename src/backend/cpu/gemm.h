// The parts of the matrix product: a product of real matrices that fits the caches, done by register tiles, and the
// packing of its operands. One table of them per instruction set. Depends on base alone.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tenon/base/dtype.h"

namespace tenon::cpu {

// A dimension of `units` cut into as few panels as possible of at most `max` units, of nearly equal size.
struct Panels {
  int64_t units;
  int64_t count;

  Panels(int64_t units, int64_t max) : units(units), count(units <= max ? units > 0 : (units + max - 1) / max) {
    smaller_ = count <= 1 ? units : units / count;
    larger_count_ = units - smaller_ * count;
  }
  int64_t start(int64_t panel) const { return panel * smaller_ + (panel < larger_count_ ? panel : larger_count_); }

 private:
  int64_t smaller_;
  int64_t larger_count_;
};

// A length cut into parts of nearly equal size, each a multiple of `unit` but the last.
class Cuts {
 public:
  Cuts(int64_t length, int64_t part, int64_t unit)
      : length_(length), unit_(unit), panels_((length + unit - 1) / unit, std::max<int64_t>(part / unit, 1)) {}
  int64_t count() const { return panels_.count; }
  int64_t begin(int64_t part) const { return panels_.start(part) * unit_; }
  int64_t size(int64_t part) const { return std::min(length_, begin(part + 1)) - begin(part); }
  int64_t padded() const { return panels_.units * unit_; }

 private:
  int64_t length_;
  int64_t unit_;
  Panels panels_;
};

// A register tile has at most tile_rows x tile_vectors vectors: they leave room for one row of b and a broadcast of a.
constexpr int tile_rows(bool has_32_registers) { return has_32_registers ? 8 : 6; }
constexpr int tile_vectors(bool has_32_registers) { return has_32_registers ? 3 : 2; }

// With unpacked operands and few rows, tiles are wider, so that b is read in long runs; every such width divides this.
inline constexpr int kWideRows = 4;
inline constexpr int kWideVectors = 24;

// A stretch of k whose panels stay in the nearer caches.
inline constexpr int64_t kDepthBytes = 1536;

// One operand seen along its outer dimension (rows of lhs, columns of rhs) and along k.
template <class T>
struct GemmOperand {
  const T* data;
  int64_t outer_stride;
  int64_t k_stride;
};

// c = beta * c + alpha * (a @ b) (+ bias), with positive sizes and unit column stride in c. A packed operand lies in
// panels: k runs slowest within one, and the panels follow each other, as PackKernels make them.
template <class T>
struct GemmBlock {
  int64_t m, n, k;
  GemmOperand<T> a;
  GemmOperand<T> b;
  bool a_packed;
  bool b_packed;  // if not, columns must have unit stride
  T* c;
  int64_t c_row_stride;
  T alpha;
  T beta;         // 0: c is not read
  const T* bias;  // over columns, unit stride; or null
  // Of the packed panels of a: a product may take the part of them that begins at a_first.
  int64_t a_depth = k, a_first = 0;
};

// The same with both operands of unit stride along k, and any strides in c.
template <class T>
struct DotBlock {
  int64_t m, n, k;
  const T* a;
  int64_t a_row_stride;
  const T* b;
  int64_t b_col_stride;
  T* c;
  int64_t c_row_stride;
  int64_t c_col_stride;
  T alpha;
  T beta;
  const T* bias;  // element (i, j) of c gets bias[i * bias_row_stride + j * bias_col_stride]; or null
  int64_t bias_row_stride;
  int64_t bias_col_stride;
};

// T is float or double.
template <class T>
struct GemmKernels {
  int64_t lanes;     // elements of a vector
  int64_t max_rows;  // of a register tile
  int64_t max_cols;
  void (*multiply)(const GemmBlock<T>& block);
};

struct DotTable {
  void (*dot_float)(const DotBlock<float>& block);
  void (*dot_double)(const DotBlock<double>& block);
};

// Copies an operand of dtype S (T itself, or a half type for float) into panels for GemmBlock<T>. Columns are padded
// with zeros to whole vectors.
template <class T>
using PackFunction = void (*)(T* to, const void* from, int64_t outer, int64_t k, int64_t outer_stride,
                              int64_t k_stride);
template <class T>
struct PackKernels {
  PackFunction<T> lhs;
  PackFunction<T> rhs;
};

struct PackTable {
  PackKernels<float> from_float, from_half, from_bfloat16;
  PackKernels<double> from_double;
};

const GemmKernels<float>& gemm_float();
const GemmKernels<double>& gemm_double();
const DotTable& gemm_dot();
const PackTable& gemm_pack();

// The same by type.
inline const GemmKernels<float>& gemm_kernels(float) { return gemm_float(); }
inline const GemmKernels<double>& gemm_kernels(double) { return gemm_double(); }
inline const PackKernels<float>& gemm_packers(float) { return gemm_pack().from_float; }
inline const PackKernels<double>& gemm_packers(double) { return gemm_pack().from_double; }
inline void dot(const DotBlock<float>& block) { gemm_dot().dot_float(block); }
inline void dot(const DotBlock<double>& block) { gemm_dot().dot_double(block); }

}  // namespace tenon::cpu
