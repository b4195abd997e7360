"""The memory behind tensors as objects: one for each storage, however many tensors share it."""

from __future__ import annotations

import os
import weakref
from _thread import allocate_lock
from collections.abc import Iterator
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon._typed_tensors import TYPE_NAMES

__all__ = ["TypedStorage", "UntypedStorage"]

# By the address of the storage, which lives as long as its object does.
_objects: weakref.WeakValueDictionary[int, UntypedStorage] = weakref.WeakValueDictionary()
_objects_lock = allocate_lock()


def _renew_lock() -> None:
    global _objects_lock
    _objects_lock = allocate_lock()


# A thread that holds it does not go into a child.
os.register_at_fork(after_in_child=_renew_lock)


class UntypedStorage:
    """A block of bytes that tensors view."""

    def __init__(self, *args: Any, device: Any = None) -> None:
        if len(args) > 1:
            raise TypeError(f"UntypedStorage() takes a size or a sequence of bytes, got {len(args)} arguments")
        data = args[0] if args else 0
        if isinstance(data, int):
            self._bytes = _C.functions["empty"]((data,), dtype=_C.uint8, device=device)
        else:
            self._bytes = _C.tensor(list(data), dtype=_C.uint8, device=device)

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._bytes.data_ptr()

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._bytes.numel()

    def size(self) -> int:
        """The number of bytes."""
        return self._bytes.numel()

    def __sizeof__(self) -> int:
        return super().__sizeof__() + self.nbytes()

    def element_size(self) -> int:
        """One: its elements are bytes."""
        return 1

    @property
    def device(self) -> _C.device:
        """Where the memory is."""
        return self._bytes.device

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is a CUDA device's."""
        return self._bytes.is_cuda

    def get_device(self) -> int:
        """The number of the CUDA device, or -1."""
        return self._bytes.get_device()

    def tolist(self) -> list[int]:
        """The bytes as a list."""
        return self._bytes.tolist()

    def clone(self) -> UntypedStorage:
        """A storage of its own with these bytes."""
        return _storage_over(self._bytes.clone())

    def cpu(self) -> UntypedStorage:
        """This storage if it is the CPU's, else a copy that is."""
        return _storage_over(self._bytes.cpu())

    def to(self, *, device: Any, non_blocking: bool = False) -> UntypedStorage:
        """This storage if it is on the device, else a copy that is."""
        return _storage_over(self._bytes.to(device))

    def cuda(self, device: Any = None, non_blocking: bool = False) -> UntypedStorage:
        """This storage if it is on the CUDA device, else a copy that is."""
        return _storage_over(self._bytes.cuda(device))

    def copy_(self, source: UntypedStorage, non_blocking: bool = False) -> UntypedStorage:
        """Copies the bytes of `source`, which are as many."""
        self._bytes.copy_(source._bytes)
        return self

    def fill_(self, value: int) -> UntypedStorage:
        """Sets every byte."""
        self._bytes.fill_(value)
        return self

    def is_shared(self) -> bool:
        """Whether other processes can see this memory; that of CUDA devices they always can."""
        return self.is_cuda or _C._is_shared(self._bytes)

    def share_memory_(self) -> UntypedStorage:
        """Moves this memory to where forked processes, and those that it is sent to, see it."""
        from tenon import multiprocessing  # noqa: F401 (which makes sending it share it)

        if not self.is_cuda:
            _C._share_storage(self._bytes)
        return self

    def is_pinned(self, device: Any = None) -> bool:
        """Whether the memory is page-locked: never."""
        return False

    def __len__(self) -> int:
        return self._bytes.numel()

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        found = self._bytes[index]
        return _storage_over(found.clone()) if isinstance(index, slice) else found.item()

    def __setitem__(self, index: Any, value: int) -> None:
        self._bytes[index] = value

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[tenon.UntypedStorage(device={self.device}) of size {len(self)}]"

    def __copy__(self) -> UntypedStorage:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> UntypedStorage:
        if id(self) not in memo:
            memo[id(self)] = self.clone()
        return memo[id(self)]

    def __reduce__(self) -> tuple:
        return _from_bytes, (self._bytes._to_bytes(),)


