"""Functions of the top-level module that are not ops of the table."""

from __future__ import annotations

import math
import sys
from collections import namedtuple
from typing import Any

from tenon import _C
from tenon._C import Tensor

e = math.e
inf = math.inf
nan = math.nan
pi = math.pi
newaxis = None


# Not typing.NamedTuple, which imports what is slow from Python 3.14 on.
class Histogramdd(namedtuple("Histogramdd", ["hist", "bin_edges"])):
    """The counts, and the edges along each dim."""

    __slots__ = ()


_nonzero = _C.functions["nonzero"]
_where = _C.functions["where"]


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating one."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is a complex one."""
    return input.is_complex()


def is_signed(input: Tensor) -> bool:
    """Whether the dtype holds negative numbers."""
    return input.is_signed()


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    return input.is_inference()


def is_conj(input: Tensor) -> bool:
    """Whether the tensor is a lazy conjugate: never."""
    return False


def is_neg(input: Tensor) -> bool:
    """Whether the tensor is a lazy negative: never."""
    return False


def is_distributed(input: Tensor) -> bool:
    """Whether one tensor lies on several devices: never."""
    return False


def get_device(input: Tensor) -> int:
    """The index of the tensor's device, -1 on the CPU."""
    return input.get_device()


def detach(input: Tensor) -> Tensor:
    """The same data outside any graph."""
    return input.detach()


def detach_(input: Tensor) -> Tensor:
    """Takes the tensor out of its graph."""
    return input.detach_()


