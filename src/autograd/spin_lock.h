// SpinGuard: a lock of one byte that guards a few instructions, for objects of which there are very many.
#pragma once

#include <atomic>
#include <thread>

namespace tenon {

// Holds `locked` for its life.
class SpinGuard {
 public:
  explicit SpinGuard(std::atomic<bool>& locked) : locked_(locked) {
    while (locked_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
  }
  ~SpinGuard() { locked_.store(false, std::memory_order_release); }
  SpinGuard(const SpinGuard&) = delete;

 private:
  std::atomic<bool>& locked_;
};

}  // namespace tenon
