// Tensors as text in the form that they have in Python, and the options of that form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tenon/base/export.h"
#include "tenon/tensor/tensor.h"

namespace tenon {

struct PrintOptions {
  int64_t precision = 4;     // digits after the point
  double threshold = 1000;   // tensors with more elements are summarised
  int64_t edgeitems = 3;     // what a summary shows at each end of a dim
  int64_t linewidth = 80;
  optional<bool> sci_mode;   // scientific notation: as the values ask for unless set
};

TENON_API PrintOptions get_printoptions();
// First the profile ("default", "short" or "full"), then what is given; sci_mode is set in any case, as in PyTorch.
TENON_API void set_printoptions(optional<int64_t> precision = nullopt, optional<double> threshold = nullopt,
                                optional<int64_t> edgeitems = nullopt, optional<int64_t> linewidth = nullopt,
                                optional<std::string_view> profile = nullopt, optional<bool> sci_mode = nullopt);

// Python's subclasses of Tensor put their name in the place of "tensor".
TENON_API std::string repr(const Tensor& tensor, std::string_view type_name = "tensor");

// What stands in grad_fn=<...>, or nothing where the tensor has none. Defined by the autograd layer.
TENON_API std::string grad_fn_name(const Tensor& tensor);

}  // namespace tenon