class TypedStorage:
    """A storage seen as elements of one dtype."""

    def __init__(self, *, wrap_storage: UntypedStorage, dtype: _C.dtype) -> None:
        self._storage = wrap_storage
        self.dtype = dtype

    def __sizeof__(self) -> int:
        return super().__sizeof__() + self._storage.nbytes()

    def _elements(self) -> Tensor:
        count = self._storage.nbytes() // self.dtype.itemsize
        return _tensor_over(self._storage, self.dtype, 0, (count,), (1,))

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self._storage

    _untyped_storage = property(untyped)

    def cpu(self) -> TypedStorage:
        """This storage if it is the CPU's, else a copy that is."""
        return TypedStorage(wrap_storage=self._storage.cpu(), dtype=self.dtype)

    def cuda(self, device: Any = None, non_blocking: bool = False) -> TypedStorage:
        """This storage if it is on the CUDA device, else a copy that is."""
        return TypedStorage(wrap_storage=self._storage.cuda(device), dtype=self.dtype)

    def _pickle_storage_type(self) -> type:
        return STORAGES.get(TYPE_NAMES[self.dtype].replace("Tensor", "Storage"), UntypedStorage)

    def __reduce__(self) -> tuple:
        return _typed_over, (self._storage, self.dtype)

    def size(self) -> int:
        """The number of elements."""
        return self._storage.nbytes() // self.dtype.itemsize

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._storage.nbytes()

    def element_size(self) -> int:
        """The bytes of one element."""
        return self.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._storage.data_ptr()

    @property
    def device(self) -> _C.device:
        """Where the memory is."""
        return self._storage.device

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is a CUDA device's."""
        return self._storage.is_cuda

    def tolist(self) -> list:
        """The elements as a list."""
        return self._elements().tolist()

    def clone(self) -> TypedStorage:
        """A storage of its own with these elements."""
        return TypedStorage(wrap_storage=self._storage.clone(), dtype=self.dtype)

    def copy_(self, source: TypedStorage, non_blocking: bool = False) -> TypedStorage:
        """Copies the elements of `source`, converting them."""
        self._elements().copy_(source._elements())
        return self

    def fill_(self, value: complex) -> TypedStorage:
        """Sets every element."""
        self._elements().fill_(value)
        return self

    def is_shared(self) -> bool:
        """Whether other processes can see this memory."""
        return self._storage.is_shared()

    def share_memory_(self) -> TypedStorage:
        """Moves this memory to where other processes see it."""
        self._storage.share_memory_()
        return self

    def __len__(self) -> int:
        return self.size()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return self._elements()[index].item()

    def __setitem__(self, index: Any, value: complex) -> None:
        self._elements()[index] = value

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[tenon.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"


def _typed_over(storage: UntypedStorage, dtype: _C.dtype) -> TypedStorage:
    return TypedStorage(wrap_storage=storage, dtype=dtype)


class _StorageOfDtype(TypedStorage):
    """A storage of one dtype, made of a size or a sequence of numbers."""

    def __init__(self, *args: Any) -> None:
        if len(args) > 1:
            raise TypeError(f"{type(self).__name__}() takes a size or a sequence, got {len(args)} arguments")
        data = args[0] if args else 0
        made = _C.functions["empty"]((data,), dtype=self.dtype) if isinstance(data, int) else None
        super().__init__(
            wrap_storage=_storage_over(_C.tensor(data, dtype=self.dtype) if made is None else made), dtype=self.dtype
        )


def _storages_of_dtypes() -> dict[str, type]:
    return {
        name.replace("Tensor", "Storage"): type(
            name.replace("Tensor", "Storage"),
            (_StorageOfDtype,),
            {"dtype": dtype, "__module__": "tenon", "__doc__": f"Storages of {dtype}."},
        )
        for dtype, name in TYPE_NAMES.items()
        if not name.startswith("UInt")
    }


# FloatStorage and the like, by name.
STORAGES = _storages_of_dtypes()


def _storage_over(data: Tensor) -> UntypedStorage:
    """The object of the storage of `data`."""
    address = data._storage_id()
    with _objects_lock:
        storage = _objects.get(address)
        if storage is None:
            storage = UntypedStorage.__new__(UntypedStorage)
            storage._bytes = _C._storage_bytes(data)
            _objects[address] = storage
    return storage


def _tensor_over(
    storage: UntypedStorage, dtype: _C.dtype, offset: int, size: tuple[int, ...], stride: tuple[int, ...]
) -> Tensor:
    return _C._tensor_over(storage._bytes, dtype, offset, list(size), list(stride))


def _from_bytes(data: bytes) -> UntypedStorage:
    flat = _C.functions["empty"]((len(data),), dtype=_C.uint8)
    if data:
        flat.copy_(_C.frombuffer(bytearray(data), dtype=_C.uint8))
    return _storage_over(flat)


def __getattr__(name: str) -> type:
    if name in STORAGES:
        return STORAGES[name]
    raise AttributeError(f"module 'tenon.storage' has no attribute {name!r}", name=name)
