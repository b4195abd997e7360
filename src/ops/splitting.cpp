// Splitting a tensor along a dim into views, each call one node of the graph.
#include <algorithm>

#include "ops/view.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// The gradients of the parts, zeros for those that nobody used; `sizes_of(i)` is the shape of part i.
template <class SizesOf>
std::vector<Tensor> filled_grads(const BackwardContext& ctx, size_t count, const SizesOf& sizes_of) {
  TensorOptions options;
  for (size_t i = 0; i < count; ++i) {
    if (ctx.grad(i).defined()) options = ctx.grad(i).options();
  }
  std::vector<Tensor> grads;
  grads.reserve(count);
  for (size_t i = 0; i < count; ++i) grads.push_back(ctx.grad(i).defined() ? ctx.grad(i) : zeros(sizes_of(i), options));
  return grads;
}

template <class F>
std::vector<Tensor> record_parts(const char* name, const Tensor& self, std::vector<Tensor> parts, F&& backward) {
  if (parts.empty()) return parts;
  SmallVec<const Tensor*, 8> outputs;
  for (const Tensor& part : parts) outputs.push_back(&part);
  record_all(name, TensorPointers(outputs.data(), outputs.size()), &self, {}, std::forward<F>(backward));
  return parts;
}

void check_can_split(const Tensor& self, const char* op) {
  TENON_CHECK(self.dim() > 0, op, ": expects at least a 1-dimensional tensor");
}

// A dim without elements can be cut into any number of pieces, each of them a tensor.
void check_pieces(const char* op, int64_t pieces) {
  constexpr int64_t kMost = int64_t{1} << 24;
  TENON_CHECK_VALUE(pieces <= kMost, op, ": expects at most ", kMost, " pieces, got ", pieces);
}

// Views of `lengths` indices of dim d, one after the other; the lengths fit.
std::vector<Tensor> split_at(const char* op, const Tensor& self, size_t d, const DimVector& lengths) {
  std::vector<Tensor> parts;
  parts.reserve(lengths.size());
  DimVector sizes = self.impl()->sizes;
  int64_t offset = self.storage_offset();
  for (int64_t length : lengths) {
    sizes[d] = length;
    parts.push_back(make_view(self, sizes, self.strides(), offset));
    offset += length * self.strides()[d];
  }
  return record_parts(op, self, std::move(parts),
                      [shape = self.impl()->sizes, d, lengths](const BackwardContext& ctx) -> Grads {
                        DimVector part = shape;
                        return {cat(filled_grads(ctx, lengths.size(),
                                                 [&](size_t i) {
                                                   part[d] = lengths[i];
                                                   return IntArrayRef(part);
                                                 }),
                                    static_cast<int64_t>(d))};
                      });
}

// Pieces of `length`, the last with what remains; at least one.
DimVector equal_lengths(int64_t size, int64_t length) {
  DimVector lengths;
  for (int64_t at = 0; at < size; at += std::min(length, size - at)) lengths.push_back(std::min(length, size - at));
  if (lengths.empty()) lengths.push_back(size);
  return lengths;
}

// The dim that hsplit, vsplit or dsplit cuts, and a check that `sections` divide it.
int64_t checked_sections(const char* op, const Tensor& self, int64_t dim, int64_t sections) {
  const int64_t size = self.size(dim);
  TENON_CHECK(sections > 0 && size % sections == 0, op, ": attempted to split along dimension ", dim,
              ", but the size of the dimension ", size, " is not divisible by the split_size ", sections);
  return sections;
}

void check_dims(const char* op, const Tensor& self, int64_t least) {
  TENON_CHECK(self.dim() >= least, op, ": requires a tensor with at least ", least,
              " dimension(s), but got a tensor with ", self.dim(), " dimensions");
}

int64_t horizontal_dim(const Tensor& self) { return self.dim() == 1 ? 0 : 1; }

}  // namespace

std::vector<Tensor> split(const Tensor& self, int64_t split_size, int64_t dim) {
  check_can_split(self, "split");
  const auto d = static_cast<size_t>(wrap_dim(dim, self.dim(), "split"));
  const int64_t size = self.sizes()[d];
  TENON_CHECK(split_size >= 0, "split: expects split_size be non-negative, but got split_size=", split_size);
  TENON_CHECK(split_size > 0 || size == 0,
              "split: split_size can only be 0 if dimension size is 0, but got dimension size of ", size);
  return split_at("split", self, d, equal_lengths(size, split_size));
}

std::vector<Tensor> split(const Tensor& self, IntArrayRef split_size, int64_t dim) {
  return split_with_sizes(self, split_size, dim);
}

std::vector<Tensor> split_with_sizes(const Tensor& self, IntArrayRef split_sizes, int64_t dim) {
  check_can_split(self, "split_with_sizes");
  const auto d = static_cast<size_t>(wrap_dim(dim, self.dim(), "split_with_sizes"));
  int64_t total = 0;
  for (int64_t length : split_sizes) {
    TENON_CHECK(
        length >= 0,
        "split_with_sizes: expects split_sizes have only non-negative entries, but got split_sizes=", split_sizes);
    total = checked_add(total, length, "split_with_sizes");
  }
  TENON_CHECK(total == self.sizes()[d], "split_with_sizes: expects split_sizes to sum exactly to ", self.sizes()[d],
              " (input tensor's size at dimension ", d, "), but got split_sizes=", split_sizes);
  return split_at("split_with_sizes", self, d, split_sizes);
}

