"""torch.distributed without process groups: programs that ask first train in the one process that there is."""

from __future__ import annotations

import os
from enum import IntEnum
from typing import Any, NoReturn

__all__ = [
    "ReduceOp",
    "destroy_process_group",
    "init_process_group",
    "is_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
]

# What works on a group, and so raises.
_OF_A_GROUP = frozenset(
    """all_gather all_gather_into_tensor all_gather_object all_reduce all_to_all all_to_all_single barrier broadcast
    broadcast_object_list gather gather_object get_backend get_rank get_world_size irecv isend monitored_barrier
    new_group recv reduce reduce_scatter reduce_scatter_tensor scatter scatter_object_list send""".split()
)


class ReduceOp(IntEnum):
    """How the tensors of several processes would be combined."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7


def is_available() -> bool:
    """Whether there can be process groups: False."""
    return False


def is_initialized() -> bool:
    """Whether init_process_group() was called: False."""
    return False


def is_gloo_available() -> bool:
    """False."""
    return False


def is_mpi_available() -> bool:
    """False."""
    return False


def is_nccl_available() -> bool:
    """False."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether torchrun started this process."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def init_process_group(backend: Any = None, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises: there are no process groups."""
    raise NotImplementedError("init_process_group: Tenon has no process groups yet; train in one process")


def destroy_process_group(group: Any = None) -> NoReturn:
    """Raises: there is no group."""
    raise AssertionError("Process group cannot be None")


def __getattr__(name: str) -> Any:
    if name not in _OF_A_GROUP:
        raise AttributeError(f"module 'torch.distributed' has no attribute {name!r}: Tenon lacks it", name=name)

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


def __dir__() -> list[str]:
    return sorted(_OF_A_GROUP.union(globals()))
