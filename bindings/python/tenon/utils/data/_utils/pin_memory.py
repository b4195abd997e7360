"""Tensors inside containers moved to page-locked memory."""

from __future__ import annotations

from typing import Any

from tenon._C import Tensor
from tenon.utils.data._utils.containers import mapped


def pin_memory(data: Any, device: Any = None) -> Any:
    """`data` with its tensors in page-locked memory."""
    if isinstance(data, Tensor) or hasattr(data, "pin_memory"):
        return data.pin_memory()
    return mapped(data, pin_memory, type(data))
