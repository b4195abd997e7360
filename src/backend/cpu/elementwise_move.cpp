// Moving elements between layouts: repeating, gathering, scattering, transposing.
#include "backend/cpu/elementwise_move.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "backend/cpu/bytes.h"

namespace tenon::cpu {
namespace {

template <class E>
void fill_with(char* to, E value, int64_t n) {
  for (int64_t i = 0; i < n; ++i) std::memcpy(to + i * static_cast<int64_t>(sizeof(E)), &value, sizeof(E));
}

template <class E>
E element_at(const void* from) {
  E value;
  std::memcpy(&value, from, sizeof(E));
  return value;
}

// Transposes 4 x 4 elements of four bytes in registers: from rows `from_stride` apart to rows `to_stride` apart.
void transpose_4x4(const char* from, int64_t from_stride, char* to, int64_t to_stride) {
  using Lanes = uint32_t __attribute__((vector_size(16)));
  Lanes a, b, c, d;
  std::memcpy(&a, from, 16);
  std::memcpy(&b, from + from_stride, 16);
  std::memcpy(&c, from + 2 * from_stride, 16);
  std::memcpy(&d, from + 3 * from_stride, 16);
  const Lanes ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Lanes cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  const Lanes rows[] = {
      __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
      __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
  for (int i = 0; i < 4; ++i) std::memcpy(to + i * to_stride, &rows[i], 16);
}

// Transposes at most kBufferBytes of four-byte elements. Both sides are touched in whole rows, one row at a time where
// they may lie at strides that share cache sets: hence the copy.
void transpose(const char* from, int64_t from_stride, char* to, int64_t to_stride, int64_t rows, int64_t cols) {
  alignas(64) char tile[kBufferBytes];
  const int64_t row_bytes = cols * 4;
  for (int64_t r = 0; r < rows; ++r) {
    std::memcpy(tile + r * row_bytes, from + r * from_stride, static_cast<size_t>(row_bytes));
  }
  const int64_t whole_rows = rows / 4 * 4, whole_cols = cols / 4 * 4;
  auto one = [&](int64_t r, int64_t c) { std::memcpy(to + c * to_stride + r * 4, tile + r * row_bytes + c * 4, 4); };
  for (int64_t c = 0; c < whole_cols; c += 4) {
    for (int64_t r = 0; r < whole_rows; r += 4) {
      transpose_4x4(tile + r * row_bytes + c * 4, row_bytes, to + c * to_stride + r * 4, to_stride);
    }
    for (int64_t r = whole_rows; r < rows; ++r) {
      for (int64_t k = c; k < c + 4; ++k) one(r, k);
    }
  }
  for (int64_t c = whole_cols; c < cols; ++c) {
    for (int64_t r = 0; r < rows; ++r) one(r, c);
  }
}

// Copies rows x cols elements between places of any strides (in bytes). The inner loop is the dim that stays closer in
// memory, or the longer one when the other is too short for a loop.
template <class E>
void move_block(const char* from, int64_t from_row, int64_t from_col, char* to, int64_t to_row, int64_t to_col,
                int64_t rows, int64_t cols) {
  if constexpr (sizeof(E) == 4) {
    if (from_row == 4 && to_col == 4 && rows * cols * 4 <= kBufferBytes) {
      return transpose(from, from_col, to, to_row, cols, rows);
    }
    if (from_col == 4 && to_row == 4 && rows * cols * 4 <= kBufferBytes) {
      return transpose(from, from_row, to, to_col, rows, cols);
    }
  }
  const bool rows_closer = std::abs(from_row) + std::abs(to_row) < std::abs(from_col) + std::abs(to_col);
  if (rows_closer ? rows >= 8 : cols < 8 && cols < rows) {
    std::swap(from_row, from_col);
    std::swap(to_row, to_col);
    std::swap(rows, cols);
  }
  constexpr int64_t kSize = sizeof(E);
  for (int64_t r = 0; r < rows; ++r) {
    const char* source = from + r * from_row;
    char* target = to + r * to_row;
    if (to_col == kSize && from_col == kSize) {
      std::memcpy(target, source, static_cast<size_t>(cols) * sizeof(E));
    } else if (to_col == kSize && from_col == 0) {
      fill_with(target, element_at<E>(source), cols);
    } else {
      for (int64_t c = 0; c < cols; ++c) {
        const E value = element_at<E>(source + c * from_col);
        std::memcpy(target + c * to_col, &value, sizeof(E));
      }
    }
  }
}

}  // namespace

void repeat_element(const void* value, int64_t element_bytes, char* to, int64_t n) {
  visit_size(static_cast<size_t>(element_bytes),
             [&](auto zero) { fill_with(to, element_at<decltype(zero)>(value), n); });
}

MoveBlock* move_block_of(int64_t element_bytes) {
  return visit_size(static_cast<size_t>(element_bytes),
                    [](auto zero) -> MoveBlock* { return move_block<decltype(zero)>; });
}

}  // namespace tenon::cpu
