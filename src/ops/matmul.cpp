// Matrix products: the recorded primitives (mm, bmm, addmm, linear) and what is composed of them.
#include <algorithm>
#include <numeric>
#include <vector>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/elementwise.h"
#include "ops/same_device.h"
#include "ops/view.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

void check_pair(const char* op, const Tensor& a, const Tensor& b) {
  TENON_CHECK(a.dtype() == b.dtype(), op, ": both operands must have one dtype, got ", a.dtype(), " and ", b.dtype());
  TENON_CHECK(a.dtype() != kBool, op, ": not implemented for bool tensors");
  TENON_CHECK_DEVICE(a.device() == b.device(), op, ": all tensors must be on one device, got ", a.device(), " and ",
                     b.device());
}

void check_dim(const char* op, const char* argument, const Tensor& tensor, int64_t dim) {
  TENON_CHECK(tensor.dim() == dim, op, ": ", argument, " must have ", dim, " dims, got shape ", tensor.sizes());
}

void check_inner(const char* op, const Tensor& a, const Tensor& b) {
  TENON_CHECK(a.size(-1) == b.size(-2), op, ": shapes ", a.sizes(), " and ", b.sizes(), " cannot be multiplied: ",
              a.size(-1), " columns meet ", b.size(-2), " rows");
}

// A matrix or a batch of matrices as the 3-d view that kernels take.
class Batch {
 public:
  explicit Batch(const Tensor& x) : sizes_(x.impl()->sizes), strides_(x.impl()->strides) {
    if (sizes_.size() == 2) {
      sizes_.insert(0, 1);
      strides_.insert(0, 0);
    }
    view_ = {x.data_ptr(), x.dtype(), sizes_, strides_};
  }
  Batch(const Batch&) = delete;
  const TensorView& view() const { return view_; }

 private:
  DimVector sizes_, strides_;
  TensorView view_;
};

// out = beta * out + alpha * a @ b + bias, unrecorded; shapes have been checked.
void product_into(const char* op, const Tensor& out, const Tensor& a, const Tensor& b, const Scalar& alpha = 1,
                  const Scalar& beta = 0, const Tensor* bias = nullptr) {
  if (out.numel() == 0) return;
  TensorView bias_view;
  if (bias) bias_view = view_of(*bias);
  kernels_of<&Backend::matmul>(out.device(), op)
      .matmul(Batch(out).view(), Batch(a).view(), Batch(b).view(), alpha, beta, bias ? &bias_view : nullptr);
}

Tensor fresh(const Tensor& like, IntArrayRef sizes, const char* op) {
  return make_tensor(sizes, like.dtype(), like.device(), op);
}

// The last dim as rows, whatever stands before it.
Tensor as_rows(const Tensor& x) {
  if (x.dim() == 2) return x;
  const int64_t rows = checked_numel(x.sizes().slice(0, x.sizes().size() - 1), "matmul");
  return x.reshape({rows, x.size(-1)});
}

Tensor transposed(const Tensor& x) { return x.transpose(-2, -1).conj(); }

// The gradients of a @ b with respect to both, for matrices and batches of matrices.
Grads product_gradients(const BackwardContext& ctx, const Tensor& a, const Tensor& b, size_t first) {
  const Tensor& g = ctx.grad();
  return {ctx.needs(first) ? matmul(g, transposed(b)) : Tensor(),
          ctx.needs(first + 1) ? matmul(transposed(a), g) : Tensor()};
}

}  // namespace

Tensor mm(const Tensor& self, const Tensor& mat2) {
  TENON_AUTOCAST(mm, self, mat2)
  check_pair("mm", self, mat2);
  check_dim("mm", "self", self, 2);
  check_dim("mm", "mat2", mat2, 2);
  check_inner("mm", self, mat2);
  Tensor out = fresh(self, {self.size(0), mat2.size(1)}, "mm");
  product_into("mm", out, self, mat2);
  return record("mm", out, {&self, &mat2}, {&self, &mat2}, [](const BackwardContext& ctx) -> Grads {
    return product_gradients(ctx, ctx.saved(0), ctx.saved(1), 0);
  });
}

