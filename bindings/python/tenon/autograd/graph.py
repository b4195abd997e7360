"""The graph of recorded ops: its nodes, and hooks on what it saves."""

from __future__ import annotations

import contextlib
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from weakref import WeakValueDictionary

from tenon import _C
from tenon._C import Node, Tensor
from tenon.utils.hooks import LibraryHandle, RemovableHandle

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]

# Why hooks on saved tensors are refused, for each block that does.
_refusals: list[str] = []


class saved_tensors_hooks:
    """Within its block, tensors saved for backward are packed by one function and unpacked by another when used."""

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        if _refusals:
            raise RuntimeError(_refusals[-1])
        _C._push_saved_tensor_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exception: object) -> None:
        _C._pop_saved_tensor_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Within its block, tensors saved for backward wait on the CPU."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: (tensor.device, tensor.cpu()), lambda packed: packed[1].to(packed[0]))


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within its block, saved_tensors_hooks raises this error."""
    _refusals.append(error_message)
    try:
        yield
    finally:
        _refusals.pop()


class _Copies:
    """What allow_mutation_on_saved_tensors gives; the copies live as long as the graph."""

    def clear(self) -> None:
        """Nothing is kept here."""


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Copies]:
    """Within its block, what is saved for backward is copied, and may be edited in place."""
    with saved_tensors_hooks(lambda tensor: tensor.clone(), lambda copy: copy):
        yield _Copies()


# Not typing.NamedTuple, which imports what is slow from Python 3.14 on.
class GradientEdge(namedtuple("GradientEdge", ["node", "output_nr"])):
    """Where the gradient of a tensor goes: an output of a node."""

    __slots__ = ()


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge of a tensor that requires grad: to its grad_fn, or to what accumulates into its .grad."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*_C._gradient_edge(tensor))


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Counts an edit in place that was made behind autograd's back."""
    for one in (tensor,) if isinstance(tensor, Tensor) else tensor:
        _C._increment_version(one)


class _Arrivals:
    """The gradients that have come to a hook of several tensors in one backward pass."""

    def __init__(self, fn: Callable[[Any], None], size: int) -> None:
        self._fn, self._grads, self._missing, self._called = fn, [None] * size, size, False

    def _call(self, value: Any) -> None:
        if not self._called:
            self._called = True
            self._fn(value)

    def add(self, place: int, grad: Tensor, is_enough: bool) -> None:
        self._grads[place] = grad
        self._missing -= 1
        if is_enough:
            self._call(grad)
        elif self._missing == 0:
            self.finish()

    def finish(self) -> None:
        self._call(self._grads)


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all"
) -> RemovableHandle:
    """Calls `fn` once in each backward pass: with the gradients of all tensors when those that the pass computes are
    there, None in the place of the others; in mode "any" with the first gradient that arrives."""
    if mode not in ("all", "any"):
        raise ValueError(f"register_multi_grad_hook: mode must be 'all' or 'any', but got {mode!r}")
    # The pass keeps what arrived in it until its end, however it ends.
    passes: WeakValueDictionary[int, _Arrivals] = WeakValueDictionary()

    def hook(place: int, grad: Tensor) -> None:
        number = _C._current_pass()
        arrivals = passes.get(number)
        if arrivals is None:
            arrivals = passes[number] = _Arrivals(fn, len(tensors))
            _C._at_end_of_pass(arrivals.finish)
        arrivals.add(place, grad, mode == "any")

    def hook_at(place: int) -> Callable[[Tensor], None]:
        return lambda grad: hook(place, grad)

    handles = [tensor.register_hook(hook_at(i)) for i, tensor in enumerate(tensors)]

    def remove(id: int) -> None:
        for handle in handles:
            handle.remove()

    return LibraryHandle(remove, 0)


def _register_prehook(self: Node, fn: Callable[..., Any]) -> RemovableHandle:
    """Calls `fn` with the gradients of the op's outputs before the node runs."""
    return LibraryHandle(self._remove_hook, self._add_pre_hook(fn))


def _register_hook(self: Node, fn: Callable[..., Any]) -> RemovableHandle:
    """Calls `fn` with the gradients of the op's inputs and outputs after the node ran."""
    return LibraryHandle(self._remove_hook, self._add_post_hook(fn))


Node.register_prehook = _register_prehook
Node.register_hook = _register_hook
