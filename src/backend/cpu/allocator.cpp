// The caching allocator: freed blocks are kept by size class, small ones by each thread and the rest shared, because
// fresh pages cost more than the work done in them. Depends on base and system_memory.h.
//
// Blocks carry no header: the caller gives the size back, and the size names the class. Counters of small blocks live
// in each thread's cache, so that the fast path has no atomic read-modify-write and no lock.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>

#include "backend/cpu/memory.h"
#include "backend/cpu/size_class.h"
#include "backend/cpu/system_memory.h"
#include "base/fork.h"
#include "base/sanitizer.h"
#include "tenon/backend/memory.h"

namespace tenon {
namespace cpu {
namespace {

constexpr size_t kSmallBytes = 32 << 10;
constexpr int kSmallClasses = size_class(kSmallBytes) + 1;
// What a thread keeps of one class before it hands half to the shared cache.
constexpr size_t kThreadClassBytes = 128 << 10;

constexpr int kept_per_thread(int index) {
  return static_cast<int>(std::clamp<size_t>(kThreadClassBytes / class_bytes(index), 2, 128));
}

// A stack of free blocks, linked through their first bytes.
struct FreeList {
  struct Block {
    Block* next;
  };
  Block* head = nullptr;
  int count = 0;

  void push(void* data) {
    head = new (data) Block{head};
    ++count;
  }
  void* pop() {
    Block* block = head;
    head = block->next;
    --count;
    return block;
  }
};

// A counter that one thread writes and any reads.
class OwnedCounter {
 public:
  void add(int64_t amount) { value_.store(get() + amount, std::memory_order_relaxed); }
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  int64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

struct ThreadCache {
  FreeList lists[kSmallClasses];
  // Bytes this thread allocated less those it freed since it last told the allocator, and the most that was since.
  OwnedCounter in_use;
  OwnedCounter most;
  OwnedCounter allocations;
  ThreadCache* previous = nullptr;
  ThreadCache* next = nullptr;
};

class Allocator {
 public:
  static Allocator& instance() {
    // Never destroyed: tensors may outlive static destructors.
    static Allocator* const allocator = new Allocator;
    return *allocator;
  }

  // A block of a class whose thread cache is empty, or which threads do not keep.
  void* allocate_slowly(int index, ThreadCache* cache) {
    const size_t bytes = class_bytes(index);
    void* data = nullptr;
    {
      std::lock_guard lock(mutex_);
      FreeList& shared = shared_[index];
      if (shared.count > 0) {
        data = take_shared(shared, bytes);
        if (cache != nullptr && index < kSmallClasses) {
          const int batch = std::min(shared.count, kept_per_thread(index) / 2);
          for (int i = 0; i < batch; ++i) cache->lists[index].push(take_shared(shared, bytes));
        }
      }
    }
    return data != nullptr ? data : allocate_fresh(bytes);
  }

  // Puts a block into the shared cache.
  void share(void* data, int index) {
    std::lock_guard lock(mutex_);
    share_locked(data, index);
  }

  // Moves blocks of a class from a thread's cache to the shared one until `keep` are left.
  void share_excess(ThreadCache& cache, int index, int keep) {
    std::lock_guard lock(mutex_);
    while (cache.lists[index].count > keep) share_locked(cache.lists[index].pop(), index);
  }

  void register_thread(ThreadCache* cache) {
    std::lock_guard lock(mutex_);
    cache->next = threads_;
    if (threads_ != nullptr) threads_->previous = cache;
    threads_ = cache;
  }

  void unregister_thread(ThreadCache* cache) {
    for (int index = 0; index < kSmallClasses; ++index) share_excess(*cache, index, 0);
    std::lock_guard lock(mutex_);
    settle(*cache);
    allocations_.fetch_add(cache->allocations.get(), std::memory_order_relaxed);
    if (cache->previous != nullptr) cache->previous->next = cache->next;
    if (cache->next != nullptr) cache->next->previous = cache->previous;
    if (threads_ == cache) threads_ = cache->next;
  }

  // Throws if a block of `bytes`, even a cached one, would exceed the limit.
  void check_limit(size_t bytes) {
    if (!within_limit(in_use_.load(std::memory_order_relaxed) + static_cast<int64_t>(bytes))) [[unlikely]]
      out_of_memory(bytes);
  }

  // Adds a thread's counts to the common ones; called by that thread.
  void settle(ThreadCache& cache) {
    raise_peak(in_use_.load() + cache.most.get());
    in_use_.fetch_add(cache.in_use.get());
    cache.in_use.set(0);
    cache.most.set(0);
  }

