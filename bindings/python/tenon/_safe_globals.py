"""What a checkpoint may name without running code: the globals, and what each may be called with."""

from __future__ import annotations

import builtins
import collections
import functools
import pickle
from collections.abc import Callable
from typing import Any

from tenon import _C, _rebuild
from tenon._C import Tensor
from tenon._typed_tensors import TYPE_NAMES
from tenon.storage import TypedStorage, UntypedStorage

_marked: set[Any] = set()


def add_safe_globals(safe_globals: list[Callable | tuple[Callable, str]]) -> None:
    """Lets checkpoints name these functions and types; one in a tuple goes by the name that follows it."""
    _marked.update(safe_globals)


def clear_safe_globals() -> None:
    """Takes back what add_safe_globals() allowed."""
    _marked.clear()


def get_safe_globals() -> list[Callable | tuple[Callable, str]]:
    """What add_safe_globals() allowed."""
    return list(_marked)


class safe_globals:
    """Lets checkpoints name these functions and types within a block."""

    def __init__(self, safe_globals: list[Callable | tuple[Callable, str]]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        add_safe_globals(self.safe_globals)

    def __exit__(self, *error: Any) -> None:
        _marked.difference_update(self.safe_globals)


class StorageType:
    """What stands for a type of storages while a checkpoint is read: its dtype."""

    _DTYPES = {name.replace("Tensor", "Storage"): dtype for dtype, name in TYPE_NAMES.items()} | {
        "UntypedStorage": _C.uint8
    }

    def __init__(self, name: str) -> None:
        self.name = name
        self.dtype = self._DTYPES[name]

    @classmethod
    def knows(cls, name: str) -> bool:
        """Whether there is a type of storages of this name."""
        return name in cls._DTYPES

    def __repr__(self) -> str:
        return f"StorageType(dtype={self.dtype})"


def torch_name(module: str, name: str) -> str:
    """By what name a global is allowed or refused: Python 3's, and PyTorch's for what is Tenon's."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    package, dot, rest = module.partition(".")
    return f"{'torch' if package == 'tenon' else package}{dot}{rest}.{name}"


def user_globals() -> dict[str, Any]:
    """What add_safe_globals() allowed, by name."""
    found = {}
    for item in _marked:
        if not isinstance(item, tuple):
            found[torch_name(item.__module__, item.__qualname__)] = item
            continue
        if len(item) != 2:
            raise ValueError(
                f"Expected tuple of length 2 (global, str of callable full path), but got tuple of length: {len(item)}"
            )
        if type(item[1]) is not str:
            raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(item[1])}")
        found[item[1]] = item[0]
    return found


# --- what may be called; each takes only what cannot cost more than the file that asks for it


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise pickle.UnpicklingError(f"_codecs.encode of {type(text)} by {encoding!r:.50}")
    return text.encode(encoding)


def _bytearray(*args: Any) -> bytearray:
    if args and not isinstance(args[0], (bytes, str)):
        raise pickle.UnpicklingError(f"a bytearray of {type(args[0])}")
    return bytearray(*args)


def _counter(*args: Any) -> collections.Counter:
    if args and not isinstance(args[0], (dict, list)):
        raise pickle.UnpicklingError(f"a Counter of {type(args[0])}")
    return collections.Counter(*args)


def _layout(name: str) -> Any:
    from tenon import serialization

    return serialization._get_layout(name)


def _parameter(*args: Any) -> Any:
    from tenon.nn.parameter import Parameter

    return Parameter(*args)


@functools.cache
def allowed_globals() -> dict[str, Any]:
    """What any checkpoint may name: the object, or what is called in its place."""
    found: dict[str, Any] = {
        "collections.OrderedDict": collections.OrderedDict,
        "collections.Counter": _counter,
        "torch.nn.parameter.Parameter": _parameter,
        "torch.serialization._get_layout": _layout,
        "torch.Size": _C.Size,
        "torch.Tensor": Tensor,
        "torch.device": _C.device,
        "_codecs.encode": _encode,
        "builtins.bytearray": _bytearray,
        "builtins.set": builtins.set,
        "builtins.complex": builtins.complex,
        "torch.storage.UntypedStorage": StorageType("UntypedStorage"),
        "torch._tensor._rebuild_from_type_v2": _rebuild._rebuild_from_type_v2,
    }
    for dtype, name in TYPE_NAMES.items():
        found[f"torch.{repr(dtype).rpartition('.')[2]}"] = dtype
        storage = name.replace("Tensor", "Storage")
        found[f"torch.{storage}"] = StorageType(storage)
    for name in _rebuild.__all__:
        found[f"torch._utils.{name}"] = getattr(_rebuild, name)
    return found


_NOT_CALLED = (Tensor, StorageType, _C.dtype)


class WeightsPolicy:
    """Decides for the unpickler in C++ what a checkpoint's instructions may do."""

    def __init__(self, persistent: Callable[[Any], Any], encoding: str = "utf-8") -> None:
        self._persistent, self._encoding = persistent, encoding
        self._globals = allowed_globals()
        self._user = user_globals()
        self._callable = {id(value) for value in self._globals.values() if not isinstance(value, _NOT_CALLED)}
        self._callable -= {id(Tensor)}
        self._user_values = {id(value) for value in self._user.values()}

    def protocol(self, number: int) -> None:
        """Hears of the version of the pickle."""
        if not 2 <= number <= pickle.HIGHEST_PROTOCOL:
            raise pickle.UnpicklingError(f"unsupported pickle protocol: {number}")

    def old_string(self, data: bytes) -> Any:
        """What Python 2 called a string."""
        return data if self._encoding == "bytes" else data.decode(self._encoding)

    def find_global(self, module: str, name: str) -> Any:
        """The object of this name."""
        full = torch_name(module, name)
        if full.partition(".")[0] in ("sys", "os", "posix", "nt") and full not in self._user:
            raise pickle.UnpicklingError(
                f"Trying to load unsupported GLOBAL {full} whose module {full.rpartition('.')[0]} is blocked."
            )
        for known in (self._globals, self._user):
            if full in known:
                return known[full]
        shown = full.removeprefix("builtins.")
        raise pickle.UnpicklingError(
            f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{shown}])` or the `torch.serialization.safe_globals([{shown}])` "
            "context manager to allowlist this global if you trust this class/function."
        )

    def _is_allowed(self, value: Any) -> bool:
        return id(value) in self._user_values

    def reduce(self, function: Any, arguments: tuple) -> Any:
        """What calling `function` gives."""
        if not self._is_allowed(function) and id(function) not in self._callable:
            raise pickle.UnpicklingError(f"Trying to call reduce for unrecognized function {function}")
        if function is _rebuild._rebuild_from_type_v2:
            function = self._from_type
        try:
            return function(*arguments)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise pickle.UnpicklingError(f"{getattr(function, '__name__', function)}: {error}") from None

    def _from_type(self, function: Any, new_type: Any, arguments: tuple, state: Any) -> Any:
        if new_type is not Tensor and not self._is_allowed(new_type):
            raise pickle.UnpicklingError(f"a tensor of type {new_type}")
        made = self.reduce(function, arguments)
        if not isinstance(made, Tensor):
            raise pickle.UnpicklingError(f"a tensor of {type(made)}")
        return _rebuild._rebuild_from_type_v2(lambda: made, new_type, (), state)

    def new_object(self, cls: Any, arguments: tuple, keywords: dict) -> Any:
        """A new object of class `cls`."""
        if cls is _parameter and not keywords:
            return _parameter(*arguments)
        if cls is collections.OrderedDict and not arguments and not keywords:
            return collections.OrderedDict()
        if self._is_allowed(cls):
            return cls.__new__(cls, *arguments, **keywords)
        raise pickle.UnpicklingError(
            f"Can only create new object for nn.Parameter or classes allowlisted via `add_safe_globals` but got {cls}"
        )

    def build(self, made: Any, state: Any) -> None:
        """Gives an object its state."""
        kind = type(made)
        if kind is collections.OrderedDict and isinstance(state, dict):
            made.__dict__.update(state)
        elif kind is Tensor and isinstance(state, tuple):
            self._set_tensor(made, *state)
        elif self._is_allowed(kind):
            if hasattr(made, "__setstate__"):
                made.__setstate__(state)
            else:
                _rebuild._with_state(made, state)
        else:
            raise pickle.UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got "
                f"{kind}"
            )

    @staticmethod
    def _set_tensor(tensor: Tensor, storage: Any, *view: Any) -> None:
        if not isinstance(storage, (TypedStorage, UntypedStorage)):
            raise pickle.UnpicklingError(f"a tensor is given a storage of type {type(storage)}")
        tensor.set_(storage, *view)

    def persistent(self, saved_id: Any) -> Any:
        """The storage of this id."""
        if type(saved_id) is not tuple:
            raise pickle.UnpicklingError(f"persistent_load id must be tuple or int, but got {type(saved_id)}")
        if saved_id and saved_id[0] not in ("storage", b"storage"):
            raise pickle.UnpicklingError(
                f"Only persistent_load of storage is allowed, but got {type(saved_id[0])}"
            )
        return self._persistent(saved_id)
