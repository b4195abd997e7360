"""Batches between a worker and its loader: pickled, but for the tensors' memory, which both processes map.

The worker fills blocks of shared memory, and fills one again when the loader's tensors have left it, so that after the
first few batches no memory is allocated, mapped or cleared. Files of blocks are closed as soon as both sides have
mapped them: nothing is left over, however either side ends.
"""

from __future__ import annotations

import io
import os
import pickle
import threading
from multiprocessing.reduction import ForkingPickler
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.storage import UntypedStorage, _from_bytes, _storage_over
from tenon.utils.data._utils.channel import MOST_FILES

# Smaller ones are cheaper within the message.
_SMALLEST_IN_BLOCK = 2048
_ALIGNMENT = 64
# Blocks that nobody uses, beyond these, are given up.
_MOST_FREE = 8


class Blocks:
    """A worker's blocks."""

    def __init__(self) -> None:
        self._blocks: dict[int, Any] = {}
        self._next_number = 0
        # Those of the batch being made, also by the address of their memory.
        self._taken: list[int] = []
        self._numbers: dict[int, int] = {}
        self._most_taken = 0
        self._fresh: list[int] = []
        self._retired: list[int] = []

    def storage(self, nbytes: int) -> Tensor:
        """Memory for a part of the batch, as bytes; of the process itself where it is small."""
        if nbytes < _SMALLEST_IN_BLOCK or len(self._taken) > MOST_FILES - 8:
            return _C.functions["empty"]((nbytes,), dtype=_C.uint8)
        number = self._take(nbytes)
        result = self._blocks[number].bytes(0, nbytes)
        self._numbers[result.data_ptr()] = number
        return result

    def number_of(self, storage: UntypedStorage) -> int | None:
        """The block that a storage of this batch is."""
        return self._numbers.get(storage.data_ptr())

    def _take(self, nbytes: int) -> int:
        free = [n for n, block in self._blocks.items() if n not in self._taken and block.is_free()]
        fitting = [n for n in free if nbytes <= self._blocks[n].nbytes]
        if fitting:
            number = min(fitting, key=lambda n: self._blocks[n].nbytes)
        else:
            number = self._next_number
            self._next_number += 1
            # Batches of almost this size fit it too; what is never written costs nothing.
            self._blocks[number] = _C._SharedBlock(1 << max(nbytes - 1, 4095).bit_length())
            self._fresh.append(number)
        self._taken.append(number)
        self._most_taken = max(self._most_taken, len(self._taken))
        for other in free[_MOST_FREE + 4 * self._most_taken :]:
            if other != number:
                del self._blocks[other]
                self._retired.append(other)
        return number

    def parcel(self, nbytes: int) -> tuple[int, Any]:
        """A block for all storages of the batch that are not in blocks."""
        number = self._take(nbytes)
        return number, self._blocks[number]

    def hand_over(self, used: list[int]) -> tuple[list[tuple[int, int]], list[int], list[int]]:
        """Gives blocks to the loader: says which of them are new, their files, and which blocks are gone."""
        for number in used:
            self._blocks[number].hand_over()
        fresh, self._fresh = self._fresh, []
        retired, self._retired = self._retired, []
        new = [(number, self._blocks[number].nbytes) for number in fresh]
        return new, [self._blocks[number].fd for number in fresh], retired

    def finish(self, sent: list[tuple[int, int]]) -> None:
        """Ends a batch; the files of new blocks have been sent."""
        for number, _ in sent:
            self._blocks[number].close_fd()
        self._taken.clear()
        self._numbers.clear()


class _BatchPickler(ForkingPickler):
    """Pickles a batch, with storages by where in the blocks they are."""

    def __init__(self, file: io.BytesIO, blocks: Blocks) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._blocks = blocks
        self.used: dict[int, None] = {}
        self.parcel: list[UntypedStorage] = []
        self.parcel_bytes = 0

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Tensor):
            return self._reduce_tensor(obj)
        if isinstance(obj, UntypedStorage):
            return self._reduce_storage(obj)
        return NotImplemented

    def _reduce_tensor(self, tensor: Tensor) -> Any:
        from tenon.multiprocessing.reductions import check_leaf

        check_leaf(tensor)
        if tensor._storage_nbytes() > 2 * tensor.nbytes + _SMALLEST_IN_BLOCK and type(tensor) is Tensor:
            # A small view of much memory does not bring all of it.
            requires_grad = tensor.requires_grad
            tensor = tensor.detach().clone().requires_grad_(requires_grad)
        return tensor.__reduce_ex__(pickle.HIGHEST_PROTOCOL)

    def _reduce_storage(self, storage: UntypedStorage) -> Any:
        nbytes = storage.nbytes()
        number = self._blocks.number_of(storage)
        if number is not None:
            self.used[number] = None
            return _storage_in_block, (number, 0, nbytes)
        if nbytes < _SMALLEST_IN_BLOCK or not storage._bytes.is_cpu:
            return _from_bytes, (storage._bytes._to_bytes(),)
        offset = self.parcel_bytes
        self.parcel.append(storage)
        self.parcel_bytes += -(-nbytes // _ALIGNMENT) * _ALIGNMENT
        return _storage_in_block, (None, offset, nbytes)


def pack(message: Any, blocks: Blocks) -> tuple[bytes, list[int], list[tuple[int, int]]]:
    """The bytes of a message, the files that go with it, and the new blocks that they are."""
    body = io.BytesIO()
    pickler = _BatchPickler(body, blocks)
    pickler.dump(message)
    used, parcel = list(pickler.used), None
    if pickler.parcel:
        parcel, block = blocks.parcel(pickler.parcel_bytes)
        used.append(parcel)
        offset = 0
        for storage in pickler.parcel:
            block.bytes(offset, storage.nbytes()).copy_(storage._bytes)
            offset += -(-storage.nbytes() // _ALIGNMENT) * _ALIGNMENT
    new, files, retired = blocks.hand_over(used)
    head = pickle.dumps((new, retired, used, parcel), pickle.HIGHEST_PROTOCOL)
    return head + body.getbuffer(), files, new


class ReceivedBlocks:
    """The blocks of one worker as its loader has them."""

    def __init__(self) -> None:
        self._blocks: dict[int, Any] = {}

    def unpack(self, payload: bytes, files: list[int]) -> Any:
        """The message that the worker packed."""
        stream = io.BytesIO(payload)
        new, retired, used, parcel = pickle.load(stream)
        try:
            for (number, nbytes), file in zip(new, files):
                self._blocks[number] = _C._SharedBlock.open(file, nbytes)
        finally:
            for file in files:
                os.close(file)
        for number in retired:
            self._blocks.pop(number, None)
        held = [self._blocks[number] for number in used]
        for block in held:
            block.hold()
        _current.blocks, _current.parcel = self._blocks, parcel
        try:
            return pickle.load(stream)
        finally:
            _current.blocks = None
            for block in held:
                block.drop()


class _Current(threading.local):
    """What the message being unpacked refers to."""

    blocks: dict[int, Any] | None = None
    parcel: Any = None


_current = _Current()


def _storage_in_block(number: int | None, offset: int, nbytes: int) -> UntypedStorage:
    blocks = _current.blocks
    assert blocks is not None
    block = blocks[_current.parcel if number is None else number]
    return _storage_over(block.bytes(offset, nbytes))