Tensor bmm(const Tensor& self, const Tensor& mat2) {
  TENON_AUTOCAST(bmm, self, mat2)
  check_pair("bmm", self, mat2);
  check_dim("bmm", "self", self, 3);
  check_dim("bmm", "mat2", mat2, 3);
  TENON_CHECK(self.size(0) == mat2.size(0), "bmm: the batches differ in size: ", self.sizes(), " and ", mat2.sizes());
  check_inner("bmm", self, mat2);
  Tensor out = fresh(self, {self.size(0), self.size(1), mat2.size(2)}, "bmm");
  product_into("bmm", out, self, mat2);
  return record("bmm", out, {&self, &mat2}, {&self, &mat2}, [](const BackwardContext& ctx) -> Grads {
    return product_gradients(ctx, ctx.saved(0), ctx.saved(1), 0);
  });
}

namespace {

// beta * self + alpha * a @ b for matrices or batches; self broadcasts to the product's shape.
Tensor add_product(const char* op, const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& beta,
                   const Scalar& alpha) {
  check_pair(op, a, b);
  TENON_CHECK(self.dtype() == a.dtype(), op, ": self has dtype ", self.dtype(), ", the matrices have ", a.dtype());
  check_same_device(op, a, self, "self");
  check_inner(op, a, b);
  DimVector sizes = a.impl()->sizes;
  sizes.back() = b.size(-1);
  TENON_CHECK(is_expandable_to(self.sizes(), sizes), op, ": self of shape ", self.sizes(), " does not broadcast to ",
              sizes);
  Tensor out = fresh(a, sizes, op);
  const bool as_bias = self.dim() == 1 && self.size(0) == sizes.back() && beta.equal(1) && alpha.equal(1);
  if (as_bias) {
    product_into(op, out, a, b, 1, 0, &self);
  } else {
    NoGradGuard no_grad;
    if (!beta.equal(0)) out.copy_(self.expand(sizes));
    product_into(op, out, a, b, alpha, beta);
  }
  return record(op, out, {&self, &a, &b}, {&a, &b},
                [shape = self.impl()->sizes, alpha, beta](const BackwardContext& ctx) -> Grads {
                  auto scaled = [](const Tensor& grad, const Scalar& by) {
                    return grad.defined() && !by.equal(1)
                               ? mul(grad, by.is_complex() ? Scalar(std::conj(by.to<std::complex<double>>())) : by)
                               : grad;
                  };
                  Tensor to_self;
                  if (ctx.needs(0)) to_self = sum_to_size(scaled(ctx.grad(), beta), shape);
                  Grads rest = product_gradients(ctx, ctx.saved(0), ctx.saved(1), 1);
                  return {to_self, scaled(rest[0], alpha), scaled(rest[1], alpha)};
                });
}

}  // namespace

Tensor addmm(const Tensor& self, const Tensor& mat1, const Tensor& mat2, const Scalar& beta, const Scalar& alpha) {
  TENON_AUTOCAST(addmm, self, mat1, mat2, beta, alpha)
  check_dim("addmm", "mat1", mat1, 2);
  check_dim("addmm", "mat2", mat2, 2);
  return add_product("addmm", self, mat1, mat2, beta, alpha);
}
const Tensor& addmm_(const Tensor& self, const Tensor& mat1, const Tensor& mat2, const Scalar& beta,
                     const Scalar& alpha) {
  return replace_inplace("addmm", self, [&](const Tensor& old) { return addmm(old, mat1, mat2, beta, alpha); });
}

Tensor baddbmm(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta,
               const Scalar& alpha) {
  TENON_AUTOCAST(baddbmm, self, batch1, batch2, beta, alpha)
  check_dim("baddbmm", "batch1", batch1, 3);
  check_dim("baddbmm", "batch2", batch2, 3);
  TENON_CHECK(batch1.size(0) == batch2.size(0), "baddbmm: the batches differ in size: ", batch1.sizes(), " and ",
              batch2.sizes());
  return add_product("baddbmm", self, batch1, batch2, beta, alpha);
}
const Tensor& baddbmm_(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta,
                       const Scalar& alpha) {
  return replace_inplace("baddbmm", self, [&](const Tensor& old) { return baddbmm(old, batch1, batch2, beta, alpha); });
}

Tensor addbmm(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta, const Scalar& alpha) {
  TENON_AUTOCAST(addbmm, self, batch1, batch2, beta, alpha)
  // The sum over the batch of products is one product of matrices laid side by side.
  check_dim("addbmm", "batch1", batch1, 3);
  check_dim("addbmm", "batch2", batch2, 3);
  TENON_CHECK(batch1.size(0) == batch2.size(0), "addbmm: the batches differ in size: ", batch1.sizes(), " and ",
              batch2.sizes());
  check_inner("addbmm", batch1, batch2);
  const int64_t inner = checked_mul(batch1.size(0), batch1.size(2), "addbmm");
  return addmm(self, batch1.permute({1, 0, 2}).reshape({batch1.size(1), inner}),
               batch2.reshape({inner, batch2.size(2)}), beta, alpha);
}
const Tensor& addbmm_(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta,
                      const Scalar& alpha) {
  return replace_inplace("addbmm", self, [&](const Tensor& old) { return addbmm(old, batch1, batch2, beta, alpha); });
}

Tensor mv(const Tensor& self, const Tensor& vec) {
  // As PyTorch's, it is no product that autocast knows.
  const autocast::Pause pause(any_autocast());
  check_dim("mv", "self", self, 2);
  check_dim("mv", "vec", vec, 1);
  check_pair("mv", self, vec);
  const Tensor column = vec.unsqueeze(1);
  check_inner("mv", self, column);
  return mm(self, column).squeeze(1);
}

Tensor addmv(const Tensor& self, const Tensor& mat, const Tensor& vec, const Scalar& beta, const Scalar& alpha) {
  check_dim("addmv", "mat", mat, 2);
  check_dim("addmv", "vec", vec, 1);
  Tensor column = self.dim() == 0 ? self : self.unsqueeze(1);
  return add_product("addmv", column, mat, vec.unsqueeze(1), beta, alpha).squeeze(1);
}
const Tensor& addmv_(const Tensor& self, const Tensor& mat, const Tensor& vec, const Scalar& beta,
                     const Scalar& alpha) {
  return replace_inplace("addmv", self, [&](const Tensor& old) { return addmv(old, mat, vec, beta, alpha); });
}

Tensor dot(const Tensor& self, const Tensor& tensor) {
  const autocast::Pause pause(any_autocast());
  check_dim("dot", "self", self, 1);
  check_dim("dot", "tensor", tensor, 1);
  check_pair("dot", self, tensor);
  TENON_CHECK(self.size(0) == tensor.size(0), "dot: the vectors have ", self.size(0), " and ", tensor.size(0),
              " elements");
  return mm(self.unsqueeze(0), tensor.unsqueeze(1)).reshape({});
}

Tensor vdot(const Tensor& self, const Tensor& other) {
  check_dim("vdot", "self", self, 1);
  return dot(conj(self), other);
}

Tensor inner(const Tensor& self, const Tensor& other) {
  if (self.dim() == 0 || other.dim() == 0) return mul(self, other);
  TENON_CHECK(self.size(-1) == other.size(-1), "inner: the last dims of ", self.sizes(), " and ", other.sizes(),
              " differ");
  return tensordot(self, other, {-1}, {-1});
}

Tensor outer(const Tensor& self, const Tensor& vec2) {
  check_dim("outer", "self", self, 1);
  check_dim("outer", "vec2", vec2, 1);
  return mul(self.unsqueeze(1), vec2);
}
Tensor ger(const Tensor& self, const Tensor& vec2) { return outer(self, vec2); }

Tensor addr(const Tensor& self, const Tensor& vec1, const Tensor& vec2, const Scalar& beta, const Scalar& alpha) {
  Tensor product = outer(vec1, vec2);
  if (product.dtype() == kBool && self.dtype() == kBool) {
    // Of truth values, factors say only whether a term counts.
    const Tensor term = mul(product, Scalar(!alpha.equal(0)));
    return logical_or(term, mul(self, Scalar(!beta.equal(0))));
  }
  if (!alpha.equal(1)) product = mul(product, alpha);
  TENON_CHECK(is_expandable_to(self.sizes(), product.sizes()), "addr: self of shape ", self.sizes(),
              " does not broadcast to ", product.sizes());
  if (beta.equal(0)) return product;
  return add(beta.equal(1) ? self : mul(self, beta), product);
}
const Tensor& addr_(const Tensor& self, const Tensor& vec1, const Tensor& vec2, const Scalar& beta,
                    const Scalar& alpha) {
  return replace_inplace("addr", self, [&](const Tensor& old) { return addr(old, vec1, vec2, beta, alpha); });
}

