// Padding; see padding.h.
#include "tenon/nn/padding.h"

#include <ostream>

#include "nn/define.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {

Tensor functional::pad(const Tensor& input, const PadFuncOptions& options) {
  const bool constant = options.mode() == kConstant;
  return tenon::pad(input, options.pad(), options.mode(), constant ? optional<double>(options.value()) : nullopt);
}

#define TENON_PAD(Name, mode) \
  TENON_LAYER(Name, tenon::pad(input, options.padding(), mode), "padding=" << options.padding() << ")")
#define TENON_CONSTANT_PAD(Name)                                                      \
  TENON_LAYER(Name, tenon::pad(input, options.padding(), kConstant, options.value()), \
              "padding=" << options.padding() << ", value=" << options.value() << ")")

TENON_PAD(ReflectionPad1d, kReflect)
TENON_PAD(ReflectionPad2d, kReflect)
TENON_PAD(ReflectionPad3d, kReflect)
TENON_PAD(ReplicationPad1d, kReplicate)
TENON_PAD(ReplicationPad2d, kReplicate)
TENON_PAD(ReplicationPad3d, kReplicate)
TENON_PAD(ZeroPad1d, kConstant)
TENON_PAD(ZeroPad2d, kConstant)
TENON_PAD(ZeroPad3d, kConstant)
TENON_PAD(CircularPad1d, kCircular)
TENON_PAD(CircularPad2d, kCircular)
TENON_PAD(CircularPad3d, kCircular)
TENON_CONSTANT_PAD(ConstantPad1d)
TENON_CONSTANT_PAD(ConstantPad2d)
TENON_CONSTANT_PAD(ConstantPad3d)

}  // namespace tenon::nn
