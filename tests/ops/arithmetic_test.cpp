// Arithmetic with numbers that no double holds; the values are PyTorch's.
#include <complex>

#include "helpers.h"

namespace tenon::testing {
namespace {

using Complex = std::complex<float>;

TEST(AddedProducts, TakeComplexNumbersAndEveryInteger) {
  const Scalar unit(std::complex<double>(0, 1));
  const Tensor zero = zeros({1}, kComplexFloat), two = full({1}, 2.0), four = full({1}, 4.0);
  EXPECT_EQ(list<Complex>(addcmul(zero, two, four, unit)), (std::vector<Complex>{{0, 8}}));
  EXPECT_EQ(list<Complex>(addcdiv(zero, two, four, unit)), (std::vector<Complex>{{0, 0.5}}));
  EXPECT_EQ(list<Complex>(zero.clone().addcmul_(two, four, unit)), (std::vector<Complex>{{0, 8}}));
  EXPECT_EQ(list<Complex>(zero.clone().addcdiv_(two, four, unit)), (std::vector<Complex>{{0, 0.5}}));
  const Tensor none = zeros({1}, kLong), one = ones({1}, kLong), narrow = ones({1}, kInt);
  const int64_t odd = (int64_t{1} << 53) + 1;
  EXPECT_EQ(list<int64_t>(addcmul(none, one, one, odd)), (Longs{odd}));
  EXPECT_EQ(list<int64_t>(addcmul(none, narrow, narrow, odd)), (Longs{odd}));
  EXPECT_EQ(list<int64_t>(none.clone().addcmul_(one, one, odd)), (Longs{odd}));
  EXPECT_EQ(list<int64_t>(addcmul(none, one, one, 1.5)), (Longs{1}));
}

TEST(AddedProducts, HaveTheGradientsOfAComplexNumber) {
  // d/dx of the sum of real parts of 1j * x * (1 + 2j), for real x.
  const Tensor x = ones({1}).requires_grad_();
  const Tensor other = full({1}, Scalar(std::complex<double>(1, 2)), kComplexFloat);
  real(addcmul(zeros({1}, kComplexFloat), x, other, Scalar(std::complex<double>(0, 1)))).sum().backward();
  EXPECT_EQ(list(x.grad()), (List{-2}));
}

TEST(AddedProducts, RefuseNumbersThatTheirDtypeDoesNotHold) {
  const Scalar unit(std::complex<double>(0, 1));
  const Tensor x = ones({1}), bytes = ones({1}, kChar), longs = ones({1}, kLong);
  EXPECT_THROWS(TensorError, addcmul(x, x, x, unit), "addcmul: value 1j cannot be converted to type");
  EXPECT_THROWS(TensorError, x.clone().addcdiv_(x, x, unit), "addcdiv: value 1j cannot be converted to type");
  EXPECT_THROWS(TensorError, addcmul(bytes, bytes, bytes, 300), "addcmul: value 300 cannot be converted to type");
  EXPECT_THROWS(TensorError, longs.clone().addcdiv_(longs, longs), "addcdiv: tensor1 and tensor2 are integers");
}

}  // namespace
}  // namespace tenon::testing
