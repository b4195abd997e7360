// Figures of ops, written once: the includer says by `namespace api` whose functions they call.
#include "figures.h"

namespace bench {
namespace {

// Inputs of the ops on large tensors, which exceed every cache.
constexpr int64_t kLarge = int64_t{16} << 20;
constexpr int64_t kRows = 4096, kColumns = 1024;
constexpr int64_t kChain = 100000;
constexpr int64_t kCallsOfSmallOp = 100;

api::Tensor large_input() { return api::linspace(-5, 5, kLarge); }

// What a call costs when there is next to nothing to compute.
template <class MakeCall>
Figure overhead_of(const char* name, MakeCall make_call) {
  return {name, {}, kCallsOfSmallOp, [make_call] { return repeated(make_call(), kCallsOfSmallOp); }};
}

// An op on 16M floats that makes a fresh tensor.
template <class Op>
Figure large(const char* name, double bytes_per_element, Op op) {
  return {name, {0, bytes_per_element * kLarge}, 1, [op] { return Body([op, x = large_input()] { op(x); }); }};
}

// A long graph: recorded, run backwards and freed.
void run_chain(const api::Tensor& leaf, const api::Tensor& one) {
  api::Tensor x = leaf;
  for (int64_t i = 0; i < kChain; ++i) x = x.add(one);
  x.sum().backward();
}

void add_op_figures(std::vector<Figure>& figures) {
  using api::Tensor;
  figures.push_back(overhead_of("add_2", [] { return [a = api::ones({2}), b = api::ones({2})] { a.add(b); }; }));
  figures.push_back(overhead_of("add_2_recorded", [] {
    return [a = api::ones({2}).requires_grad_(true), b = api::ones({2}).requires_grad_(true)] { a.add(b); };
  }));
  figures.push_back(overhead_of("mul_2_recorded", [] {
    return [a = api::ones({2}).requires_grad_(true), b = api::ones({2}).requires_grad_(true)] { a.mul(b); };
  }));
  figures.push_back(overhead_of("mul_sum_backward_2", [] {
    return [a = api::ones({2}).requires_grad_(true), b = api::ones({2})] { a.mul(b).sum().backward(); };
  }));
  figures.push_back(
      overhead_of("add_inplace_2", [] { return [a = api::ones({2}), b = api::ones({2})] { a.add_(b); }; }));
  figures.push_back(overhead_of("empty_2", [] { return [] { api::empty({2}); }; }));
  figures.push_back(overhead_of("select", [] { return [a = api::ones({4, 4})] { a.select(0, 1); }; }));
  figures.push_back(overhead_of("transpose", [] { return [a = api::ones({4, 4})] { a.transpose(0, 1); }; }));
  figures.push_back(overhead_of("view", [] { return [a = api::ones({4, 4})] { a.view({16}); }; }));
  figures.push_back(overhead_of("sum_2", [] { return [a = api::ones({2})] { a.sum(); }; }));
  figures.push_back(overhead_of("mm_4", [] { return [a = api::ones({4, 4}), b = api::ones({4, 4})] { a.mm(b); }; }));

  figures.push_back({"add_16M", {0, 12 * double{kLarge}}, 1, [] {
                       return Body([a = large_input(), b = large_input()] { a.add(b); });
                     }});
  figures.push_back(large("exp_16M", 8, [](const Tensor& x) { x.exp(); }));
  figures.push_back(large("gelu_16M", 8, [](const Tensor& x) { api::gelu(x, "none"); }));
  figures.push_back(large("gelu_tanh_16M", 8, [](const Tensor& x) { api::gelu(x, "tanh"); }));
  figures.push_back(large("sigmoid_16M", 8, [](const Tensor& x) { x.sigmoid(); }));
  figures.push_back(large("tanh_16M", 8, [](const Tensor& x) { x.tanh(); }));
  figures.push_back(large("sin_16M", 8, [](const Tensor& x) { x.sin(); }));
  figures.push_back(large("sum_16M", 4, [](const Tensor& x) { x.sum(); }));

  const Work rows{0, 8 * double{kRows * kColumns}};
  const auto matrix = [] { return api::linspace(-5, 5, kRows * kColumns).view({kRows, kColumns}); };
  figures.push_back({"softmax_4096x1024", rows, 1, [matrix] { return Body([x = matrix()] { x.softmax(1); }); }});
  figures.push_back(
      {"layer_norm_4096x1024", rows, 1, [matrix] { return Body([x = matrix()] { api::layer_norm(x, {kColumns}); }); }});

  const double conv_flops = 2.0 * 8 * 64 * 26 * 26 * 64 * 9;
  figures.push_back({"conv2d_8x64x28x28_by_64x3x3", {conv_flops, 0}, 1, [] {
                       return Body([x = api::linspace(-1, 1, 8 * 64 * 28 * 28).view({8, 64, 28, 28}),
                                    w = api::linspace(-1, 1, 64 * 64 * 9).view({64, 64, 3, 3})] { api::conv2d(x, w); });
                     }});
  figures.push_back(
      {"chain_of_100k_adds", {}, 1, [] {
         return Body([leaf = api::ones({2}).requires_grad_(true), one = api::ones({2})] { run_chain(leaf, one); });
       }});
}

}  // namespace
}  // namespace bench
