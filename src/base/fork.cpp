// See fork.h: one pthread_atfork for all, so that the order is that of the ranks and not of who came first.
#include "base/fork.h"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace tenon {
namespace {

struct Handler {
  ForkRank rank;
  void (*lock)();
  void (*unlock)();
  void (*child)();
};

class Handlers {
 public:
  static Handlers& instance() {
    // Never destroyed: programs may fork from static destructors.
    static Handlers* const handlers = new Handlers;
    return *handlers;
  }

  void add(const Handler& handler) {
    std::lock_guard lock(mutex_);
    const auto later = [](const Handler& a, const Handler& b) { return a.rank < b.rank; };
    list_.insert(std::upper_bound(list_.begin(), list_.end(), handler, later), handler);
  }

 private:
  Handlers() { pthread_atfork(lock, unlock, child); }

  static void lock() {
    instance().mutex_.lock();
    for (const Handler& handler : instance().list_) handler.lock();
  }
  static void unlock() { leave(&Handler::unlock); }
  static void child() { leave(&Handler::child); }
  static void leave(void (*Handler::*call)()) {
    std::vector<Handler>& list = instance().list_;
    for (auto handler = list.rbegin(); handler != list.rend(); ++handler) ((*handler).*call)();
    instance().mutex_.unlock();
  }

  std::mutex mutex_;
  std::vector<Handler> list_;
};

}  // namespace

void on_fork(ForkRank rank, void (*lock)(), void (*unlock)(), void (*child)()) {
  Handlers::instance().add({rank, lock, unlock, child});
}

}  // namespace tenon
