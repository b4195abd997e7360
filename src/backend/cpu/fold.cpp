// The driver of fold.h: plans the loops, cuts them into tasks, and merges partial states pairwise in a fixed order.
#include "backend/cpu/fold.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "backend/cpu/scratch.h"

namespace tenon::cpu {
namespace {

// Elements that one call of FoldKernel::row takes; the unit of pairwise merging.
constexpr int64_t kRun = 2048;
// Elements that are worth a task of their own.
constexpr int64_t kTaskElements = 65536;
// The widest block of neighbouring outputs that is folded together.
constexpr int64_t kMaxCols = 2048;
constexpr int64_t kMaxStateSize = 32;

Scratch states_of(int64_t count, size_t size) { return Scratch(static_cast<size_t>(count) * size); }

// Merges states of consecutive pieces as a binary tree, so that rounding errors grow with the logarithm of the count.
class Cascade {
 public:
  Cascade(const FoldKernel& kernel, int64_t width) : kernel_(kernel), width_(width), max_width_(width) {}

  // Room for the next piece's states; push() takes them.
  void* next() {
    if (levels_.size() <= depth_) {
      levels_.push_back(states_of(max_width_, kernel_.state_size));
    }
    return levels_[depth_].as<void>();
  }
  void push() {
    ++count_;
    ++depth_;
    for (uint64_t c = count_; (c & 1) == 0; c >>= 1) merge_top();
  }
  // The states of everything pushed; at least one piece was.
  void* finish() {
    while (depth_ > 1) merge_top();
    return levels_[0].as<void>();
  }
  // Begins anew, for pieces of `width` states, at most those of the constructor.
  void reset(int64_t width) { width_ = width, depth_ = 0, count_ = 0; }

 private:
  void merge_top() {
    --depth_;
    kernel_.merge(levels_[depth_ - 1].as<void>(), levels_[depth_].as<void>(), width_);
  }

  const FoldKernel& kernel_;
  int64_t width_;
  int64_t max_width_;
  size_t depth_ = 0;
  uint64_t count_ = 0;
  std::vector<Scratch> levels_;
};

struct Dim {
  int64_t size;
  int64_t in;
  int64_t out[2];
};

// Merges dims (outermost first) that step through memory as one.
void coalesce(std::vector<Dim>& dims) {
  std::stable_sort(dims.begin(), dims.end(),
                   [](const Dim& a, const Dim& b) { return std::abs(a.in) > std::abs(b.in); });
  size_t kept = 0;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (kept > 0) {
      Dim& outer = dims[kept - 1];
      const Dim& inner = dims[i];
      if (outer.in == inner.in * inner.size && outer.out[0] == inner.out[0] * inner.size &&
          outer.out[1] == inner.out[1] * inner.size) {
        outer = {outer.size * inner.size, inner.in, {inner.out[0], inner.out[1]}};
        continue;
      }
    }
    dims[kept++] = dims[i];
  }
  dims.resize(kept);
  if (dims.empty()) dims.push_back({1, 1, {1, 1}});
}

int64_t total(const std::vector<Dim>& dims) {
  int64_t n = 1;
  for (const Dim& d : dims) n *= d.size;
  return n;
}

// The offsets of the element at `index` of a nest whose innermost dim is left to the caller.
void offsets_at(const std::vector<Dim>& dims, int64_t index, int64_t* in, int64_t out[2]) {
  *in = 0, out[0] = 0, out[1] = 0;
  for (size_t d = dims.size(); d-- > 0;) {
    const int64_t i = index % dims[d].size;
    index /= dims[d].size;
    *in += i * dims[d].in;
    out[0] += i * dims[d].out[0];
    out[1] += i * dims[d].out[1];
  }
}

struct Fold {
  const FoldKernel& kernel;
  RowLoader loader;
  void (*element_map)(void*, int64_t);
  const char* data;
  int64_t in_size;
  std::vector<Dim> kept;
  std::vector<Dim> reduced;
  int64_t outputs;
  int64_t count;

  const void* at(int64_t offset) const { return data + offset * in_size; }
  bool direct() const { return loader.direct() && element_map == nullptr; }
  bool by_columns() const {
    const Dim& across = kept.back();
    const Dim& along = reduced.back();
    if (kernel.rows == nullptr || across.size < 8) return false;
    return std::abs(across.in) < std::abs(along.in) || (along.size < 32 && reduced.size() == 1);
  }

