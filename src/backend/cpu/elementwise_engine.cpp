// Runs elementwise kernels over any views: cuts the output into tasks of a fixed size and walks each in chunks that
// stay in the L1 cache. An operand that is contiguous and of the right dtype is used where it lies; others are
// gathered, converted or filled into buffers, and results are converted and scattered from one.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

#include "backend/cpu/elementwise_kernels.h"
#include "backend/cpu/elementwise_move.h"
#include "backend/cpu/elementwise_plan.h"
#include "backend/cpu/isa.h"
#include "backend/cpu/kernels.h"
#include "backend/expr/line.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

constexpr int64_t kGrain = 32768;
// Results larger than this are written past the caches: they would not stay there, and the reads that an ordinary store
// makes of its cache lines take a third of the bandwidth.
constexpr int64_t kStreamBytes = int64_t{32} << 20;
constexpr int kKernelCount = static_cast<int>(ElementwiseKernel::count);

// --- the table of loops

struct LoopTable {
  ElementwiseLoop* loops[kKernelCount][kDtypeCount];
  // The same past the caches, to results aligned to a cache line; null for most.
  ElementwiseLoop* streaming[kKernelCount][kDtypeCount];
};

const LoopTable& make_loop_table(int isa) {
  static LoopTable tables[kIsaCount];
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  for (const LoopList* list : {&unary_loops(), &unary_gradient_loops(), &binary_loops(), &binary_gradient_loops(),
                               &integer_loops(), &rare_integer_loops(), &complex_loops()}) {
    for (size_t i = 0; i < list->count; ++i) {
      const LoopEntry& entry = list->entries[i];
      if (entry.loop == nullptr) continue;
      const int kernel = static_cast<int>(entry.kernel), compute = static_cast<int>(entry.compute);
      tables[isa].loops[kernel][compute] = entry.loop;
      tables[isa].streaming[kernel][compute] = entry.streaming;
    }
  }
  return tables[isa];
}

const LoopTable& loop_table() {
  static std::atomic<const LoopTable*> tables[kIsaCount];
  const int which = static_cast<int>(isa());
  const LoopTable* table = tables[which].load(std::memory_order_acquire);
  if (table == nullptr) [[unlikely]] {
    table = &make_loop_table(which);
    tables[which].store(table, std::memory_order_release);
  }
  return *table;
}

}  // namespace

ElementwiseLoop* elementwise_loop(ElementwiseKernel kernel, ScalarType compute) {
  ElementwiseLoop* loop = loop_table().loops[static_cast<int>(kernel)][static_cast<int>(compute)];
  TENON_CHECK_AS(NotImplementedError, loop != nullptr, expr::info(kernel).name, ": not implemented for ", compute);
  return loop;
}

namespace {

// What a kernel stores when it computes in `compute`.
ScalarType result_dtype(ElementwiseKernel kernel, ScalarType compute) {
  switch (expr::info(kernel).rule) {
    case expr::Rule::BOOL:
      return kBool;
    case expr::Rule::REAL:
      return to_real(compute);
    default:
      return compute;
  }
}

// --- walking

// Where a walk is: the row, as an index in each dim but the last and as an offset of each operand.
class RowCursor {
 public:
  RowCursor(const ElementwisePlan& plan, int64_t row) : plan_(plan) {
    std::fill_n(offset_, plan.operands, 0);
    for (int d = plan.ndim - 2; d >= 0; --d) {
      index_[d] = row % plan.sizes[d];
      row /= plan.sizes[d];
      for (int k = 0; k < plan.operands; ++k) offset_[k] += index_[d] * plan.strides[k][d];
    }
  }
  int64_t offset(int operand) const { return offset_[operand]; }
  // Rows until the second-last dim ends.
  int64_t run() const { return plan_.ndim < 2 ? 1 : plan_.sizes[plan_.ndim - 2] - index_[plan_.ndim - 2]; }
  // Goes on by at most run() rows.
  void advance(int64_t rows) {
    for (int d = plan_.ndim - 2; d >= 0; --d) {
      index_[d] += rows;
      for (int k = 0; k < plan_.operands; ++k) offset_[k] += rows * plan_.strides[k][d];
      if (index_[d] < plan_.sizes[d]) return;
      for (int k = 0; k < plan_.operands; ++k) offset_[k] -= index_[d] * plan_.strides[k][d];
      index_[d] = 0;
      rows = 1;
    }
  }

