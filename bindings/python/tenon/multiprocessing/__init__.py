"""The standard multiprocessing, with tensors that travel between processes by shared memory."""

import multiprocessing
from multiprocessing import *  # noqa: F403

from tenon import _C
from tenon.multiprocessing.reductions import init_reductions
from tenon.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = ["get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", *multiprocessing.__all__]

_all_sharing_strategies = {"file_descriptor", "file_system"}
_sharing_strategy = "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepts PyTorch's names; memory is always shared by file descriptors, which leave nothing behind."""
    global _sharing_strategy
    if new_strategy not in _all_sharing_strategies:
        raise AssertionError(f"invalid sharing strategy {new_strategy!r}, expected one of {_all_sharing_strategies}")
    _sharing_strategy = new_strategy


def get_sharing_strategy() -> str:
    """The name that was set last."""
    return _sharing_strategy


def get_all_sharing_strategies() -> set[str]:
    """The names that set_sharing_strategy() accepts."""
    return _all_sharing_strategies


def _set_thread_name(name: str) -> None:
    _C._set_thread_name(name)


def _get_thread_name() -> str:
    return _C._get_thread_name()


def _prctl_pr_set_pdeathsig(signal: int) -> None:
    # The system sends this process `signal` when the thread that started it ends.
    _C._end_signal(signal)


init_reductions()
