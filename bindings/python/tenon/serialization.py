"""save() and load(): PyTorch's checkpoints, written so that PyTorch reads them and read without running their code."""

from __future__ import annotations

import io
import os
import pickle
import re
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from tenon import _C
from tenon._C import Tensor
from tenon._file_settings import (
    LoadEndianness,
    SourceChangeWarning,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
)
from tenon._safe_globals import (
    StorageType,
    WeightsPolicy,
    add_safe_globals,
    allowed_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
    torch_name,
    user_globals,
)
from tenon.storage import TypedStorage, UntypedStorage, _storage_over

__all__ = [
    "LoadEndianness",
    "SourceChangeWarning",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
]

MAP_LOCATION: TypeAlias = Callable[[Any, str], Any] | _C.device | str | dict[str, str] | None

DEFAULT_PROTOCOL = 2
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001

_UNSAFE_MESSAGE = (
    "Re-running `load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code "
    "execution. Do it only if you got the file from a trusted source."
)


def _get_layout(name: str) -> Any:
    found = getattr(_C, name.rpartition(".")[2], None)
    if not isinstance(found, _C.layout):
        raise KeyError(name)
    return found


# --- where storages belong

_packages: list[tuple[int, Callable, Callable]] = []


def register_package(
    priority: int, tagger: Callable[[Any], str | None], deserializer: Callable[[Any, str], Any]
) -> None:
    """Adds a way to name where a storage is, and to bring one there; that of the lowest number is asked first."""
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def location_tag(storage: Any) -> str:
    """What a checkpoint says of where `storage` is."""
    for _, tagger, _ in _packages:
        tag = tagger(storage)
        if tag:
            return tag
    raise RuntimeError(f"don't know how to determine data location of {type(storage).__name__}")


def default_restore_location(storage: Any, location: str) -> Any:
    """`storage`, which is the CPU's, where `location` says."""
    for _, _, deserialize in _packages:
        found = deserialize(storage, location)
        if found is not None:
            return found
    raise RuntimeError(
        f"don't know how to restore data location of {type(storage).__name__} (tagged with {location})"
    )


def _restore_cuda(storage: UntypedStorage, location: str) -> UntypedStorage | None:
    if not re.match("cuda(:|[0-9]+|$)", location):
        return None
    from tenon import cuda

    advice = "please use load with map_location to map your storages"
    if not cuda.is_available():
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are "
            "running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your "
            "storages to the CPU."
        )
    device = _C.device(location)
    if (device.index or 0) >= cuda.device_count():
        raise RuntimeError(
            f"Attempting to deserialize object on CUDA device {device.index} but torch.cuda.device_count() is "
            f"{cuda.device_count()}; {advice} to an existing device."
        )
    return _storage_over(storage._bytes.to(device))


register_package(10, lambda storage: "cpu" if storage.device.type == "cpu" else None,
                 lambda storage, location: storage if location == "cpu" else None)  # fmt: skip
register_package(20, lambda storage: str(storage.device) if storage.device.type == "cuda" else None, _restore_cuda)


def _restorer(map_location: Any) -> Callable[[UntypedStorage, str], UntypedStorage]:
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(storage, map_location.get(location, location))
    if isinstance(map_location, bytes):
        map_location = map_location.decode("ascii")
    if isinstance(map_location, (str, _C.device)):
        return lambda storage, location: default_restore_location(storage, str(map_location))

    def restore(storage: UntypedStorage, location: str) -> UntypedStorage:
        found = map_location(storage, location)
        return default_restore_location(storage, location) if found is None else found.untyped()

    return restore


# --- files


def _is_path(f: Any) -> bool:
    return isinstance(f, (str, os.PathLike))


class _Bytes:
    """The bytes of a file from where it stands; a file on a disk is mapped."""

    def __init__(self, f: Any) -> None:
        self.start = f.tell()
        try:
            import mmap

            self.data: Any = memoryview(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ))[self.start :]
        except (AttributeError, OSError, ValueError):
            self.data = memoryview(f.read())