 private:
  const ElementwisePlan& plan_;
  int64_t index_[kMaxDims];
  int64_t offset_[kMaxOperands];
};

// The loop of a call, both null for a copy; streaming is null where there is no such loop.
struct Loops {
  ElementwiseLoop* loop;
  ElementwiseLoop* streaming;
};

// A call made ready: plan, loop and how each operand is reached. With a null loop the only input is copied.
class Walk {
 public:
  Walk(const ElementwisePlan& plan, const Loops& loops, ScalarType compute, ScalarType result, const double* params)
      : plan_(plan),
        loop_(loops.loop),
        streaming_(loops.streaming),
        compute_(compute),
        result_(result),
        params_(params) {
    int64_t widest = static_cast<int64_t>(std::max(element_size(compute), element_size(result)));
    for (int k = 0; k < plan.operands; ++k) {
      linear_[k] = plan.is_linear(k);
      same_[k] = plan.dtype[k] == (k == 0 ? result : compute);
      widest = std::max(widest, plan.element_bytes[k]);
    }
    capacity_ = kBufferBytes / widest;
    stream_ = linear_[0] && same_[0] && plan.numel * plan.element_bytes[0] >= kStreamBytes;
    // What is written in place is in the cache already.
    for (int k = 1; k < plan.operands; ++k) stream_ = stream_ && plan.data[k] != plan.data[0];
    // Short rows are walked many at a time; in long ones a chunk is a part of a row.
    by_rows_ = plan.ndim > 1 && plan.row() <= capacity_ / 4;
    if (by_rows_) {
      chunk_ = capacity_ / plan.row() * plan.row();
      grain_ = std::max<int64_t>(kGrain / chunk_, 1) * chunk_;
    } else {
      // A chunk is as long as a buffer where one is needed.
      bool direct = !stream_;
      for (int k = 0; k < plan.operands; ++k) direct = direct && (plan.data[k] == nullptr || in_place(k));
      chunk_ = direct ? kGrain : capacity_;
      grain_ = kGrain;
    }
  }

  void run() const {
    if (plan_.numel <= grain_) return task(0, plan_.numel);
    parallel_for(0, plan_.numel, grain_, [this](int64_t begin, int64_t end) { task(begin, end); });
  }

 private:
  struct Buffers {
    alignas(64) char converted[kMaxOperands][kBufferBytes];
    alignas(64) char raw[kBufferBytes];
  };

  // Whether the operand's chunk may be used where it lies.
  bool in_place(int k) const {
    return same_[k] && (linear_[k] || (!by_rows_ && plan_.inner_stride(k) == plan_.element_bytes[k]));
  }

