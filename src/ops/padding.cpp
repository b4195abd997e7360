// Padding, moving elements between channels and space, and sliding blocks as columns; all made of other ops, which
// bring the gradients.
#include <algorithm>
#include <vector>

#include "autograd/record.h"
#include "ops/spatial.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// Amounts up to this can be negated, and added to the size of any dim.
constexpr int64_t kMostPadding = int64_t{1} << 62;
// From this size on a dim is padded by copying it whole and looking up its edges alone.
constexpr int64_t kLongDim = 32;

// The amounts before and after each padded dim, in the order of dims.
struct Sides {
  DimVector before, after;
};

Sides sides_of(const char* op, const Tensor& input, IntArrayRef pad) {
  TENON_CHECK(pad.size() % 2 == 0, op, ": pad must have an even number of entries, got ", pad);
  TENON_CHECK(static_cast<int64_t>(pad.size() / 2) <= input.dim(), op, ": pad of ", pad.size(), " entries is for ",
              pad.size() / 2, " dims, but input has shape ", input.sizes());
  for (const int64_t amount : pad) {
    TENON_CHECK(amount >= -kMostPadding && amount <= kMostPadding, op, ": amounts must be within 2^62, got pad ", pad);
  }
  Sides sides;
  for (size_t i = pad.size() / 2; i-- > 0;) {
    sides.before.push_back(pad[2 * i]);
    sides.after.push_back(pad[2 * i + 1]);
  }
  const int64_t lead = input.dim() - static_cast<int64_t>(sides.before.size());
  for (size_t d = 0; d < sides.before.size(); ++d) {
    const int64_t size = input.size(lead + static_cast<int64_t>(d));
    const int64_t padded = checked_add(checked_add(size, sides.before[d], op), sides.after[d], op);
    TENON_CHECK(padded >= 0, op, ": pad ", pad, " would make dim ", lead + static_cast<int64_t>(d), " of shape ",
                input.sizes(), " negative");
  }
  return sides;
}

// Where the elements from `begin` to before `end` of a padded dim come from; what is padded begins at zero.
Tensor source_indices(std::string_view mode, int64_t size, int64_t begin, int64_t end, Device device) {
  const Tensor wanted = arange(Scalar(begin), Scalar(end), Scalar(1), TensorOptions(kLong).device(device));
  if (mode == "replicate") return wanted.clamp(Scalar(0), Scalar(size - 1));
  if (mode == "circular") return wanted.remainder(Scalar(size));
  return rsub(abs(rsub(abs(wanted), Scalar(size - 1))), Scalar(size - 1));
}

// Pads one dim, or crops it where an amount is negative; checks what the mode allows for the size before all cropping.
Tensor pad_dim(const char* op, std::string_view mode, const Tensor& input, int64_t dim, int64_t uncropped,
               int64_t before, int64_t after) {
  const int64_t size = input.size(dim);
  TENON_CHECK(size > 0 || (before == 0 && after == 0), op, ": mode '", mode, "' cannot pad a dim of size 0");
  const int64_t most = mode == "reflect" ? uncropped - 1 : uncropped;
  TENON_CHECK(mode == "replicate" || (before <= most && after <= most), op, ": mode '", mode, "' pads a dim of size ",
              uncropped, " by at most ", most, ", got ", before, " and ", after);
  const auto selected = [&](int64_t begin, int64_t end) {
    return input.index_select(dim, source_indices(mode, size, begin, end, input.device()));
  };
  const int64_t first = std::max<int64_t>(0, -before), last = std::min(size, size + after);
  // One side may crop more than there is when the other adds it again; short dims do not pay for three parts.
  if (first > last || size < kLongDim) return selected(-before, size + after);
  std::vector<Tensor> parts;
  if (before > 0) parts.push_back(selected(-before, 0));
  parts.push_back(input.narrow(dim, first, last - first));
  if (after > 0) parts.push_back(selected(size, size + after));
  return cat(parts, dim);
}

// Crops where an amount is negative, and makes those amounts zero.
Tensor crop(Tensor input, Sides& sides) {
  const int64_t lead = input.dim() - static_cast<int64_t>(sides.before.size());
  for (size_t d = 0; d < sides.before.size(); ++d) {
    const int64_t dim = lead + static_cast<int64_t>(d);
    const int64_t front = std::max<int64_t>(0, -sides.before[d]), back = std::max<int64_t>(0, -sides.after[d]);
    // One side may crop more than there is when the other adds it again.
    const int64_t begin = std::min(front, input.size(dim)), end = std::max(begin, input.size(dim) - back);
    if (front > 0 || back > 0) input = input.narrow(dim, begin, end - begin);
    sides.before[d] = std::max<int64_t>(0, sides.before[d]);
    sides.after[d] = std::max<int64_t>(0, sides.after[d]);
  }
  return input;
}

}  // namespace

