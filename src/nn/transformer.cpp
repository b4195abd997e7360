// Transformers; see transformer.h.
#include "tenon/nn/transformer.h"

#include <limits>
#include <ostream>

#include "tenon/nn/activation.h"
#include "tenon/nn/init.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace {

Tensor activate(const activation_t& activation, const Tensor& input) {
  if (const auto* function = std::get_if<1>(&activation)) return (*function)(input);
  const std::string_view name = std::get<0>(activation);
  TENON_CHECK_VALUE(name == kReLU || name == kGELU, "activation should be relu/gelu, not ", name);
  return name == kReLU ? input.relu() : tenon::gelu(input);
}

MultiheadAttention attention_of(const TransformerLayerOptions& options) {
  return MultiheadAttention(MultiheadAttentionOptions(options.d_model(), options.nhead())
                                .dropout(options.dropout())
                                .batch_first(options.batch_first()));
}

LayerNorm norm_of(int64_t d_model, double eps) { return LayerNorm(LayerNormOptions({d_model}).eps(eps)); }

// What both kinds of layers consist of besides their attentions: `norms` norms and dropouts.
template <class Layer>
void register_rest(Layer& layer, const TransformerLayerOptions& options,
                   std::initializer_list<std::pair<const char*, LayerNorm*>> norms,
                   std::initializer_list<std::pair<const char*, Dropout*>> dropouts) {
  layer.linear1 = layer.register_module("linear1", Linear(options.d_model(), options.dim_feedforward()));
  layer.dropout = layer.register_module("dropout", Dropout(options.dropout()));
  layer.linear2 = layer.register_module("linear2", Linear(options.dim_feedforward(), options.d_model()));
  for (const auto& [name, norm] : norms) {
    *norm = layer.register_module(name, norm_of(options.d_model(), options.layer_norm_eps()));
  }
  for (const auto& [name, dropout] : dropouts) *dropout = layer.register_module(name, Dropout(options.dropout()));
}

template <class Layer>
Tensor feed_forward(Layer& layer, const Tensor& x) {
  return layer.linear2(layer.dropout(activate(layer.options.activation(), layer.linear1(x))));
}

Tensor attend(MultiheadAttention& attention, const Tensor& x, const Tensor& memory, const Tensor& mask,
              const Tensor& padding) {
  return std::get<0>(attention(x, memory, memory, padding, false, mask));
}

// x and what a block makes of it, normalised before the block or after the sum.
template <class Block>
Tensor with_block(const Tensor& x, LayerNorm& norm, Dropout& dropout, bool norm_first, const Block& block) {
  return norm_first ? x + dropout(block(norm(x))) : norm(x + dropout(block(x)));
}

template <class Holder>
void register_copies(Module& coder, ModuleList& layers, const Holder& layer, int64_t count) {
  layers = coder.register_module("layers", ModuleList());
  for (int64_t i = 0; i < count; ++i) layers->push_back(layer->clone());
}

}  // namespace

TransformerEncoderLayerImpl::TransformerEncoderLayerImpl(Options options) : options(std::move(options)) { reset(); }

void TransformerEncoderLayerImpl::reset() {
  self_attn = register_module("self_attn", attention_of(options));
  register_rest(*this, options, {{"norm1", &norm1}, {"norm2", &norm2}},
                {{"dropout1", &dropout1}, {"dropout2", &dropout2}});
}

void TransformerEncoderLayerImpl::pretty_print(std::ostream& stream) const {
  stream << "torch::nn::TransformerEncoderLayerImpl";
}

Tensor TransformerEncoderLayerImpl::forward(const Tensor& src, const Tensor& src_mask,
                                            const Tensor& src_key_padding_mask) {
  const bool first = options.norm_first();
  const Tensor x = with_block(src, norm1, dropout1, first,
                              [&](const Tensor& t) { return attend(self_attn, t, t, src_mask, src_key_padding_mask); });
  return with_block(x, norm2, dropout2, first, [&](const Tensor& t) { return feed_forward(*this, t); });
}

TransformerDecoderLayerImpl::TransformerDecoderLayerImpl(Options options) : options(std::move(options)) { reset(); }

void TransformerDecoderLayerImpl::reset() {
  self_attn = register_module("self_attn", attention_of(options));
  multihead_attn = register_module("multihead_attn", attention_of(options));
  register_rest(*this, options, {{"norm1", &norm1}, {"norm2", &norm2}, {"norm3", &norm3}},
                {{"dropout1", &dropout1}, {"dropout2", &dropout2}, {"dropout3", &dropout3}});
}

void TransformerDecoderLayerImpl::pretty_print(std::ostream& stream) const {
  stream << "torch::nn::TransformerDecoderLayerImpl";
}

