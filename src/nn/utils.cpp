// nn::utils; see utils.h.
#include "tenon/nn/utils.h"

#include <cmath>
#include <limits>

#include "tenon/autograd/grad_mode.h"
#include "tenon/ops/ops.h"

namespace tenon::nn::utils {
namespace {

std::vector<Tensor> gradients(const std::vector<Tensor>& parameters) {
  std::vector<Tensor> grads;
  for (const Tensor& parameter : parameters) {
    if (parameter.grad().defined()) grads.push_back(parameter.grad());
  }
  return grads;
}

}  // namespace

double clip_grad_norm_(const std::vector<Tensor>& parameters, double max_norm, double norm_type,
                       bool error_if_nonfinite) {
  NoGradGuard no_grad;
  const std::vector<Tensor> grads = gradients(parameters);
  if (grads.empty()) return 0;
  std::vector<Tensor> norms;
  for (const Tensor& grad : grads) norms.push_back(linalg_vector_norm(grad, norm_type));
  const Tensor total = linalg_vector_norm(stack(norms), norm_type);
  const double norm = total.item<double>();
  TENON_CHECK(
      !error_if_nonfinite || std::isfinite(norm), "The total norm of order ", norm_type,
      " for gradients from `parameters` is non-finite, so it cannot be clipped. To disable this error and scale "
      "the gradients by the non-finite norm anyway, set `error_if_nonfinite=false`");
  const Tensor scale = (max_norm / (total + 1e-6)).clamp_max(1);
  for (const Tensor& grad : grads) grad.mul_(scale);
  return norm;
}

double clip_grad_norm_(const Tensor& parameter, double max_norm, double norm_type, bool error_if_nonfinite) {
  return clip_grad_norm_(std::vector<Tensor>{parameter}, max_norm, norm_type, error_if_nonfinite);
}

void clip_grad_value_(const std::vector<Tensor>& parameters, double clip_value) {
  NoGradGuard no_grad;
  for (const Tensor& grad : gradients(parameters)) grad.clamp_(Scalar(-clip_value), Scalar(clip_value));
}

void clip_grad_value_(const Tensor& parameter, double clip_value) {
  clip_grad_value_(std::vector<Tensor>{parameter}, clip_value);
}

Tensor parameters_to_vector(const std::vector<Tensor>& parameters) {
  std::vector<Tensor> parts;
  for (const Tensor& parameter : parameters) parts.push_back(parameter.reshape(-1));
  return cat(parts);
}

void vector_to_parameters(const Tensor& vec, const std::vector<Tensor>& parameters) {
  int64_t start = 0;
  for (const Tensor& parameter : parameters) {
    parameter.set_data(vec.narrow(0, start, parameter.numel()).view(parameter.sizes()).data());
    start += parameter.numel();
  }
}

namespace rnn {

Tensor invert_permutation(const Tensor& permutation) {
  if (!permutation.defined()) return {};
  return empty_like(permutation)
      .scatter_(0, permutation, arange(permutation.numel(), TensorOptions(kLong).device(permutation.device())));
}

PackedSequence::PackedSequence(Tensor data, Tensor batch_sizes, Tensor sorted_indices, Tensor unsorted_indices)
    : data_(std::move(data)),
      batch_sizes_(std::move(batch_sizes)),
      sorted_indices_(std::move(sorted_indices)),
      unsorted_indices_(unsorted_indices.defined() ? unsorted_indices : invert_permutation(sorted_indices_)) {
  TENON_CHECK_VALUE(batch_sizes_.device().is_cpu(), "PackedSequence: batch_sizes should always be on CPU, got ",
                    batch_sizes_.device());
}

PackedSequence PackedSequence::to(const TensorOptions& options) const {
  const Tensor data = data_.to(options);
  if (data.is_same(data_)) return *this;
  auto moved = [&](const Tensor& indices) { return indices.defined() ? indices.to(data.device()) : indices; };
  return PackedSequence(data, batch_sizes_, moved(sorted_indices_), moved(unsorted_indices_));
}

PackedSequence pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first, bool enforce_sorted) {
  lengths = lengths.to(Device(kCPU), kLong);
  Tensor sorted_indices;
  if (!enforce_sorted) {
    std::tie(lengths, sorted_indices) = lengths.sort(-1, true);
    sorted_indices = sorted_indices.to(input.device());
    input = input.index_select(batch_first ? 0 : 1, sorted_indices);
  }
  if (batch_first) input = input.transpose(0, 1);
  const int64_t batch = lengths.numel();
  TENON_CHECK(input.dim() >= 2 && lengths.dim() == 1 && batch == input.size(1) && batch > 0,
              "pack_padded_sequence: lengths must be one for each of the sequences, got shapes ", lengths.sizes(),
              " and ", input.sizes());
  const Tensor counted = lengths.contiguous();
  const auto* length = counted.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < batch; ++i) {
    TENON_CHECK(length[i] > 0, "pack_padded_sequence: the length of every sequence must be greater than 0, got ",
                length[i]);
    TENON_CHECK(i == 0 || length[i] <= length[i - 1],
                "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
                "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement");
  }
  TENON_CHECK(length[0] <= input.size(0), "pack_padded_sequence: expected lengths of at most ", input.size(0), ", got ",
              length[0]);
  // Steps with the same number of sequences are taken together.
  std::vector<Tensor> blocks;
  std::vector<int64_t> batch_sizes;
  std::vector<int64_t> block_shape = input.sizes().slice(1).vec();
  block_shape[0] = -1;
  int64_t step = 0;
  for (int64_t going_on = batch; going_on > 0; --going_on) {
    const int64_t end = length[going_on - 1];
    if (end == step) continue;
    blocks.push_back(input.narrow(0, step, end - step).narrow(1, 0, going_on).reshape(block_shape));
    batch_sizes.insert(batch_sizes.end(), static_cast<size_t>(end - step), going_on);
    step = end;
  }
  const Tensor sizes = tenon::empty({static_cast<int64_t>(batch_sizes.size())}, TensorOptions(kLong).device(kCPU));
  std::copy(batch_sizes.begin(), batch_sizes.end(), sizes.mutable_data_ptr<int64_t>());
  return PackedSequence(cat(blocks), sizes, sorted_indices);
}