Tensor constant_pad_nd(const Tensor& self, IntArrayRef pad, const Scalar& value) {
  const char* op = "constant_pad_nd";
  const Sides sides = sides_of(op, self, pad);
  const size_t lead = static_cast<size_t>(self.dim()) - sides.before.size();
  DimVector sizes = self.sizes();
  for (size_t d = 0; d < sides.before.size(); ++d) sizes[lead + d] += sides.before[d] + sides.after[d];
  Tensor source = self, result = full(sizes, value, self.options()), window = result;
  for (size_t d = 0; d < sides.before.size(); ++d) {
    const auto dim = static_cast<int64_t>(lead + d);
    const int64_t begin = std::clamp<int64_t>(-sides.before[d], 0, self.size(dim));
    const int64_t end = std::clamp<int64_t>(self.size(dim) + sides.after[d], begin, self.size(dim));
    const int64_t length = std::min(end - begin, sizes[lead + d]);
    source = source.narrow(dim, begin, length);
    window = window.narrow(dim, std::clamp<int64_t>(sides.before[d], 0, sizes[lead + d] - length), length);
  }
  window.copy_(source);
  return shown_as("ConstantPadNdBackward0", result);
}

Tensor pad(const Tensor& input, IntArrayRef pad, std::string_view mode, optional<double> value) {
  const char* op = "pad";
  if (mode == "constant") return constant_pad_nd(input, pad, value ? Scalar(*value) : Scalar(0));
  TENON_CHECK_AS(NotImplementedError, mode == "reflect" || mode == "replicate" || mode == "circular", op,
                 ": mode must be 'constant', 'reflect', 'replicate' or 'circular', got '", mode, "'");
  TENON_CHECK(!value || *value == 0, op, ": mode '", mode, "' takes no value, got ", *value);
  Sides sides = sides_of(op, input, pad);
  const auto dims = static_cast<int64_t>(sides.before.size());
  TENON_CHECK(dims >= 1 && dims <= 3 && (input.dim() == dims + 1 || input.dim() == dims + 2), op, ": mode '", mode,
              "' pads the last 1, 2 or 3 dims of an input with one or two dims more, got pad ", pad, " for shape ",
              input.sizes());
  // What wraps around is what cropping leaves; the other modes see the whole input.
  Tensor result = mode == "circular" ? crop(input, sides) : input;
  const int64_t lead = input.dim() - dims;
  for (size_t d = 0; d < sides.before.size(); ++d) {
    if (sides.before[d] == 0 && sides.after[d] == 0) continue;
    const int64_t dim = lead + static_cast<int64_t>(d);
    result = pad_dim(op, mode, result, dim, input.size(dim), sides.before[d], sides.after[d]);
  }
  if (result.is_same(input)) return result;
  static constexpr const char* kShown[2][3] = {
      {"ReflectionPad1DBackward0", "ReflectionPad2DBackward0", "ReflectionPad3DBackward0"},
      {"ReplicationPad1DBackward0", "ReplicationPad2DBackward0", "ReplicationPad3DBackward0"}};
  return mode == "circular" ? result : shown_as(kShown[mode == "replicate"][dims - 1], result);
}

Tensor pixel_shuffle(const Tensor& input, int64_t upscale_factor) {
  const char* op = "pixel_shuffle";
  TENON_CHECK(input.dim() >= 3, op, ": input must have at least 3 dims, got shape ", input.sizes());
  TENON_CHECK(upscale_factor > 0, op, ": upscale_factor must be positive, got ", upscale_factor);
  const int64_t r = upscale_factor, square = checked_mul(r, r, op);
  TENON_CHECK(input.size(-3) % square == 0, op, ": the ", input.size(-3),
              " channels must divide by upscale_factor squared, ", square);
  DimVector split, merged;
  for (int64_t d = 0; d < input.dim() - 3; ++d) split.push_back(input.size(d));
  merged = split;
  for (int64_t n : {input.size(-3) / square, r, r, input.size(-2), input.size(-1)}) split.push_back(n);
  for (int64_t n : {input.size(-3) / square, checked_mul(input.size(-2), r, op), checked_mul(input.size(-1), r, op)})
    merged.push_back(n);
  // [..., C, r, r, H, W] to [..., C, H, r, W, r].
  return input.reshape(split).movedim({-4, -3}, {-3, -1}).reshape(merged);
}

Tensor pixel_unshuffle(const Tensor& input, int64_t downscale_factor) {
  const char* op = "pixel_unshuffle";
  TENON_CHECK(input.dim() >= 3, op, ": input must have at least 3 dims, got shape ", input.sizes());
  TENON_CHECK(downscale_factor > 0, op, ": downscale_factor must be positive, got ", downscale_factor);
  const int64_t r = downscale_factor;
  TENON_CHECK(input.size(-2) % r == 0 && input.size(-1) % r == 0, op, ": height and width of shape ", input.sizes(),
              " must divide by downscale_factor ", r);
  DimVector split, merged;
  for (int64_t d = 0; d < input.dim() - 3; ++d) split.push_back(input.size(d));
  merged = split;
  for (int64_t n : {input.size(-3), input.size(-2) / r, r, input.size(-1) / r, r}) split.push_back(n);
  for (int64_t n : {checked_mul(input.size(-3), checked_mul(r, r, op), op), input.size(-2) / r, input.size(-1) / r})
    merged.push_back(n);
  // [..., C, H, r, W, r] to [..., C, r, r, H, W].
  return input.reshape(split).movedim({-3, -1}, {-4, -3}).reshape(merged);
}

