// Convolutions. With F the convolution of x and w, G its gradient for x and W that for w, each of the three is linear
// in both of its arguments and has the other two as gradients; so all derivatives of any order are made of these three.
#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/spatial.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// Stride, padding and dilation per spatial dim, and the number of groups.
struct ConvParams {
  DimVector stride, padding, dilation;
  int64_t groups;
};

// One spatial dim's extent of a dilated kernel.
int64_t reach(const char* op, int64_t kernel, int64_t dilation) {
  return checked_add(checked_mul(kernel - 1, dilation, op), 1, op);
}

void check_operands(const char* op, const Tensor& a, const Tensor& b) {
  TENON_CHECK(a.dtype() == b.dtype(), op, ": input and weight must have one dtype, got ", a.dtype(), " and ",
              b.dtype());
  TENON_CHECK_DEVICE(a.device() == b.device(), op, ": all tensors must be on one device, got ", a.device(), " and ",
                     b.device());
  TENON_CHECK(a.dim() == b.dim() && a.dim() >= 3 && a.dim() <= 5, op,
              ": input and weight must both have 3, 4 or 5 dims, got shapes ", a.sizes(), " and ", b.sizes());
}

DimVector output_sizes(const char* op, IntArrayRef input, IntArrayRef weight, const ConvParams& p) {
  DimVector sizes{input[0], weight[0]};
  for (size_t d = 0; d < p.stride.size(); ++d) {
    TENON_CHECK(weight[d + 2] > 0, op, ": the kernel must not be empty, got weight of shape ", weight);
    const int64_t padded = checked_add(input[d + 2], checked_mul(2, p.padding[d], op), op);
    const int64_t room = padded - reach(op, weight[d + 2], p.dilation[d]);
    TENON_CHECK(room >= 0, op, ": the kernel of weight ", weight, " with dilation ", p.dilation, " does not fit input ",
                input, " padded by ", p.padding);
    sizes.push_back(room / p.stride[d] + 1);
  }
  return sizes;
}

void check_groups(const char* op, IntArrayRef input, IntArrayRef weight, const ConvParams& p) {
  TENON_CHECK(p.groups > 0, op, ": groups must be positive, got ", p.groups);
  TENON_CHECK(weight[0] % p.groups == 0, op, ": the ", weight[0], " output channels do not divide into ", p.groups,
              " groups");
  TENON_CHECK(input[1] % p.groups == 0 && input[1] / p.groups == weight[1], op, ": input of shape ", input, " has ",
              input[1], " channels; weight of shape ", weight, " takes ", weight[1], " for each of ", p.groups,
              " groups");
}

// Whether a gradient of this shape may be that of a convolution of these: its positions may end before the input does.
void check_gradient(const char* op, IntArrayRef grad, IntArrayRef input, IntArrayRef weight, const ConvParams& p) {
  const size_t dims = p.stride.size();
  TENON_CHECK(grad.size() == input.size() && grad.size() == weight.size() && grad.size() == dims + 2 && dims >= 1 &&
                  dims <= 3 && p.padding.size() == dims && p.dilation.size() == dims,
              op, ": grad ", grad, ", input ", input, " and weight ", weight, " with stride ", p.stride, ", padding ",
              p.padding, " and dilation ", p.dilation, " must all be of one convolution in 1, 2 or 3 dims");
  check_groups(op, input, weight, p);
  TENON_CHECK(grad[0] == input[0] && grad[1] == weight[0], op, ": grad of shape ", grad, " does not fit input ", input,
              " and weight ", weight);
  for (size_t d = 0; d < dims; ++d) {
    TENON_CHECK(p.stride[d] > 0 && p.dilation[d] > 0 && p.padding[d] >= 0, op, ": stride ", p.stride, " and dilation ",
                p.dilation, " must be positive, padding ", p.padding, " must not be negative");
    if (grad[d + 2] == 0 || weight[d + 2] == 0) continue;
    const int64_t end =
        checked_add(checked_mul(grad[d + 2] - 1, p.stride[d], op), reach(op, weight[d + 2], p.dilation[d]), op);
    TENON_CHECK(end <= checked_add(input[d + 2], checked_mul(2, p.padding[d], op), op), op, ": grad of shape ", grad,
                " has positions outside input ", input, " padded by ", p.padding);
  }
}

