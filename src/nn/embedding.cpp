// Embeddings; see embedding.h.
#include "tenon/nn/embedding.h"

#include <ostream>

#include "nn/define.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/nn/init.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace functional {

Tensor one_hot(const Tensor& tensor, int64_t num_classes) { return tenon::one_hot(tensor, num_classes); }

Tensor embedding(const Tensor& input, const Tensor& weight, const EmbeddingFuncOptions& options) {
  return tenon::embedding(input, weight, options.padding_idx(), options.max_norm(), options.norm_type(),
                          options.scale_grad_by_freq(), options.sparse());
}

Tensor embedding_bag(const Tensor& input, const Tensor& weight, const EmbeddingBagFuncOptions& options) {
  return tenon::embedding_bag(input, weight, given(options.offsets()), options.max_norm(), options.norm_type(),
                              options.scale_grad_by_freq(), options.mode(), options.sparse(),
                              given(options.per_sample_weights()), options.include_last_offset(),
                              options.padding_idx());
}

}  // namespace functional

namespace {

// The index of the padding counted from the front.
optional<int64_t> checked_padding(optional<int64_t> padding_idx, int64_t count) {
  if (!padding_idx) return nullopt;
  TENON_CHECK_VALUE(*padding_idx >= -count && *padding_idx < count,
                    "Padding_idx must be within num_embeddings, which is ", count, ", got ", *padding_idx);
  return *padding_idx < 0 ? *padding_idx + count : *padding_idx;
}

void draw(const Tensor& weight, optional<int64_t> padding_idx) {
  init::normal_(weight);
  NoGradGuard no_grad;
  if (padding_idx) weight[*padding_idx].fill_(0);
}

template <class Options>
Tensor given_weight(const Options& options) {
  const Tensor& weight = options._weight();
  const bool fits =
      weight.dim() == 2 && weight.size(0) == options.num_embeddings() && weight.size(1) == options.embedding_dim();
  TENON_CHECK_VALUE(fits, "Shape of weight does not match num_embeddings and embedding_dim: got ", weight.sizes());
  return weight;
}

template <class Options>
void print_start(std::ostream& out, const char* name, const Options& options) {
  out << std::boolalpha << "torch::nn::" << name << "(num_embeddings=" << options.num_embeddings()
      << ", embedding_dim=" << options.embedding_dim();
}

template <class Options>
void print_norm(std::ostream& out, const Options& options) {
  if (options.max_norm()) out << ", max_norm=" << *options.max_norm();
  if (options.norm_type() != 2) out << ", norm_type=" << options.norm_type();
  if (options.scale_grad_by_freq()) out << ", scale_grad_by_freq=" << options.scale_grad_by_freq();
}

void check_pretrained(const Tensor& embeddings) {
  TENON_CHECK_VALUE(embeddings.dim() == 2, "Embeddings parameter is expected to be 2-dimensional, got shape ",
                    embeddings.sizes());
}

}  // namespace

EmbeddingImpl::EmbeddingImpl(Options options) : options(std::move(options)) { reset(); }

void EmbeddingImpl::reset() {
  options.padding_idx(checked_padding(options.padding_idx(), options.num_embeddings()));
  if (options._weight().defined()) {
    weight = register_parameter("weight", given_weight(options));
  } else {
    weight = register_parameter("weight", empty({options.num_embeddings(), options.embedding_dim()}));
    reset_parameters();
  }
}

void EmbeddingImpl::reset_parameters() { draw(weight, options.padding_idx()); }

void EmbeddingImpl::pretty_print(std::ostream& stream) const {
  print_start(stream, "Embedding", options);
  if (options.padding_idx()) stream << ", padding_idx=" << *options.padding_idx();
  print_norm(stream, options);
  if (options.sparse()) stream << ", sparse=" << options.sparse();
  stream << ")";
}

Tensor EmbeddingImpl::forward(const Tensor& indices) {
  return tenon::embedding(indices, weight, options.padding_idx(), options.max_norm(), options.norm_type(),
                          options.scale_grad_by_freq(), options.sparse());
}

Embedding Embedding::from_pretrained(const Tensor& embeddings, const EmbeddingFromPretrainedOptions& options) {
  check_pretrained(embeddings);
  Embedding embedding(EmbeddingOptions(embeddings.size(0), embeddings.size(1))
                          ._weight(embeddings)
                          .padding_idx(options.padding_idx())
                          .max_norm(options.max_norm())
                          .norm_type(options.norm_type())
                          .scale_grad_by_freq(options.scale_grad_by_freq())
                          .sparse(options.sparse()));
  embedding->weight.requires_grad_(!options.freeze());
  return embedding;
}

EmbeddingBagImpl::EmbeddingBagImpl(Options options) : options(std::move(options)) { reset(); }

void EmbeddingBagImpl::reset() {
  options.padding_idx(checked_padding(options.padding_idx(), options.num_embeddings()));
  if (options._weight().defined()) {
    weight = register_parameter("weight", given_weight(options));
  } else {
    weight = register_parameter("weight", empty({options.num_embeddings(), options.embedding_dim()}));
    reset_parameters();
  }
}

void EmbeddingBagImpl::reset_parameters() { draw(weight, options.padding_idx()); }

void EmbeddingBagImpl::pretty_print(std::ostream& stream) const {
  print_start(stream, "EmbeddingBag", options);
  print_norm(stream, options);
  if (options.sparse()) stream << ", sparse=" << options.sparse();
  if (options.mode() != kMean) stream << ", mode=" << constant_name(options.mode());
  if (options.include_last_offset()) stream << ", include_last_offset=" << options.include_last_offset();
  if (options.padding_idx()) stream << ", padding_idx=" << *options.padding_idx();
  stream << ")";
}

Tensor EmbeddingBagImpl::forward(const Tensor& input, const Tensor& offsets, const Tensor& per_sample_weights) {
  return tenon::embedding_bag(input, weight, given(offsets), options.max_norm(), options.norm_type(),
                              options.scale_grad_by_freq(), options.mode(), options.sparse(), given(per_sample_weights),
                              options.include_last_offset(), options.padding_idx());
}

EmbeddingBag EmbeddingBag::from_pretrained(const Tensor& embeddings, const EmbeddingBagFromPretrainedOptions& options) {
  check_pretrained(embeddings);
  EmbeddingBag embedding(EmbeddingBagOptions(embeddings.size(0), embeddings.size(1))
                             ._weight(embeddings)
                             .max_norm(options.max_norm())
                             .norm_type(options.norm_type())
                             .scale_grad_by_freq(options.scale_grad_by_freq())
                             .mode(options.mode())
                             .sparse(options.sparse())
                             .include_last_offset(options.include_last_offset())
                             .padding_idx(options.padding_idx()));
  embedding->weight.requires_grad_(!options.freeze());
  return embedding;
}

}  // namespace tenon::nn
