// LibTorch's bodies of the figures. In a library of its own, which brings PyTorch's OpenMP along.
#include <torch/torch.h>

#include "gemm_figures.h"

namespace api = torch;
#include "op_figures-inl.h"

namespace bench {
namespace {

auto make_call(const Gemm& p, float* a, float* b, float* c) {
  torch::Tensor lhs = torch::from_blob(a, {p.batch, p.m, p.k});
  torch::Tensor rhs = p.transposed_rhs ? torch::from_blob(b, {p.batch, p.n, p.k}).transpose(1, 2)
                                       : torch::from_blob(b, {p.batch, p.k, p.n});
  torch::Tensor out = torch::from_blob(c, {p.batch, p.m, p.n});
  if (p.batch == 1) lhs = lhs[0], rhs = rhs[0], out = out[0];
  return [lhs, rhs, out]() mutable {
    if (lhs.dim() == 2) {
      torch::mm_out(out, lhs, rhs);
    } else {
      torch::bmm_out(out, lhs, rhs);
    }
  };
}

}  // namespace

std::vector<Figure> torch_figures(int threads) {
  at::set_num_threads(threads);
  std::vector<Figure> figures = gemm_figures(&make_call);
  add_op_figures(figures);
  return figures;
}

}  // namespace bench
