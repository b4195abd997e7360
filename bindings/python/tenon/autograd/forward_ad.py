"""PyTorch's dual numbers, which Tenon has not: tenon.func.jvp and autograd.functional.jvp give forward derivatives."""

from __future__ import annotations

from typing import Any

__all__ = ["dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


def _missing(name: str) -> NotImplementedError:
    return NotImplementedError(f"forward_ad.{name}: there are no dual tensors; use tenon.func.jvp")


def enter_dual_level() -> int:
    """Not there."""
    raise _missing("enter_dual_level")


def exit_dual_level(*, level: int | None = None) -> None:
    """Not there."""
    raise _missing("exit_dual_level")


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """Not there."""
    raise _missing("make_dual")


def unpack_dual(tensor: Any, *, level: int | None = None) -> Any:
    """Not there."""
    raise _missing("unpack_dual")


class dual_level:
    """Not there."""

    def __init__(self) -> None:
        raise _missing("dual_level")