Tensor matmul(const Tensor& self, const Tensor& other) {
  TENON_AUTOCAST(matmul, self, other)
  TENON_CHECK(self.dim() > 0 && other.dim() > 0, "matmul: both operands must have at least 1 dim, got shapes ",
              self.sizes(), " and ", other.sizes());
  if (self.dim() == 1 && other.dim() == 1) return self.dot(other);
  const auto shown = [&](const char* of_matrix, const Tensor& out) {
    return shown_as(self.dim() + other.dim() == 3 ? of_matrix : "UnsafeViewBackward0", out);
  };
  if (self.dim() == 1) return shown("SqueezeBackward4", matmul(self.unsqueeze(0), other).squeeze(-2));
  if (other.dim() == 1) return shown("MvBackward0", matmul(self, other.unsqueeze(1)).squeeze(-1));
  if (self.dim() == 2 && other.dim() == 2) return mm(self, other);
  if (self.dim() == 3 && other.dim() == 3 && self.size(0) == other.size(0)) return bmm(self, other);
  check_pair("matmul", self, other);
  check_inner("matmul", self, other);
  const IntArrayRef batch_a = self.sizes().slice(0, static_cast<size_t>(self.dim()) - 2);
  const IntArrayRef batch_b = other.sizes().slice(0, static_cast<size_t>(other.dim()) - 2);
  DimVector batch = broadcast_shapes(batch_a, batch_b, "matmul");
  if (other.dim() == 2) {
    // All matrices of self share the right factor: one tall product.
    DimVector sizes = self.impl()->sizes;
    sizes.back() = other.size(1);
    return shown_as("UnsafeViewBackward0", mm(as_rows(self), other).view(sizes));
  }
  auto batched = [&](const Tensor& x) {
    DimVector sizes = batch;
    sizes.push_back(x.size(-2));
    sizes.push_back(x.size(-1));
    return x.expand(sizes).reshape({checked_numel(batch, "matmul"), x.size(-2), x.size(-1)});
  };
  DimVector sizes = batch;
  sizes.push_back(self.size(-2));
  sizes.push_back(other.size(-1));
  return shown_as("UnsafeViewBackward0", bmm(batched(self), batched(other)).view(sizes));
}

Tensor linear(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias) {
  TENON_AUTOCAST(linear, input, weight, bias)
  check_pair("linear", input, weight);
  TENON_CHECK(input.dim() > 0, "linear: input must have at least 1 dim");
  TENON_CHECK(weight.dim() == 1 || weight.dim() == 2, "linear: weight must have 1 or 2 dims, got shape ",
              weight.sizes());
  TENON_CHECK(input.size(-1) == weight.size(-1), "linear: input of shape ", input.sizes(), " has ", input.size(-1),
              " features, but weight of shape ", weight.sizes(), " takes ", weight.size(-1));
  if (weight.dim() == 1) {
    Tensor out = matmul(input, weight);
    return bias ? add(out, *bias) : out;
  }
  DimVector sizes = input.impl()->sizes;
  sizes.back() = weight.size(0);
  const bool fused = bias && bias->dim() == 1 && bias->size(0) == weight.size(0) && bias->dtype() == input.dtype();
  if (fused) check_same_device("linear", input, *bias, "bias");
  Tensor rows = as_rows(input);
  Tensor out = fresh(rows, {rows.size(0), weight.size(0)}, "linear");
  {
    NoGradGuard no_grad;
    product_into("linear", out, rows, weight.t(), 1, 0, fused ? &*bias : nullptr);
  }
  const Tensor* fused_bias = fused ? &*bias : nullptr;
  out = record("linear", out, {&rows, &weight, fused_bias}, {&rows, &weight}, [](const BackwardContext& ctx) -> Grads {
    const Tensor& g = ctx.grad();
    return {ctx.needs(0) ? g.mm(ctx.saved(1).conj()) : Tensor(),
            ctx.needs(1) ? g.t().mm(ctx.saved(0).conj()) : Tensor(), ctx.needs(2) ? g.sum(0) : Tensor()};
  });
  out = shown_as(fused ? "AddmmBackward0" : "MmBackward0", out);
  if (input.dim() != 2) out = shown_as(fused ? "ViewBackward0" : "UnsafeViewBackward0", out.view(sizes));
  return bias && !fused ? add(out, *bias) : out;
}