ConvGeometry geometry_of(IntArrayRef input, IntArrayRef weight, IntArrayRef output, const ConvParams& p) {
  ConvGeometry g{input[0],  p.groups,  input[1],  weight[0], {1, 1, 1},
                 {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}};
  const size_t lead = 3 - p.stride.size();
  for (size_t d = 0; d < p.stride.size(); ++d) {
    g.in[lead + d] = input[d + 2];
    g.out[lead + d] = output[d + 2];
    g.kernel[lead + d] = weight[d + 2];
    g.stride[lead + d] = p.stride[d];
    g.padding[lead + d] = p.padding[d];
    g.dilation[lead + d] = p.dilation[d];
  }
  return g;
}

// Kernels take contiguous operands, and no half types.
Tensor plain(const Tensor& x) { return (is_reduced_floating_point(x.dtype()) ? to_dtype(x, kFloat) : x).contiguous(); }

// Runs `kernel(result, a, b)` on plain operands without recording, and gives a result of a's dtype.
template <class Kernel>
Tensor compute(const char* op, IntArrayRef sizes, const Tensor& a, const Tensor& b, Kernel kernel) {
  NoGradGuard no_grad;
  Tensor x = plain(a), y = plain(b);
  Tensor out = make_tensor(sizes, x.dtype(), x.device(), op);
  const ConvKernels& kernels = kernels_of<&Backend::conv>(out.device(), op);
  if (x.numel() == 0 || y.numel() == 0) {
    out.zero_();
  } else if (out.numel() > 0) {
    kernel(kernels, view_of(out), view_of(x), view_of(y));
  }
  return to_dtype(out, a.dtype());
}

Tensor conv_forward(const Tensor& input, const Tensor& weight, const ConvParams& p) {
  const DimVector sizes = output_sizes("convolution", input.sizes(), weight.sizes(), p);
  const ConvGeometry geometry = geometry_of(input.sizes(), weight.sizes(), sizes, p);
  Tensor out =
      compute("convolution", sizes, input, weight,
              [&](const ConvKernels& k, TensorView y, TensorView x, TensorView w) { k.forward(y, x, w, geometry); });
  return record("convolution", out, {&input, &weight}, {&input, &weight}, [p](const BackwardContext& ctx) -> Grads {
    Tensor x = ctx.saved(0), w = ctx.saved(1);
    return {
        ctx.needs(0) ? conv_input_gradient(ctx.grad(), w.conj(), x.sizes(), p.stride, p.padding, p.dilation, p.groups)
                     : Tensor(),
        ctx.needs(1) ? conv_weight_gradient(ctx.grad(), x.conj(), w.sizes(), p.stride, p.padding, p.dilation, p.groups)
                     : Tensor()};
  });
}

// The convolution at the first positions, as many as `sizes` has: the input may reach beyond them, by output_padding.
Tensor conv_at(IntArrayRef sizes, const Tensor& input, const Tensor& weight, const ConvParams& p) {
  Tensor out = conv_forward(input, weight, p);
  for (size_t d = 2; d < sizes.size(); ++d) out = out.narrow(static_cast<int64_t>(d), 0, sizes[d]);
  return out;
}

}  // namespace

Tensor conv_input_gradient(const Tensor& grad, const Tensor& weight, IntArrayRef input_size, IntArrayRef stride,
                           IntArrayRef padding, IntArrayRef dilation, int64_t groups) {
  const ConvParams p{stride, padding, dilation, groups};
  check_operands("conv_input_gradient", grad, weight);
  check_gradient("conv_input_gradient", grad.sizes(), input_size, weight.sizes(), p);
  const ConvGeometry geometry = geometry_of(input_size, weight.sizes(), grad.sizes(), p);
  Tensor out = compute(
      "conv_input_gradient", input_size, grad, weight,
      [&](const ConvKernels& k, TensorView gx, TensorView gy, TensorView w) { k.input_gradient(gx, gy, w, geometry); });
  return record(
      "conv_input_gradient", out, {&grad, &weight}, {&grad, &weight}, [p](const BackwardContext& ctx) -> Grads {
        const Tensor& v = ctx.grad();
        Tensor g = ctx.saved(0), w = ctx.saved(1);
        return {ctx.needs(0) ? conv_at(g.sizes(), v, w.conj(), p) : Tensor(),
                ctx.needs(1) ? conv_weight_gradient(g.conj(), v, w.sizes(), p.stride, p.padding, p.dilation, p.groups)
                             : Tensor()};
      });
}

