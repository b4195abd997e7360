"""How storages and tensors are pickled for other processes: as the files of the shared memory that they move to."""

from __future__ import annotations

import os
from multiprocessing import reduction
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.storage import UntypedStorage, _storage_over

_PROTOCOL = 4


def check_leaf(tensor: Tensor) -> None:
    """Refuses a tensor whose gradient another process could not bring back."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor "
            "before serializing (e.g., putting it on the queue)."
        )


def reduce_tensor(tensor: Tensor) -> Any:
    """A tensor as its storage and how it views it."""
    check_leaf(tensor)
    return tensor.__reduce_ex__(_PROTOCOL)


def rebuild_storage_fd(file: Any, size: int) -> UntypedStorage:
    """The storage whose memory is that of a file; the same memory where it came before."""
    fd = file.detach()
    try:
        return _storage_over(_C._received_storage(fd, size))
    finally:
        os.close(fd)


def rebuild_storage_empty() -> UntypedStorage:
    """A storage without memory."""
    return UntypedStorage(0)


def reduce_storage(storage: UntypedStorage) -> Any:
    """A storage as the file of its memory, to which it moves if need be."""
    if storage.is_cuda:
        raise RuntimeError("Cannot pickle CUDA storage; try pickling a CUDA tensor instead")
    if storage.nbytes() == 0:
        return rebuild_storage_empty, ()
    storage.share_memory_()
    return rebuild_storage_fd, (reduction.DupFd(_C._shared_fd(storage._bytes)), storage.nbytes())


def init_reductions() -> None:
    """Makes multiprocessing pickle tensors so."""
    reduction.register(UntypedStorage, reduce_storage)
    reduction.register(Tensor, reduce_tensor)
