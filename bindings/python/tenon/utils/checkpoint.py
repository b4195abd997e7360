"""Activation checkpointing: trade time for memory by computing saved tensors again in backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon.autograd.grad_mode import enable_grad
from tenon.autograd.graph import saved_tensors_hooks
from tenon.random import fork_rng


class _Saved:
    """Stands in the graph for the tensor that was number `index` to be saved."""

    def __init__(self, index: int) -> None:
        self.index = index


class _Recomputation:
    """Runs the function again when backward first asks for one of its saved tensors."""

    def __init__(self, function: Callable[..., Any], args: tuple, kwargs: dict, preserve_rng_state: bool) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.rng_state = _C.default_generator.get_state() if preserve_rng_state else None
        self.count = 0
        self.values: dict[int, _C.Tensor] = {}

    def pack(self, tensor: _C.Tensor) -> _Saved:
        self.count += 1
        return _Saved(self.count - 1)

    def unpack(self, saved: _Saved) -> _C.Tensor:
        if saved.index not in self.values:
            self._run()
        # Each value is used once; another backward through a kept graph computes it anew.
        return self.values.pop(saved.index)

    def _run(self) -> None:
        values: list[_C.Tensor] = []

        def keep(tensor: _C.Tensor) -> _C.Tensor:
            values.append(tensor.detach())
            return tensor

        with fork_rng(enabled=self.rng_state is not None):
            if self.rng_state is not None:
                _C.default_generator.set_state(self.rng_state)
            with enable_grad(), saved_tensors_hooks(keep, lambda tensor: tensor):
                self.function(*self.args, **self.kwargs)
        if len(values) != self.count:
            raise RuntimeError(
                f"checkpoint: the function saved {self.count} tensors in forward but {len(values)} when run again; "
                "it must do the same each time"
            )
        self.values = dict(enumerate(values))


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Calls `function` without keeping what it saves for backward, which calls it again from the same random state."""
    if not _C.is_grad_enabled():
        return function(*args, **kwargs)
    again = _Recomputation(function, args, kwargs, preserve_rng_state)
    with saved_tensors_hooks(again.pack, again.unpack):
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Runs a list of functions in `segments` pieces, each but the last checkpointed."""
    functions = list(functions)
    size = len(functions) // segments

    def run(start: int, end: int) -> Callable[[Any], Any]:
        def forward(value: Any) -> Any:
            for function in functions[start:end]:
                value = function(value)
            return value

        return forward

    for segment in range(segments - 1):
        input = checkpoint(run(segment * size, (segment + 1) * size), input, **kwargs)
    return run((segments - 1) * size, len(functions))(input)
