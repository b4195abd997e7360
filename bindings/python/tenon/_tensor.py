"""Methods of Tensor that are written in Python: interop, hooks, copying and pickling."""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tenon import _C, _rebuild, cuda
from tenon._C import Tensor
from tenon._functions import lu, unique, unique_consecutive
from tenon._rebuild import _rebuild_from_type_v2  # noqa: F401 (which pickles name here)
from tenon._typed_tensors import TYPE_NAMES, TypedTensor
from tenon.overrides import _default_torch_function
from tenon.storage import TypedStorage, UntypedStorage, _storage_over, _tensor_over
from tenon.utils.hooks import LibraryHandle, RemovableHandle

if TYPE_CHECKING:
    import numpy


# --- autograd


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Accumulates the gradients of this tensor into the leaves that it was computed from."""
    if gradient is not None and not isinstance(gradient, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
    if inputs is not None:
        from tenon import autograd

        autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)
    else:
        _C._backward((self,), None if gradient is None else (gradient,), retain_graph, create_graph, None)


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Calls `hook` with each gradient of this tensor; what it returns, if anything, replaces the gradient."""
    return LibraryHandle(self._remove_hook, self._register_hook(hook))


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Calls `hook` with this leaf after each accumulation into its .grad."""
    return LibraryHandle(self._remove_hook, self._register_post_accumulate_grad_hook(hook))


# --- NumPy, DLPack and PyTorch


def array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> numpy.ndarray:
    """What numpy.asarray() calls where the buffer protocol does not serve."""
    result = self.numpy()
    converted = result if dtype is None else result.astype(dtype, copy=False)
    if copy is False and converted is not result:
        raise ValueError("a copy is needed to convert the dtype, but copy=False forbids it")
    return converted.copy() if copy and converted is result else converted


def array_wrap(self: Tensor, array: numpy.ndarray, context: Any = None, return_scalar: bool = False) -> Tensor:
    """Makes the results of NumPy's functions on tensors tensors."""
    import numpy

    return _C.from_numpy(numpy.asarray(array))


# The versions of the array API that say nothing which a later one takes back.
_ARRAY_API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")


def array_namespace(self: Tensor, /, *, api_version: str | None = None) -> Any:
    """The functions of the Python array API for this tensor: tenon.array_api."""
    from tenon import array_api

    if api_version is not None and api_version not in _ARRAY_API_VERSIONS:
        raise ValueError(f"version {api_version!r} of the array API is unknown; {_ARRAY_API_VERSIONS[-1]} is the last")
    return array_api


def to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """The tensor on another device, as the array API says it."""
    if stream is not None:
        raise ValueError(f"to_device: streams cannot be chosen, got {stream!r}")
    return self.to(device)


# --- copying and pickling

# Functions of the extension go by their names in it.
copyreg.pickle(type(_C.from_dlpack), lambda function: function.__name__)


def reduce_ex(self: Tensor, protocol: int) -> tuple:
    """Pickles the storage, once for all tensors that share it, how the tensor views it, and attributes."""
    from collections import OrderedDict

    view = (self.storage_offset(), tuple(self.shape), self.stride(), self.requires_grad, OrderedDict())
    if self.dtype in (_C.uint16, _C.uint32, _C.uint64):
        # PyTorch has no typed storages of these.
        function, arguments = _rebuild._rebuild_tensor_v3, (self.untyped_storage(), *view, self.dtype)
    else:
        function, arguments = _rebuild._rebuild_tensor_v2, (self.storage(), *view)
    if type(self) is Tensor and not self.__dict__:
        return function, arguments
    return _rebuild._rebuild_from_type_v2, (function, type(self), arguments, self.__dict__)


def deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """A copy with a gradient and attributes of its own, on a copy of the storage that other copies share."""
    import copy

    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment"
        )
    storage = copy.deepcopy(self.untyped_storage(), memo)
    result = _tensor_over(storage, self.dtype, self.storage_offset(), tuple(self.shape), self.stride())
    if type(self) is not Tensor:
        result = result.as_subclass(type(self))
    result.requires_grad_(self.requires_grad)
    memo[id(self)] = result
    if self.grad is not None:
        result.grad = self.grad.__deepcopy__(memo)
    if self.__dict__:
        result.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return result


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The memory that this tensor views."""
    return _storage_over(self)


def storage(self: Tensor) -> TypedStorage:
    """The memory that this tensor views, as elements of its dtype."""
    return TypedStorage(wrap_storage=_storage_over(self), dtype=self.dtype)


def set_(
    self: Tensor,
    source: Tensor | UntypedStorage | TypedStorage | None = None,
    storage_offset: int = 0,
    size: Any = None,
    stride: Any = None,
) -> Tensor:
    """Makes this tensor view the memory of `source`."""
    if source is None:
        source = self.new_empty(0)
    if isinstance(source, Tensor):
        if size is None:
            storage_offset, size, stride = source.storage_offset(), source.shape, source.stride()
        found = source.untyped_storage()
    else:
        found = source.untyped() if isinstance(source, TypedStorage) else source
        size = (found.nbytes() // self.itemsize,) if size is None else size
    if stride is None:
        stride = [1] * len(size)
        for dim in range(len(size) - 2, -1, -1):
            stride[dim] = stride[dim + 1] * max(size[dim + 1], 1)
    self.data = _tensor_over(found, self.dtype, storage_offset, size, stride)
    return self


def share_memory_(self: Tensor) -> Tensor:
    """Moves the memory of this tensor, and of all that share it, to where other processes see it."""
    self.untyped_storage().share_memory_()
    return self


def pinned(self: Tensor, device: Any = None) -> Tensor:
    """Page-locked memory is a matter of CUDA."""
    if not cuda.is_available():
        raise RuntimeError("pin_memory(): cannot pin memory, because there is no CUDA device")
    return self


# --- the rest


def format_(self: Tensor, spec: str) -> str:
    """A 0-d tensor is formatted as its number, any other as it prints."""
    if self.ndim == 0 and type(self) is Tensor:
        return self.item().__format__(spec)
    return object.__format__(self, spec)


def reversed_(self: Tensor) -> Tensor:
    """The order of the first dim turned round."""
    return self if self.ndim == 0 else self.flip(0)


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> str | Tensor:
    """The name of the tensor's type, or the tensor converted to `dtype`."""
    if dtype is None:
        return f"{_C._shown_package()}.{'' if self.is_cpu else 'cuda.'}{TYPE_NAMES[self.dtype]}"
    if isinstance(dtype, str):
        module, _, name = dtype.rpartition(".")
        found = [key for key, value in TYPE_NAMES.items() if value == name]
        if not found:
            raise ValueError(f"invalid type: '{dtype}'")
        return self.to("cuda" if module.endswith("cuda") else "cpu", found[0])
    if isinstance(dtype, TypedTensor):
        return self.to("cuda" if dtype.is_cuda else "cpu", dtype.dtype)
    return self.to(dtype)


def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """tensor() with this tensor's dtype and device."""
    return _C.tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of this one's dtype, of the sizes or the data given."""
    if len(args) == 1 and isinstance(args[0], (Tensor, list, tuple)) and not isinstance(args[0], _C.Size):
        return _C.tensor(args[0], dtype=self.dtype, device=device or self.device)
    return self.new_empty(*args or (0,), device=device)


def _in_order(self: Tensor, name: str, *others: Tensor) -> Iterator[tuple]:
    if not self.is_cpu:
        raise TypeError(f"{name} is only implemented on CPU tensors")
    if self.requires_grad:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    together = _C.functions["broadcast_tensors"](self, *others) if others else (self,)
    if together[0].shape != self.shape:
        raise RuntimeError(f"{name}: tensors of shape {tuple(together[0].shape)} do not fit {tuple(self.shape)}")
    return zip(*(tensor.flatten().tolist() for tensor in together))