Tensor conv_weight_gradient(const Tensor& grad, const Tensor& input, IntArrayRef weight_size, IntArrayRef stride,
                            IntArrayRef padding, IntArrayRef dilation, int64_t groups) {
  const ConvParams p{stride, padding, dilation, groups};
  check_operands("conv_weight_gradient", grad, input);
  check_gradient("conv_weight_gradient", grad.sizes(), input.sizes(), weight_size, p);
  const ConvGeometry geometry = geometry_of(input.sizes(), weight_size, grad.sizes(), p);
  Tensor out = compute("conv_weight_gradient", weight_size, grad, input,
                       [&](const ConvKernels& k, TensorView gw, TensorView gy, TensorView x) {
                         k.weight_gradient(gw, gy, x, geometry);
                       });
  return record(
      "conv_weight_gradient", out, {&grad, &input}, {&grad, &input}, [p](const BackwardContext& ctx) -> Grads {
        const Tensor& u = ctx.grad();
        Tensor g = ctx.saved(0), x = ctx.saved(1);
        return {ctx.needs(0) ? conv_at(g.sizes(), x.conj(), u, p) : Tensor(),
                ctx.needs(1) ? conv_input_gradient(g.conj(), u, x.sizes(), p.stride, p.padding, p.dilation, p.groups)
                             : Tensor()};
      });
}

