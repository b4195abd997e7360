"""What PyTorch has under this path: what pickles name, and exceptions passed between processes."""

from __future__ import annotations

import sys
import traceback
from typing import Any, NoReturn

from tenon._rebuild import (
    _rebuild_device_tensor_from_cpu_tensor,
    _rebuild_device_tensor_from_numpy,
    _rebuild_parameter,
    _rebuild_parameter_with_state,
    _rebuild_sparse_tensor,
    _rebuild_tensor,
    _rebuild_tensor_v2,
    _rebuild_tensor_v3,
)

__all__ = [
    "ExceptionWrapper",
    "KeyErrorMessage",
    "_rebuild_device_tensor_from_cpu_tensor",
    "_rebuild_device_tensor_from_numpy",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
    "_rebuild_sparse_tensor",
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
]


class KeyErrorMessage(str):
    """A text that KeyError shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return self


class ExceptionWrapper:
    """An exception's type and its text with the traceback, to be raised again elsewhere."""

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        # The traceback itself would keep its frames alive.
        exc_type, error, trace = sys.exc_info() if exc_info is None else exc_info
        self.exc_type = exc_type
        self.exc_msg = "".join(traceback.format_exception(exc_type, error, trace))
        self.where = where

    def reraise(self) -> NoReturn:
        """Raises an exception of this type, whose text tells where it was and holds the traceback."""
        kind: Any = self.exc_type
        text = f"Caught {kind.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if kind is KeyError:
            text = KeyErrorMessage(text)
        elif getattr(kind, "message", None):
            raise kind(message=text)
        try:
            error = kind(text)
        except Exception:
            # Its constructor wants something else.
            raise RuntimeError(text) from None
        raise error
