"""Activation checkpointing: trade time for memory by computing saved tensors again in backward."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tenon import _C
from tenon.autograd.grad_mode import enable_grad
from tenon.autograd.graph import saved_tensors_hooks
from tenon.random import fork_rng

__all__ = [
    "CheckpointError",
    "DefaultDeviceType",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]


class CheckpointError(RuntimeError):
    """The function did not do the same when it was run again."""


class _Stop(Exception):
    """Leaves the function as soon as all that backward needs is computed again."""


def noop_context_fn() -> tuple[Any, Any]:
    """The contexts of forward and of its repetition that change nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


_stops_early: bool | None = None
_tells_where: bool | None = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within its block, says for all checkpoints whether they stop early."""
    global _stops_early
    before, _stops_early = _stops_early, enable
    try:
        yield
    finally:
        _stops_early = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Within its block, says for all checkpoints whether errors tell where they were made; None leaves it to each."""
    global _tells_where
    before, _tells_where = _tells_where, enabled
    try:
        yield
    finally:
        _tells_where = before


def _metadata(tensor: _C.Tensor) -> dict[str, Any]:
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


_DETERMINISM_CHECKS: dict[str, Callable[[_C.Tensor], Any]] = {"default": _metadata, "none": lambda tensor: None}


class _Saved:
    """Stands in the graph for the tensor that was number `index` to be saved."""

    def __init__(self, index: int) -> None:
        self.index = index


class _Recomputation:
    """Runs the function again when backward first asks for one of its saved tensors."""

    def __init__(self, run: Callable[[], Any], context: Any, describe: Callable[[_C.Tensor], Any]) -> None:
        self.run, self.context, self.describe = run, context, describe
        self.rng_state: _C.Tensor | None = None
        self.stops_early = True
        self.note = ""
        self.described: list[Any] = []
        self.values: dict[int, _C.Tensor] = {}

    def pack(self, tensor: _C.Tensor) -> _Saved:
        self.described.append(self.describe(tensor))
        return _Saved(len(self.described) - 1)

    def unpack(self, saved: _Saved) -> _C.Tensor:
        if saved.index not in self.values:
            self._run()
        # Each value is used once; another backward through a kept graph computes it anew.
        return self.values.pop(saved.index)

    def _run(self) -> None:
        values: list[_C.Tensor] = []

        def keep(tensor: _C.Tensor) -> _C.Tensor:
            values.append(tensor.detach())
            if self.stops_early and len(values) == len(self.described):
                raise _Stop
            return tensor

        with fork_rng(enabled=self.rng_state is not None), contextlib.suppress(_Stop):
            if self.rng_state is not None:
                _C.default_generator.set_state(self.rng_state)
            with enable_grad(), saved_tensors_hooks(keep, lambda tensor: tensor), self.context:
                self.run()
        if len(values) != len(self.described):
            raise CheckpointError(
                f"checkpoint: the function saved {len(self.described)} tensors in forward but {len(values)} when run "
                f"again; it must do the same each time{self.note}"
            )
        for i, (value, expected) in enumerate(zip(values, self.described)):
            if self.describe(value) != expected:
                raise CheckpointError(
                    f"checkpoint: the tensor at position {i} that the function saved has different metadata when run "
                    f"again: {expected} in forward, {self.describe(value)} now{self.note}"
                )
        self.values = dict(enumerate(values))


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Calls `function` without keeping what it saves for backward, which calls it again from the same random state.

    `context_fn` gives the contexts of the two calls; `determinism_check` is "default", which compares what they save,
    or "none"; `debug` adds to errors where the checkpoint was made; `early_stop` ends the second call when all is
    there. Either value of `use_reentrant` gives the variant that PyTorch calls not reentrant.
    """
    if context_fn is not noop_context_fn and (debug or use_reentrant):
        raise ValueError("checkpoint: context_fn goes with neither debug=True nor use_reentrant=True")
    if determinism_check not in _DETERMINISM_CHECKS:
        raise ValueError(
            f"checkpoint: determinism_check should be one of {list(_DETERMINISM_CHECKS)}, but got {determinism_check}"
        )
    if not _C.is_grad_enabled():
        return function(*args, **kwargs)
    forward_context, context = context_fn()
    again = _Recomputation(lambda: function(*args, **kwargs), context, _DETERMINISM_CHECKS[determinism_check])
    again.stops_early = early_stop if _stops_early is None else _stops_early
    if preserve_rng_state:
        again.rng_state = _C.default_generator.get_state()
    if debug if _tells_where is None else _tells_where:
        import traceback

        again.note = "\nThe checkpoint was made here:\n" + "".join(traceback.format_stack()[:-1])
    with saved_tensors_hooks(again.pack, again.unpack), forward_context:
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, *, preserve_rng_state: bool = True
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
        function = run(segment * size, (segment + 1) * size)
        input = checkpoint(function, input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
    return run((segments - 1) * size, len(functions))(input)


# --- for programs that write checkpoints of their own


class DefaultDeviceType:
    """The kind of device whose random state a checkpoint keeps beside the CPU's."""

    _device_type: str | None = None

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Sets the kind of device."""
        DefaultDeviceType._device_type = device

    @staticmethod
    def get_device_type() -> str:
        """The kind that was set, or else the accelerator's or "cpu"."""
        from tenon import accelerator

        found = accelerator.current_accelerator(True)
        return DefaultDeviceType._device_type or ("cpu" if found is None else found.type)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns where no input requires a gradient."""
    if not any(value.requires_grad for value in inputs if isinstance(value, _C.Tensor)):
        import warnings

        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors of a tuple outside their graph, requiring gradients as before; the rest as it is."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}"
        )
    return tuple(
        value.detach().requires_grad_(value.requires_grad) if isinstance(value, _C.Tensor) else value
        for value in inputs
    )


def get_device_states(*args: Any) -> tuple[list[int], list[_C.Tensor]]:
    """The devices of the arguments and their random states: none, for random numbers are drawn on the CPU."""
    return [], []


def set_device_states(devices: Iterable[int], states: Iterable[_C.Tensor], *, device_type: str | None = None) -> None:
    """Sets what get_device_states() gave."""
    if list(states):
        raise _C.DeviceError("set_device_states: devices have no random states, which are drawn on the CPU")
