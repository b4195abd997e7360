"""Where functional_call() was before it came to tenon.func."""

from __future__ import annotations

import warnings
from typing import Any

from tenon._C import Tensor

__all__ = ["functional_call"]


def functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """tenon.func.functional_call()."""
    from tenon import func

    warnings.warn(
        "`tenon.nn.utils.stateless.functional_call` is deprecated. Please use `tenon.func.functional_call` instead.",
        FutureWarning,
        stacklevel=2,
    )
    # Imported late, for it needs this module itself.
    from tenon.nn.parallel.data_parallel import DataParallel

    if isinstance(module, DataParallel):
        raise RuntimeError("The stateless API can't be used with nn.DataParallel module")
    return func.functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
