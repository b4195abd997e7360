// Backward from several threads at once; run under ThreadSanitizer to see that nothing races.
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "helpers.h"

namespace tenon::testing {
namespace {

template <class Body>
void on_threads(int count, Body body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

TEST(Threads, DisjointGraphs) {
  std::vector<List> results(4);
  on_threads(4, [&](int i) {
    for (int round = 0; round < 50; ++round) {
      Tensor x = leaf({1, 2});
      Tensor y = x * (i + 1);
      (y * y).sum().backward();
      results[static_cast<size_t>(i)] = list(x.grad());
    }
  });
  for (int i = 0; i < 4; ++i) {
    const float k = 2.f * static_cast<float>((i + 1) * (i + 1));
    EXPECT_EQ(results[static_cast<size_t>(i)], (List{k, 2 * k}));
  }
}

TEST(Threads, GraphsThatEndInOneLeaf) {
  Tensor x = leaf({1, 2});
  on_threads(4, [&](int) {
    for (int round = 0; round < 50; ++round) (x * 2).sum().backward();
  });
  EXPECT_EQ(list(x.grad()), (List{400, 400}));
}

TEST(Threads, OneGraphRetainedByAll) {
  Tensor x = leaf({1, 2});
  Tensor y = x * x;
  on_threads(4, [&](int) {
    for (int round = 0; round < 20; ++round) {
      Tensor g = autograd::grad({y}, {x}, {ones({2})}, true)[0];
      EXPECT_EQ(list(g), (List{2, 4}));
    }
  });
}

TEST(Threads, OneGraphThatEachWouldFree) {
  // At least one backward succeeds; each other one succeeds or reports that the graph was freed.
  for (int round = 0; round < 20; ++round) {
    Tensor x = leaf({1, 2});
    Tensor y = x * x;
    std::atomic<int> succeeded{0};
    on_threads(3, [&](int) {
      try {
        autograd::backward({y}, {ones({2})});
        ++succeeded;
      } catch (const TensorError& error) {
        EXPECT_PRED2(contains, error.what(), "second time");
      }
    });
    EXPECT_GE(succeeded.load(), 1);
    EXPECT_EQ(list(x.grad()), (List{2.f * static_cast<float>(succeeded), 4.f * static_cast<float>(succeeded)}));
  }
}

TEST(Threads, TwentyReadOneTensor) {
  const Tensor x = leaf({1, 2, 3, 4, 5, 6}, {2, 3});
  on_threads(20, [&](int) {
    for (int round = 0; round < 20; ++round) {
      EXPECT_EQ(list(x.sum()), (List{21}));
      EXPECT_EQ(list(x.transpose(0, 1)), (List{1, 4, 2, 5, 3, 6}));
      EXPECT_EQ(list(x.select(0, 1)), (List{4, 5, 6}));
      EXPECT_EQ(list(x.matmul(x.transpose(0, 1))), (List{14, 32, 32, 77}));
      EXPECT_EQ(x.detach().numel(), 6);
    }
  });
}

TEST(Threads, TwentyRunForwardAndBackwardThroughOneGraph) {
  Tensor x = leaf({1, 2});
  const Tensor shared = x * x;
  on_threads(20, [&](int i) {
    const auto k = static_cast<float>(i);
    for (int round = 0; round < 10; ++round) {
      const Tensor own = (shared * i).sum();
      EXPECT_EQ(list(autograd::grad({own}, {x}, {}, true)[0]), (List{2 * k, 4 * k}));
    }
  });
}

TEST(Threads, GraphsDieOnOtherThreads) {
  Tensor x = leaf({1, 2});
  for (int round = 0; round < 20; ++round) {
    Tensor y = x;
    for (int i = 0; i < 100; ++i) y = y * 1;
    std::thread([graph = std::move(y)]() mutable { graph.reset(); }).join();
  }
  (x * 1).sum().backward();
  EXPECT_EQ(list(x.grad()), (List{1, 1}));
}

TEST(Threads, TheTracerWaitsForNoViewOfAnotherThread) {
  Tensor base = leaf({1, 2, 3}) * 1;
  const Tensor one = base.narrow(0, 0, 2), other = base.narrow(0, 1, 2);
  base.mul_(2);
  std::atomic<bool> first = true;
  std::thread asker;
  std::promise<void> answered;
  bool in_time = false;
  AnomalyMode::set_enabled(true);
  AnomalyMode::set_tracer([&] {
    if (first.exchange(false)) {
      asker = std::thread([&] {
        other.grad_fn();
        answered.set_value();
      });
      in_time = answered.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready;
    }
    return std::string("here");
  });
  one.grad_fn();
  AnomalyMode::set_tracer({});
  AnomalyMode::set_enabled(false);
  asker.join();
  EXPECT_TRUE(in_time);
  EXPECT_EQ(one.grad_fn()->name(), other.grad_fn()->name());
}

TEST(Threads, GradModeIsPerThread) {
  NoGradGuard no_grad;
  std::thread([] { EXPECT_TRUE(GradMode::is_enabled()); }).join();
}

}  // namespace
}  // namespace tenon::testing
