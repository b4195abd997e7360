"""What pickled tensors are made of again, under the names that PyTorch's checkpoints use."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.storage import TypedStorage, _tensor_over

__all__ = [
    "_rebuild_device_tensor_from_cpu_tensor",
    "_rebuild_device_tensor_from_numpy",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
    "_rebuild_sparse_tensor",
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
]


def _rebuild_tensor(storage: TypedStorage, storage_offset: int, size: Any, stride: Any) -> Tensor:
    return _tensor_over(storage.untyped(), storage.dtype, storage_offset, size, stride)


def _rebuild_tensor_v2(
    storage: TypedStorage,
    storage_offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    tensor = _rebuild_tensor(storage, storage_offset, size, stride)
    return _resolved(tensor, metadata).requires_grad_(requires_grad)


def _rebuild_tensor_v3(
    storage: Any,
    storage_offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    dtype: _C.dtype,
    metadata: Any = None,
) -> Tensor:
    tensor = _tensor_over(storage.untyped(), dtype, storage_offset, size, stride)
    return _resolved(tensor, metadata).requires_grad_(requires_grad)


def _resolved(tensor: Tensor, metadata: Any) -> Tensor:
    """PyTorch can leave the conjugate or the negation of a tensor to be taken when it is read."""
    if metadata and metadata.get("conj"):
        tensor = tensor.conj()
    if metadata and metadata.get("neg"):
        tensor = -tensor
    return tensor


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Tensor:
    from tenon.nn.parameter import Parameter

    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any) -> Tensor:
    return _with_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _rebuild_sparse_tensor(layout: Any, data: tuple) -> Any:
    from tenon import sparse

    if layout is not _C.sparse_coo:
        raise NotImplementedError(f"rebuilding sparse tensor for layout {layout}")
    indices, values, size = data[:3]
    return sparse.sparse_coo_tensor(indices, values, size, is_coalesced=len(data) > 3 and data[3])


def _rebuild_device_tensor_from_numpy(data: Any, dtype: _C.dtype, device: Any, requires_grad: bool) -> Tensor:
    return _C.from_numpy(data).to(device, dtype).requires_grad_(requires_grad)


def _rebuild_device_tensor_from_cpu_tensor(data: Tensor, dtype: _C.dtype, device: Any, requires_grad: bool) -> Tensor:
    return data.to(device, dtype).requires_grad_(requires_grad)


def _with_state(made: Any, state: Any) -> Any:
    """Gives an object what pickling found beside its content: attributes, and those in slots."""
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        made.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        setattr(made, name, value)
    return made


def _rebuild_from_type_v2(func: Any, new_type: type, args: tuple, state: Any) -> Any:
    made = func(*args)
    if type(made) is not new_type:
        made = made.as_subclass(new_type)
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return made
    return _with_state(made, state)


# Pickles name them by where PyTorch has them.
for _name in __all__:
    globals()[_name].__module__ = "tenon._utils"
_rebuild_from_type_v2.__module__ = "tenon._tensor"
