// Ops that change some elements of a tensor, on a copy of it or in place. Depends on the autograd layer.
#pragma once

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/elementwise.h"
#include "ops/same_device.h"
#include "tensor/make.h"

namespace tenon {

enum class Place : uint8_t { Copy, Self };

// Calls write(out) with out a copy of self, or self itself, and records the op; inputs[0] is &self. Returns out.
template <class Write, class Backward>
Tensor edit(const char* op, Place place, const Tensor& self, TensorPointers inputs, TensorPointers saved,
            const Write& write, Backward&& backward) {
  if (place == Place::Copy) {
    Tensor out;
    {
      NoGradGuard no_grad;
      out = self.clone();
      write(out);
    }
    return record(op, out, inputs, saved, std::forward<Backward>(backward));
  }
  const bool records = is_differentiable(self.dtype()) && needs_record(inputs);
  check_not_expanded(self, op);
  check_inplace(self, op, records);
  {
    const SerialRegion serial(shares_elements(self));
    NoGradGuard no_grad;
    write(self);
  }
  self.impl()->version().bump(op);
  if (records) record_inplace(op, self, inputs, saved, std::forward<Backward>(backward));
  return self;
}

// `operand`, or a copy of it where it shares memory with `out`, which is about to be written.
inline Tensor apart_from(const Tensor& operand, const Tensor& out) {
  if (operand.storage() != out.storage()) return operand;
  NoGradGuard no_grad;
  return operand.clone();
}

inline const IndexKernels& index_kernels(const Tensor& tensor, const char* op) {
  return kernels_of<&Backend::index>(tensor.device(), op);
}

// The tensor as a backend sees it, a 0-d one as one element along dim 0.
inline TensorView view_with_dim(const Tensor& tensor) {
  static constexpr int64_t kOne = 1;
  if (tensor.dim() > 0) return view_of(tensor);
  return {tensor.data_ptr(), tensor.dtype(), IntArrayRef(&kOne, 1), IntArrayRef(&kOne, 1)};
}

inline void check_index_dtype(const char* op, const Tensor& index) {
  TENON_CHECK(index.defined(), op, ": index is an undefined tensor");
  TENON_CHECK(index.dtype() == kLong || index.dtype() == kInt, op, ": Expected dtype int32/int64 for index, got ",
              index.dtype());
}

inline void check_same_dtype(const char* op, const Tensor& self, const Tensor& other, const char* name) {
  TENON_CHECK(self.dtype() == other.dtype(), op, ": Expected self.dtype to be equal to ", name, ".dtype, got ",
              self.dtype(), " and ", other.dtype());
}

}  // namespace tenon