  void task(int64_t begin, int64_t end) const {
    Buffers buffers;
    const void* in[kMaxOperands];
    bool ready[kMaxOperands] = {};  // its buffer serves the whole task
    bool whole = true;              // no buffer is needed
    for (int k = 0; k < plan_.operands; ++k) whole = whole && ((linear_[k] && same_[k]) || plan_.data[k] == nullptr);
    const char* first = plan_.data[0] + begin * plan_.element_bytes[0];
    const bool stream_whole = streaming_ != nullptr && reinterpret_cast<uintptr_t>(first) % 64 == 0;
    whole = whole && (!stream_ || loop_ == nullptr || stream_whole);
    for (int k = 1; k < plan_.operands; ++k) {
      in[k - 1] = nullptr;
      if (plan_.data[k] != nullptr && plan_.is_constant(k) && !in_place(k)) {
        fill_constant(k, std::min(chunk_, end - begin), buffers);
        in[k - 1] = buffers.converted[k];
        ready[k] = true;
      }
    }
    const int64_t row = plan_.row();
    RowCursor cursor(plan_, begin / row);
    if (loop_ == nullptr && same_[0] && by_rows_ && !(linear_[0] && linear_[1]))
      return copy_rows(cursor, (end - begin) / row);
    for (int64_t at = begin; at < end;) {
      const int64_t col = by_rows_ ? 0 : at % row;
      int64_t n = std::min(chunk_, end - at);
      if (whole)
        n = end - at;
      else if (!by_rows_)
        n = std::min(n, row - col);
      for (int k = 1; k < plan_.operands; ++k) {
        if (plan_.data[k] == nullptr || ready[k]) continue;
        in[k - 1] = input_chunk(k, at, col, n, cursor, buffers);
        ready[k] = by_rows_ && !in_place(k) && plan_.repeats_by_row(k);
      }
      output_chunk(in, whole, at, col, n, cursor, buffers);
      at += n;
      if (whole) break;
      if (by_rows_)
        advance_rows(cursor, n / row);
      else if (col + n == row)
        cursor.advance(1);
    }
    if (stream_) convert_table().finish_stream();
  }

  // A copy without conversion needs no buffer.
  void copy_rows(const RowCursor& start, int64_t count) const {
    MoveBlock* move = move_block_of(plan_.element_bytes[0]);
    const int64_t block = chunk_ / plan_.row();
    RowCursor cursor = start;
    for (int64_t done = 0; done < count;) {
      const int64_t rows = std::min({count - done, block, cursor.run()});
      move(plan_.data[1] + cursor.offset(1), row_stride(1), plan_.inner_stride(1), plan_.data[0] + cursor.offset(0),
           row_stride(0), plan_.inner_stride(0), rows, plan_.row());
      cursor.advance(rows);
      done += rows;
    }
  }

  static void advance_rows(RowCursor& cursor, int64_t rows) {
    while (rows > 0) {
      const int64_t run = std::min(rows, cursor.run());
      cursor.advance(run);
      rows -= run;
    }
  }

  static void convert(ScalarType from, ScalarType to, const void* in, void* out, int64_t n) {
    ConvertLoop* common = convert_table().convert[static_cast<int>(from)][static_cast<int>(to)];
    (common != nullptr ? common : rare_convert_loop(from, to))(in, out, n);
  }

  void fill_constant(int k, int64_t n, Buffers& buffers) const {
    char value[16];
    const int64_t bytes = static_cast<int64_t>(element_size(compute_));
    if (same_[k])
      std::memcpy(value, plan_.data[k], static_cast<size_t>(bytes));
    else
      convert(plan_.dtype[k], compute_, plan_.data[k], value, 1);
    repeat_element(value, bytes, buffers.converted[k], n);
  }

  // Calls body(rows, offsets of the first of them, elements before it) for the pieces of equally spaced rows.
  template <class Body>
  void for_row_runs(RowCursor cursor, int64_t rows, Body body) const {
    for (int64_t done = 0; done < rows;) {
      const int64_t run = std::min(rows - done, cursor.run());
      body(run, cursor, done * plan_.row());
      cursor.advance(run);
      done += run;
    }
  }

  int64_t row_stride(int k) const { return plan_.ndim < 2 ? 0 : plan_.strides[k][plan_.ndim - 2]; }

