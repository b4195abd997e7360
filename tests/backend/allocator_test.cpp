// The caching allocator: alignment, reuse, statistics, limits, threads and forks.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "backend/cpu/memory.h"
#include "backend/cpu/size_class.h"
#include "tenon/backend/memory.h"

namespace tenon {
namespace {

void* take(size_t bytes) { return cpu_memory.allocate(bytes, 0); }
void give(void* data, size_t bytes) { cpu_memory.deallocate(data, bytes, 0); }

TEST(SizeClass, HoldsItsBytesAndWastesAtMostAnEighth) {
  for (size_t bytes = 1; bytes < (size_t{1} << 46); bytes += 1 + bytes / 97) {
    const size_t held = cpu::class_bytes(cpu::size_class(bytes));
    ASSERT_GE(held, bytes);
    ASSERT_EQ(held % 64, 0u) << bytes;
    if (bytes > 512) {
      ASSERT_LE(held - bytes, bytes / 8) << bytes;
    }
    ASSERT_EQ(cpu::size_class(held), cpu::size_class(bytes));
    ASSERT_EQ(cpu::size_class(held + 1), cpu::size_class(bytes) + 1);
  }
  EXPECT_EQ(cpu::size_class(cpu::kMaxBlockBytes), cpu::kSizeClasses - 1);
}

TEST(Allocator, GivesWritableMemoryAlignedTo64OfEverySize) {
  for (size_t bytes : {0u, 1u, 63u, 64u, 65u, 1000u, 1025u, 40000u, 300000u, 2u << 20, (5u << 20) + 1}) {
    void* data = take(bytes);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0u) << bytes;
    std::memset(data, 0xab, bytes);
    give(data, bytes);
  }
}

TEST(Allocator, GivesTheSameBlockAgain) {
  for (size_t bytes : {64u, 4096u, 100000u, 8u << 20}) {
    void* first = take(bytes);
    give(first, bytes);
    const uint64_t misses = memory_stats().cache_misses;
    void* second = take(bytes);
    EXPECT_EQ(first, second) << bytes;
    EXPECT_EQ(memory_stats().cache_misses, misses);
    give(second, bytes);
  }
}

TEST(Allocator, CountsWhatIsInUseItsPeakAndWhatIsCached) {
  empty_cache();
  reset_peak_memory();
  const MemoryStats before = memory_stats();
  void* small = take(128);
  void* large = take(1 << 20);
  EXPECT_EQ(memory_stats().in_use, before.in_use + 128 + (1 << 20));
  give(large, 1 << 20);
  give(small, 128);
  const MemoryStats after = memory_stats();
  EXPECT_EQ(after.in_use, before.in_use);
  EXPECT_EQ(after.peak, before.in_use + 128 + (1 << 20));
  EXPECT_EQ(after.cached, before.cached + 128 + (1 << 20));
  EXPECT_EQ(after.allocations, before.allocations + 2);
  empty_cache();
  EXPECT_EQ(memory_stats().cached, before.cached);
}

TEST(Allocator, SeesThePeakOfSmallBlocksThatAreGone) {
  reset_peak_memory();
  const size_t before = memory_stats().in_use;
  std::vector<void*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(take(64));
  for (void* block : blocks) give(block, 64);
  EXPECT_EQ(memory_stats().peak, before + 64000);
  reset_peak_memory();
  EXPECT_EQ(memory_stats().peak, before);
}

TEST(Allocator, EmptiesItsCacheBeforeItExceedsTheLimit) {
  empty_cache();
  give(take(3 << 20), 3 << 20);
  set_memory_limit(memory_stats().in_use + (4 << 20));
  void* data = take(2 << 20);
  EXPECT_LT(memory_stats().cached, size_t{3} << 20);
  give(data, 2 << 20);
  set_memory_limit(SIZE_MAX);
}

TEST(Allocator, ThrowsWithFiguresBeyondTheLimit) {
  const size_t in_use = memory_stats().in_use;
  set_memory_limit(in_use + (1 << 20));
  try {
    give(take(2 << 20), 2 << 20);
    ADD_FAILURE() << "no error";
  } catch (const OutOfMemoryError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("requested 2097152 bytes"), std::string::npos) << text;
    EXPECT_NE(text.find("in use " + std::to_string(in_use)), std::string::npos) << text;
    EXPECT_NE(text.find("peak "), std::string::npos) << text;
  }
  set_memory_limit(SIZE_MAX);
  EXPECT_EQ(memory_stats().in_use, in_use);
  give(take(2 << 20), 2 << 20);
}

TEST(Allocator, ThrowsForSizesThatNoMachineHas) {
  const MemoryStats before = memory_stats();
  EXPECT_THROW(take(SIZE_MAX), OutOfMemoryError);
  EXPECT_THROW(take(size_t{1} << 60), OutOfMemoryError);
  EXPECT_EQ(memory_stats().in_use, before.in_use);
}

TEST(Allocator, KeepsNoMoreThanTheCacheLimit) {
  empty_cache();
  const size_t cached = memory_stats().cached;
  set_memory_cache_limit(4 << 20);
  std::vector<void*> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(take(1 << 20));
  for (void* block : blocks) give(block, 1 << 20);
  EXPECT_LE(memory_stats().cached, cached + (4 << 20));
  void* big = take(16 << 20);
  give(big, 16 << 20);
  EXPECT_LE(memory_stats().cached, cached + (4 << 20));
  set_memory_cache_limit(size_t{1} << 30);
}

TEST(Allocator, BlocksMayBeFreedByAnotherThreadThatEnds) {
  const size_t before = memory_stats().in_use;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::pair<void*, size_t>> blocks;
    for (size_t i = 0; i < 300; ++i) {
      const size_t bytes = 1 + i * i % 50000;
      blocks.emplace_back(take(bytes), bytes);
      std::memset(blocks.back().first, 1, bytes);
    }
    std::thread([&] {
      for (auto [data, bytes] : blocks) give(data, bytes);
    }).join();
  }
  EXPECT_EQ(memory_stats().in_use, before);
}

TEST(Allocator, ServesThreadsAtOnceWithDistinctBlocks) {
  const size_t before = memory_stats().in_use;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      uint32_t state = static_cast<uint32_t>(t + 1);
      std::vector<std::pair<uint8_t*, size_t>> held;
      for (int i = 0; i < 4000; ++i) {
        state = state * 1664525u + 1013904223u;
        const size_t bytes = 1 + (state >> 8) % (state % 7 == 0 ? 200000 : 2000);
        auto* data = static_cast<uint8_t*>(take(bytes));
        data[0] = data[bytes - 1] = static_cast<uint8_t>(t);
        held.emplace_back(data, bytes);
        if (held.size() > 40) {
          auto [old, size] = held[state % 40];
          ASSERT_TRUE(old[0] == t && old[size - 1] == t);
          give(old, size);
          held[state % 40] = held.back();
          held.pop_back();
        }
        if (i % 1000 == 0) empty_cache();
        if (i % 500 == 0) memory_stats();
      }
      for (auto [data, bytes] : held) give(data, bytes);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(memory_stats().in_use, before);
}

TEST(Allocator, WorksInAForkedChildWhileThreadsAllocate) {
  std::thread busy([] {
    for (int i = 0; i < 20000; ++i) give(take(100000), 100000);
  });
  for (int i = 0; i < 10; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      give(take(64), 64);
      give(take(100000), 100000);
      empty_cache();
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  busy.join();
}

}  // namespace
}  // namespace tenon