std::vector<Tensor> chunk(const Tensor& self, int64_t chunks, int64_t dim) {
  check_can_split(self, "chunk");
  TENON_CHECK(chunks > 0, "chunk: expects `chunks` to be greater than 0, got: ", chunks);
  const auto d = static_cast<size_t>(wrap_dim(dim, self.dim(), "chunk"));
  const int64_t size = self.sizes()[d];
  check_pieces("chunk", chunks);
  // Without elements there are as many empty chunks as asked for.
  if (size == 0) return split_at("chunk", self, d, DimVector(static_cast<size_t>(chunks), 0));
  return split_at("chunk", self, d, equal_lengths(size, size / chunks + (size % chunks != 0)));
}

std::vector<Tensor> tensor_split(const Tensor& self, int64_t sections, int64_t dim) {
  check_can_split(self, "tensor_split");
  TENON_CHECK(sections > 0, "tensor_split: number of sections must be larger than 0, got ", sections);
  check_pieces("tensor_split", sections);
  const auto d = static_cast<size_t>(wrap_dim(dim, self.dim(), "tensor_split"));
  const int64_t size = self.sizes()[d];
  DimVector lengths;
  for (int64_t i = 0; i < sections; ++i) lengths.push_back(size / sections + (i < size % sections));
  return split_at("tensor_split", self, d, lengths);
}

std::vector<Tensor> tensor_split(const Tensor& self, IntArrayRef indices, int64_t dim) {
  check_can_split(self, "tensor_split");
  const int64_t d = wrap_dim(dim, self.dim(), "tensor_split");
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (int64_t index : indices) {
    parts.push_back(slice(self, d, start, index, 1));
    start = index;
  }
  parts.push_back(slice(self, d, start, nullopt, 1));
  return parts;
}

std::vector<Tensor> tensor_split(const Tensor& self, const Tensor& tensor_indices_or_sections, int64_t dim) {
  const Tensor& given = tensor_indices_or_sections;
  TENON_CHECK(given.dtype() == kLong && given.is_cpu() && given.dim() <= 1,
              "tensor_split: tensor_indices_or_sections must be a 0-d or 1-d int64 tensor on the CPU, got shape ",
              given.sizes(), " and dtype ", given.dtype());
  if (given.dim() == 0) return tensor_split(self, given.item<int64_t>(), dim);
  const Tensor indices = given.contiguous();
  return tensor_split(self, IntArrayRef(indices.data_ptr<int64_t>(), static_cast<size_t>(indices.numel())), dim);
}

std::vector<Tensor> hsplit(const Tensor& self, int64_t sections) {
  check_dims("hsplit", self, 1);
  return tensor_split(self, checked_sections("hsplit", self, horizontal_dim(self), sections), horizontal_dim(self));
}
std::vector<Tensor> hsplit(const Tensor& self, IntArrayRef indices) {
  check_dims("hsplit", self, 1);
  return tensor_split(self, indices, horizontal_dim(self));
}
std::vector<Tensor> vsplit(const Tensor& self, int64_t sections) {
  check_dims("vsplit", self, 2);
  return tensor_split(self, checked_sections("vsplit", self, 0, sections), 0);
}
std::vector<Tensor> vsplit(const Tensor& self, IntArrayRef indices) {
  check_dims("vsplit", self, 2);
  return tensor_split(self, indices, 0);
}
std::vector<Tensor> dsplit(const Tensor& self, int64_t sections) {
  check_dims("dsplit", self, 3);
  return tensor_split(self, checked_sections("dsplit", self, 2, sections), 2);
}
std::vector<Tensor> dsplit(const Tensor& self, IntArrayRef indices) {
  check_dims("dsplit", self, 3);
  return tensor_split(self, indices, 2);
}

std::vector<Tensor> unbind(const Tensor& self, int64_t dim) {
  TENON_CHECK_INDEX(self.dim() > 0, "unbind: Dimension specified as ", dim, " but tensor has no dimensions");
  const auto d = static_cast<size_t>(wrap_dim(dim, self.dim(), "unbind"));
  DimVector sizes = self.impl()->sizes, strides = self.impl()->strides;
  const int64_t count = sizes[d], step = strides[d];
  sizes.erase(d);
  strides.erase(d);
  std::vector<Tensor> parts;
  parts.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    parts.push_back(make_view(self, sizes, strides, self.storage_offset() + i * step));
  return record_parts("unbind", self, std::move(parts), [sizes, d, count](const BackwardContext& ctx) -> Grads {
    return {stack(filled_grads(ctx, static_cast<size_t>(count), [&](size_t) { return IntArrayRef(sizes); }),
                  static_cast<int64_t>(d))};
  });
}

}  // namespace tenon
