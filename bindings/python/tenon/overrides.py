"""__torch_function__: how types other than Tensor, and modes, answer the calls that are made on tensors."""

from __future__ import annotations

import contextlib
import functools
import sys
import types as python_types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tenon import _C
from tenon._C import Tensor

__all__ = [
    "TorchFunctionMode",
    "get_default_nowrap_functions",
    "get_ignored_functions",
    "get_overridable_functions",
    "get_testing_overrides",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]

has_torch_function_variadic = _C._has_override
has_torch_function_unary = _C._has_override


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of these arguments, or a mode, has an answer of its own."""
    return _C._has_override(*relevant_args)


def handle_torch_function(public_api: Callable, relevant_args: Iterable[Any], /, *args: Any, **kwargs: Any) -> Any:
    """What the modes and arguments that override `public_api` answer to this call of it."""
    return _C._handle_override(public_api, relevant_args, args, kwargs)


def is_tensor_like(inp: Any) -> bool:
    """Whether `inp` is a tensor, or takes part in __torch_function__ as one does."""
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[[Callable], Callable]:
    """Decorates a function so that the arguments that `dispatcher` picks may override it."""

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return decorate


# --- the state of a thread: what may override, and the modes


class _Disabled:
    """Within its block, less than everything overrides."""

    _state: int

    def __enter__(self) -> None:
        self._before = _C._set_overriding(self._state)

    def __exit__(self, *exception: object) -> None:
        _C._set_overriding(self._before)


class DisableTorchFunctionSubclass(_Disabled):
    """Within its block only modes override."""

    _state = 1


class DisableTorchFunction(_Disabled):
    """Within its block nothing overrides."""

    _state = 2


_C.DisableTorchFunctionSubclass = DisableTorchFunctionSubclass
_C.DisableTorchFunction = DisableTorchFunction


class TorchFunctionMode:
    """Within its block, `__torch_function__` answers every call on tensors; what it calls itself passes it by."""

    def __init__(self) -> None:
        pass

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> TorchFunctionMode:
        _C._push_mode(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _C._pop_mode()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> TorchFunctionMode:
        """A new mode, to be entered."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that calls what it is asked for."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return func(*args, **(kwargs or {}))


def _get_current_function_mode() -> TorchFunctionMode | None:
    modes = _C._modes()
    return modes[-1] if modes else None


def _get_current_function_mode_stack() -> list[TorchFunctionMode]:
    return _C._modes()


@contextlib.contextmanager
def _pop_mode_temporarily() -> Iterator[TorchFunctionMode]:
    mode = _C._pop_mode()
    try:
        yield mode
    finally:
        _C._push_mode(mode)


@contextlib.contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """Within its block, everything overrides again."""
    before = _C._set_overriding(0)
    try:
        yield
    finally:
        _C._set_overriding(before)


# --- what subclasses of Tensor inherit


@functools.lru_cache(None)
def get_default_nowrap_functions() -> set[Callable]:
    """The functions whose results keep their own type: tensors that exist already."""
    return {Tensor._base.__get__, Tensor.grad.__get__}


def _convert(value: Any, kind: type) -> Any:
    if kind is Tensor:
        return value
    if isinstance(value, Tensor) and not isinstance(value, kind):
        return value.as_subclass(kind)
    if isinstance(value, (tuple, list)):
        return type(value)(_convert(item, kind) for item in value)
    return value


def _is_pytorchs(func: Callable) -> bool:
    owner = getattr(func, "__self__", None) or func
    owner = getattr(owner, "__objclass__", owner)
    home = getattr(owner, "__module__", None) or getattr(owner, "__name__", "")
    return home.partition(".")[0] == "torch"


