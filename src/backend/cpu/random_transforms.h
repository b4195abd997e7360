// The arithmetic of bulk random numbers, once per instruction set: from uniform bits to uniform and normal numbers.
#pragma once

#include <cstdint>

namespace tenon::cpu {

struct RandomTransforms {
  // out[i] = from + (to - from) u, where u takes one word (24 bits) or two (53 bits); `to` itself becomes `from`.
  void (*uniform_float)(const uint32_t* words, float* out, int64_t count, float from, float to);
  void (*uniform_double)(const uint32_t* words, double* out, int64_t count, double from, double to);
  // Turns blocks of 16 uniform numbers into normal ones, in place: number i and i + 8 of a block make a pair.
  void (*normal_float)(float* data, int64_t blocks, float mean, float std);
  void (*normal_double)(double* data, int64_t blocks, double mean, double std);
};

// The table of the instruction set in force.
const RandomTransforms& random_transforms();

}  // namespace tenon::cpu
