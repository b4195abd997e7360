"""Switches for the recording of ops: context managers that are decorators too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tenon import _C

# The flag of a generator function's code; the module inspect, which has a name for it, is slow to import.
_GENERATOR = 0x20


class _Mode:
    """A context manager that may be entered again and again, and that decorates functions and generators."""

    def _again(self) -> _Mode:
        return type(self)()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if getattr(getattr(function, "__code__", None), "co_flags", 0) & _GENERATOR:
            return self._wrap_generator(function)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        # The mode holds while the generator runs, not while its caller does.
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            with self._again():
                step = functools.partial(generator.send, None)
            while True:
                try:
                    with self._again():
                        value = step()
                except StopIteration as stop:
                    return stop.value
                try:
                    step = functools.partial(generator.send, (yield value))
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:
                    step = functools.partial(generator.throw, error)

        return wrapped

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        raise NotImplementedError


class _GradMode(_Mode):
    """Sets whether ops are recorded, and restores what was before."""

    _enabled: bool

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        # @no_grad without parentheses decorates the function that it is given.
        mode = super().__new__(cls)
        return mode if function is None else mode(function)

    def __init__(self) -> None:
        self._previous: list[bool] = []

    def __enter__(self) -> None:
        self._previous.append(_C.is_grad_enabled())
        _C._set_grad_enabled(self._enabled)

    def __exit__(self, *exception: object) -> None:
        _C._set_grad_enabled(self._previous.pop())


class no_grad(_GradMode):
    """Ops are not recorded."""

    _enabled = False


class enable_grad(_GradMode):
    """Ops are recorded, also within no_grad."""

    _enabled = True


class set_grad_enabled(_Mode):
    """Sets whether ops are recorded: at once, and as a context manager until its end."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self._previous = _C.is_grad_enabled()
        _C._set_grad_enabled(self.mode)

    def _again(self) -> _Mode:
        return set_grad_enabled(self.mode)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        _C._set_grad_enabled(self._previous)
        return super().__call__(function)

    def __enter__(self) -> None:
        _C._set_grad_enabled(self.mode)

    def __exit__(self, *exception: object) -> None:
        _C._set_grad_enabled(self._previous)


class inference_mode(_Mode):
    """Nothing is recorded, and what is made here never takes part in a graph."""

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        self = super().__new__(cls)
        if isinstance(mode, bool):
            return self
        self.__init__(True)
        return self(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def _again(self) -> _Mode:
        return inference_mode(self.mode)

    def __enter__(self) -> None:
        _C._push_inference_mode(self.mode)

    def __exit__(self, *exception: object) -> None:
        _C._pop_inference_mode()


class set_multithreading_enabled(_Mode):
    """Accepts a choice that Tenon does not have, at once or for a block: backward runs on the thread that calls it."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)

    def _again(self) -> _Mode:
        return set_multithreading_enabled(self.mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass
