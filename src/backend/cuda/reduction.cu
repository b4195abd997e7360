// Reductions on CUDA. Blocks fold fixed pieces of each output's elements in a tree, and a second kernel folds the
// pieces in order, so that results depend on shapes alone. Floats accumulate in double, everything else in int64.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "backend/cuda/access.cuh"

namespace tenon::cuda {
namespace {

// The most pieces that an output's elements are cut into, and the fewest elements of a piece.
constexpr int64_t kMaxPieces = 256, kMinPiece = 4096;

enum class Fold : uint8_t { Sum, Prod, Max, Min, Any, All };
enum class Map : uint8_t { Identity, Abs, Square, Nonzero };

template <class Acc>
__host__ __device__ Acc identity_of(Fold fold) {
  constexpr bool kFloat = std::is_same_v<Acc, double>;
  switch (fold) {
    case Fold::Prod:
    case Fold::All:
      return Acc(1);
    case Fold::Max:
      if constexpr (kFloat) return -HUGE_VAL;
      else return std::numeric_limits<int64_t>::min();
    case Fold::Min:
      if constexpr (kFloat) return HUGE_VAL;
      else return std::numeric_limits<int64_t>::max();
    default:
      return Acc(0);
  }
}

// Integers wrap around.
__device__ double combine(Fold fold, double a, double b) {
  switch (fold) {
    case Fold::Sum:
      return a + b;
    case Fold::Prod:
      return a * b;
    case Fold::Max:
      return a > b || a != a ? a : b;
    case Fold::Min:
      return a < b || a != a ? a : b;
    case Fold::Any:
      return a != 0 || b != 0;
    default:
      return a != 0 && b != 0;
  }
}
__device__ int64_t combine(Fold fold, int64_t a, int64_t b) {
  const uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  switch (fold) {
    case Fold::Sum:
      return static_cast<int64_t>(x + y);
    case Fold::Prod:
      return static_cast<int64_t>(x * y);
    case Fold::Max:
      return a > b ? a : b;
    case Fold::Min:
      return a < b ? a : b;
    case Fold::Any:
      return a != 0 || b != 0;
    default:
      return a != 0 && b != 0;
  }
}

__device__ double mapped(Map map, double x) {
  switch (map) {
    case Map::Abs:
      return fabs(x);
    case Map::Square:
      return x * x;
    case Map::Nonzero:
      return x != 0;
    default:
      return x;
  }
}
__device__ int64_t mapped(Map map, int64_t x) {
  const uint64_t bits = static_cast<uint64_t>(x);
  switch (map) {
    case Map::Abs:
      return static_cast<int64_t>(x < 0 ? 0 - bits : bits);
    case Map::Square:
      return static_cast<int64_t>(bits * bits);
    case Map::Nonzero:
      return x != 0;
    default:
      return x;
  }
}

struct ReduceArgs {
  const void* in;
  void* out;
  void* partial;  // [pieces, outputs]
  int64_t outputs, count, pieces, piece;
  int lanes;  // outputs of a block, side by side
  Fold fold;
  Map map;
  ScalarType in_dtype, compute, out_dtype;
  Layout kept;     // of the outputs: out and in
  Layout reduced;  // of the elements of one output: in alone
};

template <class Acc>
__global__ void __launch_bounds__(kThreads) reduce_kernel(const __grid_constant__ ReduceArgs args) {
  __shared__ Acc shared[kThreads];
  const int lane = static_cast<int>(threadIdx.x) % args.lanes, row = static_cast<int>(threadIdx.x) / args.lanes;
  const int rows = kThreads / args.lanes;
  const int64_t groups = (args.outputs + args.lanes - 1) / args.lanes;
  const int64_t begin = blockIdx.y * args.piece, end = min(args.count, begin + args.piece);
  for (int64_t group = blockIdx.x; group < groups; group += gridDim.x) {
    const int64_t output = group * args.lanes + lane;
    const bool valid = output < args.outputs;
    int64_t kept[2] = {};
    Acc acc = identity_of<Acc>(args.fold);
    if (valid) {
      locate(args.kept, 2, output, kept);
      for (int64_t i = begin + row; i < end; i += rows) {
        int64_t offset[1];
        locate(args.reduced, 1, i, offset);
        Acc value = load_as<Acc>(args.in, kept[1] + offset[0], args.in_dtype);
        if (args.in_dtype != args.compute) value = held_as(args.compute, value);
        acc = combine(args.fold, acc, mapped(args.map, value));
      }
    }
    shared[threadIdx.x] = acc;
    __syncthreads();
    for (int half = rows / 2; half > 0; half /= 2) {
      if (row < half) {
        shared[threadIdx.x] = combine(args.fold, shared[threadIdx.x], shared[threadIdx.x + half * args.lanes]);
      }
      __syncthreads();
    }
    if (row == 0 && valid) {
      if (args.pieces == 1) store_as(args.out, kept[0], args.out_dtype, shared[lane]);
      else static_cast<Acc*>(args.partial)[blockIdx.y * args.outputs + output] = shared[lane];
    }
    __syncthreads();
  }
}

template <class Acc>
__global__ void __launch_bounds__(kThreads) finish_kernel(const __grid_constant__ ReduceArgs args) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < args.outputs; i += step) {
    const Acc* partial = static_cast<const Acc*>(args.partial) + i;
    Acc acc = partial[0];
    for (int64_t piece = 1; piece < args.pieces; ++piece) {
      acc = combine(args.fold, acc, partial[piece * args.outputs]);
    }
    int64_t kept[2];
    locate(args.kept, 2, i, kept);
    store_as(args.out, kept[0], args.out_dtype, acc);
  }
}

