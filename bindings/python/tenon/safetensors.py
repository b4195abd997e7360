"""Safetensors files, with the functions of `safetensors.torch`; loaded tensors view the mapped file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from tenon import _C
from tenon._C import Tensor

__all__ = ["SafetensorError", "load", "load_file", "load_model", "safe_open", "save", "save_file", "save_model"]


class SafetensorError(RuntimeError):
    """A file that is no safetensors file, or a tensor that it does not hold."""


def _open(file: Any) -> _C.io.Safetensors:
    try:
        return _C.io.Safetensors(file)
    except (RuntimeError, NotImplementedError) as error:
        raise SafetensorError(f"Error while deserializing header: {error}") from None


class _Slice:
    """A tensor of a file of which only what is indexed is read."""

    def __init__(self, file: _C.io.Safetensors, name: str, device: Any) -> None:
        self._file, self._name, self._device = file, name, device

    def get_shape(self) -> list[int]:
        """The shape of the whole tensor."""
        return self._file.shape(self._name)

    def get_dtype(self) -> str:
        """The format's name of the dtype."""
        return _NAMES[self._file.dtype(self._name)]

    def __getitem__(self, index: Any) -> Tensor:
        found = self._file.tensor(self._name)[index]
        # A part has memory of its own, so that the rest of the file need not be kept.
        return found.clone() if self._device.type == "cpu" else found.to(self._device)


_NAMES = {
    _C.bool: "BOOL", _C.uint8: "U8", _C.int8: "I8", _C.int16: "I16", _C.uint16: "U16", _C.float16: "F16",
    _C.bfloat16: "BF16", _C.int32: "I32", _C.uint32: "U32", _C.float32: "F32", _C.complex64: "C64",
    _C.float64: "F64", _C.int64: "I64", _C.uint64: "U64",
}  # fmt: skip


class safe_open:
    """A safetensors file whose tensors are read when they are asked for."""

    def __init__(self, filename: Any, framework: str = "pt", device: Any = "cpu", *, backend: str = "mmap") -> None:
        if framework not in ("pt", "torch", "pytorch", "tenon"):
            raise SafetensorError(f"framework {framework} is invalid")
        self._device = _C.device("cuda", device) if isinstance(device, int) else _C.device(device)
        self._opened: _C.io.Safetensors | None = _open(os.fsdecode(filename))

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *error: Any) -> None:
        self._opened = None

    @property
    def _file(self) -> _C.io.Safetensors:
        if self._opened is None:
            raise SafetensorError("File is closed")
        return self._opened

    def keys(self) -> list[str]:
        """The names of the tensors."""
        return sorted(self._file.keys())

    def offset_keys(self) -> list[str]:
        """The names of the tensors in the order of their data."""
        return self._file.keys()

    def metadata(self) -> dict[str, str] | None:
        """The text that was saved beside the tensors."""
        return self._file.metadata() or None

    def get_tensor(self, name: str) -> Tensor:
        """The tensor of this name."""
        self._check(name)
        found = self._file.tensor(name)
        return found if self._device.type == "cpu" else found.to(self._device)

    def get_slice(self, name: str) -> _Slice:
        """The tensor of this name, of which only what is indexed is read."""
        self._check(name)
        return _Slice(self._file, name, self._device)

    def _check(self, name: str) -> None:
        if name not in self._file.keys():
            raise SafetensorError(f"File does not contain tensor {name}")


def load_file(filename: Any, device: Any = "cpu", *, backend: str = "mmap") -> dict[str, Tensor]:
    """The tensors of a file by name."""
    with safe_open(filename, device=device) as file:
        return {name: file.get_tensor(name) for name in file.offset_keys()}


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors of a file's bytes by name."""
    file = _open(data)
    return {name: file.tensor(name) for name in file.keys()}