Tensor TransformerDecoderLayerImpl::forward(const Tensor& tgt, const Tensor& memory, const Tensor& tgt_mask,
                                            const Tensor& memory_mask, const Tensor& tgt_key_padding_mask,
                                            const Tensor& memory_key_padding_mask) {
  const bool first = options.norm_first();
  Tensor x = with_block(tgt, norm1, dropout1, first,
                        [&](const Tensor& t) { return attend(self_attn, t, t, tgt_mask, tgt_key_padding_mask); });
  x = with_block(x, norm2, dropout2, first, [&](const Tensor& t) {
    return attend(multihead_attn, t, memory, memory_mask, memory_key_padding_mask);
  });
  return with_block(x, norm3, dropout3, first, [&](const Tensor& t) { return feed_forward(*this, t); });
}

TransformerEncoderImpl::TransformerEncoderImpl(Options options) : options(std::move(options)) { reset(); }

void TransformerEncoderImpl::reset() {
  register_copies(*this, layers, options.encoder_layer(), options.num_layers());
  if (!options.norm().is_empty()) {
    norm = options.norm().clone();
    register_module("norm", norm.ptr());
  }
}

void TransformerEncoderImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::TransformerEncoderImpl"; }

Tensor TransformerEncoderImpl::forward(const Tensor& src, const Tensor& src_mask, const Tensor& src_key_padding_mask) {
  Tensor output = src;
  for (const auto& layer : *layers) {
    output = layer->as<TransformerEncoderLayer>()->forward(output, src_mask, src_key_padding_mask);
  }
  return norm.is_empty() ? output : norm.forward(output);
}

TransformerDecoderImpl::TransformerDecoderImpl(Options options) : options(std::move(options)) { reset(); }

void TransformerDecoderImpl::reset() {
  register_copies(*this, layers, options.decoder_layer(), options.num_layers());
  if (!options.norm().is_empty()) {
    norm = options.norm().clone();
    register_module("norm", norm.ptr());
  }
}

void TransformerDecoderImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::TransformerDecoderImpl"; }

Tensor TransformerDecoderImpl::forward(const Tensor& tgt, const Tensor& memory, const Tensor& tgt_mask,
                                       const Tensor& memory_mask, const Tensor& tgt_key_padding_mask,
                                       const Tensor& memory_key_padding_mask) {
  Tensor output = tgt;
  for (const auto& layer : *layers) {
    output = layer->as<TransformerDecoderLayer>()->forward(output, memory, tgt_mask, memory_mask, tgt_key_padding_mask,
                                                           memory_key_padding_mask);
  }
  return norm.is_empty() ? output : norm.forward(output);
}

TransformerImpl::TransformerImpl(Options options) : options(std::move(options)) { reset(); }

void TransformerImpl::reset() {
  const TransformerLayerOptions layer = TransformerLayerOptions(options.d_model(), options.nhead())
                                            .dim_feedforward(options.dim_feedforward())
                                            .dropout(options.dropout())
                                            .activation(options.activation())
                                            .layer_norm_eps(options.layer_norm_eps())
                                            .batch_first(options.batch_first())
                                            .norm_first(options.norm_first());
  const AnyModule norm(norm_of(options.d_model(), options.layer_norm_eps()));
  if (options.custom_encoder().is_empty()) {
    encoder = AnyModule(TransformerEncoder(TransformerEncoderOptions(layer, options.num_encoder_layers()).norm(norm)));
  } else {
    encoder = options.custom_encoder().clone();
  }
  register_module("encoder", encoder.ptr());
  if (options.custom_decoder().is_empty()) {
    decoder = AnyModule(TransformerDecoder(TransformerDecoderOptions(layer, options.num_decoder_layers()).norm(norm)));
  } else {
    decoder = options.custom_decoder().clone();
  }
  register_module("decoder", decoder.ptr());
  reset_parameters();
}

void TransformerImpl::reset_parameters() {
  for (const Tensor& parameter : parameters()) {
    if (parameter.dim() > 1) init::xavier_uniform_(parameter);
  }
}

void TransformerImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::TransformerImpl"; }

Tensor TransformerImpl::forward(const Tensor& src, const Tensor& tgt, const Tensor& src_mask, const Tensor& tgt_mask,
                                const Tensor& memory_mask, const Tensor& src_key_padding_mask,
                                const Tensor& tgt_key_padding_mask, const Tensor& memory_key_padding_mask) {
  const int64_t width = options.d_model();
  TENON_CHECK(src.dim() == tgt.dim() && (src.dim() == 2 || src.dim() == 3),
              "Transformer: src and tgt must both be 2-d or 3-d, got shapes ", src.sizes(), " and ", tgt.sizes());
  TENON_CHECK(src.size(-1) == width && tgt.size(-1) == width,
              "the feature number of src and tgt must be equal to d_model, which is ", width, ", got ", src.size(-1),
              " and ", tgt.size(-1));
  const Tensor memory = encoder.forward(src, src_mask, src_key_padding_mask);
  return decoder.forward(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask);
}

Tensor TransformerImpl::generate_square_subsequent_mask(int64_t sz) {
  TENON_CHECK_VALUE(sz >= 0,
                    "Input size must be non-negative to generate a valid square subsequent mask, but got sz=", sz);
  return full({sz, sz}, -std::numeric_limits<double>::infinity()).triu(1);
}

}  // namespace tenon::nn
