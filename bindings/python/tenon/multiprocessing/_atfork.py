"""Functions called in forked children."""

import os
from collections.abc import Callable

__all__ = ["register_after_fork"]


def register_after_fork(func: Callable[[], None]) -> None:
    """Calls `func` in each child that is forked from now on."""
    os.register_at_fork(after_in_child=func)