void choose(Reduction op, ScalarType compute, ReduceArgs& args) {
  // Over bools a sum or maximum is Any, a product or minimum All.
  const bool flags = compute == kBool;
  args.map = Map::Identity;
  switch (op) {
    case Reduction::Sum:
      args.fold = flags ? Fold::Any : Fold::Sum;
      break;
    case Reduction::Prod:
      args.fold = flags ? Fold::All : Fold::Prod;
      break;
    case Reduction::Max:
      args.fold = flags ? Fold::Any : Fold::Max;
      break;
    case Reduction::Min:
      args.fold = flags ? Fold::All : Fold::Min;
      break;
    case Reduction::Any:
      args.fold = Fold::Any;
      break;
    case Reduction::All:
      args.fold = Fold::All;
      break;
    case Reduction::SumAbs:
      args.fold = flags ? Fold::Any : Fold::Sum;
      args.map = Map::Abs;
      break;
    case Reduction::SumSquares:
      args.fold = flags ? Fold::Any : Fold::Sum;
      args.map = Map::Square;
      break;
    case Reduction::CountNonzero:
      args.fold = Fold::Sum;
      args.map = Map::Nonzero;
      break;
  }
}

template <class Acc>
void launch(ReduceArgs& args) {
  const int64_t groups = (args.outputs + args.lanes - 1) / args.lanes;
  // Few outputs leave most of the device idle, so their elements are cut into pieces.
  args.pieces = groups >= 512 ? 1 : std::clamp<int64_t>(args.count / kMinPiece, 1, kMaxPieces);
  args.piece = (args.count + args.pieces - 1) / args.pieces;
  const dim3 grid(static_cast<unsigned>(std::min<int64_t>(groups, 1 << 20)), static_cast<unsigned>(args.pieces));
  if (args.pieces == 1) {
    reduce_kernel<Acc><<<grid, kThreads>>>(args);
    return check(cudaGetLastError(), "reduce");
  }
  const Scratch partial(static_cast<size_t>(args.pieces * args.outputs) * sizeof(Acc));
  args.partial = partial.data();
  reduce_kernel<Acc><<<grid, kThreads>>>(args);
  check(cudaGetLastError(), "reduce");
  finish_kernel<Acc><<<blocks_for(args.outputs), kThreads>>>(args);
  check(cudaGetLastError(), "reduce");
}

void reduce(Reduction op, ScalarType compute, const TensorView& out, const TensorView& in) {
  TENON_CHECK_AS(NotImplementedError, !is_complex(compute) && !is_complex(in.dtype) && !is_complex(out.dtype),
                 "reduce: not implemented for complex dtypes on cuda, got ", in.dtype);
  if (out.numel() == 0) return;
  use_device();

  ReduceArgs args = {};
  args.in = in.data;
  args.out = out.data;
  args.outputs = out.numel();
  args.count = in.numel() / args.outputs;
  args.in_dtype = in.dtype;
  args.compute = compute;
  args.out_dtype = out.dtype;
  choose(op, compute, args);
  std::vector<int64_t> kept_sizes, kept_out, kept_in, reduced_sizes, reduced_in;
  for (size_t d = 0; d < in.sizes.size(); ++d) {
    if (out.sizes[d] == in.sizes[d]) {
      kept_sizes.push_back(in.sizes[d]);
      kept_out.push_back(out.strides[d]);
      kept_in.push_back(in.strides[d]);
    } else {
      reduced_sizes.push_back(in.sizes[d]);
      reduced_in.push_back(in.strides[d]);
    }
  }
  const TensorView kept[] = {{out.data, out.dtype, kept_sizes, kept_out}, {out.data, in.dtype, kept_sizes, kept_in}};
  const TensorView reduced{out.data, in.dtype, reduced_sizes, reduced_in};
  const TensorView *kept_views[] = {&kept[0], &kept[1]}, *reduced_views[] = {&reduced};
  args.kept = make_layout("reduce", kept_views, 2);
  args.reduced = make_layout("reduce", reduced_views, 1);
  // Neighbouring threads read neighbouring outputs where these are closer in memory than the elements of one.
  const auto innermost = [](const Layout& layout, int operand) {
    return layout.ndim == 0 ? INT64_MAX : std::abs(layout.strides[operand][layout.ndim - 1]);
  };
  args.lanes = args.outputs >= 32 && innermost(args.kept, 1) < innermost(args.reduced, 0) ? 32 : 1;
  // Whether a fraction is true shows only in a float.
  if (is_floating_point(compute) || is_floating_point(in.dtype)) launch<double>(args);
  else launch<int64_t>(args);
}

[[noreturn]] void missing(const char* op) {
  detail::fail<DeviceError>(op, ": not available on cuda");
}

}  // namespace

const ReductionKernels& reduction_table() {
  static const ReductionKernels table = {
      reduce,
      [](bool is_max, const TensorView&, const TensorView&, const TensorView&, int64_t) {
        missing(is_max ? "max along a dim" : "min along a dim");
      },
      [](const TensorView&, const TensorView&, const TensorView&) { missing("mean and variance"); },
      [](const TensorView&, const TensorView&) { missing("logsumexp"); }};
  return table;
}

}  // namespace tenon::cuda
