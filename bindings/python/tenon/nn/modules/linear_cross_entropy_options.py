"""How PyTorch cuts a linear map and its cross entropy into chunks; here the options are checked and kept."""

from __future__ import annotations

import dataclasses
import re

from tenon import _C

__all__ = ["LinearCrossEntropyOptions"]

_POLICIES = {"accurate", "auto", "balanced", "compact"}
_DTYPES = {_C.float16, _C.bfloat16, _C.float32, _C.float64}


@dataclasses.dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """Chunks and the precision of sums; Tenon's result is that of one chunk, whatever they say."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: _C.dtype | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        method, size = self.chunking_method, self.batch_chunk_size
        if method not in (None, "auto") and not re.fullmatch(r"aspect_ratio(:0*[1-9]\d*)?", str(method)):
            raise ValueError(f"invalid chunking_method: {method!r}")
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype is not None and self.acc_dtype not in _DTYPES:
            raise ValueError(f"acc_dtype must be None or a floating dtype of two bytes or more, got {self.acc_dtype!r}")
