"""NumPy's files, without NumPy: arrays in .npy, and several by name in .npz."""

from __future__ import annotations

import os
from typing import Any

from tenon import _C
from tenon._C import Tensor

__all__ = ["load_npy", "load_npz", "save_npy", "save_npz"]


def _source(file: Any) -> Any:
    """A path as a str, or the bytes of a file object."""
    return file.read() if hasattr(file, "read") else os.fsdecode(file)


def load_npy(file: Any, mmap: bool = False) -> Tensor:
    """The array of a .npy file; with `mmap` the tensor views the file, and edits of it stay in memory."""
    return _C.io.load_npy(_source(file), mmap)


def load_npz(file: Any) -> dict[str, Tensor]:
    """The arrays of a .npz file by name."""
    return _C.io.load_npz(_source(file))


def save_npy(file: Any, tensor: Any) -> None:
    """Writes a .npy file, to a path, where it appears whole or not at all, or to a file object."""
    tensor = _C.as_tensor(tensor)
    if hasattr(file, "write"):
        file.write(_C.io.npy_bytes(tensor))
    else:
        _C.io.save_npy(_with_ending(file, ".npy"), tensor)


def save_npz(file: Any, *args: Any, compressed: bool = False, **tensors: Any) -> None:
    """Writes a .npz file; tensors without names are called arr_0, arr_1 and so on; a dict gives names too."""
    named: dict[str, Tensor] = {}
    if len(args) == 1 and isinstance(args[0], dict):
        tensors, args = {**args[0], **tensors}, ()
    for i, tensor in enumerate(args):
        if f"arr_{i}" in tensors:
            raise ValueError(f"Cannot use un-named variables and keyword arr_{i}")
        named[f"arr_{i}"] = _C.as_tensor(tensor)
    named.update((name, _C.as_tensor(tensor)) for name, tensor in tensors.items())
    if hasattr(file, "write"):
        file.write(_C.io.npz_bytes(named, compressed))
    else:
        _C.io.save_npz(_with_ending(file, ".npz"), named, compressed)


def _with_ending(file: Any, ending: str) -> str:
    path = os.fsdecode(file)
    return path if path.endswith(ending) else path + ending
