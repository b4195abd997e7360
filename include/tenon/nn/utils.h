// nn::utils: gradients clipped, parameters as one vector, and sequences of different lengths in one batch.
#pragma once

#include <string_view>
#include <tuple>
#include <vector>

#include "tenon/tensor/tensor.h"

namespace tenon::nn::utils {

// Scales the gradients down, in place, if the norm of all together is above max_norm; returns that norm.
TENON_API double clip_grad_norm_(const std::vector<Tensor>& parameters, double max_norm, double norm_type = 2,
                                 bool error_if_nonfinite = false);
TENON_API double clip_grad_norm_(const Tensor& parameter, double max_norm, double norm_type = 2,
                                 bool error_if_nonfinite = false);
// Keeps each element of the gradients in [-clip_value, clip_value].
TENON_API void clip_grad_value_(const std::vector<Tensor>& parameters, double clip_value);
TENON_API void clip_grad_value_(const Tensor& parameter, double clip_value);

// All elements one after the other, and back into the parameters.
TENON_API Tensor parameters_to_vector(const std::vector<Tensor>& parameters);
TENON_API void vector_to_parameters(const Tensor& vec, const std::vector<Tensor>& parameters);

namespace rnn {

TENON_API Tensor invert_permutation(const Tensor& permutation);

// Sequences without padding: the elements of all, step by step, with how many sequences go on at each step.
class TENON_API PackedSequence {
 public:
  explicit PackedSequence(Tensor data, Tensor batch_sizes, Tensor sorted_indices = {}, Tensor unsorted_indices = {});

  const Tensor& data() const { return data_; }
  const Tensor& batch_sizes() const { return batch_sizes_; }
  // Where each sequence was before they were sorted by length, and the way back; undefined if they came sorted.
  const Tensor& sorted_indices() const { return sorted_indices_; }
  const Tensor& unsorted_indices() const { return unsorted_indices_; }
  PackedSequence to(const TensorOptions& options) const;
  PackedSequence cuda() const { return to(TensorOptions(kCUDA)); }
  PackedSequence cpu() const { return to(TensorOptions(kCPU)); }
  bool is_cuda() const { return data_.is_cuda(); }

 private:
  Tensor data_, batch_sizes_, sorted_indices_, unsorted_indices_;
};

// `input` is [time, batch, ...], or [batch, time, ...]; `lengths` fall, unless enforce_sorted is false.
TENON_API PackedSequence pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first = false,
                                              bool enforce_sorted = true);
TENON_API std::tuple<Tensor, Tensor> pad_packed_sequence(const PackedSequence& sequence, bool batch_first = false,
                                                         double padding_value = 0,
                                                         optional<int64_t> total_length = nullopt);
TENON_API Tensor pad_sequence(TensorList sequences, bool batch_first = false, double padding_value = 0,
                              std::string_view padding_side = "right");
TENON_API PackedSequence pack_sequence(TensorList sequences, bool enforce_sorted = true);

}  // namespace rnn
}  // namespace tenon::nn::utils