def _check_seekable(f: Any) -> None:
    try:
        f.seek(f.tell())
    except (io.UnsupportedOperation, AttributeError) as error:
        raise type(error)(
            f"{error}. You can only torch.load from a file that is seekable. Please pre-load the data into a buffer "
            "like io.BytesIO and try to load from it instead."
        ) from None


def _opened(f: Any) -> Any:
    if _is_path(f):
        return open(f, "rb")
    if not hasattr(f, "read"):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'read' attribute: {f!r}")
    _check_seekable(f)
    return f


def _begins_as_zip(f: Any) -> bool:
    start = f.tell()
    found = f.read(4) == b"PK\x03\x04"
    f.seek(start)
    return found


class _Archive:
    """The records of a checkpoint, which lie in one folder."""

    def __init__(self, file: Any, mapped: bool = False) -> None:
        self._zip = _C.io.Archive(file, mapped)
        names = self._zip.names()
        if not names or "/" not in names[0]:
            raise RuntimeError(f"file in archive is not in a subdirectory: {names[:1]}")
        self._folder = names[0].partition("/")[0] + "/"
        self.names = {name.removeprefix(self._folder) for name in names}

    def read(self, name: str) -> bytes:
        """A record."""
        return self._zip.read(self._folder + name)

    def storage(self, name: str, nbytes: int, alignment: int) -> UntypedStorage:
        """A record as a storage."""
        return _storage_over(self._zip.storage(self._folder + name, nbytes, alignment))


# --- saving


class _Storages:
    """The storages of what is pickled, each once, with the ids that stand for them."""

    def __init__(self, key_of: Callable[[int, UntypedStorage], str]) -> None:
        self.by_key: dict[str, UntypedStorage] = {}
        self.dtypes: dict[int, _C.dtype] = {}
        self._keys: dict[int, str] = {}
        self._key_of = key_of

    def id_of(self, obj: Any) -> tuple | None:
        """The persistent id of a storage; of anything else None."""
        if isinstance(obj, TypedStorage):
            storage, dtype, kind, count = obj.untyped(), obj.dtype, obj._pickle_storage_type(), obj.size()
        elif isinstance(obj, UntypedStorage):
            storage, dtype, kind, count = obj, _C.uint8, UntypedStorage, obj.nbytes()
        else:
            return None
        address = storage.data_ptr()
        if address != 0 and self.dtypes.setdefault(address, dtype) is not dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types"
            )
        key = self._keys.get(id(storage))
        if key is None:
            key = self._keys[id(storage)] = self._key_of(len(self._keys), storage)
            self.by_key[key] = storage
        return "storage", kind, key, location_tag(storage), count


def _pickled(obj: Any, storages: _Storages, pickle_module: Any, protocol: int, tail: tuple = ()) -> bytearray:
    class Pickler(pickle_module.Pickler):
        def persistent_id(self, obj: Any) -> tuple | None:
            found = storages.id_of(obj)
            return found if found is None else (*found, *tail)

    import copyreg

    buffer = io.BytesIO()
    pickler = Pickler(buffer, protocol=protocol)
    pickler.dispatch_table = {**copyreg.dispatch_table, _C.layout: _reduce_layout}
    pickler.dump(obj)
    data = bytearray(buffer.getbuffer())
    _C.io.rename_globals(data, "tenon", "torch")
    return data


def _reduce_layout(layout: Any) -> tuple:
    return _get_layout, ("torch." + repr(layout).rpartition(".")[2],)