std::tuple<Tensor, Tensor> pad_packed_sequence(const PackedSequence& sequence, bool batch_first, double padding_value,
                                               optional<int64_t> total_length) {
  const Tensor sizes = sequence.batch_sizes().contiguous();
  const int64_t steps = sizes.numel(), length = total_length.value_or(steps);
  TENON_CHECK_VALUE(length >= steps,
                    "Expected total_length to be at least the length of the longest sequence in input, "
                    "but got total_length=",
                    length, " and max sequence length being ", steps);
  const auto* batch_sizes = sizes.const_data_ptr<int64_t>();
  const int64_t batch = batch_sizes[0];
  std::vector<int64_t> shape = sequence.data().sizes().vec();
  shape.insert(shape.begin(), {length, batch});
  shape.erase(shape.begin() + 2);
  const Tensor padded = full(shape, padding_value, sequence.data().options());
  const Tensor lengths = zeros({batch}, TensorOptions(kLong).device(kCPU));
  auto* counted = lengths.mutable_data_ptr<int64_t>();
  int64_t start = 0;
  for (int64_t step = 0, next; step < steps; step = next) {
    const int64_t going_on = batch_sizes[step];
    for (next = step; next < steps && batch_sizes[next] == going_on;) ++next;
    std::vector<int64_t> block_shape = shape;
    block_shape[0] = next - step;
    block_shape[1] = going_on;
    const int64_t rows = (next - step) * going_on;
    padded.narrow(0, step, next - step)
        .narrow(1, 0, going_on)
        .copy_(sequence.data().narrow(0, start, rows).view(block_shape));
    start += rows;
    for (int64_t i = 0; i < going_on; ++i) counted[i] = next;
  }
  Tensor output = batch_first ? padded.transpose(0, 1) : padded;
  if (!sequence.unsorted_indices().defined()) return {output, lengths};
  return {output.index_select(batch_first ? 0 : 1, sequence.unsorted_indices()),
          lengths.index_select(0, sequence.unsorted_indices().cpu())};
}

Tensor pad_sequence(TensorList sequences, bool batch_first, double padding_value, std::string_view padding_side) {
  TENON_CHECK(!sequences.empty(), "pad_sequence: received an empty list of sequences");
  TENON_CHECK(padding_side == "left" || padding_side == "right",
              "pad_sequence: expected padding_side to be one of left or right, but got ", padding_side);
  int64_t longest = 0;
  for (const Tensor& sequence : sequences) longest = std::max(longest, sequence.size(0));
  std::vector<Tensor> padded;
  for (const Tensor& sequence : sequences) {
    std::vector<int64_t> pads(static_cast<size_t>(2 * sequence.dim()), 0);
    pads[pads.size() - (padding_side == "left" ? 2 : 1)] = longest - sequence.size(0);
    padded.push_back(constant_pad_nd(sequence, pads, padding_value));
  }
  return stack(padded, batch_first ? 0 : 1);
}

PackedSequence pack_sequence(TensorList sequences, bool enforce_sorted) {
  const Tensor lengths = tenon::empty({static_cast<int64_t>(sequences.size())}, TensorOptions(kLong).device(kCPU));
  auto* length = lengths.mutable_data_ptr<int64_t>();
  for (const Tensor& sequence : sequences) *length++ = sequence.size(0);
  return pack_padded_sequence(pad_sequence(sequences), lengths, false, enforce_sorted);
}

}  // namespace rnn
}  // namespace tenon::nn::utils
