// Ops that repeat, move or reverse the indices of dims: repeat, tile, repeat_interleave, roll, flip, rot90.
#include <algorithm>

#include "backend/kernels_of.h"
#include "ops/view.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {

Tensor repeat(const Tensor& self, IntArrayRef repeats) {
  TENON_CHECK(repeats.size() >= self.sizes().size(),
              "repeat: Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor, got "
              "repeats ",
              repeats, " for shape ", self.sizes());
  const size_t lead = repeats.size() - self.sizes().size();
  // Each dim becomes a pair: which copy, and where in it.
  DimVector apart, expanded, joined;
  for (size_t d = 0; d < repeats.size(); ++d) {
    const int64_t own = d < lead ? 1 : self.sizes()[d - lead];
    TENON_CHECK(repeats[d] >= 0, "repeat: repeats must not be negative, got ", repeats);
    apart.push_back(1);
    apart.push_back(own);
    expanded.push_back(repeats[d]);
    expanded.push_back(own);
    joined.push_back(checked_mul(repeats[d], own, "repeat"));
  }
  checked_numel(joined, "repeat");
  return view(clone(expand(reshape(self, apart), expanded, false), MemoryFormat::Contiguous), joined);
}

Tensor tile(const Tensor& self, IntArrayRef dims) {
  if (dims.size() >= self.sizes().size()) return repeat(self, dims);
  DimVector repeats(self.sizes().size(), 1);
  std::copy(dims.begin(), dims.end(), repeats.end() - dims.size());
  return repeat(self, repeats);
}

namespace {

void check_output_size(optional<int64_t> output_size, int64_t actual) {
  TENON_CHECK(!output_size || *output_size == actual, "repeat_interleave: output_size is ", output_size.value_or(0),
              ", but the repeats sum to ", actual);
}

}  // namespace

Tensor repeat_interleave(const Tensor& self, int64_t repeats, optional<int64_t> dim, optional<int64_t> output_size) {
  TENON_CHECK(repeats >= 0, "repeat_interleave: repeats can not be negative, got ", repeats);
  const Tensor input = dim ? atleast_1d(self) : flatten(self, 0, -1);
  const auto d = static_cast<size_t>(wrap_dim(dim.value_or(0), input.dim(), "repeat_interleave"));
  DimVector expanded = input.impl()->sizes, joined = expanded;
  expanded.insert(d + 1, repeats);
  joined[d] = checked_mul(joined[d], repeats, "repeat_interleave");
  check_output_size(output_size, joined[d]);
  Tensor copies = expand(unsqueeze(input, static_cast<int64_t>(d) + 1), expanded, false);
  return view(clone(copies, MemoryFormat::Contiguous), joined);
}

Tensor repeat_interleave(const Tensor& repeats, optional<int64_t> output_size) {
  TENON_CHECK(repeats.dim() == 1, "repeat_interleave: repeats must be a 1-d tensor, got shape ", repeats.sizes());
  TENON_CHECK(repeats.dtype() == kLong || repeats.dtype() == kInt,
              "repeat_interleave: repeats must be int64 or int32, got ", repeats.dtype());
  const Tensor counts = repeats.to(Device(kCPU), kLong).contiguous();
  const int64_t* count = counts.data_ptr<int64_t>();
  int64_t total = 0;
  for (int64_t i = 0; i < counts.numel(); ++i) {
    TENON_CHECK(count[i] >= 0, "repeat_interleave: repeats can not be negative, got ", count[i]);
    total = checked_add(total, count[i], "repeat_interleave");
  }
  check_output_size(output_size, total);
  Tensor out = make_tensor({total}, kLong, Device(kCPU), "repeat_interleave");
  int64_t* place = out.data_ptr<int64_t>();
  for (int64_t i = 0; i < counts.numel(); ++i) place = std::fill_n(place, count[i], i);
  return out.to(repeats.device(), repeats.dtype());
}

Tensor repeat_interleave(const Tensor& self, const Tensor& repeats, optional<int64_t> dim,
                         optional<int64_t> output_size) {
  const Tensor input = dim ? atleast_1d(self) : flatten(self, 0, -1);
  const int64_t d = wrap_dim(dim.value_or(0), input.dim(), "repeat_interleave");
  const int64_t size = input.size(d);
  TENON_CHECK(repeats.dim() <= 1, "repeat_interleave: repeats must be 0-d or 1-d, got shape ", repeats.sizes());
  TENON_CHECK(repeats.numel() == 1 || repeats.numel() == size,
              "repeat_interleave: repeats must have the same size as input along dim ", d, ", but repeats.numel() is ",
              repeats.numel(), " and input.size(", d, ") is ", size);
  const Tensor counts = repeats.numel() == 1 ? expand(reshape(repeats, {1}), {size}, false) : repeats;
  return index_select(input, d, repeat_interleave(counts, output_size));
}