Tensor convolution(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias, IntArrayRef stride,
                   IntArrayRef padding, IntArrayRef dilation, bool transposed, IntArrayRef output_padding,
                   int64_t groups) {
  TENON_AUTOCAST(convolution, input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
  const char* op = transposed ? "conv_transpose" : "convolution";
  check_operands(op, input, weight);
  const size_t dims = static_cast<size_t>(input.dim()) - 2;
  const ConvParams p{per_dim(op, "stride", stride, dims, 1), per_dim(op, "padding", padding, dims, 0),
                     per_dim(op, "dilation", dilation, dims, 1), groups};
  const int64_t channels = transposed ? checked_mul(weight.size(1), std::max<int64_t>(groups, 1), op) : weight.size(0);
  if (bias) {
    TENON_CHECK(bias->dim() == 1 && bias->size(0) == channels, op, ": bias must have shape [", channels, "], got ",
                bias->sizes());
    TENON_CHECK(bias->dtype() == input.dtype(), op, ": input has dtype ", input.dtype(), " but bias has ",
                bias->dtype());
  }
  Tensor out;
  if (!transposed) {
    check_groups(op, input.sizes(), weight.sizes(), p);
    out = conv_forward(input, weight, p);
  } else {
    const DimVector extra = per_dim(op, "output_padding", output_padding, dims, 0);
    TENON_CHECK(groups > 0 && weight.size(0) == input.size(1) && weight.size(0) % groups == 0, op, ": input of shape ",
                input.sizes(), " and weight of shape ", weight.sizes(), " do not fit with ", groups, " groups");
    DimVector sizes{input.size(0), channels};
    for (size_t d = 0; d < dims; ++d) {
      TENON_CHECK(extra[d] < p.stride[d] || extra[d] < p.dilation[d], op, ": output_padding ", extra,
                  " must be smaller than stride ", p.stride, " or dilation ", p.dilation);
      const int64_t spread = checked_mul(input.size(static_cast<int64_t>(d) + 2) - 1, p.stride[d], op);
      const int64_t full = checked_add(
          checked_add(spread, reach(op, weight.size(static_cast<int64_t>(d) + 2), p.dilation[d]), op), extra[d], op);
      sizes.push_back(full - checked_mul(2, p.padding[d], op));
      TENON_CHECK(sizes.back() > 0, op, ": input ", input.sizes(), " with padding ", p.padding,
                  " would give an output of size ", sizes);
    }
    out = conv_input_gradient(input, weight, sizes, p.stride, p.padding, p.dilation, groups);
  }
  if (!bias) return out;
  DimVector shape(dims + 1, 1);
  shape[0] = channels;
  return shown_as("ConvolutionBackward0", add(out, bias->view(shape)));
}

namespace {

// Handles inputs without a batch dim.
template <class Run>
Tensor with_batch(const char* op, const Tensor& input, const Tensor& weight, int64_t dims, Run run) {
  TENON_CHECK(weight.dim() == dims + 2, op, ": weight must have ", dims + 2, " dims, got shape ", weight.sizes());
  TENON_CHECK(input.dim() == dims + 2 || input.dim() == dims + 1, op, ": input must have ", dims + 1, " or ", dims + 2,
              " dims, got shape ", input.sizes());
  return input.dim() == dims + 2 ? run(input) : run(input.unsqueeze(0)).squeeze(0);
}

Tensor conv(const char* op, int64_t dims, const Tensor& input, const Tensor& weight, const optional<Tensor>& bias,
            IntArrayRef stride, IntArrayRef padding, IntArrayRef dilation, int64_t groups) {
  return with_batch(op, input, weight, dims, [&](const Tensor& x) {
    return convolution(x, weight, bias, stride, padding, dilation, false, {0}, groups);
  });
}

// 'same' pads so that the output has the input's size; an odd total puts the extra element at the end.
Tensor conv(const char* op, int64_t dims, const Tensor& input, const Tensor& weight, const optional<Tensor>& bias,
            IntArrayRef stride, std::string_view padding, IntArrayRef dilation, int64_t groups) {
  TENON_CHECK(padding == "same" || padding == "valid", op, ": padding must be 'valid' or 'same', got '", padding, "'");
  if (padding == "valid") return conv(op, dims, input, weight, bias, stride, IntArrayRef{0}, dilation, groups);
  const DimVector steps = per_dim(op, "stride", stride, static_cast<size_t>(dims), 1);
  const DimVector gaps = per_dim(op, "dilation", dilation, static_cast<size_t>(dims), 1);
  return with_batch(op, input, weight, dims, [&](const Tensor& x) {
    DimVector sides, sizes = x.impl()->sizes;
    bool uneven = false;
    for (size_t d = 0; d < steps.size(); ++d) {
      TENON_CHECK(steps[d] == 1, op, ": padding 'same' needs stride 1, got ", stride);
      const int64_t total = reach(op, weight.size(static_cast<int64_t>(d) + 2), gaps[d]) - 1;
      sides.push_back(total / 2);
      sizes[d + 2] += total % 2;
      uneven |= total % 2 != 0;
    }
    Tensor padded = x;
    if (uneven) {
      padded = zeros(sizes, x.options());
      Tensor window = padded;
      for (int64_t d = 2; d < x.dim(); ++d) window = window.narrow(d, 0, x.size(d));
      window.copy_(x);
    }
    return convolution(padded, weight, bias, steps, sides, gaps, false, {0}, groups);
  });
}

Tensor conv_transpose(const char* op, int64_t dims, const Tensor& input, const Tensor& weight,
                      const optional<Tensor>& bias, IntArrayRef stride, IntArrayRef padding, IntArrayRef output_padding,
                      int64_t groups, IntArrayRef dilation) {
  return with_batch(op, input, weight, dims, [&](const Tensor& x) {
    return convolution(x, weight, bias, stride, padding, dilation, true, output_padding, groups);
  });
}

}  // namespace

#define TENON_CONV(dims)                                                                                              \
  Tensor conv##dims##d(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias, IntArrayRef stride,   \
                       IntArrayRef padding, IntArrayRef dilation, int64_t groups) {                                   \
    TENON_AUTOCAST_AS("conv" #dims "d", conv##dims##d, input, weight, bias, stride, padding, dilation, groups)        \
    return conv("conv" #dims "d", dims, input, weight, bias, stride, padding, dilation, groups);                      \
  }                                                                                                                   \
  Tensor conv##dims##d(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias, IntArrayRef stride,   \
                       std::string_view padding, IntArrayRef dilation, int64_t groups) {                              \
    TENON_AUTOCAST_AS("conv" #dims "d", conv##dims##d, input, weight, bias, stride, padding, dilation, groups)        \
    return conv("conv" #dims "d", dims, input, weight, bias, stride, padding, dilation, groups);                      \
  }                                                                                                                   \
  Tensor conv_transpose##dims##d(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias,             \
                                 IntArrayRef stride, IntArrayRef padding, IntArrayRef output_padding, int64_t groups, \
                                 IntArrayRef dilation) {                                                              \
    TENON_AUTOCAST_AS("conv_transpose" #dims "d", conv_transpose##dims##d, input, weight, bias, stride, padding,      \
                      output_padding, groups, dilation)                                                               \
    return conv_transpose("conv_transpose" #dims "d", dims, input, weight, bias, stride, padding, output_padding,     \
                          groups, dilation);                                                                          \
  }
TENON_CONV(1)
TENON_CONV(2)
TENON_CONV(3)
#undef TENON_CONV

Tensor conv_tbc(const Tensor& input, const Tensor& weight, const Tensor& bias, int64_t pad) {
  TENON_AUTOCAST(conv_tbc, input, weight, bias, pad)
  TENON_CHECK(input.dim() == 3 && weight.dim() == 3 && bias.dim() == 1,
              "conv_tbc: expected input [time, batch, in], weight [kernel, in, out] and bias [out], got shapes ",
              input.sizes(), ", ", weight.sizes(), " and ", bias.sizes());
  return conv1d(input.permute({1, 2, 0}), weight.permute({2, 1, 0}), bias, 1, pad).permute({2, 0, 1});
}

}  // namespace tenon
