// Chooses how a real product runs: vectors along k (dot), operands in place (direct), or packed into panels; and cuts
// it into tiles for the threads. The cuts depend on the sizes alone.
#include "backend/cpu/gemm_product.h"

#include <algorithm>

#include "backend/cpu/scratch.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

// Up to this many rows every panel of the rhs is read just once, so that packing it cannot pay.
constexpr int64_t kFewRows = 8;
// The dot kernel adds up lanes for every element of c, packing moves every element of the rhs once: up to so many rows,
// and fewer than k over so much, the former costs less.
constexpr int64_t kDotRows = 64;
constexpr int64_t kDotDepthPerRow = 12;
constexpr int64_t kDotDepth = 16;
// Up to this many bytes of a row of c, the rows of the lhs are read too few times to be worth packing.
constexpr int64_t kLhsInPlaceBytes = 1536;
// An rhs of up to this size is read in place: for up to so many rows, which would not repay its packing, and for more.
constexpr int64_t kShortRows = 64;
constexpr int64_t kShortBytes = int64_t{2} << 20;
constexpr int64_t kShortDepth = 1024;
constexpr int64_t kDirectBytes = int64_t{1} << 20;
constexpr int64_t kDirectDepth = 512;
// A part of the operands that stays in the farther caches.
constexpr int64_t kChunk = 4096;
// Sides of the tiles that threads take: of operands in place, and of packed ones.
constexpr int64_t kDirectRows = 32;
constexpr int64_t kDirectCols = 64;
constexpr int64_t kTileRows = 96;
constexpr int64_t kTileBytes = 768;

const PackKernels<float>& packer(float, ScalarType source) {
  const PackTable& table = gemm_pack();
  return source == kHalf ? table.from_half : source == kBFloat16 ? table.from_bfloat16 : table.from_float;
}
const PackKernels<double>& packer(double type, ScalarType) { return gemm_packers(type); }

// Calls body(i) for each i in [0, count), in parallel if there is work for it.
template <class Body>
void for_each(int64_t count, bool serial, const Body& body) {
  if (serial || count <= 1) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  parallel_for(0, count, 1, [&body](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

template <class T>
bool runs_serially(const Product<T>& p) {
  return static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k) <= kSerialProduct;
}

template <class T>
const T* offset(const void* data, int64_t elements) {
  return static_cast<const T*>(data) + elements;
}

// c = beta * c + bias, so that the product only has to be added.
template <class T>
void prepare(Product<T>& p) {
  if (!p.bias) return;
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      T& to = p.c[i * p.c_row_stride + j * p.c_col_stride];
      const T bias = p.bias[i * p.bias_row_stride + j * p.bias_col_stride];
      to = p.beta == T{0} ? bias : p.beta * to + bias;
    }
  }
  p.beta = T{1};
  p.bias = nullptr;
}

// Rows of unit stride along k against columns of unit stride along k.
template <class T>
void multiply_dot(const Product<T>& p) {
  const bool serial = runs_serially(p);
  const Cuts parts(p.n, serial ? p.n : std::max<int64_t>(kSerialProduct / 2 / (p.m * p.k), 16), 4);
  for_each(parts.count(), serial, [&](int64_t part) {
    const int64_t col = parts.begin(part);
    dot(DotBlock<T>{p.m, parts.size(part), p.k, offset<T>(p.a, 0), p.a_row_stride,
                    offset<T>(p.b, col * p.b_col_stride), p.b_col_stride, p.c + col * p.c_col_stride, p.c_row_stride,
                    p.c_col_stride, p.alpha, p.beta, p.bias ? p.bias + col * p.bias_col_stride : nullptr,
                    p.bias_row_stride, p.bias_col_stride});
  });
}