  void load(void* to, int64_t offset, int64_t stride, int64_t n) const {
    loader.load(to, at(offset), stride, n);
    if (element_map) element_map(to, n);
  }

  // Folds reduced elements [begin, end) of the output at `base` into the cascade, a run at a time.
  void fold_range(Cascade& cascade, std::byte* buffer, int64_t base, int64_t begin, int64_t end) const {
    const Dim& inner = reduced.back();
    const size_t element = acc_size(kernel.element);
    const bool in_place = direct() && inner.in == 1;
    int64_t filled = 0;
    auto flush = [&] {
      if (filled == 0) return;
      kernel.row(cascade.next(), buffer, filled);
      cascade.push();
      filled = 0;
    };
    for (int64_t i = begin; i < end;) {
      int64_t offset, unused[2];
      offsets_at(reduced, i, &offset, unused);
      int64_t left = std::min(end - i, inner.size - i % inner.size);
      i += left;
      offset += base;
      // Short runs are packed together first: a call for each would cost more than the copy.
      if (in_place && left >= 256) {
        flush();
        for (; left > 0; left -= kRun, offset += kRun) {
          kernel.row(cascade.next(), at(offset), std::min(left, kRun));
          cascade.push();
        }
        continue;
      }
      while (left > 0) {
        const int64_t n = std::min(left, kRun - filled);
        load(buffer + static_cast<size_t>(filled) * element, offset, inner.in, n);
        filled += n, left -= n, offset += n * inner.in;
        if (filled == kRun) flush();
      }
    }
    flush();
  }

  // Folds reduced rows [begin, end) of `cols` neighbouring outputs into the cascade.
  void fold_columns(Cascade& cascade, std::byte* buffer, int64_t base, int64_t cols, int64_t begin, int64_t end,
                    int64_t block) const {
    const Dim& inner = reduced.back();
    const int64_t across = kept.back().in;
    const bool in_place = direct() && across == 1;
    const int64_t batch = in_place ? block : std::max<int64_t>(1, kRun / cols);
    const size_t element = acc_size(kernel.element);
    for (int64_t b = begin; b < end; b += block) {
      const int64_t block_end = std::min(end, b + block);
      void* states = cascade.next();
      kernel.init(states, cols);
      for (int64_t i = b; i < block_end;) {
        int64_t offset, unused[2];
        offsets_at(reduced, i, &offset, unused);
        offset += base;
        const int64_t rows = std::min({block_end - i, inner.size - i % inner.size, batch});
        i += rows;
        if (in_place) {
          kernel.rows(states, at(offset), inner.in, rows, cols);
          continue;
        }
        for (int64_t r = 0; r < rows; ++r) {
          load(buffer + static_cast<size_t>(r * cols) * element, offset + r * inner.in, across, cols);
        }
        kernel.rows(states, buffer, cols, rows, cols);
      }
      cascade.push();
    }
  }

  // Whether `in` is a matrix of few adjacent columns, which are summed as wider rows holding several of its own.
  bool is_narrow() const {
    return kernel.rows != nullptr && kept.size() == 1 && reduced.size() == 1 && kept[0].in == 1 && kept[0].size > 1 &&
           kept[0].size < 64 && reduced[0].in == kept[0].size && count >= 1024;
  }
  void run_narrow(FoldFinish finish) const {
    const int64_t cols = outputs, together = 256 / cols, width = together * cols, rows = count / together;
    const size_t state = kernel.state_size;
    const Scratch states = states_of(width, state);
    const Fold wide{kernel, loader, element_map, data, in_size, {{width, 1, {1, 1}}}, {{rows, width, {0, 0}}},
                    width,  rows};
    wide.run_columns([&](void* done, int64_t n, const int64_t offset[2], const int64_t*) {
      std::memcpy(states.as<std::byte>() + static_cast<size_t>(offset[0]) * state, done,
                  static_cast<size_t>(n) * state);
    });
    auto group = [&](int64_t g) { return states.as<std::byte>() + static_cast<size_t>(g * cols) * state; };
    for (int64_t step = 1; step < together; step *= 2) {
      for (int64_t g = 0; g + step < together; g += 2 * step) kernel.merge(group(g), group(g + step), cols);
    }
    const int64_t rest = count - rows * together;
    if (rest > 0) {
      const Scratch buffer = states_of(rest * cols, acc_size(kernel.element));
      load(buffer.as<std::byte>(), rows * width, 1, rest * cols);
      kernel.rows(states.as<std::byte>(), buffer.as<std::byte>(), cols, rest, cols);
    }
    const int64_t origin[2] = {0, 0};
    finish(states.as<std::byte>(), cols, origin, kept[0].out);
  }

