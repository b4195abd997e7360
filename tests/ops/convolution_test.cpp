// Convolutions of real numbers and those of integers are computed in two ways; on small integers both are exact.
#include "helpers.h"
#include "tenon/base/parallel.h"

namespace tenon::testing {
namespace {

struct Geometry {
  DimVector input, weight, stride, padding, dilation;
  int64_t groups = 1;
};

int64_t draw(int64_t least, int64_t most) { return randint(least, most + 1, {1}).item<int64_t>(); }

// A geometry whose kernel fits its padded input.
Geometry random_geometry() {
  Geometry g;
  const int64_t dims = draw(1, 3);
  g.groups = draw(0, 3) == 0 ? draw(2, 12) : 1;
  g.input = {draw(1, 9), g.groups * draw(1, draw(0, 2) == 0 ? 60 : 6)};
  g.weight = {g.groups * draw(1, draw(0, 2) == 0 ? 60 : 6), g.input[1] / g.groups};
  for (int64_t d = 0; d < dims; ++d) {
    g.stride.push_back(draw(0, 1) ? 1 : draw(1, 4));
    g.dilation.push_back(draw(0, 1) ? 1 : draw(1, 3));
    g.padding.push_back(draw(0, 3));
    g.weight.push_back(draw(1, 4));
    const int64_t least = (g.weight.back() - 1) * g.dilation.back() + 1 - 2 * g.padding.back();
    g.input.push_back(std::max<int64_t>(least, 1) + draw(0, dims == 1 ? 1500 : dims == 2 ? 24 : 7));
  }
  return g;
}

// The convolution and both of its gradients.
std::vector<Tensor> results(const Geometry& g, const Tensor& x, const Tensor& w) {
  const DimVector none(g.stride.size(), 0);
  Tensor y = convolution(x, w, {}, g.stride, g.padding, g.dilation, false, none, g.groups);
  return {y, conv_input_gradient(y, w, x.sizes(), g.stride, g.padding, g.dilation, g.groups),
          conv_weight_gradient(y, x, w.sizes(), g.stride, g.padding, g.dilation, g.groups)};
}

TEST(Convolution, OfRealsIsThatOfIntegers) {
  manual_seed(0);
  const int threads = get_num_threads();
  for (int i = 0; i < 150; ++i) {
    const Geometry g = random_geometry();
    const Tensor x = randint(-2, 3, g.input), w = randint(-2, 3, g.weight);
    const std::vector<Tensor> expected = results(g, x, w);
    for (const ScalarType dtype : {kFloat, kDouble}) {
      set_num_threads(i % 3 + 1);
      const std::vector<Tensor> values = results(g, x.to(dtype), w.to(dtype));
      for (size_t k = 0; k < values.size(); ++k) {
        EXPECT_TRUE(equal(values[k].to(kLong), expected[k]))
            << "result " << k << " of " << dtype << ": input " << x.sizes() << ", weight " << w.sizes() << ", stride "
            << IntArrayRef(g.stride) << ", padding " << IntArrayRef(g.padding) << ", dilation "
            << IntArrayRef(g.dilation) << ", groups " << g.groups;
      }
    }
  }
  set_num_threads(threads);
}

}  // namespace
}  // namespace tenon::testing