Tensor bilinear(const Tensor& input1, const Tensor& input2, const Tensor& weight, const optional<Tensor>& bias) {
  const autocast::Pause pause(any_autocast());
  TENON_CHECK(weight.dim() == 3, "bilinear: weight must have 3 dims, got shape ", weight.sizes());
  TENON_CHECK(input1.dim() == input2.dim() && input1.dim() > 0, "bilinear: the inputs have shapes ", input1.sizes(),
              " and ", input2.sizes(), "; they must have equally many dims");
  TENON_CHECK(input1.size(-1) == weight.size(1) && input2.size(-1) == weight.size(2), "bilinear: inputs of shapes ",
              input1.sizes(), " and ", input2.sizes(), " do not fit weight of shape ", weight.sizes());
  Tensor out = einsum("...i,oij,...j->...o", {input1, weight, input2});
  return bias ? add(out, *bias) : out;
}

Tensor tensordot(const Tensor& self, const Tensor& other, IntArrayRef dims_self, IntArrayRef dims_other) {
  TENON_CHECK(dims_self.size() == dims_other.size(), "tensordot: the lists of dims differ in length: ", dims_self,
              " and ", dims_other);
  DimVector a = wrap_dims(dims_self, self.dim(), "tensordot"), b = wrap_dims(dims_other, other.dim(), "tensordot");
  // A dim of size one meets any size: the other side is summed first.
  Tensor left = self, right = other;
  int64_t contracted = 1;
  for (size_t i = 0; i < a.size(); ++i) {
    const int64_t size_a = self.size(a[i]), size_b = other.size(b[i]);
    TENON_CHECK(size_a == size_b || size_a == 1 || size_b == 1, "tensordot: dim ", a[i], " of ", self.sizes(),
                " meets dim ", b[i], " of ", other.sizes());
    if (size_a == 1 && size_b != 1) right = right.sum(b[i], true, right.dtype());
    if (size_b == 1 && size_a != 1) left = left.sum(a[i], true, left.dtype());
    contracted *= left.size(a[i]);
  }
  DimVector order_a, order_b(b), sizes;
  auto keep = [&](const Tensor& x, const DimVector& dims, DimVector& order) {
    for (int64_t d = 0; d < x.dim(); ++d) {
      if (std::count(dims.begin(), dims.end(), d)) continue;
      order.push_back(d);
      sizes.push_back(x.size(d));
    }
  };
  keep(self, a, order_a);
  const size_t split = sizes.size();
  keep(other, b, order_b);
  for (int64_t d : a) order_a.push_back(d);
  const int64_t rows = checked_numel(IntArrayRef(sizes).slice(0, split), "tensordot");
  const int64_t columns = checked_numel(IntArrayRef(sizes).slice(split), "tensordot");
  // PyTorch sums the products then, which autocast does not shorten.
  const autocast::Pause pause(any_autocast() && rows == 1 && columns == 1);
  return mm(left.permute(order_a).reshape({rows, contracted}), right.permute(order_b).reshape({contracted, columns}))
      .reshape(sizes);
}

Tensor chain_matmul(TensorList matrices) {
  TENON_AUTOCAST(chain_matmul, matrices)
  TENON_CHECK(!matrices.empty(), "chain_matmul: needs at least one matrix");
  const size_t n = matrices.size();
  for (const Tensor& matrix : matrices) check_dim("chain_matmul", "each matrix", matrix, 2);
  if (n == 1) return matrices[0];
  std::vector<double> sides;
  for (const Tensor& matrix : matrices) sides.push_back(static_cast<double>(matrix.size(0)));
  sides.push_back(static_cast<double>(matrices.back().size(1)));
  std::vector<std::vector<double>> cost(n, std::vector<double>(n, 0));
  std::vector<std::vector<size_t>> cut(n, std::vector<size_t>(n, 0));
  for (size_t length = 1; length < n; ++length) {
    for (size_t i = 0; i + length < n; ++i) {
      const size_t j = i + length;
      for (size_t k = i; k < j; ++k) {
        const double total = cost[i][k] + cost[k + 1][j] + sides[i] * sides[k + 1] * sides[j + 1];
        if (k == i || total < cost[i][j]) {
          cost[i][j] = total;
          cut[i][j] = k;
        }
      }
    }
  }
  auto multiply = [&](auto& self, size_t i, size_t j) -> Tensor {
    return i == j ? matrices[i] : mm(self(self, i, cut[i][j]), self(self, cut[i][j] + 1, j));
  };
  return multiply(multiply, 0, n - 1);
}

}  // namespace tenon
