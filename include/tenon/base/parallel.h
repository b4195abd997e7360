// Parallel loops. Work is cut by shape, never by thread count, so results are the same on any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "tenon/base/export.h"

namespace tenon {

// A borrowed callable: no allocation, valid while the callable lives.
template <class Signature>
class FunctionRef;
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>) FunctionRef(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}
  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

// Calls body(b, e) for consecutive pieces [b, e) of [begin, end), each of `grain` elements but the last.
// Pieces may run on several threads at once; which thread runs which is unspecified; a nested call runs inline.
// An exception thrown by a piece is rethrown here once all running pieces ended.
TENON_API void parallel_for(int64_t begin, int64_t end, int64_t grain, FunctionRef<void(int64_t, int64_t)> body);

// The number of threads that parallel_for may use: TENON_NUM_THREADS, else the cores of the process.
TENON_API void set_num_threads(int threads);
TENON_API int get_num_threads();
// Whether the caller is inside a piece of a parallel_for.
TENON_API bool in_parallel_region();

// While it lives and `serial` is true, parallel_for runs the pieces that this thread asks for here, in order.
class SerialRegion {
 public:
  explicit SerialRegion(bool serial) : entered_(serial && !in_parallel_region()) {
    if (entered_) set(true);
  }
  ~SerialRegion() {
    if (entered_) set(false);
  }
  SerialRegion(const SerialRegion&) = delete;

 private:
  TENON_API static void set(bool serial);
  bool entered_;
};

}  // namespace tenon