namespace {

// `shifts` are in [0, size) of their dims.
Tensor rolled(const Tensor& self, const DimVector& shifts, const DimVector& dims) {
  Tensor out = self;
  {
    NoGradGuard no_grad;
    for (size_t i = 0; i < dims.size(); ++i) {
      if (shifts[i] == 0) continue;
      const int64_t kept = self.size(dims[i]) - shifts[i];
      out = cat({out.narrow(dims[i], kept, shifts[i]), out.narrow(dims[i], 0, kept)}, dims[i]);
    }
    if (out.is_same(self)) out = self.clone();
  }
  return record("roll", out, &self, {}, [shifts, dims](const BackwardContext& ctx) -> Grads {
    DimVector back(shifts);
    for (size_t i = 0; i < dims.size(); ++i) {
      if (shifts[i] > 0) back[i] = ctx.grad().size(dims[i]) - shifts[i];
    }
    return {rolled(ctx.grad(), back, dims)};
  });
}

}  // namespace

Tensor roll(const Tensor& self, IntArrayRef shifts, IntArrayRef dims) {
  TENON_CHECK(!shifts.empty(), "roll: `shifts` required");
  if (dims.empty() && shifts.size() == 1) return reshape(roll(flatten(self, 0, -1), shifts, {0}), self.sizes());
  TENON_CHECK(shifts.size() == dims.size(), "roll: shifts and dimensions must align. shifts: ", shifts.size(),
              ", dims: ", dims.size());
  TENON_CHECK_INDEX(self.dim() > 0, "roll: a 0-d tensor has no dim to roll");
  DimVector steps(shifts), along(dims);
  for (size_t i = 0; i < along.size(); ++i) {
    along[i] = wrap_dim(dims[i], self.dim(), "roll");
    const int64_t size = std::max<int64_t>(self.size(along[i]), 1);
    steps[i] = (shifts[i] % size + size) % size;
  }
  return rolled(self, steps, along);
}

Tensor flip(const Tensor& self, IntArrayRef dims) {
  const DimVector reversed = wrap_dims(dims, self.dim(), "flip");
  Tensor out = make_like(self, self.dtype());
  if (self.numel() > 0) {
    DimVector strides = self.impl()->strides;
    int64_t last = 0;
    for (int64_t dim : reversed) {
      const auto d = static_cast<size_t>(dim);
      if (d >= strides.size()) continue;  // the one dim that a 0-d tensor accepts
      last += (self.sizes()[d] - 1) * strides[d];
      strides[d] = -strides[d];
    }
    auto* data = static_cast<char*>(self.data_ptr()) + last * static_cast<int64_t>(self.element_size());
    kernels_of<&Backend::elementwise>(self.device(), "flip")
        .copy(view_of(out), {data, self.dtype(), self.sizes(), strides});
  }
  return record("flip", out, &self, {},
                [reversed](const BackwardContext& ctx) -> Grads { return {flip(ctx.grad(), reversed)}; });
}

Tensor fliplr(const Tensor& self) {
  TENON_CHECK(self.dim() >= 2, "fliplr: Input must be >= 2-d, got shape ", self.sizes());
  return flip(self, {1});
}

Tensor flipud(const Tensor& self) {
  TENON_CHECK(self.dim() >= 1, "flipud: Input must be >= 1-d, got a 0-d tensor");
  return flip(self, {0});
}

Tensor rot90(const Tensor& self, int64_t k, IntArrayRef dims) {
  TENON_CHECK(dims.size() == 2, "rot90: expected total rotation dims == 2, but got dims = ", dims.size());
  TENON_CHECK(self.dim() >= 2, "rot90: expected total dims >= 2, but got total dims = ", self.dim());
  const int64_t from = wrap_dim(dims[0], self.dim(), "rot90"), to = wrap_dim(dims[1], self.dim(), "rot90");
  TENON_CHECK(from != to, "rot90: expected rotation dims to be different, but got dim0 = ", dims[0],
              " and dim1 = ", dims[1]);
  switch ((k % 4 + 4) % 4) {
    case 1: return transpose(flip(self, {to}), from, to);
    case 2: return flip(self, {from, to});
    case 3: return transpose(flip(self, {from}), from, to);
    default: return clone(self, MemoryFormat::Contiguous);
  }
}

}  // namespace tenon
