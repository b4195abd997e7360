// Moving elements of any dtype by their size alone: what the elementwise engine gathers, scatters and transposes with.
#pragma once

#include <cstdint>

namespace tenon::cpu {

// What the engine handles at a time, small enough for one such buffer of each operand to stay in the L1 cache.
inline constexpr int64_t kBufferBytes = 4096;

// Writes n copies of the element at `value`, one after another.
void repeat_element(const void* value, int64_t element_bytes, char* to, int64_t n);

// Copies rows x cols elements between places of any strides in bytes.
using MoveBlock = void(const char* from, int64_t from_row, int64_t from_col, char* to, int64_t to_row, int64_t to_col,
                       int64_t rows, int64_t cols);

// The one for elements of 1, 2, 4, 8 or 16 bytes.
MoveBlock* move_block_of(int64_t element_bytes);

}  // namespace tenon::cpu
