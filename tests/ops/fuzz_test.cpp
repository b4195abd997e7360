// Calls every op of the registry with hostile arguments: a call returns or throws tenon::Error, and one that fails
// leaves its inputs as they were. Seeds are fixed.
#include <chrono>
#include <cstring>
#include <limits>
#include <random>

#include "helpers.h"
#include "samples.h"
#include "tenon/backend/memory.h"

namespace tenon::testing {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max(), kMin = std::numeric_limits<int64_t>::min();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

// Makes arguments of each kind, most of them wrong somewhere.
class Hostile {
 public:
  explicit Hostile(uint32_t seed) : random_(seed) {}

  size_t below(size_t bound) { return random_() % bound; }

  Value value(const Param& param) {
    if (param.nullable && below(4) == 0) return std::monostate();
    if (param.has_default && below(3) == 0) return param.default_value;
    switch (param.kind) {
      case ParamKind::Tensor: return tensor();
      case ParamKind::TensorList: return several<Tensor>([&] { return tensor(); });
      case ParamKind::Scalar: return scalar();
      case ParamKind::Int: return Scalar(integer());
      case ParamKind::Float: return Scalar(number());
      case ParamKind::Bool: return Scalar(below(2) == 0);
      case ParamKind::IntList: return several<int64_t>([&] { return integer(); });
      case ParamKind::String: return std::string(word());
      case ParamKind::Dtype: return dtype();
      case ParamKind::Device: return Device(kCPU);
      case ParamKind::MemoryFormat: return below(2) ? MemoryFormat::Contiguous : MemoryFormat::ChannelsLast;
      case ParamKind::Options: return below(2) ? TensorOptions() : TensorOptions(dtype());
      case ParamKind::Generator: return Generator(1);
    }
    return std::monostate();
  }

 private:
  template <class T, class Make>
  std::vector<T> several(Make make) {
    std::vector<T> values;
    for (size_t n = below(5); n > 0; --n) values.push_back(make());
    return values;
  }

  template <class T, size_t N>
  T one_of(const T (&values)[N]) {
    return values[below(N)];
  }

  int64_t integer() {
    static constexpr int64_t kSmall[] = {0, 1, 2, 3, -1, -2, 4, 5};
    static constexpr int64_t kExtreme[] = {kMax, kMin, kMax - 1, kMin + 1, 1LL << 31, 1LL << 32, -(1LL << 31),
                                           1LL << 62, -(1LL << 62), 1LL << 40, 1000003};
    return below(3) ? one_of(kSmall) : one_of(kExtreme);
  }

  double number() {
    static constexpr double kNumbers[] = {0.0, 0.5, 1.0, 2.0, -1.0, -0.5, kNan, kInf, -kInf, 1e308, -1e308, 1e-320};
    return one_of(kNumbers);
  }

  Scalar scalar() {
    switch (below(5)) {
      case 0: return number();
      case 1: return below(2) == 0;
      case 2: return std::complex<double>(number(), number());
      default: return integer();
    }
  }

  const char* word() {
    static constexpr const char* kWords[] = {"", "mean", "sum", "none", "same", "valid", "floor", "trunc", "fro", "nuc",
                                             "linear", "ij", "xy", "left", "right", "prod", "amax", "tanh", "ij,jk->ik",
                                             "i...,->", "ii->i", "->", ",,,", "ij->ijk", "...->......", "a,b", "\xff"};
    return one_of(kWords);
  }

  ScalarType dtype() {
    return below(2) ? (below(2) ? kFloat : kLong) : static_cast<ScalarType>(below(static_cast<size_t>(kDtypeCount)));
  }

