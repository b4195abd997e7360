// Tensors: making, indexing, combining and reducing them.
#include <torch/torch.h>

#include <cstdio>
#include <iostream>
#include <tuple>
#include <vector>

using namespace torch::indexing;

void print(const char* name, const torch::Tensor& tensor) {
  std::cout << name << ' ' << tensor.sizes() << ':';
  const auto flat = tensor.detach().to(torch::kFloat64).contiguous().view({-1});
  const auto values = flat.accessor<double, 1>();
  for (int64_t i = 0; i < values.size(0); ++i) std::printf(" %.5f", values[i]);
  std::fflush(stdout);
  std::cout << std::endl;
}

void making() {
  const auto options = torch::TensorOptions().dtype(torch::kFloat64).device(torch::kCPU).layout(torch::kStrided);
  print("tensor", torch::tensor({{1, 2, 3}, {4, 5, 6}}));
  print("doubles", torch::tensor({0.1, 0.2}, options));
  print("vector", torch::tensor(std::vector<float>{1.5f, 2.5f}));
  std::cout << (torch::tensor(1).dtype() == torch::kInt64) << ' ' << torch::tensor({true, false}).sum().item<int64_t>()
            << '\n';
  float numbers[] = {1, 2, 3, 4, 5, 6};
  const auto blob = torch::from_blob(numbers, {2, 3});
  print("blob", blob.clone());
  numbers[0] = 10;
  print("shared", blob[0]);
  print("eye", torch::eye(2, options) + torch::zeros_like(torch::ones({2, 2}, options)));
  print("range", torch::arange(0, 1, 0.25));
  print("full", torch::full({2}, 7, torch::dtype(torch::kInt32)));
  print("normal", torch::normal(0.0, 1.0, {3}));
  print("randint", torch::randint(0, 10, {4}));
  print("permutation", torch::randperm(5));
  std::cout << (torch::ones(2).device() == torch::Device("cpu")) << ' ' << torch::ones(2).is_cuda() << '\n';
}

void indexing() {
  auto x = torch::arange(24, torch::kFloat).view({2, 3, 4});
  print("slice", x.index({0, Slice(1, None), Slice(None, None, 2)}));
  print("ellipsis", x.index({Ellipsis, -1}));
  print("none", x.index({1, None, 2}));
  print("mask", x.index({x > 20}));
  print("picked", x.index({torch::tensor({0, 1}), torch::tensor({2, 0})}));
  x.index_put_({0, 0}, torch::tensor({-1.f, -2.f, -3.f, -4.f}));
  x.index_put_({Slice(), 1, 1}, 100);
  x[1][2] = torch::zeros(4);
  x[0][2][3] = 55;
  x.index({"...", 2})[0] = torch::tensor({0.5f, 0.25f, 0.125f});
  print("edited", x);
  print("selected", x.select(1, 2).narrow(1, 1, 2));
  print("gathered", x[0].gather(1, torch::tensor({{0}, {1}, {3}})));
  print("masked", x[0].masked_fill(x[0] < 0, 0.5));
  const auto chunks = x.chunk(2, 2);
  std::cout << chunks.size() << ' ' << chunks[1].sizes() << ' ' << x.split(1)[1].sum().item<float>() << '\n';
}

void computing() {
  const auto a = torch::randn({3, 4}), b = torch::randn({4, 2});
  print("product", torch::matmul(a, b));
  print("einsum", torch::einsum("ij,kj->ik", {a, a}));
  const auto [values, indices] = a.max(1);
  print("largest", values);
  print("where", indices);
  const auto sorted = torch::sort(a, /*dim=*/1, /*descending=*/true);
  print("sorted", std::get<0>(sorted).slice(1, 0, 2));
  print("deviation", a.std(/*dim=*/0));
  print("variance", torch::var(a, 1));
  print("norm", torch::norm(a));
  print("softmax", torch::softmax(a, -1).sum(1));
  print("stacked", torch::stack({a[0], a[1]}, 1).mean(0, /*keepdim=*/true));
  print("cat", torch::cat({a.slice(0, 0, 1), a.slice(0, 2, 3)}, 0).t().contiguous().view(-1));
  print("chosen", torch::where(a > 0, a, torch::zeros_like(a)).sum(0));
  print("clamped", a.clamp(-0.5, 0.5).pow(2).add_(1).mul(2).sub(3).div(4)[0]);
  print("cumulated", a.cumsum(1)[1]);
  print("permuted", a.unsqueeze(0).permute({2, 0, 1}).flatten().slice(0, 0, 4));
  print("inverse", torch::linalg_inv(torch::eye(2) * 4));
  print("lengths", torch::linalg_vector_norm(a, 2, 1));
  print("spectrum", torch::abs(torch::fft::rfft(a[0])));
  print("operators", (2 - a / 3 + a * b.t().sum() % 2)[0]);
  print("expanded", torch::ones({2, 1}).expand({2, 3}).repeat({1, 2})[1]);
  std::cout << torch::allclose(a, a.clone()) << ' ' << a.argmax().item<int64_t>() << ' ' << a.numel() << '\n';
  print("interpolated",
        torch::nn::functional::interpolate(a.view({1, 1, 3, 4}), torch::nn::functional::InterpolateFuncOptions()
                                                                     .size(std::vector<int64_t>({2, 2}))
                                                                     .mode(torch::kBilinear)
                                                                     .align_corners(false)));
  print("padded", torch::nn::functional::pad(
                      a.view({1, 3, 4}), torch::nn::functional::PadFuncOptions({1, 1}).mode(torch::kReflect))[0][0]);
}

int main() {
  torch::manual_seed(6);
  making();
  indexing();
  computing();
  try {
    torch::ones({2, 3}).mm(torch::ones({2, 3}));
  } catch (const c10::Error& error) {
    std::cout << "an error\n";
  }
  try {
    TORCH_CHECK(1 > 2, "one is ", 1);
  } catch (const c10::Error& error) {
    std::cout << std::string(error.what_without_backtrace()) << '\n';
  }
}
