// The view of a tensor that may be undefined, as kernels take it. Depends on the tensor layer.
#pragma once

#include "backend/backend.h"
#include "tensor/make.h"

namespace tenon {

// Converts to the view of a tensor, or to null for an undefined one; borrows the tensor.
class MaybeView {
 public:
  explicit MaybeView(const Tensor& tensor) : defined_(tensor.defined()) {
    if (defined_) view_ = view_of(tensor);
  }
  operator const TensorView*() const { return defined_ ? &view_ : nullptr; }

 private:
  bool defined_;
  TensorView view_;
};

inline Tensor given(const optional<Tensor>& tensor) { return tensor ? *tensor : Tensor(); }

}  // namespace tenon
