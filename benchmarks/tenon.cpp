// Tenon's bodies of the figures.
#include "tenon/tenon.h"

#include "backend/cpu/kernels.h"
#include "gemm_figures.h"

namespace api = tenon;
#include "op_figures-inl.h"

namespace bench {
namespace {

// The kernel itself, as the libraries of products are called.
auto make_call(const Gemm& p, float* a, float* b, float* c) {
  return [&p, a, b, c] {
    using tenon::TensorView;
    const int64_t out_sizes[] = {p.batch, p.m, p.n}, out_strides[] = {p.m * p.n, p.n, 1};
    const int64_t lhs_sizes[] = {p.batch, p.m, p.k}, lhs_strides[] = {p.m * p.k, p.k, 1};
    const int64_t rhs_sizes[] = {p.batch, p.k, p.n};
    const int64_t rhs_strides[] = {p.k * p.n, p.transposed_rhs ? 1 : p.n, p.transposed_rhs ? p.k : 1};
    const TensorView out{c, tenon::kFloat, {out_sizes, 3}, {out_strides, 3}};
    const TensorView lhs{a, tenon::kFloat, {lhs_sizes, 3}, {lhs_strides, 3}};
    const TensorView rhs{b, tenon::kFloat, {rhs_sizes, 3}, {rhs_strides, 3}};
    tenon::cpu::matmul_table().matmul(out, lhs, rhs, 1.0, 0.0, nullptr);
  };
}

}  // namespace

std::vector<Figure> tenon_figures(int threads) {
  tenon::set_num_threads(threads);
  std::vector<Figure> figures = gemm_figures(&make_call);
  add_op_figures(figures);
  return figures;
}

}  // namespace bench
