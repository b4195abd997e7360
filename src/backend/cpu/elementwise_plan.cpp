// Merging, ordering and tiling the dims of an elementwise call.
#include "backend/cpu/elementwise_plan.h"

#include <algorithm>
#include <cstdlib>

#include "tenon/base/error.h"

namespace tenon::cpu {
namespace {

// The edge of a tile of a transposed operand: a few cache lines wide, and tile rows that fit the L1 cache.
constexpr int64_t kTile = 32;

void move_dim(ElementwisePlan& plan, int from, int to) {
  auto rotate = [&](int64_t* values) {
    if (from < to)
      std::rotate(values + from, values + from + 1, values + to + 1);
    else
      std::rotate(values + to, values + from, values + from + 1);
  };
  rotate(plan.sizes);
  for (int k = 0; k < plan.operands; ++k) rotate(plan.strides[k]);
}

// Outermost first by the output's strides, so that it is written in order.
void sort_dims(ElementwisePlan& plan) {
  for (int d = 1; d < plan.ndim; ++d) {
    int to = d;
    while (to > 0 && std::abs(plan.strides[0][to - 1]) < std::abs(plan.strides[0][d])) --to;
    if (to != d) move_dim(plan, d, to);
  }
}

void merge_dims(ElementwisePlan& plan) {
  int last = 0;
  for (int d = 1; d < plan.ndim; ++d) {
    bool merges = true;
    for (int k = 0; k < plan.operands; ++k) {
      merges = merges && plan.strides[k][last] == plan.strides[k][d] * plan.sizes[d];
    }
    if (merges)
      plan.sizes[last] *= plan.sizes[d];
    else
      plan.sizes[++last] = plan.sizes[d];
    for (int k = 0; k < plan.operands; ++k) plan.strides[k][last] = plan.strides[k][d];
  }
  plan.ndim = last + 1;
}

}  // namespace

bool ElementwisePlan::is_linear(int operand) const {
  int64_t expected = element_bytes[operand];
  for (int d = ndim - 1; d >= 0; --d) {
    if (strides[operand][d] != expected && sizes[d] != 1) return false;
    expected *= sizes[d];
  }
  return true;
}

bool ElementwisePlan::is_constant(int operand) const { return repeats_by_row(operand) && inner_stride(operand) == 0; }

bool ElementwisePlan::repeats_by_row(int operand) const {
  for (int d = 0; d < ndim - 1; ++d) {
    if (strides[operand][d] != 0) return false;
  }
  return true;
}

void make_plan(ElementwisePlan& plan, const TensorView& out, const TensorView* inputs, int count) {
  plan.operands = count + 1;
  plan.ndim = 0;
  plan.numel = out.numel();
  const TensorView* views[kMaxOperands] = {&out};
  for (int k = 0; k < count; ++k) views[k + 1] = &inputs[k];
  for (int k = 0; k <= count; ++k) {
    plan.data[k] = views[k]->as<char>();
    plan.dtype[k] = views[k]->dtype;
    plan.element_bytes[k] = static_cast<int64_t>(element_size(views[k]->dtype));
  }
  for (size_t d = 0; d < out.sizes.size(); ++d) {
    if (out.sizes[d] == 1) continue;
    TENON_CHECK(plan.ndim < kMaxDims, "elementwise: a tensor of more than ", kMaxDims, " dims larger than 1");
    plan.sizes[plan.ndim] = out.sizes[d];
    for (int k = 0; k <= count; ++k) {
      plan.strides[k][plan.ndim] = views[k]->data == nullptr ? 0 : views[k]->strides[d] * plan.element_bytes[k];
    }
    ++plan.ndim;
  }
  if (plan.ndim == 0) {
    plan.ndim = 1;
    plan.sizes[0] = 1;
    for (int k = 0; k <= count; ++k) plan.strides[k][0] = plan.element_bytes[k];
    return;
  }
  sort_dims(plan);
  merge_dims(plan);
}

bool tile_transposed(ElementwisePlan& plan, ElementwisePlan& rest) {
  if (plan.ndim < 2 || plan.ndim >= kMaxDims || plan.row() < kTile) return false;
  const int inner = plan.ndim - 1;
  int partner = -1;
  for (int k = 1; k < plan.operands && partner < 0; ++k) {
    const int64_t inner_stride = std::abs(plan.strides[k][inner]);
    // Only strides that skip cache lines are worth the second copy that tiling costs the other operands.
    if (inner_stride < 64) continue;
    for (int d = 0; d < inner; ++d) {
      const int64_t stride = std::abs(plan.strides[k][d]);
      if (stride != 0 && stride < inner_stride && plan.sizes[d] >= 8) partner = d;
    }
  }
  if (partner < 0) return false;

  const int64_t remainder = plan.sizes[inner] % kTile;
  const int64_t blocks = plan.sizes[inner] / kTile;
  if (remainder != 0) {
    rest = plan;
    rest.sizes[inner] = remainder;
    rest.numel = plan.numel / plan.sizes[inner] * remainder;
    for (int k = 0; k < plan.operands; ++k) {
      if (rest.data[k] != nullptr) rest.data[k] += blocks * kTile * plan.strides[k][inner];
    }
    move_dim(rest, partner, inner - 1);
    plan.numel -= rest.numel;
  }
  // [..., inner] becomes [..., blocks, partner, kTile].
  plan.sizes[inner] = blocks;
  plan.sizes[inner + 1] = kTile;
  for (int k = 0; k < plan.operands; ++k) {
    plan.strides[k][inner + 1] = plan.strides[k][inner];
    plan.strides[k][inner] *= kTile;
  }
  ++plan.ndim;
  move_dim(plan, partner, inner);
  return remainder != 0;
}

}  // namespace tenon::cpu
