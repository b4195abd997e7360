// Functions of namespace special, and other names of functions.
#include <torch/torch.h>

#include <cstdio>

namespace special = torch::special;

void print(const char* name, const torch::Tensor& values) {
  std::printf("%s", name);
  const auto flat = values.to(torch::kDouble).contiguous().view(-1);
  for (int64_t i = 0; i < flat.numel(); ++i) std::printf(" %.5g", flat[i].item<double>());
  std::printf("\n");
}

int main() {
  const auto x = torch::tensor({0.3, 0.8, 1.6, 2.5}, torch::kDouble);
  const auto p = torch::tensor({0.1, 0.25, 0.5, 0.9}, torch::kDouble);
  auto out = torch::empty({4}, torch::kDouble);
  print("digamma", special::digamma(x));
  print("psi", special::psi(x));
  print("gammaln", special::gammaln(x));
  print("gammainc", special::gammainc(x, p));
  print("gammaincc", special::gammaincc(x, p));
  print("multigammaln", special::multigammaln(x + 1, 2));
  print("polygamma", special::polygamma(1, x));
  print("erf", special::erf(x));
  print("erfc", special::erfc(x));
  print("erfinv", special::erfinv(p));
  print("exp2", special::exp2(x));
  print("expm1", special::expm1(x));
  print("expit", special::expit(x));
  print("logit", special::logit(p));
  print("logsumexp", special::logsumexp(x, {0}, false));
  print("softmax", special::softmax(x, 0, torch::nullopt));
  print("log_softmax", special::log_softmax(x, 0, torch::nullopt));
  print("log1p", special::log1p(x));
  print("round", special::round(x));
  print("sinc", special::sinc(x));
  print("i0", special::i0(x));
  print("xlogy", special::xlogy(x, p));
  print("xlogy of a number", special::xlogy(2, p));
  print("zeta", special::zeta(x + 1, 2));
  print("bessel_j0", special::bessel_j0(x));
  print("expit_out", special::expit_out(out, x));
  print("gammaln_out", special::gammaln_out(out, x));
  print("gammainc_out", special::gammainc_out(out, x, p));
  print("erf_out", special::erf_out(out, x));
  print("i1e_out", special::i1e_out(out, x));
  print("xlog1py_out", special::xlog1py_out(out, x, p));
  print("out", out);

  const auto tall = torch::ones({2, 2}, torch::requires_grad());
  const auto long_one = torch::arange(3).type_as(tall);
  print("type_as", long_one + 0.5);
  std::printf("%d %d %d\n", long_one.dtype() == torch::kFloat, tall.variable_data().requires_grad(),
              tall.tensor_data().is_same(tall));
}
