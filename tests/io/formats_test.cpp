// Safetensors and NumPy's files in C++, whole and damaged. Other readers judge them in tests/python/test_io_formats.py.
#include <cstring>

#include "helpers.h"
#include "io/bytes.h"
#include "tenon/io/npy.h"
#include "tenon/io/safetensors.h"

namespace tenon::testing {
namespace {

io::TensorDict everything(bool numpy) {
  io::TensorDict tensors{{"scalar", full({}, 2.5)}, {"empty", zeros({0, 3})}};
#define TENON_ADD(type, name, python) \
  tensors.emplace(#python, arange(6, kLong).to(ScalarType::name).reshape({2, 3}));
  TENON_FORALL_DTYPES(TENON_ADD)
#undef TENON_ADD
  tensors.erase(numpy ? "bfloat16" : "complex128");
  return tensors;
}

void expect_same(const io::TensorDict& a, const io::TensorDict& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    const Tensor& other = b.at(name);
    EXPECT_EQ(tensor.dtype(), other.dtype()) << name;
    ASSERT_EQ(tensor.sizes(), other.sizes()) << name;
    const size_t bytes = tensor.nbytes();
    EXPECT_TRUE(bytes == 0 || std::memcmp(tensor.data_ptr(), other.data_ptr(), bytes) == 0) << name;
  }
}

TEST(Safetensors, ComesBack) {
  const TemporaryFolder folder;
  const io::Metadata metadata{{"k", "v\"\n"}};
  io::save_safetensors(folder / "a", everything(false), metadata);
  expect_same(io::load_safetensors(folder / "a"), everything(false));
  expect_same(io::load_safetensors_bytes(read_file(folder / "a")), everything(false));
  const io::SafetensorsFile file(folder / "a");
  EXPECT_EQ(file.metadata(), metadata);
  EXPECT_EQ(file.entry("int16").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_THROW(file.tensor("none"), IndexError);
}

TEST(Safetensors, TensorsViewTheFileAndLeaveIt) {
  const TemporaryFolder folder;
  io::save_safetensors(folder / "a", {{"x", ones({100})}});
  const Tensor x = io::load_safetensors(folder / "a").at("x");
  x.add_(1);
  EXPECT_EQ(x.sum().item<float>(), 200);
  EXPECT_EQ(io::load_safetensors(folder / "a").at("x").sum().item<float>(), 100);
}

TEST(Safetensors, DamageEndsInErrors) {
  const std::string bytes = io::save_safetensors_bytes(everything(false), {{"k", "v"}});
  expect_errors_only(bytes, 20000, [](const std::string& damaged) { io::load_safetensors_bytes(damaged); });
}

TEST(Npy, ComesBack) {
  const TemporaryFolder folder;
  for (const bool compressed : {false, true}) {
    io::save_npz(folder / "a.npz", everything(true), compressed);
    expect_same(io::load_npz(folder / "a.npz"), everything(true));
  }
  io::save_npy(folder / "a.npy", ones({2, 3}));
  const Tensor mapped = io::load_npy(folder / "a.npy", true);
  mapped.zero_();
  EXPECT_EQ(io::load_npy(folder / "a.npy").sum().item<float>(), 6);
  EXPECT_THROW(io::save_npy(folder / "b.npy", ones({2}, kBFloat16)), TypeError);
}

TEST(Npy, BoolsAreZeroOrOne) {
  std::string bytes = io::save_npy_bytes(zeros({3}, kBool));
  bytes.back() = '\x07';
  const Tensor loaded = io::load_npy_bytes(bytes);
  EXPECT_EQ(loaded.sum().item<int64_t>(), 1);
}

TEST(Npy, DamageEndsInErrors) {
  const std::string npy = io::save_npy_bytes(ones({2, 3}, kShort));
  expect_errors_only(npy, 20000, [](const std::string& damaged) { io::load_npy_bytes(damaged); });
  for (const bool compressed : {false, true}) {
    const std::string npz = io::save_npz_bytes({{"a", arange(40)}, {"b", ones({2})}}, compressed);
    expect_errors_only(npz, 5000, [](const std::string& damaged) { io::load_npz_bytes(damaged); });
  }
}

}  // namespace
}  // namespace tenon::testing
