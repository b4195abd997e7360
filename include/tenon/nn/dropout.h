// Dropout: options, functions and modules.
#pragma once

#include "tenon/nn/layer.h"

namespace tenon::nn {

struct DropoutOptions {
  DropoutOptions(double p = 0.5) : p_(p) {}
  TENON_ARG(double, p);
  TENON_ARG(bool, inplace) = false;
};
using Dropout1dOptions = DropoutOptions;
using Dropout2dOptions = DropoutOptions;
using Dropout3dOptions = DropoutOptions;
using AlphaDropoutOptions = DropoutOptions;
using FeatureAlphaDropoutOptions = DropoutOptions;

namespace functional {

struct DropoutFuncOptions {
  TENON_ARG(double, p) = 0.5;
  TENON_ARG(bool, training) = true;
  TENON_ARG(bool, inplace) = false;
};
using Dropout1dFuncOptions = DropoutFuncOptions;
using Dropout2dFuncOptions = DropoutFuncOptions;
using Dropout3dFuncOptions = DropoutFuncOptions;
struct AlphaDropoutFuncOptions {
  TENON_ARG(double, p) = 0.5;
  TENON_ARG(bool, training) = false;
  TENON_ARG(bool, inplace) = false;
};
using FeatureAlphaDropoutFuncOptions = AlphaDropoutFuncOptions;

TENON_API Tensor dropout(const Tensor& input, const DropoutFuncOptions& options = {});
// Dropout of whole channels.
TENON_API Tensor dropout1d(const Tensor& input, const Dropout1dFuncOptions& options = {});
TENON_API Tensor dropout2d(const Tensor& input, const Dropout2dFuncOptions& options = {});
TENON_API Tensor dropout3d(const Tensor& input, const Dropout3dFuncOptions& options = {});
// Dropout that keeps mean and deviation of what SELU gives.
TENON_API Tensor alpha_dropout(const Tensor& input, const AlphaDropoutFuncOptions& options = {});
TENON_API Tensor feature_alpha_dropout(const Tensor& input, const FeatureAlphaDropoutFuncOptions& options = {});

}  // namespace functional

TENON_SIMPLE_LAYER(Dropout, DropoutImpl() : DropoutImpl(Options()){});
TENON_SIMPLE_LAYER(Dropout1d, Dropout1dImpl() : Dropout1dImpl(Options()){});
TENON_SIMPLE_LAYER(Dropout2d, Dropout2dImpl() : Dropout2dImpl(Options()){});
TENON_SIMPLE_LAYER(Dropout3d, Dropout3dImpl() : Dropout3dImpl(Options()){});
TENON_SIMPLE_LAYER(AlphaDropout, AlphaDropoutImpl() : AlphaDropoutImpl(Options()){});
TENON_SIMPLE_LAYER(FeatureAlphaDropout, FeatureAlphaDropoutImpl() : FeatureAlphaDropoutImpl(Options()){});

}  // namespace tenon::nn