def save(
    obj: object,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Writes `obj` to a path, where it appears whole or not at all, or to a file object."""
    if not _is_path(f) and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    if _is_path(f):
        f = os.fsdecode(f)
        folder = os.path.dirname(f)
        if folder and not os.path.isdir(folder):
            raise RuntimeError(f"Parent directory {folder} does not exist.")
    if _use_new_zipfile_serialization:
        _save_zip(obj, f, pickle_module, pickle_protocol, _disable_byteorder_record)
    elif isinstance(f, str):
        file = _C.io.AtomicFile(f)
        _save_legacy(obj, file, pickle_module, pickle_protocol)
        file.commit()
    else:
        _save_legacy(obj, f, pickle_module, pickle_protocol)
        if hasattr(f, "flush"):
            f.flush()


def _save_zip(obj: object, f: Any, pickle_module: Any, protocol: int, without_byteorder: bool) -> None:
    storages = _Storages(lambda number, storage: str(number))
    data = _pickled(obj, storages, pickle_module, protocol)
    stem = os.path.splitext(os.path.basename(f))[0] if isinstance(f, str) else ""
    folder = (stem or "archive") + "/"
    writer = _C.io.ArchiveWriter(f if isinstance(f, str) else f.write)
    writer.add(folder + "data.pkl", data)
    writer.add(folder + ".format_version", b"1")
    writer.add(folder + ".storage_alignment", b"64")
    if not without_byteorder:
        writer.add(folder + "byteorder", b"little")
    for key, storage in storages.by_key.items():
        writer.add_storage(f"{folder}data/{key}", storage._bytes)
    writer.add(folder + "version", b"3\n")
    writer.finish()


def _save_legacy(obj: object, f: Any, pickle_module: Any, protocol: int) -> None:
    storages = _Storages(lambda number, storage: str(id(storage)))
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": PROTOCOL_VERSION, "little_endian": True, "type_sizes": sizes}
    for part in (MAGIC_NUMBER, PROTOCOL_VERSION, system):
        f.write(pickle_module.dumps(part, protocol=protocol))
    f.write(_pickled(obj, storages, pickle_module, protocol, (None,)))
    keys = sorted(storages.by_key)
    f.write(pickle_module.dumps(keys, protocol=protocol))
    for key in keys:
        storage = storages.by_key[key]
        dtype = storages.dtypes.get(storage.data_ptr(), _C.uint8)
        f.write((storage.nbytes() // dtype.itemsize).to_bytes(8, "little"))
        f.write(storage._bytes._to_bytes())


# --- loading

_BYTE_ORDERS = ("little", "big")
_BYTE_ORDER_OF = {LoadEndianness.BIG: "big", LoadEndianness.NATIVE: sys.byteorder}


def _swapped(storage: UntypedStorage, dtype: _C.dtype) -> UntypedStorage:
    item = dtype.itemsize // (2 if dtype.is_complex else 1)
    if item > 1:
        items = storage._bytes.view(-1, item)
        items.copy_(items.flip(1))
    return storage


def _storage_id(saved_id: Any) -> tuple[_C.dtype, str, str, int]:
    """What a persistent id says: the dtype, the key, the location and the number of elements."""
    if len(saved_id) < 5 or _text(saved_id[0]) != "storage":
        raise pickle.UnpicklingError(f"unsupported persistent id encountered: {saved_id!r:.200}")
    kind, key, location, count = saved_id[1:5]
    dtype = _C.uint8 if kind is UntypedStorage else getattr(kind, "dtype", None)
    if not isinstance(dtype, _C.dtype) or type(count) is not int or count < 0:
        raise pickle.UnpicklingError(f"a storage of type {kind!r} with {count!r} elements")
    return dtype, _text(key), _text(location), count


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii")
    if not isinstance(value, str):
        raise pickle.UnpicklingError(f"expected a str in a persistent id, but got {type(value)}")
    return value


class _Reader:
    """Reads pickles one after the other, by Python's unpickler or by the one that runs no code."""

    def __init__(self, data: Any, pickle_module: Any, persistent: Callable[[Any], Any], load_args: dict) -> None:
        self.data, self.position = data, 0
        self._module, self._persistent, self._load_args = pickle_module, persistent, load_args

    def next(self) -> Any:
        """The object of the next pickle."""
        if self.position >= len(self.data):
            raise EOFError("Ran out of input")
        if self._module is None:
            policy = WeightsPolicy(self._persistent, self._load_args.get("encoding", "utf-8"))
            found, self.position = _C.io.unpickle(self.data, policy, self.position)
            return found
        return self._next_unsafe()

    def _next_unsafe(self) -> Any:
        persistent = self._persistent

        class Unpickler(self._module.Unpickler):  # type: ignore[name-defined]
            def find_class(self, module: str, name: str) -> Any:
                if module.partition(".")[0] == "torch":
                    if "Storage" in name and StorageType.knows(name):
                        return StorageType(name)
                    module = {"torch.tensor": "tenon._tensor"}.get(module, "tenon" + module[5:])
                return super().find_class(module, name)

            def persistent_load(self, pid: Any) -> Any:
                return persistent(pid)

        file = io.BytesIO(self.data[self.position :])
        found = Unpickler(file, **self._load_args).load()
        self.position += file.tell()
        return found


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Reads what save() wrote, here or in PyTorch; with `weights_only`, the default, no code of the file is run."""
    if weights_only is None:
        weights_only = pickle_module is None
    if _asks("TORCH_FORCE_WEIGHTS_ONLY_LOAD"):
        weights_only = True
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if weights_only and pickle_load_args:
        import warnings

        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    module = None if weights_only else pickle_module or pickle
    pickle_load_args.setdefault("encoding", "utf-8")
    if _is_path(f):
        f = os.fspath(f)
        f = os.fsdecode(f) if isinstance(f, bytes) else f
        if f.endswith(".safetensors"):
            return _load_safetensors(f, map_location)
    try:
        return _load(f, _restorer(map_location), module, bool(mmap), pickle_load_args)
    except pickle.UnpicklingError as error:
        if not weights_only:
            raise
        raise pickle.UnpicklingError(_weights_only_message(str(error))) from None


def _asks(variable: str) -> bool:
    return os.getenv(variable, "0").lower() in ("1", "y", "yes", "true")


def _weights_only_message(message: str) -> str:
    docs = (
        "\n\nCheck the documentation of torch.load to learn more about types accepted by default with weights_only "
        "https://pytorch.org/docs/stable/generated/torch.load.html."
    )
    if "was not an allowed global by default." in message:
        return (
            "Weights only load failed. This file can still be loaded, to do so you have two options, \033[1mdo those "
            f"steps only if you trust the source of the checkpoint\033[0m. \n\t(1) {_UNSAFE_MESSAGE}\n\t(2) "
            "Alternatively, to load with `weights_only=True` please check the recommended steps in the following "
            f"error message.\n\tWeightsUnpickler error: {message}{docs}"
        )
    return f"Weights only load failed. {_UNSAFE_MESSAGE}\n\n{message}{docs}"


def _load_safetensors(path: str, map_location: Any) -> dict[str, Tensor]:
    from tenon import safetensors

    if map_location is not None and not isinstance(map_location, (str, bytes, _C.device)):
        kind = "dict" if isinstance(map_location, dict) else "callable"
        raise RuntimeError(f"Loading safetensors file with {kind} map_location is not supported.")
    return safetensors.load_file(path, device="cpu" if map_location is None else map_location)


def _load(f: Any, restore: Callable, module: Any, mapped: bool, load_args: dict) -> Any:
    opened = _opened(f)
    try:
        if _begins_as_zip(opened):
            if mapped and not _is_path(f):
                raise ValueError("f must be a file path in order to use the mmap argument")
            archive = _Archive(f if _is_path(f) else memoryview(opened.read()), mapped)
            return _load_zip(archive, restore, module, load_args)
        if mapped:
            raise RuntimeError(
                f"mmap can only be used with files saved with `torch.save({f'{f}, ' if _is_path(f) else ''}"
                "_use_new_zipfile_serialization=True), please torch.save your checkpoint with this option in order to "
                "use mmap."
            )
        return _load_legacy(opened, restore, module, load_args)
    finally:
        if _is_path(f):
            opened.close()


def _load_zip(archive: _Archive, restore: Callable, module: Any, load_args: dict) -> Any:
    if "constants.pkl" in archive.names:
        raise RuntimeError(
            "Cannot load TorchScript archives: they hold code, which Tenon does not run; tenon::load in C++ reads "
            "the tensors of those that libtorch wrote"
        )
    default = _BYTE_ORDER_OF.get(get_default_load_endianness(), "little")
    order = archive.read("byteorder").decode("ascii", "replace") if "byteorder" in archive.names else default
    if order not in _BYTE_ORDERS:
        raise ValueError(f"Unknown endianness type: {order}")
    loaded: dict[str, UntypedStorage] = {}

    def persistent(saved_id: Any) -> TypedStorage:
        dtype, key, location, count = _storage_id(saved_id)
        if key not in loaded:
            storage = archive.storage(f"data/{key}", count * dtype.itemsize, dtype.itemsize)
            storage = _swapped(storage, dtype) if order == "big" else storage
            loaded[key] = restore(storage, location)
        return TypedStorage(wrap_storage=loaded[key], dtype=dtype)

    return _Reader(archive.read("data.pkl"), module, persistent, load_args).next()


def _load_legacy(f: Any, restore: Callable, module: Any, load_args: dict) -> Any:
    source = _Bytes(f)
    data = source.data
    # Each storage, that of the CPU into which it is read, and its dtype; they follow the objects that view them.
    storages: dict[str, tuple[UntypedStorage, UntypedStorage, _C.dtype]] = {}
    views: dict[str, TypedStorage] = {}
    promised = 0

    def persistent(saved_id: Any) -> Any:
        nonlocal promised
        if module is not None and isinstance(saved_id, tuple) and _text(saved_id[0]) == "module":
            return saved_id[1]
        dtype, key, location, count = _storage_id(saved_id)
        if key not in storages:
            promised += count * dtype.itemsize
            if promised > len(data):
                raise RuntimeError(f"storages of {promised} bytes are promised by a file of {len(data)}")
            empty = _storage_over(_C.functions["zeros"](count * dtype.itemsize, dtype=_C.uint8))
            storages[key] = restore(empty, location), empty, dtype
        root = TypedStorage(wrap_storage=storages[key][0], dtype=dtype)
        if len(saved_id) < 6 or saved_id[5] is None:
            return root
        view_key, offset, size = saved_id[5]
        if view_key not in views:
            whole = root.untyped()._bytes
            part = whole[offset * dtype.itemsize : (offset + size) * dtype.itemsize]
            views[view_key] = TypedStorage(wrap_storage=_storage_over(part.clone()), dtype=dtype)
        return views[view_key]

    reader = _Reader(data, module, persistent, load_args)
    if reader.next() != MAGIC_NUMBER:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = reader.next()
    if version != PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    system = reader.next()
    result = reader.next()
    keys = reader.next()
    position = reader.position
    for key in keys if isinstance(keys, list) else [keys]:
        if key not in storages:
            raise RuntimeError(f"storage key {key!r:.100} not found in the objects of the file")
        final, staged, dtype = storages.pop(key)
        count = int.from_bytes(data[position : position + 8], "little")
        nbytes = staged.nbytes()
        position += 8
        if count * dtype.itemsize != nbytes or position + nbytes > len(data):
            raise RuntimeError(
                f"storage has wrong byte size: expected {nbytes} got {count * dtype.itemsize}, and "
                f"{max(len(data) - position, 0)} bytes follow"
            )
        if nbytes:
            staged._bytes.copy_(_C.frombuffer(bytearray(data[position : position + nbytes]), dtype=_C.uint8))
            if not system.get("little_endian", True):
                _swapped(staged, dtype)
            if final is not staged:
                final._bytes.copy_(staged._bytes)
        position += nbytes
    if storages:
        raise RuntimeError(f"the file is cut short: {len(storages)} storages are missing")
    f.seek(source.start + position)
    return result


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The globals that a checkpoint names and load() would refuse."""
    opened = _opened(f)
    try:
        if not _begins_as_zip(opened):
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        archive = _Archive(memoryview(opened.read()))
    finally:
        if _is_path(f):
            opened.close()
    if "constants.pkl" in archive.names:
        raise ValueError("Expected input to be a checkpoint returned by torch.save but got a torchscript checkpoint")
    found = {torch_name(module, name) for module, name in _C.io.pickle_globals(archive.read("data.pkl"))}
    return list(found - allowed_globals().keys() - user_globals().keys())
