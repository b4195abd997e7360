// Denormal numbers: kept or flushed as the thread that starts a loop says, by all the threads that run it.
#include "tenon/base/denormals.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tenon/base/parallel.h"

namespace tenon {
namespace {

// Whether the calling thread computes a denormal product.
bool keeps_denormals() {
  volatile float tiny = 1e-30f, factor = 1e-10f;
  volatile float product = tiny * factor;
  return product != 0;
}

// How many of the pieces of a parallel loop keep denormal numbers.
int keeping_pieces(int pieces) {
  std::atomic<int> count{0};
  parallel_for(0, pieces, 1, [&](int64_t, int64_t) { count += keeps_denormals(); });
  return count;
}

class Denormals : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    previous_ = get_num_threads();
    set_num_threads(GetParam());
    if (!set_flush_denormal(false)) GTEST_SKIP() << "this CPU always keeps denormal numbers";
  }
  void TearDown() override {
    set_flush_denormal(false);
    set_num_threads(previous_);
  }

 private:
  int previous_ = 1;
};

TEST_P(Denormals, AreFlushedByAllThreadsOfALoopWhileItsCallerSaysSo) {
  for (int turn = 0; turn < 20; ++turn) {
    EXPECT_EQ(keeping_pieces(1000), 1000);
    set_flush_denormal(true);
    EXPECT_FALSE(keeps_denormals());
    EXPECT_EQ(keeping_pieces(1000), 0);
    set_flush_denormal(false);
  }
}

TEST_P(Denormals, AreTheCallersAffairAlone) {
  set_flush_denormal(true);
  bool kept = false;
  int pieces = 0;
  std::thread other([&] {
    set_flush_denormal(false);
    kept = keeps_denormals();
    pieces = keeping_pieces(1000);
  });
  other.join();
  EXPECT_TRUE(kept);
  EXPECT_EQ(pieces, 1000);
  EXPECT_EQ(keeping_pieces(1000), 0);
}

INSTANTIATE_TEST_SUITE_P(Threads, Denormals, testing::Values(1, 2, 5));

}  // namespace
}  // namespace tenon
