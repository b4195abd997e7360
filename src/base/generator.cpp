// Generator; see generator.h. Depends on base alone.
#include "tenon/base/generator.h"

#include <cstring>
#include <random>
#include <utility>

#include "base/fork.h"
#include "base/generator_guard.h"
#include "base/mt19937.h"
#include "tenon/base/error.h"

namespace tenon {

struct Generator::Impl {
  std::mutex mutex;
  Mt19937 engine;
  std::optional<float> float_normal;  // only ever set by set_state: PyTorch's CPU sampling keeps doubles
  std::optional<double> double_normal;

  explicit Impl(uint64_t seed) : engine(seed) {}
  Impl(const Mt19937& e, std::optional<float> f, std::optional<double> d)
      : engine(e), float_normal(f), double_normal(d) {}

  void restart(uint64_t seed) {
    engine = Mt19937(seed);
    float_normal.reset();
    double_normal.reset();
  }
};

namespace {

// The bytes of torch.Generator.get_state().
struct StateLayout {
  uint64_t seed;
  int32_t left;
  int32_t seeded;
  uint64_t next;
  uint64_t words[Mt19937::kWords];
  double normal_x;
  double normal;
  double normal_rho;
  int32_t has_normal;
  int32_t padding;
  float float_normal;
  uint8_t has_float_normal;
  uint8_t tail[3];
};
static_assert(sizeof(StateLayout) == Generator::kStateBytes);

}  // namespace

Generator::Generator(uint64_t seed) : impl_(std::make_shared<Impl>(seed)) {}
Generator::Generator(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Generator& Generator::manual_seed(uint64_t seed) {
  std::lock_guard lock(impl_->mutex);
  impl_->restart(seed);
  return *this;
}

uint64_t Generator::seed() {
  std::random_device entropy;
  const uint64_t high = entropy();
  // 53 bits, so that the seed survives as a Python float or a JSON number.
  const uint64_t seed = (high << 32 | entropy()) & ((uint64_t{1} << 53) - 1);
  manual_seed(seed);
  return seed;
}

uint64_t Generator::initial_seed() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->engine.seed();
}

std::vector<uint8_t> Generator::get_state() const {
  std::lock_guard lock(impl_->mutex);
  const Mt19937::State engine = impl_->engine.state();
  StateLayout layout{};
  layout.seed = engine.seed;
  layout.left = engine.left;
  layout.seeded = 1;
  layout.next = engine.next;
  for (int i = 0; i < Mt19937::kWords; ++i) layout.words[i] = engine.words[i];
  layout.normal = impl_->double_normal.value_or(0);
  layout.has_normal = impl_->double_normal.has_value();
  layout.float_normal = impl_->float_normal.value_or(0);
  layout.has_float_normal = impl_->float_normal.has_value();
  std::vector<uint8_t> state(sizeof layout);
  std::memcpy(state.data(), &layout, sizeof layout);
  return state;
}

void Generator::set_state(const std::vector<uint8_t>& state) {
  TENON_CHECK_AS(Error, state.size() == kStateBytes, "set_state: expected a state of ", kStateBytes,
                 " bytes, as get_state() gives, but found ", state.size(), " bytes");
  StateLayout layout;
  std::memcpy(&layout, state.data(), sizeof layout);
  Mt19937::State engine{layout.seed, layout.left, static_cast<uint32_t>(layout.next), {}};
  for (int i = 0; i < Mt19937::kWords; ++i) engine.words[i] = static_cast<uint32_t>(layout.words[i]);
  TENON_CHECK_AS(Error, layout.seeded == 1 && layout.next <= Mt19937::kWords && Mt19937::is_valid(engine),
                 "set_state: invalid mt19937 state: seeded ", layout.seeded, ", left ", layout.left, ", next ",
                 layout.next);
  std::lock_guard lock(impl_->mutex);
  impl_->engine = Mt19937(engine);
  impl_->double_normal = layout.has_normal ? std::optional(layout.normal) : std::nullopt;
  impl_->float_normal = layout.has_float_normal ? std::optional(layout.float_normal) : std::nullopt;
}

Generator Generator::clone() const {
  std::lock_guard lock(impl_->mutex);
  return Generator(std::make_shared<Impl>(impl_->engine, impl_->float_normal, impl_->double_normal));
}

std::mutex& Generator::mutex() const { return impl_->mutex; }
uint32_t Generator::random() { return impl_->engine.next(); }
void Generator::random(uint32_t* out, int64_t count) { impl_->engine.fill(out, count); }

uint64_t Generator::random64() {
  const uint64_t high = impl_->engine.next();
  return high << 32 | impl_->engine.next();
}

std::optional<double> Generator::take_normal() { return std::exchange(impl_->double_normal, std::nullopt); }
void Generator::keep_normal(double value) { impl_->double_normal = value; }

namespace {

Generator& process_generator() {
  // Never destroyed: other static objects may draw in their destructors.
  static Generator* const generator = [] {
    const auto unlock = [] { process_generator().mutex().unlock(); };
    on_fork(ForkRank::Random, [] { process_generator().mutex().lock(); }, unlock, unlock);
    auto* const made = new Generator;
    // Draws differ from run to run until someone seeds them.
    made->seed();
    return made;
  }();
  return *generator;
}

thread_local Generator* thread_generator = nullptr;

}  // namespace

Generator& default_generator() { return thread_generator ? *thread_generator : process_generator(); }

GeneratorGuard::GeneratorGuard(Generator& generator) : previous_(std::exchange(thread_generator, &generator)) {}
GeneratorGuard::~GeneratorGuard() { thread_generator = previous_; }

Generator& manual_seed(uint64_t seed) { return default_generator().manual_seed(seed); }

}  // namespace tenon
