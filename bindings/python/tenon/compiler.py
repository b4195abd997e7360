"""torch.compiler where nothing is compiled: what programs tell a compiler changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tenon._settings import compile

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_stance",
]

_T = TypeVar("_T")


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Returns `fn` itself; without one, a decorator that does the same."""

    def unchanged(fn: Callable[..., Any]) -> Callable[..., Any]:
        return fn

    return unchanged if fn is None else fn


def allow_in_graph(fn: _T) -> _T:
    """Returns `fn` itself."""
    return fn


def assume_constant_result(fn: _T) -> _T:
    """Returns `fn` itself."""
    return fn


def is_compiling() -> bool:
    """Whether a compiler runs the program: False."""
    return False


def is_dynamo_compiling() -> bool:
    """Whether a compiler runs the program: False."""
    return False


def is_exporting() -> bool:
    """Whether the program is being exported: False."""
    return False


def cudagraph_mark_step_begin() -> None:
    """Changes nothing."""


def reset() -> None:
    """Changes nothing."""


def list_backends(exclude_tags: tuple[str, ...] = ("debug", "experimental")) -> list[str]:
    """The names of compilers: none."""
    return []


class set_stance:
    """A setting of the compiler for what is decorated with it, for a block, or from now on; changes nothing."""

    def __init__(self, stance: str = "default", **kwargs: Any) -> None:
        self.stance = stance

    def __call__(self, fn: _T) -> _T:
        return fn

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass
