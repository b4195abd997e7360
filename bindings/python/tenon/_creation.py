"""Tensors of plain data: create_tensor and create_variable, and the functions that go with them."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor, TensorError


def create_tensor(
    data: Any, shape: Any = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor of `data`, with `shape` where given; numbers become the default float dtype.

    Arrays and tensors keep their dtype. What does not fit raises TensorError.
    """
    keeps_dtype = isinstance(data, Tensor) or hasattr(data, "__array_interface__")
    if dtype is None and not keeps_dtype:
        dtype = _C.get_default_dtype()
    try:
        result = _C.tensor(data, dtype=dtype, device=device)
        if shape is not None:
            sizes = [shape] if isinstance(shape, int) else list(shape)
            result = _reshaped(result, sizes)
    except (TypeError, ValueError) as error:
        raise TensorError(f"create_tensor: {error}") from error
    return result.requires_grad_(requires_grad)


def _reshaped(tensor: Tensor, sizes: list[int]) -> Tensor:
    try:
        return tensor.reshape(sizes)
    except TensorError:
        count = tensor.numel()
        raise TensorError(f"create_tensor: {count} numbers do not fill the shape {sizes}") from None


def create_variable(data: Any, requires_grad: bool = False, **options: Any) -> Tensor:
    """A tensor for which backward() computes gradients, if `requires_grad`; otherwise as create_tensor."""
    return create_tensor(data, requires_grad=requires_grad, **options)


def tensor_add(input: Tensor, other: Any) -> Tensor:
    """The sum of two tensors."""
    return _C.functions["add"](input, other)


def tensor_matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product of two tensors."""
    return _C.functions["matmul"](input, other)
