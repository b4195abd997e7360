// Calls every op of the registry with hostile arguments: a call returns or throws tenon::Error, and one that fails
// names the op and leaves its inputs as they were. Seeds are fixed; for a longer run set TENON_FUZZ_CALLS, the calls of
// each form of an op, and TENON_FUZZ_SEED, the first seed; TENON_FUZZ_OP keeps to the ops of one name.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>

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

  // One item between the brackets of x[...].
  TensorIndex index() {
    switch (below(8)) {
      case 0: return indexing::None;
      case 1: return indexing::Ellipsis;
      case 2: return below(2) == 0;
      case 3: return tensor();
      case 4: return full({2}, Scalar(integer()), kLong);
      case 5: return integer();
      default: return indexing::Slice(maybe_integer(), maybe_integer(), maybe_integer());
    }
  }

  Value value(const Param& param) {
    if (param.nullable && below(4) == 0) return std::monostate();
    if (param.has_default && below(3) == 0) return param.default_value;
    switch (param.kind) {
      case ParamKind::Tensor: return tensor();
      case ParamKind::TensorList: return tensors();
      case ParamKind::Scalar: return scalar();
      case ParamKind::Int: return Scalar(integer());
      case ParamKind::Float: return Scalar(number());
      case ParamKind::Bool: return Scalar(below(2) == 0);
      case ParamKind::IntList: return integers();
      case ParamKind::FloatList: return numbers();
      case ParamKind::String: return std::string(word());
      case ParamKind::Dtype: return dtype();
      case ParamKind::Device: return device();
      case ParamKind::MemoryFormat: return static_cast<MemoryFormat>(below(4));
      case ParamKind::Options: return below(2) ? TensorOptions() : TensorOptions(dtype()).device(device());
      case ParamKind::Generator: return Generator(1);
    }
    return std::monostate();
  }

  Tensor defined_tensor() {
    const Tensor made = tensor();
    return made.defined() ? made : ones({3, 4});
  }

  std::vector<double> numbers() {
    std::vector<double> values(below(5));
    for (double& value : values) value = number();
    return values;
  }

  std::vector<int64_t> integers() {
    std::vector<int64_t> values(below(16) ? below(6) : 40);
    const bool alike = below(3) == 0;
    for (size_t i = 0; i < values.size(); ++i) values[i] = alike && i > 0 ? values[0] : integer();
    return values;
  }

 private:
  template <class T, size_t N>
  const T& one_of(const T (&values)[N]) {
    return values[below(N)];
  }

  optional<int64_t> maybe_integer() { return below(3) ? optional<int64_t>(integer()) : nullopt; }

  int64_t integer() {
    static constexpr int64_t kSmall[] = {0, 1, 2, 3, -1, -2, 4, 5};
    static constexpr int64_t kExtreme[] = {kMax,      kMin,      kMax - 1,     kMin + 1,  1LL << 31,
                                           1LL << 62, 1LL << 61, -(1LL << 62), 1LL << 60, -(1LL << 31),
                                           1LL << 32, 1LL << 40, 1000003};
    return below(3) ? one_of(kSmall) : one_of(kExtreme);
  }

  double number() {
    static constexpr double kNumbers[] = {0.0,  0.5,   1.0,    2.0,     -1.0,   -0.5,   kNan,
                                          kInf, -kInf, 1e308, -1e308, 1e-320, 0x1p62, -0x1p63};
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
    static constexpr const char* kWords[] = {
        "",        "mean",      "sum",      "none",     "same",      "valid",   "floor", "trunc", "fro",
        "nuc",     "linear",    "ij",       "xy",       "left",      "right",   "prod",  "amax",  "tanh",
        "reflect", "replicate", "circular", "constant", "ij,jk->ik", "i...,->", "ii->i", "->",    ",,,",
        "ij->ijk", "...->...a", "a,b",      "\xff",     "%s%n"};
    return one_of(kWords);
  }

  ScalarType dtype() {
    return below(2) ? (below(2) ? kFloat : kLong) : static_cast<ScalarType>(below(static_cast<size_t>(kDtypeCount)));
  }

  Device device() { return below(4) ? Device(kCPU) : Device(below(2) ? kCUDA : DeviceType::Metal); }

  std::vector<Tensor> tensors() {
    std::vector<Tensor> values(below(5));
    const bool alike = below(2) == 0;
    for (size_t i = 0; i < values.size(); ++i) values[i] = alike && i > 0 ? values[0] : tensor();
    return values;
  }

  Tensor tensor() {
    static const std::vector<int64_t> kShapes[] = {
        {},        {0},       {1},       {3},          {4},          {3, 4},          {4, 3},
        {3, 3},    {0, 4},    {3, 0},    {2, 3, 4},    {2, 0, 3},    {2, 4, 5, 5},    {1, 1, 1, 1, 1, 1, 1},
        {3, 1, 4}, {1, 0, 1}, {5, 5, 5}, {0, 0, 0, 0}, {1, 2, 6, 6}, {1, 2, 4, 4, 4}, {1 << 12}};
    if (below(16) == 0) return Tensor();
    const std::vector<int64_t>& shape = one_of(kShapes);
    Tensor tensor = generic_values(shape, random_(), kDouble);
    if (below(4) == 0) tensor.mul_(Scalar(number()));
    tensor = below(4) ? tensor.to(dtype()) : full(shape, Scalar(integer()), kLong);
    if (tensor.dim() > 0 && tensor.numel() > 0 && below(4) == 0) tensor.select(0, 0).copy_(element_for(tensor.dtype()));
    return laid_out(tensor);
  }

  // What copy_ converts to the dtype, whether it fits or not.
  Tensor element_for(ScalarType dtype) {
    return is_differentiable(dtype) ? full({}, Scalar(number()), kDouble) : full({}, Scalar(integer()), kLong);
  }

  // The tensor in one of the layouts that a view may have: transposed, strided, overlapping, or not from the start.
  Tensor laid_out(const Tensor& tensor) {
    const int64_t dim = tensor.dim();
    switch (below(8)) {
      case 0: return dim > 1 ? tensor.transpose(0, -1) : tensor;
      case 1: {
        std::vector<int64_t> sizes = tensor.sizes().vec();
        sizes.insert(sizes.begin(), 3);
        return tensor.expand(sizes);
      }
      case 2: return dim > 0 ? tensor.slice(0, nullopt, nullopt, 2) : tensor;
      case 3: return dim > 0 ? tensor.slice(0, 1) : tensor;
      case 4: return tensor.numel() > 3 ? tensor.as_strided({2, 2}, {1, 1}, 1) : tensor;
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

// Whether the message begins with the name of the op; that of an in-place form may go without its underscore.
bool names_op(std::string_view message, const OpInfo& op) {
  std::string name = op.qualified_name();
  if (name.ends_with('_')) name.pop_back();
  if (!message.starts_with(name)) return false;
  message.remove_prefix(name.size());
  if (message.starts_with('_')) message.remove_prefix(1);
  return message.starts_with(": ") || message.starts_with("()") || message.starts_with(' ');
}

// Calls the op and runs backward through what it gave; whether the call threw tenon::Error.
bool fails(const OpInfo& op, const std::vector<Value>& args) {
  Value result;
  try {
    result = call(op, args);
  } catch (const Error& error) {
    EXPECT_TRUE(names_op(error.what(), op)) << error.what();
    return true;
  }
  try {
    std::vector<Tensor> roots, grads;
    for (const Tensor& root : tensors_of(result)) {
      // A million pieces of one tensor take as many additions of its whole gradient.
      if (roots.size() == 1000) break;
      if (!root.defined() || !root.requires_grad()) continue;
      roots.push_back(root);
      grads.push_back(ones_like(root));
    }
    if (!roots.empty()) autograd::backward(roots, grads);
  } catch (const Error&) {
  }
  return false;
}

// Calls of one form of an op.
class Attack {
 public:
  explicit Attack(const OpInfo& op) : op_(op), good_(samples(op, SampleSize::Small, kFloat)) {}

  void run(uint32_t seed) const {
    Hostile hostile(seed);
    std::vector<Value> args = arguments(hostile);
    const bool recorded = hostile.below(2) == 0;
    std::vector<Snapshot> before;
    args = map_tensors(args, [&](size_t, const Tensor& tensor) {
      if (!tensor.defined()) return tensor;
      before.emplace_back(tensor);
      if (recorded && is_differentiable(tensor.dtype()) && tensor.is_leaf()) tensor.requires_grad_();
      return tensor;
    });
    if (!fails(op_, args)) return;
    for (const Snapshot& snapshot : before) EXPECT_TRUE(snapshot.unchanged()) << "a failed call changed an input";
  }

 private:
  // Half of the calls change one or two arguments of a call that works, to get past the first checks.
  std::vector<Value> arguments(Hostile& hostile) const {
    std::vector<Value> args;
    if (hostile.below(2)) {
      for (const Param& param : op_.params) args.push_back(hostile.value(param));
      return args;
    }
    // Copies, as an op in place may change them.
    args = map_tensors(good_[hostile.below(good_.size())].args,
                       [](size_t, const Tensor& tensor) { return tensor.defined() ? tensor.clone() : tensor; });
    for (size_t n = 1 + hostile.below(2); n > 0 && !args.empty(); --n) {
      const size_t at = hostile.below(args.size());
      args[at] = hostile.value(op_.params[at]);
    }
    return args;
  }

  const OpInfo& op_;
  std::vector<Sample> good_;
};

std::string print(const Tensor& tensor) {
  std::ostringstream out;
  out << tensor;
  return out.str();
}

uint32_t setting(const char* variable, uint32_t fallback) {
  const char* text = std::getenv(variable);
  return text ? static_cast<uint32_t>(std::stoul(text)) : fallback;
}

TEST(Fuzz, HostileArgumentsGiveAResultOrATypedErrorOfTheOp) {
  MemoryLimit limit(size_t{32} << 20);
  const uint32_t calls = setting("TENON_FUZZ_CALLS", 100);
  const char* only = std::getenv("TENON_FUZZ_OP");
  uint32_t seed = setting("TENON_FUZZ_SEED", 0);
  for (const OpInfo& op : op_registry()) {
    if (only && op.name != only) continue;
    const Attack attack(op);
    const auto start = std::chrono::steady_clock::now();
    for (uint32_t i = 0; i < calls; ++i, ++seed) {
      SCOPED_TRACE(op.signature() + ", seed " + std::to_string(seed));
      EXPECT_NO_THROW(attack.run(seed));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2) * calls) << op.signature();
  }
}

// What the table does not hold: brackets, forms with out, and memory of the caller.
void attack_the_rest(uint32_t seed) {
  Hostile hostile(seed);
  const Tensor x = hostile.defined_tensor(), y = hostile.defined_tensor();
  const Snapshot before(x), other(y);
  std::vector<TensorIndex> indices;
  for (size_t n = hostile.below(5); n > 0; --n) indices.push_back(hostile.index());
  try {
    switch (hostile.below(5)) {
      case 0: print(x.index(indices)); break;
      case 1: x.index_put_(indices, y); return;
      case 2: x.index_put_(indices, Scalar(hostile.below(2) == 0)); return;
      case 3: {
        Tensor out = y;
        add_out(out, x, hostile.defined_tensor());
        return;
      }
      default: {
        float memory[64] = {};
        const std::vector<int64_t> sizes = hostile.integers(), strides = hostile.integers();
        const Tensor blob = hostile.below(2) ? from_blob(memory, sizes, strides) : from_blob(memory, sizes);
        EXPECT_GE(blob.numel(), 0);
      }
    }
  } catch (const Error&) {
  }
  EXPECT_TRUE(before.unchanged() && other.unchanged()) << "a failed call changed an input";
}

TEST(Fuzz, HostileIndicesAndMemoryGiveAResultOrATypedError) {
  MemoryLimit limit(size_t{32} << 20);
  const uint32_t calls = 100 * setting("TENON_FUZZ_CALLS", 100), first = setting("TENON_FUZZ_SEED", 0);
  for (uint32_t i = 0; i < calls; ++i) {
    SCOPED_TRACE("seed " + std::to_string(first + i));
    EXPECT_NO_THROW(attack_the_rest(first + i));
  }
}

}  // namespace
}  // namespace tenon::testing
