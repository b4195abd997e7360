"""DistributedDataParallel, which Tenon does not have yet."""

from __future__ import annotations

from typing import Any

from tenon.nn.modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Refuses to be made: there are no process groups to train in."""

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            f"DistributedDataParallel: Tenon has no process groups yet; train the {type(module).__name__} itself, "
            "in one process"
        )
