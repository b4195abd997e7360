// The transformer, its encoder and decoder, and their layers: options and modules.
#pragma once

#include <functional>
#include <variant>

#include "tenon/nn/attention.h"
#include "tenon/nn/container.h"
#include "tenon/nn/dropout.h"
#include "tenon/nn/normalization.h"

namespace tenon::nn {

// kReLU, kGELU or a function.
using activation_t = std::variant<std::string_view, std::function<Tensor(const Tensor&)>>;

struct TransformerLayerOptions {
  TransformerLayerOptions(int64_t d_model, int64_t nhead) : d_model_(d_model), nhead_(nhead) {}
  TENON_ARG(int64_t, d_model);
  TENON_ARG(int64_t, nhead);
  TENON_ARG(int64_t, dim_feedforward) = 2048;
  TENON_ARG(double, dropout) = 0.1;
  TENON_ARG(activation_t, activation) = kReLU;
  TENON_ARG(double, layer_norm_eps) = 1e-5;
  TENON_ARG(bool, batch_first) = false;
  // Normalises what goes into each block, not what comes out of the sum.
  TENON_ARG(bool, norm_first) = false;
};
using TransformerEncoderLayerOptions = TransformerLayerOptions;
using TransformerDecoderLayerOptions = TransformerLayerOptions;

class TENON_API TransformerEncoderLayerImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(TransformerEncoderLayer)

  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& src, const Tensor& src_mask = {}, const Tensor& src_key_padding_mask = {});

  MultiheadAttention self_attn = nullptr;
  Linear linear1 = nullptr, linear2 = nullptr;
  LayerNorm norm1 = nullptr, norm2 = nullptr;
  Dropout dropout = nullptr, dropout1 = nullptr, dropout2 = nullptr;

 protected:
  TENON_FORWARD_HAS_DEFAULT_ARGS({1, AnyValue(Tensor())}, {2, AnyValue(Tensor())})
};
TENON_MODULE(TransformerEncoderLayer);

class TENON_API TransformerDecoderLayerImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(TransformerDecoderLayer)

  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& tgt, const Tensor& memory, const Tensor& tgt_mask = {}, const Tensor& memory_mask = {},
                 const Tensor& tgt_key_padding_mask = {}, const Tensor& memory_key_padding_mask = {});

  MultiheadAttention self_attn = nullptr, multihead_attn = nullptr;
  Linear linear1 = nullptr, linear2 = nullptr;
  LayerNorm norm1 = nullptr, norm2 = nullptr, norm3 = nullptr;
  Dropout dropout = nullptr, dropout1 = nullptr, dropout2 = nullptr, dropout3 = nullptr;

 protected:
  TENON_FORWARD_HAS_DEFAULT_ARGS({2, AnyValue(Tensor())}, {3, AnyValue(Tensor())}, {4, AnyValue(Tensor())},
                                 {5, AnyValue(Tensor())})
};
TENON_MODULE(TransformerDecoderLayer);

struct TransformerEncoderOptions {
  TransformerEncoderOptions(TransformerEncoderLayer encoder_layer, int64_t num_layers)
      : encoder_layer_(std::move(encoder_layer)), num_layers_(num_layers) {}
  TransformerEncoderOptions(const TransformerEncoderLayerOptions& encoder_layer_options, int64_t num_layers)
      : encoder_layer_(encoder_layer_options), num_layers_(num_layers) {}
  // Copies of it are the layers.
  TENON_ARG(TransformerEncoderLayer, encoder_layer) = nullptr;
  TENON_ARG(int64_t, num_layers);
  TENON_ARG(AnyModule, norm);
};
struct TransformerDecoderOptions {
  TransformerDecoderOptions(TransformerDecoderLayer decoder_layer, int64_t num_layers)
      : decoder_layer_(std::move(decoder_layer)), num_layers_(num_layers) {}
  TransformerDecoderOptions(const TransformerDecoderLayerOptions& decoder_layer_options, int64_t num_layers)
      : decoder_layer_(decoder_layer_options), num_layers_(num_layers) {}
  TENON_ARG(TransformerDecoderLayer, decoder_layer) = nullptr;
  TENON_ARG(int64_t, num_layers);
  TENON_ARG(AnyModule, norm);
};

class TENON_API TransformerEncoderImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(TransformerEncoder)

  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& src, const Tensor& src_mask = {}, const Tensor& src_key_padding_mask = {});

  ModuleList layers = nullptr;
  AnyModule norm;

 protected:
  TENON_FORWARD_HAS_DEFAULT_ARGS({1, AnyValue(Tensor())}, {2, AnyValue(Tensor())})
};
TENON_MODULE(TransformerEncoder);

class TENON_API TransformerDecoderImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(TransformerDecoder)

  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& tgt, const Tensor& memory, const Tensor& tgt_mask = {}, const Tensor& memory_mask = {},
                 const Tensor& tgt_key_padding_mask = {}, const Tensor& memory_key_padding_mask = {});

  ModuleList layers = nullptr;
  AnyModule norm;

 protected:
  TENON_FORWARD_HAS_DEFAULT_ARGS({2, AnyValue(Tensor())}, {3, AnyValue(Tensor())}, {4, AnyValue(Tensor())},
                                 {5, AnyValue(Tensor())})
};
TENON_MODULE(TransformerDecoder);

struct TransformerOptions {
  TransformerOptions() = default;
  TransformerOptions(int64_t d_model, int64_t nhead) : d_model_(d_model), nhead_(nhead) {}
  TransformerOptions(int64_t d_model, int64_t nhead, int64_t num_encoder_layers, int64_t num_decoder_layers)
      : d_model_(d_model),
        nhead_(nhead),
        num_encoder_layers_(num_encoder_layers),
        num_decoder_layers_(num_decoder_layers) {}
  TENON_ARG(int64_t, d_model) = 512;
  TENON_ARG(int64_t, nhead) = 8;
  TENON_ARG(int64_t, num_encoder_layers) = 6;
  TENON_ARG(int64_t, num_decoder_layers) = 6;
  TENON_ARG(int64_t, dim_feedforward) = 2048;
  TENON_ARG(double, dropout) = 0.1;
  TENON_ARG(activation_t, activation) = kReLU;
  TENON_ARG(AnyModule, custom_encoder);
  TENON_ARG(AnyModule, custom_decoder);
  TENON_ARG(double, layer_norm_eps) = 1e-5;
  TENON_ARG(bool, batch_first) = false;
  TENON_ARG(bool, norm_first) = false;
};

class TENON_API TransformerImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(Transformer)

  TransformerImpl() : TransformerImpl(Options()) {}
  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& src, const Tensor& tgt, const Tensor& src_mask = {}, const Tensor& tgt_mask = {},
                 const Tensor& memory_mask = {}, const Tensor& src_key_padding_mask = {},
                 const Tensor& tgt_key_padding_mask = {}, const Tensor& memory_key_padding_mask = {});
  // Minus infinity above the diagonal: no place looks at later ones.
  static Tensor generate_square_subsequent_mask(int64_t sz);

  AnyModule encoder, decoder;

 protected:
  TENON_FORWARD_HAS_DEFAULT_ARGS({2, AnyValue(Tensor())}, {3, AnyValue(Tensor())}, {4, AnyValue(Tensor())},
                                 {5, AnyValue(Tensor())}, {6, AnyValue(Tensor())}, {7, AnyValue(Tensor())})
};
TENON_MODULE(Transformer);

}  // namespace tenon::nn
