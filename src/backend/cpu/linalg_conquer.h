// What divide and conquer does alike for eigenvalues and singular values: deflation, and the vectors of the whole from
// those of the halves. Depends on linalg_secular.h.
#pragma once

#include <vector>

#include "backend/cpu/linalg_iteration.h"
#include "backend/cpu/linalg_secular.h"

namespace tenon::cpu {

// Up to this size problems are not divided.
inline constexpr int64_t kUndivided = 32;
// What deflation may change in a part of a matrix with this largest element, where 1 is about that of the whole one. It
// is not so small that squares vanish.
inline double deflation_tolerance(double largest) { return std::max(8 * kEps * largest, 1e-100); }

double largest_of(const double* x, int64_t n);
// The numbers 0 to n - 1 but `except`, as d rises.
std::vector<int64_t> rising(const double* d, int64_t n, int64_t except = -1);
// x[i] = x[order[i]], and the same of columns.
void reorder(const std::vector<int64_t>& order, double* x);
void reorder_columns(const std::vector<int64_t>& order, Block<double> q);

// Where a column of a basis that the halves left is not zero.
enum class Part : uint8_t { Top, Both, Bottom };

// The poles of a secular equation, by their columns.
struct Poles {
  std::vector<int64_t> live;  // as d rises
  std::vector<int64_t> dead;  // their d is a root, and their column its vector
  std::vector<Part> parts;    // of all columns
};

// Takes each column of `order`, along which d rises, for a pole unless that changes the matrix by no more than
// `tolerance`: because weight * z is small, or because d is so close to the last pole's that a rotation of the two,
// which is reported, can make a z zero.
template <class Rotate>
Poles deflate(const std::vector<int64_t>& order, double* d, double* z, std::vector<Part> parts, double weight,
              double tolerance, const Rotate& rotate) {
  Poles poles;
  poles.parts = std::move(parts);
  for (const int64_t j : order) {
    if (weight * std::abs(z[j]) <= tolerance) {
      poles.dead.push_back(j);
      continue;
    }
    if (!poles.live.empty()) {
      const int64_t i = poles.live.back();
      const Rotation turn(z[j], -z[i]);
      const double c = turn.cosine, s = turn.sine, gap = d[j] - d[i];
      if (std::abs(gap * c * s) <= tolerance) {
        z[j] = turn.length;
        z[i] = 0;
        rotate(i, j, turn);
        d[i] += gap * s * s;
        d[j] -= gap * s * s;
        if (poles.parts[i] != poles.parts[j]) poles.parts[i] = poles.parts[j] = Part::Both;
        poles.dead.push_back(i);
        poles.live.back() = j;
        continue;
      }
    }
    poles.live.push_back(j);
  }
  return poles;
}

// The poles that are left with their z, in order.
Secular secular_of(const Poles& poles, const double* d, const double* z, double weight, bool squares);

// d becomes the roots and the dead columns' d, rising. Returns what they come from: the number of a root or, after
// those of the roots, of a dead column.
std::vector<int64_t> gather(const Poles& poles, const SecularRoots& roots, double* d);

// q = [its poles' columns @ s, its dead columns], in this order. Columns of q that are Top or Bottom are zero from row
// `split` on, or before it.
void update_basis(Block<double> q, int64_t split, const Poles& poles, const Matrix<double>& s,
                  const std::vector<int64_t>& order);

}  // namespace tenon::cpu