  const void* input_chunk(int k, int64_t at, int64_t col, int64_t n, const RowCursor& start, Buffers& buffers) const {
    const int64_t bytes = plan_.element_bytes[k];
    const int64_t stride = plan_.inner_stride(k);
    const char* source = linear_[k] ? plan_.data[k] + at * bytes : plan_.data[k] + start.offset(k) + col * stride;
    if (linear_[k] || (!by_rows_ && stride == bytes)) {
      if (same_[k]) return source;
    } else {
      char* target = same_[k] ? buffers.converted[k] : buffers.raw;
      MoveBlock* move = move_block_of(bytes);
      if (by_rows_) {
        for_row_runs(start, n / plan_.row(), [&](int64_t rows, const RowCursor& cursor, int64_t before) {
          move(plan_.data[k] + cursor.offset(k), row_stride(k), stride, target + before * bytes, plan_.row() * bytes,
               bytes, rows, plan_.row());
        });
      } else {
        move(source, 0, stride, target, 0, bytes, 1, n);
      }
      if (same_[k]) return target;
      source = target;
    }
    convert(plan_.dtype[k], compute_, source, buffers.converted[k], n);
    return buffers.converted[k];
  }

  void output_chunk(const void* const* in, bool whole, int64_t at, int64_t col, int64_t n, const RowCursor& start,
                    Buffers& buffers) const {
    const int64_t bytes = plan_.element_bytes[0];
    const int64_t stride = plan_.inner_stride(0);
    const bool contiguous = linear_[0] || (!by_rows_ && stride == bytes);
    char* target = linear_[0] ? plan_.data[0] + at * bytes : plan_.data[0] + start.offset(0) + col * stride;

    const void* result = in[0];
    if (whole && stream_ && loop_ != nullptr) return streaming_(in, target, n, params_);
    if (loop_ != nullptr) {
      void* place = contiguous && same_[0] && !stream_ ? static_cast<void*>(target) : buffers.converted[0];
      loop_(in, place, n, params_);
      result = place;
    }
    if (result == target && same_[0]) return;
    if (contiguous) {
      if (stream_)
        convert_table().stream(result, target, n * bytes);
      else if (same_[0])
        std::memcpy(target, result, static_cast<size_t>(n * bytes));
      else
        convert(result_, plan_.dtype[0], result, target, n);
      return;
    }
    if (!same_[0]) {
      convert(result_, plan_.dtype[0], result, buffers.raw, n);
      result = buffers.raw;
    }
    const char* source = static_cast<const char*>(result);
    MoveBlock* move = move_block_of(bytes);
    if (by_rows_) {
      for_row_runs(start, n / plan_.row(), [&](int64_t rows, const RowCursor& cursor, int64_t before) {
        move(source + before * bytes, plan_.row() * bytes, bytes, plan_.data[0] + cursor.offset(0), row_stride(0),
             stride, rows, plan_.row());
      });
    } else {
      move(source, 0, bytes, target, 0, stride, 1, n);
    }
  }

