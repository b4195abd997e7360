// Promotion and casting against torch.promote_types and torch.can_cast; names; scalars; devices.
#include "tenon/base/dtype.h"

#include <gtest/gtest.h>

#include <limits>

#include "tenon/base/device.h"
#include "tenon/base/scalar.h"

namespace tenon {
namespace {

// Both tables come from PyTorch 2.13, rows and columns in the order of TENON_FORALL_DTYPES up to bfloat16.
constexpr int kCount = 12;
constexpr int kPromoted[kCount][kCount] = {
    {0, 2, 2, 3, 4, 5, 6, 7, 8, 9, 0, 11},   {2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 11},
    {2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 2, 11},   {3, 3, 3, 3, 4, 5, 6, 7, 8, 9, 3, 11},
    {4, 4, 4, 4, 4, 5, 6, 7, 8, 9, 4, 11},   {5, 5, 5, 5, 5, 5, 6, 7, 8, 9, 5, 6},
    {6, 6, 6, 6, 6, 6, 6, 7, 8, 9, 6, 6},    {7, 7, 7, 7, 7, 7, 7, 7, 9, 9, 7, 7},
    {8, 8, 8, 8, 8, 8, 8, 9, 8, 9, 8, 8},    {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},  {11, 11, 11, 11, 11, 6, 6, 7, 8, 9, 11, 11},
};
constexpr int kCastable[kCount][kCount] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1},
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1}, {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1},
    {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1}, {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1}, {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0},
    {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1},
};

TEST(Dtype, PromotesAndCastsAsPyTorch) {
  for (int i = 0; i < kCount; ++i) {
    for (int j = 0; j < kCount; ++j) {
      const auto a = static_cast<ScalarType>(i), b = static_cast<ScalarType>(j);
      EXPECT_EQ(promote_types(a, b), static_cast<ScalarType>(kPromoted[i][j])) << a << ' ' << b;
      EXPECT_EQ(can_cast(a, b), kCastable[i][j] != 0) << a << " to " << b;
    }
  }
}

TEST(Dtype, PromotesWideUnsignedIntegersAsTheArrayApi) {
  EXPECT_EQ(promote_types(kUInt16, kByte), kUInt16);
  EXPECT_EQ(promote_types(kUInt16, kUInt64), kUInt64);
  EXPECT_EQ(promote_types(kUInt16, kShort), kInt);
  EXPECT_EQ(promote_types(kChar, kUInt32), kLong);
  EXPECT_EQ(promote_types(kUInt32, kLong), kLong);
  EXPECT_EQ(promote_types(kBool, kUInt64), kUInt64);
  EXPECT_EQ(promote_types(kUInt64, kHalf), kHalf);
  EXPECT_THROW(promote_types(kUInt64, kChar), TensorError);
  EXPECT_TRUE(can_cast(kLong, kUInt16));
  EXPECT_FALSE(can_cast(kFloat, kUInt16));
  EXPECT_FALSE(can_cast(kUInt16, kBool));
}

TEST(Dtype, HasPyTorchsNamesAndSizes) {
  EXPECT_STREQ(dtype_name(kFloat), "float32");
  EXPECT_STREQ(dtype_name(kBFloat16), "bfloat16");
  EXPECT_STREQ(dtype_name(kComplexDouble), "complex128");
  EXPECT_EQ(element_size(kHalf), 2u);
  EXPECT_EQ(element_size(kComplexDouble), 16u);
}

TEST(Scalar, PrintsAsPython) {
  const std::pair<Scalar, const char*> cases[] = {
      {true, "True"},         {-7, "-7"},           {0.1, "0.1"},         {2.0, "2.0"},
      {1e16, "1e+16"},        {1e15, "1000000000000000.0"}, {1e-5, "1e-05"}, {123456789.0, "123456789.0"},
      {5e-324, "5e-324"},     {-0.0, "-0.0"},       {std::numeric_limits<double>::infinity(), "inf"},
      {1.0 / 3, "0.3333333333333333"},
      {std::complex<double>(1, 2), "(1+2j)"},       {std::complex<double>(-0.0, -0.5), "(-0-0.5j)"},
      {std::complex<double>(0, 0.5), "0.5j"},       {std::complex<double>(1e20, 1), "(1e+20+1j)"},
  };
  for (const auto& [scalar, text] : cases) EXPECT_EQ(concat(scalar), text);
}

TEST(Scalar, ConvertsWithoutOverflow) {
  EXPECT_EQ(Scalar(1e300).to_int64(), INT64_MAX);
  EXPECT_EQ(Scalar(-1e300).to_int64(), INT64_MIN);
  EXPECT_EQ((-Scalar(INT64_MIN)).to_int64(), INT64_MIN);
}

TEST(Device, ParsesAndPrints) {
  EXPECT_EQ(Device("cpu"), Device(kCPU));
  EXPECT_EQ(Device("cuda:1"), Device(kCUDA, 1));
  EXPECT_EQ(Device("cuda:127").str(), "cuda:127");
  EXPECT_EQ(concat(Device("metal:0")), "metal:0");
  EXPECT_EQ(Device("cuda").str(), "cuda");
}

TEST(Device, RejectsWhatIsNoDevice) {
  for (const char* text : {"", "gpu", "cpu:", "cpu:-1", "cuda:01", "cuda:128", "cuda:1:2", " cpu", "cuda:1x", "CPU"}) {
    EXPECT_THROW(Device{text}, Error) << text;
  }
  for (const int index : {-2, 128, 256, 512}) EXPECT_THROW(Device(kCUDA, index), Error) << index;
  EXPECT_EQ(Device(kCUDA, 127).index(), 127);
}

}  // namespace
}  // namespace tenon
