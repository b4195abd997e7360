// Checkpoints in C++: what is saved comes back, and whatever is damaged ends in an error. PyTorch's side of it is in
// tests/python/test_io_checkpoints.py.
#include "tenon/io/checkpoint.h"

#include <chrono>
#include <sstream>

#include "helpers.h"
#include "tenon/io/serialize.h"
#include "tenon/nn/nn.h"

namespace tenon::testing {
namespace {

using io::Value;

Tensor numbers(ScalarType dtype) { return arange(12, kLong).to(dtype).reshape({3, 4}); }

bool equal_bytes(const Tensor& a, const Tensor& b) {
  const Tensor left = a.contiguous(), right = b.contiguous();
  return a.dtype() == b.dtype() && a.sizes() == b.sizes() &&
         std::memcmp(left.data_ptr(), right.data_ptr(), left.nbytes()) == 0;
}

Value content() {
  const Tensor base = numbers(kFloat);
  Value::Dict dict{{"none", Value()},
                   {"flag", true},
                   {"small", -5},
                   {"large", int64_t{1} << 40},
                   {"real", 2.5},
                   {"complex", std::complex<double>(1, -2)},
                   {"text", "h\xc3\xa9"},
                   {"bytes", Value::bytes(std::string("\0\xff", 2))},
                   {"dtype", kBFloat16},
                   {"device", Device(kCPU)},
                   {"list", Value::list({1, Value::tuple({2, "x"}), Value::list({})})},
                   {"views", Value::list({base, base.t(), base.slice(0, 1, 3)})},
                   {"leaf", ones({2}).requires_grad_()},
                   {"empty", zeros({0, 3})},
                   {"scalar", full({}, 1.5)}};
#define TENON_ADD(type, name, python) dict.emplace_back(#python, numbers(ScalarType::name));
  TENON_FORALL_DTYPES(TENON_ADD)
#undef TENON_ADD
  return Value::dict(std::move(dict));
}

TEST(Checkpoint, ComesBack) {
  const TemporaryFolder folder;
  io::save_checkpoint(folder / "a.pt", content());
  for (const bool mapped : {false, true}) {
    const Value value = io::load_checkpoint(folder / "a.pt", {.mapped = mapped, .device = nullopt});
    EXPECT_TRUE(value.at("none").is_none());
    EXPECT_TRUE(value.at("flag").to_bool());
    EXPECT_EQ(value.at("small").to_int(), -5);
    EXPECT_EQ(value.at("large").to_int(), int64_t{1} << 40);
    EXPECT_EQ(value.at("real").to_double(), 2.5);
    EXPECT_EQ(value.at("complex").to_complex(), std::complex<double>(1, -2));
    EXPECT_EQ(value.at("text").to_string(), "h\xc3\xa9");
    EXPECT_EQ(value.at("bytes").to_string(), std::string("\0\xff", 2));
    EXPECT_EQ(value.at("dtype").to_dtype(), kBFloat16);
    EXPECT_EQ(value.at("device").to_device(), Device(kCPU));
    EXPECT_EQ(value.at("list").to_list()[1].to_list()[1].to_string(), "x");
    EXPECT_TRUE(value.at("leaf").to_tensor().requires_grad());
    EXPECT_EQ(value.at("empty").to_tensor().sizes(), IntArrayRef({0, 3}));
    EXPECT_EQ(value.at("scalar").to_tensor().item<float>(), 1.5f);
    const Value::List& views = value.at("views").to_list();
    EXPECT_EQ(views[0].to_tensor().storage(), views[1].to_tensor().storage());
    EXPECT_EQ(views[1].to_tensor().strides(), IntArrayRef({1, 4}));
    EXPECT_EQ(views[2].to_tensor().storage_offset(), 4);
#define TENON_COMPARE(type, name, python) \
  EXPECT_TRUE(equal_bytes(value.at(#python).to_tensor(), numbers(ScalarType::name)));
    TENON_FORALL_DTYPES(TENON_COMPARE)
#undef TENON_COMPARE
  }
}

TEST(Checkpoint, AMappedTensorIsEditedInMemoryOnly) {
  const TemporaryFolder folder;
  io::save_checkpoint(folder / "a.pt", ones({1000}));
  const std::string before = read_file(folder / "a.pt");
  const Tensor mapped = io::load_checkpoint(folder / "a.pt", {.mapped = true, .device = nullopt}).to_tensor();
  mapped.mul_(3);
  std::filesystem::remove(folder / "a.pt");
  EXPECT_EQ(mapped.sum().item<float>(), 3000);
  io::save_checkpoint(folder / "a.pt", ones({1000}));
  EXPECT_EQ(read_file(folder / "a.pt"), before);
}

TEST(Checkpoint, WrongKindsAndKeysAreNamed) {
  const Value value = Value::dict({{"a", 1}});
  EXPECT_THROW(value.at("b"), IndexError);
  EXPECT_THROW(value.at("a").to_tensor(), TypeError);
  EXPECT_EQ(value.at("a").to_double(), 1);
  EXPECT_THROW(io::load_checkpoint("/nonexistent/file.pt"), io::FileError);
  EXPECT_THROW(io::load_checkpoint_bytes("abc"), io::FileError);
}

TEST(Checkpoint, OneMemoryAsTwoDtypesIsRefused) {
  const Tensor x = zeros({4});
  const Tensor bits(make_intrusive<TensorImpl>(x.storage(), DimVector{4}, DimVector{1}, 0, kInt));
  EXPECT_THROW(io::save_checkpoint_bytes(Value::list({x, bits})), TensorError);
}

TEST(Checkpoint, DamageEndsInErrors) {
  const std::string bytes = io::save_checkpoint_bytes(content());
  expect_errors_only(bytes, 5000, [](const std::string& damaged) { io::load_checkpoint_bytes(damaged); });
}

TEST(Checkpoint, DamagedPicklesEndInErrors) {
  // The sums of an archive would keep most of these from being read.
  const std::string bytes = io::save_checkpoint_bytes(content());
  const size_t start = bytes.find("\x80\x02"), end = bytes.find("PK\x07\x08");
  const std::string pickle = bytes.substr(start, end - start);
  const std::string head("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.", 21);
  const std::string system("\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.", 23);
  expect_errors_only(pickle, 20000, [&](const std::string& damaged) {
    io::load_checkpoint_bytes(head + system + damaged);
  });
}

TEST(Checkpoint, OfManyBytesIsMappedAtOnce) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.pt";
  io::save_checkpoint(path, zeros({16 << 20}));
  const auto start = std::chrono::steady_clock::now();
  const Value value = io::load_checkpoint(path, {.mapped = true, .device = nullopt});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 0.05);
  EXPECT_EQ(value.to_tensor()[5].item<float>(), 0);
}

TEST(Serialize, TensorsAndVectorsOfThem) {
  const TemporaryFolder folder;
  save(numbers(kDouble), folder / "a.pt");
  Tensor loaded;
  load(loaded, folder / "a.pt");
  EXPECT_TRUE(equal_bytes(loaded, numbers(kDouble)));
  std::stringstream stream;
  save(std::vector<Tensor>{numbers(kInt), numbers(kBool)}, stream);
  std::vector<Tensor> several;
  load(several, stream);
  ASSERT_EQ(several.size(), 2u);
  EXPECT_TRUE(equal_bytes(several[1], numbers(kBool)));
}

struct Thing {
  Tensor weight;
  int64_t steps = 0;
  void save(serialize::OutputArchive& archive) const {
    serialize::OutputArchive nested;
    nested.write("weight", weight);
    archive.write("inner", nested);
    archive.write("steps", Value(steps));
  }
  void load(serialize::InputArchive& archive) {
    serialize::InputArchive nested;
    archive.read("inner", nested);
    nested.read("weight", weight);
    Value saved;
    archive.read("steps", saved);
    steps = saved.to_int();
  }
};

TEST(Serialize, WhateverSavesItself) {
  const TemporaryFolder folder;
  save(Thing{full({3}, 2), 7}, folder / "a.pt");
  Thing thing{zeros({3}), 0};
  const Tensor same = thing.weight;
  load(thing, folder / "a.pt");
  EXPECT_EQ(thing.steps, 7);
  EXPECT_EQ(same.sum().item<float>(), 6);
  serialize::InputArchive archive;
  archive.load_from(folder / "a.pt");
  EXPECT_EQ(archive.keys(), (std::vector<std::string>{"inner", "steps"}));
  Tensor missing;
  EXPECT_FALSE(archive.try_read("steps", missing));
  EXPECT_THROW(archive.read("weight", missing), TensorError);
}

TEST(Serialize, ModulesWithTheirBuffersAndSubmodules) {
  const TemporaryFolder folder;
  const auto make = [] { return nn::Sequential(nn::Linear(3, 4), nn::BatchNorm1d(4), nn::ReLU(), nn::Linear(4, 2)); };
  nn::Sequential model = make(), other = make();
  model->forward(randn({8, 3}));
  save(model, folder / "a.pt");
  const Tensor kept = other->parameters()[0];
  load(other, folder / "a.pt");
  ASSERT_EQ(model->parameters().size(), other->parameters().size());
  for (size_t i = 0; i < model->parameters().size(); ++i) {
    EXPECT_TRUE(equal_bytes(model->parameters()[i].detach(), other->parameters()[i].detach()));
    EXPECT_TRUE(other->parameters()[i].requires_grad());
  }
  for (size_t i = 0; i < model->buffers().size(); ++i) {
    EXPECT_TRUE(equal_bytes(model->buffers()[i], other->buffers()[i]));
  }
  EXPECT_TRUE(kept.is_same(other->parameters()[0]));
  const io::Value value = io::load_checkpoint(folder / "a.pt");
  EXPECT_EQ(value.at("0").at("weight").to_tensor().sizes(), IntArrayRef({4, 3}));
  nn::Linear wrong(3, 4);
  EXPECT_THROW(load(wrong, folder / "a.pt"), TensorError);
}

TEST(Serialize, PicklesInMemory) {
  EXPECT_EQ(pickle_load(pickle_save(Value::list({1, "a"}))).to_list()[1].to_string(), "a");
}

}  // namespace
}  // namespace tenon::testing
