"""DLPack capsules, under the names of torch.utils.dlpack."""

from __future__ import annotations

from typing import Any

from tenon._C import Tensor, from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """An unversioned capsule over the memory of `tensor`."""
    return tensor.__dlpack__()
