"""Batching rules of properties, of questions about a tensor, and of what belongs to autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Size, Tensor
from tenon.func.batched import Level, is_batched_at, unwrap, wrap
from tenon.func.rules import Rule, rank_of, whole_batch

# --- properties

_WRAPPED = ("data", "grad", "real", "imag")
_OF_EXAMPLE: dict[str, Callable[[Tensor, Level], Any]] = {
    "shape": lambda value, level: Size(value.shape[1:]),
    "ndim": lambda value, level: value.ndim - 1,
    "nbytes": lambda value, level: value.itemsize * (value.numel() // max(level.size, 1)),
    "T": lambda value, level: wrap(value.permute(0, *range(value.dim() - 1, 0, -1)), level),
    "_base": lambda value, level: None,
}


def _transposed(name: str, x: Tensor) -> Tensor:
    rank = x.dim()
    if rank == 1 or (name == "H" and rank > 2):
        raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got {rank}-D tensor.")
    result = x.transpose(-2, -1) if rank else x
    return result if name == "mT" else result.conj()


def property_rule(func: Callable) -> Rule:
    """The rule of a property's accessor."""
    name = func.__self__.__name__

    def get(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        value = args[0].value
        if name in _OF_EXAMPLE:
            return _OF_EXAMPLE[name](value, level)
        if name in ("mT", "H", "mH"):
            return _transposed(name, args[0])
        found = getattr(value, name)
        return wrap(found, level) if name in _WRAPPED and found is not None else found

    def set_value(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        if not is_batched_at(args[0], level):
            raise RuntimeError(f"vmap: cannot set .{name} of a tensor that is the same for all examples")
        setattr(args[0].value, name, unwrap(args[1], level))

    return get if func.__name__ == "__get__" else set_value


# --- questions


def _size(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    shape = Size(args[0].value.shape[1:])
    dims = [*args[1:], *kwargs.values()]
    return shape[dims[0]] if dims and dims[0] is not None else shape


def _stride(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    strides = args[0].value.stride()[1:]
    dims = [*args[1:], *kwargs.values()]
    return strides[dims[0]] if dims and dims[0] is not None else strides


def _length(level: Level, func: Callable, args: tuple, kwargs: dict) -> int:
    shape = args[0].value.shape
    if len(shape) == 1:
        raise TypeError("len() of a 0-d tensor")
    return shape[1]


def _same_for_all(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    return func(args[0].value, *args[1:], **kwargs)


def _is_contiguous(level: Level, func: Callable, args: tuple, kwargs: dict) -> bool:
    return level.size == 0 or func(args[0].value.select(0, 0), *args[1:], **kwargs)


def _refusing(reason: str) -> Rule:
    def rule(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        raise RuntimeError(reason.format(func.__name__))

    return rule


_item = _refusing(
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, "
    "please try to rewrite what you're doing with other operations."
)
_condition = _refusing(
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that "
    "yet."
)
_other_shapes = _refusing(
    "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over {}."
)
_memory = _refusing("vmap: {}: Cannot access the memory of a Tensor that has an example for each of a batch")


def _repr(level: Level, func: Callable, args: tuple, kwargs: dict) -> str:
    return f"BatchedTensor(lvl={level.depth}, bdim=0, value=\n{args[0].value!r}\n)"


# --- autograd


def _edits_self(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    func(args[0].value, *args[1:], **kwargs)
    return args[0]


def _register_hook(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    x, hook = args
    return x.value.register_hook(lambda grad: unwrap(hook(wrap(grad, level)), level))


def _tuple(value: Any) -> tuple:
    return (value,) if isinstance(value, Tensor) else tuple(value)


def _starting_grad(output: Tensor, given: Tensor | None, level: Level) -> Tensor:
    if given is not None:
        return whole_batch(given, level)
    if rank_of(output, level) > 0:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    return _C.functions["ones_like"](output.value)


def _grad(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    names = ("outputs", "inputs", "grad_outputs", "retain_graph", "create_graph", "allow_unused")
    given = {**dict(zip(names, args)), **kwargs}
    outputs, inputs = _tuple(given.pop("outputs")), _tuple(given.pop("inputs"))
    starts = given.pop("grad_outputs", None)
    starts = (None,) * len(outputs) if starts is None else _tuple(starts)
    if all(is_batched_at(one, level) for one in (*outputs, *inputs)):
        # No example's output depends on another's input, so one pass serves all.
        starts = [_starting_grad(output, start, level) for output, start in zip(outputs, starts)]
        grads = func([one.value for one in outputs], [one.value for one in inputs], starts, **given)
        return tuple(None if grad is None else wrap(grad, level) for grad in grads)
    return _grad_by_example(level, func, outputs, inputs, starts, given)


def _grad_by_example(
    level: Level, func: Callable, outputs: tuple, inputs: tuple, starts: tuple, given: dict
) -> tuple[Tensor | None, ...]:
    rows = []
    for i in range(level.size):

        def example(one: Any, i: int = i) -> Any:
            return one.value.select(0, i) if is_batched_at(one, level) else one

        last = i == level.size - 1
        own = {**given, "retain_graph": given.get("retain_graph") if last else True}
        grads = func(
            [example(one) for one in outputs],
            [unwrap(one, level) for one in inputs],
            [example(one) for one in starts],
            **own,
        )
        rows.append(
            [
                grad.select(0, i) if grad is not None and is_batched_at(one, level) else grad
                for grad, one in zip(grads, inputs)
            ]
        )
    stack = _C.functions["stack"]
    return tuple(None if grads[0] is None else wrap(stack(list(grads)), level) for grads in zip(*rows))


def _backward(level: Level, func: Callable, args: tuple, kwargs: dict) -> None:
    names = ("self", "gradient", "retain_graph", "create_graph", "inputs")
    given = {**dict(zip(names, args)), **kwargs}
    x = given.pop("self")
    func(x.value, _starting_grad(x, given.pop("gradient", None), level), **given)


METHOD_RULES: dict[str, Rule] = {
    "size": _size,
    "stride": _stride,
    "__len__": _length,
    **dict.fromkeys(("dim", "ndimension"), lambda level, func, args, kwargs: args[0].value.dim() - 1),
    **dict.fromkeys(("numel", "nelement"), lambda level, func, args, kwargs: Size(args[0].value.shape[1:]).numel()),
    **dict.fromkeys(
        (
            "is_floating_point", "is_complex", "is_signed", "element_size", "get_device", "is_inference", "is_conj",
            "is_neg", "is_pinned", "is_shared", "type", "retain_grad",
        ),
        _same_for_all,
    ),
    "is_contiguous": _is_contiguous,
    **dict.fromkeys(("item", "tolist", "__float__", "__int__", "__index__", "__complex__", "__contains__"), _item),
    **dict.fromkeys(("__bool__", "equal", "allclose", "is_nonzero"), _condition),
    **dict.fromkeys(
        ("nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "_unique2", "unique_dim",
         "_unique_consecutive"),
        _other_shapes,
    ),
    **dict.fromkeys(
        ("numpy", "__array__", "data_ptr", "storage", "untyped_storage", "__dlpack__", "to_torch", "__reduce_ex__",
         "__deepcopy__", "set_", "resize_", "resize_as_", "as_strided_"),
        _memory,
    ),
    "__repr__": _repr,
    **dict.fromkeys(("requires_grad_", "detach_"), _edits_self),
    "register_hook": _register_hook,
    "grad": _grad,
    "backward": _backward,
}  # fmt: skip
