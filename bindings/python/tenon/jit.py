"""torch.jit as PyTorch has it where PYTORCH_JIT=0 is set: what is scripted or traced stays the Python that it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

from tenon.nn.modules.module import Module

__all__ = [
    "Attribute",
    "Error",
    "Final",
    "ScriptFunction",
    "ScriptModule",
    "TracerWarning",
    "annotate",
    "enable_onednn_fusion",
    "export",
    "freeze",
    "fuser",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "strict_fusion",
    "trace",
    "trace_module",
    "unused",
]

_T = TypeVar("_T")


class Error(RuntimeError):
    """What compiled code would raise."""


class TracerWarning(Warning):
    """What a trace would warn with."""


class Attribute(NamedTuple):
    """A value and the type that a compiler would give it."""

    value: Any
    type: Any


class ScriptFunction:
    """What compiled functions would be; nothing is one."""


class ScriptModule(Module):
    """A module whose methods would be compiled."""

    def __init__(self, arg: Any = None) -> None:
        super().__init__()


def script(
    obj: _T,
    optimize: Any = None,
    _frames_up: int = 0,
    _rcb: Any = None,
    example_inputs: Any = None,
) -> _T:
    """Returns `obj` itself."""
    return obj


def trace(
    func: _T,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: Any = None,
    _store_inputs: bool = True,
) -> _T:
    """Returns `func` itself."""
    return func


def trace_module(
    mod: _T,
    inputs: Any,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_inputs_is_kwarg: bool = False,
    _store_inputs: bool = True,
) -> _T:
    """Returns `mod` itself."""
    return mod


def freeze(mod: _T, preserved_attrs: Any = None, optimize_numerics: bool = True) -> _T:
    """Returns `mod` itself."""
    return mod


def optimize_for_inference(mod: _T, other_methods: Any = None) -> _T:
    """Returns `mod` itself."""
    return mod


def script_method(fn: _T) -> _T:
    """Returns `fn` itself."""
    return fn


def script_if_tracing(fn: _T) -> _T:
    """Returns `fn` itself."""
    return fn


def export(fn: _T) -> _T:
    """Returns `fn` itself."""
    return fn


def unused(fn: _T) -> _T:
    """Returns `fn` itself."""
    return fn


def interface(obj: _T) -> _T:
    """Returns the class `obj` itself."""
    return obj


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Returns the function that it decorates, with or without arguments in between."""
    if callable(drop):
        return drop

    def unchanged(fn: Callable[..., Any]) -> Callable[..., Any]:
        return fn

    return unchanged


def annotate(the_type: Any, the_value: _T) -> _T:
    """Returns `the_value`."""
    return the_value


def is_scripting() -> bool:
    """Whether compiled code asks: False."""
    return False


def is_tracing() -> bool:
    """Whether a trace is being made: False."""
    return False


# --- settings of a compiler, which change nothing


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Returns the strategy that was in force."""
    return []


def enable_onednn_fusion(enabled: bool) -> None:
    """Changes nothing."""


def onednn_fusion_enabled() -> bool:
    """False."""
    return False


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """Changes nothing within."""
    yield


@contextmanager
def fuser(name: str) -> Iterator[None]:
    """Changes nothing within."""
    yield


@contextmanager
def strict_fusion() -> Iterator[None]:
    """Changes nothing within."""
    yield


# --- programs in files


def save(m: Any, f: Any, _extra_files: Any = None) -> NoReturn:
    """Raises: there is no compiled program to write."""
    raise NotImplementedError(
        f"torch.jit.save: Tenon does not compile the {type(m).__name__} to TorchScript; save its state_dict()"
    )


def load(f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False) -> NoReturn:
    """Raises: compiled programs are not run."""
    raise NotImplementedError(
        f"torch.jit.load: {f!r}: Tenon does not run TorchScript; load a state_dict() into a module"
    )