// Operands in place: columns of b and c have unit stride.
template <class T>
void multiply_direct(const Product<T>& p) {
  const GemmKernels<T>& kernel = gemm_kernels(T{});
  const auto run = [&](int64_t row, int64_t rows, int64_t col, int64_t cols) {
    kernel.multiply({rows, cols, p.k,
                     {offset<T>(p.a, row * p.a_row_stride), p.a_row_stride, p.a_k_stride},
                     {offset<T>(p.b, col), 1, p.b_k_stride},
                     false, false, p.c + row * p.c_row_stride + col, p.c_row_stride, p.alpha, p.beta,
                     p.bias ? p.bias + col : nullptr});
  };
  if (runs_serially(p)) return run(0, p.m, 0, p.n);
  const int64_t tile_rows = std::min(p.m, kDirectRows);
  const int64_t tile_cols = std::max(kDirectCols, kSerialProduct / (tile_rows * p.k));
  const Cuts rows(p.m, tile_rows, kernel.max_rows);
  const Cuts cols(p.n, tile_cols, p.m <= kWideRows ? kWideVectors * kernel.lanes : kernel.lanes);
  for_each(rows.count() * cols.count(), false, [&](int64_t tile) {
    const int64_t r = tile / cols.count(), q = tile % cols.count();
    run(rows.begin(r), rows.size(r), cols.begin(q), cols.size(q));
  });
}

// Operands of any strides, packed a chunk at a time; columns of c have unit stride.
template <class T>
void multiply_packed(const Product<T>& p) {
  const GemmKernels<T>& kernel = gemm_kernels(T{});
  const PackKernels<T>& pack = packer(T{}, p.source);
  const int64_t source_size = static_cast<int64_t>(element_size(p.source));
  const auto at = [source_size](const void* data, int64_t elements) {
    return static_cast<const char*>(data) + elements * source_size;
  };
  const bool serial = runs_serially(p);
  const bool packs_lhs = p.source != dtype_v<T> || (p.a_k_stride != 1 && p.a_row_stride != 1) ||
                         p.n * static_cast<int64_t>(sizeof(T)) > kLhsInPlaceBytes;
  const Cuts depths(p.k, kDepthBytes / sizeof(T), 1);
  const Cuts chunk_cols(p.n, kChunk, kernel.max_cols);
  const Cuts chunk_rows(p.m, kChunk, kernel.max_rows);
  const int64_t depth = (p.k + depths.count() - 1) / depths.count();
  const int64_t lhs_size = packs_lhs ? std::min(p.m, kChunk + kernel.max_rows) * depth : 0;
  const int64_t rhs_size = std::min(chunk_cols.padded(), kChunk + kernel.max_cols) * depth;
  const int64_t lhs_room = (lhs_size + 15) / 16 * 16;
  const Scratch scratch(static_cast<size_t>(lhs_room + rhs_size) * sizeof(T));
  T* const lhs = scratch.as<T>();
  T* const rhs = lhs + lhs_room;

  for (int64_t jc = 0; jc < chunk_cols.count(); ++jc) {
    const int64_t col0 = chunk_cols.begin(jc);
    const Cuts cols(chunk_cols.size(jc), kTileBytes / sizeof(T), kernel.lanes);
    for (int64_t pc = 0; pc < depths.count(); ++pc) {
      const int64_t k0 = depths.begin(pc), k = depths.size(pc);
      const T beta = pc == 0 ? p.beta : T{1};
      for (int64_t ic = 0; ic < chunk_rows.count(); ++ic) {
        const int64_t row0 = chunk_rows.begin(ic);
        const Cuts rows(chunk_rows.size(ic), kTileRows, kernel.max_rows);
        const int64_t rhs_parts = ic == 0 ? cols.count() : 0;
        for_each(rhs_parts + (packs_lhs ? rows.count() : 0), serial, [&](int64_t part) {
          if (part < rhs_parts) {
            const int64_t col = cols.begin(part);
            pack.rhs(rhs + col * k, at(p.b, (col0 + col) * p.b_col_stride + k0 * p.b_k_stride), cols.size(part), k,
                     p.b_col_stride, p.b_k_stride);
          } else {
            const int64_t r = part - rhs_parts, row = rows.begin(r);
            pack.lhs(lhs + row * k, at(p.a, (row0 + row) * p.a_row_stride + k0 * p.a_k_stride), rows.size(r), k,
                     p.a_row_stride, p.a_k_stride);
          }
        });
        for_each(rows.count() * cols.count(), serial, [&](int64_t tile) {
          const int64_t r = tile / cols.count(), q = tile % cols.count();
          const int64_t row = rows.begin(r), col = cols.begin(q);
          const GemmOperand<T> a =
              packs_lhs ? GemmOperand<T>{lhs + row * k, 0, 0}
                        : GemmOperand<T>{offset<T>(p.a, (row0 + row) * p.a_row_stride + k0 * p.a_k_stride),
                                         p.a_row_stride, p.a_k_stride};
          kernel.multiply({rows.size(r), cols.size(q), k, a, {rhs + col * k, 0, 0}, packs_lhs, true,
                           p.c + (row0 + row) * p.c_row_stride + col0 + col, p.c_row_stride, p.alpha, beta,
                           p.bias && pc == 0 ? p.bias + col0 + col : nullptr});
        });
      }
    }
  }
}

