// Embeddings: options, functions and modules.
#pragma once

#include "tenon/nn/layer.h"

namespace tenon::nn {

struct EmbeddingOptions {
  EmbeddingOptions(int64_t num_embeddings, int64_t embedding_dim)
      : num_embeddings_(num_embeddings), embedding_dim_(embedding_dim) {}
  TENON_ARG(int64_t, num_embeddings);
  TENON_ARG(int64_t, embedding_dim);
  TENON_ARG(optional<int64_t>, padding_idx);
  TENON_ARG(optional<double>, max_norm);
  TENON_ARG(double, norm_type) = 2;
  TENON_ARG(bool, scale_grad_by_freq) = false;
  TENON_ARG(bool, sparse) = false;
  TENON_ARG(Tensor, _weight);
};
struct EmbeddingFromPretrainedOptions {
  TENON_ARG(bool, freeze) = true;
  TENON_ARG(optional<int64_t>, padding_idx);
  TENON_ARG(optional<double>, max_norm);
  TENON_ARG(double, norm_type) = 2;
  TENON_ARG(bool, scale_grad_by_freq) = false;
  TENON_ARG(bool, sparse) = false;
};
struct EmbeddingBagOptions {
  EmbeddingBagOptions(int64_t num_embeddings, int64_t embedding_dim)
      : num_embeddings_(num_embeddings), embedding_dim_(embedding_dim) {}
  TENON_ARG(int64_t, num_embeddings);
  TENON_ARG(int64_t, embedding_dim);
  TENON_ARG(optional<double>, max_norm);
  TENON_ARG(double, norm_type) = 2;
  TENON_ARG(bool, scale_grad_by_freq) = false;
  TENON_ARG(std::string_view, mode) = kMean;
  TENON_ARG(bool, sparse) = false;
  TENON_ARG(Tensor, _weight);
  TENON_ARG(bool, include_last_offset) = false;
  TENON_ARG(optional<int64_t>, padding_idx);
};
struct EmbeddingBagFromPretrainedOptions {
  TENON_ARG(bool, freeze) = true;
  TENON_ARG(optional<double>, max_norm);
  TENON_ARG(double, norm_type) = 2;
  TENON_ARG(bool, scale_grad_by_freq) = false;
  TENON_ARG(std::string_view, mode) = kMean;
  TENON_ARG(bool, sparse) = false;
  TENON_ARG(bool, include_last_offset) = false;
  TENON_ARG(optional<int64_t>, padding_idx);
};

namespace functional {

struct EmbeddingFuncOptions {
  TENON_ARG(optional<int64_t>, padding_idx);
  TENON_ARG(optional<double>, max_norm);
  TENON_ARG(double, norm_type) = 2;
  TENON_ARG(bool, scale_grad_by_freq) = false;
  TENON_ARG(bool, sparse) = false;
};
struct EmbeddingBagFuncOptions {
  TENON_ARG(Tensor, offsets);
  TENON_ARG(optional<double>, max_norm);
  TENON_ARG(double, norm_type) = 2;
  TENON_ARG(bool, scale_grad_by_freq) = false;
  TENON_ARG(std::string_view, mode) = kMean;
  TENON_ARG(bool, sparse) = false;
  TENON_ARG(Tensor, per_sample_weights);
  TENON_ARG(bool, include_last_offset) = false;
  TENON_ARG(optional<int64_t>, padding_idx);
};

TENON_API Tensor one_hot(const Tensor& tensor, int64_t num_classes = -1);
TENON_API Tensor embedding(const Tensor& input, const Tensor& weight, const EmbeddingFuncOptions& options = {});
TENON_API Tensor embedding_bag(const Tensor& input, const Tensor& weight, const EmbeddingBagFuncOptions& options = {});

}  // namespace functional

class TENON_API EmbeddingImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(Embedding)

  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& indices);

  Tensor weight;
};
class Embedding : public ModuleHolder<EmbeddingImpl> {
 public:
  using ModuleHolder::ModuleHolder;
  using Impl = EmbeddingImpl;
  static TENON_API Embedding from_pretrained(const Tensor& embeddings,
                                             const EmbeddingFromPretrainedOptions& options = {});
};

class TENON_API EmbeddingBagImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(EmbeddingBag)

  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& offsets = {}, const Tensor& per_sample_weights = {});

  Tensor weight;

 protected:
  TENON_FORWARD_HAS_DEFAULT_ARGS({1, AnyValue(Tensor())}, {2, AnyValue(Tensor())})
};
class EmbeddingBag : public ModuleHolder<EmbeddingBagImpl> {
 public:
  using ModuleHolder::ModuleHolder;
  using Impl = EmbeddingBagImpl;
  static TENON_API EmbeddingBag from_pretrained(const Tensor& embeddings,
                                                const EmbeddingBagFromPretrainedOptions& options = {});
};

}  // namespace tenon::nn