  void run_rows(FoldFinish finish) const {
    const int64_t across = kept.back().size;
    const int64_t groups = outputs / across;
    const size_t state = kernel.state_size;
    const int64_t out_stride[2] = {kept.back().out[0], kept.back().out[1]};
    const bool split = outputs < 64 && count >= 2 * kTaskElements;
    if (!split) {
      // Each task takes some neighbouring outputs of one group.
      const int64_t cols = std::clamp<int64_t>(kTaskElements / count, 1, std::min<int64_t>(across, 256));
      const int64_t pieces = (across + cols - 1) / cols;
      parallel_for(0, groups * pieces, std::max<int64_t>(1, kTaskElements / (cols * count)), [&](int64_t b, int64_t e) {
        const Scratch buffer = states_of(kRun, acc_size(kernel.element));
        const Scratch states = states_of(cols, state);
        Cascade cascade(kernel, 1);
        for (int64_t t = b; t < e; ++t) {
          const int64_t first = t % pieces * cols, n = std::min(cols, across - first);
          int64_t base, out[2];
          offsets_at(kept, t / pieces * across + first, &base, out);
          for (int64_t c = 0; c < n; ++c) {
            std::byte* one = states.as<std::byte>() + static_cast<size_t>(c) * state;
            const int64_t offset = base + c * kept.back().in;
            if (reduced.size() == 1 && count <= kRun) {
              fold_run(one, buffer.as<std::byte>(), offset);
            } else {
              cascade.reset(1);
              fold_range(cascade, buffer.as<std::byte>(), offset, 0, count);
              std::memcpy(one, cascade.finish(), state);
            }
          }
          finish(states.as<std::byte>(), n, out, out_stride);
        }
      });
      return;
    }
    const int64_t blocks = (count + kTaskElements - 1) / kTaskElements;
    const Scratch partial = states_of(outputs * blocks, state);
    parallel_for(0, outputs * blocks, 1, [&](int64_t b, int64_t e) {
      const Scratch buffer = states_of(kRun, acc_size(kernel.element));
      Cascade cascade(kernel, 1);
      for (int64_t t = b; t < e; ++t) {
        int64_t base, out[2];
        offsets_at(kept, t / blocks, &base, out);
        const int64_t begin = t % blocks * kTaskElements;
        cascade.reset(1);
        fold_range(cascade, buffer.as<std::byte>(), base, begin, std::min(count, begin + kTaskElements));
        std::memcpy(partial.as<std::byte>() + static_cast<size_t>(t) * state, cascade.finish(), state);
      }
    });
    Cascade cascade(kernel, 1);
    for (int64_t o = 0; o < outputs; ++o) {
      cascade.reset(1);
      for (int64_t i = 0; i < blocks; ++i) {
        std::memcpy(cascade.next(), partial.as<std::byte>() + static_cast<size_t>(o * blocks + i) * state, state);
        cascade.push();
      }
      int64_t base, out[2];
      offsets_at(kept, o, &base, out);
      finish(cascade.finish(), 1, out, out_stride);
    }
  }

  // A whole output of one run.
  void fold_run(void* state, std::byte* buffer, int64_t offset) const {
    const int64_t stride = reduced.back().in;
    if (direct() && stride == 1) return kernel.row(state, at(offset), count);
    load(buffer, offset, stride, count);
    kernel.row(state, buffer, count);
  }

