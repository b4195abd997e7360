// The names that PyTorch shows for the nodes of a graph, from the names that ops are recorded under.
#include <algorithm>
#include <string_view>

#include "tenon/autograd/node.h"
#include "tenon/tensor/print.h"

namespace tenon {
namespace {

struct Renamed {
  std::string_view recorded;
  std::string_view shown;
};

// Ops that are recorded under another name than PyTorch's: lines of the elementwise table that an op with several
// forms is made of, and ops that PyTorch computes through another one.
constexpr Renamed kRenamed[] = {
    {"add2", "AddBackward0"},
    {"addcdiv_by", "AddcdivBackward0"},
    {"addcmul_by", "AddcmulBackward0"},
    {"batch_norm", "NativeBatchNormBackward0"},
    {"bce_error", "BinaryCrossEntropyBackward0"},
    {"bce_logits_error", "BinaryCrossEntropyWithLogitsBackward0"},
    {"clamp3", "ClampBackward1"},
    {"clamp_above", "ClampBackward1"},
    {"clamp_below", "ClampBackward1"},
    {"conj_values", "ConjBackward0"},
    {"conv_input_gradient", "ConvolutionBackward0"},
    {"copy", "CopyBackwards"},
    {"fill", "FillBackward2"},
    {"floor_div", "DivBackward2"},
    {"fmod", "FmodBackward1"},
    {"gelu_erf", "GeluBackward0"},
    {"gelu_tanh", "GeluBackward0"},
    {"group_norm", "NativeGroupNormBackward0"},
    {"huber_error", "HuberLossBackward0"},
    {"kl_error", "SubBackward0"},
    {"layer_norm", "NativeLayerNormBackward0"},
    {"lerp3", "LerpBackward1"},
    {"linalg.matrix_norm", "LinalgVectorNormBackward0"},
    {"linalg.norm", "LinalgVectorNormBackward0"},
    {"linalg.vector_norm", "LinalgVectorNormBackward0"},
    {"logit_of", "LogitBackward0"},
    {"masked_set", "MaskedFillBackward0"},
    {"max_pool2d", "MaxPool2DWithIndicesBackward0"},
    {"max_pool3d", "MaxPool3DWithIndicesBackward0"},
    {"nan_to_num_with", "NanToNumBackward0"},
    {"norm", "LinalgVectorNormBackward0"},
    {"polygamma_of", "PolygammaBackward0"},
    {"pow2", "PowBackward0"},
    {"relu6", "HardtanhBackward0"},
    {"remainder", "RemainderBackward1"},
    {"round_half_even", "RoundBackward0"},
    {"selu", "EluBackward0"},
    {"smooth_l1_error", "SmoothL1LossBackward0"},
    {"softsign", "DivBackward0"},
    {"softsign_of", "DivBackward0"},
    {"square_of", "PowBackward0"},
    {"squared_error", "MseLossBackward0"},
    {"sub2", "SubBackward0"},
    {"tanhshrink", "SubBackward0"},
    {"to", "ToCopyBackward0"},
    {"true_div", "DivBackward0"},
    {"trunc_div", "DivBackward2"},
    {"where3", "WhereBackward0"},
};
static_assert(std::ranges::is_sorted(kRenamed, {}, &Renamed::recorded));

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string display_name(std::string_view recorded) {
  std::string_view name = recorded;
  // A class's own name: AccumulateGrad, CopySlices, or a custom function's.
  const size_t first = name.find_first_not_of('_');
  if (first == name.npos || !is_lower(name[first]) || name.ends_with("Backward")) return std::string(name);
  if (name.ends_with('_')) name.remove_suffix(1);
  const Renamed* entry = std::ranges::lower_bound(kRenamed, name, {}, &Renamed::recorded);
  if (entry != std::end(kRenamed) && entry->recorded == name) return std::string(entry->shown);
  // "log1p_grad" is Log1PGrad: a capital at the start, after a separator and after a digit.
  const auto separates = [](char c) { return c == '_' || c == '.'; };
  std::string shown;
  for (size_t i = 0; i < name.size(); ++i) {
    if (separates(name[i])) continue;
    const bool capital = i == 0 || separates(name[i - 1]) || is_digit(name[i - 1]);
    shown += capital && is_lower(name[i]) ? static_cast<char>(name[i] - 'a' + 'A') : name[i];
  }
  return shown + "Backward0";
}

std::string node_display_name(const Node& node) {
  return node.shown_name ? node.shown_name : display_name(node.name());
}

std::string grad_fn_name(const Tensor& tensor) {
  const IntrusivePtr<Node> node = tensor.grad_fn();
  return node ? node_display_name(*node) : "";
}

}  // namespace tenon
