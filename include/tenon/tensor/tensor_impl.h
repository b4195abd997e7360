// TensorImpl: what a Tensor handle points at: a strided layout over shared storage, and hooks for the layers above.
#pragma once

#include <memory>

#include "tenon/base/dim_vector.h"
#include "tenon/base/dtype.h"
#include "tenon/tensor/storage.h"

namespace tenon {

// Defined by the autograd layer.
struct AutogradMeta;
struct AutogradMetaDeleter {
  TENON_API void operator()(AutogradMeta* meta) const;
};

class TensorImpl final : public RefCounted {
 public:
  TensorImpl(StoragePtr storage, DimVector sizes, DimVector strides, int64_t offset, ScalarType dtype)
      : storage(std::move(storage)),
        sizes(std::move(sizes)),
        strides(std::move(strides)),
        offset(offset),
        dtype(dtype) {
    refresh();
  }
  TENON_API ~TensorImpl();

  // Objects come from a per-thread free list: an op makes one, and most die soon.
  TENON_API static void* operator new(size_t bytes);
  TENON_API static void operator delete(void* object);

  // Recomputes what follows from sizes and strides.
  TENON_API void refresh();
  VersionCounter& version() { return own_version ? *own_version : storage->version(); }

  StoragePtr storage;
  DimVector sizes;
  DimVector strides;
  int64_t offset;  // in elements
  int64_t numel = 0;
  ScalarType dtype;
  bool contiguous = false;
  bool requires_grad = false;    // of a leaf; a tensor with a grad_fn requires it anyway
  bool is_inference = false;     // made in inference mode: never part of a graph
  bool no_grad_view = false;     // a view made while gradients were off
  uint32_t view_version = 0;     // of a view: the version its grad_fn was made at
  // The tensor that owns what this one views; null for others and for detached aliases.
  IntrusivePtr<TensorImpl> view_base;
  std::unique_ptr<AutogradMeta, AutogradMetaDeleter> autograd;
  // Set where the counter must not be the storage's: `data()` gives an alias whose edits go unseen.
  std::shared_ptr<VersionCounter> own_version;
  // Of the bindings: the Python object that stands for this tensor, and what a dead one left to the next.
  void* python_object = nullptr;
  std::shared_ptr<void> python_state;
};

}  // namespace tenon