def _filled_in_order(self: Tensor, values: list) -> Tensor:
    return self.copy_(_C.tensor(values, dtype=self.dtype).reshape(self.shape))


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replaces each element by what the function makes of it; slow, for it is called for each."""
    return _filled_in_order(self, [callable(*values) for values in _in_order(self, "apply_")])


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replaces each element by what the function makes of it and of another tensor's."""
    return _filled_in_order(self, [callable(*values) for values in _in_order(self, "map_", tensor)])


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replaces each element by what the function makes of it and of two other tensors'."""
    return _filled_in_order(self, [callable(*values) for values in _in_order(self, "map2_", x, y)])


def dim_order(self: Tensor, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dims from the one of the largest stride to that of the smallest."""
    return tuple(sorted(range(self.dim()), key=lambda dim: -self.stride(dim)))


def reinforce(self: Tensor, reward: Any) -> None:
    """What PyTorch had long ago."""
    raise RuntimeError("reinforce() was removed. Use a distribution's log_prob() in the loss instead.")


def dir_(self: Tensor) -> list[str]:
    """The attributes, as dir() lists them."""
    return sorted({*dir(type(self)), *self.__dict__})


def round_(self: Tensor, ndigits: int = 0) -> Tensor:
    """What the builtin round() calls."""
    return self.round(decimals=ndigits)


def resize_as(self: Tensor, the_template: Tensor) -> Tensor:
    """A copy resized to the shape of another tensor."""
    return self.detach().clone().resize_as_(the_template)


def nonzero(self: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of non-zero elements: one row each, or one tensor per dim."""
    if as_tuple:
        return (self if self.dim() else self.unsqueeze(0)).nonzero().unbind(1)
    return _C.functions["nonzero"](self)


def to_sparse(self: Tensor, sparse_dim: int | None = None) -> Any:
    """The non-zero elements, or slices with `sparse_dim` dims before them, as a sparse tensor."""
    from tenon import sparse

    return sparse.to_sparse(self, sparse_dim)


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor itself, which is dense, in `dtype` if one is given."""
    return self if dtype is None else self.to(dtype)


def _attach() -> None:
    methods = {
        "backward": backward,
        "register_hook": register_hook,
        "register_post_accumulate_grad_hook": register_post_accumulate_grad_hook,
        "nonzero": nonzero,
        "__array__": array,
        "__array_wrap__": array_wrap,
        "__array_namespace__": array_namespace,
        "to_device": to_device,
        "__reduce_ex__": reduce_ex,
        "__deepcopy__": deepcopy,
        "__format__": format_,
        "__reversed__": reversed_,
        "new": new,
        "dim_order": dim_order,
        "reinforce": reinforce,
        "const_data_ptr": lambda self: self.data_ptr(),
        "__complex__": lambda self: complex(self.item()),
        "__round__": round_,
        "__rdiv__": lambda self, other: Tensor.__rtruediv__(self, other),
        "__div__": Tensor.__truediv__,
        "__idiv__": Tensor.__itruediv__,
        "__long__": lambda self: int(self),
        "__nonzero__": lambda self: bool(self),
        "apply_": apply_,
        "map_": map_,
        "map2_": map2_,
        "resize_as": resize_as,
        "is_distributed": lambda self: False,
        "_grad": Tensor.grad,
        "__dir__": dir_,
        "type": type_,
        "new_tensor": new_tensor,
        "is_shared": lambda self: self.untyped_storage().is_shared(),
        "share_memory_": share_memory_,
        "pin_memory": pinned,
        "untyped_storage": untyped_storage,
        "storage": storage,
        "set_": set_,
        "where": lambda self, condition, other: _C.functions["where"](condition, self, other),
        "lu": lu,
        "to_dense": to_dense,
        "to_sparse": to_sparse,
        "unique": unique,
        "unique_consecutive": unique_consecutive,
    }
    for name, method in methods.items():
        setattr(Tensor, name, method)
    # NumPy's operators give way to these, so that array + tensor is a tensor.
    Tensor.__array_priority__ = 1000
    Tensor._make_subclass = staticmethod(_C._make_subclass)
    Tensor.__torch_function__ = classmethod(_default_torch_function)