  const ElementwisePlan& plan_;
  ElementwiseLoop* loop_;
  ElementwiseLoop* streaming_;
  ScalarType compute_, result_;
  const double* params_;
  bool linear_[kMaxOperands], same_[kMaxOperands];
  bool by_rows_, stream_;
  int64_t capacity_, chunk_, grain_;
};

void run_views(const Loops& loops, ScalarType compute, ScalarType result, const TensorView& out,
               const TensorView* inputs, int count, const double* params) {
  ElementwisePlan plan;
  make_plan(plan, out, inputs, count);
  ElementwisePlan rest;
  if (tile_transposed(plan, rest)) Walk(rest, loops, compute, result, params).run();
  Walk(plan, loops, compute, result, params).run();
}

// --- the family

void store_scalar(const Scalar& value, ScalarType dtype, void* to) {
  visit_dtype(dtype, [&](auto tag) {
    using T = decltype(tag);
    const T converted = value.to<T>();
    std::memcpy(to, &converted, sizeof converted);
  });
}

constexpr int64_t kNoStrides[kMaxDims] = {};

// One number as a view that broadcasts to `like`.
TensorView number_view(void* storage, ScalarType dtype, const TensorView& like) {
  TENON_CHECK(like.sizes.size() <= kMaxDims, "elementwise: a tensor of more than ", kMaxDims, " dims");
  return {storage, dtype, like.sizes, IntArrayRef(kNoStrides, like.sizes.size())};
}

bool is_plain(const TensorView& view, ScalarType dtype) { return view.dtype == dtype && view.is_contiguous(); }

bool is_plain(const Operand& input, ScalarType compute) {
  return !input.is_number && (input.view.data == nullptr || is_plain(input.view, compute));
}

bool plain_inputs(ScalarType compute, const Operand* inputs, int count, const void** in) {
  for (int k = 0; k < count; ++k) {
    if (!is_plain(inputs[k], compute)) return false;
    in[k] = inputs[k].view.data;
  }
  return true;
}

// A short call whose inputs are plain but for numbers, without a plan. Returns false when it is not one.
bool run_small(ElementwiseLoop* loop, ScalarType compute, const TensorView& out, const Operand* inputs, int count,
               int64_t n, const double* params) {
  alignas(64) char repeated[kMaxOperands][kBufferBytes];
  const void* in[kMaxOperands];
  for (int k = 0; k < count; ++k) {
    if (inputs[k].is_number) {
      alignas(16) char value[16];
      store_scalar(inputs[k].number, compute, value);
      repeat_element(value, static_cast<int64_t>(element_size(compute)), repeated[k], n);
      in[k] = repeated[k];
    } else if (is_plain(inputs[k], compute)) {
      in[k] = inputs[k].view.data;
    } else {
      return false;
    }
  }
  loop(in, out.data, n, params);
  return true;
}

void run(ElementwiseKernel kernel, ScalarType compute, const TensorView& out, const Operand* inputs, int count,
         const double* params) {
  ElementwiseLoop* loop = elementwise_loop(kernel, compute);
  const ScalarType result = result_dtype(kernel, compute);
  const int64_t n = out.numel();
  if (n == 0) return;

  if (n <= kGrain && is_plain(out, result)) {
    const void* in[kMaxOperands];
    if (plain_inputs(compute, inputs, count, in)) return loop(in, out.data, n, params);
    const bool fits = n * static_cast<int64_t>(element_size(compute)) <= kBufferBytes;
    if (fits && run_small(loop, compute, out, inputs, count, n, params)) return;
  }

  TensorView views[kMaxOperands];
  alignas(16) char numbers[kMaxOperands][16];
  for (int k = 0; k < count; ++k) {
    if (inputs[k].is_number) {
      store_scalar(inputs[k].number, compute, numbers[k]);
      views[k] = number_view(numbers[k], compute, out);
    } else {
      views[k] = inputs[k].view;
    }
  }
  const Loops loops = {loop, loop_table().streaming[static_cast<int>(kernel)][static_cast<int>(compute)]};
  run_views(loops, compute, result, out, views, count, params);
}

void copy(const TensorView& dst, const TensorView& src) {
  const int64_t n = dst.numel();
  if (n == 0) return;
  if (n <= kGrain && is_plain(dst, src.dtype) && src.is_contiguous()) {
    std::memcpy(dst.data, src.data, static_cast<size_t>(n) * element_size(dst.dtype));
    return;
  }
  run_views({}, src.dtype, src.dtype, dst, &src, 1, nullptr);
}

void fill(const TensorView& dst, const Scalar& value) {
  if (dst.numel() == 0) return;
  alignas(16) char number[16];
  store_scalar(value, dst.dtype, number);
  const TensorView source = number_view(number, dst.dtype, dst);
  run_views({}, dst.dtype, dst.dtype, dst, &source, 1, nullptr);
}

}  // namespace

const ElementwiseKernels& elementwise_table() {
  static const ElementwiseKernels table = {run, copy, fill};
  return table;
}

}  // namespace tenon::cpu