def _default_torch_function(cls: type, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
    """Computes as for plain tensors, and gives results the type of the subclass."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    if _is_pytorchs(func):
        raise TypeError(
            f"{func.__name__}(): a function of torch.Tensor got a {cls.__module__}.{cls.__qualname__}; "
            "make both operands of one kind by tenon.from_torch(tensor) or tensor.to_torch()"
        )
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
        return result if func in get_default_nowrap_functions() else _convert(result, cls)


# --- what can be overridden


def _make_overridable() -> None:
    """Lets the Python functions of the namespaces that are always loaded, and Tensor's methods, be overridden."""
    import tenon

    ignored = {"get_cpu_isa", "is_tensor", "typename"}
    ignored |= {"set_default_device", "set_default_tensor_type"}
    made: dict[Callable, Any] = {}
    for space in (tenon, tenon.nn.functional, tenon.nn.init):
        homes = (space.__name__, "tenon._functions", "tenon._shared_functions", "tenon.nn._losses", "tenon.sparse")
        for name, value in list(vars(space).items()):
            public = not name.startswith("_") and name not in ignored
            if public and isinstance(value, python_types.FunctionType) and value.__module__ in homes:
                wrapped = made.setdefault(value, _C._overridable(value))
                for owner in (space, sys.modules[value.__module__]):
                    if getattr(owner, name, None) is value:
                        setattr(owner, name, wrapped)
    bound_method = type(vars(Tensor)["size"])
    for name, value in list(vars(Tensor).items()):
        if isinstance(value, (bound_method, python_types.FunctionType)) and (
            not name.startswith("_") or name.startswith("__")
        ):
            wrapped = _C._overridable(value)
            wrapped.__name__, wrapped.__qualname__ = name, f"Tensor.{name}"
            setattr(Tensor, name, wrapped)


_OVERRIDABLE = (_C.Overridable, type(_C.functions["add"]))
_ACCESSORS = ("__get__", "__set__", "__delete__")
# Slots of every Python object that mean nothing to __torch_function__.
_UNSEEN_SLOTS = frozenset("__hash__ __init__ __new__ __delitem__ __getattribute__ __setattr__ __delattr__".split())


def _namespaces() -> dict[str, Any]:
    import tenon

    spaces = {
        "tenon": tenon,
        "tenon.nn.functional": tenon.nn.functional,
        "tenon.nn.init": tenon.nn.init,
        "tenon.Tensor": Tensor,
    }
    parts = [name for name in ("fft", "linalg", "special") if name in vars(tenon)]
    return {**spaces, **{f"tenon.{name}": getattr(tenon, name) for name in parts}}


def _is_property(value: Any) -> bool:
    return isinstance(value, python_types.GetSetDescriptorType)


def get_overridable_functions() -> dict[Any, list[Callable]]:
    """For each namespace, the functions that __torch_function__ sees."""
    found: dict[Any, list[Callable]] = {}
    for space in dict.fromkeys(_namespaces().values()):
        functions = [value for value in vars(space).values() if isinstance(value, _OVERRIDABLE)]
        if space is Tensor:
            slots = (python_types.WrapperDescriptorType, python_types.MethodDescriptorType)
            functions += [
                value for name, value in vars(Tensor).items() if isinstance(value, slots) and name not in _UNSEEN_SLOTS
            ]
            functions += [value.__get__ for name, value in vars(Tensor).items() if _is_property(value)]
        found[space] = functions
    return found


def get_ignored_functions() -> set[Callable]:
    """Public functions that are never overridden."""
    import tenon

    names = "is_tensor typename manual_seed seed initial_seed get_rng_state set_rng_state set_default_device "
    names += "set_default_dtype get_default_dtype set_printoptions is_grad_enabled promote_types can_cast"
    return {getattr(tenon, name) for name in names.split()}


def get_testing_overrides() -> dict[Callable, Callable]:
    """A stand-in that returns -1 for each function that can be overridden."""
    functions = (function for found in get_overridable_functions().values() for function in found)
    return {function: lambda *args, **kwargs: -1 for function in functions}


def resolve_name(f: Any) -> str | None:
    """The qualified name of a function that can be overridden, or None."""
    if isinstance(f, str):
        return f
    for path, space in _namespaces().items():
        for name, value in vars(space).items():
            if value is f and isinstance(value, (*_OVERRIDABLE, python_types.WrapperDescriptorType)):
                return f"{path}.{name}"
            if _is_property(value) and getattr(f, "__self__", None) is value:
                return f"{path}.{name}.{f.__name__}"
    return None


def is_tensor_method_or_property(func: Callable) -> bool:
    """Whether `func` belongs to Tensor: a method, or the accessor of a property."""
    name = getattr(func, "__name__", None)
    return name in _ACCESSORS or (name is not None and vars(Tensor).get(name) is func)
