"""Modules moved to other devices and converted to other dtypes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.autograd.grad_mode import no_grad


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """The device, dtype, non_blocking and memory format that the arguments of Module.to() say."""
    given = {"device": None, "dtype": None, "non_blocking": False, "copy": False, "memory_format": None}
    names = ["device", "dtype", "non_blocking", "copy"]
    values = dict(kwargs)
    tensor = values.pop("tensor", None)
    if args:
        first = args[0]
        if isinstance(first, Tensor):
            tensor, names = first, ["non_blocking", "copy"]
            args = args[1:]
        elif isinstance(first, _C.dtype):
            names = ["dtype", "non_blocking", "copy"]
    if len(args) > len(names):
        raise TypeError(f"to() received an invalid combination of arguments: got {len(args)} positional ones")
    for name, value in zip(names, args):
        if name in values:
            raise TypeError(f"to() got multiple values for argument '{name}'")
        values[name] = value
    for name, value in values.items():
        if name not in given:
            raise TypeError(f"to() got an unexpected keyword argument '{name}'")
        given[name] = value
    if isinstance(tensor, Tensor):
        given["device"], given["dtype"] = tensor.device, tensor.dtype
    if given["dtype"] is not None and not isinstance(given["dtype"], _C.dtype):
        raise TypeError(f"to(): argument 'dtype' must be tenon.dtype, not {type(given['dtype']).__name__}")
    device = given["device"]
    if device is not None and not isinstance(device, _C.device):
        if isinstance(device, bool) or not isinstance(device, (str, int)):
            raise TypeError(f"to(): argument 'device' must be tenon.device, not {type(device).__name__}")
        device = _C.device("cuda", device) if isinstance(device, int) else _C.device(device)
    return device, given["dtype"], given["non_blocking"], given["memory_format"]


class ConvertedModule:
    """The part of Module that changes what its tensors are."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    children: Callable[..., Iterator[Any]]

    def _apply(self, fn: Callable[[Tensor], Any], recurse: bool = True) -> Any:
        """Replaces what all parameters, their gradients and all buffers hold by what `fn` makes of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for param in self._parameters.values():
            if param is None:
                continue
            grad = param.grad
            with no_grad():
                param.data = fn(param)
                if grad is not None:
                    grad.data = fn(grad)
        for name, buf in self._buffers.items():
            if buf is not None:
                self._buffers[name] = fn(buf)
        return self

    def cuda(self, device: Any = None) -> Any:
        """All parameters and buffers on a CUDA device."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self) -> Any:
        """All parameters and buffers on the CPU."""
        return self._apply(lambda t: t.cpu())

    def type(self, dst_type: Any) -> Any:
        """All parameters and buffers of one type."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Any:
        """All floating-point parameters and buffers as float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Any:
        """All floating-point parameters and buffers as float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Any:
        """All floating-point parameters and buffers as float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Any:
        """All floating-point parameters and buffers as bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """All parameters and buffers on a device, their elements not set."""
        return self._apply(lambda t: _C.functions["empty_like"](t, device=device), recurse=recurse)

    def share_memory(self) -> Any:
        """All parameters and buffers in memory that other processes can share."""
        return self._apply(lambda t: t.share_memory_())

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """to(device, dtype, non_blocking), to(dtype), to(tensor), to(memory_format=): converts all tensors in place."""
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise TypeError(
                    f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(
                    "Complex modules are a new feature: some modules might not work as expected when using complex "
                    "tensors as parameters or buffers.",
                    stacklevel=2,
                )

        def convert(t: Tensor) -> Tensor:
            to_dtype = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(device, to_dtype, non_blocking, memory_format=memory_format)
            return t.to(device, to_dtype, non_blocking)

        return self._apply(convert)
