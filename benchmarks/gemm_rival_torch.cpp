// torch.mm and torch.bmm, which reach oneDNN or MKL, called through libtorch.
#include "gemm_rivals.h"

#ifdef TENON_BENCH_TORCH
#include <torch/torch.h>

namespace {

struct Prepared {
  torch::Tensor a, b, c;
};

void* prepare(const GemmCase& p, float* a, float* b, float* c) {
  torch::Tensor rhs = p.transposed_rhs ? torch::from_blob(b, {p.batch, p.n, p.k}).transpose(1, 2)
                                       : torch::from_blob(b, {p.batch, p.k, p.n});
  auto* result = new Prepared{torch::from_blob(a, {p.batch, p.m, p.k}), rhs, torch::from_blob(c, {p.batch, p.m, p.n})};
  if (p.batch == 1) *result = {result->a[0], result->b[0], result->c[0]};
  return result;
}

void run(void* prepared) {
  static const torch::NoGradGuard no_grad;
  auto& t = *static_cast<Prepared*>(prepared);
  if (t.a.dim() == 2) {
    torch::mm_out(t.c, t.a, t.b);
  } else {
    torch::bmm_out(t.c, t.a, t.b);
  }
}

void release(void* prepared) { delete static_cast<Prepared*>(prepared); }

}  // namespace

const GemmRival* torch_rival() {
  static const GemmRival rival = {"torch", [](int n) { at::set_num_threads(n); }, &prepare, &run, &release};
  return &rival;
}
#else
const GemmRival* torch_rival() { return nullptr; }
#endif