def save_file(tensors: dict[str, Tensor], filename: Any, metadata: dict[str, str] | None = None) -> None:
    """Writes tensors, of which none share memory, to a path, where the file appears whole or not at all."""
    _check_tensors(tensors)
    _C.io.save_safetensors(os.fsdecode(filename), tensors, metadata or {})


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes that save_file() writes."""
    _check_tensors(tensors)
    return _C.io.safetensors_bytes(tensors, metadata or {})


def _check_tensors(tensors: Any) -> None:
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, tensor in tensors.items():
        if getattr(tensor, "is_sparse", False):
            raise ValueError(
                f"You are trying to save a sparse tensors: `{[name]}` which this library does not support. You can "
                "make it a dense tensor before saving with `.to_dense()`."
            )
        if not isinstance(tensor, Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}")
    shared = [names for names in _shared_names(tensors) if len(names) > 1]
    if shared:
        raise RuntimeError(
            f"Some tensors share memory, this will lead to duplicate memory on disk and potential differences when "
            f"loading them again: {shared}. A potential way to correctly save your model is to use `save_model`."
        )
    for name, tensor in tensors.items():
        if not tensor.is_contiguous():
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed. It either means you "
                "are trying to save tensors which are reference of each other in which case it's recommended to save "
                "only the full tensors, and reslice at load time, or simply call `.contiguous()` on your tensor to "
                "pack it before saving."
            )


def _shared_names(tensors: dict[str, Tensor]) -> list[set[str]]:
    """The names in groups: those whose elements overlap in memory are in one."""
    storages: dict[int, list[tuple[int, int, str]]] = {}
    for name, tensor in tensors.items():
        if tensor.numel():
            start = tensor.data_ptr()
            last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
            storages.setdefault(tensor._storage_id(), []).append((start, start + (last + 1) * tensor.itemsize, name))
    groups = []
    for areas in storages.values():
        reached = -1
        for start, stop, name in sorted(areas):
            if start >= reached:
                groups.append(set())
            groups[-1].add(name)
            reached = max(reached, stop)
    return groups


def _duplicates(tensors: dict[str, Tensor], preferred: Iterable[str] = ()) -> dict[str, list[str]]:
    """Of each group that shares memory the name to keep, one of a tensor that covers it all, and the others."""
    found = {}
    for names in _shared_names(tensors):
        if len(names) < 2:
            continue
        complete = {name for name in names if tensors[name].numel() * tensors[name].itemsize == _nbytes(tensors[name])}
        if not complete:
            raise RuntimeError(
                "Error while trying to find names to remove to save state dict, but found no suitable name to keep for "
                f"saving amongst: {names}. None is covering the entire storage."
            )
        keep = min(complete.intersection(preferred) or complete)
        found[keep] = sorted(names - {keep})
    return found


def _nbytes(tensor: Tensor) -> int:
    return tensor._storage_nbytes()


def save_model(
    model: Any, filename: Any, metadata: dict[str, str] | None = None, force_contiguous: bool = True
) -> None:
    """Writes a module's state dict; of tensors that share memory the file has one, and says for which it stands."""
    tensors = dict(model.state_dict())
    metadata = dict(metadata or {})
    for keep, others in _duplicates(tensors).items():
        for name in others:
            metadata.setdefault(name, keep)
            del tensors[name]
    if force_contiguous:
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(tensors, filename, metadata)


def load_model(
    model: Any, filename: Any, strict: bool = True, device: Any = "cpu", *, backend: str = "mmap"
) -> tuple[set[str], list[str]]:
    """Loads what save_model() wrote; gives the names that are missing and those that are unexpected."""
    tensors = load_file(filename, device=device)
    duplicates = _duplicates(dict(model.state_dict()), tensors)
    found = model.load_state_dict(tensors, strict=False)
    missing, unexpected = set(found.missing_keys), list(found.unexpected_keys)
    for name in (name for others in duplicates.values() for name in others):
        if name in missing:
            missing.remove(name)
        else:
            unexpected.append(name)
    if strict and (missing or unexpected):
        lines = [f"Error(s) in loading state_dict for {type(model).__name__}:"]
        for what, names in (("Missing", missing), ("Unexpected", unexpected)):
            if names:
                quoted = ", ".join(f'"{name}"' for name in sorted(names))
                lines.append(f"    {what} key(s) in state_dict: {quoted}")
        raise RuntimeError("\n".join(lines))
    return missing, unexpected
