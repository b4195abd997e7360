// parallel_for: exact pieces, errors, nesting, forks, changing thread counts.
#include "tenon/base/parallel.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "tenon/base/error.h"

namespace tenon {
namespace {

class Parallel : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    previous_ = get_num_threads();
    set_num_threads(GetParam());
  }
  void TearDown() override { set_num_threads(previous_); }

 private:
  int previous_ = 1;
};

TEST_P(Parallel, CutsTheRangeIntoPiecesOfExactlyGrain) {
  std::mutex mutex;
  std::set<std::pair<int64_t, int64_t>> pieces;
  parallel_for(-5, 20, 10, [&](int64_t b, int64_t e) {
    std::lock_guard lock(mutex);
    pieces.insert({b, e});
  });
  EXPECT_EQ(pieces, (std::set<std::pair<int64_t, int64_t>>{{-5, 5}, {5, 15}, {15, 20}}));
}

TEST_P(Parallel, RunsEachElementOnceOverManyLoops) {
  for (int loop = 0; loop < 500; ++loop) {
    std::vector<int> seen(1 + loop * 7);
    parallel_for(0, static_cast<int64_t>(seen.size()), 1 + loop % 13, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; ++i) ++seen[i];
    });
    ASSERT_EQ(std::count(seen.begin(), seen.end(), 1), static_cast<int64_t>(seen.size())) << loop;
  }
}

TEST_P(Parallel, DoesNothingForAnEmptyRange) {
  parallel_for(3, 3, 1, [](int64_t, int64_t) { FAIL(); });
  parallel_for(3, -3, 1, [](int64_t, int64_t) { FAIL(); });
}

TEST_P(Parallel, RunsNestedLoopsInlineInTheSameThread) {
  std::atomic<int64_t> sum{0};
  parallel_for(0, 8, 1, [&](int64_t, int64_t) {
    const auto outer = std::this_thread::get_id();
    parallel_for(0, 100, 10, [&](int64_t b, int64_t e) {
      EXPECT_EQ(std::this_thread::get_id(), outer);
      sum += e - b;
    });
  });
  EXPECT_EQ(sum, 800);
  EXPECT_FALSE(in_parallel_region());
}

TEST_P(Parallel, RunsInOrderInTheCallersThreadWithinASerialRegion) {
  const auto caller = std::this_thread::get_id();
  const auto pieces = [&] {
    std::vector<int64_t> begins;
    parallel_for(0, 64, 1, [&](int64_t b, int64_t) {
      EXPECT_EQ(std::this_thread::get_id(), caller);
      begins.push_back(b);
    });
    return begins;
  };
  const SerialRegion serial(true);
  {
    const SerialRegion nested(true), none(false);
    EXPECT_TRUE(std::ranges::is_sorted(pieces()));
  }
  EXPECT_EQ(pieces().size(), 64u);
  EXPECT_TRUE(in_parallel_region());
}

TEST_P(Parallel, RethrowsTheErrorOfTheFirstFailingPiece) {
  for (int loop = 0; loop < 100; ++loop) {
    std::atomic<int> running{0};
    try {
      parallel_for(0, 64, 1, [&](int64_t b, int64_t) {
        ++running;
        if (b >= 7) {
          --running;
          throw std::out_of_range(std::to_string(b));
        }
        --running;
      });
      FAIL() << "no exception";
    } catch (const std::out_of_range& error) {
      EXPECT_STREQ(error.what(), "7");
    }
    EXPECT_EQ(running, 0);
  }
  EXPECT_FALSE(in_parallel_region());
}

TEST_P(Parallel, WorksInAForkedChild) {
  parallel_for(0, 100, 1, [](int64_t, int64_t) {});
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);
    std::atomic<int64_t> sum{0};
    for (int loop = 0; loop < 100; ++loop) parallel_for(0, 100, 1, [&](int64_t b, int64_t) { sum += b; });
    _exit(sum == 100 * 4950 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  parallel_for(0, 100, 1, [](int64_t, int64_t) {});
}

TEST_P(Parallel, ServesSeveralCallersAtOnce) {
  std::vector<std::thread> callers;
  std::atomic<int64_t> total{0};
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int loop = 0; loop < 200; ++loop) {
        int64_t parts[50] = {};
        parallel_for(0, 50, 1, [&](int64_t b, int64_t) { parts[b] = b; });
        total += std::accumulate(parts, parts + 50, int64_t{0});
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(total, 4 * 200 * 1225);
}

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, testing::Values(1, 2, 5));

TEST(ParallelSettings, TheThreadCountMayChangeWhileLoopsRun) {
  const int previous = get_num_threads();
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    for (int n = 1; !stop; n = n % 6 + 1) set_num_threads(n);
  });
  for (int loop = 0; loop < 500; ++loop) {
    std::atomic<int64_t> sum{0};
    parallel_for(0, 64, 3, [&](int64_t b, int64_t e) { sum += e - b; });
    ASSERT_EQ(sum, 64);
  }
  stop = true;
  changer.join();
  set_num_threads(previous);
}

TEST(ParallelSettings, RejectsNonsense) {
  EXPECT_THROW(set_num_threads(0), ValueError);
  EXPECT_THROW(set_num_threads(-1), ValueError);
  EXPECT_THROW(set_num_threads(1 << 30), ValueError);
  EXPECT_THROW(parallel_for(0, 10, 0, [](int64_t, int64_t) {}), ValueError);
  EXPECT_THROW(parallel_for(INT64_MIN, INT64_MAX, 1, [](int64_t, int64_t) {}), ValueError);
}

TEST(ParallelSettings, UsesAtMostTheThreadsAsked) {
  const int previous = get_num_threads();
  set_num_threads(6);
  parallel_for(0, 64, 1, [](int64_t, int64_t) {});
  set_num_threads(2);
  for (int loop = 0; loop < 50; ++loop) {
    std::mutex mutex;
    std::set<std::thread::id> threads;
    parallel_for(0, 64, 1, [&](int64_t, int64_t) {
      EXPECT_TRUE(in_parallel_region());
      std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    });
    EXPECT_LE(threads.size(), 2u);
  }
  set_num_threads(previous);
}

}  // namespace
}  // namespace tenon