// One vector or a few rows: nothing is gained by packing the rhs. Returns whether it applied.
template <class T>
bool multiply_few_rows(const Product<T>& p) {
  if (p.b_k_stride == 1) {
    if (p.a_k_stride == 1) {
      multiply_dot(p);
      return true;
    }
    const Scratch scratch(static_cast<size_t>(p.m * p.k) * sizeof(T));
    T* const a = scratch.as<T>();
    for (int64_t i = 0; i < p.m; ++i) {
      for (int64_t k = 0; k < p.k; ++k) a[i * p.k + k] = offset<T>(p.a, i * p.a_row_stride)[k * p.a_k_stride];
    }
    Product<T> compact = p;
    compact.a = a;
    compact.a_row_stride = p.k;
    compact.a_k_stride = 1;
    multiply_dot(compact);
    return true;
  }
  if (p.b_col_stride != 1 || p.c_col_stride != 1) return false;
  if (p.bias && p.bias_col_stride != 1) return false;
  multiply_direct(p);
  return true;
}

template <class T>
void multiply_any(Product<T>& p) {
  if (p.k == 1) p.a_k_stride = p.b_k_stride = 1;
  if (p.m == 1) p.a_row_stride = p.c_row_stride = 1, p.bias_row_stride = 0;
  if (p.n == 1) p.b_col_stride = p.c_col_stride = p.bias_col_stride = 1;
  const bool in_place = p.source == dtype_v<T>;
  if (in_place) {
    const int64_t few = std::min(p.m, p.n);
    const bool by_dot = few <= kDotRows && few * kDotDepthPerRow <= p.k && p.a_k_stride == 1 && p.b_k_stride == 1 &&
                        p.k > kDotDepth;
    if ((by_dot || few <= kFewRows) && p.m != few) p.transpose();
    if (by_dot) return multiply_dot(p);
    if (few <= kFewRows && multiply_few_rows(p)) return;
  }
  if (p.c_col_stride != 1) p.transpose();
  if (p.bias && (p.bias_col_stride != 1 || p.bias_row_stride != 0)) prepare(p);
  const bool is_short = p.m <= kShortRows;
  if (in_place && p.b_col_stride == 1 && p.k <= (is_short ? kShortDepth : kDirectDepth) &&
      p.k * p.n * static_cast<int64_t>(sizeof(T)) <= (is_short ? kShortBytes : kDirectBytes)) {
    return multiply_direct(p);
  }
  multiply_packed(p);
}

}  // namespace

void multiply(Product<float>&& product) { multiply_any(product); }
void multiply(Product<double>&& product) { multiply_any(product); }

}  // namespace tenon::cpu