Tensor channel_shuffle(const Tensor& input, int64_t groups) {
  const char* op = "channel_shuffle";
  TENON_CHECK(input.dim() >= 3, op, ": input must have at least 3 dims, got shape ", input.sizes());
  TENON_CHECK(groups > 0 && input.size(1) % groups == 0, op, ": the ", input.size(1),
              " channels must divide into groups, got ", groups);
  DimVector split = input.sizes();
  split[1] = input.size(1) / groups;
  split.insert(1, groups);
  return input.reshape(split).transpose(1, 2).reshape(input.sizes());
}

namespace {

// The blocks of an image [N, C, H, W] as a view [N, C, kh, kw, rows, columns].
Tensor blocks_of(const char* op, const Tensor& image, IntArrayRef kernel, IntArrayRef dilation, IntArrayRef stride) {
  Tensor blocks = image;
  for (int64_t d = 0; d < 2; ++d) {
    const auto i = static_cast<size_t>(d);
    const int64_t reach = checked_add(checked_mul(kernel[i] - 1, dilation[i], op), 1, op);
    TENON_CHECK(reach <= image.size(d + 2), op, ": a block of kernel_size ", kernel, " with dilation ", dilation,
                " does not fit a padded image of shape ", image.sizes());
    blocks = blocks.unfold(d + 2, reach, stride[i]).slice(-1, 0, nullopt, std::min(dilation[i], reach));
  }
  return blocks.permute({0, 1, 4, 5, 2, 3});
}

// F.pad's list for the same padding on both sides of height and width.
DimVector both_sides(const DimVector& padding) { return {padding[1], padding[1], padding[0], padding[0]}; }

}  // namespace

Tensor unfold(const Tensor& input, IntArrayRef kernel_size, IntArrayRef dilation, IntArrayRef padding,
              IntArrayRef stride) {
  const char* op = "unfold";
  if (input.dim() == 3) return unfold(input.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0);
  TENON_CHECK(input.dim() == 4, op, ": input must have 3 or 4 dims, got shape ", input.sizes());
  const DimVector kernel = per_dim(op, "kernel_size", kernel_size, 2, 1),
                  gaps = per_dim(op, "dilation", dilation, 2, 1);
  const DimVector sides = per_dim(op, "padding", padding, 2, 0), steps = per_dim(op, "stride", stride, 2, 1);
  const Tensor blocks = blocks_of(op, constant_pad_nd(input, both_sides(sides), Scalar(0)), kernel, gaps, steps);
  const int64_t rows = checked_mul(input.size(1), checked_mul(kernel[0], kernel[1], op), op);
  return blocks.reshape({input.size(0), rows, blocks.size(4) * blocks.size(5)});
}

Tensor fold(const Tensor& input, IntArrayRef output_size, IntArrayRef kernel_size, IntArrayRef dilation,
            IntArrayRef padding, IntArrayRef stride) {
  const char* op = "fold";
  if (input.dim() == 2) return fold(input.unsqueeze(0), output_size, kernel_size, dilation, padding, stride).squeeze(0);
  TENON_CHECK(input.dim() == 3, op, ": input must have 2 or 3 dims, got shape ", input.sizes());
  const DimVector size = per_dim(op, "output_size", output_size, 2, 1),
                  kernel = per_dim(op, "kernel_size", kernel_size, 2, 1);
  const DimVector gaps = per_dim(op, "dilation", dilation, 2, 1), steps = per_dim(op, "stride", stride, 2, 1);
  const DimVector sides = per_dim(op, "padding", padding, 2, 0);
  const int64_t block = checked_mul(kernel[0], kernel[1], op);
  TENON_CHECK(input.size(1) % block == 0, op, ": the ", input.size(1), " rows must divide by the ", block,
              " elements of a block");
  const int64_t channels = input.size(1) / block;
  const int64_t height = checked_add(size[0], checked_mul(2, sides[0], op), op),
                width = checked_add(size[1], checked_mul(2, sides[1], op), op);
  const int64_t plane = checked_mul(height, width, op);
  // Where in a padded plane each element of a column belongs.
  const Tensor places =
      arange(Scalar(plane), TensorOptions().dtype(kLong).device(input.device())).reshape({1, 1, height, width});
  const Tensor blocks = blocks_of(op, places, kernel, gaps, steps);
  const int64_t count = blocks.size(4) * blocks.size(5);
  TENON_CHECK(input.size(2) == count, op, ": input of shape ", input.sizes(), " must have ", count,
              " columns for output_size ", size);
  const Tensor padded =
      zeros({input.size(0), channels, plane}, input.options())
          .index_add(2, blocks.reshape({block * count}), input.reshape({input.size(0), channels, block * count}));
  return padded.reshape({input.size(0), channels, height, width})
      .narrow(2, sides[0], size[0])
      .narrow(3, sides[1], size[1]);
}

}  // namespace tenon
