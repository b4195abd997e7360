// The names that results show, `grad_fn=<AddmmBackward0>`, where an op's last node does not say PyTorch's: those of ops
// that are made of other ops, and of ops with several forms. Depends on the autograd layer.
#pragma once

#include <algorithm>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "tenon/autograd/node.h"

namespace tenon {

struct ShownName {
  std::string_view op;         // with its place: "mv", "linalg.lu", "nn.glu"
  std::string_view parameter;  // what the form has among its parameters; "" for every form
  const char* shown;
};

inline constexpr ShownName kShownNames[] = {
    {"_batch_norm_with_update", "", "BatchNormWithUpdateBackward0"},
    {"_native_batch_norm_legit", "", "NativeBatchNormLegitBackward0"},
    {"_softmax_backward_data", "", "SoftmaxBackwardDataBackward0"},
    {"_unsafe_masked_index", "", "UnsafeMaskedIndexBackward0"},
    {"_unsafe_masked_index_put_accumulate", "", "UnsafeMaskedIndexPutAccumulateBackward0"},
    {"addbmm", "", "AddbmmBackward0"},
    {"addmv", "", "AddmvBackward0"},
    {"addr", "", "AddrBackward0"},
    {"aminmax", "", "AminmaxBackward0"},
    {"angle", "", "AngleBackward0"},
    {"as_strided_scatter", "", "AsStridedScatterBackward0"},
    {"block_diag", "", "BlockDiagBackward0"},
    {"cdist", "", "CdistBackward0"},
    {"cholesky", "", "CholeskyBackward0"},
    {"cholesky_inverse", "", "CholeskyInverseBackward0"},
    {"cholesky_solve", "", "CholeskySolveBackward0"},
    {"chunk", "", "SplitBackward0"},
    {"clamp", "Scalar", "ClampBackward1"},
    {"clamp", "Tensor", "ClampBackward0"},
    {"clamp_max", "Scalar", "ClampMaxBackward0"},
    {"clamp_max", "Tensor", "ClampMaxBackward1"},
    {"clamp_min", "Scalar", "ClampMinBackward0"},
    {"clamp_min", "Tensor", "ClampMinBackward1"},
    {"complex", "", "ComplexBackward0"},
    {"cross", "", "LinalgCrossBackward0"},
    {"cumulative_trapezoid", "", "DivBackward1"},
    {"diagonal_scatter", "", "DiagonalScatterBackward0"},
    {"dot", "", "DotBackward0"},
    {"dsplit", "", "SliceBackward0"},
    {"fill", "Scalar", "FillBackward0"},
    {"fill", "", "FillBackward1"},
    {"float_power", "Scalar& exponent", "PowBackward0"},
    {"float_power", "Scalar& self", "PowBackward2"},
    {"float_power", "", "PowBackward1"},
    {"frexp", "", "FrexpBackward0"},
    {"hsplit", "", "SliceBackward0"},
    {"index_reduce", "", "IndexReduceBackward0"},
    {"kron", "", "UnsafeViewBackward0"},
    {"kthvalue", "", "KthvalueBackward0"},
    {"ldexp", "", "LdexpBackward0"},
    {"lerp", "Scalar& weight", "LerpBackward0"},
    {"linalg.cross", "", "LinalgCrossBackward0"},
    {"linalg.householder_product", "", "LinalgHouseholderProductBackward0"},
    {"linalg.lstsq", "", "LinalgLstsqBackward0"},
    {"linalg.lu", "", "LinalgLuBackward0"},
    {"linalg.solve", "", "LinalgSolveExBackward0"},
    {"linalg.solve_ex", "", "LinalgSolveExBackward0"},
    {"lu_unpack", "", "LuUnpackBackward0"},
    {"masked_fill", "Tensor& value", "MaskedFillBackward1"},
    {"max", "dim", "MaxBackward0"},
    {"max", "other", "MaximumBackward0"},
    {"max", "", "MaxBackward1"},
    {"mean", "dim", "MeanBackward1"},
    {"median", "dim", "MedianBackward1"},
    {"min", "dim", "MinBackward0"},
    {"min", "other", "MinimumBackward0"},
    {"min", "", "MinBackward1"},
    {"mode", "", "ModeBackward0"},
    {"mv", "", "MvBackward0"},
    {"mvlgamma", "", "MvlgammaBackward0"},
    {"nanmedian", "dim", "NanmedianBackward1"},
    {"nansum", "", "NansumBackward0"},
    {"narrow_copy", "", "NarrowCopyBackward0"},
    {"native_dropout_backward", "", "NativeDropoutBackwardBackward0"},
    {"native_group_norm", "", "NativeGroupNormBackward0"},
    {"nn.adaptive_avg_pool1d", "", "SqueezeBackward1"},
    {"nn.adaptive_max_pool1d", "", "SqueezeBackward1"},
    {"nn.adaptive_max_pool1d_with_indices", "", "SqueezeBackward1"},
    {"nn.avg_pool1d", "", "SqueezeBackward1"},
    {"nn.binary_cross_entropy", "", "BinaryCrossEntropyBackward0"},
    {"nn.binary_cross_entropy_with_logits", "", "BinaryCrossEntropyWithLogitsBackward0"},
    {"nn.channel_shuffle", "", "ChannelShuffleBackward0"},
    {"nn.cosine_similarity", "", "SumBackward1"},
    {"nn.embedding_bag", "", "EmbeddingBagBackward0"},
    {"nn.fold", "", "Col2ImBackward0"},
    {"nn.fractional_max_pool2d_with_indices", "", "FractionalMaxPool2DBackward0"},
    {"nn.fractional_max_pool3d_with_indices", "", "FractionalMaxPool3DBackward0"},
    {"nn.glu", "", "GluBackward0"},
    {"nn.group_norm", "", "NativeGroupNormBackward0"},
    {"nn.huber_loss", "", "HuberLossBackward0"},
    {"nn.max_pool1d", "", "SqueezeBackward1"},
    {"nn.max_pool1d_with_indices", "", "SqueezeBackward1"},
    {"nn.max_unpool1d", "", "SqueezeBackward1"},
    {"nn.max_unpool2d", "", "MaxUnpool2DBackward0"},
    {"nn.max_unpool3d", "", "MaxUnpool3DBackward0"},
    {"nn.mse_loss", "", "MseLossBackward0"},
    {"nn.multi_margin_loss", "", "MultiMarginLossBackward0"},
    {"nn.multilabel_margin_loss", "", "MultilabelMarginLossBackward0"},
    {"nn.pairwise_distance", "", "NormBackward1"},
    {"nn.pdist", "", "PdistBackward0"},
    {"nn.pixel_shuffle", "", "PixelShuffleBackward0"},
    {"nn.pixel_unshuffle", "", "PixelUnshuffleBackward0"},
    {"nn.rms_norm", "", "MulBackward0"},
    {"nn.smooth_l1_loss", "", "SmoothL1LossBackward0"},
    {"nn.soft_margin_loss", "", "SoftMarginLossBackward0"},
    {"nn.unfold", "", "Im2ColBackward0"},
    {"normal", "Tensor& mean, const Tensor& std", "NormalBackward3"},
    {"normal", "Tensor& mean", "NormalBackward1"},
    {"normal", "Tensor& std", "NormalBackward2"},
    {"ormqr", "", "OrmqrBackward0"},
    {"polar", "", "PolarBackward0"},
    {"pow", "Scalar& exponent", "PowBackward0"},
    {"pow", "Scalar& self", "PowBackward2"},
    {"pow", "", "PowBackward1"},
    {"prelu", "", "PreluKernelBackward0"},
    {"prod", "dim", "ProdBackward1"},
    {"put", "", "PutBackward0"},
    {"renorm", "", "RenormBackward0"},
    {"repeat", "", "RepeatBackward0"},
    {"rot90", "", "Rot90Backward0"},
    {"rrelu", "", "RreluWithNoiseBackward0"},
    {"rsub", "Tensor& other", "RsubBackward0"},
    {"rsub", "", "RsubBackward1"},
    {"scatter", "Scalar& value", "ScatterBackward1"},
    {"segment_reduce", "", "SegmentReduceBackward0"},
    {"select_scatter", "", "SelectScatterBackward0"},
    {"slice_scatter", "", "SliceScatterBackward0"},
    {"squeeze", "int64_t dim", "SqueezeBackward1"},
    {"squeeze", "IntArrayRef dim", "SqueezeBackward2"},
    {"sum", "dim", "SumBackward1"},
    {"t", "", "TBackward0"},
    {"take", "", "TakeBackward0"},
    {"tensor_split", "", "SliceBackward0"},
    {"tile", "", "RepeatBackward0"},
    {"trace", "", "TraceBackward0"},
    {"trapezoid", "", "DivBackward1"},
    {"triangular_solve", "", "TriangularSolveBackward0"},
    {"tril", "", "TrilBackward0"},
    {"triu", "", "TriuBackward0"},
    {"vdot", "", "VdotBackward0"},
    {"vsplit", "", "SliceBackward0"},
};
static_assert(std::ranges::is_sorted(kShownNames, {}, &ShownName::op));

// What results of an op show, by its name and its parameters as the table has them; null where their nodes say it.
constexpr const char* shown_name(std::string_view op, std::string_view params) {
  for (const ShownName& name : kShownNames) {
    if (name.op == op && params.find(name.parameter) != params.npos) return name.shown;
  }
  return nullptr;
}

// Names the node of `result`, if it was recorded since `first` was this thread's next number.
inline void show_as(const char* name, uint64_t first, const Tensor& result) {
  if (!result.defined()) return;
  if (const IntrusivePtr<Node> node = result.grad_fn(); node && node->sequence_nr() >= first) node->shown_name = name;
}
inline void show_as(const char* name, uint64_t first, const std::vector<Tensor>& results) {
  for (const Tensor& result : results) show_as(name, first, result);
}
template <class... Tensors>
void show_as(const char* name, uint64_t first, const std::tuple<Tensors...>& results) {
  std::apply([&](const auto&... each) { (show_as(name, first, each), ...); }, results);
}

// What `call` returns, shown under `name` where there is one.
template <bool has_name, class F>
std::invoke_result_t<F> showing(const char* name, F&& call) {
  if constexpr (!has_name) {
    return call();
  } else {
    const uint64_t first = Node::next_sequence_nr();
    std::invoke_result_t<F> result = call();
    show_as(name, first, result);
    return result;
  }
}

}  // namespace tenon
