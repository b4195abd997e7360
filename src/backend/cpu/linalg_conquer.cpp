// See linalg_conquer.h.
#include "backend/cpu/linalg_conquer.h"

#include <cmath>
#include <numeric>

namespace tenon::cpu {
namespace {

// Rows [begin, begin + count) of q's live columns that are not zero there, times their rows of s.
void add_rows(const Block<double>& q, int64_t begin, int64_t count, Part zero, const Poles& poles,
              const Matrix<double>& s, Block<double> product) {
  std::vector<int64_t> used;
  for (size_t i = 0; i < poles.live.size(); ++i) {
    if (poles.parts[poles.live[i]] != zero) used.push_back(static_cast<int64_t>(i));
  }
  const int64_t n = static_cast<int64_t>(used.size());
  Matrix<double> columns(count, n), factors(n, s.cols());
  for (int64_t i = 0; i < n; ++i) columns.col(i) = q.col(poles.live[used[i]]).segment(begin, count);
  for (int64_t j = 0; j < s.cols(); ++j) {
    for (int64_t i = 0; i < n; ++i) factors(i, j) = s(used[i], j);
  }
  add_product<double>(product.middleRows(begin, count), 1, columns, factors);
}

}  // namespace

double largest_of(const double* x, int64_t n) {
  double largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(x[i]));
  return largest;
}

void reorder(const std::vector<int64_t>& order, double* x) {
  const std::vector<double> values(x, x + order.size());
  for (size_t i = 0; i < order.size(); ++i) x[i] = values[order[i]];
}

void reorder_columns(const std::vector<int64_t>& order, Block<double> q) {
  const Matrix<double> columns = q;
  for (size_t j = 0; j < order.size(); ++j) q.col(static_cast<int64_t>(j)) = columns.col(order[j]);
}

std::vector<int64_t> rising(const double* d, int64_t n, int64_t except) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), int64_t{0});
  if (except >= 0) order.erase(order.begin() + except);
  std::stable_sort(order.begin(), order.end(), [d](int64_t i, int64_t j) { return d[i] < d[j]; });
  return order;
}

Secular secular_of(const Poles& poles, const double* d, const double* z, double weight, bool squares) {
  Secular equation{{}, {}, weight, squares};
  for (const int64_t i : poles.live) {
    equation.d.push_back(d[i]);
    equation.z.push_back(z[i]);
  }
  return equation;
}

std::vector<int64_t> gather(const Poles& poles, const SecularRoots& roots, double* d) {
  std::vector<double> values = roots.values;
  for (const int64_t i : poles.dead) values.push_back(d[i]);
  std::copy(values.begin(), values.end(), d);
  std::vector<int64_t> order = rising(d, static_cast<int64_t>(values.size()));
  reorder(order, d);
  return order;
}

void update_basis(Block<double> q, int64_t split, const Poles& poles, const Matrix<double>& s,
                  const std::vector<int64_t>& order) {
  Matrix<double> columns = Matrix<double>::Zero(q.rows(), static_cast<int64_t>(order.size()));
  add_rows(q, 0, split, Part::Bottom, poles, s, columns.leftCols(s.cols()));
  add_rows(q, split, q.rows() - split, Part::Top, poles, s, columns.leftCols(s.cols()));
  for (size_t i = 0; i < poles.dead.size(); ++i) {
    columns.col(s.cols() + static_cast<int64_t>(i)) = q.col(poles.dead[i]);
  }
  for (size_t j = 0; j < order.size(); ++j) q.col(static_cast<int64_t>(j)) = columns.col(order[j]);
}

}  // namespace tenon::cpu