  Tensor tensor() {
    static const std::vector<int64_t> kShapes[] = {
        {},     {0},    {1},    {3},       {4},       {3, 4},       {4, 3},
        {3, 3}, {0, 4}, {3, 0}, {2, 3, 4}, {2, 0, 3}, {2, 4, 5, 5}, {1, 1, 1, 1, 1, 1, 1}};
    if (below(16) == 0) return Tensor();
    const std::vector<int64_t>& shape = kShapes[below(std::size(kShapes))];
    Tensor tensor = generic_values(shape, random_(), kDouble);
    if (below(4) == 0) tensor.mul_(Scalar(number()));
    tensor = below(8) ? tensor.to(dtype()) : full(shape, Scalar(integer()), kLong);
    switch (below(6)) {
      case 0: return tensor.dim() > 1 ? tensor.transpose(0, -1) : tensor;
      case 1: {
        std::vector<int64_t> sizes = tensor.sizes().vec();
        sizes.insert(sizes.begin(), 3);
        return tensor.expand(sizes);
      }
      case 2: return tensor.dim() > 0 ? tensor.slice(0, nullopt, nullopt, 2) : tensor;
      default: return tensor;
    }
  }

  std::mt19937 random_;
};

// What a call must leave alone when it fails.
struct Snapshot {
  Tensor tensor, copy;
  std::vector<int64_t> sizes;

  explicit Snapshot(const Tensor& t)
      : tensor(t), copy(t.detach().clone(MemoryFormat::Contiguous)), sizes(t.sizes().vec()) {}

  bool unchanged() const {
    NoGradGuard no_grad;
    if (tensor.sizes() != IntArrayRef(sizes)) return false;
    const Tensor now = tensor.detach().contiguous();
    return now.numel() == 0 || std::memcmp(now.data_ptr(), copy.data_ptr(), now.nbytes()) == 0;
  }
};

class MemoryLimit {
 public:
  explicit MemoryLimit(size_t bytes) : before_(memory_stats().limit) { set_memory_limit(bytes); }
  ~MemoryLimit() { set_memory_limit(before_); }
  MemoryLimit(const MemoryLimit&) = delete;

 private:
  size_t before_;
};

// Calls the op and runs backward through what it gave; whether it threw tenon::Error.
bool fails(const OpInfo& op, const std::vector<Value>& args) {
  try {
    std::vector<Tensor> roots, grads;
    for (const Tensor& result : tensors_of(call(op, args))) {
      if (!result.defined() || !result.requires_grad()) continue;
      roots.push_back(result);
      grads.push_back(ones_like(result));
    }
    try {
      if (!roots.empty()) autograd::backward(roots, grads);
    } catch (const Error&) {
    }
    return false;
  } catch (const Error&) {
    return true;
  }
}

void attack(const OpInfo& op, uint32_t seed) {
  Hostile hostile(seed);
  std::vector<Value> args;
  // Half of the calls change one or two arguments of a call that works, to get past the first checks.
  if (hostile.below(2) == 0) {
    const std::vector<Sample> good = samples(op, SampleSize::Small, kFloat);
    args = good[hostile.below(good.size())].args;
    for (size_t n = 1 + hostile.below(2); n > 0 && !args.empty(); --n) {
      const size_t at = hostile.below(args.size());
      args[at] = hostile.value(op.params[at]);
    }
  } else {
    for (const Param& param : op.params) args.push_back(hostile.value(param));
  }
  const bool recorded = hostile.below(2) == 0;
  std::vector<Snapshot> before;
  args = map_tensors(args, [&](size_t, const Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    before.emplace_back(tensor);
    if (recorded && op.place != OpPlace::Inplace && is_differentiable(tensor.dtype()) && tensor.is_leaf()) {
      tensor.requires_grad_();
    }
    return tensor;
  });
  if (!fails(op, args) || op.place == OpPlace::Inplace) return;
  for (const Snapshot& snapshot : before) EXPECT_TRUE(snapshot.unchanged()) << "a failed call changed an input";
}

TEST(Fuzz, HostileArgumentsGiveAResultOrATypedError) {
  MemoryLimit limit(size_t{32} << 20);
  constexpr uint32_t kCallsPerOp = 100;
  uint32_t seed = 0;
  for (const OpInfo& op : op_registry()) {
    // Building blocks, which users do not see, get arguments that another op has checked.
    if (op.place == OpPlace::Hidden) continue;
    const auto start = std::chrono::steady_clock::now();
    for (uint32_t i = 0; i < kCallsPerOp; ++i, ++seed) {
      SCOPED_TRACE(op.signature() + ", seed " + std::to_string(seed));
      EXPECT_NO_THROW(attack(op, seed));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << op.signature();
  }
}

}  // namespace
}  // namespace tenon::testing