  // Counts a block that no thread cache counts.
  void count(int64_t bytes) {
    const int64_t now = in_use_.fetch_add(bytes) + bytes;
    if (bytes > 0) {
      raise_peak(now);
      allocations_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  void empty(ThreadCache* cache) {
    if (cache != nullptr) {
      for (int index = 0; index < kSmallClasses; ++index) share_excess(*cache, index, 0);
    }
    std::lock_guard lock(mutex_);
    release_shared();
  }

  MemoryStats stats() {
    std::lock_guard lock(mutex_);
    MemoryStats stats;
    int64_t in_use = in_use_.load(), allocations = allocations_.load(std::memory_order_relaxed);
    for (ThreadCache* cache = threads_; cache != nullptr; cache = cache->next) {
      in_use += cache->in_use.get();
      allocations += cache->allocations.get();
    }
    // Counters of threads that run meanwhile may be read a moment apart.
    in_use = std::max<int64_t>(in_use, 0);
    stats.in_use = static_cast<size_t>(in_use);
    stats.peak = static_cast<size_t>(std::max(peak_.load(), in_use));
    stats.cached = static_cast<size_t>(std::max<int64_t>(held_.load() - in_use, 0));
    stats.allocations = static_cast<uint64_t>(allocations);
    stats.cache_misses = cache_misses_.load(std::memory_order_relaxed);
    stats.limit = limit_.load(std::memory_order_relaxed);
    return stats;
  }

  void reset_peak() { peak_.store(static_cast<int64_t>(stats().in_use)); }
  void set_limit(size_t bytes) { limit_.store(bytes); }
  void set_cache_limit(size_t bytes) {
    std::lock_guard lock(mutex_);
    cache_limit_ = bytes;
    if (shared_bytes_ > cache_limit_) release_shared();
  }

  [[noreturn]] void out_of_memory(size_t bytes) {
    const MemoryStats now = stats();
    if (now.limit == SIZE_MAX) {
      detail::fail<OutOfMemoryError>("out of memory: requested ", bytes, " bytes; in use ", now.in_use, ", peak ",
                                     now.peak);
    }
    detail::fail<OutOfMemoryError>("out of memory: requested ", bytes, " bytes; in use ", now.in_use, ", peak ",
                                   now.peak, ", limit ", now.limit);
  }

 private:
  Allocator() {
    const auto unlock = [] { instance().mutex_.unlock(); };
    on_fork(ForkRank::Memory, [] { instance().mutex_.lock(); }, unlock, unlock);
  }

  void* take_shared(FreeList& list, size_t bytes) {
    shared_bytes_ -= bytes;
    return list.pop();
  }

  void share_locked(void* data, int index) {
    const size_t bytes = class_bytes(index);
    if (shared_bytes_ + bytes > cache_limit_) {
      // What is there is not of the sizes in use now, or it would have been taken.
      release_shared();
      if (bytes > cache_limit_) return release(data, bytes);
    }
    shared_[index].push(data);
    shared_bytes_ += bytes;
  }

  void release(void* data, size_t bytes) {
    allow_memory(data, bytes);
    system_release(data, bytes);
    held_.fetch_sub(static_cast<int64_t>(bytes));
  }

  void release_shared() {
    for (int index = 0; index < kSizeClasses; ++index) {
      while (shared_[index].count > 0) release(shared_[index].pop(), class_bytes(index));
    }
    shared_bytes_ = 0;
  }

  void* allocate_fresh(size_t bytes);

  bool within_limit(int64_t total) const {
    return static_cast<uint64_t>(std::max<int64_t>(total, 0)) <= limit_.load(std::memory_order_relaxed);
  }

  void raise_peak(int64_t value) {
    int64_t peak = peak_.load();
    while (value > peak && !peak_.compare_exchange_weak(peak, value)) {
    }
  }

  std::mutex mutex_;
  FreeList shared_[kSizeClasses];
  size_t shared_bytes_ = 0;
  size_t cache_limit_ = system_memory() / 2;
  ThreadCache* threads_ = nullptr;
  std::atomic<int64_t> held_{0};  // bytes from the operating system: in use or in a cache
  std::atomic<int64_t> in_use_{0};
  std::atomic<int64_t> peak_{0};
  std::atomic<int64_t> allocations_{0};
  std::atomic<uint64_t> cache_misses_{0};
  std::atomic<size_t> limit_{SIZE_MAX};
};

// The calling thread's cache: null before its first and after its last use. The pointer is all that the fast path
// reads. (The initial-exec storage model would save a call, but then Python could not load the library late.)
constinit thread_local ThreadCache* thread_cache = nullptr;

// Owns the cache on the heap: thread-local storage must stay small for the library to be loadable by dlopen.
struct ThreadCacheOwner {
  std::unique_ptr<ThreadCache> cache = std::make_unique<ThreadCache>();
  ThreadCacheOwner() {
    Allocator::instance().register_thread(cache.get());
    thread_cache = cache.get();
  }
  ~ThreadCacheOwner() {
    thread_cache = nullptr;
    Allocator::instance().unregister_thread(cache.get());
  }
};

// Once a thread's cache is gone (destructors of other thread-local objects may still allocate) there is none again.
ThreadCache* open_thread_cache() {
  thread_local ThreadCacheOwner owner;
  return thread_cache;
}

void* Allocator::allocate_fresh(size_t bytes) {
  const auto amount = static_cast<int64_t>(bytes);
  if (!within_limit(held_.fetch_add(amount) + amount)) {
    empty(thread_cache);
    if (!within_limit(static_cast<int64_t>(stats().in_use) + amount)) {
      held_.fetch_sub(amount);
      out_of_memory(bytes);
    }
  }
  void* data = system_allocate(bytes);
  if (data == nullptr) {
    empty(thread_cache);
    data = system_allocate(bytes);
  }
  if (data == nullptr) {
    held_.fetch_sub(amount);
    out_of_memory(bytes);
  }
  cache_misses_.fetch_add(1, std::memory_order_relaxed);
  return data;
}

void* allocate_small_slowly(int index) {
  ThreadCache* cache = open_thread_cache();
  void* data = Allocator::instance().allocate_slowly(index, cache);
  const auto bytes = static_cast<int64_t>(class_bytes(index));
  if (cache == nullptr) {
    Allocator::instance().count(bytes);
    return data;
  }
  cache->in_use.add(bytes);
  cache->most.set(std::max(cache->most.get(), cache->in_use.get()));
  cache->allocations.add(1);
  return data;
}

[[gnu::noinline]] void* allocate_large(size_t bytes) {
  Allocator& allocator = Allocator::instance();
  if (bytes > kMaxBlockBytes) allocator.out_of_memory(bytes);
  if (thread_cache != nullptr) allocator.settle(*thread_cache);
  const int index = size_class(bytes);
  allocator.check_limit(class_bytes(index));
  void* data = allocator.allocate_slowly(index, nullptr);
  allocator.count(static_cast<int64_t>(class_bytes(index)));
  return data;
}

void* allocate_block(size_t bytes) {
  if (bytes > kSmallBytes) return allocate_large(bytes);
  const int index = size_class(bytes);
  ThreadCache* cache = thread_cache;
  if (cache == nullptr || cache->lists[index].count == 0) [[unlikely]]
    return allocate_small_slowly(index);
  cache->allocations.add(1);
  const int64_t in_use = cache->in_use.get() + static_cast<int64_t>(class_bytes(index));
  cache->in_use.set(in_use);
  if (in_use > cache->most.get()) cache->most.set(in_use);
  return cache->lists[index].pop();
}

// A block lends its caller the bytes asked for, and what lies in a cache lends nobody more than its link.
void* allocate(size_t bytes, int) {
  void* data = allocate_block(bytes);
  if constexpr (kAddressSanitizer) {
    forbid_memory(data, class_bytes(size_class(bytes)));
    allow_memory(data, bytes);
  }
  return data;
}

void deallocate(void* data, size_t bytes, int) {
  if (data == nullptr) return;
  const int index = size_class(bytes);
  if constexpr (kAddressSanitizer) {
    forbid_memory(data, class_bytes(index));
    allow_memory(data, sizeof(FreeList::Block));
  }
  ThreadCache* cache = index < kSmallClasses ? thread_cache : nullptr;
  if (cache == nullptr) {
    Allocator::instance().count(-static_cast<int64_t>(class_bytes(index)));
    return Allocator::instance().share(data, index);
  }
  cache->in_use.add(-static_cast<int64_t>(class_bytes(index)));
  cache->lists[index].push(data);
  const int keep = kept_per_thread(index);
  if (cache->lists[index].count > keep) [[unlikely]]
    Allocator::instance().share_excess(*cache, index, keep / 2);
}

void copy(void* to, const void* from, size_t bytes, int) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

void synchronize(int) {}

}  // namespace
}  // namespace cpu

MemoryStats memory_stats() {
  if (cpu::thread_cache != nullptr) cpu::Allocator::instance().settle(*cpu::thread_cache);
  return cpu::Allocator::instance().stats();
}

void reset_peak_memory() {
  if (cpu::thread_cache != nullptr) cpu::Allocator::instance().settle(*cpu::thread_cache);
  cpu::Allocator::instance().reset_peak();
}

void set_memory_limit(size_t bytes) { cpu::Allocator::instance().set_limit(bytes); }
void set_memory_cache_limit(size_t bytes) { cpu::Allocator::instance().set_cache_limit(bytes); }
void empty_cache() { cpu::Allocator::instance().empty(cpu::thread_cache); }

const MemoryKernels cpu_memory = {cpu::allocate,  cpu::deallocate, cpu::copy,
                                  cpu::copy,      empty_cache,     cpu::synchronize};

}  // namespace tenon