  void run_columns(FoldFinish finish) const {
    const int64_t across = kept.back().size;
    const int64_t groups = outputs / across;
    const int64_t cols = std::min(across, kMaxCols);
    const int64_t pieces = (across + cols - 1) / cols;
    const size_t state = kernel.state_size;
    const int64_t out_stride[2] = {kept.back().out[0], kept.back().out[1]};
    // Rows that fold one after the other; a power of two so that split and whole ranges make the same tree.
    const int64_t block = std::clamp<int64_t>(
        static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(4 * kTaskElements / cols))), 32, 128);
    const bool split = groups * pieces < 16 && count >= 2 * block && outputs * count >= 2 * kTaskElements;
    auto locate = [&](int64_t t, int64_t* n, int64_t* base, int64_t out[2]) {
      const int64_t first = t % pieces * cols;
      *n = std::min(cols, across - first);
      offsets_at(kept, t / pieces * across + first, base, out);
    };
    if (!split) {
      const int64_t grain = std::max<int64_t>(1, kTaskElements / (cols * count));
      parallel_for(0, groups * pieces, grain, [&](int64_t b, int64_t e) {
        const Scratch buffer = states_of(std::max(kRun, cols), acc_size(kernel.element));
        Cascade cascade(kernel, cols);
        for (int64_t t = b; t < e; ++t) {
          int64_t n, base, out[2];
          locate(t, &n, &base, out);
          cascade.reset(n);
          fold_columns(cascade, buffer.as<std::byte>(), base, n, 0, count, block);
          finish(cascade.finish(), n, out, out_stride);
        }
      });
      return;
    }
    const int64_t blocks = (count + block - 1) / block;
    const size_t stride = static_cast<size_t>(cols) * state;
    const Scratch partial = states_of(groups * pieces * blocks, stride);
    parallel_for(
        0, groups * pieces * blocks, std::max<int64_t>(1, kTaskElements / (cols * block)), [&](int64_t b, int64_t e) {
          const Scratch buffer = states_of(std::max(kRun, cols), acc_size(kernel.element));
          for (int64_t t = b; t < e; ++t) {
            int64_t n, base, out[2];
            locate(t / blocks, &n, &base, out);
            const int64_t begin = t % blocks * block;
            Cascade cascade(kernel, n);
            fold_columns(cascade, buffer.as<std::byte>(), base, n, begin, std::min(count, begin + block), block);
            std::memcpy(partial.as<std::byte>() + static_cast<size_t>(t) * stride, cascade.finish(),
                        static_cast<size_t>(n) * state);
          }
        });
    Cascade cascade(kernel, cols);
    for (int64_t t = 0; t < groups * pieces; ++t) {
      int64_t n, base, out[2];
      locate(t, &n, &base, out);
      cascade.reset(n);
      for (int64_t i = 0; i < blocks; ++i) {
        std::memcpy(cascade.next(), partial.as<std::byte>() + static_cast<size_t>(t * blocks + i) * stride,
                    static_cast<size_t>(n) * state);
        cascade.push();
      }
      finish(cascade.finish(), n, out, out_stride);
    }
  }
};

}  // namespace

void fold(const FoldKernel& kernel, const TensorView& out, const TensorView* second, const TensorView& in,
          void (*element_map)(void* x, int64_t n), FoldFinish finish) {
  Fold f{kernel, RowLoader(in.dtype, kernel.element), element_map, in.as<const char>(),
         static_cast<int64_t>(element_size(in.dtype)), {}, {}, 1, 1};
  for (size_t d = 0; d < in.sizes.size(); ++d) {
    if (in.sizes[d] == 1) continue;
    if (out.sizes[d] == 1) f.reduced.push_back({in.sizes[d], in.strides[d], {0, 0}});
    else f.kept.push_back({in.sizes[d], in.strides[d], {out.strides[d], (second ? *second : out).strides[d]}});
  }
  coalesce(f.kept);
  coalesce(f.reduced);
  f.outputs = total(f.kept);
  f.count = total(f.reduced);
  if (f.outputs == 0) return;
  if (f.count == 0) {
    std::byte state[kMaxStateSize];
    for (int64_t o = 0; o < f.outputs; ++o) {
      int64_t base, offset[2];
      offsets_at(f.kept, o, &base, offset);
      kernel.init(state, 1);
      finish(state, 1, offset, f.kept.back().out);
    }
    return;
  }
  if (f.is_narrow()) f.run_narrow(finish);
  else if (f.by_columns()) f.run_columns(finish);
  else f.run_rows(finish);
}

void fold_row(const FoldKernel& kernel, void* state, const void* x, int64_t n) {
  if (n <= kRun) return n > 0 ? kernel.row(state, x, n) : kernel.init(state, 1);
  const size_t size = acc_size(kernel.element);
  Cascade cascade(kernel, 1);
  for (int64_t i = 0; i < n; i += kRun) {
    kernel.row(cascade.next(), static_cast<const char*>(x) + static_cast<size_t>(i) * size, std::min(kRun, n - i));
    cascade.push();
  }
  std::memcpy(state, cascade.finish(), kernel.state_size);
}

}  // namespace tenon::cpu