def histogramdd(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Histogramdd:
    """The histogram of points, the rows of `input`, over a grid: counts of bins or lists of edges for each column."""
    if isinstance(bins, int):
        bins = [bins] * input.shape[-1]
    edges = bins
    if not any(isinstance(one, Tensor) for one in bins):
        edges = _C.functions["_histogramdd_bin_edges"](input, list(bins), range=range)
    counts = _C.functions["_histogramdd_from_bin_tensors"](input, list(edges), weight=weight, density=density)
    return Histogramdd(counts, tuple(edges))


def typename(obj: Any) -> str:
    """The name of an object's type; of a tensor, with its dtype."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _category(dtype: _C.dtype) -> int:
    return 3 if dtype.is_complex else 2 if dtype.is_floating_point else 0 if dtype is _C.bool else 1


def result_type(tensor1: Tensor | complex, tensor2: Tensor | complex) -> _C.dtype:
    """The dtype of an op on two tensors or numbers: a number gives way to a tensor of its category or a higher one."""
    found: _C.dtype | None = None
    # Tensors with dims come before those without, and both before numbers.
    ranked: list[list[_C.dtype]] = [[], [], []]
    for value in (tensor1, tensor2):
        if isinstance(value, Tensor):
            ranked[0 if value.ndim else 1].append(value.dtype)
        else:
            ranked[2].append(_C.as_tensor(value).dtype)
    for dtypes in ranked:
        own: _C.dtype | None = None
        for dtype in dtypes:
            own = dtype if own is None else _C.promote_types(own, dtype)
        if own is None:
            continue
        if found is None:
            found = own
        elif _category(own) > _category(found):
            real = own.is_complex and found.is_floating_point
            found = found.to_complex() if real else _C.promote_types(found, own)
    assert found is not None
    return found


def _over_memory(obj: Any, dtype: Any) -> Tensor | None:
    # A tensor over the memory of `obj`; None where it has none that could be shared.
    numpy = sys.modules.get("numpy")
    if isinstance(obj, Tensor):
        return obj
    if numpy is not None and isinstance(obj, numpy.ndarray):
        return _C.as_tensor(obj)
    if numpy is not None and isinstance(obj, numpy.generic):
        return None
    if hasattr(obj, "__dlpack__"):
        return _C.from_dlpack(obj)
    try:
        memoryview(obj)
    except TypeError:
        return None
    return _C.frombuffer(obj, dtype=_C.get_default_dtype() if dtype is None else dtype)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """`obj` as a tensor; `copy` says whether it must, must not or may have memory of its own."""
    source = _over_memory(obj, dtype)
    result = _C.as_tensor(obj if source is None else source, dtype, device)
    if copy is False and result is not source:
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(obj, numpy.generic):
            raise RuntimeError("asarray: copy=False, but the memory of a NumPy scalar cannot be shared")
        raise ValueError("asarray: a copy is needed to make this tensor, but copy=False forbids it")
    if copy and source is not None:
        result = result.detach().clone()
    if isinstance(obj, Tensor) and not requires_grad:
        result = result.detach()
    if requires_grad:
        result = result if result.is_leaf else result.detach()
        result.requires_grad_(True)
    return result


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """The contraction over the last `dims` dims of `a` and the first of `b`, or over the two lists of dims given."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims_a, dims_b = list(range(-dims, 0)), list(range(dims))
    else:
        dims_a, dims_b = dims
    if isinstance(dims_a, int):
        dims_a, dims_b = [dims_a], [dims_b]
    return _C.functions["tensordot"](a, b, dims_a, dims_b, out=out)


def einsum(*args: Any) -> Tensor:
    """Sums of products by an equation, or by lists of dim numbers that follow each operand."""
    if len(args) < 2:
        raise ValueError("einsum(): must specify the equation and at least one operand, or operands and their lists")
    if isinstance(args[0], Tensor):
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

        def label(dims: Any) -> str:
            return "".join("..." if dim is Ellipsis else letters[dim] for dim in dims)

        equation = ",".join(label(dims) for dims in args[1::2])
        if len(args) % 2:
            equation += "->" + label(args[-1])
        return _C.functions["einsum"](equation, list(args[: len(args) // 2 * 2 : 2]))
    equation, *operands = args
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    return _C.functions["einsum"](equation, operands)


def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of non-zero elements: one row each, or one tensor per dim."""
    if as_tuple:
        return (input if input.dim() else input.unsqueeze(0)).nonzero().unbind(1)
    return _nonzero(input, out=out)


def where(*args: Any, **kwargs: Any) -> Any:
    """`self` where `condition` holds, else `other`; the condition alone gives the indices where it holds."""
    if len(args) + len(kwargs) == 1:
        return nonzero(*args, *kwargs.values(), as_tuple=True)
    return _where(*args, **kwargs)


def set_default_device(device: Any) -> None:
    """Sets the device of factories that are given none; None sets the CPU."""
    _C._set_default_device("cpu" if device is None else device)


def set_default_tensor_type(t: Any) -> None:
    """Sets the default dtype, and with it the device, by the name of a type of tensors."""
    from tenon._typed_tensors import CUDA_TENSORS, TYPED_TENSORS, TypedTensor

    if isinstance(t, str):
        package, _, name = t.partition(".")
        module, _, name = name.rpartition(".")
        types = {"": TYPED_TENSORS, "cuda": CUDA_TENSORS}.get(module, {})
        if package not in ("tenon", "torch") or name not in types:
            raise TypeError(f"invalid type name {t!r}")
        t = types[name]
    if not isinstance(t, TypedTensor):
        raise TypeError("invalid type object")
    if not t.dtype.is_floating_point:
        raise TypeError(
            "only floating-point types are supported as the default type, but got "
            f"{t.__module__}.{t.__name__}"
        )
    if t.is_cuda:
        from tenon import cuda

        cuda.init()
    set_default_device("cuda" if t.is_cuda else "cpu")
    _C.set_default_dtype(t.dtype)


def get_cpu_isa() -> str:
    """The instruction set that CPU kernels use: 'baseline', 'avx2' or 'avx512'."""
    return _C.get_cpu_isa()


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements, or slices along `dim`, in order; on request also where each one is and how often."""
    if dim is None:
        found = _C.functions["_unique2"](input, sorted, return_inverse, return_counts)
    else:
        found = _C.functions["unique_dim"](input, dim, sorted, return_inverse, return_counts)
    return _requested(found, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements, or slices along `dim`, that differ from the one before; the rest as for `unique`."""
    found = _C.functions["_unique_consecutive"](input, return_inverse, return_counts, dim)
    return _requested(found, return_inverse, return_counts)


def _requested(found: tuple[Tensor, Tensor, Tensor], inverse: bool, counts: bool) -> Any:
    results = (found[0], *([found[1]] if inverse else []), *([found[2]] if counts else []))
    return results if len(results) > 1 else results[0]


def broadcast_shapes(*shapes: Any) -> _C.Size:
    """The shape that tensors of these shapes broadcast to."""
    sizes = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    if not sizes:
        return _C.Size(())
    # One number repeated, so that no shape takes memory.
    number = _C.functions["zeros"](())
    return _C.functions["broadcast_tensors"](*[number.expand(size) for size in sizes])[0].shape


def _dropout(kind: str, inplace: bool) -> Any:
    drop = _C.nn_functions[kind]

    def dropout(input: Tensor, p: float, train: bool) -> Tensor:
        return drop(input, p, train, inplace)

    dropout.__name__ = dropout.__qualname__ = kind + "_" * inplace
    dropout.__doc__ = drop.__doc__
    return dropout


dropout, dropout_ = _dropout("dropout", False), _dropout("dropout", True)
alpha_dropout, alpha_dropout_ = _dropout("alpha_dropout", False), _dropout("alpha_dropout", True)
feature_dropout, feature_dropout_ = _dropout("feature_dropout", False), _dropout("feature_dropout", True)
feature_alpha_dropout = _dropout("feature_alpha_dropout", False)
feature_alpha_dropout_ = _dropout("feature_alpha_dropout", True)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> tuple[Tensor, ...]:
    """The LU factors of `A` in one matrix, the rows swapped, and on request the infos of linalg.lu_factor_ex."""
    found = _C.linalg_functions["lu_factor_ex"](A, pivot=pivot, check_errors=not get_infos)
    results = found if get_infos else found[:2]
    if out is None:
        return tuple(results)
    if not isinstance(out, (tuple, list)) or len(out) != len(results):
        raise TypeError(f"lu(): argument 'out' must be a tuple of {len(results)} Tensors")
    for target, result in zip(out, results):
        target.resize_(result.shape).copy_(result)
    return out


pdist = _C.nn_functions["pdist"]
