// One parallel loop of a step over the elements of all its tensors. There is no include guard: it is included for each
// SIMD target, in the namespace that holds its primitives.

#ifdef TENON_FORMULA
#undef TENON_FORMULA
#endif
#define TENON_FORMULA HWY_INLINE
#include "backend/expr/steps-inl.h"

// Elements of a task; a tensor may be cut anywhere, since a result depends on its own element alone.
constexpr int64_t kTaskElements = 1 << 15;
// Elements that are converted at a time, where the tensors are not of the computing type.
constexpr int64_t kConverted = 512;

template <class T>
struct Pointers {
  T* param;
  const T* grad;
  T* states[kMaxStepStates];
};

template <class Numbers, class T>
void step_run(const Numbers& numbers, const Pointers<T>& at, int64_t n) {
  // A copy of its own: nothing that is stored can change it.
  const Numbers own = numbers;
  constexpr int kLanes = Vec<T>::lanes;
  Vec<T> s[kMaxStepStates];
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Vec<T> p = load(at.param + i);
    for (int k = 0; k < kMaxStepStates; ++k) {
      if (at.states[k]) s[k] = load(at.states[k] + i);
    }
    step(own, p, load(at.grad + i), s);
    store(p, at.param + i);
    for (int k = 0; k < kMaxStepStates; ++k) {
      if (at.states[k]) store(s[k], at.states[k] + i);
    }
  }
  if (i == n) return;
  const int rest = static_cast<int>(n - i);
  Vec<T> p = load_part(at.param + i, rest);
  for (int k = 0; k < kMaxStepStates; ++k) {
    if (at.states[k]) s[k] = load_part(at.states[k] + i, rest);
  }
  step(own, p, load_part(at.grad + i, rest), s);
  store_part(p, at.param + i, rest);
  for (int k = 0; k < kMaxStepStates; ++k) {
    if (at.states[k]) store_part(s[k], at.states[k] + i, rest);
  }
}

// The same for a dtype that is computed in float.
template <class Numbers>
void converted_run(ScalarType dtype, const Numbers& numbers, const Pointers<char>& at, int64_t n) {
  const RowLoader loader(dtype, Acc::F32);
  const RowStorer storer(Acc::F32, dtype);
  const auto size = static_cast<int64_t>(element_size(dtype));
  alignas(64) float values[kMaxStepStates + 2][kConverted];
  for (int64_t i = 0; i < n; i += kConverted) {
    const int64_t count = std::min(kConverted, n - i), offset = i * size;
    Pointers<float> here = {values[0], values[1], {}};
    loader.load(values[0], at.param + offset, 1, count);
    loader.load(values[1], at.grad + offset, 1, count);
    for (int k = 0; k < kMaxStepStates; ++k) {
      if (!at.states[k]) continue;
      here.states[k] = values[k + 2];
      loader.load(values[k + 2], at.states[k] + offset, 1, count);
    }
    step_run(numbers, here, count);
    storer.store(at.param + offset, 1, values[0], count);
    for (int k = 0; k < kMaxStepStates; ++k) {
      if (at.states[k]) storer.store(at.states[k] + offset, 1, values[k + 2], count);
    }
  }
}

template <class T>
Pointers<T> pointers_at(const StepTensor& tensor, int64_t offset) {
  Pointers<T> at = {static_cast<T*>(tensor.param) + offset, static_cast<const T*>(tensor.grad) + offset, {}};
  for (int k = 0; k < kMaxStepStates; ++k) {
    if (tensor.states[k]) at.states[k] = static_cast<T*>(tensor.states[k]) + offset;
  }
  return at;
}

template <class Numbers>
void step_part(ScalarType dtype, const StepTensor& tensor, const Numbers& numbers, int64_t begin, int64_t end) {
  if (dtype == kFloat) return step_run(numbers, pointers_at<float>(tensor, begin), end - begin);
  if (dtype == kDouble) return step_run(numbers, pointers_at<double>(tensor, begin), end - begin);
  const int64_t offset = begin * static_cast<int64_t>(element_size(dtype));
  converted_run(dtype, numbers, pointers_at<char>(tensor, offset), end - begin);
}

// Calls visit(i, begin, end) for the parts of all tensors, which are cut anywhere.
template <class Visit>
void for_parts(const StepTensor* tensors, int64_t count, const Visit& visit) {
  // ends[i] is the number of elements up to and with tensor i.
  std::vector<int64_t> ends(static_cast<size_t>(count));
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) ends[static_cast<size_t>(i)] = total += tensors[i].numel;
  parallel_for(0, total, kTaskElements, [&](int64_t begin, int64_t end) {
    auto i = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), begin) - ends.begin());
    for (int64_t at = begin; at < end; ++i) {
      const int64_t stop = std::min(end, ends[i]), first = ends[i] - tensors[i].numel;
      if (stop > at) visit(i, at - first, stop - first);
      at = std::max(at, stop);
    }
  });
}

template <class Numbers>
void step_all(ScalarType dtype, const StepTensor* tensors, const Numbers* numbers, int64_t count) {
  for_parts(tensors, count,
            [&](size_t i, int64_t begin, int64_t end) { step_part(dtype, tensors[i], numbers[i], begin, end); });
}
