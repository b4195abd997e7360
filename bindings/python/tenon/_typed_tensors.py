"""FloatTensor, LongTensor and the like: constructors of tensors of one dtype, and what isinstance() tells them by."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor

TYPE_NAMES = {
    _C.uint8: "ByteTensor",
    _C.int8: "CharTensor",
    _C.int16: "ShortTensor",
    _C.int32: "IntTensor",
    _C.int64: "LongTensor",
    _C.float16: "HalfTensor",
    _C.bfloat16: "BFloat16Tensor",
    _C.float32: "FloatTensor",
    _C.float64: "DoubleTensor",
    _C.complex64: "ComplexFloatTensor",
    _C.complex128: "ComplexDoubleTensor",
    _C.bool: "BoolTensor",
    _C.uint16: "UInt16Tensor",
    _C.uint32: "UInt32Tensor",
    _C.uint64: "UInt64Tensor",
}


class TypedTensor(type):
    """The type of these types. Called with sizes one makes a tensor of them, called with data a tensor of it."""

    dtype: _C.dtype
    is_cuda: bool

    def __call__(cls, *args: Any) -> Tensor:
        device = "cuda" if cls.is_cuda else "cpu"
        if len(args) != 1 or isinstance(args[0], (int, _C.Size)):
            return _C.functions["empty"](*args or (0,), dtype=cls.dtype, device=device)
        if isinstance(args[0], (float, complex, str)):
            raise TypeError(f"new(): data must be a sequence (got {type(args[0]).__name__})")
        if isinstance(args[0], Tensor) and not isinstance(args[0], cls):
            raise TypeError(
                f"{cls.__name__}(): expected a tensor of {cls.dtype} on {device}, got one of {args[0].dtype} on "
                f"{args[0].device}"
            )
        return args[0].detach() if isinstance(args[0], Tensor) else _C.tensor(args[0], dtype=cls.dtype, device=device)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype and instance.is_cuda == cls.is_cuda


def _typed_tensors(module: str, is_cuda: bool) -> dict[str, TypedTensor]:
    place = "on a CUDA device" if is_cuda else "on the CPU"

    def make(name: str, dtype: _C.dtype) -> TypedTensor:
        doc = f"Tensors of {dtype} {place}."
        return TypedTensor(name, (), {"dtype": dtype, "is_cuda": is_cuda, "__module__": module, "__doc__": doc})

    return {name: make(name, dtype) for dtype, name in TYPE_NAMES.items() if not dtype.is_complex}


TYPED_TENSORS = _typed_tensors("tenon", is_cuda=False)
CUDA_TENSORS = _typed_tensors("tenon.cuda", is_cuda=True)
