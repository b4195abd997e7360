// The generator against PyTorch 2.13: draws, the bytes of its state, moving states.
#include "tenon/base/generator.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tenon/base/error.h"

namespace tenon {
namespace {

uint64_t fnv(const std::vector<uint8_t>& bytes) {
  uint64_t value = 0xcbf29ce484222325u;
  for (uint8_t byte : bytes) value = (value ^ byte) * 0x100000001b3u;
  return value;
}

TEST(Generator, StartsFromPyTorchsDefaultSeed) { EXPECT_EQ(Generator().initial_seed(), 67280421310721u); }

// torch.manual_seed(42); torch.randint(0, 2**27, (5,))
TEST(Generator, DrawsAsPyTorch) {
  Generator generator(42);
  for (uint32_t expected : {132242534u, 65682867u, 56755036u, 116757774u, 56882282u}) {
    EXPECT_EQ(generator.random() % (1u << 27), expected);
  }
}

TEST(Generator, MakesTheSameDrawsOneByOneAndInBulk) {
  Generator one(9), bulk(9);
  for (int count : {1, 5, 623, 624, 625, 2000, 3}) {
    std::vector<uint32_t> draws(count);
    bulk.random(draws.data(), count);
    for (uint32_t draw : draws) ASSERT_EQ(draw, one.random());
  }
  const uint64_t high = one.clone().random();
  EXPECT_EQ(one.random64() >> 32, high);
}

// Hashes of bytes(torch.get_rng_state()) after manual_seed(123), 7 draws, and 617 more (a whole block of 624).
TEST(Generator, HasTheBytesOfPyTorchsState) {
  Generator generator(123);
  EXPECT_EQ(generator.get_state().size(), 5056u);
  EXPECT_EQ(fnv(generator.get_state()), 0x890de5b7612d7213u);
  for (int i = 0; i < 7; ++i) generator.random();
  EXPECT_EQ(fnv(generator.get_state()), 0x05e0acde9f50f2cfu);
  for (int i = 0; i < 617; ++i) generator.random();
  EXPECT_EQ(fnv(generator.get_state()), 0x9014a73030f72d63u);
}

TEST(Generator, GoesOnFromAStateThatWasSet) {
  for (int before : {0, 1, 500, 624, 700}) {
    Generator a(5), b(6);
    for (int i = 0; i < before; ++i) a.random();
    a.keep_normal(1.5);
    b.set_state(a.get_state());
    EXPECT_EQ(b.initial_seed(), 5u);
    EXPECT_EQ(b.get_state(), a.get_state());
    EXPECT_EQ(b.take_normal(), 1.5);
    EXPECT_EQ(b.take_normal(), std::nullopt);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(a.random(), b.random()) << before;
  }
}

TEST(Generator, RejectsBrokenStatesAndKeepsItsOwn) {
  Generator generator(5);
  const auto good = generator.get_state();
  EXPECT_THROW(generator.set_state({}), Error);
  EXPECT_THROW(generator.set_state(std::vector<uint8_t>(5055)), Error);
  EXPECT_THROW(generator.set_state(std::vector<uint8_t>(5056)), Error);
  auto bad = good;
  bad[16] = 0xff, bad[17] = 0xff;  // a place far outside the block
  EXPECT_THROW(generator.set_state(bad), Error);
  bad = good;
  bad[8] = 200;  // left does not fit the place
  EXPECT_THROW(generator.set_state(bad), Error);
  EXPECT_EQ(generator.get_state(), good);
}

TEST(Generator, CopiesShareTheirStateAndClonesDoNot) {
  Generator original(5);
  Generator copy = original, clone = original.clone();
  EXPECT_TRUE(copy == original);
  EXPECT_FALSE(clone == original);
  const uint32_t first = original.random();
  EXPECT_NE(copy.random(), first);
  EXPECT_EQ(clone.random(), first);
}

TEST(Generator, SeedingDropsTheKeptNormal) {
  Generator generator(5);
  generator.keep_normal(1);
  generator.manual_seed(5);
  EXPECT_EQ(generator.take_normal(), std::nullopt);
  EXPECT_EQ(generator.get_state(), Generator(5).get_state());
}

TEST(Generator, SeedsItselfDifferentlyEachTime) {
  Generator generator;
  const uint64_t first = generator.seed();
  EXPECT_EQ(generator.initial_seed(), first);
  EXPECT_NE(generator.seed(), first);
}

TEST(Generator, TheDefaultOneIsSeededByManualSeed) {
  manual_seed(42);
  EXPECT_EQ(default_generator().initial_seed(), 42u);
  EXPECT_EQ(default_generator().get_state(), Generator(42).get_state());
}

TEST(Generator, ForkedChildrenMayDrawWhileAnotherThreadDraws) {
  std::atomic<bool> done{false};
  std::thread other([&] {
    std::vector<uint32_t> draws(100'000);
    while (!done) {
      std::lock_guard lock(default_generator().mutex());
      default_generator().random(draws.data(), static_cast<int64_t>(draws.size()));
    }
  });
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      manual_seed(42);
      _exit(default_generator().random() % (1u << 27) == 132242534u ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  done = true;
  other.join();
}

}  // namespace
}  // namespace tenon
